"""`GET /backups` answered as CBR answers it: filters, order and page.

Source: CBR API, "Querying All Backups", tables 2 and 4. The start of a page, the order without `sort` (newest first)
and `replication_records` are as recorded; three filters are Huawei Cloud's. It shares no code with the auditor's
reader, so that both cannot be wrong in the same way.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cbr_auditor.demo.answer import Answer
from cbr_auditor.demo.parameters import (
    LARGEST_LIMIT,
    Fields,
    Query,
    RefusedError,
    Test,
    check_values,
    equals,
    fields_of,
    last,
    number,
    time_asked,
    time_of,
)

_STATUSES = (
    "available",
    "protecting",
    "deleting",
    "restoring",
    "error",
    "waiting_protect",
    "waiting_delete",
    "waiting_restore",
)
_ENUMERATED: dict[str, tuple[str, ...]] = {
    "status": _STATUSES,
    "own_type": ("private", "shared", "all_granted"),
    "member_status": ("pending", "accepted", "rejected"),
    "dec": ("true", "false"),
    "incremental": ("true", "false"),
    "show_replication": ("true", "false"),
}
_EQUAL = (
    "checkpoint_id",
    "image_type",
    "member_status",
    "name",
    "parent_id",
    "resource_az",
    "resource_id",
    "resource_name",
    "resource_type",
    "vault_id",
)
_FLAGS = {"dec": "is_dec", "incremental": "incremental"}
_SORT_KEYS = ("created_at", "updated_at", "name", "status", "protected_at", "id")
_TIMES = ("created_at", "updated_at", "protected_at")


def list_backups(
    rows: Sequence[Any], query: Query, *, project_id: str, largest_page: int, used_percent: Mapping[str, int]
) -> Answer:
    """One page of the rows that match. A page never has more than `largest_page` rows, whatever `limit` asks for.

    `used_percent` is how full each vault is. Raises `RefusedError`.
    """
    limit = number(query, "limit", LARGEST_LIMIT, 1, LARGEST_LIMIT)
    offset = number(query, "offset", 0, 0, None)
    tests = _tests(query, project_id, used_percent)
    order = _order(last(query, "sort") or "created_at:desc")
    pairs = ((fields_of(row), row) for row in rows)
    chosen = [pair for pair in pairs if all(test(pair[0]) for test in tests)]
    for key, descending in reversed(order):
        chosen.sort(key=_sort_value(key), reverse=descending)
    start = offset + _behind_marker(chosen, last(query, "marker"))
    replicas = last(query, "show_replication") == "true"
    page = [_as_listed(row, replicas=replicas) for _, row in chosen[start : start + min(limit, largest_page)]]
    return Answer(200, {"backups": page, "count": len(chosen), "offset": offset, "limit": limit})


def _as_listed(row: Any, *, replicas: bool) -> Any:
    """The list never shows a server backup's disks, and replication records only where they are asked for."""
    if not isinstance(row, dict):
        return row
    listed = {**row, "children": []}
    if "replication_records" in row and not replicas:
        listed["replication_records"] = []
    return listed


def _tests(query: Query, project_id: str, used_percent: Mapping[str, int]) -> list[Test]:
    check_values(query, _ENUMERATED)
    asked = {name: values[-1] for name, values in query.items()}
    tests = [equals(name, asked[name]) for name in _EQUAL if name in asked]
    tests += [_flag(flag, asked[name]) for name, flag in _FLAGS.items() if name in asked]
    tests += _range_tests(query)
    own_type = asked.get("own_type", "private")
    if own_type != "all_granted":
        tests.append(lambda row: (row.get("project_id", project_id) == project_id) == (own_type == "private"))
    if statuses := query.get("status"):
        tests.append(lambda row: row.get("status") in statuses)
    enterprise = asked.get("enterprise_project_id", "all_granted_eps")
    if enterprise != "all_granted_eps":
        tests.append(lambda row: str(row.get("enterprise_project_id", "0")) == enterprise)
    if "used_percent" in asked:
        least = number(query, "used_percent", 1, 1, 100)
        tests.append(lambda row: used_percent.get(str(row.get("vault_id")), 0) >= least)
    return tests


def _range_tests(query: Query) -> list[Test]:
    """`start_time` and `end_time` are the range in which a backup was made, whatever their names suggest."""
    start, end = time_asked(query, "start_time"), time_asked(query, "end_time")
    if start is None and end is None:
        return []

    def test(row: Fields) -> bool:
        made = time_of(row.get("created_at"))
        return made is not None and (start is None or made >= start) and (end is None or made <= end)

    return [test]


def _flag(flag: str, value: str) -> Test:
    """A flag stands in `extend_info`, on Huawei Cloud at the top."""

    def test(row: Fields) -> bool:
        extend_info = row.get("extend_info")
        inner = extend_info.get(flag) if isinstance(extend_info, dict) else None
        return bool(row.get(flag) or inner) == (value == "true")

    return test


def _order(sort: str) -> list[tuple[str, bool]]:
    """Keys with whether each is descending, which it is where nothing is said."""
    if len(sort) > 255:
        raise RefusedError("Invalid sort: it has more than 255 characters.")
    order = []
    for part in sort.split(","):
        key, _, direction = part.partition(":")
        if key not in _SORT_KEYS or direction not in {"", "asc", "desc"}:
            raise RefusedError("Invalid sort.")
        order.append((key, direction != "asc"))
    return order


def _sort_value(key: str) -> Callable[[tuple[Fields, Any]], tuple[bool, Any]]:
    """Nulls come first in ascending order; times are compared as times, however each is written."""
    read: Callable[[Any], Any] = time_of if key in _TIMES else str

    def value_of(pair: tuple[Fields, Any]) -> tuple[bool, Any]:
        value = pair[0].get(key)
        read_value = None if value is None else read(value)
        return (read_value is not None, read_value or "")

    return value_of


def _behind_marker(chosen: Sequence[tuple[Fields, Any]], marker: str | None) -> int:
    if marker is None:
        return 0
    for index, (fields, _) in enumerate(chosen):
        if fields.get("id") == marker:
            return index + 1
    raise RefusedError("Invalid marker.")
