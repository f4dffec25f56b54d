"""A command that is interrupted says how far it came."""

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from tests.deploy.conftest import NAME, Project, Run
from tests.deploy.function_graph import FunctionGraphApi
from tests.deploy.test_deploy import terminal


def test_an_interrupted_deployment_says_what_is_done_and_what_is_not(
    api: FunctionGraphApi, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "cbr_auditor", "deploy", "--yes"],
        cwd=project.folder,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    ended, answer = threading.Event(), api.route

    def interrupting(method: str, path: str, query: Any, body: Any) -> Any:
        if method == "POST" and path.endswith("/versions"):
            process.send_signal(signal.SIGINT)
            ended.wait(20)
        return answer(method, path, query, body)

    monkeypatch.setattr(api, "route", interrupting)
    try:
        _, errors = process.communicate(timeout=20)
    finally:
        ended.set()
    assert process.returncode == 130
    assert "publish, which may be done or not." in errors
    assert f"Done before: function {NAME} (create), instances (change), asynchronous runs (change)." in errors
    assert "Not done: alias live, timer daily. Run the command again" in errors
    assert "report" not in errors
    assert api.functions[NAME].aliases == {}


def test_an_interrupted_question_is_a_no(api: FunctionGraphApi, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", terminal(""))
    monkeypatch.setattr("builtins.input", interrupted)
    status, out, _ = run("deploy")
    assert (status, api.changes()) == (1, [])
    assert out.endswith("Nothing was done.\n")
