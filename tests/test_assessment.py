from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.assessment import Scope, assess
from cbr_auditor.control import Clause, Controls, Framework, read_controls
from cbr_auditor.override import Override
from cbr_auditor.report import RESULTS, ClauseResult, FrameworkResult, RuleResult
from tests.fakes import PROJECT, make_coverage, make_rule_result

TABLE = Controls(
    {"B": "backups"},
    {
        "iso": Framework("ISO", "1", "ISO", "Norm", "x", {"A.1": Clause("B", "One"), "A.2": Clause("B", "Two")}),
        "dora": Framework("DORA", "2", "EU", "Act", "x", {"12": Clause("B", "Twelve", "It is a document.")}),
    },
)
WHOLE = Scope(True, [make_coverage()])
NOBODY: dict[str, Any] = dict.fromkeys(("resource", "resource_type", "vault", "vault_tag", "project_id"), ())


def rule(ident: str = "r1", *controls: str, **changes: Any) -> RuleResult:
    return make_rule_result(id=ident, controls=list(controls or ("iso:A.1",)), **{"failed": 0, **changes})


def override(**changes: Any) -> Override:
    return Override(**{"place": "x", "off": False, "rules": {}, **NOBODY, "resource": ("a*",), **changes})


def clause(*rules: RuleResult, off: dict[str, tuple[str, ...]] | None = None, scope: Scope = WHOLE) -> ClauseResult:
    """What becomes of the clause A.1."""
    return assess(TABLE, rules, off or {}, scope)[0].clauses[0]


@pytest.mark.parametrize(
    ("changes", "result", "said"),
    [
        ({}, "no_finding", "no finding"),
        ({"failed": 3}, "findings", "findings: 3"),
        ({"failed": 3, "unknown": 2, "waived": 1, "errors": 1}, "findings", "findings: 3"),
        ({"unknown": 2, "waived": 1}, "undecided", "undecided: 2"),
        ({"errors": 4}, "undecided", "undecided: 4"),
        ({"checked": 0, "errors": 4}, "undecided", "undecided: 4"),
        ({"waived": 2}, "waived", "waived: 2"),
        ({"superseded": 2}, "findings", "findings: 2"),
        ({"superseded": 2, "failed": 1}, "findings", "findings: 1"),
        ({"superseded": 1, "superseded_waived": 1, "waived": 1}, "findings", "findings: 1"),
        ({"superseded_waived": 2}, "waived", "waived: 2"),
        ({"not_examined": 2}, "partly_assessed", "no finding, in part"),
        ({"checked": 0, "not_examined": 2}, "not_assessed", "not assessed"),
        ({"checked": 0}, "not_assessed", "not assessed"),
        ({"checked": 0, "subject": "task"}, "not_assessed", "not assessed"),
    ],
)
def test_a_clause_is_what_its_rule_found(changes: dict[str, Any], result: str, said: str) -> None:
    found = clause(rule(**changes))
    assert (found.result, found.said) == (result, said)


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [
        (Scope(True, [make_coverage(complete=False)]), f"Not everything was seen in {PROJECT}."),
        (Scope(True, [make_coverage(narrowed={"status": ["error"]}, name="x")]), "The listing of x was narrowed"),
        (Scope(True, [make_coverage(), make_coverage(listed=0, name="x")]), "There is no backup in x."),
        (Scope(True, [make_coverage()], [override(off=True)]), "By override, r1 is off for some."),
        (Scope(True, [make_coverage()], [override(rules={"r1": None})]), "By override, r1 is off for some."),
        (Scope(True, [make_coverage()], [], frozenset({"r1"})), "By override, r1 is off for some."),
    ],
)
def test_what_was_left_out_is_said_and_is_never_a_plain_no_finding(scope: Scope, sentence: str) -> None:
    found = clause(rule(), scope=scope)
    assert found.result == "partly_assessed"
    assert found.not_assessed[0].startswith(sentence)
    worse = clause(rule(failed=1), scope=scope)
    assert (worse.result, worse.not_assessed) == ("findings", found.not_assessed)


def test_a_filter_that_adds_to_the_listing_leaves_nothing_out() -> None:
    coverage = make_coverage(narrowed={"show_replication": ["true"]})
    assert clause(rule(), scope=Scope(True, [coverage])).result == "no_finding"


def test_other_options_by_override_leave_nothing_out() -> None:
    assert clause(rule(), scope=Scope(True, [make_coverage()], [override(rules={"r1": {"days": 3}})])).result == (
        "no_finding"
    )


def test_a_rule_that_is_off_is_named() -> None:
    found = clause(rule(), off={"r9": ("iso:A.1",), "r8": ("iso:A.1", "iso:A.2")})
    assert (found.result, found.rules, found.rules_off) == ("partly_assessed", ["r1"], ["r8", "r9"])
    assert found.not_assessed == ["Switched off: r8, r9."]
    assert clause(off={"r9": ("iso:A.1",)}).result == "not_assessed"


def test_a_rule_with_nothing_to_judge_is_named_beside_one_that_had() -> None:
    found = clause(rule("r1"), rule("r2", checked=0, subject="policy"))
    assert (found.result, found.not_assessed) == ("partly_assessed", ["r2 had no policy to judge."])


def test_what_was_not_looked_at_by_setting_is_said() -> None:
    found = clause(rule(not_examined=2))
    assert found.not_assessed == ["By setting, r1 did not look at 2 backups."]


def test_a_clause_without_rules_says_why() -> None:
    iso, dora = assess(TABLE, [], {}, WHOLE)
    assert dora.clauses[0].not_assessed == ["It is a document."]
    assert iso.clauses[0].not_assessed == ["No rule is behind it."]
    assert {each.result for each in (*iso.clauses, *dora.clauses)} == {"not_assessed"}


def test_where_no_audit_was_made_nothing_was_assessed() -> None:
    found = clause(rule(checked=0), scope=Scope(False, [make_coverage(complete=False, listed=0)]))
    assert (found.result, found.not_assessed) == ("not_assessed", ["No audit was made."])


def test_many_projects_are_counted() -> None:
    coverage = [make_coverage(complete=False, name=f"p{number}") for number in range(5)]
    (sentence,) = clause(rule(), scope=Scope(True, coverage)).not_assessed
    assert sentence == "Not everything was seen in p0, p1, p2 and 2 more."


def test_counts_are_those_of_all_rules_and_the_worst_wins() -> None:
    found = clause(rule("r1", failed=1, waived=2), rule("r2", unknown=3), rule("r3", "iso:A.2", failed=9))
    assert (found.findings, found.undecided, found.waived, found.errors) == (1, 3, 2, 0)
    assert (found.result, found.rules) == ("findings", ["r1", "r2"])


def test_a_control_that_only_a_rule_names_is_shown_as_it_stands() -> None:
    results = assess(TABLE, [rule("r1", "ours:4.2", "plain", "iso:A.9", failed=1)], {}, WHOLE)
    assert [(one.id, one.name, [each.id for each in one.clauses]) for one in results] == [
        ("iso", "ISO", ["A.1", "A.2", "A.9"]),
        ("dora", "DORA", ["12"]),
        ("ours", "ours", ["4.2"]),
        ("", "Other controls", ["plain"]),
    ]
    assert [each.result for one in (results[0], *results[2:]) for each in one.clauses[-1:]] == ["findings"] * 3
    assert "A.9" not in TABLE.frameworks["iso"].clauses


def test_the_profiles_frameworks_come_first_in_its_order() -> None:
    assert [one.id for one in assess(TABLE, [], {}, WHOLE, first=("gone", "dora"))] == ["dora", "iso"]


COUNTS = st.fixed_dictionaries(
    {name: st.integers(0, 2) for name in ("checked", "failed", "unknown", "errors", "waived")}
)


@given(
    counts=st.lists(COUNTS, max_size=4),
    off=st.booleans(),
    complete=st.booleans(),
    narrowed=st.booleans(),
)
def test_no_finding_stands_only_where_everything_was_seen_and_decided(
    counts: list[dict[str, int]], off: bool, complete: bool, narrowed: bool
) -> None:
    rules = [rule(f"r{number}", **each) for number, each in enumerate(counts)]
    coverage = make_coverage(complete=complete, narrowed={"status": ["x"]} if narrowed else {})
    found = clause(*rules, off={"r9": ("iso:A.1",)} if off else {}, scope=Scope(True, [coverage]))
    whole = complete and not narrowed and not off and bool(rules)
    clean = all(each["checked"] and not sum(each.values()) - each["checked"] for each in counts)
    assert (found.result == "no_finding") == (whole and clean)
    assert (found.result == "findings") == any(each["failed"] for each in counts)
    assert found.result in RESULTS
    assert found.not_assessed or found.result in {"no_finding", "findings", "undecided", "waived"}


def test_each_framework_counts_its_clauses_by_result() -> None:
    iso = assess(TABLE, [rule(failed=1)], {}, WHOLE)[0]
    assert list(iso.results) == list(RESULTS)
    assert iso.results["findings"] == iso.results["not_assessed"] == 1
    assert iso.said == "1 with findings; 1 not assessed"
    assert iso.source == "Norm (ISO, edition 1)"


def test_our_table_can_be_assessed() -> None:
    results: list[FrameworkResult] = assess(read_controls(Path(__file__).parent.parent / "rules"), [], {}, WHOLE)
    assert len(results) == 12
    assert all(sum(one.results.values()) == len(one.clauses) == one.results["not_assessed"] for one in results)
