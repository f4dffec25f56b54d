"""Backup took much longer than usual.

What slows one backup down today, such as a full vault, a busy disk or a source that grew, makes one fail tomorrow, and
a window that is too short.

Look at the resource and at what else ran at that time. If it has grown, give its backups a window of their own.

Limits: it is compared with the median of earlier backups of the same resource that succeeded, at least three, full and
incremental ones apart; the console's task list goes back 30 days.
"""

from datetime import timedelta

from cbr_auditor.rule import NoProblem, Severity, Task, Unknown

severity = Severity.LOW
controls = ("bsi-c5-2020:OPS-07", "nis2-2024-2690:4.2.5", "nist-800-53r5:CA-7")
reference = "CBR API, Querying the Task List: started_at, ended_at"
since = "started_at"
tasks = {"operation_type": "backup"}


def check(
    task: Task, *, hours: float = 24, days: float = 30, factor: float = 3, min_minutes: float = 15
) -> str | Unknown | NoProblem | None:
    """Fail for a backup that ended within `hours`, or runs, and took more than `factor` times as long as usual.

    Usual is what the backups before took, of the last `days`. What took less than `min_minutes` is never slow.
    """
    if task.status not in {"success", "running"}:
        return None if task.status is not None else Unknown("status")
    ended = task.last_seen_at
    if task.status == "success" and ended is not None and task.listed_at - ended > timedelta(hours=hours):
        return None
    took = task.elapsed
    if took is None:
        return Unknown("started_at and ended_at")
    if took < timedelta(minutes=min_minutes):
        return None
    if task.resource_id is None:
        return Unknown("extra_info.resource.id")
    if task.usual is None:
        return NoProblem(f"too few earlier backups to compare with in {days:g} days")
    if took <= task.usual * factor:
        return None
    running = "has been running for" if task.status == "running" else "took"
    usually = task.usual.total_seconds() / 60
    return f"the backup {running} {took.total_seconds() / 60:.0f} minutes, usually it takes {usually:.0f}"
