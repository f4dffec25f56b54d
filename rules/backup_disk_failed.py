"""A disk of the server backup failed.

The server backup calls itself available, but one of its disks failed: a restore brings back a part of the server.

Read the task's error, mend its cause, and back the server up again.

Limits: the list never shows the disks; they are looked at as the setting server_disks says, for each server's newest
available backup by default.
"""

from cbr_auditor.rule import Backup, Needs, Severity, Unknown

severity = Severity.HIGH
controls = (
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-07",
    "nis2-2024-2690:4.2.2(b)",
    "nis2-2024-2690:4.2.3",
    "nist-csf-2.0:RC.RP-03",
    "nist-800-53r5:CP-9(1)",
    "soc2-2017:A1.2",
)
reference = "CBR API, Querying a Specified Backup: children, status"
since = "created_at"

_GOOD = {"available", "restoring", "waiting_restore"}


def check(backup: Backup) -> str | Unknown | Needs | None:
    """Fail where a disk of an available server backup has the status `error`."""
    if not backup.is_server or backup.status != "available":
        return None
    if not backup.examined:
        return Needs.DISKS
    if backup.disks_unknown is not None:
        return Unknown(f"the server's disks ({backup.disks_unknown})")
    disks = backup.children or []
    failed = [disk.label for disk in disks if disk.status == "error"]
    if failed:
        return f"{len(failed)} of {len(disks)} disks failed: {', '.join(failed)}"
    # They may have begun to change since the list was read: being deleted or still being made is no failure.
    odd = sorted({disk.status or "none" for disk in disks if disk.status not in _GOOD})
    if odd or not disks:
        return Unknown(f"the status of every disk ({', '.join(odd) or 'the detail shows none'})")
    return None
