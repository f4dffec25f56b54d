"""Policy is bound to no vault.

It backs nothing up. Somebody may believe that it does.

Bind it to the vault that it was made for, or delete it.

API: POST /v3/{project_id}/vaults/{vault_id}/associatepolicy, or DELETE /v3/{project_id}/policies/{policy_id}.

Terraform: opentelekomcloud_cbr_vault_v3: backup_policy_id; huaweicloud_cbr_vault: a policy block with the policy's id.

Limits: a policy that the cloud brings with every project is reported too; waive it where it is to stay.
"""

from cbr_auditor.rule import Policy, Severity, Unknown

severity = Severity.INFO
controls = ("bsi-c5-2020:OPS-06", "grundschutz-2023:CON.3.A4", "cis-8.1:11.1")
reference = "CBR API, Querying the Policy List: associated_vaults"


def check(policy: Policy) -> str | Unknown | None:
    """Fail where a policy, on or off, is bound to no vault."""
    if policy.is_bound is None:
        return Unknown("associated_vaults")
    return None if policy.is_bound else "the policy is bound to no vault"
