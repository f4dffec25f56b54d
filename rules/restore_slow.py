"""Restore took too long.

In an emergency everything takes longer than in a test. If the test takes longer than the recovery time objective (RTO)
allows, so will the emergency.

Find out what the time went into. Restore less at once or to faster disks, or agree on another objective and set
max_minutes to it.

Limits: a restore ends for CBR when the disks are written; starting and checking the systems takes longer. What was
built from a backup as a new disk or an image is no restore of CBR and not seen. The console's task list goes back 30
days.
"""

from datetime import timedelta

from cbr_auditor.rule import Severity, Task, Unknown

severity = Severity.MEDIUM
controls = (
    "iso27001-2022:A.5.30",
    "bsi-c5-2020:OPS-08",
    "dora:12(6)",
    "gdpr:32(1)(c)",
    "nist-800-53r5:CP-10",
    "soc2-2017:A1.3",
)
reference = "CBR API, Querying the Task List: started_at, ended_at"
since = "started_at"
tasks = {"operation_type": "restore"}


def check(task: Task, *, days: float = 30, max_minutes: float = 720) -> str | Unknown | None:
    """Fail for a restore of the last `days` that took more than `max_minutes`, or has been running for longer.

    One that failed is the business of task-failed.
    """
    if task.operation_type not in {"restore", None} or task.status not in {"success", "running", None}:
        return None
    ended = task.last_seen_at
    if ended is not None and task.listed_at - ended > timedelta(days=days):
        return None
    if task.status is None:
        return Unknown("status")
    took = task.elapsed
    if took is None:
        return Unknown("started_at and ended_at")
    if took <= timedelta(minutes=max_minutes):
        return None
    if task.operation_type is None:
        return Unknown("operation_type")
    running = "has been running for" if task.status == "running" else "took"
    return f"the restore {running} {took.total_seconds() / 60:.0f} minutes, more than {max_minutes:g}"
