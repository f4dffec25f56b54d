"""Policy should have run, and did not.

A run that fails leaves a failed backup. One that does not take place leaves nothing at all, and nobody is told.

Look for the run among the tasks, skipped ones included: a run is skipped while an earlier one goes on. Check the
vault's status and capacity, and back the resource up by hand.

API: GET /v3/{project_id}/operation-logs with operation_type = backup and the resource's id.

Limits: CBR does not say since when a resource is in its vault, or a policy is bound to it. For a resource that was
added since the run in question, or a policy that was changed, this is reported until the next run. A run whose backup
would have expired since is not missed. Policies that are off are the business of policy-disabled, vaults without any
that of vault-without-policy.
"""

from datetime import datetime, timedelta

from cbr_auditor.rule import NoProblem, Policy, Resource, Severity, Unknown, Vault

severity = Severity.HIGH
controls = (
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-07",
    "grundschutz-2023:CON.3.A5",
    "nis2-2024-2690:4.2.5",
    "dora:12(1)(a)",
    "nist-csf-2.0:PR.DS-11",
    "nist-800-53r5:CP-9",
    "cis-8.1:11.2",
)
reference = (
    "CBR API, Querying the Policy List: trigger.properties; Querying All Backups: created_at, extend_info.auto_trigger"
)
lists = ("vaults", "policies")
supersedes = ("resource-rpo-breach", "resource-manual-only")
_EARLY = timedelta(minutes=5)  # how far the clocks of the scheduler and of the list may differ


def check(resource: Resource, *, grace_hours: float = 3) -> str | Unknown | NoProblem | None:
    """Fail where the newest run that was due more than `grace_hours` ago left no backup of the resource at all."""
    until = resource.listed_at - timedelta(hours=grace_hours)
    vaults = [vault for vault, _ in resource.memberships]
    outcomes = [
        outcome
        for vault in vaults
        for policy in vault.policies
        if (outcome := _judge(resource, vault, policy, until)) is not None
    ]
    unseen = [Unknown(vault.policies_unseen) for vault in vaults if vault.policies_unseen]
    if not outcomes and not unseen:
        return None
    for kind in (str, Unknown):
        for outcome in (*outcomes, *unseen):
            if isinstance(outcome, kind):
                return outcome
    return outcomes[0]


def _judge(resource: Resource, vault: Vault, policy: Policy, until: datetime) -> str | Unknown | NoProblem | None:
    """What one policy of one of its vaults tells."""
    if policy.operation_type == "replication" or policy.enabled is False:
        return None
    if policy.schedule.problem or "trigger.properties.pattern" in policy.unreadable:
        problem = policy.schedule.problem or "a trigger.properties.pattern that can be read"
        return Unknown(f"{problem}, of policy {policy.label}")
    run = policy.schedule.newest_run(until)
    newest = resource.newest_automatic_in(vault.id)
    if run is None or (newest is not None and newest >= run - _EARLY):
        return None
    if vault.created_at is not None and vault.created_at > run:
        return NoProblem("its vault is younger than the run")
    days = policy.retention_duration_days
    if days is not None and days > 0 and run + timedelta(days=days) <= resource.listed_at:
        return NoProblem("the backup of the run would have expired since")
    if missing := _missing(resource, policy, run):
        return Unknown(missing)
    return f"policy {policy.label} should have run on {run:%Y-%m-%d at %H:%M} UTC, and left no backup"


def _missing(resource: Resource, policy: Policy, run: datetime) -> str | None:
    """What keeps one from telling that the run left no backup."""
    if resource.unseen:
        return resource.unseen
    if not resource.backups and any(member.backup_count for _, member in resource.memberships):
        return "the backups of it that its vault counts, but the list does not show"
    if policy.enabled is None or policy.operation_type is None:
        return f"enabled and operation_type of policy {policy.label}"
    if resource.undated:
        return "created_at of a backup"
    unsaid = resource.automatic + resource.manual < resource.backups
    if unsaid and resource.newest_at is not None and resource.newest_at >= run - _EARLY:
        return "extend_info.auto_trigger of some of its backups"
    return None
