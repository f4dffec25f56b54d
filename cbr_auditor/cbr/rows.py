"""One answer of a list of vaults, policies or tasks, read row by row: these are few, so each is read loosely."""

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from cbr_auditor.cbr.loose import Fields, clip_value, fingerprint, loads, read_count, read_text
from cbr_auditor.cbr.records import UnreadableRecord
from cbr_auditor.errors import AnswerError

_ANSWER: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ROWS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_ODD = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Identified(Protocol):
    """A record with an id."""

    @property
    def id(self) -> str:
        """Tells it from the others of its list."""


R = TypeVar("R", bound=Identified)


class RecordPage(msgspec.Struct, Generic[R], frozen=True):
    """One answer: its rows in order and the API's `count` of all matches (None where absent)."""

    rows: list[R | UnreadableRecord]
    count: int | None


def read_rows(body: bytes | bytearray, key: str, read: Callable[[str, Fields], R]) -> RecordPage[R]:
    """Read the rows of the list at `key`; `read` makes a record of an id and fields.

    Raises `AnswerError` where the body is no JSON object with such a list.
    """
    try:  # row by row: hundreds of vaults with their resources, all as dicts, would fill the smallest function
        answer = _ANSWER.decode(body)
        records = [_read_row(msgspec.json.decode(row), read) for row in _ROWS.decode(answer[key])]
        return RecordPage(records, read_count(msgspec.json.decode(answer.get("count", b"null"))))
    except (*_ODD, KeyError):
        content = loads(body)
    rows = content.get(key) if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise AnswerError(f"the answer has no list of {key.replace('_', ' ')}")
    return RecordPage([_read_row(row, read) for row in rows], read_count(content.get("count")))


def _read_row(row: Any, read: Callable[[str, Fields], R]) -> R | UnreadableRecord:
    if not isinstance(row, dict):
        return UnreadableRecord(fingerprint(row), f"it is no object but {clip_value(row)}")
    ident = read_text(row.get("id"))
    if not ident:
        return UnreadableRecord(fingerprint(row), f"its id is {clip_value(row.get('id'))}")
    return read(ident, Fields(row))
