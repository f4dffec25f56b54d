"""Accepted findings: counted and listed apart, never gone, and never for ever."""

import json
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbr_auditor.demo import faults
from cbr_auditor.errors import RuleError
from cbr_auditor.finding import Finding
from cbr_auditor.waiver import Waiver, Waivers, read_waivers
from tests.fakes import NOW, PROJECT
from tests.runs import audited, judged, serving
from tests.test_contract import HIGH, LOW, row

TODAY = NOW.date()
RULES = ["backup-error", "backup-not-automatic", "resource-rpo-breach"]
GOOD: dict[str, Any] = {
    "rule": "backup-error",
    "resource": "disk-*",
    "reason": "being replaced",
    "owner": "ops@example.com",
    "expires": TODAY + timedelta(days=30),
}


def read(*tables: Any, longest_days: int = 365) -> list[Waiver]:
    return read_waivers(tables, rules=RULES, today=TODAY, longest_days=longest_days)


def in_force(**changes: Any) -> Waivers:
    return Waivers(read({**GOOD, **changes}), NOW)


def toml(**changes: Any) -> str:
    lines = [f"{key} = {json.dumps(str(value))}" for key, value in {**GOOD, **changes}.items()]
    return "\n".join(["[[waivers]]", *lines, ""])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rule": "backup-eror"}, "Did you mean backup-error?"),
        ({"rule": 7}, "is no text"),
        ({"reason": " "}, "reason = ' ' is no text"),
        ({"owner": None}, "owner = None is no text"),
        ({"resource": []}, "resource"),
        ({"resource": ""}, "Use a text, or a list of texts"),
        ({"expires": "soon"}, "Write it as 2027-03-31"),
        ({"expires": 20270331}, "Write it as 2027-03-31"),
        ({"expires": TODAY + timedelta(days=366)}, f"Choose {TODAY + timedelta(days=365)} or earlier"),
        ({"until": "2027-01-01"}, "there is no key 'until'"),
    ],
)
def test_a_wrong_one_is_refused_with_its_place_and_the_mend(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RuleError) as caught:
        read(GOOD, {**GOOD, **changes})
    assert "[[waivers]] 2" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("key", GOOD)
def test_every_part_of_it_is_mandatory(key: str) -> None:
    with pytest.raises(RuleError, match=f"has no {key}"):
        read({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize(
    "expires", [date(2027, 3, 31), "2027-03-31", datetime(2027, 3, 31, 12, tzinfo=timezone.utc)], ids=str
)
def test_its_end_may_be_written_as_toml_or_json_has_dates(expires: Any) -> None:
    (waiver,) = read({**GOOD, "expires": expires})
    assert waiver.expires == date(2027, 3, 31)


def test_how_far_ahead_it_may_end_is_a_setting() -> None:
    assert read({**GOOD, "expires": TODAY + timedelta(days=10)}, longest_days=10)
    with pytest.raises(RuleError, match="more than 10 days ahead"):
        read({**GOOD, "expires": TODAY + timedelta(days=11)}, longest_days=10)


def test_it_waives_on_its_last_day_and_no_longer() -> None:
    assert in_force(expires=TODAY).match("backup-error", PROJECT, "disk-1")
    assert not in_force(expires=TODAY - timedelta(days=1)).match("backup-error", PROJECT, "disk-1")


def test_it_matches_its_rule_its_resource_and_its_project_alone() -> None:
    waivers = in_force(project_id="p1", resource=["disk-*", "an-id"])
    assert waivers.match("backup-error", "p1", None, "an-id")
    assert not waivers.match("backup-error", "p2", "disk-1")
    assert not waivers.match("backup-not-automatic", "p1", "disk-1")
    assert not waivers.match("backup-error", "p1", "my-disk-1", None)
    assert waivers.all[0].matched == 1


@pytest.mark.parametrize(
    ("days", "decided", "matched", "state"),
    [
        (-1, True, 0, "expired"),
        (0, True, 1, "ending"),
        (14, True, 1, "ending"),
        (15, True, 1, "active"),
        (15, True, 0, "stale"),
        (15, False, 0, "active"),
    ],
)
def test_its_state_tells_whether_somebody_must_act(days: int, decided: bool, matched: int, state: str) -> None:
    (waiver,) = in_force(expires=TODAY + timedelta(days=days)).all
    waiver.decided, waiver.matched = decided, matched
    assert waiver.state == state


def test_a_waived_finding_is_listed_apart_and_does_not_turn_the_verdict(tmp_path: Path) -> None:
    with serving(row(1), row(2, **HIGH)) as endpoint:
        report = audited(tmp_path, endpoint, toml(resource="disk-2"))
    assert report["verdict"] == "pass"
    assert report["findings"] == []
    (waived,) = report["waived"]
    assert (waived["rule"], waived["resource_name"]) == ("backup-error", "disk-2")
    assert waived["waiver"] == {"reason": "being replaced", "owner": "ops@example.com", "expires": "2026-12-23"}
    assert report["summary"]["waived"] == 1
    rule = next(rule for rule in report["rules"] if rule["id"] == "backup-error")
    assert (rule["checked"], rule["failed"], rule["waived"]) == (2, 0, 1)
    assert "being replaced (ops@example.com, until 2026-12-23)" in (tmp_path / "out" / "findings.csv").read_text()
    for name in ("report.html", "report.txt"):
        text = (tmp_path / "out" / name).read_text()
        assert "being replaced" in text
        assert "disk-2" in text


def test_an_expired_one_waives_nothing_and_is_itself_a_finding(tmp_path: Path) -> None:
    with serving(row(1, **HIGH)) as endpoint:
        report = audited(tmp_path, endpoint, toml(expires="2026-11-22"))
    assert report["verdict"] == "fail"
    assert [finding["rule"] for finding in report["findings"]] == ["backup-error", "waiver-expired"]
    assert report["waived"] == []
    assert report["waivers"][0]["state"] == "expired"


def test_one_that_matches_nothing_is_reported_as_stale(tmp_path: Path) -> None:
    with serving(row(1)) as endpoint:
        report = audited(tmp_path, endpoint, toml(resource="gone"))
    assert report["verdict"] == "pass"
    assert [finding["rule"] for finding in report["findings"]] == ["waiver-stale"]
    assert report["waivers"][0]["state"] == "stale"


def test_it_is_not_stale_where_not_everything_was_seen(tmp_path: Path) -> None:
    with serving(row(1), {"id": None}) as endpoint:
        report = audited(tmp_path, endpoint, toml(resource="gone"))
    assert report["verdict"] == "incomplete"
    assert report["findings"] == []


def test_nor_where_its_rule_is_off(tmp_path: Path) -> None:
    with serving(row(1)) as endpoint:
        report = audited(tmp_path, endpoint, toml() + "[rules.backup-error]\nenabled = false\n")
    assert report["findings"] == []


@pytest.mark.parametrize("rule", ["vault-not-locked", "task-failed"])
def test_nor_where_its_rule_could_not_list_what_it_needs(tmp_path: Path, rule: str) -> None:
    with serving(row(1)) as endpoint:
        endpoint.faults.append(faults.without("cbr:vaults:list", "cbr:tasks:list"))
        report = audited(tmp_path, endpoint, toml(rule=rule) + f"[rules.{rule}]\n")
    assert [finding["rule"] for finding in report["findings"]] == [rule]
    assert report["waivers"][0]["state"] == "active"


def test_nor_where_another_rule_reports_what_it_is_for(tmp_path: Path) -> None:
    waiver = toml(rule="resource-rpo-breach", resource="disk-1")
    rules = "[rules.resource-rpo-breach]\n[rules.resource-no-good-backup]\n"
    with serving(row(1, **HIGH)) as endpoint:
        report = audited(tmp_path, endpoint, waiver + rules)
    assert [finding["rule"] for finding in report["findings"]] == ["resource-no-good-backup", "backup-error"]
    assert report["waivers"][0]["state"] == "active"


def test_one_that_ends_within_14_days_is_announced_to_those_who_read(tmp_path: Path) -> None:
    with serving(row(1, **HIGH)) as endpoint:
        audited(tmp_path, endpoint, toml(expires="2026-12-01"))
    for name in ("report.html", "report.txt"):
        assert "8 days" in (tmp_path / "out" / name).read_text(), name


KINDS: list[dict[str, Any]] = [{}, HIGH, LOW, {"encrypted": False}, {"encrypted": None}, {"auto_trigger": None}]


@settings(max_examples=25, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=8),
    rule=st.sampled_from(["backup-error", "backup-not-automatic", "backup-unencrypted"]),
    which=st.integers(0, 8),
)
def test_a_waiver_only_ever_moves_findings(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[dict[str, Any]], rule: str, which: int
) -> None:
    waiver = {"rule": rule, "resource": f"disk-{which}", "reason": "r", "owner": "o", "expires": "2027-01-01"}
    with serving(*(row(number, **changes) for number, changes in enumerate(kinds))) as endpoint:
        before, after = (
            judged(tmp_path_factory.mktemp("run"), endpoint, AUDITOR_WAIVERS=json.dumps(waivers))
            for waivers in ([], [waiver])
        )
    moved = [finding for finding in after if finding.waiver]
    kept = [finding for finding in after if not finding.waiver and finding.rule != "waiver-stale"]
    as_before = kept + [msgspec.structs.replace(finding, waiver=None) for finding in moved]
    assert sorted(before, key=_key) == sorted(as_before, key=_key)
    assert all((finding.rule, finding.resource_name) == (rule, f"disk-{which}") for finding in moved)


def _key(finding: Finding) -> tuple[str, str]:
    return finding.id, finding.outcome
