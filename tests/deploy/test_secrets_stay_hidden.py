"""No secret of the function, nor of who deploys it, is shown, whatever the API answers with."""

import json
from urllib.parse import quote

import pytest

from tests.deploy.api import Answer
from tests.deploy.conftest import NAME, Project, Run, write_zip
from tests.deploy.function_graph import FunctionGraphApi
from tests.test_secrets_stay_hidden import CANARIES, leaks

_DEPLOYERS = {"token", "access_key", "secret_key", "security_token", "password"}
FUNCTIONS = {f"AUDITOR_{name.upper()}": secret for name, secret in CANARIES.items() if name not in _DEPLOYERS}
REQUESTS = [
    ("GET", "/config"),
    ("GET", "/aliases"),
    ("GET", "/versions"),
    ("GET", ":latest"),
    ("GET", "/async-invoke-config"),
    ("POST", "/functions"),
    ("PUT", "/code"),
    ("PUT", "/config"),
    ("PUT", "/config-max-instance"),
    ("PUT", "/async-invoke-config"),
    ("POST", "/versions"),
    ("POST", "/aliases"),
    ("PUT", "/live"),
    ("POST", ":!live"),
    ("GET", "/lts-log-detail"),
    ("POST", "/content/query"),
    ("POST", "/invocations"),
    ("DELETE", f":{NAME}"),
]


@pytest.fixture
def secrets(api: FunctionGraphApi, project: Project, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """All canaries: those of the function as encrypted variables, those of who deploys in the environment."""
    project.change(
        "    encrypted:\n", "    encrypted:\n" + "".join(f"      {n}: ${{env:{n}}}\n" for n in missing(project))
    )
    for name, secret in FUNCTIONS.items():
        monkeypatch.setenv(name, secret)
    secret_key = CANARIES["secret_key"]
    monkeypatch.setenv("AUDITOR_SECRET_KEY", secret_key)
    api.access_keys = dict.fromkeys(api.access_keys, secret_key)
    return {**FUNCTIONS, "AUDITOR_SECRET_KEY": secret_key}


def missing(project: Project) -> list[str]:
    text = project.file.read_text()
    return [name for name in FUNCTIONS if f"      {name}:" not in text]


def commands(run: Run, project: Project) -> list[str]:
    """What each command says, one after the other."""
    texts: list[str] = []
    for words in (
        ["deploy", "--dry-run"],
        ["deploy", "--yes"],
        ["deploy", "--yes"],
        ["deploy", "--yes"],
        ["invoke", "--remote"],
        ["logs"],
        ["rollback", "--yes"],
        ["remove", "--yes"],
    ):
        write_zip(project.zip, extra=str(len(texts)))
        texts += run(*words)[1:]
    return texts


def test_no_command_shows_a_secret_where_all_goes_well(
    api: FunctionGraphApi, project: Project, run: Run, secrets: dict[str, str]
) -> None:
    api.result = Answer(200, {"said": list(secrets.values())})
    api.log = list(secrets.values())
    assert not [leak for text in commands(run, project) for leak in leaks(text, secrets)]
    sent = [asked.body for asked in api.requests if asked.body and "encrypted_user_data" in asked.body]
    assert json.loads(sent[0]["encrypted_user_data"]) == FUNCTIONS


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_no_command_shows_a_secret_that_an_error_repeats(
    api: FunctionGraphApi, project: Project, run: Run, secrets: dict[str, str], method: str, path: str
) -> None:
    values = [*secrets.values()]
    echo = " ".join([*values, json.dumps(values), *(quote(value, safe="") for value in values)])
    api.fail(method, path, "FSS.0400", echo)
    texts = commands(run, project)
    assert api.failures == []
    assert "FSS.0400" in "".join(texts)
    assert not [leak for text in texts for leak in leaks(text, secrets)]


def test_a_secret_that_stands_plain_in_the_function_is_not_shown(
    api: FunctionGraphApi, project: Project, run: Run, secrets: dict[str, str]
) -> None:
    run("deploy", "--yes")
    plain = {"AUDITOR_REGION": "eu-de", "OTHER": "Canary-other", **secrets}
    api.functions[NAME].latest["user_data"] = json.dumps(plain)
    _, out, err = run("deploy", "--yes")
    assert "OTHER: removed" in out
    assert not leaks(out + err, {**secrets, "OTHER": "Canary-other"})
