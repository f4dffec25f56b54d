"""Backup is kept for too short a time.

Damage is often found weeks after it was done. By then every backup from before it has expired.

Raise the retention of the vault's policy: a backup keeps the expiry that it was made with, so only new ones follow. The
expiry of a backup that is there can be changed by hand on Huawei Cloud. Where a short retention is meant, lower
min_days for those resources by an override.

API: PUT /v3/{project_id}/policies/{policy_id} with operation_definition.retention_duration_days or max_backups.

Terraform: opentelekomcloud_cbr_policy_v3: retention_duration_days or max_backups in the operation_definition block;
huaweicloud_cbr_policy: time_period or backup_quantity.

Limits: what a policy keeps by number has no expiry and is the business of policy-retention-too-short.
"""

from cbr_auditor.rule import Backup, Resource, Severity, Unknown

severity = Severity.HIGH
controls = (
    "iso27001-2022:A.5.33",
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-06",
    "grundschutz-2023:CON.3.A4",
    "nis2-2024-2690:4.2.2(f)",
    "nist-800-53r5:SI-12",
    "pci-dss-4.0.1:10.5.1",
)
reference = "CBR API, Querying All Backups: created_at, expired_at"
since = "created_at"

_FORGIVEN = 1 / 24  # days


def _days(backup: Backup) -> float | None:
    """For how many days it is kept; None where that cannot be told."""
    if backup.expired_at is None or backup.created_at is None:
        return None
    return (backup.expired_at - backup.created_at).total_seconds() / 86_400


def candidate(backup: Backup, min_days: float) -> bool:
    """Keep what is kept for too short a time, or does not say, until its siblings are known."""
    if backup.status != "available" or (backup.days_left is None and "expired_at" not in backup.unreadable):
        return False
    hours = backup.hours_kept
    return hours is None or hours + 24 * _FORGIVEN < min_days * 24


def check(backup: Backup, resource: Resource, *, min_days: float = 30) -> str | Unknown | None:
    """Fail where a resource's newest available backup, or a manual one, is kept for less than `min_days`.

    Older automatic backups were made by the policy of their day and are not judged. CBR sets the end a moment before
    the last day is over: an hour is forgiven.
    """
    if backup.auto_trigger is not False and resource.newest_available not in {None, backup.id}:
        return None
    days = _days(backup)
    if days is None:
        return Unknown("expired_at" if backup.expired_at is None else "created_at")
    if days + _FORGIVEN >= min_days:
        return None
    if days < 0:
        return Unknown("an expired_at that is after created_at")
    if backup.auto_trigger is not False and resource.unseen:
        return Unknown(resource.unseen)
    return f"the backup is kept for {days:.1f} days, less than {min_days:g}"
