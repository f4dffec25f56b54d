import pytest

from cbr_auditor.rule import Backup, Unknown
from tests.rules.inventory import ask
from tests.rules.siblings import aged, of

RULE = "resource-repeated-failures"


def failures(number: int) -> list[Backup]:
    """So many failed nights, the newest last night."""
    return [aged(7 + 24 * night, status="error") for night in range(number)]


def test_three_failures_in_a_row_are_found() -> None:
    assert ask(RULE, of(*failures(3))) == "its newest 3 backups failed"
    assert ask(RULE, of(*failures(2))) is None


def test_only_those_after_the_newest_good_one_count() -> None:
    assert isinstance(ask(RULE, of(*failures(3), aged(100))), str)
    assert ask(RULE, of(*failures(3), aged(40))) is None
    assert ask(RULE, of(*failures(9), aged(1))) is None


@pytest.mark.parametrize("status", ["restoring", "waiting_restore"])
def test_one_that_is_being_restored_from_is_good_too(status: str) -> None:
    assert ask(RULE, of(*failures(3), aged(1, status=status))) is None
    assert isinstance(ask(RULE, of(*failures(3), aged(100, status=status))), str)


@pytest.mark.parametrize("status", ["protecting", "waiting_protect", "deleting", "melting"])
def test_what_is_not_finished_ends_no_row(status: str) -> None:
    assert isinstance(ask(RULE, of(*failures(3), aged(1, status=status))), str)


def test_in_a_row_moves_the_boundary() -> None:
    assert ask(RULE, of(*failures(3)), in_a_row=4) is None
    assert ask(RULE, of(*failures(1)), in_a_row=1) == "its newest backup failed"
    assert isinstance(ask(RULE, of(*failures(1)), in_a_row=0), str)
    assert ask(RULE, of(), in_a_row=0) is None


def test_no_more_than_twenty_are_asked_for() -> None:
    assert isinstance(ask(RULE, of(*failures(20)), in_a_row=1000), str)
    assert ask(RULE, of(*failures(19)), in_a_row=1000) is None


def test_an_age_that_is_missing_makes_it_unknown() -> None:
    assert ask(RULE, of(*failures(3), aged(None))) == Unknown("created_at of a backup")
    assert ask(RULE, of(*failures(2), aged(None, status="error"))) is None


def test_where_a_newer_one_may_exist_unseen_it_is_unknown() -> None:
    assert ask(RULE, of(*failures(3), unseen="the rest")) == Unknown("the rest")
    assert ask(RULE, of(*failures(2), unseen="the rest")) is None
