"""Server backup has lost a disk.

The newest backup holds fewer disks than the one before. A disk that was left out is not protected any more, and nothing
else says so.

If the disk was removed from the server, waive this until older backups are gone. If not, include it again in the
vault's association of the server, then back it up.

Limits: the two are compared only where they are in the same vault, for each vault has its own choice of disks. Takes
two requests for a server, for its newest good backup and the one before; none where server_disks is none.
"""

from cbr_auditor.rule import Needs, NoProblem, Resource, Severity, Unknown

severity = Severity.HIGH
controls = (
    "iso27001-2022:A.8.13",
    "grundschutz-2023:CON.3.A5",
    "nis2-2024-2690:4.2.2(b)",
    "dora:12(1)(a)",
    "nist-800-53r5:CP-9",
)
reference = "CBR API, Querying a Specified Backup: children"


def check(resource: Resource) -> str | Unknown | NoProblem | Needs | None:
    """Fail where the newest good backup of a server holds fewer disks than its previous good one."""
    if not resource.is_server or resource.newest_good is None or resource.previous_good is None:
        return None
    if resource.newest_good.vault_id != resource.previous_good.vault_id:
        return NoProblem("its two newest good backups are in two vaults, which may hold other disks")
    if resource.disks_unknown is not None:
        return Unknown(f"the disks of its two newest backups ({resource.disks_unknown})")
    newest, previous = resource.newest_disks, resource.previous_disks
    if newest is None or previous is None:
        return Needs.DISKS
    if newest >= previous:
        return None
    if resource.unseen:
        return Unknown(resource.unseen)
    return f"the newest good backup holds {newest} {'disk' if newest == 1 else 'disks'}, the one before held {previous}"
