"""Waiver matches nothing.

An exception that nobody needs is one that hides the next real problem of the same name.

Remove it from auditor.toml, or correct its rule, its resource or its project_id.
"""

from cbr_auditor.rule import NoProblem, Severity, Waiver

severity = Severity.INFO
controls = ()
reference = "auditor.toml, [[waivers]]"


def check(waiver: Waiver) -> str | NoProblem | None:
    """Fail for a waiver in force that matched no finding of a run that saw everything."""
    if waiver.days_left < 0 or waiver.matched:
        return None
    if not waiver.decided:
        return NoProblem("not everything was seen that it could match")
    return f"the waiver of {waiver.label} matched no finding (owner: {waiver.owner})"
