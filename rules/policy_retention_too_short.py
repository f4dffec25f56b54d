"""Policy keeps too little.

Damage is often found weeks after it was done. By then every backup from before it is gone.

Raise the policy's days, or the number of backups. A backup keeps the expiry that it was made with, so only new ones
follow.

API: PUT /v3/{project_id}/policies/{policy_id} with operation_definition.retention_duration_days or max_backups.

Terraform: opentelekomcloud_cbr_policy_v3: retention_duration_days or max_backups in the operation_definition block;
huaweicloud_cbr_policy: time_period or backup_quantity.

Limits: a number of backups is held against min_points and not converted into days. The long-term backups of a day,
week, month and year count as points. A policy that is off or bound to no vault is not judged; what it made before is
the business of backup-retention-too-short.
"""

from cbr_auditor.rule import Policy, Severity, Unknown

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
reference = "CBR API, Querying the Policy List: operation_definition.retention_duration_days, max_backups, day_backups"


def check(policy: Policy, *, min_days: float = 30, min_points: int = 7) -> str | Unknown | None:
    """Fail where a policy keeps backups for less than `min_days`, or fewer of a resource than `min_points`."""
    if policy.in_force is False:
        return None
    days, points = policy.retention_duration_days, policy.kept_backups
    if any(path.startswith("operation_definition") for path in policy.unreadable):
        return Unknown("an operation_definition that can be read")
    if days is not None and 0 < days < min_days:
        problem = f"the policy keeps backups for {days} {'day' if days == 1 else 'days'}, less than {min_days:g}"
    elif points is not None and points < min_points:
        problem = f"the policy keeps {points} {'backup' if points == 1 else 'backups'}, fewer than {min_points}"
    elif policy.keeps_forever is None:
        return Unknown("operation_definition.retention_duration_days and max_backups")
    else:
        return None
    if policy.in_force is None:
        return Unknown("enabled and associated_vaults, which tell whether it runs")
    return problem
