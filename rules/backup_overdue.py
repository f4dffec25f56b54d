"""Backup is past its expiry and still there.

CBR deletes expired backups within about two days. One that stays costs money, and keeps data for
longer than was decided.

Delete it, or find the vault lock or policy that holds it.

Console: Cloud Backup and Recovery, the tab Backups, the backup's row, Delete.

API: DELETE /v3/{project_id}/backups/{backup_id}.

Limits: CBR documents that expired backups are cleaned up every other day, and no time by which they are gone.
"""

from datetime import timedelta

from cbr_auditor.rule import Backup, Severity, Unknown

severity = Severity.MEDIUM
controls = ("bsi-c5-2020:OPS-06", "nis2-2024-2690:4.2.2(f)", "gdpr:32(1)", "nist-800-53r5:SI-12", "pci-dss-4.0.1:3.2.1")
reference = "CBR API, Querying All Backups: expired_at; user guide: expired backups are cleaned up every other day"
since = "expired_at"
soonest = "expired_at"


def check(backup: Backup, *, grace_hours: float = 48) -> str | Unknown | None:
    """Fail where the expiry is more than `grace_hours` ago."""
    left = backup.days_left
    if left is not None and left >= 0:
        return None
    if backup.expired_at is None:
        return Unknown("expired_at") if "expired_at" in backup.unreadable else None
    late = backup.listed_at - backup.expired_at
    if late <= timedelta(hours=grace_hours):
        return None
    return f"the backup should have been deleted on {backup.expired_at:%Y-%m-%d at %H:%M} UTC, {late.days} days ago"
