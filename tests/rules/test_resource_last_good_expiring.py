from datetime import timedelta

import pytest

from cbr_auditor.rule import Backup, Unknown
from tests.fakes import NOW
from tests.rules.inventory import ask
from tests.rules.siblings import aged, of

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
SOON = NOW + 20 * HOUR
RULE = "resource-last-good-expiring"


def test_the_only_good_backup_that_ends_within_two_days_is_found() -> None:
    assert ask(RULE, of(aged(7, expired_at=SOON))) == "the only good backup ends on 2026-11-24 at 02:00 UTC"
    assert isinstance(ask(RULE, of(aged(7, expired_at=NOW + SECOND))), str)
    assert isinstance(ask(RULE, of(aged(7, expired_at=NOW + 48 * HOUR - SECOND))), str)


@pytest.mark.parametrize("ends", [NOW + 48 * HOUR, NOW + 900 * HOUR, None])
def test_one_that_ends_later_or_never_is_not(ends: object) -> None:
    assert ask(RULE, of(aged(7, expired_at=ends))) is None


def test_hours_moves_the_boundary() -> None:
    assert ask(RULE, of(aged(7, expired_at=SOON)), hours=20) is None
    assert isinstance(ask(RULE, of(aged(7, expired_at=SOON)), hours=20.1), str)


def test_two_good_backups_are_not_the_last() -> None:
    assert ask(RULE, of(aged(7, expired_at=SOON), aged(31, expired_at=SOON))) is None


@pytest.mark.parametrize(
    "other",
    [
        {"status": "error"},
        {"status": "deleting"},
        {"status": "protecting"},
        {"status": "melting"},
        {"expired_at": NOW},
        {"expired_at": NOW - HOUR},
    ],
)
def test_what_is_not_good_does_not_help(other: dict[str, object]) -> None:
    assert isinstance(ask(RULE, of(aged(7, expired_at=SOON), aged(1, **other))), str)


@pytest.mark.parametrize("status", ["restoring", "waiting_restore"])
def test_one_that_is_being_restored_from_is_good_too(status: str) -> None:
    assert ask(RULE, of(aged(7, expired_at=SOON), aged(1, status=status))) is None


def test_without_any_good_backup_it_is_anothers_business() -> None:
    assert ask(RULE, of(aged(7, status="error"))) is None
    assert ask(RULE, of(aged(7, expired_at=NOW - HOUR))) is None
    assert ask(RULE, of()) is None


def test_an_end_that_cannot_be_read_is_unknown() -> None:
    odd = aged(7, expired_at=None, unreadable=("expired_at",))
    assert ask(RULE, of(odd)) == Unknown("expired_at of the only good backup")
    assert ask(RULE, of(odd, aged(31, expired_at=SOON))) is None


@pytest.mark.parametrize("others", [[], [aged(1, expired_at=NOW - HOUR)]], ids=["alone", "beside one that has ended"])
def test_a_good_backup_without_an_age_is_unknown(others: list[Backup]) -> None:
    outcome = ask(RULE, of(aged(None, expired_at=SOON), *others))
    assert outcome == Unknown("created_at of the only good backup")


def test_where_others_may_exist_unseen_it_is_unknown() -> None:
    assert ask(RULE, of(aged(7, expired_at=SOON), unseen="the rest")) == Unknown("the rest")
    assert ask(RULE, of(aged(7), unseen="the rest")) is None
