"""Backup's data contradicts itself.

Whoever relies on these times relies on something that cannot be true: no verdict about this backup is safe.

Compare it with the console. If CBR shows the same there, ask the cloud's support with the backup's id.
"""

from datetime import timedelta

from cbr_auditor.rule import Backup, Severity, Unknown

severity = Severity.MEDIUM
controls = ("bsi-c5-2020:OPS-07", "nis2-2024-2690:4.2.3", "nist-800-53r5:CA-7")
reference = "CBR API, Querying All Backups: created_at, updated_at, expired_at"


def check(backup: Backup, *, skew_minutes: float = 10) -> str | Unknown | None:
    """Fail for keys that cannot be read, times in the future, and an end before the beginning.

    `skew_minutes` is how far the clocks of the cloud and of the auditor may be apart.
    """
    if backup.unreadable:
        return f"cannot be read: {', '.join(backup.unreadable)}"
    if backup.times_agree:
        return None
    created = backup.created_at
    skew = timedelta(minutes=skew_minutes)
    if backup.updated_at is not None and backup.updated_at - backup.listed_at > skew:
        return f"changed in the future, on {backup.updated_at:%Y-%m-%d at %H:%M} UTC"
    if created is None:
        return Unknown("created_at")
    if created - backup.listed_at > skew:
        return f"created in the future, on {created:%Y-%m-%d at %H:%M} UTC"
    if backup.expired_at is not None and backup.expired_at < created:
        return f"expired on {backup.expired_at:%Y-%m-%d at %H:%M} UTC, before it was created"
    return None
