from typing import Any

import pytest

from cbr_auditor.rule import Unknown
from tests.rules.inventory import ABSENT, ask
from tests.rules.tasks import ODD, make_task


def test_a_restore_that_took_longer_than_the_minutes_is_found() -> None:
    task = make_task(hours=20, minutes=721, operation_type="restore")
    assert ask("restore-slow", task) == "the restore took 721 minutes, more than 720"


@pytest.mark.parametrize("minutes", [0, 5, 720])
def test_one_within_the_minutes_is_not(minutes: float) -> None:
    assert ask("restore-slow", make_task(hours=20, minutes=minutes, operation_type="restore")) is None


def test_max_minutes_moves_the_boundary() -> None:
    assert isinstance(ask("restore-slow", make_task(minutes=11, operation_type="restore"), max_minutes=10), str)


def test_one_that_runs_for_longer_is_found_before_it_ends() -> None:
    task = make_task(hours=13, operation_type="restore", status="running", ended_at=None)
    assert ask("restore-slow", task) == "the restore has been running for 780 minutes, more than 720"


@pytest.mark.parametrize("status", ["failed", "timeout", "skipped", "waiting", "melted"])
def test_other_states_are_not_judged(status: str) -> None:
    assert ask("restore-slow", make_task(hours=40, minutes=900, operation_type="restore", status=status)) is None


def test_other_kinds_of_task_are_not_judged_though_the_list_holds_them() -> None:
    assert ask("restore-slow", make_task(hours=40, minutes=900, operation_type="backup")) is None


def test_what_ended_before_the_days_is_not_judged() -> None:
    task = make_task(hours=31 * 24, minutes=900, operation_type="restore")
    assert ask("restore-slow", task) is None
    assert isinstance(ask("restore-slow", task, days=31), str)
    assert isinstance(ask("restore-slow", make_task(30 * 24 + 15, 900, operation_type="restore")), str)
    assert ask("restore-slow", make_task(30 * 24 + 15.1, 900, operation_type="restore")) is None


@pytest.mark.parametrize("key", ["started_at", "ended_at"])
@pytest.mark.parametrize("odd", [*ODD, ABSENT])
def test_without_one_of_its_times_it_is_unknown(key: str, odd: Any) -> None:
    task = make_task(operation_type="restore", **{key: odd})
    assert ask("restore-slow", task) == Unknown("started_at and ended_at")


def test_an_end_before_its_beginning_is_unknown() -> None:
    task = make_task(minutes=-5, operation_type="restore")
    assert ask("restore-slow", task) == Unknown("started_at and ended_at")


def test_without_a_status_or_a_kind_it_is_unknown() -> None:
    assert ask("restore-slow", make_task(operation_type="restore", status=None)) == Unknown("status")
    slow = make_task(hours=20, minutes=900, operation_type=None)
    assert ask("restore-slow", slow) == Unknown("operation_type")
    assert ask("restore-slow", make_task(operation_type=None)) is None
