"""Which backups are audited: the filters that `GET /backups` documents, validated before anything is asked.

Source: CBR API, "Querying All Backups", table 2. `limit`, `marker`, `offset` and `sort` belong to the listing.
"""

import difflib
import re
from datetime import datetime, timezone
from typing import Any

from cbr_auditor.cbr.records import DOCUMENTED_STATUSES, IMAGE_TYPES, RESOURCE_TYPES
from cbr_auditor.errors import SettingsError

Filters = dict[str, list[str]]

_PAGING = {"limit", "marker", "offset", "sort"}
_VALUES: dict[str, frozenset[str]] = {
    "status": DOCUMENTED_STATUSES,
    "own_type": frozenset({"private", "shared", "all_granted"}),
    "member_status": frozenset({"pending", "accepted", "rejected"}),
    "image_type": IMAGE_TYPES,
    "resource_type": RESOURCE_TYPES,
}
_FREE_TEXT = {
    "checkpoint_id",
    "name",
    "parent_id",
    "resource_az",
    "resource_id",
    "resource_name",
    "vault_id",
    "enterprise_project_id",
}
_FLAGS = {"dec", "show_replication", "incremental"}
_TIMES = {"start_time", "end_time"}
_KNOWN = {*_VALUES, *_FREE_TEXT, *_FLAGS, *_TIMES, "used_percent"}

# Filters that keep or drop a protected resource as a whole: its backups stay together.
_WHOLE_RESOURCE = {"resource_id", "resource_type", "resource_az", "enterprise_project_id", "dec"}
# They add to what is listed, or say what is the case without them (table 2: `own_type` is private by default).
_HIDES_NOTHING = (
    ("show_replication", "true"),
    ("show_replication", "false"),
    ("own_type", "private"),
    ("own_type", "all_granted"),
)


def read_filters(table: dict[str, Any]) -> Filters:
    """Validate the `[listing]` table of auditor.toml and give each filter's values as the API wants them.

    Raises `SettingsError` naming the key, the value and what the API documents.
    """
    return {key: _values(key, value) for key, value in table.items()}


def narrowing(filters: Filters) -> Filters:
    """The filters that leave out something which would be listed without them."""
    return {
        key: values for key, values in filters.items() if any((key, value) not in _HIDES_NOTHING for value in values)
    }


def hides_siblings(filters: Filters) -> str | None:
    """The filters that can leave out some backups of a resource and list others; None where none does."""
    return ", ".join(sorted(set(narrowing(filters)) - _WHOLE_RESOURCE)) or None


def hides_resources(filters: Filters) -> str | None:
    """The filters that can leave out every backup of a resource; None where none does."""
    return ", ".join(sorted(narrowing(filters))) or None


def _values(key: str, value: Any) -> list[str]:
    if key in _PAGING:
        raise SettingsError(
            f"auditor.toml, [listing] {key} = {value!r}: the listing pages by itself",
            "Remove it.",
        )
    if key not in _KNOWN:
        near = difflib.get_close_matches(key, sorted(_KNOWN), n=1)
        mend = f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(sorted(_KNOWN))}."
        raise SettingsError(f"auditor.toml, [listing] {key} = {value!r}: CBR documents no such filter", mend)
    if key == "status" and isinstance(value, list):
        if not value:
            raise SettingsError("auditor.toml, [listing] status = []: no status is named", "Name one or more.")
        return [_value(key, item) for item in value]
    return [_value(key, value)]


def _value(key: str, value: Any) -> str:
    if key in _VALUES:
        if isinstance(value, str) and value in _VALUES[key]:
            return str(value)
        expected = f"one of: {', '.join(sorted(_VALUES[key]))}"
    elif key in _FLAGS:
        if isinstance(value, bool):
            return str(value).lower()
        expected = "true or false"
    elif key in _TIMES:
        if (time := _time(value)) is not None:
            return time
        expected = "a time in UTC such as 2026-02-01T12:00:00Z"
    elif key == "used_percent":
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100:
            return str(value)
        expected = "a number from 1 to 100"
    elif isinstance(value, str) and value.strip() and value.isprintable():
        return value
    else:
        expected = "a text that is not empty"
    raise SettingsError(f"auditor.toml, [listing] {key} = {value!r} is not valid", f"Use {expected}.")


def _time(value: Any) -> str | None:
    """The API wants `Z` and whole seconds, unlike what it answers."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value):
        try:
            datetime.strptime(value, "%Y-%m-%dT%H:%M:%S%z")
        except ValueError:
            return None
        return value
    return None
