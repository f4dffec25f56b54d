"""Why backups failed: the reason stands only in the tasks (`GET /operation-logs`), which CBR keeps for 30 days.

Source: CBR API, "Querying Tasks"; the backup's id is in `extra_info.backup`, the reason in `error_info`.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from cbr_auditor.errors import AnswerError
from cbr_auditor.text import one_line

_MOST_PAGES = 20  # so many reasons fit into a small function, and nobody reads 20,000 of them


class TaskPage(NamedTuple):
    """One answer of `GET /operation-logs`."""

    rows: int
    reasons: dict[str, str]
    """Why the backup with this id failed, as code and text on one line."""


class _Error(msgspec.Struct, gc=False):
    code: str | int | None = None
    message: str | None = None


class _Backup(msgspec.Struct, gc=False):
    backup_id: str | None = None


class _Extra(msgspec.Struct, gc=False):
    backup: _Backup | None = None


class _Task(msgspec.Struct, gc=False):
    error_info: _Error | None = None
    extra_info: _Extra | None = None


class _Envelope(msgspec.Struct, gc=False):
    operation_logs: list[msgspec.Raw]


_ENVELOPE: msgspec.json.Decoder[_Envelope] = msgspec.json.Decoder(_Envelope)
_TASK: msgspec.json.Decoder[_Task] = msgspec.json.Decoder(_Task)


def read_tasks(body: bytes) -> TaskPage:
    """Read an answer of `GET /operation-logs`; a task that cannot be read gives no reason.

    Raises `AnswerError` where the body has no list of tasks.
    """
    try:
        rows = _ENVELOPE.decode(body).operation_logs
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise AnswerError("the answer has no list of tasks") from None
    reasons = {}
    for row in rows:
        try:
            task = _TASK.decode(row)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        if task.extra_info is None or task.extra_info.backup is None or task.error_info is None:
            continue
        reason = " ".join(str(part) for part in (task.error_info.code, task.error_info.message) if part)
        if reason and task.extra_info.backup.backup_id:
            reasons[task.extra_info.backup.backup_id] = one_line(reason, 200)
    return TaskPage(len(rows), reasons)


def failure_reasons(fetch: Callable[[int], TaskPage]) -> dict[str, str]:
    """Why each backup failed, by its id, over all pages; `fetch` gives the page at an offset. Raises `ListingError`."""
    reasons: dict[str, str] = {}
    offset = 0
    for _ in range(_MOST_PAGES):
        page = fetch(offset)
        reasons.update(page.reasons)
        offset += page.rows
        if not page.rows:
            break
    return reasons
