"""Policy keeps backups for ever.

The vault grows until it is full, and personal data in it is kept without a reason.

Give the policy a number of days or of backups. What it made before stays until it is deleted by hand.

API: PUT /v3/{project_id}/policies/{policy_id} with operation_definition.retention_duration_days or max_backups.

Terraform: opentelekomcloud_cbr_policy_v3: retention_duration_days or max_backups in the operation_definition block;
huaweicloud_cbr_policy: time_period or backup_quantity.

Limits: CBR documents that without both, or with -1, backups are kept for ever. A policy that is off or bound to no
vault is not judged.
"""

from cbr_auditor.rule import Policy, Severity, Unknown

severity = Severity.LOW
controls = ("bsi-c5-2020:OPS-06", "nis2-2024-2690:4.2.2(f)", "gdpr:32(1)", "nist-800-53r5:SI-12", "pci-dss-4.0.1:3.2.1")
reference = "CBR API, Querying the Policy List: operation_definition.retention_duration_days, max_backups"


def check(policy: Policy) -> str | Unknown | None:
    """Fail where neither days nor a number end a policy's backups."""
    if policy.in_force is False or policy.keeps_forever is False:
        return None
    if policy.keeps_forever is None:
        return Unknown("operation_definition.retention_duration_days and max_backups")
    if policy.in_force is None:
        return Unknown("enabled and associated_vaults, which tell whether it runs")
    return "neither days nor a number end the policy's backups"
