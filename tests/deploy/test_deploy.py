import hashlib
import io
import json
from typing import Any

import pytest

from tests.deploy.conftest import NAME, TOPIC, Project, Run, write_zip
from tests.deploy.function_graph import Function, FunctionGraphApi

CANARY = "canary-Zx81-!secret"


def deployed(api: FunctionGraphApi) -> Function:
    return api.functions[NAME]


def timers(api: FunctionGraphApi) -> list[tuple[str, str, str]]:
    """Where each timer is bound, its name and schedule."""
    return [
        (place, row["event_data"]["name"], row["event_data"]["schedule"])
        for place, rows in deployed(api).triggers.items()
        for row in rows
    ]


def test_plain_values_are_shown_of_harmless_settings_alone(api: FunctionGraphApi, project: Project, run: Run) -> None:
    project.change("    encrypted:", "      SANDBOX_SK: first-value\n    encrypted:")
    out = run("deploy", "--yes")[1]
    project.change("first-value", "other-value")
    out += run("deploy", "--yes")[1]
    assert "SANDBOX_SK: set (not shown)" in out
    assert "SANDBOX_SK: changed (not shown)" in out
    assert "-value" not in out


def test_a_new_function_gets_all_that_the_description_says(api: FunctionGraphApi, project: Project, run: Run) -> None:
    status, out, err = run("deploy", "--yes")
    assert (status, err) == (0, "")
    function = deployed(api)
    code = project.zip.read_bytes()
    assert function.latest["digest"] == hashlib.sha512(code).hexdigest()
    shown = {key: function.latest[key] for key in ("runtime", "handler", "memory_size", "timeout", "xrole", "type")}
    assert shown == {
        "runtime": "Python3.10",
        "handler": "handler.handler",
        "memory_size": 256,
        "timeout": 900,
        "xrole": "cbr-auditor",
        "type": "v2",
    }
    assert json.loads(function.latest["user_data"]) == {"AUDITOR_REGION": "eu-de"}
    assert function.latest["strategy_config"]["concurrency"] == 1
    assert function.latest["log_group_id"]
    (version,) = function.versions
    assert function.aliases == {"live": version}
    assert timers(api) == [("!live", "daily", "CRON_TZ=Europe/Berlin 0 0 7 * * *")]
    for place in ("latest", version):
        config = function.async_configs[place]
        assert (config["max_async_retry_attempts"], config["max_async_event_age_in_seconds"]) == (0, 3600)
        failure = config["destination_config"]["on_failure"]
        assert (failure["destination"], json.loads(failure["param"])) == ("SMN", {"topic_urn": TOPIC})
    assert "+ function cbr-auditor: create" in out
    assert "done: timer daily, create" in out


def test_a_second_deployment_changes_nothing(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    before = len(api.changes())
    status, out, _ = run("deploy", "--yes")
    assert (status, len(api.changes())) == (0, before)
    assert out.endswith("Nothing to do.\n")


def test_a_dry_run_shows_the_plan_and_changes_nothing(api: FunctionGraphApi, project: Project, run: Run) -> None:
    status, out, _ = run("deploy", "--dry-run")
    assert (status, api.changes()) == (0, [])
    assert "timer daily: create" in out
    assert "6 steps would be done" in out


def test_new_code_is_sent_and_published_and_nothing_else_is_touched(
    api: FunctionGraphApi, project: Project, run: Run
) -> None:
    run("deploy", "--yes")
    before = len(api.changes())
    (first,) = deployed(api).versions
    write_zip(project.zip, extra="2")
    status, out, _ = run("deploy", "--yes")
    assert status == 0
    first_again, second = deployed(api).versions
    assert first_again == first
    assert deployed(api).aliases == {"live": second}
    assert deployed(api).versions[second]["digest"] == hashlib.sha512(project.zip.read_bytes()).hexdigest()
    assert [(asked.method, asked.path.rsplit("/", 1)[-1]) for asked in api.changes()[before:]] == [
        ("PUT", "code"),
        ("POST", "versions"),
        ("PUT", "async-invoke-config"),
        ("PUT", "live"),
    ]
    assert f"{first} → {second}" in out


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("memorySize: 256", "memorySize: 512", "memorySize: 256 → 512"),
        ("timeout: 900", "timeout: 600", "timeout: 900 → 600"),
        ("logs: true", "logs: false", "logs: kept → not kept"),
        ("alias: live", "alias: live\n    maxInstances: 2", "maxInstances: 1 → 2"),
        ("alias: live", "alias: live\n    retries: 1", "retries: 0 → 1"),
        ("onFailure: ${env:FAILURE_TOPIC, ''}", "", f"onFailure: {TOPIC} → none"),
        ("AUDITOR_REGION: ${env:AUDITOR_REGION, 'eu-de'}", "AUDITOR_REGION: eu-nl", "AUDITOR_REGION: eu-de → eu-nl"),
        ("    encrypted:", "      AUDITOR_FAIL_ON: low\n    encrypted:", "AUDITOR_FAIL_ON: none → low"),
        ("AUDITOR_REGION: ${env:AUDITOR_REGION, 'eu-de'}", "OTHER: x", "AUDITOR_REGION: removed"),
        ("agency: ${env:AGENCY, 'cbr-auditor'}", "agency: other", "agency: cbr-auditor → other"),
        (
            "alias: live",
            "alias: live\n    vpc: {vpcId: vpc-1, subnetId: net-1}",
            "vpc: none → net-1",
        ),
        (
            "logs: true",
            "logs: {groupId: g-1, groupName: g, streamId: s-1, streamName: s}",
            "logs: log_group_id 5b2ac9ee-group → g-1",
        ),
    ],
)
def test_a_changed_setting_is_shown_done_and_then_settled(
    api: FunctionGraphApi, project: Project, run: Run, old: str, new: str, line: str
) -> None:
    run("deploy", "--yes")
    project.change(old, new)
    status, out, _ = run("deploy", "--yes")
    assert status == 0
    assert line in out
    assert run("deploy", "--yes")[1].endswith("Nothing to do.\n")


def test_a_changed_schedule_replaces_the_timer_and_never_doubles_it(
    api: FunctionGraphApi, project: Project, run: Run
) -> None:
    run("deploy", "--yes")
    project.change("0 0 7 * * *", "0 30 6 * * MON-FRI")
    status, out, _ = run("deploy", "--yes")
    assert status == 0
    assert timers(api) == [("!live", "daily", "CRON_TZ=Europe/Berlin 0 30 6 * * MON-FRI")]
    assert "timer daily: replace" in out


def test_a_renamed_timer_leaves_no_second_one(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    project.change("name: daily", "name: morning")
    status, out, _ = run("deploy", "--yes")
    assert status == 0
    assert [name for _, name, _ in timers(api)] == ["morning"]
    assert "timer daily: delete" in out


def test_a_timer_that_somebody_bound_to_a_version_is_found(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    function = deployed(api)
    row = function.triggers["!live"][0]
    (version,) = function.versions
    other = {**row, "trigger_id": "t-2", "event_data": {**row["event_data"], "name": "by-hand"}}
    function.triggers[version] = [row, other]  # as if the version showed its alias' timers too
    status, out, _ = run("deploy", "--yes")
    assert status == 0
    assert "timer daily: unchanged" in out
    assert "timer by-hand: delete" in out
    assert function.triggers[version] == [row]


def test_a_timer_moves_from_latest_to_the_alias_and_back(api: FunctionGraphApi, project: Project, run: Run) -> None:
    project.change("alias: live", "alias: ''")
    run("deploy", "--yes")
    assert [place for place, *_ in timers(api)] == ["latest"]
    assert not deployed(api).versions
    project.change("alias: ''", "alias: live")
    run("deploy", "--yes")
    assert [place for place, *_ in timers(api)] == ["!live"]
    project.change("alias: live", "alias: ''")
    run("deploy", "--yes")
    assert [place for place, *_ in timers(api)] == ["latest"]


def test_a_timer_is_switched_off_in_place(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    project.change("name: daily", "name: daily\n          enabled: false")
    status, out, _ = run("deploy", "--yes")
    (row,) = deployed(api).triggers["!live"]
    assert (status, row["trigger_status"]) == (0, "DISABLED")
    assert "status: ACTIVE → DISABLED" in out


def test_triggers_of_other_kinds_are_left_alone(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    other = {"trigger_id": "t-1", "trigger_type_code": "SMN", "trigger_status": "ACTIVE", "event_data": {"name": "x"}}
    deployed(api).triggers["!live"].append(other)
    assert run("deploy", "--yes")[1].endswith("Nothing to do.\n")


def test_secrets_are_encrypted_set_again_and_never_shown(
    api: FunctionGraphApi, project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_SMTP_PASSWORD", CANARY)
    texts = [*run("deploy", "--dry-run")[1:], *run("deploy", "--yes")[1:]]
    assert json.loads(deployed(api).latest["encrypted_user_data"]) == {"AUDITOR_SMTP_PASSWORD": CANARY}
    (first,) = deployed(api).versions
    status, out, err = run("deploy", "--yes")
    assert status == 0
    assert "AUDITOR_SMTP_PASSWORD, encrypted: set again, for its value cannot be read" in out
    assert f"nothing is new since {first}" in out
    assert f"alias live, move (it leads to {first} already)" in out
    assert list(deployed(api).versions) == [first]
    monkeypatch.setenv("AUDITOR_SMTP_PASSWORD", CANARY + "2")
    texts += [out, err, *run("deploy", "--yes")[1:]]
    _, second = deployed(api).versions
    assert deployed(api).aliases == {"live": second}
    api.fail("PUT", "/config", "FSS.1009", f"invalid value {CANARY}3")
    monkeypatch.setenv("AUDITOR_SMTP_PASSWORD", CANARY + "3")
    status, out, err = run("deploy", "--yes")
    assert status == 1
    assert "FSS.1009" in err
    assert not [text for text in (*texts, out, err) if CANARY in text]


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("AUDITOR_SMTP_PASSWORD", "AUDITOR_SMTP_PASSWORD"),
        ("AUDITOR_MAIL_TO", "AUDITOR_MAIL_TO"),
        ("FAILURE_TOPIC", "onFailure"),
    ],
)
def test_what_this_shell_has_forgotten_is_not_taken_away(
    api: FunctionGraphApi, project: Project, run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, name: str
) -> None:
    if variable != "FAILURE_TOPIC":
        monkeypatch.setenv(variable, "a value")
    run("deploy", "--yes")
    monkeypatch.delenv(variable)
    before = len(api.changes())
    status, _, err = run("deploy", "--yes")
    assert (status, len(api.changes())) == (2, before)
    assert f"{name}: the function has a value, and here it is empty" in err


def test_a_secret_that_is_no_longer_described_is_removed(
    api: FunctionGraphApi, project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_SMTP_PASSWORD", CANARY)
    run("deploy", "--yes")
    project.change("      AUDITOR_SMTP_PASSWORD: ${env:AUDITOR_SMTP_PASSWORD, ''}\n", "")
    assert "AUDITOR_SMTP_PASSWORD, encrypted: removed" in run("deploy", "--yes")[1]
    assert deployed(api).latest["encrypted_user_data"] == "{}"


@pytest.mark.parametrize(
    ("method", "path", "code", "says", "done"),
    [
        ("POST", "/functions", "FSS.1021", "Check the agency", "nothing"),
        ("PUT", "/config-max-instance", "FSS.1026", "Look the code up", "function cbr-auditor (create)"),
        ("PUT", "/async-invoke-config", "FSS.1171", "Check onFailure", "instances (change)"),
        ("POST", "/versions", "FSS.0400", "Look the code up", "asynchronous runs (change)"),
        ("POST", "/aliases", "FSS.1043", "Look the code up", "(publish)"),
        ("POST", ":!live", "FSS.1109", "Check the timer's name and schedule", "alias live (create)"),
    ],
)
def test_a_step_that_fails_ends_the_deployment_and_the_next_one_goes_on(
    api: FunctionGraphApi, project: Project, run: Run, method: str, path: str, code: str, says: str, done: str
) -> None:
    api.fail(method, path, code, "refused on purpose")
    status, _, err = run("deploy", "--yes")
    assert status == 1
    assert f"answered 400 ({code} refused on purpose) [request 4f1c]" in err
    assert says in err
    assert done in err.partition("Done before: ")[2].partition(" Not done:")[0]
    assert run("deploy", "--yes")[0] == 0
    assert [place for place, *_ in timers(api)] == ["!live"]
    assert run("deploy", "--yes")[1].endswith("Nothing to do.\n")


def test_the_old_version_stays_in_force_until_the_new_one_is_complete(
    api: FunctionGraphApi, project: Project, run: Run
) -> None:
    run("deploy", "--yes")
    before = deployed(api).aliases["live"]
    write_zip(project.zip, extra="2")
    api.fail("POST", "/versions", "FSS.0500", "later")
    assert run("deploy", "--yes")[0] == 1
    assert deployed(api).aliases["live"] == before
    status, out, _ = run("deploy", "--yes")  # latest has the code already, and still it is published
    assert status == 0
    assert "code: unchanged" in out
    assert deployed(api).aliases["live"] != before


def test_a_timer_that_is_lost_on_the_way_is_cried_out(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    project.change("0 0 7 * * *", "0 0 8 * * *")
    api.fail("POST", ":!live", "FSS.0500", "try later", status=400)
    status, _, err = run("deploy", "--yes")
    assert status == 1
    assert "NOTHING RUNS THE AUDIT" in err
    assert run("deploy", "--yes")[0] == 0
    assert [schedule for *_, schedule in timers(api)] == ["CRON_TZ=Europe/Berlin 0 0 8 * * *"]


def test_old_versions_make_room_but_never_the_one_in_use(api: FunctionGraphApi, project: Project, run: Run) -> None:
    for number in range(13):
        write_zip(project.zip, extra=str(number))
        assert run("deploy", "--yes")[0] == 0
    assert len(deployed(api).versions) == 10
    oldest = next(iter(deployed(api).versions))
    assert run("rollback", "--yes", "--version", oldest)[0] == 0
    write_zip(project.zip, extra="another")
    assert run("deploy", "--yes")[0] == 0
    assert oldest in deployed(api).versions


def test_a_large_zip_is_deployed_though_the_answer_repeats_it(
    api: FunctionGraphApi, project: Project, run: Run
) -> None:
    run("deploy", "--yes")
    write_zip(project.zip, extra="x" * 3_000_000)
    assert run("deploy", "--yes")[0] == 0
    assert deployed(api).latest["code_size"] > 3_000_000


def test_a_digest_that_is_not_ours_is_said_and_does_no_harm(api: FunctionGraphApi, project: Project, run: Run) -> None:
    api.digest = lambda _: "ab" * 64
    run("deploy", "--yes")
    status, out, _ = run("deploy", "--yes")
    assert status == 0
    assert "every deployment will send it again" in out


def test_the_runtime_of_a_function_cannot_be_changed(api: FunctionGraphApi, project: Project, run: Run) -> None:
    run("deploy", "--yes")
    project.change("runtime: Python3.10", "runtime: Python3.12")
    before = len(api.changes())
    status, _, err = run("deploy", "--yes")
    assert (status, len(api.changes())) == (2, before)
    assert "the function runs Python3.10" in err


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("yes\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_it_asks_before_it_changes_anything(
    api: FunctionGraphApi, project: Project, run: Run, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    monkeypatch.setattr("sys.stdin", terminal(answer))
    assert run("deploy")[0] == status
    assert bool(api.changes()) == (status == 0)


def test_without_a_terminal_nobody_is_asked(
    api: FunctionGraphApi, project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", terminal("y\n", tty=False))
    status, _, err = run("deploy")
    assert (status, api.changes()) == (2, [])
    assert "use --yes" in err


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (401, "APIGW.0301", "Check the token or access key"),
        (403, "FSS.0403", "Grant the policy FunctionGraph FullAccess"),
        (404, "APIGW.0101", "belong together"),
    ],
)
def test_a_refusal_at_the_start_says_that_nothing_was_changed(
    api: FunctionGraphApi, project: Project, run: Run, status: int, code: str, says: str
) -> None:
    api.fail("GET", "/config", code, "no", status)
    exit_status, _, err = run("deploy", "--yes")
    assert (exit_status, api.changes()) == (1, [])
    assert says in err
    assert "Nothing was changed." in err


def test_a_wrong_secret_key_is_refused(
    api: FunctionGraphApi, project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_SECRET_KEY", "wrong-key")
    status, _, err = run("deploy", "--yes")
    assert (status, api.requests) == (1, [])
    assert "APIGW.0301" in err
    assert "wrong-key" not in err


def test_a_token_will_do_too(
    api: FunctionGraphApi, project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUDITOR_ACCESS_KEY")
    monkeypatch.delenv("AUDITOR_SECRET_KEY")
    monkeypatch.setenv("AUDITOR_TOKEN", api.token)
    assert run("deploy", "--yes")[0] == 0


def test_the_variables_of_other_tools_sign_in_too(
    api: FunctionGraphApi, project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACCESS_KEY", "SECRET_KEY"):
        monkeypatch.delenv(f"AUDITOR_{name}")
    monkeypatch.setenv("HUAWEICLOUD_SDK_AK", next(iter(api.access_keys)))
    monkeypatch.setenv("HUAWEICLOUD_SDK_SK", next(iter(api.access_keys.values())))
    assert run("deploy", "--yes")[0] == 0


def test_a_region_without_functions_is_refused(
    api: FunctionGraphApi, project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_REGION", "eu-nl")
    monkeypatch.delenv("FUNCTIONGRAPH_ENDPOINT")
    status, _, err = run("deploy", "--yes")
    assert (status, api.requests) == (2, [])
    assert "no FunctionGraph in eu-nl" in err


def terminal(text: str, *, tty: bool = True) -> Any:
    stream = io.StringIO(text)
    stream.isatty = lambda: tty  # type: ignore[method-assign]
    return stream
