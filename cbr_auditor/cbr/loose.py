"""Reads a record whose types are not the documented ones: numbers and flags as strings, odd times, odd characters."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from cbr_auditor.cbr.records import NO_INFO, UTC, Backup, Disk, ExtendInfo, Row, UnreadableRecord
from cbr_auditor.errors import AnswerError

_SURROGATE = re.compile("[\ud800-\udfff]")


def loads(body: bytes) -> Any:
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
        return UnreadableRecord(fingerprint(record), f"it is no object but {_clip(record)}")
    ident = _text(record.get("id"))
    if not ident:
        reason = f"its id is {_clip(record.get('id'))}"
        return UnreadableRecord(fingerprint(record), reason, _text(record.get("resource_id")))
    status = _text(record.get("status"))
    if not status:
        return UnreadableRecord(ident, f"its status is {_clip(record.get('status'))}", _text(record.get("resource_id")))
    reader = _LooseReader(record)
    info = reader.get("extend_info", _extend_info) or NO_INFO
    return Backup(
        id=ident,
        status=status,
        name=reader.get("name", _text),
        created_at=reader.get("created_at", read_time),
        updated_at=reader.get("updated_at", read_time),
        expired_at=reader.get("expired_at", read_time),
        resource_id=reader.get("resource_id", _text),
        resource_name=reader.get("resource_name", _text),
        resource_type=reader.get("resource_type", _text),
        vault_id=reader.get("vault_id", _text),
        auto_trigger=info.auto_trigger,
        encrypted=info.encrypted,
        children=reader.get("children", _disks),
        unreadable=tuple(reader.unreadable),
    )


class _LooseReader:
    """Reads fields of one record and remembers which of them held something that is neither null nor readable."""

    def __init__(self, record: dict[str, Any]) -> None:
        self._record = record
        self.unreadable: list[str] = []

    def get(self, key: str, read: Callable[[Any], Any]) -> Any:
        value = self._record.get(key)
        if value is None:
            return None
        result = read(value)
        if result is None:
            self.unreadable.append(key)
        return result


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


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, (bool, int, float)):
        return str(value)
    return None


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).strip().lower())


def _object(value: Any) -> dict[str, Any] | None:
    if isinstance(value, str):  # seen in recorded answers: an object written as a string
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def _extend_info(value: Any) -> ExtendInfo | None:
    fields = _object(value)
    if fields is None:
        return None
    return ExtendInfo(auto_trigger=_flag(fields.get("auto_trigger")), encrypted=_flag(fields.get("encrypted")))


def _disks(value: Any) -> list[Disk] | None:
    if not isinstance(value, list):
        return None
    disks = []
    for number, child in enumerate(value, start=1):
        fields = child if isinstance(child, dict) else {}
        disks.append(
            Disk(
                id=_text(fields.get("id")) or f"disk {number}",
                name=_text(fields.get("name")),
                resource_name=_text(fields.get("resource_name")),
                extend_info=_extend_info(fields.get("extend_info")),
            )
        )
    return disks


def fingerprint(record: Any) -> str:
    """What tells an unreadable row from others, whichever way the page around it was read."""
    text = record if isinstance(record, bytes) else json.dumps(record, sort_keys=True).encode()
    return "unreadable:" + hashlib.sha256(text).hexdigest()


def _clip(value: Any) -> str:
    if value is None:
        return "missing or null"
    text = _SURROGATE.sub("\ufffd", repr(value))
    return text if len(text) <= 60 else text[:59] + "…"
