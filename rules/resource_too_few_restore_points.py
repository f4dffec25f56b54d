"""Too few restore points.

Damage that was backed up is in the newest backup too. Without enough older ones there is no way back to before it.

Raise the number of backups or the days that the policy keeps. A resource that is new gets there by itself: until then
waive it, or set fewer points by an override. An oldest backup is always a little younger than the days that the policy
keeps: set min_span_days lower than those.

API: PUT /v3/{project_id}/policies/{policy_id} with operation_definition.retention_duration_days or max_backups.

Terraform: opentelekomcloud_cbr_policy_v3: retention_duration_days or max_backups in the operation_definition block;
huaweicloud_cbr_policy: time_period or backup_quantity.

Limits: only backups that are still there are seen, over all vaults of one project. Copies in other regions do not
count.
"""

from cbr_auditor.rule import NoProblem, Resource, Severity, Unknown

severity = Severity.MEDIUM
controls = (
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-06",
    "grundschutz-2023:CON.3.A4",
    "nis2-2024-2690:4.2.2(f)",
    "nist-800-53r5:CP-9",
)
reference = "CBR API, Querying All Backups: status, created_at, expired_at"


def check(resource: Resource, *, min_points: int = 7, min_span_days: float = 0) -> str | Unknown | NoProblem | None:
    """Fail where a resource has fewer than `min_points` good backups, or its oldest is younger than `min_span_days`.

    A good backup is available, or being restored from, and not past its expiry. A resource without any backup is not
    judged. One whose source is gone, as its vaults say where they are listed, is passed and counted.
    """
    if not resource.backups:
        return None
    oldest = resource.oldest_good_at
    days = (resource.listed_at - oldest).total_seconds() / 86_400 if oldest else 0.0
    good = resource.good + resource.restoring
    if good >= min_points and (not min_span_days or days >= min_span_days):
        return None
    if resource.is_gone:
        return NoProblem("its source is gone: nothing can back it up again")
    if resource.unseen:
        return Unknown(resource.unseen)
    if good < min_points:
        return f"{good} good {'backup' if good == 1 else 'backups'}, fewer than {min_points}"
    if resource.undated:
        return Unknown("created_at of a backup")
    return f"the oldest good backup is {days:.1f} days old, less than {min_span_days:g}"
