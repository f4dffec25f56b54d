"""Reads a record whose types are not the documented ones: numbers and flags as strings, odd times, odd characters."""

import hashlib
import json
import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from cbr_auditor.cbr.records import UTC, Backup, Disk, ExtendInfo, ReplicationRecord, Row, UnreadableRecord
from cbr_auditor.errors import AnswerError

T = TypeVar("T")

_SURROGATE = re.compile("[\ud800-\udfff]")
_DECIMAL = re.compile(r"\s*[+-]?[0-9]{1,18}(\.[0-9]{1,18})?\s*")


def loads(body: bytes | bytearray) -> Any:
    """JSON by the standard library, which takes lone surrogates and broken UTF-8. Raises `AnswerError`."""
    try:
        return json.loads(body.decode("utf-8-sig", "replace"), parse_int=_number)
    except (ValueError, RecursionError):
        start = body[:60].decode("utf-8", "replace")
        raise AnswerError(f"the answer is no JSON: it starts with {start!r}") from None


def _number(digits: str) -> float:
    """A whole number; Python refuses to read thousands of digits, and no field of ours has them."""
    return int(digits) if len(digits) < 100 else float(digits)


def read_loosely(record: Any) -> Row:
    """Read a record whose types are not the documented ones: numbers and booleans as strings, odd times."""
    if not isinstance(record, dict):
        return UnreadableRecord(fingerprint(record), f"it is no object but {clip_value(record)}")
    ident = read_text(record.get("id"))
    if not ident:
        reason = f"its id is {clip_value(record.get('id'))}"
        return UnreadableRecord(fingerprint(record), reason, read_text(record.get("resource_id")))
    status = read_text(record.get("status"))
    if not status:
        reason = f"its status is {clip_value(record.get('status'))}"
        return UnreadableRecord(ident, reason, read_text(record.get("resource_id")))
    fields = Fields(record)
    info = fields.within("extend_info")
    incremental = fields.get("incremental", read_flag)
    inner_incremental = info.get("incremental", read_flag)
    return Backup(
        id=ident,
        status=status,
        name=fields.get("name", read_text),
        created_at=fields.get("created_at", read_time),
        updated_at=fields.get("updated_at", read_time),
        expired_at=fields.get("expired_at", read_time),
        resource_id=fields.get("resource_id", read_text),
        resource_name=fields.get("resource_name", read_text),
        resource_type=fields.get("resource_type", read_text),
        vault_id=fields.get("vault_id", read_text),
        auto_trigger=info.get("auto_trigger", read_flag),
        encrypted=info.get("encrypted", read_flag),
        children=fields.get("children", _disks),
        protected_at=fields.get("protected_at", read_time),
        description=fields.get("description", read_text),
        resource_size=fields.get("resource_size", read_whole),
        supported_restore_mode=info.get("supported_restore_mode", read_text),
        contain_system_disk=info.get("contain_system_disk", read_flag),
        incremental=inner_incremental if incremental is None else incremental,
        image_type=fields.get("image_type", read_text),
        project_id=fields.get("project_id", read_text),
        checkpoint_id=fields.get("checkpoint_id", read_text),
        scheduled_operation_id=fields.get("scheduled_operation_id", read_text),
        replication_records=fields.get("replication_records", _replications),
        unreadable=fields.unreadable,
    )


class Fields:
    """Reads fields of one record and remembers which of them held something that is neither null nor readable.

    A field of an inner object is named with its path, as in `billing.size`.
    """

    def __init__(self, record: dict[str, Any], path: str = "", unreadable: list[str] | None = None) -> None:
        self._record = record
        self._path = path
        self._unreadable: list[str] = [] if unreadable is None else unreadable

    @property
    def unreadable(self) -> tuple[str, ...]:
        """What could not be read so far, each once, in order."""
        return tuple(dict.fromkeys(self._unreadable))

    def get(self, key: str, read: Callable[[Any], T | None]) -> T | None:
        """What `read` makes of the value at `key`; None where that is absent, null or unreadable."""
        value = self._record.get(key)
        if value is None:
            return None
        result = read(value)
        if result is None:
            self._unreadable.append(self._path + key)
        return result

    def within(self, key: str) -> "Fields":
        """The fields of the object at `key`, none where there is no object; what is unreadable goes to one list."""
        return Fields(self.get(key, read_object) or {}, f"{self._path}{key}.", self._unreadable)

    def each(self, key: str, read: Callable[[Any], T | None]) -> list[T] | None:
        """The elements of the list at `key` that `read` can read; None where there is no list."""
        values = self.get(key, _list)
        if values is None:
            return None
        results = [read(value) for value in values]
        readable = [result for result in results if result is not None]
        if len(readable) < len(results):
            self._unreadable.append(self._path + key)
        return readable

    def objects(
        self, key: str, read: "Callable[[Fields], T | None]", usual: Callable[[Any], T | None] = lambda _: None
    ) -> list[T] | None:
        """The objects of the list at `key`, read field by field; None where there is no list.

        `usual` reads at once what is of the documented types, and gives None for what is not.
        """

        def read_element(value: Any) -> T | None:
            element = usual(value)
            if element is not None:
                return element
            inner = read_object(value)
            return None if inner is None else read(Fields(inner, f"{self._path}{key}.", self._unreadable))

        return self.each(key, read_element)


def read_time(value: Any) -> datetime | None:
    """A time as CBR, its documents or its SDK write it, in UTC; None where it cannot be read.

    Naive times are UTC. A blank for the `T`, `Z`, an offset and a bare date are read too.
    """
    if not isinstance(value, str):
        return None
    text = value.strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        text += "T00:00:00"
    try:
        return _in_utc(msgspec.convert(text, datetime))
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None


def _in_utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def read_text(value: Any) -> str | None:
    """A text; a number or a flag as the text of it. None where it cannot be read."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, (bool, int, float)):
        return str(value)
    return None


def read_flag(value: Any) -> bool | None:
    """A flag, also as a text or a number; None where it cannot be read."""
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).strip().lower())


def read_number(value: Any) -> float | None:
    """A number, also as a text, whole where it has no fraction; None where it cannot be read."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else value


def read_whole(value: Any) -> int | None:
    """A whole number, also as a text; None where it cannot be read."""
    number = read_number(value)
    return number if isinstance(number, int) else None


def read_object(value: Any) -> dict[str, Any] | None:
    """An object, also one written as a string, as recorded answers have it; None where it cannot be read."""
    value = _parsed(value)
    return value if isinstance(value, dict) else None


def _list(value: Any) -> list[Any] | None:
    value = _parsed(value)
    return value if isinstance(value, list) else None


def _parsed(value: Any) -> Any:
    """What a string holds as JSON; a string that is none, and everything else, as it stands."""
    if isinstance(value, str):
        try:
            return json.loads(value, parse_int=_number)
        except (ValueError, RecursionError):
            pass
    return value


def read_count(value: Any) -> int | None:
    """The API's `count`, also as a text; None where it is absent or no count."""
    count = read_whole(value)
    return None if count is None or count < 0 else count


def _replications(value: Any) -> list[ReplicationRecord] | None:
    if not isinstance(value, list):
        return None
    records = []
    for entry in value:
        fields = Fields(entry if isinstance(entry, dict) else {})
        records.append(
            ReplicationRecord(
                status=fields.get("status", read_text),
                destination_region=fields.get("destination_region", read_text),
                destination_project_id=fields.get("destination_project_id", read_text),
                destination_vault_id=fields.get("destination_vault_id", read_text),
                destination_backup_id=fields.get("destination_backup_id", read_text),
            )
        )
    return records


def _disks(value: Any) -> list[Disk] | None:
    if not isinstance(value, list):
        return None
    disks = []
    for number, child in enumerate(value, start=1):
        fields = Fields(child if isinstance(child, dict) else {})
        info = fields.get("extend_info", read_object)
        inner = Fields(info or {})
        disks.append(
            Disk(
                id=fields.get("id", read_text) or f"disk {number}",
                name=fields.get("name", read_text),
                resource_name=fields.get("resource_name", read_text),
                status=fields.get("status", read_text),
                size=fields.get("resource_size", read_whole),
                extend_info=None
                if info is None
                else ExtendInfo(
                    auto_trigger=inner.get("auto_trigger", read_flag),
                    bootable=inner.get("bootable", read_flag),
                    encrypted=inner.get("encrypted", read_flag),
                ),
            )
        )
    return disks


def fingerprint(record: Any) -> str:
    """What tells an unreadable row from others, whichever way the page around it was read."""
    text = record if isinstance(record, bytes) else json.dumps(record, sort_keys=True).encode()
    return "unreadable:" + hashlib.sha256(text).hexdigest()


def clip_value(value: Any) -> str:
    """A value as an error quotes it: at most 60 characters."""
    if value is None:
        return "missing or null"
    text = _SURROGATE.sub("\ufffd", repr(value))
    return text if len(text) <= 60 else text[:59] + "…"
