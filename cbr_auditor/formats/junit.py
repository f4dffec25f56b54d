"""JUnit XML, as Jenkins, GitLab and others read it: a test suite a rule, a test case a finding.

A problem is a failure. What could not be decided or seen is an error, for many readers show a skipped test as green.
Skipped is what a waiver accepts, and a rule that had nothing to judge.
"""

import heapq
import html
import re
from collections.abc import Iterator, Mapping
from itertools import groupby, islice
from typing import BinaryIO

from cbr_auditor.finding import Finding
from cbr_auditor.formats.material import ADVICE, COVERAGE, Gap, Material, clean, gaps, passed, place
from cbr_auditor.report import Report, RuleResult

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (2.2, Char) does not allow, not even as a reference."""
_AT_ONCE = 500  # test cases that are written at once


def write(material: Material, file: BinaryIO) -> None:
    """Write the suites; the findings pass through and are not kept."""
    pieces = _document(material)
    while block := "".join(islice(pieces, _AT_ONCE)):
        file.write(block.encode())


def _document(material: Material) -> Iterator[str]:
    report = material.report
    unseen = gaps(report)
    suites = [_coverage_counts(report, unseen), *(_counts(rule, report) for rule in report.rules)]
    total = {name: sum(suite[name] for suite in suites) for name in ("tests", "failures", "errors")}
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites{_attributes(name="cbr-auditor", **total)}>\n'
    yield from _coverage_suite(report, unseen, suites[0])
    groups = groupby(_by_rule(material), key=lambda finding: finding.rule)
    ident, group = next(groups, (None, iter(())))
    for rule, counts in zip(report.rules, suites[1:], strict=True):
        yield _suite(rule.id, report, counts)
        yield _properties({"title": rule.title, "severity": rule.severity.value, "checked": str(rule.checked)})
        yield from (_case(gap.about, rule.id, "error", COVERAGE, gap.message) for gap in unseen if gap.rule is rule)
        if ident == rule.id:
            yield from (_finding_case(finding, rule) for finding in group)
            ident, group = next(groups, (None, iter(())))
        yield from _rest(rule, report)
        yield "</testsuite>\n"
    assert ident is None, f"findings of {ident} belong to no rule of the report"
    yield "</testsuites>\n"


def _by_rule(material: Material) -> Iterator[Finding]:
    """The findings by rule, in the rules' order, a rule's waived ones behind its others."""
    place_of = {rule.id: number for number, rule in enumerate(material.report.rules)}
    valid = (finding for finding in material.findings if finding.waiver is None)
    waived = (finding for finding in material.findings if finding.waiver is not None)
    return heapq.merge(valid, waived, key=lambda finding: place_of[finding.rule])


def _counts(rule: RuleResult, report: Report) -> dict[str, int]:
    errors = rule.unknown + bool(rule.errors)
    found = rule.failed + rule.waived + errors
    skipped = len(_skipped(rule, report))
    rest = bool(passed(rule, report)) + skipped
    return {"tests": found + rest, "failures": rule.failed, "errors": errors, "skipped": rule.waived + skipped}


def _found(rule: RuleResult) -> int:
    return rule.failed + rule.unknown + rule.waived + rule.errors


def _rest(rule: RuleResult, report: Report) -> Iterator[str]:
    """What the rule has no finding of: one test case that passes, if it can be said at all, and what is skipped."""
    count = passed(rule, report)
    if count:
        yield _case(f"no finding: {rule.counted(count)}", rule.id)
    for name, kind, said in _skipped(rule, report):
        yield _case(name, rule.id, "skipped", kind, said)


def _skipped(rule: RuleResult, report: Report) -> list[tuple[str, str, str]]:
    """What says nothing of itself, as test cases: name, type and message."""
    cases = []
    if rule.superseded or rule.superseded_waived:
        count = rule.counted(rule.superseded + rule.superseded_waived)
        cases.append(("reported by another rule", "superseded", f"another rule has reported the problem of {count}"))
    if rule.not_examined:
        cases.append(("not looked at", "not-examined", f"not looked at by setting: {rule.counted(rule.not_examined)}"))
    if not cases and not passed(rule, report) and not _found(rule):
        said = "there was nothing to judge" if report.complete else "no finding among what was seen, but not all was"
        cases.append(("no finding", "not-judged", said))
    return cases


def _coverage_counts(report: Report, unseen: list[Gap]) -> dict[str, int]:
    general = [gap for gap in unseen if gap.rule is None]
    targets = len(report.coverage) + sum(gap.target is None for gap in general)
    return {"tests": targets, "failures": 0, "errors": len(general), "skipped": 0}


def _coverage_suite(report: Report, unseen: list[Gap], counts: Mapping[str, int]) -> Iterator[str]:
    """One test case a target, which is an error where not everything was seen of it."""
    yield _suite(COVERAGE, report, counts)
    yield _properties(
        {
            "run_id": report.run_id,
            "verdict": report.verdict,
            "complete": "true" if report.complete else "false",
            "headline": report.headline,
            "profile": report.profile,
            "not_looked_at": " ".join(report.not_looked_at),
        }
    )
    for target in report.coverage:
        gap = next((gap for gap in unseen if gap.target is target), None)
        name = f"{place(target)}, project {target.project_id}"
        yield _case(name, COVERAGE, *(("error", "unseen", gap.message, ADVICE) if gap else ()))
    for gap in unseen:
        if gap.target is None and gap.rule is None:
            yield _case(gap.about, COVERAGE, "error", "unseen", gap.message, ADVICE)
    yield "</testsuite>\n"


def _finding_case(finding: Finding, rule: RuleResult) -> str:
    """A finding's test case. Its name is the same in every run, and no other of the rule has it: GitLab drops such."""
    name = finding.about
    if finding.subject == "backup" and finding.backup_name:
        name = f"{name}, backup {finding.backup_name}"
    name = f"{name} [{finding.id.removeprefix('sha256:')[:16]}]"
    waiver = finding.waiver
    if waiver is not None:
        said = f"waived until {waiver.expires} by {waiver.owner}: {waiver.reason}; {finding.message}"
        return _case(name, rule.id, "skipped", "waived", said)
    kind = ("failure", finding.severity.value) if finding.outcome == "fail" else ("error", "unknown")
    return _case(name, rule.id, *kind, finding.message, _details(finding, rule))


def _details(finding: Finding, rule: RuleResult) -> str:
    known = {
        "project": finding.project_id,
        "region": finding.region,
        finding.subject: finding.subject_id,
        "resource": finding.resource_id,
        "backup": finding.backup_id,
        "vault": finding.vault_id,
        "since": finding.since.isoformat().replace("+00:00", "Z") if finding.since else None,
        "finding": finding.id,
        "what to do": rule.advice,
    }
    return "\n".join(f"{name}: {clean(value)}" for name, value in known.items() if value)


def _case(name: str, rule: str, kind: str = "", word: str = "", message: str = "", details: str = "") -> str:
    """One test case; with a kind (`failure`, `error`, `skipped`) also why it did not pass."""
    attributes = _attributes(classname=f"cbr-auditor.{rule}", name=clean(name), time="0")
    if not kind:
        return f"<testcase{attributes}/>\n"
    said = clean(message)
    text = f"{said}\n{details}" if details else said
    return f"<testcase{attributes}><{kind}{_attributes(type=word, message=said)}>{_xml(text)}</{kind}></testcase>\n"


def _suite(name: str, report: Report, counts: Mapping[str, int]) -> str:
    stamp = f"{report.started_at:%Y-%m-%dT%H:%M:%S}"
    return f"<testsuite{_attributes(name=name, timestamp=stamp, time='0', **counts)}>\n"


def _properties(values: Mapping[str, str]) -> str:
    inner = "".join(f"<property{_attributes(name=name, value=clean(value))}/>" for name, value in values.items())
    return f"<properties>{inner}</properties>\n"


def _attributes(**values: str | int) -> str:
    return "".join(f' {name}="{_xml(str(value))}"' for name, value in values.items())


def _xml(text: str) -> str:
    return html.escape(_FORBIDDEN.sub("\ufffd", text))
