"""Policy is switched off.

The vaults that it is bound to look protected, but nothing runs.

Switch it on, or bind the vaults to another policy and delete this one.

Console: Cloud Backup and Recovery, policies, the policy's row, enable.

API: PUT /v3/{project_id}/policies/{policy_id} with enabled = true.

Terraform: opentelekomcloud_cbr_policy_v3 and huaweicloud_cbr_policy: enabled = true.

Limits: a policy that is bound to no vault is the business of policy-unused. Runs of a policy that is off are not
expected by resource-missed-run.
"""

from cbr_auditor.rule import Policy, Severity, Unknown

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
reference = "CBR API, Querying the Policy List: enabled, associated_vaults"


def check(policy: Policy) -> str | Unknown | None:
    """Fail where a policy is bound to a vault and not enabled."""
    if policy.enabled or policy.is_bound is False:
        return None
    if policy.enabled is None:
        return Unknown("enabled")
    if policy.is_bound is None:
        return Unknown("associated_vaults")
    number = len(policy.vault_ids or ())
    kind = "copies" if policy.operation_type == "replication" else "backups"
    return f"the policy is off, so {number} {'vault gets' if number == 1 else 'vaults get'} no {kind} by it"
