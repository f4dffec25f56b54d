"""How tasks reach the rules: what is asked for, what is usual, what is not said twice; over sockets."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.demo import faults
from cbr_auditor.demo.endpoint import CbrEndpoint
from tests.fakes import NOW, PROJECT
from tests.rules.tasks import task_row, wire
from tests.runs import audited, judged, serving
from tests.test_contract import row

DAY = 24.0  # hours


def on(rule: str, *more: str, **options: Any) -> str:
    """An auditor.toml that has these rules alone, the first one with these options."""
    values = "\n".join(f"{name} = {json.dumps(value)}" for name, value in options.items())
    rules = ", ".join(f'"{name}"' for name in (rule, *more))
    return f'profile = "own"\n[profiles.own]\nrules = [{rules}]\n[rules.{rule}]\n{values}\n'


def made(backup: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The task that made this backup."""
    about = {"backup": {"backup_id": backup["id"], "backup_name": backup["name"]}}
    return task_row(**{"id": f"task of {backup['id']}", "extra_info": about, **changes})


def run_of(night: int, minutes: float, **changes: Any) -> dict[str, Any]:
    """A backup task of so many nights ago."""
    return task_row(2 + DAY * night, minutes, **{"id": f"run {night}", **changes})


def serve(*backups: dict[str, Any], tasks: list[Any]) -> CbrEndpoint:
    endpoint = serving(*backups)
    endpoint.tasks = tasks
    return endpoint


def asked_for(endpoint: CbrEndpoint) -> list[dict[str, list[str]]]:
    return [dict(asked.query) for asked in endpoint.requests if asked.path.endswith("/operation-logs")]


def rule_of(report: dict[str, Any], ident: str) -> dict[str, Any]:
    result: dict[str, Any] = next(rule for rule in report["rules"] if rule["id"] == ident)
    return result


def test_a_failed_backup_and_its_task_are_one_problem(tmp_path: Path) -> None:
    backup = row(1, status="error")
    failed = made(backup, status="failed", error_info={"code": "BackupService.6114", "message": "full"})
    with serve(backup, tasks=[failed]) as endpoint:
        report = audited(tmp_path, endpoint, on("task-failed", "backup-error"))
    assert [(found["rule"], found["message"]) for found in report["findings"]] == [
        ("backup-error", "the backup failed: BackupService.6114 full")
    ]
    counted = rule_of(report, "task-failed")
    assert (counted["checked"], counted["no_problem"]) == (1, {"already reported as backup-error": 1})


@pytest.mark.parametrize(
    ("backups", "toml"),
    [
        ([], on("task-failed", "backup-error")),
        ([row(1)], on("task-failed", "backup-error")),
        ([row(1, status="error")], on("task-failed")),
    ],
    ids=["its backup is gone", "its backup is good", "the other rule is off"],
)
def test_a_failed_task_that_nothing_else_reports_is_reported(
    tmp_path: Path, backups: list[dict[str, Any]], toml: str
) -> None:
    with serve(*backups, row(2), tasks=[made(row(1), status="failed")]) as endpoint:
        (finding,) = judged(tmp_path, endpoint, toml)
    assert (finding.rule, finding.outcome, finding.message) == ("task-failed", "fail", "the backup task failed")
    assert finding.since == NOW - timedelta(hours=2)
    assert (finding.subject, finding.backup_id) == ("task", row(1)["id"])


def test_another_task_about_a_failed_backup_is_another_problem(tmp_path: Path) -> None:
    backup = row(1, status="error")
    about = {"backup": None, "delete": {"backup_id": backup["id"], "backup_name": "x"}}
    tasks = [task_row(operation_type="delete", status="failed", extra_info=about)]
    with serve(backup, tasks=tasks) as endpoint:
        findings = judged(tmp_path, endpoint, on("task-failed", "backup-error"))
    assert {(finding.rule, finding.backup_id) for finding in findings} == {
        ("backup-error", backup["id"]),
        ("task-failed", backup["id"]),
    }


def test_a_stuck_backup_is_not_called_slow_too(tmp_path: Path) -> None:
    backup = row(1, status="protecting", updated_at=wire(NOW - timedelta(hours=30)))
    nights = [run_of(night, 20) for night in (3, 4, 5)]
    running = made(backup, hours=30, status="running", ended_at=None)
    with serve(backup, tasks=[running, *nights]) as endpoint:
        assert [found.rule for found in judged(tmp_path, endpoint, on("task-slow", "backup-stuck"))] == ["backup-stuck"]
        assert [found.rule for found in judged(tmp_path, endpoint, on("task-slow"))] == ["task-slow"]


def test_usual_is_the_median_of_what_the_same_job_took_before(tmp_path: Path) -> None:
    nights = [run_of(night, minutes) for night, minutes in enumerate((61, 20, 19, 300, 20, 21))]
    with serve(row(), tasks=nights) as endpoint:
        findings = judged(tmp_path, endpoint, on("task-slow"))
    assert [finding.message for finding in findings] == ["the backup took 61 minutes, usually it takes 20"]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "failed"},
        {"ended_at": None},
        {"extra_info": {"resource": {"id": "another"}}},
        {"extra_info": {"backup": {"incremental": "true"}}},
        {"operation_type": "restore"},
    ],
    ids=["failed", "no end", "another resource's", "incremental", "another kind"],
)
def test_what_is_not_the_same_job_does_not_tell_what_is_usual(tmp_path: Path, changes: dict[str, Any]) -> None:
    nights = [run_of(night, 20, **changes) for night in range(1, 9)]
    with serve(row(), tasks=[run_of(0, 61), *nights]) as endpoint:
        report = audited(tmp_path, endpoint, on("task-slow"))
    assert report["findings"] == []
    assert rule_of(report, "task-slow")["no_problem"] == {"too few earlier backups to compare with in 30 days": 1}


def test_two_earlier_runs_are_too_few(tmp_path: Path) -> None:
    with serve(row(), tasks=[run_of(0, 61), run_of(1, 20), run_of(2, 20)]) as endpoint:
        assert judged(tmp_path, endpoint, on("task-slow")) == []


def test_what_began_before_the_hours_and_ended_in_them_is_judged(tmp_path: Path) -> None:
    late = task_row(40, 38 * 60, status="timeout", operation_type="replication")
    with serve(row(), tasks=[late]) as endpoint:
        assert len(judged(tmp_path, endpoint, on("task-failed"))) == 1


def test_what_ended_before_the_hours_is_not_even_counted(tmp_path: Path) -> None:
    with serve(row(), tasks=[task_row(40, 60, status="failed"), task_row(2, id="t2")]) as endpoint:
        report = audited(tmp_path, endpoint, on("task-failed"))
    assert rule_of(report, "task-failed")["checked"] == 1


def test_an_override_with_more_hours_gets_the_tasks_of_more_hours(tmp_path: Path) -> None:
    override = '[[overrides]]\nresource = ["web-*"]\n[overrides.rules.task-failed]\nhours = 100\n'
    about = {"resource": {"id": "another", "name": "db-1"}}
    tasks = [task_row(90, status="failed"), task_row(90, id="t2", status="failed", extra_info=about)]
    with serve(row(), tasks=tasks) as endpoint:
        findings = judged(tmp_path, endpoint, on("task-failed") + override)
    assert [finding.resource_name for finding in findings] == ["web-1"]


def test_options_beyond_any_calendar_end_no_run(tmp_path: Path) -> None:
    rules = ("restore-test-missing", "restore-slow", "task-slow")
    toml = on("task-failed", "mass-deletion", *rules, hours=1_000_000)
    toml += "".join(f"[rules.{rule}]\ndays = 1_000_000\n" for rule in rules)
    with serve(row(), tasks=[task_row(operation_type="restore")]) as endpoint:
        report = audited(tmp_path, endpoint, toml)
    assert report["findings"] == []
    assert (report["complete"], report["summary"]["rule_errors"]) == (True, 0)


def test_no_restore_in_more_days_than_the_list_goes_back_is_unknown(tmp_path: Path) -> None:
    with serve(row(), tasks=[task_row(29 * DAY)]) as endpoint:
        (finding,) = judged(tmp_path, endpoint, on("restore-test-missing"))
        assert (finding.outcome, finding.message) == (
            "unknown",
            (
                "cannot tell without the tasks from before 2026-10-24, which CBR may not show any more; "
                "no restore that succeeded is among the others"
            ),
        )
        assert [query.get("limit") for query in asked_for(endpoint)] == [["1000"], ["1"]]


def test_where_the_list_still_goes_back_that_far_it_is_a_failure(tmp_path: Path) -> None:
    with serve(row(), tasks=[task_row(91 * DAY)]) as endpoint:
        (finding,) = judged(tmp_path, endpoint, on("restore-test-missing"))
    assert (finding.outcome, finding.message) == ("fail", "no restore succeeded in the last 90 days")


@pytest.mark.parametrize("times", [{"started_at": None, "created_at": None}, {"started_at": wire(NOW)}])
def test_a_task_that_is_not_surely_older_proves_nothing(tmp_path: Path, times: dict[str, Any]) -> None:
    answer = faults.status(200, {"count": 1, "operation_logs": [task_row(91 * DAY, **times)]})
    with serve(row(), tasks=[]) as endpoint:
        endpoint.faults.append(faults.Fault(answer, lambda asked: asked.query.get("limit") == ["1"]))
        findings = judged(tmp_path, endpoint, on("restore-test-missing"))
        assert endpoint.faults[0].done == 1
    assert [finding.outcome for finding in findings] == ["unknown"]


def test_within_the_days_that_the_list_goes_back_nothing_else_is_asked(tmp_path: Path) -> None:
    with serve(row(), tasks=[task_row(29 * DAY)]) as endpoint:
        findings = judged(tmp_path, endpoint, on("restore-test-missing", days=30))
        assert [finding.outcome for finding in findings] == ["fail"]
        (query,) = asked_for(endpoint)
    assert (query["operation_type"], query["start_time"]) == (["restore"], ["2026-10-24T06:00:00Z"])


@pytest.mark.parametrize("rule", ["restore-test-missing", "mass-deletion"])
def test_a_task_that_cannot_be_read_makes_the_rule_unknown_and_the_run_incomplete(tmp_path: Path, rule: str) -> None:
    with serve(row(), tasks=[{"started_at": wire(NOW), "operation_type": "restore"}]) as endpoint:
        report = audited(tmp_path, endpoint, on(rule))
    (finding,) = report["findings"]
    assert finding["outcome"] == "unknown"
    assert finding["message"].startswith("cannot tell without the tasks that could not be listed or read")
    assert report["complete"] is False


@pytest.mark.parametrize("rule", ["task-failed", "task-slow", "restore-slow", "restore-test-missing", "mass-deletion"])
def test_without_the_permission_each_is_unknown_and_names_it(tmp_path: Path, rule: str) -> None:
    with serve(row(), tasks=[task_row()]) as endpoint:
        endpoint.faults.append(faults.without("cbr:tasks:list"))
        report = audited(tmp_path, endpoint, on(rule))
    (finding,) = report["findings"]
    assert (finding["rule"], finding["outcome"]) == (rule, "unknown")
    assert "cbr:tasks:list" in finding["message"]
    assert (report["verdict"], report["complete"]) == ("warn", True)


def test_a_list_of_tasks_that_breaks_makes_the_run_incomplete(tmp_path: Path) -> None:
    broken = faults.status(400, {"error_code": "BackupService.9900", "error_msg": "Invalid."})
    with serve(row(), tasks=[task_row()]) as endpoint:
        endpoint.faults.append(faults.Fault(broken, lambda asked: asked.action == "cbr:tasks:list"))
        report = audited(tmp_path, endpoint, on("mass-deletion"))
    assert [finding["outcome"] for finding in report["findings"]] == ["unknown"]
    assert (report["verdict"], report["complete"]) == ("incomplete", False)


def test_a_finding_about_a_project_says_so(tmp_path: Path) -> None:
    tasks = [task_row(operation_type="delete", id=f"t{number}") for number in range(10)]
    with serve(row(), tasks=tasks) as endpoint:
        (finding,) = judged(tmp_path, endpoint, on("mass-deletion"))
    assert (finding.subject, finding.severity.value, finding.backup_id) == ("target", "critical", None)
    assert finding.message.startswith("10 backups were deleted in the last 24 hours")


def test_a_test_that_is_recorded_elsewhere_can_be_waived_until_the_next_one_is_due(tmp_path: Path) -> None:
    waiver = f"""
        [[waivers]]
        rule = "restore-test-missing"
        resource = ["{PROJECT}"]
        reason = "restored on 2026-10-02, record DR-17"
        owner = "dr@example.com"
        expires = 2026-12-31
    """
    with serve(row(), tasks=[]) as endpoint:
        report = audited(tmp_path, endpoint, on("restore-test-missing") + waiver)
    assert (report["findings"], report["verdict"]) == ([], "pass")
    assert [finding["rule"] for finding in report["waived"]] == ["restore-test-missing"]
