from typing import Any

import pytest

from cbr_auditor.rule import NoProblem, Unknown
from tests.rules.inventory import ABSENT, ask
from tests.rules.tasks import ODD, make_task


def test_a_backup_that_took_more_than_three_times_as_long_as_usual_is_found() -> None:
    assert ask("task-slow", make_task(minutes=31, usual=10)) == "the backup took 31 minutes, usually it takes 10"
    assert ask("task-slow", make_task(hours=9, minutes=400, usual=120)) == (
        "the backup took 400 minutes, usually it takes 120"
    )


@pytest.mark.parametrize("minutes", [1, 10, 30])
def test_one_that_took_up_to_three_times_as_long_is_not(minutes: float) -> None:
    assert ask("task-slow", make_task(minutes=minutes, usual=10)) is None


def test_factor_moves_the_boundary() -> None:
    task = make_task(minutes=31, usual=10)
    assert ask("task-slow", task, factor=3.2) is None
    assert isinstance(ask("task-slow", make_task(minutes=21, usual=10), factor=2), str)


def test_what_took_less_than_the_minutes_is_never_slow() -> None:
    assert ask("task-slow", make_task(minutes=14.9, usual=1)) is None
    assert isinstance(ask("task-slow", make_task(minutes=15, usual=1)), str)
    assert isinstance(ask("task-slow", make_task(minutes=4, usual=1), min_minutes=3), str)


def test_with_too_few_earlier_runs_there_is_nothing_to_compare_with() -> None:
    outcome = ask("task-slow", make_task(minutes=300))
    assert outcome == NoProblem("too few earlier backups to compare with in 30 days")


@pytest.mark.parametrize("resource", [None, ABSENT, "x", {"id": None}, {"id": ABSENT}])
def test_a_backup_of_nobody_knows_what_cannot_be_compared(resource: Any) -> None:
    task = make_task(minutes=300, usual=10, extra_info={"resource": resource})
    assert ask("task-slow", task) == Unknown("extra_info.resource.id")


def test_a_running_backup_counts_by_what_it_has_taken_so_far() -> None:
    task = make_task(hours=2, status="running", usual=10, ended_at=None)
    assert ask("task-slow", task) == "the backup has been running for 120 minutes, usually it takes 10"
    assert ask("task-slow", make_task(hours=0.4, status="running", usual=10, ended_at=None)) is None


def test_a_running_backup_that_begins_in_the_future_has_taken_no_time() -> None:
    assert ask("task-slow", make_task(hours=-1, status="running", usual=10, ended_at=None)) is None


@pytest.mark.parametrize("status", ["failed", "timeout", "skipped", "waiting", "melted"])
def test_other_states_are_not_judged(status: str) -> None:
    assert ask("task-slow", make_task(minutes=300, usual=1, status=status)) is None


def test_without_a_status_it_is_unknown() -> None:
    assert ask("task-slow", make_task(minutes=300, usual=1, status=None)) == Unknown("status")


@pytest.mark.parametrize("key", ["started_at", "ended_at"])
@pytest.mark.parametrize("odd", [*ODD, ABSENT])
def test_without_one_of_its_times_it_is_unknown(key: str, odd: Any) -> None:
    assert ask("task-slow", make_task(usual=1, **{key: odd})) == Unknown("started_at and ended_at")


def test_an_end_before_its_beginning_is_unknown() -> None:
    assert ask("task-slow", make_task(minutes=-5, usual=1)) == Unknown("started_at and ended_at")


def test_what_ended_before_the_hours_is_not_judged_again() -> None:
    old = make_task(hours=25, minutes=50, usual=1)
    assert ask("task-slow", old) is None
    assert isinstance(ask("task-slow", old, hours=25), str)
    assert isinstance(ask("task-slow", make_task(hours=25, minutes=60, usual=1)), str)
