"""Backup is kept for too long.

What is kept beyond its purpose costs money, and personal data in it is kept without a reason.

Lower the retention of the vault's policy, and delete this backup once nobody needs it. Where a long retention is an
obligation, raise max_days for those resources by an override.

API: PUT /v3/{project_id}/policies/{policy_id} with operation_definition.retention_duration_days or max_backups.

Terraform: opentelekomcloud_cbr_policy_v3: retention_duration_days or max_backups in the operation_definition block;
huaweicloud_cbr_policy: time_period or backup_quantity.
"""

from cbr_auditor.rule import Backup, Resource, Severity, Unknown

severity = Severity.LOW
controls = ("bsi-c5-2020:OPS-06", "nis2-2024-2690:4.2.2(f)", "gdpr:32(1)", "nist-800-53r5:SI-12", "pci-dss-4.0.1:3.2.1")
reference = "CBR API, Querying All Backups: created_at, expired_at"
since = "created_at"


def _days(backup: Backup) -> float | None:
    """For how many days it is kept; None where that cannot be told."""
    if backup.expired_at is None or backup.created_at is None:
        return None
    return (backup.expired_at - backup.created_at).total_seconds() / 86_400


def candidate(backup: Backup, max_days: float) -> bool:
    """Keep what is kept for too long, or does not say, until its siblings are known."""
    if backup.status != "available" or (backup.days_left is None and "expired_at" not in backup.unreadable):
        return False
    hours = backup.hours_kept
    if hours is None or hours + 1 <= max_days * 24:
        return hours is None
    days = _days(backup)
    return days is not None and days > max_days


def check(backup: Backup, resource: Resource, *, max_days: float = 400) -> str | Unknown | None:
    """Fail where a resource's newest available backup, or a manual one, is kept for more than `max_days`.

    What has no expiry at all is the business of backup-without-expiry and backup-manual-stale.
    """
    if backup.auto_trigger is not False and resource.newest_available not in {None, backup.id}:
        return None
    days = _days(backup)
    if days is None:
        return Unknown("expired_at" if backup.expired_at is None else "created_at")
    if days <= max_days:
        return None
    if backup.auto_trigger is not False and resource.unseen:
        return Unknown(resource.unseen)
    return f"the backup is kept for {days:.0f} days, more than {max_days:g}"
