from datetime import timedelta

import pytest

from cbr_auditor.rule import Backup, NoProblem, Unknown
from tests.fakes import NOW
from tests.rules.inventory import ask, make_vault, member_row
from tests.rules.siblings import aged, of

RULE = "resource-too-few-restore-points"


def nights(number: int) -> list[Backup]:
    return [aged(7 + 24 * night) for night in range(number)]


def test_fewer_than_seven_good_backups_are_found() -> None:
    assert ask(RULE, of(*nights(6))) == "6 good backups, fewer than 7"
    assert ask(RULE, of(*nights(1))) == "1 good backup, fewer than 7"
    assert ask(RULE, of(*nights(7))) is None


@pytest.mark.parametrize("bad", [{"status": "error"}, {"status": "deleting"}, {"expired_at": NOW - timedelta(hours=1)}])
def test_what_is_not_good_does_not_count(bad: dict[str, object]) -> None:
    assert ask(RULE, of(*nights(6), aged(1, **bad))) == "6 good backups, fewer than 7"


@pytest.mark.parametrize("status", ["restoring", "waiting_restore"])
def test_one_that_is_being_restored_from_counts(status: str) -> None:
    assert ask(RULE, of(*nights(6), aged(1, status=status))) is None


def test_min_points_moves_the_boundary() -> None:
    assert ask(RULE, of(*nights(4)), min_points=4) is None
    assert isinstance(ask(RULE, of(*nights(7)), min_points=8), str)
    assert ask(RULE, of(aged(1, status="error")), min_points=0) is None


def test_the_oldest_must_be_as_old_as_min_span_days_says() -> None:
    assert ask(RULE, of(*nights(7)), min_span_days=7) == "the oldest good backup is 6.3 days old, less than 7"
    assert ask(RULE, of(*nights(8)), min_span_days=7) is None
    assert ask(RULE, of(*nights(8), aged(900, status="error")), min_span_days=8) is not None


def test_ages_that_are_missing_make_the_span_unknown_but_not_the_number() -> None:
    undated = [aged(None, id=f"u{number}") for number in range(7)]
    assert ask(RULE, of(*undated), min_span_days=1) == Unknown("created_at of a backup")
    assert ask(RULE, of(*nights(7), undated[0]), min_span_days=7) == Unknown("created_at of a backup")
    assert ask(RULE, of(*undated)) is None
    assert isinstance(ask(RULE, of(*undated[:6])), str)


def test_where_others_may_exist_unseen_it_is_unknown_unless_there_are_enough() -> None:
    assert ask(RULE, of(*nights(6), unseen="the rest")) == Unknown("the rest")
    assert ask(RULE, of(*nights(7), unseen="the rest")) is None


def test_a_resource_without_backups_is_not_judged() -> None:
    assert ask(RULE, of()) is None


def test_one_whose_source_is_gone_is_passed_and_counted() -> None:
    gone = (make_vault(resources=[member_row(id="r", protect_status="deleted")]),)
    there = make_vault(resources=[member_row(id="r")])
    assert isinstance(ask(RULE, of(aged(1), vaults=gone)), NoProblem)
    assert isinstance(ask(RULE, of(aged(1), vaults=gone, unseen="the rest")), NoProblem)
    for vaults in ((there,), (*gone, there), ()):
        assert isinstance(ask(RULE, of(aged(1), vaults=vaults)), str)
