"""What CBR answers, read without losing a record.

A page is decoded at once into typed records. Only where that fails are its records decoded one by one, so that
one bad record costs itself; and only where JSON itself is odd (a lone surrogate, broken UTF-8) does the standard
library read the page.
"""

from datetime import datetime

import msgspec

from cbr_auditor.cbr.loose import fingerprint, loads, read_count, read_loosely, read_time
from cbr_auditor.cbr.records import NO_INFO, Backup, Disk, ExtendInfo, Page, ReplicationRecord, Row, UnreadableRecord
from cbr_auditor.errors import AnswerError


class _Record(msgspec.Struct, gc=False, kw_only=True):
    """A backup as it stands in JSON: strings are decoded fastest, and times have several forms.

    The fields stand in the order of recorded bodies, where the decoder looks for the next key first.
    """

    children: list[Disk] | None = None
    checkpoint_id: str | None = None
    created_at: str | None = None
    description: str | None = None
    expired_at: str | None = None
    extend_info: ExtendInfo | None = None
    id: str
    image_type: str | None = None
    incremental: bool | None = None
    name: str | None = None
    project_id: str | None = None
    protected_at: str | None = None
    resource_id: str | None = None
    resource_name: str | None = None
    scheduled_operation_id: str | None = None
    resource_size: int | None = None
    resource_type: str | None = None
    status: str
    updated_at: str | None = None
    vault_id: str | None = None
    replication_records: list[ReplicationRecord] | None = None


class _Envelope(msgspec.Struct, gc=False):
    backups: list[_Record]
    count: int | str | None = None


class _RawEnvelope(msgspec.Struct, gc=False):
    backups: list[msgspec.Raw]
    count: msgspec.Raw = msgspec.Raw(b"null")


class _Detail(msgspec.Struct, gc=False):
    backup: msgspec.Raw


_ENVELOPE: msgspec.json.Decoder[_Envelope] = msgspec.json.Decoder(_Envelope)
_RAW_ENVELOPE: msgspec.json.Decoder[_RawEnvelope] = msgspec.json.Decoder(_RawEnvelope)
_RECORD: msgspec.json.Decoder[_Record] = msgspec.json.Decoder(_Record)
_DETAIL: msgspec.json.Decoder[_Detail] = msgspec.json.Decoder(_Detail)
# What the typed decoder raises for JSON that is odd; OverflowError: a time in year 1 that an offset moves out.
_ODD = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError)


def read_page(body: bytes) -> Page:
    """Read an answer of `GET /backups`.

    Raises `AnswerError` where the body is no JSON object with a list called `backups`.
    """
    try:
        page = _ENVELOPE.decode(body)
    except _ODD:
        return _read_page_by_record(body)
    return Page(_backups(page.backups), read_count(page.count))


def read_backup(body: bytes) -> Backup:
    """Read an answer of `GET /backups/{id}`.

    Raises `AnswerError` where the body holds no readable backup.
    """
    try:
        row = _read_row(_DETAIL.decode(body).backup)
    except _ODD:
        content = loads(body)
        row = read_loosely(content.get("backup") if isinstance(content, dict) else None)
    if isinstance(row, UnreadableRecord):
        raise AnswerError(f"the backup's detail cannot be read: {row.reason}")
    return row


def _read_page_by_record(body: bytes) -> Page:
    try:
        page = _RAW_ENVELOPE.decode(body)
        return Page([_read_row(raw) for raw in page.backups], read_count(msgspec.json.decode(page.count)))
    except _ODD:
        content = loads(body)
    if not isinstance(content, dict) or not isinstance(content.get("backups"), list):
        raise AnswerError("the answer has no list of backups", "Check that the endpoint is CBR's.")
    rows = [read_loosely(record) for record in content["backups"]]
    return Page(rows, read_count(content.get("count")))


def _backups(page: list[_Record]) -> list[Row]:
    """The records with their times read. This is the hot loop: one pass, nothing called for the usual form."""
    read = datetime.fromisoformat
    rows: list[Row] = []
    for record in page:
        created, updated, expired = record.created_at, record.updated_at, record.expired_at
        protected, incremental = record.protected_at, record.incremental
        info = record.extend_info or NO_INFO
        try:
            # CBR's own form is naive with microseconds and means UTC.
            rows.append(
                Backup(
                    record.id or _missing(),
                    record.status or _missing(),
                    record.name,
                    None if created is None else read(created + "+00:00") if len(created) == 26 else _time(created),
                    None if updated is None else read(updated + "+00:00") if len(updated) == 26 else _time(updated),
                    None if expired is None else read(expired + "+00:00") if len(expired) == 26 else _time(expired),
                    record.resource_id,
                    record.resource_name,
                    record.resource_type,
                    record.vault_id,
                    info.auto_trigger,
                    info.encrypted,
                    record.children,
                    None
                    if protected is None
                    else read(protected + "+00:00")
                    if len(protected) == 26
                    else _time(protected),
                    record.description,
                    record.resource_size,
                    info.supported_restore_mode,
                    info.contain_system_disk,
                    info.incremental if incremental is None else incremental,
                    record.image_type,
                    record.project_id,
                    record.checkpoint_id,
                    record.scheduled_operation_id,
                    record.replication_records,
                )
            )
        except ValueError:
            rows.append(read_loosely(msgspec.to_builtins(record)))
    return rows


def _missing() -> str:
    raise ValueError


def _time(text: str) -> datetime:
    time = read_time(text)
    if time is None:
        raise ValueError(text)
    return time


def _read_row(raw: msgspec.Raw) -> Row:
    try:
        return _backups([_RECORD.decode(raw)])[0]
    except _ODD:
        pass
    try:
        return read_loosely(loads(bytes(raw)))
    except AnswerError:
        return UnreadableRecord(fingerprint(bytes(raw)), "it is no JSON that can be read")
