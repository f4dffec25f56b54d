"""Resource is only ever backed up by hand.

No policy has ever made a backup of it. The day on which somebody forgets is the day on which it is needed.

Bind its vault to a backup policy. A script that makes backups on a schedule should set auto_trigger.

Console: Cloud Backup and Recovery, the vault's row, apply a backup policy.

API: POST /v3/{project_id}/vaults/{vault_id}/associatepolicy with policy_id.

Terraform: opentelekomcloud_cbr_vault_v3: backup_policy_id; huaweicloud_cbr_vault: a policy block with the policy's id.

Limits: only backups that are still there are seen. A policy that has just been bound shows with its first backup.
"""

from cbr_auditor.rule import NoProblem, Resource, Severity, Unknown

severity = Severity.MEDIUM
controls = ("iso27001-2022:A.8.13", "bsi-c5-2020:OPS-06", "grundschutz-2023:CON.3.A4", "cis-8.1:11.2")
reference = "CBR API, Querying All Backups: extend_info.auto_trigger"


def check(resource: Resource) -> str | Unknown | NoProblem | None:
    """Fail where every backup of a resource was made by hand.

    One whose source is gone, as its vaults say where they are listed, is passed and counted.
    """
    if resource.automatic or not resource.backups:
        return None
    if resource.is_gone:
        return NoProblem("its source is gone: nothing can back it up again")
    if resource.unseen:
        return Unknown(resource.unseen)
    if resource.manual < resource.backups:
        return Unknown("extend_info.auto_trigger of some of its backups")
    if resource.manual == 1:
        return "its only backup was made by hand"
    return f"all of its {resource.manual} backups were made by hand"
