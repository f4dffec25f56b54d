"""Backups are not copied to another region.

Fire, a fault of the whole region, or somebody who takes over the project can take the only copy.

Create a vault that takes copies in another region, and bind a replication policy to the resource's vault.

Console: Cloud Backup and Recovery, policies, create a replication policy, then apply it to the vault.

API: POST /v3/{project_id}/vaults/{vault_id}/associatepolicy with policy_id and destination_vault_id.

Terraform: opentelekomcloud_cbr_policy_v3 and huaweicloud_cbr_policy make a policy of type replication (operation_type
and type); huaweicloud_cbr_vault: a policy block with id and destination_vault_id.

Limits: whether a backup was copied stands in replication_records, which Huawei Cloud lists only with show_replication =
true under [listing], and OTC does not document. Without them a resource without a replication policy is reported, and
one with a policy is unknown, unless policy_suffices is set. Copies that were made by hand are then not seen.
"""

from datetime import timedelta
from typing import Literal

from cbr_auditor.rule import NoProblem, Policy, Resource, Severity, Unknown

severity = Severity.MEDIUM
controls = (
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-09",
    "grundschutz-2023:CON.3.A12",
    "nis2:21(2)(c)",
    "nis2-2024-2690:4.2.2(c)",
    "nist-800-53r5:CP-6",
    "nist-800-53r5:CP-6(1)",
    "nist-800-53r5:CP-6(2)",
    "nist-800-53r5:CP-9(3)",
    "nist-800-53r5:CP-9(5)",
    "cis-8.1:11.4",
    "soc2-2017:A1.2",
)
reference = (
    "CBR API, Querying All Backups: replication_records; "
    "Querying the Policy List: operation_type, operation_definition.destination_region"
)
lists = ("vaults", "policies")
supersedes = ("resource-single-vault",)

_Type = Literal[
    "OS::Nova::Server",
    "OS::Cinder::Volume",
    "OS::Sfs::Turbo",
    "OS::Ironic::BareMetalServer",
    "OS::Native::Server",
    "OS::Workspace::DesktopV2",
]


def check(
    resource: Resource,
    *,
    types: tuple[_Type, ...] = ("OS::Nova::Server",),
    regions: tuple[str, ...] = (),
    max_lag_hours: float = 48,
    policy_suffices: bool = False,
) -> str | Unknown | NoProblem | None:
    """Fail where the newest good backup is more than `max_lag_hours` ahead of the newest one that was copied.

    Copies count that lie in one of the `regions`, in any where none is named. Only resources of these `types` are
    judged: not every type can be replicated.
    """
    newest = resource.newest_good
    if newest is None or resource.type not in types or resource.is_copy:
        return None
    copies = [time for region, time in resource.replicated_to if not regions or region in regions]
    copied = max(copies, default=None)
    if copied is not None and newest.created_at - copied <= timedelta(hours=max_lag_hours):
        return None
    if resource.unseen:
        return Unknown(resource.unseen)
    where = f" to {' or '.join(regions)}" if regions else " to another region"
    if copied is not None:
        hours = (newest.created_at - copied).total_seconds() / 3600
        return f"the newest backup that was copied{where} is {hours:.0f} hours older than its newest one"
    if resource.shows_replication:
        return f"none of its {resource.good} good backups was copied{where}"
    return _by_policy(resource, regions, where, enough=policy_suffices)


def _by_policy(resource: Resource, regions: tuple[str, ...], where: str, *, enough: bool) -> str | Unknown | NoProblem:
    """What the policies of its vaults tell, where the list has no replication records."""
    found = [policy for vault in resource.vaults for policy in vault.policies if _may_copy(policy, regions)]
    if not found:
        unseen = next((vault.policies_unseen for vault in resource.vaults if vault.policies_unseen), None)
        if unseen or not resource.vaults:
            return Unknown(unseen or "the vault that it is in")
        return f"no replication policy copies its backups{where}"
    if not enough:
        return Unknown("replication_records, which show_replication = true under [listing] may bring")
    if any(policy.enabled and policy.operation_type for policy in found):
        return NoProblem("a replication policy is bound; whether it copies is not listed")
    return Unknown("enabled and operation_type of its vault's policies")


def _may_copy(policy: Policy, regions: tuple[str, ...]) -> bool:
    if policy.operation_type == "backup" or policy.enabled is False:
        return False
    return not regions or policy.destination_region in {None, *regions}
