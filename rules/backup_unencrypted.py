"""Backup is not encrypted.

Whoever gets at the backup can read the data. A backup is encrypted exactly when its source disk is.

Move the data to an encrypted disk: its backups follow. Then delete the old backups once they are no longer needed.

API: GET /v3/{project_id}/backups/{backup_id} shows the disks of a server backup, each with its extend_info.encrypted.

Terraform: opentelekomcloud_evs_volume_v3 and huaweicloud_evs_volume: kms_id encrypts a disk; to set it later makes
the disk anew.

Limits: the list never shows the disks of a server backup: they are looked at as the setting server_disks says, for each
server's newest available backup by default. How a backup is encrypted, and whose key it is, is not shown.
"""

from cbr_auditor.rule import Backup, Needs, Severity, Unknown

severity = Severity.HIGH
controls = (
    "iso27001-2022:A.8.24",
    "bsi-c5-2020:OPS-06",
    "bsi-c5-2020:OPS-09",
    "grundschutz-2023:CON.3.A13",
    "nis2:21(2)(h)",
    "gdpr:32(1)(a)",
    "nist-800-53r5:CP-9(8)",
    "nist-800-53r5:SC-28",
    "nist-800-53r5:SC-28(1)",
    "cis-8.1:11.3",
)
reference = "CBR API, Querying All Backups and Querying a Specified Backup: extend_info.encrypted, children"
since = "created_at"


def check(backup: Backup) -> str | Unknown | Needs | None:
    """Fail where the backup's own key is false, or that of one disk of a server backup."""
    if backup.encrypted is False:
        return "the backup is not encrypted"
    if not backup.is_server:
        return None if backup.encrypted else Unknown("extend_info.encrypted")
    if not backup.examined:
        return Needs.DISKS
    if backup.disks_unknown is not None:
        return Unknown(f"the server's disks ({backup.disks_unknown})")
    disks = backup.children or []
    plain = [disk.label for disk in disks if disk.encrypted is False]
    if plain:
        return f"{len(plain)} of {len(disks)} disks are not encrypted: {', '.join(plain)}"
    if backup.encrypted or (disks and all(disk.encrypted for disk in disks)):
        return None
    return Unknown("extend_info.encrypted of the backup and of its disks")
