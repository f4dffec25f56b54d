"""Server backup lacks the system disk.

The data is there, but the server cannot be brought back as it was: it has to be built anew first.

Associate the server with the vault again with its system disk, then back it up. Where the data disks alone are meant to
be backed up, waive it.
"""

from cbr_auditor.rule import Backup, Resource, Severity, Unknown

severity = Severity.MEDIUM
controls = (
    "iso27001-2022:A.8.13",
    "grundschutz-2023:CON.3.A5",
    "nis2-2024-2690:4.2.2(b)",
    "nist-800-53r5:CP-9",
    "nist-800-53r5:CP-10",
)
reference = "CBR API, Querying All Backups: extend_info.contain_system_disk"
since = "created_at"
newest_only = True


def candidate(backup: Backup) -> bool:
    """Keep what may be the server's newest good backup."""
    return backup.is_server and backup.status == "available" and not backup.contain_system_disk


def check(backup: Backup, resource: Resource) -> str | Unknown | None:
    """Fail where the newest available backup of a server was made without its system disk."""
    if not candidate(backup) or resource.newest_available not in {None, backup.id}:
        return None
    if resource.unseen:
        return Unknown(resource.unseen)
    if resource.newest_available is None:
        return Unknown("created_at of the server's backups")
    if backup.contain_system_disk is None:
        return Unknown("extend_info.contain_system_disk")
    return "the server's newest backup does not contain its system disk"
