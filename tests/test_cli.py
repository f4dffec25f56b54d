"""The command line as a person meets it: whole processes, their exit status and what they print."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cbr_auditor.demo import faults
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Fault
from tests.fakes import PROJECT
from tests.test_contract import TOKEN, row

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "cbr_auditor"]
RED = "\x1b[31"


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **variables}


def call(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def endpoint() -> Iterator[CbrEndpoint]:
    with CbrEndpoint([row(1), row(2, status="error")], project_id=PROJECT, token=TOKEN) as endpoint:
        yield endpoint


def settings(endpoint: CbrEndpoint) -> dict[str, str]:
    return {
        "AUDITOR_REGION": "eu-de",
        "AUDITOR_CBR_ENDPOINT": endpoint.url,
        "AUDITOR_PROJECT_ID": PROJECT,
        "AUDITOR_TOKEN": TOKEN,
    }


def test_the_demo_ends_with_0_and_says_where_its_report_is(tmp_path: Path) -> None:
    result = call("demo", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stderr == ""
    for name in ("report.html", "report.txt", "report.json", "findings.csv"):
        assert f"out/{name}" in result.stdout
        assert (tmp_path / "out" / name).stat().st_size > 1000
    assert "FAIL, INCOMPLETE" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_run_ends_with_the_contracts_status_and_logs_to_stderr(endpoint: CbrEndpoint, tmp_path: Path) -> None:
    result = call("run", "--out", "mine", cwd=tmp_path, **settings(endpoint))
    assert result.returncode == 1
    assert "[FAIL]" in result.stdout
    assert "INFO project" in result.stderr
    assert (tmp_path / "mine" / "report.json").is_file()
    assert TOKEN not in result.stdout + result.stderr


def test_what_was_not_seen_is_told_with_its_project(endpoint: CbrEndpoint, tmp_path: Path) -> None:
    toml = f'[[targets]]\nproject_id = "{PROJECT}"\nname = "production"\n[[targets]]\nproject_id = "another"\n'
    (tmp_path / "auditor.toml").write_text(toml + 'name = "sandbox"\ntoken_variable = "SANDBOX_TOKEN"')
    result = call("run", cwd=tmp_path, **settings(endpoint), SANDBOX_TOKEN=TOKEN)
    assert result.returncode == 1
    assert "\nNot seen in sandbox:\n  127.0.0.1 answered 403" in result.stdout
    assert "Not seen in production" not in result.stdout


def test_a_file_beside_is_read_and_another_one_where_told(endpoint: CbrEndpoint, tmp_path: Path) -> None:
    (tmp_path / "auditor.toml").write_text("[rules.backup-error]\nenabled = false")
    assert call("run", cwd=tmp_path, **settings(endpoint)).returncode == 0
    (tmp_path / "other.toml").write_text('fail_on = "critical"')
    assert call("run", "--config", "other.toml", cwd=tmp_path, **settings(endpoint)).returncode == 0
    assert call("run", "--config", "none.toml", cwd=tmp_path, **settings(endpoint)).returncode == 2


def test_wrong_settings_end_with_2_and_one_sentence(tmp_path: Path) -> None:
    result = call("run", cwd=tmp_path, AUDITOR_REGION="eu-dee", AUDITOR_PROJECT_ID="p", AUDITOR_TOKEN="t")
    assert result.returncode == 2
    assert result.stderr.strip().splitlines()[-1].startswith("cbr-auditor: AUDITOR_REGION = 'eu-dee'")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "1e9"])
def test_an_impossible_time_ends_with_2(tmp_path: Path, seconds: str) -> None:
    assert call("run", "--timeout", seconds, cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("plain", [False, True])
def test_colour_is_for_a_terminal_that_wants_it(tmp_path: Path, plain: bool) -> None:
    leader, follower = pty.openpty()
    variables = {"NO_COLOR": "1"} if plain else {}
    with subprocess.Popen(
        [*COMMAND, "demo"], cwd=tmp_path, env=environment(**variables), stdout=follower, stderr=follower
    ) as process:
        os.close(follower)
        output = b""
        while True:
            try:
                output += os.read(leader, 65536)
            except OSError:  # the other side is closed
                break
    os.close(leader)
    assert process.returncode == 0
    assert (RED in output.decode()) == (not plain)


def test_a_terminal_that_cannot_show_it_does_not_undo_the_run(endpoint: CbrEndpoint, tmp_path: Path) -> None:
    for shell, variables in (
        ('"$@" >/dev/full', {}),
        ('"$@" >&-', {}),
        ('"$@"', {"PYTHONIOENCODING": "ascii"}),
    ):
        result = subprocess.run(
            ["sh", "-c", shell, "sh", *COMMAND, "run", "--out", "mine"],
            cwd=tmp_path,
            env=environment(**settings(endpoint), **variables),
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == 1, shell
        assert b"Traceback" not in result.stderr


TWO = """
[[targets]]
project_id = "{PROJECT}"
[[targets]]
project_id = "another"
token_variable = "ANOTHER"
"""


def test_an_interrupt_ends_at_once_with_130(endpoint: CbrEndpoint, tmp_path: Path) -> None:
    endpoint.faults.append(Fault(faults.slow(20)))
    (tmp_path / "auditor.toml").write_text(TWO.replace("{PROJECT}", PROJECT))
    process = subprocess.Popen(
        [*COMMAND, "run"],
        cwd=tmp_path,
        env=environment(**settings(endpoint), ANOTHER="x"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not endpoint.requests:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors


def test_the_summary_names_what_a_finding_is_about_and_fits_a_screen(tmp_path: Path) -> None:
    lines = call("demo", "--profile", "strict", cwd=tmp_path).stdout.splitlines()
    assert len(lines) < 80
    assert not [line for line in lines if line.lstrip().startswith(":")]
    assert any(re.fullmatch(r"  And [1-9]\d* found by [1-9]\d* more rules\.", line) for line in lines)
