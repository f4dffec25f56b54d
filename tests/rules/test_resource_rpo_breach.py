import pytest

from cbr_auditor.rule import NoProblem, Unknown
from tests.rules.inventory import ask, make_vault, member_row
from tests.rules.siblings import aged, of

RULE = "resource-rpo-breach"


def test_a_newest_available_backup_of_more_than_26_hours_is_found() -> None:
    assert ask(RULE, of(aged(26.2))) == "the newest available backup is 26.2 hours old, more than 26 hours"
    assert ask(RULE, of(aged(240), aged(900))) == "the newest available backup is 10 days old, more than 26 hours"


@pytest.mark.parametrize("hours", [26, 7, 0, -1])
def test_one_within_them_is_not(hours: float) -> None:
    assert ask(RULE, of(aged(hours), aged(900))) is None


def test_one_from_the_future_proves_nothing() -> None:
    assert ask(RULE, of(aged(-1.01), aged(900))) == Unknown("a created_at that is not in the future")


def test_max_age_hours_moves_the_boundary() -> None:
    assert ask(RULE, of(aged(170)), max_age_hours=170) is None
    assert isinstance(ask(RULE, of(aged(4.5)), max_age_hours=4), str)
    assert ask(RULE, of(aged(900)), max_age_hours=1_000_000) is None


@pytest.mark.parametrize("status", ["error", "protecting", "waiting_protect", "deleting", "waiting_delete", "melting"])
def test_what_is_not_available_does_not_help(status: str) -> None:
    assert isinstance(ask(RULE, of(aged(30), aged(1, status=status))), str)
    assert ask(RULE, of(aged(1, status=status))) == "its only backup is not available"
    assert ask(RULE, of(aged(1, status=status), aged(2, status=status))) == "none of its 2 backups is available"


@pytest.mark.parametrize("status", ["restoring", "waiting_restore"])
def test_one_that_is_being_restored_from_counts_as_available(status: str) -> None:
    assert ask(RULE, of(aged(31), aged(7, status=status))) is None
    assert isinstance(ask(RULE, of(aged(31), aged(30, status=status))), str)


def test_an_age_that_is_missing_makes_it_unknown_unless_another_is_young_enough() -> None:
    assert ask(RULE, of(aged(30), aged(None))) == Unknown("created_at of a backup")
    assert ask(RULE, of(aged(None))) == Unknown("created_at of a backup")
    assert ask(RULE, of(aged(7), aged(None))) is None


def test_where_a_newer_one_may_exist_unseen_it_is_unknown_unless_one_is_young_enough() -> None:
    assert ask(RULE, of(aged(30), unseen="the rest")) == Unknown("the rest")
    assert ask(RULE, of(aged(7), unseen="the rest")) is None


def test_a_resource_without_backups_is_anothers_business() -> None:
    assert ask(RULE, of()) is None


def test_one_whose_source_is_gone_is_passed_and_counted() -> None:
    gone = (make_vault(resources=[member_row(id="r", protect_status="deleted")]),)
    there = make_vault(resources=[member_row(id="r")])
    assert isinstance(ask(RULE, of(aged(240), vaults=gone)), NoProblem)
    assert isinstance(ask(RULE, of(aged(240), vaults=gone, unseen="the rest")), NoProblem)
    for vaults in ((there,), (*gone, there), ()):
        assert isinstance(ask(RULE, of(aged(240), vaults=vaults)), str)
