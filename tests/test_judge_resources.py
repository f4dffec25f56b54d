"""The judge's path for rules about resources: what is said once, whose disks are looked at, what overrides change."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.cbr.records import SERVER, Backup, Disk
from cbr_auditor.errors import AccessError, DeadlineError, ListingError, NotFoundError
from cbr_auditor.finding import Finding
from cbr_auditor.waiver import Waivers
from tests.fakes import NOW, PROJECT, make_backup
from tests.rules.waivers import make_waiver
from tests.test_judge import Court, refuse, server

LAST_GOOD, NO_GOOD = "resource-last-good-expiring", "resource-no-good-backup"
RPO, FEW, REPEATED = "resource-rpo-breach", "resource-too-few-restore-points", "resource-repeated-failures"
DROPPED = "resource-disk-dropped"


def by_rule(findings: list[Finding]) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for finding in findings:
        found.setdefault(finding.rule, []).append(finding.resource_id)
    return found


def failed(hours: float, **changes: Any) -> Backup:
    return make_backup(id=f"failed {hours}", status="error", created_at=NOW - timedelta(hours=hours), **changes)


def test_a_finding_about_a_resource_says_whose_and_since_when(tmp_path: Path) -> None:
    old = make_backup(created_at=NOW - timedelta(days=9))
    (finding,) = Court(tmp_path, RPO).hear(old)
    assert (finding.subject, finding.resource_id, finding.backup_id) == ("resource", old.resource_id, None)
    assert (finding.resource_name, finding.vault_id) == ("test001-02", old.vault_id)
    assert finding.since == NOW - timedelta(days=9)
    assert finding.severity.value == "high"


def test_each_resource_is_checked_once_by_each_rule_about_resources(tmp_path: Path) -> None:
    court = Court(tmp_path, RPO, FEW)
    court.hear(make_backup(id="a"), make_backup(id="b"), make_backup(id="c", resource_id="another"))
    assert (court.tally(RPO).checked, court.tally(FEW).checked) == (2, 2)


def test_a_resource_without_any_good_backup_is_one_problem(tmp_path: Path) -> None:
    court = Court(tmp_path, NO_GOOD, RPO, FEW, REPEATED, "backup-error")
    nights = [failed(hours) for hours in (7, 31, 55, 79)]
    found = by_rule(court.hear(*nights, make_backup(id="other", resource_id="another", status="error")))
    assert sorted(found) == ["backup-error", NO_GOOD]
    assert len(found["backup-error"]) == 5
    for rule in (RPO, FEW, REPEATED):
        tally = court.tally(rule)
        assert (tally.checked, tally.no_problem) == (2, {f"already reported as {NO_GOOD}": 2})


def test_what_is_superseded_is_reported_of_the_other_resources(tmp_path: Path) -> None:
    court = Court(tmp_path, NO_GOOD, RPO)
    old = make_backup(id="old", resource_id="another", created_at=NOW - timedelta(days=9))
    assert by_rule(court.hear(failed(7), old)) == {NO_GOOD: [failed(7).resource_id], RPO: ["another"]}


def test_where_the_superseding_rule_is_off_or_undecided_the_others_speak(tmp_path: Path) -> None:
    assert sorted(by_rule(Court(tmp_path, RPO, FEW).hear(failed(7)))) == [RPO, FEW]
    court = Court(tmp_path, NO_GOOD, RPO)
    found = court.hear(failed(7), make_backup(status="melting"))
    assert {(finding.rule, finding.outcome) for finding in found} >= {(NO_GOOD, "unknown"), (RPO, "fail")}


def test_the_last_good_backup_that_ends_is_not_reported_as_expiring_too(tmp_path: Path) -> None:
    court = Court(tmp_path, LAST_GOOD, "backup-expiring")
    ends = NOW + timedelta(hours=20)
    last = make_backup(id="last", created_at=NOW - timedelta(days=5), expired_at=ends)
    other = make_backup(id="other", resource_id="another", created_at=NOW - timedelta(days=5), expired_at=ends)
    newer = make_backup(id="newer", resource_id="another", created_at=NOW - timedelta(days=6), expired_at=ends)
    found = by_rule(court.hear(last, failed(7), other, newer))
    assert found == {LAST_GOOD: [last.resource_id], "backup-expiring": ["another", "another"]}
    tally = court.tally("backup-expiring")
    assert (tally.checked, tally.no_problem) == (4, {f"already reported as {LAST_GOOD}": 1})


def test_the_last_good_backup_that_ends_later_is_reported_as_expiring(tmp_path: Path) -> None:
    court = Court(tmp_path, LAST_GOOD, "backup-expiring")
    found = court.hear(make_backup(expired_at=NOW + timedelta(hours=48)))
    assert [finding.rule for finding in found] == ["backup-expiring"]
    assert court.tally(LAST_GOOD).failed == 0


def test_an_undecided_last_good_backup_leaves_expiring_its_word(tmp_path: Path) -> None:
    court = Court(tmp_path, LAST_GOOD, "backup-expiring")
    manual = make_backup(expired_at=NOW + timedelta(hours=20), auto_trigger=False)
    found = court.hear(manual, unseen="the rest")
    assert {(finding.rule, finding.outcome) for finding in found} == {
        (LAST_GOOD, "unknown"),
        ("backup-expiring", "fail"),
    }


def test_a_waived_finding_is_not_said_again_by_another_rule(tmp_path: Path) -> None:
    waivers = Waivers([make_waiver(rule=NO_GOOD, resource=("test001-02",))], NOW)
    court = Court(tmp_path, NO_GOOD, RPO, waivers=waivers)
    (finding,) = court.hear(failed(7))
    assert (finding.rule, finding.waiver is not None) == (NO_GOOD, True)
    assert (court.tally(NO_GOOD).waived, court.tally(RPO).failed) == (1, 0)


CHAIN = '''"""Chained.

It is. Mend it.
"""
from cbr_auditor.rule import Resource, Severity
severity = Severity.HIGH
controls = ()
reference = ""
supersedes = {supersedes}
def check(resource: Resource) -> str | None:
    return "found"
'''


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ({"a": ("b",), "b": ("c",), "c": ()}, ["resource-a", "resource-c"]),
        ({"c": ("b",), "b": ("a",), "a": ()}, ["resource-a", "resource-c"]),
        ({"c": ("a", "b"), "b": ("a",), "a": ()}, ["resource-c"]),
        ({"a": ("a",)}, ["resource-a"]),
    ],
)
def test_a_rule_is_asked_behind_all_that_supersede_it(
    tmp_path: Path, chain: dict[str, tuple[str, ...]], expected: list[str]
) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    for name, others in chain.items():
        named = tuple(f"resource-{other}" for other in others)
        (folder / f"resource_{name}.py").write_text(CHAIN.format(supersedes=named))
    assert sorted(by_rule(Court(tmp_path, rules=folder).hear(make_backup()))) == expected


def test_of_two_that_supersede_each_other_one_speaks(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    for name, other in (("a", "b"), ("b", "a")):
        (folder / f"resource_{name}.py").write_text(CHAIN.format(supersedes=(f"resource-{other}",)))
    assert len(Court(tmp_path, rules=folder).hear(make_backup())) == 1


def hold(**disks: int) -> Callable[[str], Backup]:
    """Details that show so many disks of each backup."""
    return lambda ident: make_backup(
        id=ident, resource_type=SERVER, children=[Disk(id=f"d{number}") for number in range(disks[ident])]
    )


def test_the_disks_of_the_two_newest_good_backups_are_compared(tmp_path: Path) -> None:
    court = Court(tmp_path, DROPPED)
    backups = [
        server("oldest", 99),
        server("newest", 3),
        server("previous", 27),
        server("failed", 1, status="error"),
        server("ended", 2, expired_at=NOW - timedelta(hours=1)),
    ]
    (finding,) = court.hear(*backups, detail=hold(newest=2, previous=3))
    assert finding.message == "the newest good backup holds 2 disks, the one before held 3"
    assert sorted(court.asked) == ["newest", "previous"]
    assert court.judge.not_examined == 0


def test_a_detail_that_another_rule_asked_for_is_not_asked_for_again(tmp_path: Path) -> None:
    court = Court(tmp_path, DROPPED, "backup-unencrypted", "backup-disk-failed")
    court.hear(server("new", 1), server("old", 25), detail=hold(new=2, old=2))
    assert sorted(court.asked) == ["new", "old"]


def test_a_server_with_one_good_backup_needs_no_detail(tmp_path: Path) -> None:
    assert Court(tmp_path, DROPPED).hear(server("only", 1), failed(9, resource_type=SERVER)) == []


@pytest.mark.parametrize("setting", ["newest", "all"])
def test_whatever_the_setting_two_details_are_enough_for_it(tmp_path: Path, setting: str) -> None:
    court = Court(tmp_path, DROPPED, server_disks=setting)
    nights = [server(f"n{night}", 24 * night) for night in range(9)]
    court.hear(*nights, detail=hold(n0=2, n1=2))
    assert sorted(court.asked) == ["n0", "n1"]


def test_where_disks_are_not_looked_at_by_setting_nothing_is_judged_and_that_is_counted(tmp_path: Path) -> None:
    court = Court(tmp_path, DROPPED, server_disks="none")
    assert court.hear(server("new", 1), server("old", 25)) == []
    assert court.asked == []
    tally = court.tally(DROPPED)
    assert (tally.checked, tally.unknown, tally.not_examined) == (0, 0, 1)
    assert tally.no_problem == {"its disks were not looked at, by setting": 1}


def test_a_server_without_disks_in_its_detail_has_not_lost_them(tmp_path: Path) -> None:
    court = Court(tmp_path, DROPPED)
    (finding,) = court.hear(server("new", 1), server("old", 25), detail=hold(new=0, old=2))
    assert (finding.outcome, "a detail shows none" in finding.message) == ("unknown", True)


@pytest.mark.parametrize(
    ("error", "late"),
    [
        (NotFoundError("cbr answered 404"), 0),
        (AccessError("cbr answered 403", "Grant it.", 403), 0),
        (DeadlineError("the time was used up"), 2),
    ],
)
def test_disks_that_cannot_be_looked_at_are_unknown_with_the_reason(
    tmp_path: Path, error: ListingError, late: int
) -> None:
    court = Court(tmp_path, DROPPED)
    (finding,) = court.hear(server("new", 1), server("old", 25), detail=refuse(error))
    assert (finding.outcome, finding.resource_id) == ("unknown", server("new", 1).resource_id)
    assert error.what in finding.message
    assert court.judge.out_of_time == late


def test_many_servers_are_looked_at_in_turn(tmp_path: Path) -> None:
    court = Court(tmp_path, DROPPED)
    rows = [server(f"{age}-{each}", age, resource_id=f"s{each}") for each in range(200) for age in (1, 25)]

    def fetch(ident: str) -> Backup:
        return hold(**{ident: 1 if ident == "1-77" else 2})(ident)

    assert [finding.resource_id for finding in court.hear(*rows, detail=fetch)] == ["s77"]
    assert len(court.asked) == len(set(court.asked)) == 400


def test_overrides_decide_by_resource_what_a_rule_asks(tmp_path: Path) -> None:
    overrides: list[dict[str, Any]] = [
        {"resource": ["db-*"], "rules": {RPO: {"max_age_hours": 4}}},
        {"resource": ["sandbox-*"], "enabled": False},
        {"resource": ["db-test"], "rules": {RPO: {"enabled": False}}},
    ]
    court = Court(tmp_path, RPO, "backup-error", overrides=overrides)
    names = ("db-1", "db-test", "sandbox-1", "web-1")
    rows = [make_backup(id=name, resource_id=name, resource_name=name) for name in names]
    rows += [make_backup(id="old", resource_id="old", resource_name="web-2", created_at=NOW - timedelta(days=9))]
    rows += [failed(1, resource_id="sandbox-1", resource_name="sandbox-1")]
    assert by_rule(court.hear(*rows)) == {RPO: ["db-1", "old"]}
    assert (court.tally(RPO).checked, court.tally("backup-error").checked) == (3, 4)


def test_an_override_that_switches_the_superseding_rule_off_lets_the_others_speak(tmp_path: Path) -> None:
    off = [{"resource": ["test001-02"], "rules": {NO_GOOD: {"enabled": False}}}]
    court = Court(tmp_path, NO_GOOD, RPO, overrides=off)
    other = failed(9, resource_id="another", resource_name="web-1")
    assert by_rule(court.hear(failed(7), other)) == {NO_GOOD: ["another"], RPO: [failed(7).resource_id]}


def test_an_override_of_disks_costs_no_requests_for_what_is_off(tmp_path: Path) -> None:
    off = [{"resource": ["web-*"], "rules": {DROPPED: {"enabled": False}}}]
    court = Court(tmp_path, DROPPED, overrides=off)
    rows = [server("new", 1, resource_name="web-1"), server("old", 25, resource_name="web-1")]
    assert court.hear(*rows) == []
    assert court.tally(DROPPED).checked == 0


def test_a_rule_about_resources_that_breaks_costs_its_own_verdict_on_that_resource(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "resource_broken.py").write_text(CHAIN.format(supersedes=()).replace('"found"', "1 / 0"))
    court = Court(tmp_path, rules=folder)
    assert court.hear(make_backup(), make_backup(id="b2", resource_id="another")) == []
    tally = court.tally("resource-broken")
    assert (tally.errors, tally.checked) == (2, 0)


def test_siblings_of_a_resource_that_may_exist_unseen_make_its_rules_unknown(tmp_path: Path) -> None:
    old = make_backup(created_at=NOW - timedelta(days=9))
    (finding,) = Court(tmp_path, RPO).hear(old, unseen="the newer backups that could not be listed")
    assert finding.outcome == "unknown"
    assert "the newer backups that could not be listed" in finding.message


def test_how_a_resource_of_another_project_is_backed_up_is_its_own_business(tmp_path: Path) -> None:
    old = make_backup(created_at=NOW - timedelta(days=9), project_id="another-project")
    court = Court(tmp_path / "asked", RPO, "backup-not-automatic", asks_shared=True)
    assert court.hear(old) == []
    assert court.tally(RPO).no_problem == {"it belongs to another project, which shares its backups": 1}
    own = make_backup(id="own", created_at=NOW - timedelta(days=8), project_id=PROJECT)
    assert list(by_rule(Court(tmp_path / "mixed", RPO, asks_shared=True).hear(old, own))) == [RPO]
    # Nobody asked for what others share: so it is ours, whatever its project_id says.
    assert list(by_rule(Court(tmp_path / "ours", RPO).hear(old))) == [RPO]


def test_the_last_good_backup_that_ends_is_not_also_one_too_few(tmp_path: Path) -> None:
    last = make_backup(expired_at=NOW + timedelta(hours=20))
    assert list(by_rule(Court(tmp_path, LAST_GOOD, FEW, "backup-expiring").hear(last))) == [LAST_GOOD]
