"""Tasks for tests of rules, read from bodies in CBR's shape by the real reader."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from cbr_auditor.cbr.records import UnreadableRecord
from cbr_auditor.cbr.tasks import Task, read_tasks
from cbr_auditor.subject import Target
from tests.fakes import NOW, PROJECT
from tests.rules.inventory import SERVER_ID, VAULT_ID, merged

TIMES = ("created_at", "started_at", "ended_at", "updated_at")
ODD: list[Any] = [None, "", "soon", {}, [], -1, True]
"""What no time, count or status is."""


def wire(time: datetime | None) -> str | None:
    """A time as CBR sends it."""
    return None if time is None else time.replace(tzinfo=None).isoformat(timespec="microseconds")


def task_row(hours: float = 2, minutes: float = 10, **changes: Any) -> dict[str, Any]:
    """A backup that began so many hours ago and took so many minutes, as CBR lists it."""
    began = NOW - timedelta(hours=hours)
    ended = began + timedelta(minutes=minutes)
    row = {
        "id": "4827f2da-b008-4507-ab7d-42d0df5ed912",
        "operation_type": "backup",
        "status": "success",
        "created_at": wire(began),
        "started_at": wire(began),
        "ended_at": wire(ended),
        "updated_at": wire(ended),
        "error_info": {"code": "", "message": ""},
        "extra_info": {
            "backup": {"backup_id": "0e5d0ef6-7f0a-4890-b98c-cb12490e31c1", "backup_name": "autobk_b629"},
            "common": {"progress": 100},
            "resource": {"id": SERVER_ID, "name": "web-1", "type": "OS::Nova::Server"},
        },
        "policy_id": None,
        "project_id": PROJECT,
        "vault_id": VAULT_ID,
        "vault_name": "vault-prod",
    }
    return merged(row, changes)


def make_task(hours: float = 2, minutes: float = 10, *, usual: float | None = None, **changes: Any) -> Task:
    """The same as rules get it; `usual` is in minutes."""
    body = json.dumps({"operation_logs": [task_row(hours, minutes, **changes)]}).encode()
    (task,) = read_tasks(body).rows
    assert not isinstance(task, UnreadableRecord)
    return msgspec.structs.replace(task, listed_at=NOW, usual=None if usual is None else timedelta(minutes=usual))


def make_target(tasks: Iterable[Task] = (), *, unseen: str | None = None, backups: int = 204) -> Target:
    """A project with backups, and these tasks."""
    return Target(PROJECT, region="eu-de", backups=backups, tasks=tuple(tasks), tasks_unseen=unseen, listed_at=NOW)
