"""Backup belongs to another project.

A shared backup is in somebody else's hands: they can delete it, and who shares one gives all its data away.

Agree with its owner, add the project to allowed_projects, or reject the share.

Limits: shared backups are listed only with own_type = "shared" or "all_granted" under [listing]; what this project
shares with others is not in the list at all, but behind one request for every backup. CBR does not document whose
project a backup names that others share; if it were the receiver's, nothing would be found.
"""

from cbr_auditor.rule import Backup, Severity, Unknown

severity = Severity.MEDIUM
controls = (
    "iso27001-2022:A.8.13",
    "grundschutz-2023:CON.3.A14",
    "nis2-2024-2690:4.2.2(d)",
    "nist-800-53r5:CP-9(d)",
    "cis-8.1:11.3",
)
reference = "CBR API, Querying All Backups: project_id, own_type"
since = "created_at"


def check(backup: Backup, *, allowed_projects: tuple[str, ...] = ()) -> str | Unknown | None:
    """Fail for a backup of another project than the audited one and the `allowed_projects`."""
    if backup.project_id is None:
        return Unknown("project_id")
    if backup.project_id in {backup.listed_in, *allowed_projects}:
        return None
    return f"the backup belongs to project {backup.project_id}"
