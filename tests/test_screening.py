"""The short way of judging gives what the long way gives, whatever the list shows."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbr_auditor.cbr.reading import as_backup
from cbr_auditor.cbr.records import SERVER, Backup, ExtendInfo, ListedBackup, ReplicationRecord
from cbr_auditor.plan import Plan
from cbr_auditor.resource import Resource
from cbr_auditor.rule import Needs, NoProblem, Outcome, Unknown
from cbr_auditor.screening import Open, Screening
from cbr_auditor.waiver import Waiver, Waivers
from tests.fakes import NOW, PROJECT, asking
from tests.test_judge import Court, disks

NAIVE = NOW.replace(tzinfo=None)
HOUR = timedelta(hours=1)


def row(**changes: Any) -> ListedBackup:
    """A healthy backup as the list shows it."""
    fields: dict[str, Any] = {
        "id": "b1",
        "status": "available",
        "name": "autobk_1",
        "created_at": NAIVE - timedelta(hours=7),
        "updated_at": NAIVE - timedelta(hours=6),
        "expired_at": NAIVE + timedelta(days=31),
        "resource_id": "r1",
        "resource_name": "erp-db",
        "resource_type": "OS::Cinder::Volume",
        "resource_size": 40,
        "vault_id": "v1",
        "project_id": PROJECT,
        "extend_info": ExtendInfo(auto_trigger=True, encrypted=True),
        "children": (),
    }
    return ListedBackup(**{**fields, **changes})


def usually(value: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Mostly the first value, so that most backups are ordinary and the others stand between them."""
    return st.sampled_from([value] * 8 + list(others))


@st.composite
def listed(draw: st.DrawFn, number: int) -> ListedBackup:
    created = draw(usually(timedelta(hours=number), *(timedelta(hours=hours) for hours in (-30, 0, 2, 60)), None))
    kept = draw(
        usually(
            timedelta(days=31),
            *(timedelta(days=days) for days in (-1, 1, 2, 29, 30, 400, 401)),
            timedelta(days=30) - HOUR / 2,
            timedelta(days=400) + HOUR / 2,
            None,
        )
    )
    begin = NAIVE - timedelta(days=draw(st.sampled_from([1, 2, 25, 31, 95])))

    def at(time: timedelta | None) -> Any:
        return None if time is None else begin + time

    return row(
        id=f"b{number:02}",
        status=draw(usually("available", "error", "protecting", "restoring", "waiting_delete", "melting")),
        name=draw(usually("autobk", "by hand", None)),
        created_at=at(created),
        updated_at=at(None if created is None else created + draw(usually(HOUR, timedelta(days=99))))
        if draw(usually(True, False))
        else None,
        expired_at=at(None if kept is None else (created or timedelta()) + kept),
        resource_id=draw(st.sampled_from(["r1", "r1", "r1", "r2", "r3"])),
        resource_name=draw(usually("erp-db", "erp-db-old", None)),
        resource_type=draw(usually("OS::Cinder::Volume", SERVER, None)),
        resource_size=draw(usually(40, 80, None)),
        vault_id=draw(usually("v1", "v2", "", None)),
        project_id=draw(usually(PROJECT, "another", None)),
        image_type=draw(usually("backup", "replication", None)),
        extend_info=draw(
            usually(
                ExtendInfo(auto_trigger=True, encrypted=True, supported_restore_mode="backup"),
                ExtendInfo(auto_trigger=False, encrypted=True),
                ExtendInfo(auto_trigger=True, encrypted=False),
                ExtendInfo(auto_trigger=True, encrypted=True, supported_restore_mode="na"),
                ExtendInfo(contain_system_disk=False),
                None,
            )
        ),
        replication_records=draw(usually((), None, (ReplicationRecord(status="success", destination_region="b"),))),
    )


@st.composite
def lists(draw: st.DrawFn) -> list[ListedBackup]:
    return [draw(listed(number)) for number in range(draw(st.integers(0, 14)))]


def judged(rows: Sequence[ListedBackup | Backup], **options: Any) -> tuple[Any, ...]:
    """What a judge of every rule finds, counts and remembers."""
    with tempfile.TemporaryDirectory() as folder:
        court = Court(Path(folder), **options)
        for start in range(0, len(rows), 5):
            court.judge.take(rows[start : start + 5])
        court.judge.finish(
            asking(lambda ident: Backup(ident, "available", children=[])), dict, unseen=lambda resource_id: None
        )
        findings = list(court.spool)
    resources = {
        ident: {
            **msgspec.structs.asdict(resource),
            "automatic_at": dict(resource.automatic_at),
            "lasting": sorted(resource.lasting),
        }
        for ident, resource in court.judge.resources.items()
    }
    return findings, court.recorder.tallies, resources, court.judge.not_examined


@settings(max_examples=150)
@given(lists(), st.booleans(), st.booleans())
def test_a_row_is_judged_as_the_whole_backup_is(
    rows: list[ListedBackup], asks_replication: bool, asks_shared: bool
) -> None:
    options = {"asks_replication": asks_replication, "asks_shared": asks_shared}
    assert judged(rows, **options) == judged([as_backup(row) for row in rows], **options)


@st.composite
def servers(draw: st.DrawFn) -> list[ListedBackup]:
    """Backups of servers, which mostly do not say whether they are encrypted: that is what their disks tell."""
    info = usually(
        ExtendInfo(auto_trigger=True),
        ExtendInfo(auto_trigger=False),
        ExtendInfo(encrypted=False),
        ExtendInfo(auto_trigger=True, contain_system_disk=False),
        ExtendInfo(auto_trigger=True, contain_system_disk=True),
    )
    return [msgspec.structs.replace(each, resource_type=SERVER, extend_info=draw(info)) for each in draw(lists())]


@settings(max_examples=100)
@given(
    rows=servers(),
    server_disks=st.sampled_from(["newest", "newest", "all", "none"]),
    only=st.sampled_from(
        [
            ("backup-unencrypted",),
            ("backup-unencrypted", "backup-not-automatic", "backup-error"),
            ("backup-unencrypted", "resource-no-good-backup"),
            ("backup-system-disk-missing",),
            ("backup-unencrypted", "backup-system-disk-missing"),
        ]
    ),
    most=st.sampled_from([1, 2, 1_000]),
)
def test_the_disks_of_the_same_backups_are_looked_at(
    rows: list[ListedBackup], server_disks: str, only: tuple[str, ...], most: int
) -> None:
    heard = []
    for backups in (rows, [as_backup(row) for row in rows]):
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr("cbr_auditor.intake._MOST_NEWEST", most)
            court = Court(Path(folder), *only, server_disks=server_disks)
            for start in range(0, len(backups), 5):
                court.judge.take(backups[start : start + 5])
            court.judge.finish(asking(partial(detail_of, court)), dict, unseen=lambda resource_id: None, in_flight=1)
            heard.append((sorted(court.asked), list(court.spool), court.recorder.tallies, court.judge.not_examined))
    assert heard[0] == heard[1]


def detail_of(court: Court, ident: str) -> Backup:
    court.asked.append(ident)
    return disks(ident != "b03")(ident)


def test_of_a_server_only_the_newest_backup_waits(tmp_path: Path) -> None:
    court = Court(tmp_path, "backup-unencrypted", "backup-not-automatic")
    info = ExtendInfo(auto_trigger=False)
    rows = [
        row(id=f"b{hours:02}", created_at=NAIVE - timedelta(hours=hours), resource_type=SERVER, extend_info=info)
        for hours in range(30, 0, -1)
    ]
    kept: list[Any] = []
    court.judge._waiting.add = kept.append  # type: ignore[assignment,method-assign]
    court.judge.take(rows)
    assert kept == []
    court.judge.finish(asking(disks(True)), dict, unseen=lambda resource_id: None)
    assert [backup.id for _, _, backup in kept] == ["b01"]
    assert court.judge.not_examined == 29
    assert [tally.failed for tally in court.recorder.tallies] == [0, 30]
    assert [tally.checked for tally in court.recorder.tallies] == [1, 30]


@pytest.mark.parametrize("server_disks", ["newest", "none", "all"])
def test_of_what_a_rule_finds_in_the_newest_alone_only_the_newest_waits(tmp_path: Path, server_disks: str) -> None:
    court = Court(tmp_path, "backup-system-disk-missing", server_disks=server_disks)
    info = ExtendInfo(auto_trigger=True, contain_system_disk=False)
    rows = [
        row(id=f"b{hours:02}", created_at=NAIVE - timedelta(hours=hours), resource_type=SERVER, extend_info=info)
        for hours in range(30, 0, -1)
    ]
    kept: list[Any] = []
    add = court.judge._waiting.add
    court.judge._waiting.add = lambda waiting: kept.append(waiting) or add(waiting)  # type: ignore[func-returns-value,method-assign]
    court.judge.take(rows)
    court.judge.finish(asking(disks(True)), dict, unseen=lambda resource_id: None)
    assert [backup.id for _, _, backup in kept] == ["b01"]
    assert [finding.backup_id for finding in court.spool] == ["b01"]
    assert (court.tally("backup-system-disk-missing").checked, court.judge.not_examined) == (30, 0)


@st.composite
def odd(draw: st.DrawFn, number: int) -> ListedBackup | Backup:
    """A backup with a text or a time that is seldom seen, or one that was read with care as it cannot be read whole."""
    backup = draw(listed(number))
    for field in draw(st.sets(st.sampled_from(["name", "resource_name", "resource_type", "vault_id", "resource_id"]))):
        setattr(
            backup, field, draw(usually(getattr(backup, field), "", None, "=x", "a\nb", "\x07", "a,b", "a;-b", '"'))
        )
    if draw(usually(False, True)):
        backup.created_at = NAIVE - timedelta(days=2)
    if draw(usually(False, True)):
        backup.expired_at = NAIVE + timedelta(microseconds=draw(st.integers(-1, 1)))
    if draw(usually(True, False)):
        return backup
    whole = as_backup(backup)
    whole.unreadable = tuple(sorted(draw(st.sets(st.sampled_from(["created_at", "expired_at", "extend_info"])))))
    for field in {"created_at", "expired_at"} & set(whole.unreadable):
        setattr(whole, field, None)
    return whole


@st.composite
def odd_lists(draw: st.DrawFn) -> list[ListedBackup | Backup]:
    rows = [draw(odd(number)) for number in range(draw(st.integers(0, 14)))]
    return draw(st.sampled_from([rows, rows[::-1], sorted(rows, key=lambda row: row.resource_id or "")]))


def accepted() -> Waivers:
    ends = (NOW + timedelta(days=30)).date()
    rules = ("backup-unencrypted", "backup-error", "backup-not-automatic", "resource-no-good-backup")
    return Waivers([Waiver(rule, ("erp-db", "b0?", "r2"), "agreed", "me", ends) for rule in rules], NOW)


@settings(max_examples=60)
@given(odd_lists(), st.booleans(), st.booleans(), st.sampled_from(["newest", "all", "none"]))
def test_a_row_is_judged_as_the_whole_backup_is_among_odd_ones_and_under_waivers(
    rows: list[ListedBackup | Backup], asks_replication: bool, asks_shared: bool, server_disks: str
) -> None:
    options = {"asks_replication": asks_replication, "asks_shared": asks_shared, "server_disks": server_disks}
    whole = [msgspec.structs.replace(as_backup(row)) for row in rows]
    by_row, by_whole = accepted(), accepted()
    assert judged(rows, waivers=by_row, **options) == judged(whole, waivers=by_whole, **options)
    assert [waiver.matched for waiver in by_row.all] == [waiver.matched for waiver in by_whole.all]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param([{"id": "b2"}, {"id": "b1"}, {"id": "b0"}], id="made at one moment"),
        pytest.param([{"id": "b0"}, {"id": "b1"}, {"id": "b2"}], id="made at one moment, by their ids"),
        pytest.param(
            [{"expired_at": None}, {"id": "b2", "created_at": NAIVE - HOUR}], id="kept for ever, and one that is not"
        ),
        pytest.param(
            [{"resource_type": None}, {"id": "b2", "created_at": NAIVE - HOUR}], id="the second one tells the type"
        ),
        pytest.param(
            [{"vault_id": "v2"}, {"id": "b2", "created_at": NAIVE - HOUR}], id="in vaults that are not in order"
        ),
        pytest.param(
            [{}, {"id": "b2", "created_at": NAIVE - HOUR, "status": "error"}], id="a failure is newer than all others"
        ),
        pytest.param(
            [{}, {"id": "b2", "created_at": NAIVE - HOUR, "status": "error", "resource_name": "a"}, {"id": "b3"}],
            id="a failure knows another name",
        ),
    ],
)
def test_rare_neighbours_are_remembered_as_whole_backups_are(changes: list[dict[str, Any]]) -> None:
    rows = [row(**each) for each in changes]
    assert judged(rows) == judged([as_backup(row) for row in rows])


@given(lists())
def test_a_row_is_judged_as_the_whole_backup_is_under_overrides(rows: list[ListedBackup]) -> None:
    overrides = [
        {"resource": "erp-db", "rules": {"backup-expiring": {"within_days": 40}}},
        {"vault": "v2", "enabled": False},
    ]
    assert judged(rows, overrides=overrides) == judged([as_backup(row) for row in rows], overrides=overrides)


def test_ordinary_backups_are_remembered_without_being_built() -> None:
    resource = Resource("r1", "erp-db", "OS::Cinder::Volume", listed_at=NOW)
    assert all(
        resource.follow(row(id=f"b{number}", created_at=NAIVE - timedelta(hours=9 - number)), NAIVE)
        for number in range(9)
    )
    resource.settle()
    assert (resource.good, resource.newest_available) == (9, "b8")
    assert resource.previous_good is not None
    assert resource.previous_good.backup_id == "b7"


def swallows(backup: Backup) -> Outcome:
    """Reads all of the backup, and takes a failure for an answer."""
    try:
        return str(msgspec.structs.asdict(backup)["name"])
    except AttributeError:
        return None


def compares(backup: Backup) -> Outcome:
    with suppress(TypeError):
        return "the one" if backup == as_backup(row()) else None
    return None


class Asked:
    """A rule that remembers how often it was asked."""

    def __init__(self, answer: Callable[[Backup], Outcome]) -> None:
        self.times = 0
        self._answer = answer

    def __call__(self, backup: Backup) -> Outcome:
        self.times += 1
        return self._answer(backup)


def screening(*checks: Callable[[Backup], Outcome]) -> Screening:
    plan = Plan({}, list(enumerate(checks)), [], {}, ())
    return Screening(plan, NOW, PROJECT, {Needs.DISKS: 1, Needs.REASON: 2}, [True] * len(checks))


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        (lambda backup: None, None),
        (lambda backup: None if backup.status == "available" else "bad", None),
        (lambda backup: "bad" if backup.auto_trigger else None, Open(((0, "bad", None),), (), is_known=True)),
        (
            lambda backup: Unknown("more") if backup.encrypted else None,
            Open(((0, Unknown("more"), None),), (), is_known=True),
        ),
        (lambda backup: NoProblem("good"), Open(((0, NoProblem("good"), None),), (), is_known=True)),
        (lambda backup: Needs.REASON if backup.reason is None else None, Open((), (), rules=1, needs=2)),
        (
            lambda backup: "bad" if backup.times_agree and backup.hours_kept else None,
            Open(((0, "bad", None),), (), is_known=True),
        ),
    ],
)
def test_a_rule_that_reads_the_shape_alone_is_asked_once(answer: Callable[[Backup], Outcome], left: Open) -> None:
    rule = Asked(answer)
    screen = screening(rule)
    assert [screen.open([row(id=ident, name=ident)])[0] for ident in ("b1", "b2", "b3")] == [left] * 3
    assert rule.times == (2 if screen._is_long else 1)  # once more when the shape became a long one


@pytest.mark.parametrize(
    "answer",
    [
        lambda backup: None if backup.name else "unnamed",
        lambda backup: None if backup.created_at < NOW else "early",
        lambda backup: getattr(backup, "vault_id", None),
        lambda backup: str(msgspec.structs.asdict(backup)),
        repr,
        lambda backup: None if backup == as_backup(row()) else "another",
        lambda backup: None if msgspec.structs.replace(backup, name="") else "another",
        lambda backup: 1 / 0,
        lambda backup: backup.no_such_thing,
        swallows,
        compares,
    ],
)
def test_a_rule_that_looks_further_is_asked_about_every_backup(answer: Callable[[Backup], Outcome]) -> None:
    screen = screening(answer)
    for ident in ("b1", "b2", "b3"):
        assert screen.open([row(id=ident, name=ident)])[0] == Open(((0, None, answer),), ())


@pytest.mark.parametrize(
    ("attribute", "changes"),
    [
        ("status", {"status": "error"}),
        ("is_server", {"resource_type": SERVER}),
        ("auto_trigger", {"extend_info": ExtendInfo(auto_trigger=False, encrypted=True)}),
        ("encrypted", {"extend_info": ExtendInfo(auto_trigger=True, encrypted=False)}),
        ("supported_restore_mode", {"extend_info": ExtendInfo(supported_restore_mode="na")}),
        ("contain_system_disk", {"extend_info": ExtendInfo(contain_system_disk=False)}),
        ("days_left", {"expired_at": NAIVE + timedelta(days=30)}),
        ("project_id", {"project_id": "another"}),
        ("image_type", {"image_type": "replication"}),
        ("incremental", {"incremental": True}),
        ("incremental", {"extend_info": ExtendInfo(auto_trigger=True, encrypted=True, incremental=True)}),
        ("days_old", {"created_at": NAIVE - timedelta(days=1, hours=7)}),
        ("days_old", {"created_at": None}),
        ("hours_kept", {"expired_at": NAIVE + timedelta(days=31, hours=1)}),
        ("times_agree", {"updated_at": NAIVE + timedelta(seconds=1)}),
    ],
)
def test_whatever_belongs_to_the_shape_tells_two_shapes_apart(attribute: str, changes: dict[str, Any]) -> None:
    rule = Asked(lambda backup: f"it is {getattr(backup, attribute)}")
    screen = screening(rule)
    for each in [row(), row(**changes)] * 2:
        left = screen.open([each])[0]
        assert left is not None
        assert [answer for _, answer, _ in left.at_once] == [f"it is {getattr(whole(each), attribute)}"]


@pytest.mark.parametrize(
    "good",
    [
        row(created_at=NAIVE),
        row(updated_at=NAIVE),
        row(expired_at=NAIVE - timedelta(hours=7)),  # at once
    ],
)
def test_times_that_agree_just_so_are_of_another_shape_than_those_that_do_not(good: ListedBackup) -> None:
    bad = msgspec.structs.replace(good, updated_at=NAIVE + HOUR)
    screen = screening(lambda backup: None if backup.times_agree else "bad")
    for _ in range(2):
        assert screen.open([good])[0] is None
        assert screen.open([bad])[0] == Open(((0, "bad", None),), (), is_known=True)


def whole(listed: ListedBackup) -> Backup:
    return msgspec.structs.replace(as_backup(listed), listed_at=NOW, listed_in=PROJECT)


def test_a_shape_stays_long_once_a_rule_has_read_more_of_it() -> None:
    screen = screening(lambda backup: f"{backup.project_id} {backup.status}", lambda backup: backup.status)
    assert screen.open([row(project_id="another")])[0] != screen.open([row()])[0]


def test_a_rule_knows_in_which_list_the_backup_stood() -> None:
    screen = screening(lambda backup: None if backup.project_id == backup.listed_in else "another's")
    assert screen.open([row()])[0] is None


def test_what_is_no_outcome_is_no_pass() -> None:
    screen = screening(lambda backup: "")
    assert screen.open([row()])[0] == Open(((0, "", None),), (), is_known=True)


def judging(candidate: Callable[[Backup], bool] | None) -> Screening:
    return Screening(Plan({}, [], [(0, candidate)], {}, ()), NOW, PROJECT, {}, [True])


class Undecided:
    """What is neither yes nor no, as an array of several numbers."""

    def __bool__(self) -> bool:
        raise ValueError("neither")


def test_a_rule_without_a_candidate_waits_for_the_siblings_of_every_backup() -> None:
    assert judging(None).open([row()])[0] == Open((), (), rules=1)


def test_a_candidate_that_says_neither_yes_nor_no_is_asked_about_every_backup() -> None:
    def candidate(backup: Backup) -> Any:  # as the shape demands
        return Undecided()

    assert judging(candidate).open([row()])[0] == Open((), ((0, candidate),))


def test_whoever_traces_the_program_does_so_afterwards_too() -> None:
    def trace(*_: object) -> None:
        return None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        screening(lambda backup: None if backup.status else "bad").open([row()])
        assert sys.gettrace() is trace
    finally:
        sys.settrace(before)


def test_shapes_that_differ_are_asked_apart() -> None:
    rule = Asked(lambda backup: None if backup.status == "available" and backup.hours_kept != 5 else "bad")
    screen = screening(rule)
    bad = Open(((0, "bad", None),), (), is_known=True)
    short = row(expired_at=NAIVE - timedelta(hours=2), created_at=NAIVE - timedelta(hours=7))
    for _ in range(3):
        assert screen.open([row(status="error")])[0] == bad
        assert screen.open([row()])[0] is None
        assert screen.open([short])[0] == bad
    assert rule.times == 5  # two answers were forgotten when it became known how much the rule reads


def test_no_more_shapes_are_remembered_than_fit() -> None:
    rule = Asked(lambda backup: None)
    screen = screening(rule)
    for number in range(5_000):
        left = screen.open([row(status=f"status-{number}")])[0]
    assert left == screen.everything
    assert rule.times == 4_096
    assert screen.open([row(status="status-7")])[0] is None


def test_a_shape_of_long_texts_is_not_remembered() -> None:
    rule = Asked(lambda backup: None)
    screen = screening(rule)
    assert screen.open([row(status="x" * 2_000)])[0] == screen.everything
    assert rule.times == 0


def test_each_backup_is_counted_once_under_overrides_too(tmp_path: Path) -> None:
    override = {"resource": "erp-db", "rules": {"backup-expiring": {"within_days": 40}}}
    court = Court(tmp_path, "backup-error", "backup-expiring", overrides=[override])
    court.judge.take([row(id="b1"), row(id="b2", resource_name="web", resource_id="r2"), row(id="b3")])
    court.judge.finish(asking(lambda ident: Backup(ident, "available")), dict, unseen=lambda resource_id: None)
    assert court.tally("backup-error").checked == 3


@pytest.mark.parametrize(("project", "shared"), [(PROJECT, 0), (None, 0), ("another", 1)])
def test_only_what_names_another_project_is_shared(tmp_path: Path, project: str | None, shared: int) -> None:
    court = Court(tmp_path, "backup-error", asks_shared=True)
    court.judge.take([row(project_id=project)])
    assert court.judge.resources["r1"].shared == shared
