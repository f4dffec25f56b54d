"""serverless 3 and osls 4, the real ones, with our plugin: what they accept, refuse, and deploy."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cbr_auditor.deploy.deployment import load_deployment
from tests.deploy.conftest import NAME, ROOT, SECRET_KEY, Project, write_zip
from tests.deploy.function_graph import FunctionGraphApi

pytestmark = pytest.mark.slow

TOOLS = ("serverless", "osls")
CANARY = "canary-Zx81-!secret"
Serverless = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=TOOLS)
def serverless(request: pytest.FixtureRequest, project: Project) -> Serverless:
    """Runs one of both in the project's folder."""
    script = ROOT / "tests/deploy/npm/node_modules" / request.param / "bin/serverless.js"
    assert script.is_file(), "make test-slow installs it"
    node = shutil.which("node")
    assert node
    shutil.copytree(ROOT / "deploy/serverless-plugin", project.folder / "deploy/serverless-plugin")

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        environ = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(project.folder),
            "SLS_TELEMETRY_DISABLED": "1",
            "SLS_NOTIFICATIONS_MODE": "off",
            "SLS_ANALYTICS_DISABLED": "1",
        }
        return subprocess.run(
            [node, str(script), *words], cwd=project.folder, env=environ, capture_output=True, text=True, check=False
        )

    return run


def test_print_and_package_accept_the_repositorys_own_file(serverless: Serverless, project: Project) -> None:
    printed = serverless("print")
    assert printed.returncode == 0, printed.stderr
    resolved = yaml.safe_load(printed.stdout)
    assert resolved["provider"]["runtime"] == "Python3.10"
    ours = load_deployment(str(project.file))
    assert resolved["functions"]["audit"]["name"] == ours.function.name
    assert resolved["provider"]["endpoint"] == ours.provider.endpoint
    packaged = serverless("package")
    assert packaged.returncode == 0, packaged.stderr


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("memorySize: 256", "memroySize: 256", "unrecognized property 'memroySize'"),
        ("runtime: Python3.10", "runtime: Pyhton3.10", "must be equal to one of the allowed values"),
        ("region: ${env:AUDITOR_REGION, 'eu-de'}\n  p", "regoin: eu-de\n  p", "must have required property 'region'"),
        ("- timer:", "- tiemr:", "unsupported function event"),
        (
            "schedule: CRON_TZ=Europe/Berlin 0",
            "shedule: CRON_TZ=Europe/Berlin 0",
            "must have required property 'schedule'",
        ),
        ("CRON_TZ=Europe/Berlin ", "", "must match pattern"),
    ],
)
def test_a_typo_is_refused_before_anything_is_deployed(
    serverless: Serverless, api: FunctionGraphApi, project: Project, old: str, new: str, says: str
) -> None:
    project.change(old, new)
    refused = serverless("deploy")
    assert refused.returncode != 0
    assert says in refused.stdout + refused.stderr
    assert api.requests == []


def test_deploy_rollback_logs_and_remove_do_what_cbr_auditor_does(
    serverless: Serverless, api: FunctionGraphApi, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDITOR_SMTP_PASSWORD", CANARY)
    outputs = [serverless("deploy")]
    assert "done: timer daily, create" in outputs[0].stdout
    function = api.functions[NAME]
    assert json.loads(function.latest["encrypted_user_data"]) == {"AUDITOR_SMTP_PASSWORD": CANARY}
    (first,) = function.versions
    write_zip(project.zip, extra="2")
    outputs.append(serverless("deploy"))
    assert function.aliases["live"] != first
    outputs.append(serverless("rollback"))
    assert function.aliases["live"] == first
    api.log = ["2026-11-23T06:00:00Z INFO a line"]
    outputs.append(serverless("logs", "--function", "audit"))
    assert api.log[0] in outputs[-1].stdout
    outputs.append(serverless("remove"))
    assert api.functions == {}
    assert [output.returncode for output in outputs] == [0] * 5
    texts = [text for output in outputs for text in (output.stdout, output.stderr)]
    assert not [text for text in texts if CANARY in text or SECRET_KEY in text]
    left = [path for path in project.folder.rglob("*") if path.is_file()]
    assert project.file in left
    assert not [path for path in left if CANARY.encode() in path.read_bytes()]


def test_references_that_only_serverless_knows_work_through_it(
    serverless: Serverless, api: FunctionGraphApi, project: Project
) -> None:
    project.change("name: cbr-auditor\n", "name: cbr-auditor-${opt:stage, 'dev'}\n")
    assert serverless("deploy", "--stage", "prod").returncode == 0
    assert list(api.functions) == ["cbr-auditor-prod"]


@pytest.mark.parametrize(("path", "code"), [("/functions", "FSS.1021"), (":!live", "FSS.1109")])
def test_a_deployment_that_fails_ends_with_an_error(
    serverless: Serverless, api: FunctionGraphApi, project: Project, path: str, code: str
) -> None:
    api.fail("POST", path, code, "refused on purpose")
    failed = serverless("deploy")
    assert failed.returncode != 0
    assert code in failed.stderr
    assert "cbr-auditor deploy failed (exit status 1)" in failed.stdout + failed.stderr


def test_a_missing_zip_ends_with_an_error(serverless: Serverless, api: FunctionGraphApi, project: Project) -> None:
    project.zip.unlink()
    failed = serverless("deploy")
    assert failed.returncode != 0
    assert "Cannot access package artifact" in failed.stdout + failed.stderr
    assert api.requests == []


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (("rollback", "function", "--function", "audit", "--function-version", "1"), "rollback"),
        (("deploy", "function", "--function", "audit"), "deploy"),
    ],
)
def test_serverless_own_commands_for_one_function_do_not_end_as_if_they_had_done_anything(
    serverless: Serverless, api: FunctionGraphApi, words: tuple[str, ...], instead: str
) -> None:
    refused = serverless(*words)
    assert refused.returncode != 0
    assert f"Call {instead}." in refused.stdout + refused.stderr
    assert api.requests == []
