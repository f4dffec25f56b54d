from datetime import timedelta
from typing import Any

import pytest

from cbr_auditor.rule import NoProblem, Outcome, Task, Unknown
from tests.fakes import NOW
from tests.rules.inventory import ABSENT, ask
from tests.rules.tasks import ODD, TIMES, make_target, make_task, wire


def judge(*tasks: Task, unseen: str | None = None, **options: Any) -> Outcome:
    return ask("restore-test-missing", make_target(tasks, unseen=unseen), **options)


def restore(days: float, **changes: Any) -> Task:
    return make_task(hours=days * 24, **{"operation_type": "restore", **changes})


def test_a_project_without_any_restore_is_found() -> None:
    assert judge() == "no restore succeeded in the last 90 days"
    assert judge(days=30) == "no restore succeeded in the last 30 days"


@pytest.mark.parametrize("days", [0, 1, 29, 90])
def test_one_restore_that_succeeded_is_enough(days: float) -> None:
    assert judge(restore(days)) is None


def test_one_that_is_longer_ago_is_not() -> None:
    assert judge(restore(91)) == "no restore succeeded in the last 90 days"
    assert judge(restore(20), days=14) == "no restore succeeded in the last 14 days"
    assert judge(restore(20), days=20) is None
    assert judge(restore(20, ended_at=wire(NOW - timedelta(days=20))), days=20) is None
    assert isinstance(judge(restore(20, ended_at=wire(NOW - timedelta(days=20, seconds=1))), days=20), str)


@pytest.mark.parametrize("status", ["failed", "timeout", "skipped", "running", "waiting", "melted"])
def test_one_that_did_not_succeed_is_not(status: str) -> None:
    assert isinstance(judge(restore(1, status=status)), str)


@pytest.mark.parametrize("kind", ["backup", "delete", "replication", "copy"])
def test_a_task_of_another_kind_is_not(kind: str) -> None:
    assert isinstance(judge(restore(1, operation_type=kind)), str)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": None},
        {"status": ABSENT},
        {"operation_type": None},
        {"operation_type": ABSENT},
        *(dict.fromkeys(TIMES, odd) for odd in (*ODD, ABSENT)),
    ],
)
def test_a_task_that_may_be_one_makes_it_unknown(changes: dict[str, Any]) -> None:
    outcome = judge(restore(1, **changes))
    assert outcome == Unknown("operation_type, status and ended_at of task 4827f2da-b008-4507-ab7d-42d0df5ed912")
    assert judge(restore(1, **changes), restore(2)) is None


def test_without_an_end_the_last_change_counts() -> None:
    assert judge(restore(1, ended_at=None)) is None


def test_tasks_that_cbr_may_not_show_any_more_make_it_unknown_and_say_since_when() -> None:
    outcome = judge(unseen="the tasks from before 2026-10-24, which CBR may not show any more")
    assert outcome == Unknown(
        "the tasks from before 2026-10-24, which CBR may not show any more; "
        "no restore that succeeded is among the others"
    )


def test_a_restore_that_is_seen_is_enough_whatever_is_not() -> None:
    assert judge(restore(3), unseen="the rest") is None


def test_where_no_backup_is_listed_there_is_nothing_to_restore() -> None:
    outcome = ask("restore-test-missing", make_target(backups=0))
    assert outcome == NoProblem("no backup was listed that could be restored")
