"""Tasks: what CBR did, for how long, and why it failed; the reason stands nowhere else.

Field names and types: CBR API, "Querying the Task List", tables 4 to 15. What a task was about stands in a part of
`extra_info` that is named by the kind of task.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from cbr_auditor.cbr.loose import Fields, read_flag, read_text, read_time, read_whole
from cbr_auditor.cbr.records import UTC, UnreadableRecord
from cbr_auditor.cbr.rows import RecordPage, read_rows
from cbr_auditor.text import one_line

KEPT = timedelta(days=30)
"""How far back the console shows tasks (user guide, "Managing Tasks"). Whether the API keeps more is not documented."""
_MOST_PAGES = 20  # so many reasons fit into a small function, and nobody reads 20,000 of them


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One task. Times are aware and in UTC; a missing key and null are both None."""

    id: str
    operation_type: str | None = None
    """`backup`, `restore`, `delete`, `vault_delete`, `remove_resource`, `replication`, `sync` or `copy`."""
    status: str | None = None
    """`success`, `skipped`, `failed`, `running`, `timeout` or `waiting`."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    error_code: str | None = None
    """None where all is well: the API then sends an empty text."""
    error_message: str | None = None
    vault_id: str | None = None
    vault_name: str | None = None
    policy_id: str | None = None
    """The policy that asked for it; None where somebody did by hand, or where CBR does not say."""
    project_id: str | None = None
    provider_id: str | None = None
    checkpoint_id: str | None = None
    resource_id: str | None = None
    resource_name: str | None = None
    resource_type: str | None = None
    backup_id: str | None = None
    """The backup that was made, restored, deleted, or copied."""
    backup_name: str | None = None
    incremental: bool | None = None
    """Whether the backup that was made holds only what changed since the one before."""
    target_resource_id: str | None = None
    """Where a backup was restored to."""
    target_resource_name: str | None = None
    destination_region: str | None = None
    """Where a backup was copied to."""
    destination_project_id: str | None = None
    destination_backup_id: str | None = None
    failed_count: int | None = None
    """Of a deleted vault, or of resources that were taken out of one: how many resources were not deleted."""
    total_count: int | None = None
    """How many backups went with the deleted vault, or with the resources."""
    progress: int | None = None
    """In percent."""
    unreadable: tuple[str, ...] = ()
    """Fields, by their path, that held something which is neither null nor readable."""
    usual: timedelta | None = None
    """How long earlier tasks of the same kind about the same resource took (their median); None where too few ran.

    Full and incremental backups are of two kinds, and only tasks that succeeded count.
    """
    listed_at: datetime = datetime.min.replace(tzinfo=UTC)
    """When the audit began."""

    @property
    def duration(self) -> timedelta | None:
        """From its start to its end; None where it runs or where one of them is not known."""
        if self.started_at is None or self.ended_at is None or self.ended_at < self.started_at:
            return None
        return self.ended_at - self.started_at

    @property
    def elapsed(self) -> timedelta | None:
        """How long it took, or has taken so far; None where that is not known."""
        if self.status != "running":
            return self.duration
        return None if self.started_at is None else max(self.listed_at - self.started_at, timedelta(0))

    @property
    def last_seen_at(self) -> datetime | None:
        """When it ended, else when something of it last changed."""
        return self.ended_at or self.updated_at or self.started_at or self.created_at

    @property
    def reason(self) -> str:
        """Why it failed, as code and text on one line; empty where CBR does not say."""
        return one_line(" ".join(part for part in (self.error_code, self.error_message) if part), 200)


def read_tasks(body: bytes | bytearray) -> RecordPage[Task]:
    """Read an answer of `GET /operation-logs`.

    Raises `AnswerError` where the body is no JSON object with a list called `operation_logs`.
    """
    return read_rows(body, "operation_logs", _task)


def failure_reasons(fetch: Callable[[int], RecordPage[Task]]) -> dict[str, str]:
    """Why each backup failed, by its id, over all pages; `fetch` gives the page at an offset. Raises `ListingError`."""
    reasons: dict[str, str] = {}
    offset = 0
    for _ in range(_MOST_PAGES):
        page = fetch(offset)
        for task in page.rows:
            if not isinstance(task, UnreadableRecord) and task.backup_id and task.reason:
                reasons[task.backup_id] = task.reason
        offset += len(page.rows)
        if not page.rows:
            break
    return reasons


def _task(ident: str, fields: Fields) -> Task:
    extra = fields.within("extra_info")
    resource, common = extra.within("resource"), extra.within("common")
    about = [extra.within(part) for part in ("backup", "restore", "delete")]
    replication = extra.within("replication")
    removed = [extra.within(part) for part in ("vault_delete", "remove_resources")]
    error = fields.within("error_info")
    return Task(
        id=ident,
        operation_type=fields.get("operation_type", read_text),
        status=fields.get("status", read_text),
        started_at=fields.get("started_at", read_time),
        ended_at=fields.get("ended_at", read_time),
        created_at=fields.get("created_at", read_time),
        updated_at=fields.get("updated_at", read_time),
        error_code=error.get("code", read_text) or None,
        error_message=error.get("message", read_text) or None,
        vault_id=fields.get("vault_id", read_text),
        vault_name=fields.get("vault_name", read_text),
        policy_id=fields.get("policy_id", read_text),
        project_id=fields.get("project_id", read_text),
        provider_id=fields.get("provider_id", read_text),
        checkpoint_id=fields.get("checkpoint_id", read_text),
        resource_id=resource.get("id", read_text),
        resource_name=resource.get("name", read_text),
        resource_type=resource.get("type", read_text),
        backup_id=_first(about, "backup_id") or replication.get("source_backup_id", read_text),
        backup_name=_first(about, "backup_name") or replication.get("source_backup_name", read_text),
        incremental=about[0].get("incremental", read_flag),
        target_resource_id=about[1].get("target_resource_id", read_text),
        target_resource_name=about[1].get("target_resource_name", read_text),
        destination_region=replication.get("destination_region", read_text),
        destination_project_id=replication.get("destination_project_id", read_text),
        destination_backup_id=replication.get("destination_backup_id", read_text),
        failed_count=_number(removed, "fail_count", "fail_delete_count"),
        total_count=_number(removed, "total_count", "total_delete_count"),
        progress=common.get("progress", read_whole),
        unreadable=fields.unreadable,
    )


def _first(parts: list[Fields], key: str) -> str | None:
    """The first text at `key`: only the part of the task's own kind has one."""
    return next((text for part in parts if (text := part.get(key, read_text))), None)


def _number(parts: list[Fields], *keys: str) -> int | None:
    """The first number at one of the keys: OTC and Huawei Cloud name them differently."""
    numbers = (part.get(key, read_whole) for part in parts for key in keys)
    return next((number for number in numbers if number is not None), None)
