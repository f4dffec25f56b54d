"""Newest good backup is too old.

If the resource is lost now, all that was written since then is lost: more than the recovery point objective (RPO)
allows.

Check the vault's policy, its capacity and the failed tasks, then back the resource up by hand. Set max_age_hours to the
RPO that you promise, for some resources by an override.

API: POST /v3/{project_id}/checkpoints with the vault's id and the resource's makes a backup now.

Terraform: how often a policy runs stands in trigger_pattern of opentelekomcloud_cbr_policy_v3, in backup_cycle of
huaweicloud_cbr_policy.

Limits: a backup counts from created_at, when CBR began to make it. Only resources with a backup are known from the list
of backups; what was never backed up is the business of resource-never-backed-up.
"""

from datetime import timedelta

from cbr_auditor.rule import NoProblem, Resource, Severity, Unknown

severity = Severity.HIGH
controls = (
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-06",
    "grundschutz-2023:CON.3.A5",
    "nis2:21(2)(c)",
    "nis2-2024-2690:4.2.1",
    "dora:12(1)(a)",
    "dora:12(6)",
    "nist-csf-2.0:PR.DS-11",
    "nist-800-53r5:CP-9",
    "cis-8.1:11.2",
    "soc2-2017:A1.2",
)
reference = "CBR API, Querying All Backups: status, created_at"
since = "newest_available_at"
_AHEAD = timedelta(hours=1)  # made while the audit ran, or by a clock that is ahead


def check(resource: Resource, *, max_age_hours: float = 26) -> str | Unknown | NoProblem | None:
    """Fail where the newest available backup was created more than `max_age_hours` ago, or there is none.

    One that is being restored from counts as available. A resource that never had a backup is the business of
    resource-never-backed-up. One whose source is gone, as its vaults say where they are listed, is passed and counted.
    """
    if not resource.backups:
        return None
    newest = resource.newest_usable_at
    if newest is not None and newest - resource.listed_at > _AHEAD:
        return Unknown("a created_at that is not in the future")
    if newest is not None and resource.listed_at - newest <= timedelta(hours=max_age_hours):
        return None
    if resource.is_gone:
        return NoProblem("its source is gone: nothing can back it up again")
    if resource.unseen:
        return Unknown(resource.unseen)
    if resource.undated:
        return Unknown("created_at of a backup")
    if newest is None and resource.backups == 1:
        return "its only backup is not available"
    if newest is None:
        return f"none of its {resource.backups} backups is available"
    hours = (resource.listed_at - newest).total_seconds() / 3600
    age = f"{hours:.1f} hours" if hours < 72 else f"{hours / 24:.0f} days"
    return f"the newest available backup is {age} old, more than {max_age_hours:g} hours"
