"""Many backups were deleted at once.

Who attacks a company deletes its backups first. A mistake in a script looks the same.

Treat it as an incident: ask in Cloud Trace Service who did it, take that account's rights away, and lock the vaults
that are left. If it was meant, waive it, or raise the option backups for projects where so many go regularly.

Limits: CBR does not say who asked for a task. A deletion that names a policy is taken for that policy's own clean-up,
counted and left alone. Whether CBR always names it is not documented: where clean-up is reported here, raise backups.
How many backups go with a vault or a resource is CBR's own figure.
"""

from datetime import timedelta

from cbr_auditor.rule import NoProblem, Severity, Target, Task, Unknown

severity = Severity.CRITICAL
controls = (
    "iso27001-2022:A.8.13",
    "grundschutz-2023:CON.3.A14",
    "nis2-2024-2690:4.2.2(d)",
    "nist-800-53r5:CP-9(d)",
    "cis-8.1:11.3",
)
reference = "CBR API, Querying the Task List: operation_type, extra_info.vault_delete, extra_info.remove_resources"
tasks: dict[str, str] = {}

_HOW = {"delete": "one by one", "vault_delete": "with their vaults", "remove_resource": "with their resources"}
_UNDER_WAY = {"running", "waiting"}


def check(target: Target, *, hours: float = 24, backups: int = 10) -> str | Unknown | NoProblem | None:
    """Fail where deletions of `backups` or more ended within `hours`, or are under way.

    Backups that go with a deleted vault, or with a resource that is taken out of one, count too.
    """
    least = max(backups, 1)
    tasks = [task for task in target.tasks if _may_delete(task) and not _is_before(task, target, hours)]
    asked = [task for task in tasks if task.operation_type != "delete" or task.policy_id is None]
    sure = [task for task in asked if task.status in {"success", *_UNDER_WAY} and task.operation_type]
    numbers = {kind: sum(_count(task) or 0 for task in sure if task.operation_type == kind) for kind in _HOW}
    number = sum(numbers.values())
    if number >= least:
        parts = ", ".join(f"{part} {_HOW[kind]}" for kind, part in numbers.items() if part)
        were, are = ("1 backup was", "is") if number == 1 else (f"{number} backups were", "are")
        return f"{were} deleted in the last {hours:g} hours, or {are} about to be: {parts}"
    if any(_count(task) is None for task in asked):
        return Unknown("total_count of a task that deletes a vault, or takes resources out of one")
    if sum(_count(task) or 0 for task in asked) >= least:
        return Unknown("operation_type and an end of tasks that may have deleted backups")
    if target.tasks_unseen:
        return Unknown(target.tasks_unseen)
    return NoProblem("a policy asked for the deletions") if len(tasks) >= least else None


def _may_delete(task: Task) -> bool:
    return (task.operation_type is None or task.operation_type in _HOW) and task.status not in {"failed", "skipped"}


def _is_before(task: Task, target: Target, hours: float) -> bool:
    ended = None if task.status in _UNDER_WAY else task.last_seen_at
    return ended is not None and target.listed_at - ended > timedelta(hours=hours)


def _count(task: Task) -> int | None:
    """How many backups the task deletes, without those that it could not; None where CBR does not say."""
    if task.operation_type not in {"vault_delete", "remove_resource"}:
        return 1
    return None if task.total_count is None else max(0, task.total_count - (task.failed_count or 0))
