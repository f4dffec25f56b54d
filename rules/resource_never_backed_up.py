"""Resource is in a vault, but was never backed up.

It looks protected, and there is nothing to restore from.

Check that the vault has a policy that runs and room for the backup, then back the resource up by hand.

API: POST /v3/{project_id}/checkpoints with the vault's id and the resource's.

Limits: CBR does not say since when a resource is in its vault, so one that was added to an old vault today is reported
until its first backup. A vault that is younger than grace_hours is left alone, as is one that takes copies, and a
resource whose source is gone. Only resources that are in a vault are known at all: no list of CBR shows the others.
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
    "gdpr:32(1)(c)",
    "nist-csf-2.0:PR.DS-11",
    "nist-800-53r5:CP-9",
    "cis-8.1:11.2",
    "soc2-2017:A1.2",
)
reference = "CBR API, Querying the Vault List: resources, created_at; Querying All Backups: resource_id"
lists = ("vaults",)
supersedes = (
    "resource-missed-run",
    "resource-rpo-breach",
    "resource-too-few-restore-points",
    "resource-not-replicated",
)


def check(resource: Resource, *, grace_hours: float = 26) -> str | Unknown | NoProblem | None:
    """Fail where a resource is in a vault that is older than `grace_hours` and no backup of it is listed."""
    memberships = [] if resource.backups else resource.memberships
    if not memberships:
        return None
    if resource.unseen:
        return Unknown(resource.unseen)
    if counted := max(member.backup_count or 0 for _, member in memberships):
        return Unknown(f"the backups of it that its vault counts ({counted}), but the list does not show")
    vaults = [vault for vault, _ in memberships]
    times = [vault.created_at for vault in vaults if vault.created_at is not None]
    if times and resource.listed_at - min(times) <= timedelta(hours=grace_hours):
        return NoProblem("its vault is new")
    if all(vault.makes_backups is None for vault in vaults):
        return Unknown("billing.protect_type of its vault")
    return f"it is in vault {' and '.join(vault.label for vault in vaults)}, but has no backup"
