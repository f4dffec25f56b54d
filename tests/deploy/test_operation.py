"""After the deployment: invoke, logs, rollback, remove."""

import json

import pytest

from cbr_auditor.deploy import logs
from tests.deploy.api import Answer
from tests.deploy.conftest import NAME, URN, Project, Run, write_zip
from tests.deploy.function_graph import FunctionGraphApi


def test_rollback_leads_the_alias_to_the_version_before(api: FunctionGraphApi, project: Project, run: Run) -> None:
    for number in range(3):
        write_zip(project.zip, extra=str(number))
        run("deploy", "--yes")
    first, second, third = api.functions[NAME].versions
    assert api.functions[NAME].aliases == {"live": third}
    assert run("rollback", "--yes")[0] == 0
    assert api.functions[NAME].aliases == {"live": second}
    assert run("rollback", "--yes", "--version", first)[0] == 0
    assert api.functions[NAME].aliases == {"live": first}
    status, _, err = run("rollback", "--yes")
    assert (status, f"there is no version before {first}" in err) == (2, True)
    status, _, err = run("rollback", "--yes", "--version", third[:-1])
    assert (status, "there is no version" in err) == (2, True)
    assert run("rollback", "--yes", "--version", first)[1].endswith("Nothing to do.\n")
    assert run("deploy", "--yes")[0] == 0
    assert api.functions[NAME].aliases["live"] not in {first, second}


def test_rollback_needs_an_alias(api: FunctionGraphApi, project: Project, run: Run) -> None:
    project.change("alias: live", "alias: ''")
    run("deploy", "--yes")
    status, _, err = run("rollback", "--yes")
    assert (status, "Set alias: live" in err) == (2, True)


def test_remove_deletes_the_timers_first_and_then_the_function(
    api: FunctionGraphApi, project: Project, run: Run
) -> None:
    run("deploy", "--yes")
    before = len(api.changes())
    assert run("remove", "--dry-run")[0] == 0
    assert len(api.changes()) == before
    status, out, _ = run("remove", "--yes")
    assert (status, api.functions) == (0, {})
    assert "Left as they are: the agency" in out
    assert [asked.path.partition("/fgs/")[2].partition("/")[0] for asked in api.changes()[before:]] == [
        "triggers",
        "functions",
    ]
    status, out, _ = run("remove", "--yes")
    assert (status, out.endswith("Nothing to do.\n")) == (0, True)


def test_a_removal_that_fails_says_what_is_left(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    api.fail("DELETE", URN.rpartition(":")[2], "FSS.0428", "in use", status=400)
    status, _, err = run("remove", "--yes")
    assert status == 1
    assert "Done before: timer daily (delete). Not done: nothing." in err
    assert not api.functions[NAME].triggers["!live"]


def test_invoke_remote_runs_what_the_alias_leads_to(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    status, out, err = run("invoke", "--remote", "--timer", "daily")
    assert (status, json.loads(out)) == (0, {"verdict": "pass"})
    assert err == "Start\nFinish\n"
    ((urn, event),) = api.events
    assert urn == f"{URN}:!live"
    assert (event["trigger_type"], event["trigger_name"]) == ("TIMER", "daily")


def test_invoke_remote_ends_with_1_where_the_function_failed(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    api.result = Answer(500, {"errorMessage": "no agency"})
    status, out, _ = run("invoke", "--remote")
    assert (status, json.loads(out)) == (1, {"errorMessage": "no agency"})


def test_invoke_remote_need_not_wait(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    status, out, _ = run("invoke", "--remote", "--no-wait")
    assert (status, "accepted as request 1cbe80f3" in out) == (0, True)
    assert api.changes()[-1].path.endswith("/invocations-async")


def test_an_invocation_is_never_sent_twice(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    api.fail("POST", "/invocations", "APIGW.0201", "Backend timeout", status=504)
    status, _, err = run("invoke", "--remote")
    assert (status, api.events) == (1, [])
    assert "it may be running" in err


def test_a_function_that_is_not_there_cannot_be_invoked(api: FunctionGraphApi, project: Project, run: Run) -> None:
    status, _, err = run("invoke", "--remote")
    assert (status, "FSS.1051" in err, "Deploy it first" in err) == (1, True, True)
    status, _, err = run("logs")
    assert (status, "or there is no function yet" in err, "Nothing was changed" in err) == (1, True, False)


def test_logs_prints_all_pages(
    api: FunctionGraphApi, project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_PAGE", 7)
    run("deploy", "--yes")
    api.log = [f"2026-11-23T06:00:00Z INFO line {number}" for number in range(21)]
    status, out, _ = run("logs", "--hours", "2")
    assert (status, out.splitlines()) == (0, api.log)
    query = api.requests[-1].body
    assert int(query["end_time"]) - int(query["start_time"]) == 2 * 3600 * 1000


def test_hostile_lines_of_the_log_stay_lines(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    api.log = ["\x1b[2Jgone\nverdict: pass"]
    assert run("logs")[1] == "[2Jgone verdict: pass\n"


def test_an_empty_log_and_one_that_is_not_kept_are_told_apart(
    api: FunctionGraphApi, project: Project, run: Run
) -> None:
    run("deploy", "--yes")
    status, out, err = run("logs")
    assert (status, out, "there is no log of the last 24 hours" in err) == (0, "", True)
    project.change("logs: true", "logs: false")
    run("deploy", "--yes")
    status, _, err = run("logs")
    assert (status, "the function's log is not kept" in err) == (1, True)


def test_a_log_that_may_not_be_read_names_the_permission(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    api.fail("POST", "/content/query", "LTS.0403", "no permission", status=403)
    status, _, err = run("logs")
    assert (status, "lts:logs:list" in err) == (1, True)
