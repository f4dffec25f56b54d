"""Vault has no backup policy.

Nothing in it is backed up unless somebody remembers to.

Bind a backup policy to the vault.

Console: Cloud Backup and Recovery, the vault's row, apply a backup policy.

API: POST /v3/{project_id}/vaults/{vault_id}/associatepolicy with policy_id.

Terraform: opentelekomcloud_cbr_vault_v3: backup_policy_id; huaweicloud_cbr_vault: a policy block with the policy's id.

Limits: a policy that is bound but switched off is the business of policy-disabled. A vault that nothing is in, and
nothing joins on its own, is not judged, nor is one that takes copies.
"""

from cbr_auditor.rule import NoProblem, Severity, Unknown, Vault

severity = Severity.HIGH
controls = (
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-06",
    "grundschutz-2023:CON.3.A4",
    "dora:12(1)(a)",
    "nist-csf-2.0:PR.DS-11",
    "nist-800-53r5:CP-9",
    "cis-8.1:11.1",
    "cis-8.1:11.2",
)
reference = "CBR API, Querying the Policy List: associated_vaults, operation_type"
lists = ("policies",)


def check(vault: Vault) -> str | Unknown | NoProblem | None:
    """Fail where no backup policy is bound to a vault that resources are backed up into."""
    kinds = {policy.operation_type for policy in vault.policies}
    if vault.makes_backups is False or "backup" in kinds:
        return None
    if not vault.auto_bind and vault.resources == [] and "resources" not in vault.unreadable:
        return NoProblem("nothing is in it")
    if vault.policies_unseen:
        return Unknown(vault.policies_unseen)
    if kinds - {"replication"}:
        return Unknown("operation_type of a policy that is bound to it")
    if vault.makes_backups is None:
        return Unknown("billing.protect_type")
    members = len(vault.resources or ())
    return f"no backup policy is bound to the vault, which has {members} {'resource' if members == 1 else 'resources'}"
