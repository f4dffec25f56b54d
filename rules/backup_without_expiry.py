"""Automatic backup has no end date.

A policy made it and nothing says when it may go: it is kept by number, or for ever. That may be meant, and it costs.

Look at the policy's retention rule; set a number of days where the data must not be kept for longer.

API: PUT /v3/{project_id}/policies/{policy_id} with operation_definition.retention_duration_days or max_backups.

Terraform: opentelekomcloud_cbr_policy_v3: retention_duration_days or max_backups in the operation_definition block;
huaweicloud_cbr_policy: time_period or backup_quantity.
"""

from cbr_auditor.rule import Backup, Severity

severity = Severity.INFO
controls = ("bsi-c5-2020:OPS-06", "nis2-2024-2690:4.2.2(f)", "gdpr:32(1)", "nist-800-53r5:SI-12", "pci-dss-4.0.1:3.2.1")
reference = "CBR API, Querying All Backups: expired_at"


def check(backup: Backup) -> str | None:
    """Fail for an automatic backup whose `expired_at` is null or absent; one that cannot be read is another matter."""
    if backup.auto_trigger is not True or backup.days_left is not None or "expired_at" in backup.unreadable:
        return None
    return "the backup has no end date"
