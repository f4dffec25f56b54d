from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.catalogue import load_rules
from cbr_auditor.cbr.pending import Pending
from cbr_auditor.cbr.records import SERVER, Backup, Disk, ExtendInfo
from cbr_auditor.details import Details
from cbr_auditor.errors import AccessError, DeadlineError, ListingError, NotFoundError
from cbr_auditor.finding import Finding
from cbr_auditor.judge import Judge
from cbr_auditor.override import read_overrides
from cbr_auditor.plan import Plans
from cbr_auditor.recorder import Recorder
from cbr_auditor.spool import BackupSpool, FindingSpool
from cbr_auditor.waiver import Waivers
from tests.fakes import NOW, PROJECT, asking, make_backup
from tests.test_rule import EIGHT

OURS = Path(__file__).parent.parent / "rules"
SOON = NOW + timedelta(days=2)


class Court:
    """A judge over some rules, with what it found."""

    def __init__(
        self,
        folder: Path,
        *only: str,
        rules: Path = OURS,
        overrides: list[dict[str, Any]] | None = None,
        waivers: Waivers | None = None,
        **options: Any,
    ) -> None:
        self.rules = [rule for rule in load_rules([rules]) if not only or rule.id in only]
        self.spool = FindingSpool(folder)
        self.recorder = Recorder(self.rules, project_id=PROJECT, region="eu-de", findings=self.spool, waivers=waivers)
        read = read_overrides(overrides or [], {rule.id: rule for rule in self.rules})
        plans = Plans(self.rules, read, PROJECT, {})
        self.judge = Judge(self.recorder, plans, now=NOW, waiting=BackupSpool(folder / "waiting"), **options)
        self.asked: list[str] = []

    def hear(
        self,
        *backups: Backup,
        detail: Callable[[str], Backup] | None = None,
        unseen: str | None = None,
        reasons: Callable[[], dict[str, str]] = dict,
    ) -> list[Finding]:
        def fetch(backup_id: str) -> Backup:
            self.asked.append(backup_id)
            if detail is None:
                raise AssertionError(backup_id)
            return detail(backup_id)

        self.judge.take(list(backups))
        self.judge.finish(asking(fetch), reasons, unseen=lambda resource_id: unseen)
        return list(self.spool)

    def tally(self, ident: str) -> Any:
        return next(tally for rule, tally in zip(self.rules, self.recorder.tallies, strict=True) if rule.id == ident)


def server(ident: str, hours: float, **changes: Any) -> Backup:
    fields = {"resource_type": SERVER, "encrypted": None, "created_at": NOW - timedelta(hours=hours)}
    return make_backup(id=ident, **{**fields, **changes})


def disks(*encrypted: bool | None) -> Callable[[str], Backup]:
    children = [
        Disk(id=f"d{number}", resource_name=f"vol-{number}", extend_info=ExtendInfo(encrypted=value))
        for number, value in enumerate(encrypted)
    ]
    return lambda backup_id: make_backup(id=backup_id, resource_type=SERVER, encrypted=None, children=children)


def refuse(error: ListingError) -> Callable[[str], Backup]:
    def fetch(backup_id: str) -> Backup:
        raise error

    return fetch


def test_a_healthy_backup_has_no_finding_and_is_checked_by_every_rule(tmp_path: Path) -> None:
    court = Court(tmp_path, *EIGHT)
    assert court.hear(make_backup()) == []
    assert {tally.checked for tally in court.recorder.tallies} == {1}


def test_a_finding_says_what_when_and_whose(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-error")
    (finding,) = court.hear(make_backup(status="error", created_at=NOW - timedelta(hours=7, microseconds=5)))
    assert finding.rule == "backup-error"
    assert finding.outcome == "fail"
    assert finding.severity.value == "high"
    assert finding.message == "the backup failed"
    assert finding.since == (NOW - timedelta(hours=7, seconds=1))
    assert (finding.project_id, finding.region) == (PROJECT, "eu-de")
    assert finding.backup_name == "autobk_b629"


def test_a_findings_id_is_the_same_every_day_and_another_for_another_backup(tmp_path: Path) -> None:
    ids = []
    for number, ident in enumerate(["a", "a", "b"]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (finding,) = Court(folder, "backup-error").hear(make_backup(id=ident, status="error", name=str(number)))
        ids.append(finding.id)
    assert ids[0] == ids[1] != ids[2]


def test_only_the_newest_available_backup_of_a_server_is_examined(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unencrypted")
    found = court.hear(
        server("old", 49), server("new", 1), server("mid", 25), server("failed", 0, status="error"), detail=disks(False)
    )
    assert court.asked == ["new"]
    assert [finding.backup_id for finding in found] == ["new"]
    assert "vol-0" in found[0].message
    assert court.judge.not_examined == 3
    assert court.tally("backup-unencrypted").checked == 1


def test_each_server_has_its_own_newest(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unencrypted")
    court.hear(server("a", 1, resource_id="s1"), server("b", 9, resource_id="s2"), detail=disks(True))
    assert sorted(court.asked) == ["a", "b"]
    assert court.judge.not_examined == 0


def test_the_newest_one_whose_own_key_tells_needs_no_detail_and_no_older_one_takes_its_place(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unencrypted")
    found = court.hear(server("old", 9), server("new", 1, encrypted=False))
    assert court.asked == []
    assert [finding.backup_id for finding in found] == ["new"]
    assert court.judge.not_examined == 1


@pytest.mark.parametrize(
    "changes",
    [{"created_at": None}, {"resource_id": None}, {"status": "protecting"}, {"status": "error"}],
    ids=["no age", "no resource", "unfinished", "failed"],
)
def test_a_server_backup_that_nothing_newer_stands_for_is_examined_itself(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    court = Court(tmp_path, "backup-unencrypted")
    (finding,) = court.hear(server("a", 1, **changes), detail=disks(False))
    assert "vol-0" in finding.message
    assert court.judge.not_examined == 0


@pytest.mark.parametrize(
    "detail",
    [
        lambda ident: make_backup(
            id="another", resource_type=SERVER, encrypted=None, children=disks(True)("x").children
        ),
        lambda ident: make_backup(id=ident, resource_type=SERVER, encrypted=True, unreadable=("children",)),
    ],
    ids=["another backup's", "unreadable disks"],
)
def test_a_detail_that_tells_nothing_is_not_trusted(tmp_path: Path, detail: Callable[[str], Backup]) -> None:
    court = Court(tmp_path, "backup-unencrypted")
    (finding,) = court.hear(server("a", 1, encrypted=True), detail=detail)
    assert finding.outcome == "unknown"


def test_a_detail_that_is_wanted_twice_is_asked_for_once_at_a_time() -> None:
    asked: list[str] = []
    dropped: list[str] = []

    def ask(backup_id: str) -> Pending[Backup]:
        asked.append(backup_id)
        return Pending(lambda: disks(True)(backup_id), lambda: dropped.append(backup_id))

    details = Details(ask, 2)
    for backup_id in ("a", "a", "b", "c"):
        details.ask(backup_id)
    assert asked == ["a", "b"]
    backup = make_backup(id="a")
    assert not details.complete(backup)
    assert backup.children
    details.close()
    assert asked == ["a", "b", "c"]
    assert dropped == ["b", "c"]


def test_to_look_at_details_ends_with_a_refusal() -> None:
    asked: list[str] = []
    refusal = AccessError("403", "", 403)

    def ask(backup_id: str) -> Pending[Backup]:
        asked.append(backup_id)
        return Pending(lambda: refuse(refusal)(backup_id), look=lambda: refusal if backup_id == "b" else None)

    details = Details(ask, 1)
    for backup_id in "abcd":
        details.ask(backup_id)
    details.look()
    assert asked == ["a", "b"]
    assert not details.complete(make_backup(id="b"))
    assert details.refused is refusal
    details.look()
    assert asked == ["a", "b"]


def test_details_are_asked_for_side_by_side_however_far_apart_they_stand(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unencrypted")
    under_way: list[str] = []
    most = []

    def ask(backup_id: str) -> Pending[Backup]:
        court.asked.append(backup_id)
        under_way.append(backup_id)
        most.append(len(under_way))
        return Pending(lambda: disks(True)(backup_id), look=lambda: under_way.remove(backup_id))

    rows = [server(f"{each}-{age}", age, resource_id=str(each)) for each in range(8) for age in range(200, 0, -1)]
    court.judge.take(rows)
    court.judge.finish(ask, dict, unseen=lambda resource_id: None, in_flight=4)
    assert list(court.spool) == []
    assert len(court.asked) == 8
    assert max(most) == 4
    assert court.judge.not_examined == 8 * 199


def test_a_backup_that_the_list_held_twice_ends_no_run(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unencrypted")
    found = court.hear(server("a", 1), server("a", 1), detail=disks(False))
    assert {finding.backup_id for finding in found} == {"a"}


def test_all_server_backups_are_examined_where_set(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unencrypted", server_disks="all")
    assert court.hear(server("a", 1), server("b", 2, status="error"), detail=disks(True, True)) == []
    assert sorted(court.asked) == ["a", "b"]
    assert court.judge.not_examined == 0


def test_none_is_examined_where_set_and_it_is_neither_finding_nor_unknown(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unencrypted", server_disks="none")
    assert court.hear(server("a", 1), server("b", 2)) == []
    assert court.judge.not_examined == 2
    assert (court.tally("backup-unencrypted").checked, court.tally("backup-unencrypted").unknown) == (0, 0)


def test_the_details_own_key_counts_too(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unencrypted")
    found = court.hear(server("a", 1), detail=lambda ident: server(ident, 1, encrypted=False))
    assert [finding.message for finding in found] == ["the backup is not encrypted"]


def test_a_detail_that_is_gone_is_unknown_with_the_reason(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unencrypted")
    (finding,) = court.hear(server("a", 1), detail=refuse(NotFoundError("cbr answered 404")))
    assert finding.outcome == "unknown"
    assert finding.since is None
    assert "cbr answered 404" in finding.message


def test_after_a_refusal_no_further_detail_is_asked_for(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unencrypted")
    servers = [server(f"b{number}", 1, resource_id=f"s{number}") for number in range(200)]
    found = court.hear(*servers, detail=refuse(AccessError("cbr answered 403", "Grant it.", 403)))
    assert len(found) == 200
    assert {finding.outcome for finding in found} == {"unknown"}
    assert len(court.asked) < 200
    assert court.judge.out_of_time == 0


def test_the_deadline_leaves_the_rest_unknown_and_counts_it(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unencrypted")
    servers = [server(f"b{number}", 1, resource_id=f"s{number}") for number in range(100)]
    found = court.hear(*servers, detail=refuse(DeadlineError("the time was used up")))
    assert len(found) == 100
    assert court.judge.out_of_time == 100


def test_a_rule_that_knows_siblings_sees_those_that_came_later(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-expiring")
    old = make_backup(id="old", created_at=NOW - timedelta(days=5), expired_at=SOON)
    assert court.hear(old, make_backup(id="new", expired_at=NOW + timedelta(days=9))) == []
    tally = court.tally("backup-expiring")
    assert (tally.checked, tally.failed) == (2, 0)
    assert sum(tally.no_problem.values()) == 1


def test_siblings_of_another_resource_do_not_count(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-expiring")
    old = make_backup(id="old", created_at=NOW - timedelta(days=5), expired_at=SOON)
    other = make_backup(id="new", resource_id="another", expired_at=None)
    assert [finding.backup_id for finding in court.hear(old, other)] == ["old"]


def test_siblings_that_may_exist_unseen_make_it_unknown(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-expiring")
    (finding,) = court.hear(make_backup(expired_at=SOON), unseen="the newer backups that could not be listed")
    assert finding.outcome == "unknown"


def test_a_backup_without_a_resource_has_no_siblings_that_one_could_know(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-expiring")
    first = make_backup(id="a", resource_id=None, expired_at=SOON)
    newer = make_backup(id="b", resource_id=None, created_at=NOW, expired_at=None)
    (finding,) = court.hear(first, newer)
    assert finding.outcome == "unknown"
    assert "resource_id" in finding.message
    assert court.judge.resources == {}


def test_the_reason_of_a_failure_is_looked_up_once_for_all(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-error")
    calls = []

    def reasons() -> dict[str, str]:
        calls.append(1)
        return {"a": "BackupService.6114 the vault is full"}

    found = court.hear(make_backup(id="a", status="error"), make_backup(id="b", status="error"), reasons=reasons)
    assert [finding.message for finding in found] == [
        "the backup failed: BackupService.6114 the vault is full",
        "the backup failed",
    ]
    assert calls == [1]


def test_no_reason_is_asked_for_where_nothing_failed(tmp_path: Path) -> None:
    def reasons() -> dict[str, str]:
        raise AssertionError

    assert Court(tmp_path, "backup-error").hear(make_backup(), reasons=reasons) == []


def test_reasons_that_cannot_be_had_are_noted_once_and_the_findings_stand(tmp_path: Path) -> None:
    def reasons() -> dict[str, str]:
        raise AccessError("cbr answered 403", "Grant cbr:tasks:list.", 403)

    court = Court(tmp_path, "backup-error")
    found = court.hear(make_backup(id="a", status="error"), make_backup(id="b", status="error"), reasons=reasons)
    assert [finding.message for finding in found] == ["the backup failed"] * 2
    assert len(court.judge.notes) == 1
    assert "cbr:tasks:list" in court.judge.notes[0]


BROKEN = '''"""Broken.

It is. Mend it.
"""
from cbr_auditor.rule import Backup, NoProblem, Resource, Severity
severity = Severity.HIGH
controls = ()
reference = ""
def check(backup: Backup{more}) -> str | None:
    {body}
'''


@pytest.mark.parametrize("more", ["", ", resource: Resource"])
@pytest.mark.parametrize(
    "body",
    [
        "raise KeyError(backup.name)",
        "raise SystemExit(0)",
        "return 3",
        "return ''",
        "return True",
        "return NoProblem(['x'])",
        "1 / 0",
        "raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})()",
    ],
)
def test_a_rule_that_breaks_costs_its_own_verdict_on_that_record(tmp_path: Path, more: str, body: str) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "backup_broken.py").write_text(BROKEN.format(more=more, body=body))
    court = Court(tmp_path, rules=folder)
    assert court.hear(make_backup(), make_backup(id="b2")) == []
    tally = court.tally("backup-broken")
    assert (tally.errors, tally.checked, tally.failed) == (2, 0, 0)
    assert make_backup().id in tally.error_examples[0]


def test_messages_are_on_one_line(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unknown-status")
    (finding,) = court.hear(make_backup(status="a\nb\x1b[31m\u202ec"))
    assert finding.message == "the status a b [31m c is not documented"
