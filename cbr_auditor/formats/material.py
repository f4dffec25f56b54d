"""What every format is made of: the report, all findings, and what keeps the report from being the whole truth."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

import msgspec

from cbr_auditor.finding import Finding
from cbr_auditor.report import Report, RuleResult, TargetCoverage
from cbr_auditor.rule import Severity
from cbr_auditor.text import one_line

COVERAGE = "audit-coverage"
"""The id under which a format says what was not seen, as if it were a rule."""

WHY = "What was not seen may be anything: no finding about it does not mean that it is fine."
ADVICE = "Read what was not seen and why, mend it, and run the audit again."

_AT_ONCE = 500  # findings that are written at once
_LONGEST = 32_000


class Material(msgspec.Struct, frozen=True):
    """A run, as every format takes it."""

    report: Report
    findings: Iterable[Finding]
    """Every finding in the order of report.json, the waived ones last. May be read several times."""
    page: Callable[[str], str]
    """A rule's page as Markdown, by the rule's id."""


class Gap(msgspec.Struct, frozen=True):
    """Something that was not seen or not judged: a reader must not take the report for the whole truth."""

    id: str
    """Stable over runs, as a finding's."""
    about: str
    message: str
    severity: Severity
    target: TargetCoverage | None = None
    rule: RuleResult | None = None


def gaps(report: Report) -> list[Gap]:
    """What was not seen of each target, and which rules crashed. An incomplete report has at least one."""
    found = [gap for target in report.coverage for gap in _of_target(target)]
    found += [_of_rule(rule) for rule in report.rules if rule.errors]
    if not report.complete and not any(gap.severity is Severity.HIGH for gap in found):
        found.append(Gap(_ident(""), "the audit", clean(report.headline), Severity.HIGH))
    return found


def place(target: TargetCoverage) -> str:
    """A target as people call it, with its region where it has one."""
    name = clean(target.name or target.project_id)
    return f"{name} in {clean(target.region)}" if target.region else name


def ident_of(target: TargetCoverage) -> str:
    """What a target's coverage is known by in every run, whether all was seen or not."""
    return _ident(f"{target.project_id}\n{target.region}")


def ident_of_rule(rule: RuleResult) -> str:
    """What a rule as a whole is known by in every run, whether it passed or crashed."""
    return _ident(rule.id)


def passed(rule: RuleResult, report: Report) -> int:
    """On how many the rule found nothing; 0 where that says little, as not everything was seen or it crashed."""
    if not report.complete or rule.errors:
        return 0
    other = rule.superseded + rule.superseded_waived
    return max(0, rule.checked - rule.failed - rule.unknown - rule.waived - other)


def clean(text: str | None) -> str:
    """Text from the cloud on one line, without control, bidirectional or invisible characters, but whole."""
    if not text or (text.isprintable() and len(text) <= _LONGEST):  # nearly always; asked some ten times a finding
        return text or ""
    return one_line(text, _LONGEST)


def write_items(file: BinaryIO, items: Iterable[Any]) -> None:
    """Write a JSON list, an item a line, some hundreds at a time."""
    encode = msgspec.json.Encoder().encode
    rest = iter(items)
    file.write(b"[")
    separator = b"\n"
    while block := list(islice(rest, _AT_ONCE)):
        file.write(separator + b",\n".join([encode(item) for item in block]))
        separator = b",\n"
    file.write(b"\n]")


def _of_target(target: TargetCoverage) -> Iterator[Gap]:
    ident, about = ident_of(target), place(target)
    if not target.complete:
        problems = " ".join(clean(problem) for problem in target.problems) or "not everything was seen"
        yield Gap(ident, about, problems, Severity.HIGH, target=target)
    elif not target.listed:
        yield Gap(ident, about, "no backup in the project: is it the right one?", Severity.MEDIUM, target=target)


def _of_rule(rule: RuleResult) -> Gap:
    message = f"it crashed on {rule.counted(rule.errors)}"
    if rule.error_examples:
        message += f": {'; '.join(clean(example) for example in rule.error_examples)}"
    return Gap(ident_of_rule(rule), f"the rule {rule.id}", message, Severity.HIGH, rule=rule)


def _ident(key: str) -> str:
    return "sha256:" + hashlib.sha256(f"{COVERAGE}\n{key}".encode("utf-8", "replace")).hexdigest()
