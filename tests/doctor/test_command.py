"""`cbr-auditor doctor` as a whole process, and the event in the function."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.demo import faults
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Fault
from cbr_auditor.functiongraph import handle
from tests.doctor.conftest import TOKEN
from tests.fakes import PROJECT, FakeClock

ROOT = Path(__file__).parent.parent.parent
EVENT = {"user_event": "doctor"}
TIMER = {
    "version": "v1.0",
    "time": "2018-06-01T08:30:00+08:00",
    "trigger_type": "TIMER",
    "trigger_name": "Timer_001",
    "user_event": " Doctor ",
}


class Context:
    """The platform's, as far as this needs it."""

    def __init__(self, variables: dict[str, str], token: str = TOKEN) -> None:
        self._variables = variables
        self._token = token

    def getToken(self) -> str:  # noqa: N802  # FunctionGraph's name, as below
        return self._token

    def getUserData(self, key: str) -> str:  # noqa: N802
        return self._variables.get(key, "")


def settings(endpoint: CbrEndpoint) -> dict[str, str]:
    return {"AUDITOR_REGION": "eu-de", "AUDITOR_CBR_ENDPOINT": endpoint.url, "AUDITOR_PROJECT_ID": PROJECT}


def call(endpoint: CbrEndpoint, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    endpoint.faults.clear()  # the process has the machine's clock
    return subprocess.run(
        [sys.executable, "-m", "cbr_auditor", "doctor", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "80",
            "HOME": str(folder),
            **settings(endpoint),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_all_is_well_ends_with_0(endpoint: CbrEndpoint, tmp_path: Path) -> None:
    result = call(endpoint, tmp_path, AUDITOR_TOKEN=TOKEN, AUDITOR_OUT="out")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1] == "All 15 checks passed."
    assert "\x1b" not in result.stdout
    assert TOKEN not in result.stdout + result.stderr
    assert not (tmp_path / "out").exists()


def test_a_failure_ends_with_1_and_json_says_the_same(endpoint: CbrEndpoint, tmp_path: Path) -> None:
    result = call(endpoint, tmp_path, "--json", OS_TOKEN="another-token", OS_PROJECT_ID="p")
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert found["ok"] is False
    assert [check["name"] for check in found["checks"] if check["state"] == "fail"] == ["signing in"]
    assert "credentials: OS_* variables" in next(c["detail"] for c in found["checks"] if c["name"] == "settings")
    assert "another-token" not in result.stdout


def test_a_wrong_file_is_a_failed_check(endpoint: CbrEndpoint, tmp_path: Path) -> None:
    result = call(endpoint, tmp_path, "--config", "none.toml", AUDITOR_TOKEN=TOKEN)
    assert result.returncode == 1
    assert "FAIL  settings" in result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("event", [EVENT, TIMER])
def test_the_event_checks_the_function_and_raises_nothing(
    endpoint: CbrEndpoint,
    clock: FakeClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    event: dict[str, Any],
) -> None:
    monkeypatch.setenv("RUNTIME_CODE_ROOT", str(tmp_path))
    monkeypatch.setenv("RUNTIME_TIMEOUT", "60")
    monkeypatch.setenv("RUNTIME_MEMORY", "512")
    variables = settings(endpoint)
    answer = json.loads(json.dumps(handle(event, Context(variables), clock=clock)))
    assert answer["ok"] is True
    names = [check["name"] for check in answer["checks"]]
    assert names[:5] == ["Python", "libraries", "time", "memory", "settings"]
    assert {"name", "version", "file"} == set(answer["libraries"][0])
    assert answer["path"]
    assert len(endpoint.requests) == 6
    endpoint.faults.append(Fault(faults.status(401)))
    assert handle(event, Context(variables, "ended-token"), clock=clock)["ok"] is False
    monkeypatch.setenv("AUDITOR_REGOIN", "x")
    broken = handle(event, Context(variables), clock=clock)
    assert broken["ok"] is False
    assert "AUDITOR_REGOIN" in json.dumps(broken)


def test_the_function_logs_each_check_with_its_mend(
    endpoint: CbrEndpoint,
    clock: FakeClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RUNTIME_CODE_ROOT", str(tmp_path))
    monkeypatch.setenv("RUNTIME_TIMEOUT", "3")
    handle(EVENT, Context(settings(endpoint), "wrong-token"), clock=clock)
    out = capsys.readouterr().out
    assert "doctor: this machine: time: warn: " in out
    assert "the platform's default is 3 s" in out
    assert f"doctor: project {PROJECT}, eu-de: signing in: fail: " in out
    assert "wrong-token" not in out


def test_other_events_audit_as_before(
    endpoint: CbrEndpoint, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNTIME_CODE_ROOT", str(tmp_path))
    for event in ({"user_event": '{"not": "doctor"}'}, {"user_event": None}, {"key": "value"}, None, "doctor"):
        assert "verdict" in handle(event, Context(settings(endpoint)), clock=clock)
