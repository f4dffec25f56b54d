"""Task failed.

CBR could not do what it was asked for: a restore, a deletion, a copy, or a backup of which nothing was left.

Read the error that the message quotes, mend its cause, and start the task again.

Limits: a backup that failed is reported as backup-error; its task is reported here only where no failed backup of it
is listed. A task that was skipped was never started, because a check before it did not pass: add "skipped" to statuses
to see those too. A task whose kind is not named in types is left alone, if any is named. Tasks that ran for more than
a day before they failed may be missed.
"""

from datetime import timedelta
from typing import Literal, get_args

from cbr_auditor.rule import Severity, Task, Unknown

severity = Severity.HIGH
controls = ("iso27001-2022:A.8.13", "bsi-c5-2020:OPS-07", "nis2-2024-2690:4.2.5", "nist-800-53r5:CA-7")
reference = "CBR API, Querying the Task List: status, error_info"
since = "started_at"
tasks: dict[str, str] = {}

_Status = Literal["success", "skipped", "failed", "running", "timeout", "waiting"]
_Kind = Literal["backup", "restore", "delete", "vault_delete", "remove_resource", "replication", "sync", "copy"]
_DOCUMENTED = set(get_args(_Status))
_WORDS = {"failed": "failed", "timeout": "ran into CBR's time limit", "skipped": "was skipped"}


def check(
    task: Task,
    *,
    hours: float = 24,
    statuses: tuple[_Status, ...] = ("failed", "timeout"),
    types: tuple[_Kind, ...] = (),
) -> str | Unknown | None:
    """Fail for a task that ended within `hours` in one of the `statuses`.

    `types` are the kinds of task that are looked at, as CBR writes them in operation_type; all where it is empty.
    """
    if types and task.operation_type is not None and task.operation_type not in types:
        return None
    ended = task.last_seen_at
    if ended is not None and task.listed_at - ended > timedelta(hours=hours):
        return None
    if task.status is None:
        return Unknown("status")
    if task.status not in statuses:
        return None if task.status in _DOCUMENTED else Unknown(f"a status that is documented (it is {task.status})")
    if ended is None:
        return Unknown("ended_at, updated_at, started_at and created_at")
    if types and task.operation_type is None:
        return Unknown("operation_type")
    problem = f"the {task.operation_type or 'unnamed'} task {_WORDS.get(task.status, f'is {task.status}')}"
    return f"{problem}: {task.reason}" if task.reason else problem
