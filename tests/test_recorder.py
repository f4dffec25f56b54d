from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.catalogue import load_rules
from cbr_auditor.cbr.reading import as_backup
from cbr_auditor.cbr.records import Backup, ListedBackup
from cbr_auditor.files import write_findings
from cbr_auditor.recorder import CRASHES, Recorder
from cbr_auditor.resource import Resource
from cbr_auditor.rule import NoProblem, Rule, Unknown
from cbr_auditor.spool import FindingSpool
from cbr_auditor.waiver import Waiver, Waivers
from tests.fakes import NOW, PROJECT, make_backup

OURS = Path(__file__).parent.parent / "rules"
RULES = [
    rule
    for rule in load_rules([OURS])
    if rule.id in {"backup-error", "backup-expiring", "backup-overdue", "backup-not-automatic"}
    or rule.id in {"resource-rpo-breach", "resource-single-vault"}
]
TEXTS = st.none() | st.sampled_from(["web-01", "b\u00fcro", "a,b", "=1", 'a"b', "a\nb", ""])
BACKUPS = st.fixed_dictionaries(
    {
        "name": TEXTS,
        "resource_name": TEXTS,
        "vault_id": TEXTS,
        "created_at": st.none() | st.datetimes().map(lambda time: time.replace(tzinfo=NOW.tzinfo)),
        "expired_at": st.none() | st.just(NOW),
    }
)
OUTCOMES = st.sampled_from(["it failed", "it failed, twice", "=it\nfailed", "x" * 600, Unknown("status")])


def subject_of(rule: Rule, ident: str, changes: dict[str, Any]) -> Backup | Resource:
    """What the rule is about, with these values as far as it has them."""
    if rule.subject == "backup":
        return make_backup(id=ident, **changes)
    vault_id, newest = changes["vault_id"], changes["created_at"]
    vault_ids = (vault_id,) if vault_id else ("v1", "v2")
    return Resource(ident, changes["resource_name"], changes["name"], vault_ids=vault_ids, newest_available_at=newest)


def files_of(folder: Path, found: list[Any], run: int, *, rows: bool) -> tuple[bytes, bytes]:
    spool = FindingSpool(folder, run)
    recorder = Recorder(RULES, project_id=PROJECT, region="eu-de", findings=spool)
    if not rows:
        recorder._keep_rows = lambda *_: False  # type: ignore[method-assign]  # the other way
    for number, (index, changes, outcome) in enumerate(found):
        recorder.settle(index, subject_of(RULES[index], f"b{number % 5}", changes), outcome)
    with (folder / "f.json").open("wb") as listing:
        heads = write_findings(spool, folder / "f.csv", listing)
    assert sum(tally.failed for tally in recorder.tallies) == sum(isinstance(outcome, str) for *_, outcome in found)
    assert len(heads.top) == sum(tally.failed for tally in recorder.tallies)
    return (folder / "f.csv").read_bytes(), (folder / "f.json").read_bytes()


@given(
    found=st.lists(st.tuples(st.integers(0, len(RULES) - 1), BACKUPS, OUTCOMES), max_size=12),
    run=st.sampled_from([1, 3, 1000]),
)
def test_the_files_are_the_same_whether_findings_are_kept_as_rows_or_whole(
    tmp_path_factory: pytest.TempPathFactory, found: list[Any], run: int
) -> None:
    folder = tmp_path_factory.mktemp("kept")
    (folder / "whole").mkdir()
    assert files_of(folder, found, run, rows=True) == files_of(folder / "whole", found, run, rows=False)


REST: dict[str, Any] = {
    "resource_id": "r",
    "resource_name": "web-01",
    "resource_type": "OS::Cinder::Volume",
    "vault_id": "v",
}
LISTED_TIMES = st.none() | st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))  # noqa: DTZ001


@given(
    rows=st.lists(
        st.builds(
            ListedBackup,
            id=st.sampled_from(["a", "b"]),
            status=st.just("error"),
            name=TEXTS,
            resource_id=st.just("r"),
            resource_name=TEXTS,
            resource_type=st.just("OS::Cinder::Volume"),
            vault_id=TEXTS,
            created_at=LISTED_TIMES,
            updated_at=LISTED_TIMES,
            expired_at=LISTED_TIMES,
        ),
        max_size=6,
    ),
    outcome=OUTCOMES,
    since=st.sampled_from([None, "created_at", "updated_at", "expired_at"]),
    soonest=st.sampled_from([None, "created_at", "expired_at"]),
)
def test_a_backup_is_kept_as_listed_as_it_is_when_it_was_built(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[ListedBackup],
    outcome: Any,
    since: str | None,
    soonest: str | None,
) -> None:
    folder, files = tmp_path_factory.mktemp("kept"), []
    rules = [msgspec.structs.replace(RULES[0], since=since, soonest=soonest)]
    for build in (as_backup, lambda row: row):
        spool = FindingSpool(folder)
        recorder = Recorder(rules, project_id=PROJECT, region=None, findings=spool)
        assert recorder.takes_listed == [True]
        for row in rows:
            recorder.settle(0, build(row), outcome)
        with (folder / "f.json").open("wb") as listing:
            write_findings(spool, folder / "f.csv", listing)
        files.append(((folder / "f.csv").read_bytes(), (folder / "f.json").read_bytes()))
    assert files[0] == files[1]


@pytest.mark.parametrize(
    "outcome",
    ["it failed", "it failed, twice", "=it\nfailed", Unknown("status"), NoProblem("good"), 5, "", Unknown(what=None)],  # type: ignore[arg-type]
)
@pytest.mark.parametrize("waived", [False, True])
@pytest.mark.parametrize("supersedes", [(), ("backup-overdue",), ("task-failed",)])
@pytest.mark.parametrize("since", [None, "created_at", "listed_at"])
def test_many_are_settled_together_as_each_is_alone(
    tmp_path: Path, outcome: Any, waived: bool, supersedes: tuple[str, ...], since: str | None
) -> None:
    rule = msgspec.structs.replace(RULES[0], id="backup-x", supersedes=supersedes, since=since)
    overdue = next(rule for rule in RULES if rule.id == "backup-overdue")
    rows = [
        ListedBackup(
            id=f"b{number}",
            status="error",
            name=name,
            created_at=NOW.replace(tzinfo=None, hour=number),
            **REST,
        )
        for number, name in enumerate(["web", None, "=1", "a,b", "web"])
    ]
    results = []
    for together in (False, True):
        spool = FindingSpool(tmp_path)
        waivers = Waivers([Waiver("backup-x", ("web-01",), "agreed", "me", NOW.date())], NOW) if waived else None
        recorder = Recorder([rule, overdue], project_id=PROJECT, region=None, findings=spool, waivers=waivers)
        if together:
            recorder.settle_alike(0, rows, outcome)
        else:
            for row in rows:
                try:
                    recorder.settle(0, row, outcome)
                except CRASHES as problem:
                    recorder.crashed(0, as_backup(row), problem)
        said = [recorder.said_already(1, row.id) for row in rows]
        with (tmp_path / "f.json").open("wb") as listing:
            write_findings(spool, tmp_path / "f.csv", listing)
        results.append((recorder.tallies, said, (tmp_path / "f.csv").read_bytes(), (tmp_path / "f.json").read_bytes()))
    assert results[0] == results[1]
    found = isinstance(outcome, str) and outcome != ""
    assert results[0][1] == [found and supersedes == ("backup-overdue",)] * 5


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_no_waiver_accepts_is_what_silences_others(tmp_path: Path, order: tuple[int, int]) -> None:
    one = msgspec.structs.replace(RULES[0], id="backup-x", supersedes=("backup-overdue",))
    other = msgspec.structs.replace(one, id="backup-y")
    overdue = next(rule for rule in RULES if rule.id == "backup-overdue")
    waivers = Waivers([Waiver("backup-y", ("test001-02",), "agreed", "me", NOW.date())], NOW)
    recorder = Recorder(
        [one, other, overdue], project_id=PROJECT, region=None, findings=FindingSpool(tmp_path), waivers=waivers
    )
    for index in order:
        recorder.settle(index, make_backup(id="b"), "it failed")
    recorder.settle_alike(0, [make_backup(id="b")], "it failed")
    assert recorder.said_already(2, "b")
    tally = recorder.tallies[2]
    assert (tally.superseded, tally.superseded_waived) == (1, 0)
    assert tally.no_problem == {"already reported as backup-x": 1}


@pytest.mark.parametrize("changes", [{"since": "listed_at"}, {"soonest": "protected_at"}, {"since": "resource_size"}])
def test_a_rule_that_tells_a_time_which_no_list_shows_needs_the_backup(tmp_path: Path, changes: dict[str, str]) -> None:
    rules = [msgspec.structs.replace(RULES[0], **changes), RULES[0]]
    recorder = Recorder(rules, project_id=PROJECT, region=None, findings=FindingSpool(tmp_path))
    assert recorder.takes_listed == [False, True]


def test_a_usual_finding_is_kept_as_a_row(tmp_path: Path) -> None:
    spool = FindingSpool(tmp_path)
    recorder = Recorder(RULES, project_id=PROJECT, region="eu-de", findings=spool)
    recorder.settle(0, make_backup(), "it failed")
    ((_, (record,)),) = spool.parts()
    assert isinstance(record[5], str)


def test_one_bad_name_is_kept_whole_and_the_others_beside_it_as_rows(tmp_path: Path) -> None:
    spool = FindingSpool(tmp_path)
    recorder = Recorder(RULES, project_id=PROJECT, region="eu-de", findings=spool)
    backups = [make_backup(id=f"b{number}", name=name) for number, name in enumerate(["web", "=1", "a,b", None, "db"])]
    recorder.settle_alike(0, backups, "it failed")
    ((_, records),) = spool.parts()
    assert {record[2]: isinstance(record[5], str) for record in records} == {
        "b0": True,
        "b1": False,
        "b2": False,
        "b3": False,
        "b4": True,
    }
    assert {finding.subject_id: finding.backup_name for finding in spool} == {
        backup.id: backup.name for backup in backups
    }
    assert recorder.tallies[0].failed == 5


def test_a_rule_that_is_ordered_by_a_time_which_no_backup_has_keeps_its_findings(tmp_path: Path) -> None:
    spool = FindingSpool(tmp_path)
    rules = [msgspec.structs.replace(RULES[0], soonest="newest_at")]
    recorder = Recorder(rules, project_id=PROJECT, region=None, findings=spool)
    recorder.settle_alike(0, [make_backup(id="b"), make_backup(id="a")], "it failed")
    recorder.settle(0, make_backup(id="c"), "it failed")
    assert [finding.subject_id for finding in spool] == ["a", "b", "c"]
    assert (recorder.tallies[0].failed, recorder.tallies[0].errors) == (3, 0)


@pytest.mark.parametrize("together", [False, True])
def test_where_the_disk_is_full_no_finding_is_lost_and_the_rule_is_no_longer_trusted(
    tmp_path: Path, together: bool
) -> None:
    spool = FindingSpool(tmp_path, run=4)
    (tmp_path / "findings").mkdir()  # what is no file cannot be written
    recorder = Recorder(RULES, project_id=PROJECT, region=None, findings=spool)
    backups = [make_backup(id=f"b{number}") for number in range(6)]
    if together:
        recorder.settle_alike(0, backups, "it failed")
    else:
        for backup in backups:
            recorder.settle(0, backup, "it failed")
    (tmp_path / "findings").rmdir()
    assert len(list(spool)) == recorder.tallies[0].failed == 6
    assert recorder.tallies[0].errors > 0


def test_many_messages_are_not_shared_and_none_is_lost(tmp_path: Path) -> None:
    spool = FindingSpool(tmp_path)
    recorder = Recorder(RULES, project_id=PROJECT, region="eu-de", findings=spool)
    for number in range(500):
        recorder.settle(0, make_backup(id=f"{number:03}"), f"it failed {number} times")
    assert [finding.message for finding in spool] == [f"it failed {number} times" for number in range(500)]
    assert len(spool.series) < 100
    assert all(isinstance(record[5], str) for _, records in spool.parts() for record in records)


def test_a_long_message_is_cut_and_not_remembered(tmp_path: Path) -> None:
    spool = FindingSpool(tmp_path)
    recorder = Recorder(RULES, project_id=PROJECT, region="eu-de", findings=spool)
    recorder.settle(0, make_backup(), "x" * 100_000)
    assert [len(finding.message) for finding in spool] == [500]
    assert [series.message for series in spool.series] == [""]


def test_a_region_that_must_be_quoted_is(tmp_path: Path) -> None:
    spool = FindingSpool(tmp_path)
    recorder = Recorder(RULES, project_id=PROJECT, region='a,"b', findings=spool)
    recorder.settle(0, make_backup(), "it failed")
    with (tmp_path / "f.json").open("wb") as listing:
        write_findings(spool, tmp_path / "f.csv", listing)
    assert '"a,""b"' in (tmp_path / "f.csv").read_text()
    (item, _) = (tmp_path / "f.json").read_text().split("\n]")
    assert msgspec.json.decode(item)["region"] == 'a,"b'
