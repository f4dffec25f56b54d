from datetime import timedelta
from typing import Any

import pytest

from cbr_auditor.rule import Unknown
from tests.fakes import NOW
from tests.rules.inventory import ABSENT, ask
from tests.rules.tasks import ODD, TIMES, make_task, wire

KINDS = ["backup", "restore", "delete", "vault_delete", "remove_resource", "replication", "sync", "copy", "migrate"]
FULL = {"code": "BackupService.6114", "message": "The vault capacity is exceeded."}


@pytest.mark.parametrize("kind", KINDS)
def test_a_task_of_any_kind_that_failed_is_found_with_its_reason(kind: str) -> None:
    task = make_task(operation_type=kind, status="failed", error_info=FULL)
    assert ask("task-failed", task) == f"the {kind} task failed: BackupService.6114 The vault capacity is exceeded."


def test_one_that_timed_out_is_found() -> None:
    assert ask("task-failed", make_task(status="timeout")) == "the backup task ran into CBR's time limit"


@pytest.mark.parametrize("status", ["success", "skipped", "running", "waiting"])
def test_other_states_are_no_failure(status: str) -> None:
    assert ask("task-failed", make_task(status=status)) is None


@pytest.mark.parametrize("error", [None, ABSENT, {}, {"code": "", "message": ""}, {"code": None}, "x", []])
def test_without_a_reason_the_failure_stands(error: Any) -> None:
    assert ask("task-failed", make_task(status="failed", error_info=error)) == "the backup task failed"


def test_what_ended_within_the_hours_counts_however_long_before_it_began() -> None:
    hour = timedelta(hours=1)
    just = make_task(hours=40, status="failed", ended_at=wire(NOW - 24 * hour))
    assert isinstance(ask("task-failed", just), str)
    late = make_task(hours=40, status="failed", ended_at=wire(NOW - 24 * hour - timedelta(seconds=1)))
    assert ask("task-failed", late) is None
    assert isinstance(ask("task-failed", late, hours=25), str)


def test_without_an_end_the_last_change_counts() -> None:
    assert isinstance(
        ask("task-failed", make_task(hours=40, status="failed", ended_at=None, updated_at=wire(NOW))), str
    )
    assert ask("task-failed", make_task(hours=40, status="failed", ended_at=None, updated_at=None)) is None


@pytest.mark.parametrize("odd", [*ODD, ABSENT])
def test_without_any_time_it_is_unknown(odd: Any) -> None:
    task = make_task(status="failed", **dict.fromkeys(TIMES, odd))
    assert ask("task-failed", task) == Unknown("ended_at, updated_at, started_at and created_at")
    assert ask("task-failed", make_task(**dict.fromkeys(TIMES, odd))) is None


@pytest.mark.parametrize("status", [None, ABSENT, {}, [1]])
def test_without_a_status_it_is_unknown(status: Any) -> None:
    assert ask("task-failed", make_task(status=status)) == Unknown("status")


def test_a_status_that_is_not_documented_is_unknown() -> None:
    assert ask("task-failed", make_task(status="melted")) == Unknown("a status that is documented (it is melted)")


def test_statuses_may_name_others() -> None:
    skipped = make_task(status="skipped", error_info=FULL)
    assert ask("task-failed", skipped, statuses=["skipped"]) == (
        "the backup task was skipped: BackupService.6114 The vault capacity is exceeded."
    )
    assert ask("task-failed", make_task(status="failed"), statuses=["skipped"]) is None
    assert ask("task-failed", make_task(status="waiting"), statuses=["waiting"]) == "the backup task is waiting"


def test_types_leave_other_kinds_alone() -> None:
    assert ask("task-failed", make_task(status="failed"), types=["restore", "delete"]) is None
    restore = make_task(status="failed", operation_type="restore")
    assert isinstance(ask("task-failed", restore, types=["restore", "delete"]), str)


@pytest.mark.parametrize("kind", [None, ABSENT, {}])
def test_a_task_of_no_kind_is_found_unless_kinds_are_asked_for(kind: Any) -> None:
    task = make_task(status="failed", operation_type=kind)
    assert ask("task-failed", task) == "the unnamed task failed"
    assert ask("task-failed", task, types=["restore"]) == Unknown("operation_type")
