"""Waiver has expired.

What it accepted is a finding again, or nobody decided whether it still is acceptable.

Mend the cause, or renew the waiver in auditor.toml with a new end date and a fresh look at the reason. Remove it where
it is no longer needed.
"""

from cbr_auditor.rule import Severity, Waiver

severity = Severity.MEDIUM
controls = ()
reference = "auditor.toml, [[waivers]]"


def check(waiver: Waiver) -> str | None:
    """Fail from the day after `expires` on."""
    if waiver.days_left >= 0:
        return None
    return f"the waiver of {waiver.label} ended on {waiver.expires} (owner: {waiver.owner})"
