from datetime import timedelta

import pytest

from cbr_auditor.rule import NoProblem, Unknown
from tests.fakes import NOW, make_backup
from tests.rules.conftest import Judge, load

WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)
SOON = NOW + timedelta(days=2)


@pytest.mark.parametrize("left", [timedelta(0), SECOND, timedelta(days=3), WEEK - SECOND])
def test_an_available_backup_that_ends_within_the_days_is_found(judge: Judge, left: timedelta) -> None:
    outcome = judge("backup-expiring", make_backup(expired_at=NOW + left))
    assert isinstance(outcome, str)
    assert f"{NOW + left:%Y-%m-%d at %H:%M} UTC" in outcome


@pytest.mark.parametrize("left", [-SECOND, WEEK, timedelta(days=400), -timedelta(days=400)])
def test_one_that_ends_later_or_has_ended_is_not(judge: Judge, left: timedelta) -> None:
    assert judge("backup-expiring", make_backup(expired_at=NOW + left)) is None


def test_no_expiry_is_no_expiry(judge: Judge) -> None:
    assert judge("backup-expiring", make_backup(expired_at=None)) is None


@pytest.mark.parametrize("status", ["error", "protecting", "deleting", "melting"])
def test_a_backup_that_is_not_available_is_not(judge: Judge, status: str) -> None:
    assert judge("backup-expiring", make_backup(status=status, expired_at=SOON)) is None


def test_an_expiry_that_cannot_be_read_is_unknown(judge: Judge) -> None:
    backup = make_backup(expired_at=None, unreadable=("expired_at",))
    assert judge("backup-expiring", backup) == Unknown("expired_at")


@pytest.mark.parametrize("kept", [timedelta(days=5), None])
def test_a_newer_backup_that_is_kept_longer_supersedes_it(judge: Judge, kept: timedelta | None) -> None:
    newer = make_backup(id="newer", created_at=NOW, expired_at=kept and NOW + kept)
    outcome = judge("backup-expiring", make_backup(expired_at=SOON), newer)
    assert isinstance(outcome, NoProblem)


@pytest.mark.parametrize(
    "sibling",
    [
        {"created_at": NOW, "expired_at": SOON},
        {"created_at": NOW, "expired_at": NOW + timedelta(days=1)},
        {"created_at": NOW - timedelta(days=9), "expired_at": NOW + timedelta(days=90)},
        {"created_at": NOW - timedelta(hours=7), "expired_at": NOW + timedelta(days=90)},
        {"created_at": NOW, "expired_at": NOW + timedelta(days=90), "status": "error"},
        {"created_at": NOW, "expired_at": None, "status": "protecting"},
    ],
    ids=["same end", "earlier end", "older", "same age", "failed", "unfinished"],
)
def test_other_siblings_do_not_supersede_it(judge: Judge, sibling: dict[str, object]) -> None:
    outcome = judge("backup-expiring", make_backup(expired_at=SOON), make_backup(id="other", **sibling))
    assert isinstance(outcome, str)
    assert "no newer backup outlasts it" in outcome


def test_an_old_long_kept_backup_does_not_hide_that_a_newer_one_supersedes(judge: Judge) -> None:
    monthly = make_backup(id="m", created_at=NOW - timedelta(days=20), expired_at=NOW + timedelta(days=300))
    nightly = make_backup(id="n", created_at=NOW, expired_at=NOW + timedelta(days=10))
    outcome = judge("backup-expiring", make_backup(expired_at=SOON), nightly, monthly)
    assert isinstance(outcome, NoProblem)


def test_a_manual_backup_is_found_although_superseded(judge: Judge) -> None:
    newer = make_backup(id="newer", created_at=NOW, expired_at=None)
    assert isinstance(judge("backup-expiring", make_backup(expired_at=SOON, auto_trigger=False), newer), str)


@pytest.mark.parametrize("auto_trigger", [True, None])
def test_one_that_is_not_known_to_be_manual_may_be_superseded(judge: Judge, auto_trigger: bool | None) -> None:
    newer = make_backup(id="newer", created_at=NOW, expired_at=None)
    backup = make_backup(expired_at=SOON, auto_trigger=auto_trigger)
    assert isinstance(judge("backup-expiring", backup, newer), NoProblem)


def test_include_rotation_reports_superseded_ones_too(judge: Judge) -> None:
    newer = make_backup(id="newer", created_at=NOW, expired_at=None)
    assert isinstance(judge("backup-expiring", make_backup(expired_at=SOON), newer, include_rotation=True), str)


def test_within_days_moves_the_boundary(judge: Judge) -> None:
    backup = make_backup(expired_at=NOW + timedelta(days=10))
    assert judge("backup-expiring", backup) is None
    assert isinstance(judge("backup-expiring", backup, within_days=11), str)


def test_siblings_that_were_not_seen_make_it_unknown(judge: Judge) -> None:
    backup = make_backup(expired_at=SOON)
    assert judge("backup-expiring", backup, unseen="the rest of the list") == Unknown("the rest of the list")


def test_what_is_certain_stays_certain_though_siblings_were_not_seen(judge: Judge) -> None:
    newer = make_backup(id="newer", created_at=NOW, expired_at=None)
    assert isinstance(judge("backup-expiring", make_backup(expired_at=SOON), newer, unseen="x"), NoProblem)
    manual = make_backup(expired_at=SOON, auto_trigger=False)
    assert isinstance(judge("backup-expiring", manual, unseen="x"), str)


def test_a_newer_sibling_whose_end_cannot_be_read_makes_it_unknown(judge: Judge) -> None:
    newer = make_backup(id="newer", created_at=NOW, expired_at=None, unreadable=("expired_at",))
    assert judge("backup-expiring", make_backup(expired_at=SOON), newer) == Unknown("expired_at of a newer backup")


def test_without_its_age_nobody_can_say_what_is_newer(judge: Judge) -> None:
    assert judge("backup-expiring", make_backup(expired_at=SOON, created_at=None)) == Unknown("created_at")


def test_only_what_the_rule_can_speak_of_waits_for_its_siblings() -> None:
    candidate = load("backup-expiring").candidate
    assert candidate is not None
    assert candidate(make_backup(expired_at=SOON))
    assert candidate(make_backup(expired_at=None, unreadable=("expired_at",)))
    assert not candidate(make_backup())
    assert not candidate(make_backup(expired_at=None))
