"""Backups fail again and again.

One failure is an accident. Several in a row mean that the resource is not protected any more, and each day makes the
last good backup older.

Treat it as an outage: read the tasks' errors, mend their cause, and back the resource up by hand now.

API: GET /v3/{project_id}/operation-logs with status = failed has the reasons; POST /v3/{project_id}/checkpoints with
the vault's id and the resource's makes a backup now.

Limits: CBR keeps at most ten failed periodic backups, for a month: more in a row than that are not seen.
"""

from cbr_auditor.rule import Resource, Severity, Unknown

severity = Severity.CRITICAL
controls = (
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-07",
    "grundschutz-2023:CON.3.A5",
    "nis2-2024-2690:4.2.5",
    "nist-csf-2.0:PR.DS-11",
    "nist-800-53r5:CP-9",
    "nist-800-53r5:CA-7",
    "cis-8.1:11.2",
    "soc2-2017:A1.2",
)
reference = "CBR API, Querying All Backups: status, created_at"


def check(resource: Resource, *, in_a_row: int = 3) -> str | Unknown | None:
    """Fail where the newest `in_a_row` (at most 20) finished backups all failed."""
    failures = resource.failures_since_good
    if failures < max(1, min(in_a_row, 20)):
        return None
    if resource.unseen:
        return Unknown(resource.unseen)
    if resource.undated:
        return Unknown("created_at of a backup")
    return "its newest backup failed" if failures == 1 else f"its newest {failures} backups failed"
