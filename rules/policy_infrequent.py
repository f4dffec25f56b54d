"""Policy runs too seldom.

What is written between two runs is lost if the resource is lost before the second.

Add run times to the policy, or set max_gap_hours to the recovery point objective (RPO) that you promise.

API: PUT /v3/{project_id}/policies/{policy_id} with trigger.properties.pattern, whose times are in UTC.

Terraform: opentelekomcloud_cbr_policy_v3: trigger_pattern; huaweicloud_cbr_policy: backup_cycle, its execution_times
in UTC.

Limits: looks at the 92 days ahead; a policy that runs less often has a gap of 92 days. A policy that is off or bound to
no vault is not judged, nor is one that copies. Whether the runs took place is the business of resource-missed-run.
"""

from datetime import timedelta

from cbr_auditor.rule import Policy, Severity, Unknown

severity = Severity.HIGH
controls = (
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-06",
    "grundschutz-2023:CON.3.A4",
    "dora:12(1)(a)",
    "dora:12(6)",
    "nist-800-53r5:CP-9",
    "cis-8.1:11.2",
)
reference = "CBR API, Querying the Policy List: trigger.properties.pattern, trigger.properties.start_time"


def check(policy: Policy, *, max_gap_hours: float = 24) -> str | Unknown | None:
    """Fail where more than `max_gap_hours` pass from one run of a backup policy to the next."""
    if policy.in_force is False or policy.operation_type == "replication":
        return None
    gap = policy.schedule.longest_gap(policy.listed_at)
    if gap is None:
        return Unknown(policy.schedule.problem or "trigger.properties.pattern")
    if "trigger.properties.pattern" in policy.unreadable:
        return Unknown("a trigger.properties.pattern that can be read")
    if gap <= timedelta(hours=max_gap_hours):
        return None
    if policy.in_force is None or policy.operation_type is None:
        return Unknown("enabled, associated_vaults and operation_type, which tell whether it runs, and what for")
    hours = gap.total_seconds() / 3600
    return f"up to {hours:g} hours pass between two runs, more than {max_gap_hours:g}"
