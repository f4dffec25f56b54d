"""Vault leaves out disks of a server.

A disk that is left out is in none of the server's backups, and a restore brings the server back without it.

Include the disk. Where it is left out for a reason, as scratch space or because its database is backed up otherwise,
add its id to allowed, or waive the vault.

Console: Cloud Backup and Recovery, the vault, its associated servers: change the server's disks.

Terraform: opentelekomcloud_cbr_vault_v3: exclude_volumes in the resource block; huaweicloud_cbr_vault: excludes in the
resources block.

Limits: a vault may name the disks of a server that are backed up instead. No list of CBR shows whether the server has
others, so that is unknown; where such lists are kept up, set included_is_enough.
"""

from cbr_auditor.rule import Severity, Unknown, Vault

severity = Severity.MEDIUM
controls = (
    "iso27001-2022:A.8.13",
    "grundschutz-2023:CON.3.A4",
    "nis2-2024-2690:4.2.2(b)",
    "dora:12(1)(a)",
    "nist-800-53r5:CP-9",
)
reference = "CBR API, Querying the Vault List: resources, extra_info.exclude_volumes, extra_info.include_volumes"
_SHOWN = 5


def check(vault: Vault, *, allowed: tuple[str, ...] = (), included_is_enough: bool = False) -> str | Unknown | None:
    """Fail where a vault excludes disks of a server other than those `allowed` by id or name.

    With `included_is_enough` a list of the only disks that are backed up is taken to name all that matter.
    """
    if vault.makes_backups is False:
        return None
    members = [member for member in vault.resources or () if not member.is_leaving]
    excluded = [
        f"{disk.name or disk.id} of {member.label}"
        for member in members
        for disk in member.exclude_volumes
        if not {disk.id, disk.name} & set(allowed)
    ]
    if excluded:
        more = f" and {len(excluded) - _SHOWN} more" if len(excluded) > _SHOWN else ""
        return f"the vault leaves out disk {', '.join(excluded[:_SHOWN])}{more}"
    parts = ("resources", "resources.extra_info", "resources.extra_info.exclude_volumes")
    if vault.resources is None or not set(parts).isdisjoint(vault.unreadable):
        return Unknown("resources and their extra_info.exclude_volumes")
    chosen = [member.label for member in members if member.include_volumes]
    if chosen and not included_is_enough:
        return Unknown(f"all disks of {', '.join(chosen[:_SHOWN])}, of which the vault names those that it backs up")
    return None
