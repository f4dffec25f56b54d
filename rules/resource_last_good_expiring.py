"""Last good backup is about to end.

It is the only good copy that is left. When it expires CBR deletes it, and nothing remains to restore from.

Extend it or make a new backup today, then find out why no newer one was made. Where a policy keeps one backup for no
longer than the option hours says, its only backup is always reported: set the option lower.

API: POST /v3/{project_id}/checkpoints with the vault's id and the resource's makes a backup now.

Limits: a backup that is kept by number has no expiry, and is not seen to end.
"""

from datetime import timedelta

from cbr_auditor.rule import Resource, Severity, Unknown

severity = Severity.CRITICAL
controls = (
    "iso27001-2022:A.8.13",
    "bsi-c5-2020:OPS-06",
    "nis2-2024-2690:4.2.2(f)",
    "gdpr:32(1)(c)",
    "nist-800-53r5:CP-9",
    "soc2-2017:A1.2",
)
reference = "CBR API, Querying All Backups: status, expired_at"
supersedes = ("backup-expiring", "resource-too-few-restore-points")


def check(resource: Resource, *, hours: float = 48) -> str | Unknown | None:
    """Fail where one good backup is left and it expires within `hours`."""
    ends = resource.lasts_until
    if resource.good != 1 or resource.restoring:
        return None
    if resource.unclear_after is not None:
        return Unknown("expired_at of the only good backup")
    if ends is None or ends <= resource.listed_at:  # then what is known is of others, which are not good
        return Unknown("created_at of the only good backup")
    if ends - resource.listed_at >= timedelta(hours=hours):
        return None
    if resource.unseen:
        return Unknown(resource.unseen)
    return f"the only good backup ends on {ends:%Y-%m-%d at %H:%M} UTC"
