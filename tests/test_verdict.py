"""The verdict table of the public contract, as far as it is decided from numbers."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cbr_auditor.audit import Audit
from cbr_auditor.errors import AccessError
from cbr_auditor.recorder import Tally
from cbr_auditor.rule import Rule, Severity, load_rule
from cbr_auditor.verdict import Verdict, decide, summarise
from tests.fakes import make_coverage

BASE = load_rule(Path(__file__).parent.parent / "rules" / "backup_error.py")


def rule(severity: Severity) -> Rule:
    return msgspec.structs.replace(BASE, id=f"x-{severity.value}", severity=severity)


def verdict(
    findings: dict[str, int] | None = None,
    *,
    unknown: int = 0,
    errors: int = 0,
    fail_on: str = "high",
    coverage: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> Verdict:
    rules = [rule(severity) for severity in Severity]
    tallies = [Tally(failed=(findings or {}).get(each.severity.value, 0)) for each in rules]
    tallies[2].unknown, tallies[2].errors = unknown, errors
    fields: dict[str, Any] = {"resources": 31, "audited": True, "empty": [], "refusals": [], **changes}
    targets = [make_coverage(**each) for each in coverage or [{}]]
    audit = Audit(rules, tallies, targets, **fields)
    return decide(audit, summarise(audit), Severity(fail_on))


UNSEEN = [{"complete": False, "problems": ["x"]}]


@pytest.mark.parametrize(
    ("case", "word", "complete"),
    [
        ({}, "pass", True),
        ({"findings": {"info": 3}}, "pass", True),
        ({"findings": {"low": 1}}, "warn", True),
        ({"findings": {"medium": 1, "low": 4}}, "warn", True),
        ({"unknown": 1}, "warn", True),
        ({"findings": {"high": 1}}, "fail", True),
        ({"findings": {"critical": 1}}, "fail", True),
        ({"empty": ["No backup in project p: ?"], "coverage": [{"listed": 0}]}, "warn", True),
        ({"coverage": UNSEEN}, "incomplete", False),
        ({"coverage": UNSEEN, "unknown": 5, "findings": {"medium": 2}}, "incomplete", False),
        ({"coverage": UNSEEN, "findings": {"high": 1}}, "fail", False),
        ({"coverage": [{}, *UNSEEN]}, "incomplete", False),
        ({"coverage": UNSEEN, "audited": False}, "incomplete", False),
        ({"errors": 1}, "incomplete", False),
        ({"errors": 1, "findings": {"high": 1}}, "fail", False),
        ({"fail_on": "critical", "findings": {"high": 9}}, "warn", True),
        ({"fail_on": "low", "findings": {"low": 1}}, "fail", True),
        ({"fail_on": "info", "findings": {"info": 1}}, "fail", True),
    ],
)
def test_the_verdict_is_the_contracts(case: dict[str, Any], word: str, complete: bool) -> None:
    result = verdict(**case)
    assert (result.word, result.complete) == (word, complete)


@pytest.mark.parametrize(
    "case", [{"unknown": 1}, {"findings": {"low": 1}}, {"coverage": UNSEEN}, {"errors": 1}, {"empty": ["p"]}]
)
def test_every_verdict_but_pass_has_a_reason(case: dict[str, Any]) -> None:
    assert verdict(**case).reasons
    assert not verdict().reasons


def test_an_empty_project_asks_whether_it_is_the_right_one() -> None:
    result = verdict(empty=["No backup in project p1: is it the right one?"], coverage=[{"listed": 0}])
    assert "No backup in project p1: is it the right one?" in result.reasons
    assert "is it the right one?" in result.headline


def test_no_audit_says_so_first_and_why() -> None:
    refusal = AccessError("cbr answered 403", "Grant it.", 403)
    result = verdict(audited=False, coverage=[{"complete": False, "listed": 0}], refusals=[refusal])
    assert result.reasons[0] == "No audit was made."
    assert result.headline == "no audit was made: cbr answered 403"


def test_the_headline_counts_what_decides_the_verdict() -> None:
    assert verdict({"critical": 1, "high": 2, "low": 7}).headline == "1 critical, 2 high findings in 204 backups"
    assert verdict({"high": 1}).headline == "1 high finding in 204 backups"
    assert verdict().headline == "204 backups of 31 protected resources, nothing to do"


def test_a_missing_permission_is_said_where_it_leaves_checks_undecided() -> None:
    missing = {"cbr:vaults:list", "cbr:tasks:list"}
    said = verdict(unknown=5, missing_actions=missing)
    assert (said.word, said.complete) == ("warn", True)
    assert said.reasons == [
        "5 checks could not be decided.",
        "Not granted, so rules are undecided: cbr:tasks:list, cbr:vaults:list.",
    ]
    assert verdict(missing_actions=missing).word == "pass"  # a waiver accepts what is undecided
