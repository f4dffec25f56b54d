from typing import Any

import pytest

from cbr_auditor.rule import NoProblem, Outcome, Task, Unknown
from tests.rules.inventory import ABSENT, ask, merged
from tests.rules.tasks import ODD, TIMES, make_target, make_task


def judge(*tasks: Task, unseen: str | None = None, **options: Any) -> Outcome:
    return ask("mass-deletion", make_target(tasks, unseen=unseen), **options)


def deletions(number: int, **changes: Any) -> list[Task]:
    return [make_task(**{"operation_type": "delete", **changes}) for _ in range(number)]


def vault(total: Any = 45, failed: Any = 0, **changes: Any) -> Task:
    gone = merged({}, {"total_count": total, "fail_count": failed})
    return make_task(**{"operation_type": "vault_delete", "extra_info": {"vault_delete": gone}, **changes})


def removal(total: Any, failed: Any = 0) -> Task:
    resources = [{"id": "r", "name": "wiki-old"}]
    gone = merged({}, {"total_count": total, "fail_count": failed, "resources": resources})
    return make_task(operation_type="remove_resource", extra_info={"remove_resources": gone})


def test_ten_deletions_within_a_day_are_found() -> None:
    assert judge(*deletions(10)) == ("10 backups were deleted in the last 24 hours, or are about to be: 10 one by one")


def test_fewer_are_not() -> None:
    assert judge(*deletions(9)) is None
    assert judge() is None


def test_backups_that_go_with_a_vault_or_a_resource_count() -> None:
    assert judge(vault(8), removal(3), *deletions(1)) == (
        "12 backups were deleted in the last 24 hours, or are about to be: "
        "1 one by one, 8 with their vaults, 3 with their resources"
    )
    assert judge(vault(9)) is None
    assert judge(vault(9, failed=None)) is None
    assert isinstance(judge(vault(10)), str)


def test_huawei_clouds_names_of_a_vaults_numbers_are_read_too() -> None:
    gone = {"vault_delete": {"total_delete_count": 12, "fail_delete_count": 1}}
    assert isinstance(judge(make_task(operation_type="vault_delete", extra_info=gone)), str)


def test_what_could_not_be_deleted_does_not_count() -> None:
    assert judge(vault(12, failed=3)) is None
    assert isinstance(judge(vault(12, failed=2)), str)


@pytest.mark.parametrize("status", ["running", "waiting"])
def test_what_is_under_way_counts_before_it_is_done(status: str) -> None:
    tasks = deletions(10, status=status, hours=30, ended_at=None)
    assert isinstance(judge(*tasks), str)


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_what_did_not_happen_does_not_count(status: str) -> None:
    assert judge(*deletions(50, status=status)) is None


@pytest.mark.parametrize("kind", ["backup", "restore", "replication", "sync"])
def test_tasks_of_other_kinds_do_not_count(kind: str) -> None:
    assert judge(*deletions(50, operation_type=kind)) is None


def test_what_ended_before_the_hours_does_not_count() -> None:
    assert judge(*deletions(10, hours=24.2)) is None
    assert isinstance(judge(*deletions(10, hours=24.1)), str)
    assert isinstance(judge(*deletions(10, hours=24, minutes=0)), str)
    assert isinstance(judge(*deletions(10, hours=24.2), hours=25), str)


def test_backups_moves_the_boundary() -> None:
    assert judge(*deletions(19), backups=20) is None
    assert isinstance(judge(*deletions(20), backups=20), str)
    assert judge(*deletions(1), backups=0) == (
        "1 backup was deleted in the last 24 hours, or is about to be: 1 one by one"
    )
    assert judge(backups=0) is None


def test_what_a_policy_cleans_up_is_counted_as_no_problem() -> None:
    cleaned = deletions(40, policy_id="b3f1")
    assert judge(*cleaned) == NoProblem("a policy asked for the deletions")
    assert judge(*cleaned[:10]) == NoProblem("a policy asked for the deletions")
    assert judge(*cleaned[:9]) is None
    assert isinstance(judge(*cleaned, *deletions(10)), str)


def test_a_vault_that_goes_counts_though_its_task_names_a_policy() -> None:
    assert isinstance(judge(vault(45, policy_id="b3f1")), str)


@pytest.mark.parametrize("total", [*ODD[:5], ABSENT])
def test_a_vault_of_unknown_contents_is_unknown(total: Any) -> None:
    unknown = Unknown("total_count of a task that deletes a vault, or takes resources out of one")
    assert judge(vault(total)) == unknown
    assert judge(removal(total), *deletions(9)) == unknown
    assert isinstance(judge(vault(total), *deletions(10)), str)


@pytest.mark.parametrize("status", [None, ABSENT, "melted", "timeout"])
def test_deletions_that_may_not_have_happened_are_unknown_where_they_matter(status: Any) -> None:
    outcome = judge(*deletions(10, status=status))
    assert outcome == Unknown("operation_type and an end of tasks that may have deleted backups")
    assert judge(*deletions(9, status=status)) is None


def test_tasks_of_no_kind_are_unknown_where_they_matter() -> None:
    assert isinstance(judge(*deletions(4), *deletions(6, operation_type=None)), Unknown)
    assert judge(*deletions(4), *deletions(5, operation_type=ABSENT)) is None


def test_deletions_without_any_time_count_for_the_list_was_asked_for_these_hours() -> None:
    assert isinstance(judge(*deletions(10, **dict.fromkeys(TIMES))), str)


def test_tasks_that_were_not_seen_make_it_unknown() -> None:
    assert judge(*deletions(9), unseen="the rest") == Unknown("the rest")
    assert isinstance(judge(*deletions(10), unseen="the rest"), str)
