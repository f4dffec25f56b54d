"""Backup failed.

CBR could not finish this backup: there is nothing to restore from it.

Read the task's error, mend its cause, back up again.
"""

from cbr_auditor.rule import Backup, Needs, Severity

severity = Severity.HIGH
controls = ("iso27001-2022:A.8.13", "bsi-c5-2020:OPS-07", "nis2-2024-2690:4.2.5")
reference = "CBR API, Querying All Backups: status; Querying Tasks: error_info"
since = "created_at"


def check(backup: Backup) -> str | Needs | None:
    """Fail for status `error`, with the task's reason where CBR still has it."""
    if backup.status != "error":
        return None
    if backup.reason is None:
        return Needs.REASON
    return f"the backup failed: {backup.reason}" if backup.reason else "the backup failed"
