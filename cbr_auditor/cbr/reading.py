"""What CBR answers, read without losing a record.

A page is decoded at once into typed records, in which every text that has documented values is one of those; where that
fails, into records with any text. Only where that fails too are its records decoded one by one, so that
one bad record costs itself; and only where JSON itself is odd (a lone surrogate, broken UTF-8) does the standard
library read the page.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, Generic, Literal, TypeVar, cast

import msgspec

from cbr_auditor.cbr.loose import fingerprint, loads, read_count, read_loosely
from cbr_auditor.cbr.records import (
    DOCUMENTED_STATUSES,
    EPOCH,
    IMAGE_TYPES,
    NAIVE_EPOCH,
    NO_INFO,
    RESOURCE_TYPES,
    RESTORE_MODES,
    Backup,
    ExtendInfo,
    ListedBackup,
    Page,
    Row,
    UnreadableRecord,
)
from cbr_auditor.errors import AnswerError

B = TypeVar("B")


def _one_of(texts: Iterable[str]) -> Any:
    """The type of a text that is one of these: for each of them the decoder has one object, which it gives out."""
    return Literal[tuple(texts)]


_Info = msgspec.defstruct(
    "_Info",
    [("supported_restore_mode", _one_of(RESTORE_MODES) | None, None)],
    bases=(ExtendInfo,),
    frozen=True,
    gc=False,
)
_Usual = msgspec.defstruct(
    "_Usual",
    [
        ("status", _one_of(DOCUMENTED_STATUSES)),
        ("resource_type", _one_of(RESOURCE_TYPES) | None, None),
        ("image_type", _one_of(IMAGE_TYPES) | None, None),
        ("extend_info", _Info | None, None),
    ],
    bases=(ListedBackup,),
    kw_only=True,
    gc=False,
)
"""A backup of which every text that CBR documents the values of is one of those."""


class _Envelope(msgspec.Struct, Generic[B], gc=False):
    backups: list[B]
    count: int | str | None = None


class _Zoned(ListedBackup):
    """A backup whose times may have an offset."""

    created_at: datetime | None = None
    updated_at: datetime | None = None
    expired_at: datetime | None = None
    protected_at: datetime | None = None


class _RawEnvelope(msgspec.Struct, gc=False):
    backups: list[msgspec.Raw]
    count: msgspec.Raw = msgspec.Raw(b"null")


class _Detail(msgspec.Struct, gc=False):
    backup: ListedBackup


class _RawDetail(msgspec.Struct, gc=False):
    backup: msgspec.Raw


_USUAL: msgspec.json.Decoder[_Envelope[ListedBackup]] = msgspec.json.Decoder(_Envelope[_Usual])  # type: ignore[valid-type]
_TYPED: msgspec.json.Decoder[_Envelope[ListedBackup]] = msgspec.json.Decoder(_Envelope[ListedBackup])
_RAW_ENVELOPE: msgspec.json.Decoder[_RawEnvelope] = msgspec.json.Decoder(_RawEnvelope)
_RECORD: msgspec.json.Decoder[ListedBackup] = msgspec.json.Decoder(ListedBackup)
_ZONED: msgspec.json.Decoder[_Zoned] = msgspec.json.Decoder(_Zoned)
_DETAIL: msgspec.json.Decoder[_Detail] = msgspec.json.Decoder(_Detail)
_RAW_DETAIL: msgspec.json.Decoder[_RawDetail] = msgspec.json.Decoder(_RawDetail)
_TIMES = ("created_at", "updated_at", "expired_at", "protected_at")
# What the typed decoder raises for JSON that is odd.
_ODD = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_page(body: bytes | bytearray) -> Page:
    """Read an answer of `GET /backups`.

    Raises `AnswerError` where the body is no JSON object with a list called `backups`.
    """
    for decoder in (_USUAL, _TYPED):
        with suppress(*_ODD):
            page = decoder.decode(body)
            return Page(cast("list[Row]", page.backups), read_count(page.count), is_readable=True)
    return _read_page_by_record(body)


def read_backup(body: bytes | bytearray) -> Backup:
    """Read an answer of `GET /backups/{id}`.

    Raises `AnswerError` where the body holds no readable backup.
    """
    with suppress(*_ODD):
        return as_backup(_DETAIL.decode(body).backup)
    try:
        row = _read_row(_RAW_DETAIL.decode(body).backup)
    except _ODD:
        content = loads(body)
        row = read_loosely(content.get("backup") if isinstance(content, dict) else None)
    if isinstance(row, UnreadableRecord):
        raise AnswerError(f"the backup's detail cannot be read: {row.reason}")
    return as_backup(row)


def _read_page_by_record(body: bytes | bytearray) -> Page:
    try:
        page = _RAW_ENVELOPE.decode(body)
        return Page([_read_row(raw) for raw in page.backups], read_count(msgspec.json.decode(page.count)))
    except _ODD:
        content = loads(body)
    if not isinstance(content, dict) or not isinstance(content.get("backups"), list):
        raise AnswerError("the answer has no list of backups", "Check that the endpoint is CBR's.")
    rows = [read_loosely(record) for record in content["backups"]]
    return Page(rows, read_count(content.get("count")))


def as_backup(row: ListedBackup | Backup) -> Backup:
    """The whole backup of a row, with its times in UTC."""
    if isinstance(row, Backup):
        return row
    info = row.extend_info or NO_INFO
    created, updated, expires, protected = row.created_at, row.updated_at, row.expired_at, row.protected_at
    return Backup(
        row.id,
        row.status,
        row.name,
        created and EPOCH + (created - NAIVE_EPOCH),
        updated and EPOCH + (updated - NAIVE_EPOCH),
        expires and EPOCH + (expires - NAIVE_EPOCH),
        row.resource_id,
        row.resource_name,
        row.resource_type,
        row.vault_id,
        info.auto_trigger,
        info.encrypted,
        None if row.children is None else list(row.children),
        protected and EPOCH + (protected - NAIVE_EPOCH),
        row.description,
        row.resource_size,
        info.supported_restore_mode,
        info.contain_system_disk,
        info.incremental if row.incremental is None else row.incremental,
        row.image_type,
        row.project_id,
        row.checkpoint_id,
        row.scheduled_operation_id,
        None if row.replication_records is None else list(row.replication_records),
    )


def _without_offsets(row: _Zoned) -> ListedBackup:
    for name in _TIMES:
        time = getattr(row, name)
        if time is not None and time.tzinfo is not None:
            setattr(row, name, time.astimezone(timezone.utc).replace(tzinfo=None))
    return row


def _read_row(raw: msgspec.Raw) -> Row:
    with suppress(*_ODD):
        return _RECORD.decode(raw)
    with suppress(*_ODD, OverflowError):  # a time in year 1 that its offset moves out
        return _without_offsets(_ZONED.decode(raw))
    try:
        return read_loosely(loads(bytes(raw)))
    except AnswerError:
        return UnreadableRecord(fingerprint(bytes(raw)), "it is no JSON that can be read")
