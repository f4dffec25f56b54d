"""The verdict, and why: the table of the public contract, in one place."""

import msgspec

from cbr_auditor.audit import Audit
from cbr_auditor.report import Summary
from cbr_auditor.rule import Severity

PASS, WARN, FAIL, INCOMPLETE = "pass", "warn", "fail", "incomplete"


class Verdict(msgspec.Struct, frozen=True):
    """What the report says first."""

    word: str
    complete: bool
    headline: str
    reasons: list[str]


def summarise(audit: Audit) -> Summary:
    """The numbers of the report."""
    findings = {severity.value: 0 for severity in Severity}
    for rule, tally in zip(audit.rules, audit.tallies, strict=True):
        findings[rule.severity.value] += tally.failed
    return Summary(
        targets=len(audit.coverage),
        backups=sum(target.listed for target in audit.coverage),
        resources=audit.resources,
        findings=findings,
        unknown=sum(tally.unknown for tally in audit.tallies),
        waived=sum(tally.waived for tally in audit.tallies),
        rule_errors=sum(tally.errors for tally in audit.tallies),
    )


def decide(audit: Audit, summary: Summary, fail_on: Severity) -> Verdict:
    """`fail` before `incomplete` before `warn` before `pass`; every reason is named, worst first."""
    failing = _count(summary, [severity for severity in Severity if severity.reaches(fail_on)])
    lesser = _count(
        summary,
        [severity for severity in Severity if not severity.reaches(fail_on) and severity is not Severity.INFO],
    )
    unseen = [target for target in audit.coverage if not target.complete]
    complete = not unseen and not summary.rule_errors
    reasons = []
    if not audit.audited:
        reasons.append("No audit was made.")
    if failing:
        reasons.append(f"{failing[1]} (severity {fail_on.value} or worse fails the audit).")
    if unseen:
        reasons.append(f"Not everything was seen: {_targets(len(unseen), len(audit.coverage))} incomplete.")
    if summary.rule_errors:
        reasons.append(f"A rule crashed {_times(summary.rule_errors)}: those backups are not judged by it.")
    if lesser:
        reasons.append(f"{lesser[1]}.")
    reasons += _undecided(audit, summary)
    reasons += audit.empty
    if failing:
        word = FAIL
    elif not complete:
        word = INCOMPLETE
    elif reasons:
        word = WARN
    else:
        word = PASS
    return Verdict(word, complete, _headline(audit, summary, word, failing, lesser), reasons)


def _undecided(audit: Audit, summary: Summary) -> list[str]:
    """How much could not be decided, and for want of which permissions."""
    if not summary.unknown:
        return []
    reasons = [f"{_plural(summary.unknown, 'check')} could not be decided."]
    if audit.missing_actions:
        reasons.append(f"Not granted, so rules are undecided: {', '.join(sorted(audit.missing_actions))}.")
    return reasons


def _headline(
    audit: Audit,
    summary: Summary,
    word: str,
    failing: tuple[int, str] | None,
    lesser: tuple[int, str] | None,
) -> str:
    backups = _plural(summary.backups, "backup")
    if not audit.audited:
        return f"no audit was made: {audit.refusals[0].what}" if audit.refusals else "no audit was made"
    if failing:
        return f"{failing[1]} in {backups}"
    if word == INCOMPLETE and not lesser:
        return f"{backups} judged, not everything was seen"
    if lesser:
        return f"{lesser[1]} in {backups}"
    if audit.empty and not summary.backups:
        return audit.empty[0][:1].lower() + audit.empty[0][1:]
    if summary.unknown:
        return f"{_plural(summary.unknown, 'check')} of {backups} could not be decided"
    return f"{backups} of {_plural(summary.resources, 'protected resource')}, nothing to do"


def _count(summary: Summary, severities: list[Severity]) -> tuple[int, str] | None:
    """How many findings there are of these severities, and in words; None where there is none."""
    counts = [(summary.findings[severity.value], severity.value) for severity in severities]
    parts = [f"{count} {name}" for count, name in counts if count]
    total = sum(count for count, _ in counts)
    return (total, f"{', '.join(parts)} {'finding' if total == 1 else 'findings'}") if total else None


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _targets(count: int, total: int) -> str:
    if total == 1:
        return "the listing is"
    return f"{count} of {total} projects {'is' if count == 1 else 'are'}"
