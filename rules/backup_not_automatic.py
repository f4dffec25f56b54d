"""Backup was made by hand.

A backup that depends on a person is missing on the day that the person is.

Bind the vault to a backup policy; keep the manual backup only for as long as its reason lasts.

Console: Cloud Backup and Recovery, the vault's row, apply a backup policy.

API: POST /v3/{project_id}/vaults/{vault_id}/associatepolicy with policy_id.

Terraform: opentelekomcloud_cbr_vault_v3: backup_policy_id; huaweicloud_cbr_vault: a policy block with the policy's id.

Limits: whoever makes a backup by request may set auto_trigger: a script that does so counts as a policy.
"""

from cbr_auditor.rule import Backup, Severity, Unknown

severity = Severity.LOW
controls = ("iso27001-2022:A.8.13", "bsi-c5-2020:OPS-06", "grundschutz-2023:CON.3.A4", "cis-8.1:11.2")
reference = "CBR API, Querying All Backups: extend_info.auto_trigger"


def check(backup: Backup) -> str | Unknown | None:
    """Fail where `auto_trigger` is false."""
    if backup.auto_trigger is None:
        return Unknown("extend_info.auto_trigger")
    return None if backup.auto_trigger else "the backup was made by hand, not by a policy"
