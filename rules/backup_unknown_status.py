"""Backup has a status that CBR does not document.

Nobody can say whether this backup can be restored, and the other rules may judge it wrongly.

Look at the backup in the console and ask the cloud's support; tell us the status, so that it can be judged.
"""

from cbr_auditor.rule import DOCUMENTED_STATUSES, Backup, Severity

severity = Severity.LOW
controls = ("bsi-c5-2020:OPS-07", "nist-800-53r5:CA-7")
reference = "CBR API, Querying All Backups: status"


def check(backup: Backup) -> str | None:
    """Fail where the status is none of the eight that are documented."""
    return None if backup.status in DOCUMENTED_STATUSES else f"the status {backup.status} is not documented"
