"""Backup cannot be restored in place.

CBR says that this backup can only be used to create new resources: the one that it came from cannot be brought back as
it was, which takes longer and changes its ids and addresses.

Check in a test how long it takes to build a new resource from it. If that is too long, back the resource up again and
compare; if the new backup says the same, ask the cloud's support with the backup's id.

Limits: CBR's word alone is taken; only a test restore proves that a backup can be restored. Backups of disks do not say
and are not judged.
"""

from cbr_auditor.rule import Backup, Severity, Unknown

severity = Severity.MEDIUM
controls = (
    "iso27001-2022:A.8.13",
    "nis2-2024-2690:4.2.3",
    "gdpr:32(1)(c)",
    "nist-csf-2.0:RC.RP-03",
    "nist-800-53r5:CP-10",
)
reference = "CBR API, Querying All Backups: extend_info.supported_restore_mode"
since = "created_at"


def check(backup: Backup) -> str | Unknown | None:
    """Fail for an available backup whose restore mode is `na`."""
    if backup.status != "available":
        return None
    mode = backup.supported_restore_mode
    if mode is None:
        return Unknown("extend_info.supported_restore_mode") if backup.is_server else None
    if mode != "na":
        return None if mode in {"backup", "snapshot"} else Unknown(f"a restore mode that is documented (it is {mode})")
    return "it can only be used to create new resources (supported_restore_mode is na)"
