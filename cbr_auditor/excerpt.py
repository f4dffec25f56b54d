"""The part of a report that a page has room for. What is left out is counted in what is left."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from cbr_auditor.report import (
    RESULTS,
    AcceptedGroup,
    FrameworkResult,
    Report,
    RuleGroup,
    RuleResult,
    TargetCoverage,
    WaiverState,
)
from cbr_auditor.text import one_line

T = TypeVar("T", bound=msgspec.Struct)

_SENTENCES = {"headline", "message", "why", "advice", "reason"}
_MOST_OF_ONE_RULE = 20
_MOST_UNDECIDED = 5  # of one rule
_ERROR_EXAMPLES = 3  # of one rule


class Room(msgspec.Struct, frozen=True):
    """How much a page may show."""

    findings: int
    """Of all rules together; a fifth as many undecided ones besides."""
    rules: int
    targets: int
    items: int
    """Of any list of sentences."""
    name: int
    """Characters of a name or an id."""
    sentence: int
    """Characters of a sentence."""


WHOLE = Room(findings=400, rules=1000, targets=200, items=50, name=200, sentence=600)
"""The room of a file, which may be of any size: but nobody reads more than that."""

# Of a mail, from what a person reads with pleasure down to what always fits. Findings go first: they are all in
# findings.csv, but a name that is cut helps nobody.
ROOMS = (
    Room(findings=80, rules=100, targets=20, items=12, name=160, sentence=600),
    Room(findings=80, rules=60, targets=12, items=10, name=80, sentence=300),
    Room(findings=60, rules=50, targets=8, items=8, name=60, sentence=240),
    Room(findings=40, rules=50, targets=5, items=6, name=60, sentence=200),
    Room(findings=25, rules=40, targets=4, items=5, name=60, sentence=160),
    Room(findings=15, rules=30, targets=3, items=4, name=48, sentence=140),
    Room(findings=10, rules=20, targets=3, items=3, name=40, sentence=120),
    Room(findings=5, rules=10, targets=2, items=2, name=32, sentence=80),
    Room(findings=0, rules=5, targets=1, items=1, name=24, sentence=60),
)


def excerpt(report: Report, room: Room) -> Report:
    """The report with no more in it than there is room for, and every text on one clean line.

    Rules and targets beyond are summed up in one last entry; a list of sentences ends in how many more there are.
    Failures are not: how many a rule has stands in its `failed`.
    """
    groups = report.groups[: room.rules]
    failed = _shares([len(group.failed) for group in groups], _MOST_OF_ONE_RULE, room.findings)
    unknown = _shares([len(group.unknown) for group in groups], _MOST_UNDECIDED, room.findings // 5)
    accepted = _shares([len(group.findings) for group in report.accepted], _MOST_UNDECIDED, room.findings // 5)
    return msgspec.structs.replace(
        _clean(report, room),
        trigger=_clean(report.trigger, room),
        reasons=_capped(report.reasons, room),
        not_looked_at=_capped(report.not_looked_at, room),
        coverage=_targets(report.coverage, room),
        groups=[
            RuleGroup(
                _rule(group.rule, room),
                [_clean(finding, room) for finding in group.failed[:most_failed]],
                [_clean(finding, room) for finding in group.unknown[:most_unknown]],
            )
            for group, most_failed, most_unknown in zip(groups, failed, unknown, strict=True)
        ],
        waivers=[_waiver(waiver, room) for waiver in report.waivers[: room.items]]
        + _other_waivers(report.waivers, room),
        accepted=[
            AcceptedGroup(_rule(group.rule, room), [_clean(finding, room) for finding in group.findings[:most]])
            for group, most in zip(report.accepted[: room.items], accepted, strict=False)
        ],
        rules=[_rule(rule, room) for rule in report.rules[: room.rules]] + _other_rules(report.rules[room.rules :]),
        frameworks=_frameworks(report.frameworks, room),
        timezone=report.timezone,
    )


def _shares(lengths: list[int], most: int, total: int) -> list[int]:
    """How many of each list to show, `total` in all: one of each in turn, so that none crowds out another."""
    shares = [0] * len(lengths)
    for _ in range(most):
        for index, length in enumerate(lengths):
            if total and shares[index] < length:
                shares[index] += 1
                total -= 1
    return shares


def _clean(struct: T, room: Room) -> T:
    """The struct with each of its own texts on one clean line and not too long."""
    texts = ((name, getattr(struct, name)) for name in struct.__struct_fields__)
    return msgspec.structs.replace(
        struct,
        **{
            name: one_line(text, room.sentence if name in _SENTENCES else room.name)
            for name, text in texts
            if isinstance(text, str)
        },
    )


def _capped(sentences: list[str], room: Room, items: int | None = None) -> list[str]:
    items = room.items if items is None else items
    shown = [one_line(sentence, room.sentence) for sentence in sentences[:items]]
    more = len(sentences) - len(shown)
    return [*shown, f"And {more:,} more, for which there is no room here."] if more else shown


def _rule(rule: RuleResult, room: Room) -> RuleResult:
    return msgspec.structs.replace(
        _clean(rule, room),
        no_problem=_no_problem(rule.no_problem, room),
        error_examples=_capped(rule.error_examples, room, min(_ERROR_EXAMPLES, room.items)),
    )


def _no_problem(counts: dict[str, int], room: Room) -> dict[str, int]:
    """The counts by clipped reason; those that there is no room for are summed up."""
    shown: dict[str, int] = {}
    for number, (reason, count) in enumerate(counts.items()):
        key = one_line(reason, room.name) if number < room.items else "for other reasons"
        shown[key] = shown.get(key, 0) + count
    return shown


def _other_rules(rules: list[RuleResult]) -> list[RuleResult]:
    if not rules:
        return []
    return [
        RuleResult(
            id="",
            title=f"{len(rules):,} more rules, for which there is no room here",
            severity=min((rule.severity for rule in rules), key=lambda severity: severity.rank),
            checked=sum(rule.checked for rule in rules),
            failed=sum(rule.failed for rule in rules),
            unknown=sum(rule.unknown for rule in rules),
            errors=sum(rule.errors for rule in rules),
            controls=[],
            advice="",
        )
    ]


def _waiver(waiver: WaiverState, room: Room) -> WaiverState:
    return msgspec.structs.replace(_clean(waiver, room), resource=_values(waiver.resource, room))


def _other_waivers(waivers: list[WaiverState], room: Room) -> list[WaiverState]:
    """The waivers that there is no room for, summed up; those that need somebody come first."""
    rest = waivers[room.items :]
    if not rest:
        return []
    first = min(rest, key=lambda waiver: waiver.expires)
    return [
        msgspec.structs.replace(
            first,
            rule=f"{len(rest):,} more waivers",
            resource=[],
            reason="for which there is no room here",
            owner="",
            matched=sum(waiver.matched for waiver in rest),
        )
    ]


def _frameworks(frameworks: list[FrameworkResult], room: Room) -> list[FrameworkResult]:
    """The frameworks without their clauses, which are counted; those beyond are summed up."""
    most = max(1, room.rules // 4)
    shown = [msgspec.structs.replace(_clean(one, room), clauses=[]) for one in frameworks[:most]]
    rest = frameworks[most:]
    if rest:
        results = {word: sum(one.results[word] for one in rest) for word in RESULTS}
        shown.append(FrameworkResult("", f"{len(rest):,} more frameworks", "", "", "", results, []))
    return shown


def _targets(coverage: list[TargetCoverage], room: Room) -> list[TargetCoverage]:
    """The targets, incomplete ones first."""
    ordered = sorted(coverage, key=lambda target: target.complete)
    rest = ordered[room.targets :]
    return [_target(target, room) for target in ordered[: room.targets]] + ([_other_targets(rest)] if rest else [])


def _target(target: TargetCoverage, room: Room) -> TargetCoverage:
    narrowed = {one_line(name, room.name): _values(values, room) for name, values in _first(target.narrowed, room)}
    return msgspec.structs.replace(
        _clean(target, room),
        narrowed=narrowed,
        problems=_capped(target.problems, room),
        notes=_capped(target.notes, room),
    )


def _first(narrowed: dict[str, list[str]], room: Room) -> Iterator[tuple[str, list[str]]]:
    yield from list(narrowed.items())[: room.items]
    if len(narrowed) > room.items:
        yield "and", [f"{len(narrowed) - room.items:,} more filters"]


def _values(values: list[str], room: Room) -> list[str]:
    shown = [one_line(value, room.name) for value in values[: room.items]]
    return [*shown, f"{len(values) - len(shown):,} more"] if len(values) > len(shown) else shown


def _other_targets(targets: list[TargetCoverage]) -> TargetCoverage:
    counts = [target.reported_count for target in targets]
    problems = sum(len(target.problems) for target in targets)
    return TargetCoverage(
        project_id="",
        region=None,
        name=f"{len(targets):,} more projects",
        endpoint="",
        listed=sum(target.listed for target in targets),
        unreadable=sum(target.unreadable for target in targets),
        reported_count=None if None in counts else sum(count for count in counts if count is not None),
        complete=all(target.complete for target in targets),
        not_examined=sum(target.not_examined for target in targets),
        narrowed={},
        problems=[f"{problems:,} problems, for which there is no room here."] if problems else [],
    )
