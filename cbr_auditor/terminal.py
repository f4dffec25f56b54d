"""The summary that a person sees on a terminal; coloured only there."""

import os
from collections.abc import Iterator
from typing import TextIO

from cbr_auditor.report import Report, RuleGroup
from cbr_auditor.run import Run
from cbr_auditor.text import clip, one_line

_COLOURS = {"pass": "32", "warn": "33", "fail": "31", "incomplete": "35"}
_SEVERITY_COLOURS = {"critical": "31;1", "high": "31", "medium": "33", "low": "36", "info": "2"}
_MOST_GROUPS = 15  # rules; more than a screen is not read, and the report has all


def print_summary(run: Run, stream: TextIO) -> None:
    """Verdict, reasons, a line a rule, what was not seen, where the report is."""
    colour = stream.isatty() and "NO_COLOR" not in os.environ
    for line in _lines(run, colour=colour):
        print(line, file=stream)


def _lines(run: Run, *, colour: bool) -> Iterator[str]:
    report = run.report
    yield _paint(one_line(report.title), _COLOURS[report.verdict] + ";1", colour)
    yield ""
    for reason in report.reasons:
        yield f"  {one_line(reason)}"
    yield from _groups(report, colour)
    for target in report.coverage:
        if target.problems:
            yield ""
            where = f" in {one_line(target.name or target.project_id)}" if len(report.coverage) > 1 else ""
            yield _paint(f"Not seen{where}:", "1", colour)
            yield from (f"  {one_line(problem)}" for problem in target.problems)
    for delivery in report.deliveries:
        mark = _paint("sent", "32", colour) if delivery.ok else _paint("FAILED", "31;1", colour)
        yield f"{delivery.channel} to {one_line(delivery.target)}: {mark}, {one_line(delivery.detail)}"
    if run.files:
        yield ""
        yield _paint("Written:", "1", colour)
        yield from (f"  {path}" for path in run.files)


def _groups(report: Report, colour: bool) -> Iterator[str]:
    if not report.groups:
        return
    yield ""
    for group in report.groups[:_MOST_GROUPS]:
        severity = group.rule.severity.value
        yield (
            f"  {_paint(f'{severity:<8}', _SEVERITY_COLOURS[severity], colour)} {_counts(group):<24} {group.rule.title}"
        )
        for finding in [*group.failed[:2], *group.unknown[:1]]:
            yield f"             {clip(f'{one_line(finding.about, 40)}: {one_line(finding.message)}', 110)}"
    more = report.groups[_MOST_GROUPS:]
    if more:
        yield f"  And {sum(group.rule.failed for group in more):,} found by {len(more)} more rules."


def _counts(group: RuleGroup) -> str:
    rule = group.rule
    parts = ((rule.failed, "found"), (rule.unknown, "undecided"), (rule.errors, "crashed"))
    return ", ".join(f"{count:,} {word}" for count, word in parts if count)


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\033[{code}m{text}\033[0m" if colour else text
