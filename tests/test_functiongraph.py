import json
import logging
import re
import sys
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Fault, status
from cbr_auditor.errors import AuditFailedError, SettingsError
from cbr_auditor.functiongraph import handle, read_settings, read_time, read_trigger
from cbr_auditor.report import Trigger
from tests.delivery.receivers import Answer, Receiver
from tests.fakes import PROJECT, FakeClock

TOKEN = "MIIagency-token-0000"
TIMER = {
    "version": "v1.0",
    "time": "2018-06-01T08:30:00+08:00",
    "trigger_type": "TIMER",
    "trigger_name": "Timer_001",
    "user_event": '{"not": "looked at"}',
}
BACKUP = {
    "id": "b1c4afd9-e7a6-4888-9010-c2bac3aa7910",
    "status": "available",
    "name": "autobk_b629",
    "created_at": "2026-11-22T23:00:54.000000",
    "updated_at": "2026-11-22T23:10:00.000000",
    "expired_at": "2026-12-22T23:00:54.000000",
    "resource_id": "1a503932-ee8f-4dd5-8248-8dfb57e584c5",
    "resource_name": "test001-02",
    "resource_type": "OS::Cinder::Volume",
    "vault_id": "cca85ea5-00a4-418d-9222-bd83985bc515",
    "project_id": PROJECT,
    "extend_info": {"auto_trigger": True, "encrypted": True},
    "children": [],
}
LOG = logging.getLogger("tests.functiongraph")


class Context:
    """A context as the platform's: one argument for getUserData, and nothing that was not asked for."""

    def __init__(self, token: Any = TOKEN, variables: dict[str, Any] | None = None) -> None:
        self.token = token
        self.variables = variables or {}

    def getToken(self) -> Any:  # noqa: N802  # FunctionGraph's name, as below
        return self.token

    def getUserData(self, key: str) -> Any:  # noqa: N802
        return self.variables.get(key)

    def getLogger(self) -> logging.Logger:  # noqa: N802
        return LOG


class RaisingContext:
    """Has every method, and each raises."""

    def __getattr__(self, name: str) -> Any:
        def method(*_: str) -> None:
            raise Exception(name)  # noqa: TRY002  # whatever the platform may raise

        return method


class RemainingContext(Context):
    """Says how much time is left, or raises that."""

    def __init__(self, remaining: Any) -> None:
        super().__init__()
        self.remaining = remaining

    def getRemainingTimeInMilliSeconds(self) -> Any:  # noqa: N802
        if isinstance(self.remaining, Exception):
            raise self.remaining
        return self.remaining


class AgencyContext(Context):
    """Gives the temporary access key too."""

    def getSecurityAccessKey(self) -> str:  # noqa: N802
        return "AK0000"

    def getSecuritySecretKey(self) -> str:  # noqa: N802
        return "SK0000"

    def getSecurityToken(self) -> str:  # noqa: N802
        return "ST0000"


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the function's code, without an auditor.toml."""
    monkeypatch.setenv("RUNTIME_CODE_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def endpoint() -> Iterator[CbrEndpoint]:
    with CbrEndpoint([BACKUP], project_id=PROJECT, token=TOKEN) as one:
        yield one


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    one.start()
    yield one
    one.stop()


@pytest.fixture
def broken() -> Iterator[Receiver]:
    """A webhook that is no longer known."""
    one = Receiver()
    one.answers = [Answer(404, b"no_service")]
    one.start()
    yield one
    one.stop()


@pytest.fixture
def function(endpoint: CbrEndpoint, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that is set up to audit the endpoint."""
    monkeypatch.setenv("RUNTIME_PROJECT_ID", PROJECT)
    monkeypatch.setenv("RUNTIME_TIMEOUT", "60")
    monkeypatch.setenv("AUDITOR_REGION", "eu-de")
    monkeypatch.setenv("AUDITOR_CBR_ENDPOINT", endpoint.url)


# What started the run


def test_a_timers_event_names_the_timer_and_its_time() -> None:
    assert read_trigger(TIMER) == Trigger("TIMER", "Timer_001", "2018-06-01T08:30:00+08:00")


def test_a_timers_event_may_lack_whatever_is_not_needed() -> None:
    assert read_trigger({"trigger_type": "TIMER"}) == Trigger("TIMER", None, None)
    assert read_trigger({**TIMER, "user_event": None, "trigger_name": "", "time": 5}) == Trigger("TIMER", None, None)


@pytest.mark.parametrize(
    "event",
    [
        {"key": "value"},
        {},
        None,
        "text",
        json.dumps(TIMER),
        b"bytes",
        [TIMER],
        {"trigger_type": ["TIMER"]},
        {"record": [{"event_source": "smn", "smn": {"message": "TIMER"}}]},
        {"httpMethod": "POST", "body": "eyJ9", "isBase64Encoded": True, "requestContext": {"stage": "RELEASE"}},
    ],
)
def test_whatever_is_no_timer_is_a_run_by_hand(event: Any) -> None:
    assert read_trigger(event) == Trigger("MANUAL", None, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    event=JSON
    | st.fixed_dictionaries(
        {}, optional=dict.fromkeys(TIMER, JSON) | {"trigger_type": st.sampled_from(["TIMER", "SMN"]) | JSON}
    )
)
@example(event={**TIMER, "trigger_name": "dai\x1b[2Jly\r\nBcc: x\u202e\ud800", "time": "2026" * 99})
def test_no_event_whatsoever_makes_trouble(event: Any) -> None:
    trigger = read_trigger(event)
    assert trigger.type in {"TIMER", "MANUAL"}
    for text in (trigger.name, trigger.time):
        assert len(text or "") <= 100
        assert not {unicodedata.category(char) for char in text or ""} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert msgspec.json.decode(msgspec.json.encode(trigger), type=Trigger) == trigger


# How much time there is


@pytest.mark.parametrize(("told", "seconds"), [("3", 2.55), ("30", 25.5), (" 60 ", 55.0), ("259200", 259_195.0)])
def test_the_functions_time_is_kept_less_what_a_cold_start_may_have_cost(
    told: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_TIMEOUT", told)
    assert read_time(RaisingContext(), LOG) == pytest.approx(seconds)


def test_the_variable_is_believed_before_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_TIMEOUT", "60")
    assert read_time(RemainingContext(2_000), LOG) == 55.0
    assert read_time(RemainingContext(TypeError("can't multiply")), LOG) == 55.0


@pytest.mark.parametrize("told", [None, "", "0", "2", "-60", "259201", "60000000", "60s", "nan", "inf", "None"])
def test_an_impossible_time_is_not_believed(told: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if told is not None:
        monkeypatch.setenv("RUNTIME_TIMEOUT", told)
    assert read_time(RemainingContext(200_000), LOG) == 195.0


@pytest.mark.parametrize(
    "remaining",
    [
        TypeError("unsupported operand"),  # where RUNTIME_TIMEOUT came as a text
        -1_700_000_000,  # milliseconds taken from seconds
        29.5,  # seconds instead of milliseconds
        30_000_000,  # a thousand times too much
        "6060" * 500,  # a text times a thousand
        10**400,
        float("nan"),
        float("inf"),
        None,
        True,
        [],
    ],
)
def test_a_context_that_lies_about_the_time_is_not_believed(remaining: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert read_time(RemainingContext(remaining), LOG) == 25.5
    assert "30 s are assumed" in caplog.text


@pytest.mark.parametrize("context", [None, object(), RaisingContext(), Context()])
def test_without_any_word_about_the_time_little_is_assumed(context: Any) -> None:
    assert read_time(context, LOG) == 25.5


def test_a_run_stops_asking_and_reports_before_the_platform_kills_it(
    function: None, endpoint: CbrEndpoint, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_TIMEOUT", "40")
    endpoint.faults.append(Fault(status(503)))
    with pytest.raises(AuditFailedError, match="no audit was made"):
        handle(TIMER, Context(), clock=clock)
    assert 0 < clock.monotonic() <= 35 - 14


# What is set


def test_plain_variables_come_from_the_environment(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_REGION", "eu-nl")
    assert read_settings(Context(), LOG).region == "eu-nl"


def test_encrypted_variables_come_from_the_context_alone(code: Path) -> None:
    context = Context(variables={"AUDITOR_SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x"})
    url = read_settings(context, LOG).slack_webhook_url
    assert url is not None
    assert url.get_secret_value() == "https://hooks.slack.com/services/T/B/x"


def test_encrypted_variables_come_from_runtime_userdata_too(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"AUDITOR_WEBHOOK_URL": "https://x/y", "AUDITOR_REQUESTS": 4, "AUDITOR_OUT": None, "OTHER": True}
    monkeypatch.setenv("RUNTIME_USERDATA", json.dumps(told))
    for context in (Context(), RaisingContext(), object()):
        monkeypatch.setenv("AUDITOR_TOKEN", TOKEN)
        settings = read_settings(context, LOG)
        assert settings.webhook_url is not None
        assert settings.requests == 4
        assert settings.out is None


def test_the_context_wins_over_runtime_userdata_and_that_over_the_environment(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_REGION", "eu-de")
    monkeypatch.setenv("AUDITOR_TIMEZONE", "Asia/Tokyo")
    monkeypatch.setenv("RUNTIME_USERDATA", json.dumps({"AUDITOR_REGION": "eu-nl", "AUDITOR_TIMEZONE": "UTC"}))
    settings = read_settings(Context(variables={"AUDITOR_REGION": "eu-ch2", "AUDITOR_TIMEZONE": ""}), LOG)
    assert (settings.region, settings.timezone) == ("eu-ch2", "UTC")


def test_a_misspelt_encrypted_variable_is_refused(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_USERDATA", '{"AUDITOR_SLACK_WEBHOK_URL": "https://hooks.slack.com/x"}')
    with pytest.raises(SettingsError, match="Did you mean AUDITOR_SLACK_WEBHOOK_URL"):
        read_settings(Context(), LOG)


@pytest.mark.parametrize("told", ["{'AUDITOR_REGION': 'S3CRET'}", '"S3CRET"', "[" * 100_000, '["S3CRET"]'])
def test_an_unreadable_runtime_userdata_is_an_error_unless_the_context_knows_better(
    told: str, code: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("RUNTIME_USERDATA", told)
    monkeypatch.setenv("AUDITOR_TOKEN", TOKEN)
    for context in (Context(), RaisingContext(), None):
        with pytest.raises(SettingsError, match="variables cannot be read") as refused:
            read_settings(context, LOG)
        assert "S3CRET" not in str(refused.value)
    assert read_settings(Context(variables={"AUDITOR_REGION": "eu-de"}), LOG).region == "eu-de"
    assert "getUserData() knows 1 settings" in caplog.text
    assert "S3CRET" not in caplog.text


@pytest.mark.parametrize("told", ["", "null", "{}"])
def test_a_function_without_variables_is_no_error(told: str, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_USERDATA", told)
    assert read_settings(Context(), LOG).region is None


def test_auditor_toml_is_read_from_beside_the_handler(code: Path) -> None:
    (code / "auditor.toml").write_text('fail_on = "low"\n')
    assert read_settings(Context(), LOG).fail_on.value == "low"


def test_auditor_config_may_be_an_encrypted_variable(code: Path) -> None:
    (code / "other.toml").write_text('region = "eu-nl"\n')
    assert read_settings(Context(variables={"AUDITOR_CONFIG": str(code / "other.toml")}), LOG).region == "eu-nl"


# Whose rights


def test_token_and_project_are_the_agencys_and_the_functions(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_PROJECT_ID", PROJECT)
    settings = read_settings(Context(token=f" {TOKEN}\n"), LOG)
    assert settings.token is not None
    assert settings.token.get_secret_value() == TOKEN
    assert settings.project_id == PROJECT


def test_the_project_is_the_contexts_where_the_variable_is_missing(code: Path) -> None:
    class ProjectContext(Context):
        def getProjectID(self) -> str:  # noqa: N802
            return "project-of-the-context"

    assert read_settings(ProjectContext(), LOG).project_id == "project-of-the-context"
    assert read_settings(Context(), LOG).project_id is None


@pytest.mark.parametrize("context", [Context(token=""), Context(token=None), Context(token=object()), object(), None])
def test_a_function_without_an_agency_is_told_so_before_any_request(
    context: Any, function: None, endpoint: CbrEndpoint, clock: FakeClock
) -> None:
    with pytest.raises(SettingsError, match=r"no agency.*Give it an agency with CBR ReadOnlyAccess"):
        handle(TIMER, context, clock=clock)
    assert endpoint.requests == []


def test_a_function_that_does_not_know_its_project_is_told_so(
    function: None, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_PROJECT_ID")
    with pytest.raises(SettingsError, match="AUDITOR_PROJECT_ID is not set"):
        handle(TIMER, Context(), clock=clock)


def test_credentials_of_the_settings_keep_the_agencys_out(code: Path) -> None:
    token = read_settings(AgencyContext(variables={"AUDITOR_TOKEN": "token-by-hand"}), LOG).credentials
    assert token.token is not None
    assert token.token.get_secret_value() == "token-by-hand"
    assert token.access_key is None
    key = read_settings(
        AgencyContext(variables={"AUDITOR_ACCESS_KEY": "AK", "AUDITOR_SECRET_KEY": "SK"}), LOG
    ).credentials
    assert key.token is None
    assert key.security_token is None


def test_the_agencys_access_key_serves_another_project_where_its_token_does_not(
    code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_PROJECT_ID", PROJECT)
    own = read_settings(AgencyContext(), LOG).credentials
    assert own.token is not None
    assert own.access_key is not None
    other = read_settings(AgencyContext(variables={"AUDITOR_PROJECT_ID": "another"}), LOG).credentials
    assert other.token is None
    assert other.security_token is not None
    assert other.security_token.get_secret_value() == "ST0000"


def test_an_access_key_without_its_security_token_is_not_taken(code: Path) -> None:
    class HalfContext(AgencyContext):
        def getSecurityToken(self) -> str:  # noqa: N802
            return ""

    assert read_settings(HalfContext(), LOG).access_key is None


def test_a_targets_secret_is_asked_for_by_the_name_that_the_file_gives(code: Path) -> None:
    (code / "auditor.toml").write_text('[[targets]]\nproject_id = "another"\ntoken_variable = "PROD_TOKEN"\n')
    target = read_settings(Context(variables={"PROD_TOKEN": "token-of-prod"}), LOG).targets[0]
    assert target.token is not None
    assert target.token.get_secret_value() == "token-of-prod"


# What the invocation gives back


def test_the_answer_is_a_small_summary(function: None, clock: FakeClock, receiver: Receiver) -> None:
    answer = handle(TIMER, Context(variables={"AUDITOR_WEBHOOK_URL": receiver.url()}), clock=clock)
    assert re.fullmatch(r"20261123T060000Z-[0-9a-f]{6}", answer["run_id"])
    assert answer == {
        "run_id": answer["run_id"],
        "verdict": "pass",
        "complete": True,
        "headline": answer["headline"],
        "summary": {
            "targets": 1,
            "backups": 1,
            "resources": 1,
            "findings": {"critical": 0, "high": 0, "medium": 0, "low": 0, "info": 0},
            "unknown": 0,
            "waived": 0,
            "rule_errors": 0,
        },
        "deliveries": [{"channel": "webhook", "target": "127.0.0.1", "ok": True, "detail": "accepted"}],
        "exit_status": 0,
    }
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert len(receiver.requests) == 1
    assert b"Timer_001" in receiver.requests[0].body


def test_a_finding_is_an_answer_and_no_error(
    function: None, endpoint: CbrEndpoint, clock: FakeClock, receiver: Receiver
) -> None:
    endpoint.backups.append({**BACKUP, "id": "b2", "status": "error"})
    answer = handle({"key": "value"}, Context(variables={"AUDITOR_WEBHOOK_URL": receiver.url()}), clock=clock)
    assert (answer["verdict"], answer["exit_status"]) == ("fail", 1)
    assert answer["summary"]["findings"]["high"] == 1


def test_where_nothing_could_be_listed_all_are_told_before_the_invocation_fails(
    function: None, clock: FakeClock, receiver: Receiver
) -> None:
    context = Context(token="of-another-project", variables={"AUDITOR_WEBHOOK_URL": receiver.url()})
    with pytest.raises(AuditFailedError, match=r"no audit was made: .* answered 401 .* give the function an agency"):
        handle(TIMER, context, clock=clock)
    assert b"no audit was made" in receiver.requests[0].body


def test_where_a_channel_failed_the_others_are_served_before_the_invocation_fails_and_names_it(
    function: None, clock: FakeClock, receiver: Receiver, broken: Receiver
) -> None:
    variables = {"AUDITOR_WEBHOOK_URL": broken.url(), "AUDITOR_MATTERMOST_WEBHOOK_URL": receiver.url()}
    with pytest.raises(AuditFailedError) as failed:
        handle(TIMER, Context(variables=variables), clock=clock)
    assert re.fullmatch(
        r"webhook to 127\.0\.0\.1 failed: .*404.*\. The report went out by mattermost: \[PASS\] CBR audit eu-de: .*\.",
        str(failed.value),
    )
    assert "SECRET" not in str(failed.value)
    assert len(receiver.requests) == 1


def test_a_failure_of_everything_says_both(function: None, clock: FakeClock, broken: Receiver) -> None:
    context = Context(token="wrong", variables={"AUDITOR_WEBHOOK_URL": broken.url()})
    with pytest.raises(AuditFailedError) as failed:
        handle(TIMER, context, clock=clock)
    text = str(failed.value)
    assert text.startswith("no audit was made: ")
    assert " webhook to 127.0.0.1 failed: " in text
    assert text.endswith("The report reached nobody.")


def test_a_report_that_reaches_nobody_is_warned_of(
    function: None, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    assert handle(TIMER, Context(), clock=clock)["deliveries"] == []
    assert "nobody is told" in caplog.text


# An instance serves many invocations


def test_a_second_invocation_of_a_warm_instance_is_like_the_first(
    function: None, endpoint: CbrEndpoint, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = handle(TIMER, Context(), clock=clock)
    lines = [record.getMessage() for record in caplog.records]
    caplog.clear()
    endpoint.backups.append({**BACKUP, "id": "b2", "status": "error"})
    assert handle({"key": "value"}, Context(), clock=clock)["verdict"] == "fail"
    endpoint.backups.pop()
    caplog.clear()
    again = handle(TIMER, Context(), clock=clock)
    assert {**again, "run_id": ""} == {**first, "run_id": ""}
    assert again["run_id"] != first["run_id"]
    assert [without_ids(record.getMessage()) for record in caplog.records] == [without_ids(line) for line in lines]


def without_ids(line: str) -> str:
    return re.sub(r"-[0-9a-f]{6}:", ":", line)


def test_the_token_is_read_anew_at_each_invocation(function: None, clock: FakeClock) -> None:
    handle(TIMER, Context(), clock=clock)
    with pytest.raises(AuditFailedError):
        handle(TIMER, Context(token="ended"), clock=clock)
    assert handle(TIMER, Context(), clock=clock)["verdict"] == "pass"


@pytest.mark.parametrize("logger", [None, "no logger"])
def test_without_the_contexts_logger_each_line_comes_once_at_every_invocation(
    logger: Any, function: None, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    class OddContext(Context):
        def getLogger(self) -> Any:  # noqa: N802
            if logger is None:
                raise RuntimeError("no logger")
            return logger

    for _ in range(2):
        handle(TIMER, OddContext(), clock=clock)
        assert capsys.readouterr().out.count("cbr-auditor 0.1.0, Python") == 1


def test_neither_the_main_thread_nor_argv_nor_the_working_folder_is_needed(
    function: None, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/home/snuser/runtime/python3.10/server.py", "127.0.0.1:31536", "/opt"])
    monkeypatch.chdir(tmp_path)
    answers: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: answers.append(handle(TIMER, Context(), clock=clock)))
    thread.start()
    thread.join(30)
    assert answers[0]["verdict"] == "pass"


def test_no_secret_is_logged_or_returned(
    function: None, clock: FakeClock, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    variables = {
        "AUDITOR_WEBHOOK_URL": receiver.url(),
        "AUDITOR_WEBHOOK_SECRET": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    }
    answer = handle(TIMER, AgencyContext(variables=variables), clock=clock)
    for text in (json.dumps(answer), caplog.text):
        for secret in (TOKEN, "SK0000", "ST0000", "xyzzySECRETplugh", "AAAAAAAA"):
            assert secret not in text
