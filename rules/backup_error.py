"""Backup failed.

CBR could not finish this backup: there is nothing to restore from it.

Read the task's error, mend its cause, back up again.

API: GET /v3/{project_id}/operation-logs with status = failed has the reason in error_info; POST
/v3/{project_id}/checkpoints with the vault's id and the resource's makes a new backup.

Limits: CBR keeps at most ten failed periodic backups, for a month, so older failures are not seen. The reason is
quoted as long as CBR shows the task (documented are 30 days) and cbr:tasks:list is granted.
"""

from cbr_auditor.rule import Backup, Needs, Severity

severity = Severity.HIGH
controls = (
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-07",
    "grundschutz-2023:CON.3.A5",
    "nis2:21(2)(c)",
    "nis2-2024-2690:4.2.1",
    "nis2-2024-2690:4.2.5",
    "dora:12(2)",
    "nist-csf-2.0:PR.DS-11",
    "nist-800-53r5:CP-9",
    "nist-800-53r5:CA-7",
    "cis-8.1:11.2",
    "soc2-2017:A1.2",
)
reference = "CBR API, Querying All Backups: status; Querying Tasks: error_info"
since = "created_at"
supersedes = ("task-failed",)


def check(backup: Backup) -> str | Needs | None:
    """Fail for status `error`, with the task's reason where CBR still has it."""
    if backup.status != "error":
        return None
    if backup.reason is None:
        return Needs.REASON
    return f"the backup failed: {backup.reason}" if backup.reason else "the backup failed"
