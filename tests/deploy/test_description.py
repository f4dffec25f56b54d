import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cbr_auditor import __version__
from cbr_auditor.deploy.deployment import load_deployment
from cbr_auditor.deploy.description import Function, Logs, Provider, Timer, Vpc, plugin_schema
from cbr_auditor.errors import SettingsError
from tests.deploy.conftest import ROOT, Project, Run, write_zip
from tests.deploy.function_graph import FunctionGraphApi

SCHEMA = ROOT / "deploy/serverless-plugin/schema.json"


def test_the_repositorys_own_file_names_the_zip_that_package_builds() -> None:
    deployment = load_deployment(str(ROOT / "serverless.yml"), {})
    assert deployment.artifact == ROOT / f"dist/cbr-auditor-{__version__}-py3.10.zip"
    assert (deployment.provider.region, deployment.function.name) == ("eu-de", "cbr-auditor")
    assert deployment.function.plain == {"AUDITOR_REGION": "eu-de"}
    assert deployment.function.secret == {}


def test_the_plugins_schema_is_that_of_the_models(request: pytest.FixtureRequest) -> None:
    text = json.dumps(plugin_schema(), indent=2) + "\n"
    if request.config.getoption("--update-golden"):
        SCHEMA.write_text(text)
    assert SCHEMA.read_text() == text, "run pytest tests/deploy --update-golden"


def test_what_serverless_resolved_is_read_from_stdin_as_the_file_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    document = yaml.safe_load((ROOT / "serverless.yml").read_text())
    document["provider"] = {"name": "functiongraph", "region": "eu-nl", "stage": "dev", "projectId": ""}
    document["functions"]["audit"] |= {
        "onFailure": "",
        "agency": "${nobody}",
    }  # Serverless resolved all that there was to resolve
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(document)))
    assert load_deployment("-", {}).function.agency == "${nobody}"


def test_a_function_without_a_name_is_called_as_serverless_does(project: Project) -> None:
    project.change("    name: cbr-auditor\n", "")
    assert load_deployment(str(project.file)).function.name == "cbr-auditor-dev-audit"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "memorySize: 256",
            "memroySize: 256",
            "functions.audit.memroySize: there is no such key. Did you mean memorySize?",
        ),
        ("region: ${env:AUDITOR_REGION, 'eu-de'}\n  p", "regoin: eu-de\n  p", "Did you mean region?"),
        ("schedule: CRON", "shedule: CRON", "Did you mean schedule?"),
        (
            "    encrypted:",
            "      AUDITOR_SMTP_HSOT: x\n    encrypted:",
            "functions.audit: AUDITOR_SMTP_HSOT is no setting. Did you mean AUDITOR_SMTP_HOST?",
        ),
        ("    encrypted:", "    encrypted:\n      AUDITOR_TEAMS_URL: x", "AUDITOR_TEAMS_URL is no setting"),
        ("    encrypted:", "      AUDITOR_TARGETS: '[]'\n    encrypted:", "Write [[targets]] in auditor.toml."),
        ("- timer:", "- tiemr:", "Did you mean timer?"),
        ("package:", "pakage:", "there is no key 'pakage'. Did you mean package?"),
        ("memorySize: 256", "memorySize: 300", "functions.audit.memorySize is not valid"),
        ("memorySize: 256", "memorySize: '256'", "functions.audit.memorySize is not valid"),
        ("timeout: 900", "timeout: 2", "functions.audit.timeout is not valid"),
        ("runtime: Python3.10", "runtime: Pyhton3.10", "provider.runtime is not valid"),
        ("handler: handler.handler", "handler: handler", "write file.function"),
        ("name: functiongraph", "name: aws", "provider.name is 'aws'. Write name: functiongraph."),
        ("name: cbr-auditor", "name: 9lives", "functions.audit.name is not valid"),
        ("alias: live", "alias: li ve", "functions.audit.alias is not valid"),
        ("name: daily", "name: 'da ily'", "timer.name is not valid"),
        ("0 0 7 * * *", "0 0 25 * * *", "the hour '25' is not within 0 to 23"),
        ("onFailure: ${env:FAILURE_TOPIC, ''}", "onFailure: ops@example.com", "use the topic's URN"),
        ("logs: true", "logs: {groupId: x}", "functions.audit.logs"),
        ("logs: true", "logs: yes please", "functions.audit.logs"),
        ("alias: live", "alias: live\n    maxInstances: 0", "functions.audit.maxInstances is not valid"),
        ("alias: live", "alias: live\n    retries: 4", "functions.audit.retries is not valid"),
        ("AUDITOR_REGION: $", "RUNTIME_X: $", "RUNTIME_ is the platform's"),
        ("AUDITOR_REGION: $", "AUDITOR-REGION: $", "is no variable's name"),
        ("AUDITOR_REGION: ${env:AUDITOR_REGION, 'eu-de'}", "AUDITOR_X: yes", "functions.audit.environment.AUDITOR_X"),
        (
            "    encrypted:",
            "      AUDITOR_TOKEN: x\n    encrypted:",
            "AUDITOR_TOKEN is a secret: move it from environment",
        ),
        ("    encrypted:", "    encrypted:\n      AUDITOR_REGION: x", "AUDITOR_REGION is set plain and encrypted"),
        ("    events:", "    timeout: 5\n    events:", "this is no YAML: 'timeout' stands twice"),
        ("plugins:", "plugins: [", "this is no YAML"),
        ("package:\n  artifact", "package:\n  patterns", "package.artifact is not set"),
        (
            "endpoint: ${env:FUNCTIONGRAPH_ENDPOINT, ''}",
            "endpoint: http://example.com",
            "http would send secrets in clear",
        ),
        ("artifact: dist/", "artifact: nowhere/", "cannot be read: No such file or directory. Build it"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_requested(
    api: FunctionGraphApi, project: Project, run: Run, old: str, new: str, says: str
) -> None:
    project.change(old, new)
    status, out, err = run("deploy", "--yes")
    assert (status, out, api.requests) == (2, "", [])
    assert says in err


def test_a_wrong_secret_is_refused_without_being_shown(project: Project, run: Run) -> None:
    project.change("AUDITOR_SMTP_PASSWORD: ${env:AUDITOR_SMTP_PASSWORD, ''}", "AUDITOR_SMTP_PASSWORD: [canary-Zx81]")
    status, _, err = run("deploy", "--yes")
    assert status == 2
    assert "AUDITOR_SMTP_PASSWORD" in err
    assert "canary" not in err


@pytest.mark.parametrize(
    ("count", "length", "fits"), [(20, 10, True), (21, 1, False), (1, 4089, True), (1, 4090, False)]
)
def test_more_variables_than_functiongraph_takes_are_refused(
    project: Project, count: int, length: int, fits: bool
) -> None:
    document = yaml.safe_load(project.file.read_text())
    variables = {f"NAME_{number:02}": "x" * length for number in range(count)}
    document["functions"]["audit"] |= {"environment": variables, "encrypted": {}}
    project.file.write_text(yaml.safe_dump(document))
    if fits:
        assert load_deployment(str(project.file)).function.plain == variables
        return
    with pytest.raises(SettingsError, match=r"move some to auditor\.toml"):
        load_deployment(str(project.file))


def test_plain_and_encrypted_variables_count_together(project: Project) -> None:
    document = yaml.safe_load(project.file.read_text())
    document["functions"]["audit"] |= {"environment": {"A": "x" * 2050}, "encrypted": {"B": "x" * 2050}}
    project.file.write_text(yaml.safe_dump(document))
    with pytest.raises(SettingsError, match="have 4102 characters"):
        load_deployment(str(project.file))


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"handler.py": None}, "has no handler.py"),
        ({"x.cpython-312-x86_64-linux-gnu.so": ""}, "is built for Python 3.12, and the function runs Python3.10"),
    ],
)
def test_a_zip_that_cannot_run_is_refused(
    api: FunctionGraphApi, project: Project, run: Run, files: dict[str, Any], says: str
) -> None:
    write_zip(project.zip, **{name: content for name, content in files.items() if content is not None})
    if "handler.py" in files:
        project.change("handler: handler.handler", "handler: main.handler")
        says = says.replace("handler.py", "main.py")
    status, _, err = run("deploy", "--yes")
    assert (status, api.requests) == (2, [])
    assert says in err
    assert "cbr-auditor package --runtime 3.10" in err


def test_a_file_that_is_no_zip_is_refused(project: Project, run: Run) -> None:
    project.zip.write_bytes(b"PK")
    assert "it is no zip" in run("deploy", "--yes")[2]


def test_a_zip_larger_than_the_api_takes_is_refused(
    project: Project, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cbr_auditor.deploy.artifact.LARGEST_ZIP", 100)
    assert "more than FunctionGraph takes (50 MB)" in run("deploy", "--yes")[2]


def test_without_pyyaml_it_says_how_to_get_it(project: Project, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    status, _, err = run("deploy", "--yes")
    assert status == 2
    assert "-m pip install pyyaml" in err


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yml cannot be read"):
        load_deployment(str(tmp_path / "absent.yml"))


def test_the_guide_names_every_key() -> None:
    guide = (ROOT / "docs/deploy.md").read_text()
    models = (Provider, Function, Timer, Logs, Vpc)
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()}
    assert [key for key in sorted(keys) if f"`{key}`" not in guide] == []
    assert all(f"`{code}`" in guide or f"({code}" in guide for code in ("FSS.1109", "FSS.1021", "FSS.0403"))
