"""What a run is evidence for: each framework's clauses, the rules behind them, and what was not assessed.

A clause is only ever as good as the worst of what is behind it, be it reported by another rule, and `no_finding` stands
only where every rule behind it was on, had something to judge, came to a decision everywhere, and everything was seen.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from cbr_auditor.cbr.query import hides_resources
from cbr_auditor.control import UNLISTED, Clause, Controls, Framework, split
from cbr_auditor.override import Override
from cbr_auditor.report import RESULTS, ClauseResult, FrameworkResult, RuleResult, TargetCoverage

_NO_RULE = "No rule is behind it."


class Scope(msgspec.Struct, frozen=True):
    """What a run left out as a whole, and for whom."""

    audited: bool
    coverage: Sequence[TargetCoverage]
    overrides: Sequence[Override] = ()
    elsewhere: frozenset[str] = frozenset()
    """Rules that only an override switches on."""

    def limits(self) -> list[str]:
        """What holds for every clause, a sentence each."""
        if not self.audited:
            return ["No audit was made."]
        unseen = [_place(target) for target in self.coverage if not target.complete]
        narrowed = [_place(target) for target in self.coverage if hides_resources(target.narrowed)]
        empty = [_place(target) for target in self.coverage if target.complete and not target.listed]
        sentences = [f"Not everything was seen in {_listed(unseen)}."] if unseen else []
        sentences += [f"The listing of {_listed(narrowed)} was narrowed by setting."] if narrowed else []
        return sentences + ([f"There is no backup in {_listed(empty)}."] if empty else [])

    def silences(self, ident: str) -> bool:
        """Whether overrides keep a rule from judging some."""
        return ident in self.elsewhere or any(
            override.off or (ident in override.rules and override.rules[ident] is None) for override in self.overrides
        )


def assess(
    controls: Controls,
    rules: Sequence[RuleResult],
    off: Mapping[str, Sequence[str]],
    scope: Scope,
    first: Sequence[str] = (),
) -> list[FrameworkResult]:
    """Every framework, the `first` ones first, with what the rules say about its clauses.

    `off` are the controls of the rules that are off. What a rule names and the table does not have stands behind the
    rest.
    """
    behind: dict[str, list[RuleResult]] = {}
    for rule in rules:
        for control in rule.controls:
            behind.setdefault(control, []).append(rule)
    silent: dict[str, list[str]] = {}
    for ident, named in off.items():
        for control in named:
            silent.setdefault(control, []).append(ident)
    limits = scope.limits()
    results = []
    for ident, framework in _with_unlisted(controls, [*behind, *silent]).items():
        clauses = [
            _clause(name, clause, behind.get(key, []), silent.get(key, []), scope, limits)
            for name, clause in framework.clauses.items()
            for key in [f"{ident}:{name}" if ident else name]
        ]
        results.append(
            FrameworkResult(
                id=ident,
                name=framework.name,
                edition=framework.edition,
                source=source(framework),
                note=framework.note,
                results={word: sum(clause.result == word for clause in clauses) for word in RESULTS},
                clauses=clauses,
            )
        )
    return sorted(results, key=lambda result: first.index(result.id) if result.id in first else len(first))


def source(framework: Framework) -> str:
    """The document, who published it, and its edition."""
    if not framework.publisher:
        return framework.document
    return f"{framework.document} ({framework.publisher}, edition {framework.edition})"


def _with_unlisted(controls: Controls, named: Sequence[str]) -> dict[str, Framework]:
    """The table's frameworks, and behind them what it does not have, as the rules write it."""
    frameworks = {
        ident: msgspec.structs.replace(framework, clauses=dict(framework.clauses))
        for ident, framework in controls.frameworks.items()
    }
    for control in sorted(set(named)):
        ident, clause = split(control)
        if ident not in frameworks:
            frameworks[ident] = Framework(ident or "Other controls", "", "", "Named by a rule", "", {})
        frameworks[ident].clauses.setdefault(clause, Clause("", UNLISTED))
    return frameworks


def _clause(
    ident: str, clause: Clause, rules: Sequence[RuleResult], off: Sequence[str], scope: Scope, limits: list[str]
) -> ClauseResult:
    judged = [rule for rule in rules if _has_judged(rule)]
    result = ClauseResult(
        id=ident,
        title=clause.title,
        result="",
        rules=[rule.id for rule in rules],
        rules_off=sorted(off),
        # What another rule reported counts where the clause has no finding of its own: that rule may not be behind it.
        findings=sum(rule.failed for rule in rules) or sum(rule.superseded for rule in rules),
        undecided=sum(rule.unknown for rule in rules),
        errors=sum(rule.errors for rule in rules),
        waived=sum(rule.waived for rule in rules) or sum(rule.superseded_waived for rule in rules),
        not_assessed=list(_not_assessed(clause, rules, off, scope, limits)),
    )
    result.result = _worst(result, judged=bool(judged) and scope.audited)
    return result


def _has_judged(rule: RuleResult) -> bool:
    """Whether there was anything that the rule could judge: no restore is not a fast one."""
    return bool(rule.checked or rule.errors)


def _worst(clause: ClauseResult, *, judged: bool) -> str:
    if clause.findings:
        return "findings"
    if clause.undecided or clause.errors:
        return "undecided"
    if not judged:
        return "not_assessed"
    if clause.waived:
        return "waived"
    return "partly_assessed" if clause.not_assessed else "no_finding"


def _not_assessed(
    clause: Clause, rules: Sequence[RuleResult], off: Sequence[str], scope: Scope, limits: list[str]
) -> Iterator[str]:
    """What is missing for a plain answer, a sentence each."""
    if not rules and not off:
        yield clause.unassessed or _NO_RULE
        return
    if off:
        yield f"Switched off: {', '.join(sorted(off))}."
    if not rules:
        return
    yield from limits
    if not scope.audited:
        return
    for rule in rules:
        if rule.errors:
            yield f"{rule.id} crashed on {rule.counted(rule.errors)}."
        if rule.not_examined:
            yield f"By setting, {rule.id} did not look at {rule.counted(rule.not_examined)}."
        if not _has_judged(rule):
            yield f"{rule.id} had no {rule.nouns[0]} to judge."
        if scope.silences(rule.id):
            yield f"By override, {rule.id} is off for some."


def _place(target: TargetCoverage) -> str:
    return target.name or target.project_id


def _listed(places: list[str]) -> str:
    shown = ", ".join(places[:3])
    return f"{shown} and {len(places) - 3:,} more" if len(places) > 3 else shown
