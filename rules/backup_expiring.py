"""Backup expires soon and nothing newer outlasts it.

After its expiry CBR deletes the backup, and no newer backup of the same resource is kept longer.

Make or keep a newer backup, or extend this one if it is still needed; if it is not, let it go. Where a policy keeps
backups for no longer than the option within_days says, even its newest one is reported: set the option lower.

API: POST /v3/{project_id}/checkpoints with the vault's id and the resource's makes a newer backup.

Limits: what has no expiry is kept by number, by hand or for ever, and the list does not say which: it is taken to last.
A backup that is kept by number may go as soon as the next one is made.
"""

from cbr_auditor.rule import Backup, NoProblem, Resource, Severity, Unknown

severity = Severity.MEDIUM
controls = ("iso27001-2022:A.8.13", "bsi-c5-2020:OPS-06", "nis2-2024-2690:4.2.2(f)", "nist-800-53r5:SI-12")
reference = "CBR API, Querying All Backups: expired_at"
soonest = "expired_at"

_DAY = 86_400  # seconds


def candidate(backup: Backup, within_days: float) -> bool:
    """Keep only what expires soon, or does not say when, until its siblings are known."""
    if "expired_at" in backup.unreadable:
        return backup.status == "available"
    days = backup.days_left
    if backup.status != "available" or days is None or not 0 <= days <= within_days or backup.expired_at is None:
        return False
    return (backup.expired_at - backup.listed_at).total_seconds() < within_days * _DAY


def check(
    backup: Backup, resource: Resource, *, within_days: float = 7, include_rotation: bool = False
) -> str | Unknown | NoProblem | None:
    """Fail for an available backup that ends within `within_days` and is not superseded.

    `include_rotation` reports superseded automatic backups too. A manual backup is reported in any case.
    """
    if "expired_at" in backup.unreadable:
        return Unknown("expired_at")
    if not candidate(backup, within_days) or backup.expired_at is None:
        return None
    problem = f"the backup expires on {backup.expired_at:%Y-%m-%d at %H:%M} UTC"
    if include_rotation or backup.auto_trigger is False:
        return problem
    if backup.created_at is None:
        return Unknown("created_at")
    if resource.outlasts(backup):
        return NoProblem("superseded by a newer backup that is kept longer")
    if resource.unseen:
        return Unknown(resource.unseen)
    if resource.unclear_after is not None and resource.unclear_after > backup.created_at:
        return Unknown("expired_at of a newer backup")
    return f"{problem} and no newer backup outlasts it"
