"""Backup has been in progress for too long.

A backup, restore or deletion that does not move blocks the ones behind it, and no restore point comes of it.

Look at the task in the console; open a ticket with the cloud's support where it does not move.
"""

from datetime import timedelta

from cbr_auditor.rule import Backup, Severity, Unknown

severity = Severity.MEDIUM
controls = (
    "bsi-c5-2020:OPS-07",
    "nis2-2024-2690:4.2.5",
    "nist-csf-2.0:PR.DS-11",
    "nist-800-53r5:CA-7",
    "soc2-2017:A1.2",
)
reference = "CBR API, Querying All Backups: status, updated_at"
since = "updated_at"
supersedes = ("task-slow",)

MOVING = {"protecting", "deleting", "restoring"}


def check(backup: Backup, *, hours: float = 24) -> str | Unknown | None:
    """Fail where the backup has been on the move for more than `hours` since it was updated, else created."""
    if backup.status not in MOVING and not backup.status.startswith("waiting_"):
        return None
    moved = backup.updated_at or backup.created_at
    if moved is None:
        return Unknown("updated_at and created_at")
    still = backup.listed_at - moved
    if still <= timedelta(hours=hours):
        return None
    return f"the status has been {backup.status} for {still.total_seconds() // 3600:.0f} hours"
