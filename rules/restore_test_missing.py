"""No restore was tested.

Nobody knows whether a backup can be restored until somebody has done it. In an emergency it is too late to find out.

Restore a backup to a server or disk that is there for such tests: a restore overwrites its target. Check what came back
and keep a record. Where a test is recorded elsewhere, waive this with the record as the reason, and with the day on
which the next test is due as the end.

Console: Cloud Backup and Recovery, the tab Backups, then Restore Server or Restore Disk.

API: POST /v3/{project_id}/backups/{backup_id}/restore.

Limits: any restore that succeeded counts, of any resource; whether what came back could be used is not seen. What was
built from a backup as a new disk, file system or image is no restore of CBR and is not seen. The task list is only
documented to go back 30 days. With more days than that one restore that is seen is enough, but where none is seen this
is unknown, unless the list still shows tasks from before. So tests that are further apart than 30 days need a waiver.
"""

from datetime import timedelta

from cbr_auditor.rule import NoProblem, Severity, Target, Unknown

severity = Severity.MEDIUM
controls = (
    "iso27001-2022:A.5.30",
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-08",
    "grundschutz-2023:CON.3.A15",
    "nis2:21(2)(c)",
    "nis2-2024-2690:4.2.6",
    "dora:12(2)",
    "gdpr:32(1)(c)",
    "gdpr:32(1)(d)",
    "nist-csf-2.0:PR.DS-11",
    "nist-800-53r5:CP-4",
    "nist-800-53r5:CP-9(1)",
    "nist-800-53r5:CP-9(2)",
    "nist-800-53r5:CP-10",
    "cis-8.1:11.5",
    "soc2-2017:A1.3",
)
reference = 'CBR API, Querying the Task List: operation_type, status; user guide, "Managing Tasks": 30 days'
tasks = {"operation_type": "restore"}


def check(target: Target, *, days: float = 90) -> str | Unknown | NoProblem | None:
    """Fail where a project has backups and none was restored with success within `days`."""
    if not target.backups:
        return NoProblem("no backup was listed that could be restored")
    doubtful = None
    for task in target.tasks:
        if task.operation_type not in {"restore", None} or task.status not in {"success", None}:
            continue
        ended = task.last_seen_at
        if ended is not None and target.listed_at - ended > timedelta(days=days):
            continue
        if task.operation_type and task.status and ended is not None:
            return None
        doubtful = Unknown(f"operation_type, status and ended_at of task {task.id}")
    if doubtful is not None:
        return doubtful
    if target.tasks_unseen:
        return Unknown(f"{target.tasks_unseen}; no restore that succeeded is among the others")
    return f"no restore succeeded in the last {days:g} days"
