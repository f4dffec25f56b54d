"""Resource has no good backup.

Backups of it failed and none is there that could be restored.

Read the tasks' errors, mend their cause, and make a good backup before you delete the bad ones.

API: POST /v3/{project_id}/checkpoints with the vault's id and the resource's makes a backup now.

Limits: whether an available backup can be restored, only a test restore tells.
"""

from cbr_auditor.rule import NoProblem, Resource, Severity, Unknown

severity = Severity.CRITICAL
controls = (
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-06",
    "grundschutz-2023:CON.3.A5",
    "nis2:21(2)(c)",
    "nis2-2024-2690:4.2.1",
    "dora:12(2)",
    "gdpr:32(1)(c)",
    "nist-csf-2.0:PR.DS-11",
    "nist-800-53r5:CP-9",
    "cis-8.1:11.2",
    "soc2-2017:A1.2",
)
reference = "CBR API, Querying All Backups: status"
supersedes = ("resource-rpo-breach", "resource-too-few-restore-points", "resource-repeated-failures")


def check(resource: Resource) -> str | Unknown | NoProblem | None:
    """Fail where backups failed and none is available, being restored from, or being made."""
    if not resource.failed or resource.available or resource.restoring:
        return None
    if resource.unseen:
        return Unknown(resource.unseen)
    if resource.strange:
        return Unknown("a status that is documented")
    if resource.unfinished:
        return NoProblem("a backup is being made")
    if resource.failed < resource.backups:
        return f"{resource.failed} of its {resource.backups} backups failed, and none is available"
    if resource.failed == 1:
        return "its only backup failed"
    return f"all of its {resource.failed} backups failed"
