"""Manual backup is old.

Nothing ever deletes a manual backup: it costs money every day, and what it holds ages until nobody dares to restore it.

Delete it if nobody needs it. If it is kept on purpose, waive it with an owner and an end date.

Console: Cloud Backup and Recovery, the tab Backups, the backup's row, Delete.

API: DELETE /v3/{project_id}/backups/{backup_id}.
"""

from cbr_auditor.rule import Backup, Severity, Unknown

severity = Severity.LOW
controls = ("bsi-c5-2020:OPS-06", "nis2-2024-2690:4.2.2(f)", "gdpr:32(1)", "nist-800-53r5:SI-12", "pci-dss-4.0.1:3.2.1")
reference = "CBR API, Querying All Backups: extend_info.auto_trigger, created_at"
since = "created_at"


def check(backup: Backup, *, days: float = 90) -> str | Unknown | None:
    """Fail for an available manual backup that was created more than `days` ago.

    What does not say who made it is the business of backup-not-automatic.
    """
    if backup.auto_trigger is not False or backup.status != "available":
        return None
    old = backup.days_old
    if old is not None and old + 1 <= days:
        return None
    if backup.created_at is None:
        return Unknown("created_at")
    age = (backup.listed_at - backup.created_at).total_seconds() / 86_400
    return f"the manual backup is {age:.0f} days old" if age > days else None
