"""No secret is ever printed, logged, written or raised: every command and every error with canaries for secrets."""

import base64
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiosmtpd.smtp import AuthResult

from cbr_auditor.demo import faults
from cbr_auditor.demo.endpoint import AccessKey, CbrEndpoint
from cbr_auditor.demo.faults import Fault
from cbr_auditor.errors import AuditorError
from cbr_auditor.functiongraph import handle
from cbr_auditor.settings import SECRETS, load_settings
from cbr_auditor.target import Credentials
from tests.cloud.services import DOMAIN, CloudServices, iam_error
from tests.cloud.services import Answer as CloudAnswer
from tests.delivery.conftest import authority, ca_file, relay, server_context
from tests.delivery.receivers import Answer, Receiver, Relay
from tests.fakes import PROJECT, FakeClock

_FIXTURES = [authority, ca_file, relay, server_context]
ROOT = Path(__file__).parent.parent
ROWS = [
    {"id": "b1c4afd9-e7a6-4888-9010-c2bac3aa7910", "status": "error", "name": "autobk_1", "resource_id": "r"},
    {"id": "b1c4afd9-e7a6-4888-9010-c2bac3aa7911", "status": "available", "name": "autobk_2", "resource_id": "r"},
]
CANARIES = {name: f"Canary{number:02}/Zq+7{name[::-1]}" for number, name in enumerate(sorted(SECRETS))}
"""A secret for each setting that holds one, with characters that JSON, URLs and base64 write differently."""
CANARIES["webhook_secret"] = "whsec_Q2FuYXJ5T2ZUaGVXZWJob29rU2VjcmV0+/=="
HOOKS = [name for name in CANARIES if name.endswith("_url")]
CIPHERTEXT = "AgDoCanaryCiphertextAAAA+/=="
STORED = "Canary99-kept-in-the-secret-manager"


def forms(secret: str) -> Iterator[str]:
    """A secret as it is, quoted as in a URL, and in base64 wherever in a text it begins."""
    yield secret.lower()
    yield quote(secret, safe="").lower()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + secret.encode()).decode().rstrip("=")
        yield encoded[4:-2].lower()  # its edges depend on what stands beside it
    yield secret.encode().hex()


def leaks(text: str, secrets: Mapping[str, str]) -> list[str]:
    low = text.lower()
    return [f"{name}: {form}" for name, secret in secrets.items() for form in forms(secret) if form in low]


def test_the_search_finds_each_form() -> None:
    for hidden in (
        "the secret is S3cret/with+signs",
        "S3cret%2Fwith%2Bsigns",
        base64.b64encode(b"\0user\0S3cret/with+signs").decode(),
        base64.b64encode(b"xyS3cret/with+signs...").decode(),
        b"S3cret/with+signs".hex(),
    ):
        assert leaks(f"before {hidden} after", {"x": "S3cret/with+signs"}), hidden
    assert leaks("nothing", {"x": "S3cret/with+signs"}) == []


@dataclass
class World:
    """Every server that a run talks to; each can be made to tell on the auditor."""

    folder: Path
    cbr: CbrEndpoint
    cloud: CloudServices
    hook: Receiver
    mail: Relay
    ca_file: Path
    headers: dict[str, str] = field(default_factory=dict)

    def environment(self, **changes: str | None) -> dict[str, str]:
        """All settings with their canaries; a change is a variable by name, None leaves one out."""
        hooks = {name: f"{self.hook.url('')}/{quote(CANARIES[name])}" for name in HOOKS}
        variables = {
            **{f"AUDITOR_{name.upper()}": value for name, value in {**CANARIES, **hooks}.items()},
            "AUDITOR_REGION": "eu-de",
            "AUDITOR_PROJECT_ID": PROJECT,
            "AUDITOR_CBR_ENDPOINT": self.cbr.url,
            "AUDITOR_IAM_ENDPOINT": self.cloud.url,
            "AUDITOR_KMS_ENDPOINT": self.cloud.url,
            "AUDITOR_USERNAME": "auditor",
            "AUDITOR_DOMAIN_NAME": DOMAIN,
            "AUDITOR_OUT": str(self.folder / "out"),
            "AUDITOR_CA_FILE": str(self.ca_file),
            "AUDITOR_SMTP_HOST": "127.0.0.1",
            "AUDITOR_SMTP_PORT": str(self.mail.port),
            "AUDITOR_SMTP_USERNAME": "auditor",
            "AUDITOR_MAIL_FROM": "audit@example.com",
            "AUDITOR_MAIL_TO": "ops@example.com",
            **changes,
        }
        return {name: value for name, value in variables.items() if value is not None}

    def call(self, *arguments: str, **changes: str | None) -> str:
        """Everything that a command leaves behind: what it prints, and every file below its folders."""
        base = {name: value for name, value in os.environ.items() if not name.startswith("AUDITOR_")}
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        result = subprocess.run(
            [sys.executable, "-X", "dev", "-m", "cbr_auditor", *arguments],
            cwd=self.folder,
            env={
                **base,
                "PYTHONPATH": str(ROOT),
                "TMPDIR": str(scratch),
                "HOME": str(self.folder),
                **self.environment(**changes),
            },
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.name not in GIVEN]
        written = [path.read_bytes().decode("utf-8", "replace") for path in files]
        return "\n".join([result.stdout, result.stderr, *written, *map(str, files)])


GIVEN = {"clouds.yaml", "secret", "env"}
"""Files that hold secrets because the operator put them there."""


@pytest.fixture
def world(
    tmp_path: Path, ca_file: Path, relay: Callable[..., Relay], monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setattr("tests.delivery.receivers.PASSWORD", CANARIES["smtp_password"].encode())
    cloud = CloudServices({PROJECT: "eu-de_production"})
    cloud.users["auditor"] = CANARIES["password"]
    cloud.tokens[CANARIES["token"]] = PROJECT
    cloud.next_tokens = [CANARIES["token"]] * 9
    cloud.secrets["hook"] = STORED
    hook = Receiver()
    hook.start()
    with CbrEndpoint(ROWS, project_id=PROJECT, token=CANARIES["token"]) as cbr:
        cbr.access_keys[CANARIES["access_key"]] = AccessKey(CANARIES["secret_key"], CANARIES["security_token"])
        yield World(tmp_path, cbr, cloud, hook, relay(), ca_file)
    hook.stop()
    cloud.close()


def tell_everything(world: World, code: int) -> None:
    """CBR answers with this status and all headers that it was sent, in its body and in its own headers."""
    seen: dict[str, str] = {}
    world.cbr.before_request = lambda asked: seen.update(asked.headers)

    def act(answer: Any) -> Any:
        told = " ".join(seen.values())
        token = seen.get("x-auth-token", "x")
        headers = {"X-Request-Id": token, "Location": f"http://{quote(token, safe='')}.example"}
        body = {"error_code": f"X.{seen.get('authorization', '')}", "error_msg": told, "request_id": told}
        return faults.status(code, body, headers if code < 400 else {"X-Request-Id": headers["X-Request-Id"]})(answer)

    world.cbr.faults.append(Fault(act))


def nothing(_: World) -> None:
    """All is well."""


def refuse(code: int) -> Callable[[World], None]:
    return lambda world: tell_everything(world, code)


def no_json(world: World) -> None:
    world.cbr.faults.append(Fault(faults.status(200, CANARIES["token"].encode() * 3)))


def hang_up(world: World) -> None:
    world.cbr.faults.append(Fault(faults.no_answer(), lambda asked: asked.path.endswith("/vaults")))


def refuse_mail(world: World) -> None:
    """The relay refuses the login, and repeats it as it is and as AUTH PLAIN sent it."""
    plain = base64.b64encode(f"\0auditor\0{CANARIES['smtp_password']}".encode()).decode()
    refusal = AuthResult(success=False, handled=False, message=f"535 5.7.8 {CANARIES['smtp_password']} {plain}")
    world.mail.refusal = refusal


def refuse_hook(name: str) -> Callable[[World], None]:
    """A webhook redirects to its own address, then says that it knows no such address."""
    secret = quote(CANARIES[name])

    def act(world: World) -> None:
        location = {"Location": f"https://{quote(secret, safe='')}.example/{secret}"}
        world.hook.answers = [Answer(302, secret.encode(), location), Answer(404, secret.encode())]

    return act


def without_hooks(kept: str = "") -> dict[str, None]:
    return {f"AUDITOR_{name.upper()}": None for name in HOOKS if name != kept} | (
        {} if kept == "webhook_url" else {"AUDITOR_WEBHOOK_SECRET": None}
    )


def refuse_login(world: World) -> None:
    world.cloud.answers = [iam_error(401, f"{CANARIES['password']} of auditor is wrong")] * 9


def refuse_secrets(world: World) -> None:
    told = {"error_code": CANARIES["token"], "error_msg": f"{CIPHERTEXT} {CANARIES['token']}"}
    world.cloud.answers = [CloudAnswer(403, told, {"X-Request-Id": CANARIES["token"]})] * 9


def wrong_token(world: World) -> None:
    world.cbr.before_request = None
    world.cbr._token = "another"


BY_KEY = {"AUDITOR_TOKEN": None}
BY_USER = {
    "AUDITOR_TOKEN": None,
    "AUDITOR_ACCESS_KEY": None,
    "AUDITOR_SECRET_KEY": None,
    "AUDITOR_SECURITY_TOKEN": None,
}
ELSEWHERE = {**BY_USER, "AUDITOR_USERNAME": None, "AUDITOR_PASSWORD": None, "AUDITOR_DOMAIN_NAME": None}
OPENRC = {"OS_USERNAME": "auditor", "OS_PASSWORD": CANARIES["password"], "OS_USER_DOMAIN_NAME": DOMAIN}

SITUATIONS: dict[str, tuple[list[str], Callable[[World], None], Mapping[str, str | None]]] = {
    "run": (["run"], nothing, {}),
    "run by key": (["run"], nothing, BY_KEY),
    "run by user": (["run"], nothing, BY_USER),
    "run with an openrc": (["run"], nothing, {**ELSEWHERE, **OPENRC}),
    "run, 401": (["run"], refuse(401), {}),
    "run by key, 401": (["run"], refuse(401), BY_KEY),
    "run by user, 401": (["run"], refuse(401), BY_USER),
    "run, 403": (["run"], refuse(403), {}),
    "run by key, 302": (["run"], refuse(302), BY_KEY),
    "run, no JSON": (["run", "--timeout", "5"], no_json, {}),
    "run, hangs up": (["run", "--timeout", "4"], hang_up, {"AUDITOR_PROFILE": "strict"}),
    "run, wrong token": (["run"], wrong_token, {}),
    "run by user, IAM refuses": (["run"], refuse_login, BY_USER),
    "run, the relay refuses": (["run"], refuse_mail, without_hooks()),
    **{
        f"run, {name} refuses": (["run"], refuse_hook(name), without_hooks(name))
        for name in sorted(SECRETS)
        if name.endswith("_url")
    },
    "run, KMS refuses": (["run"], refuse_secrets, {"AUDITOR_SMTP_PASSWORD": f"kms:{CIPHERTEXT}"}),
    "run, a kept secret is no address": (["run"], nothing, {"AUDITOR_WEBHOOK_URL": "csms:hook"}),
    "check": (["check"], nothing, {}),
    "rules": (["rules"], nothing, {}),
    "doctor": (["doctor", "--verbose"], nothing, {}),
    "doctor by key, 403": (["doctor", "--json"], refuse(403), BY_KEY),
    "doctor by user, IAM refuses": (["doctor"], refuse_login, BY_USER),
    "doctor, the relay refuses": (["doctor"], refuse_mail, without_hooks()),
    "invoke": (["invoke", "--code", str(ROOT)], nothing, {}),
    "invoke, 401": (["invoke", "--code", str(ROOT)], refuse(401), {}),
    "invoke by key, 403": (["invoke", "--code", str(ROOT)], refuse(403), BY_KEY),
    "invoke, the relay refuses": (["invoke", "--code", str(ROOT)], refuse_mail, without_hooks()),
    "demo": (["demo"], nothing, {}),
}


@pytest.mark.slow
@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_command_leaves_a_secret_behind(world: World, situation: str) -> None:
    arguments, arrange, changes = SITUATIONS[situation]
    arrange(world)
    left = world.call(*arguments, **changes)
    assert len(left) > 100
    assert "defect of the auditor" not in left
    assert leaks(left, {**CANARIES, "ciphertext": CIPHERTEXT, "stored": STORED}) == []


class Context:
    """The platform's: the settings are encrypted variables, the token the agency's."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def getToken(self) -> str:  # noqa: N802  # FunctionGraph's name, as below
        return CANARIES["token"]

    def getUserData(self, key: str) -> str:  # noqa: N802
        return self._variables.get(key, "")


@pytest.mark.parametrize("event", [{"key": "value"}, {"user_event": "doctor"}])
@pytest.mark.parametrize(
    "arrange", [nothing, refuse(401), refuse(403), no_json, refuse_mail, refuse_hook("webhook_url")]
)
def test_the_function_tells_no_secret_even_to_a_debugging_log(
    world: World,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    arrange: Callable[[World], None],
    event: dict[str, str],
) -> None:
    arrange(world)
    monkeypatch.setenv("RUNTIME_CODE_ROOT", str(world.folder))
    monkeypatch.setenv("RUNTIME_TIMEOUT", "120")
    caplog.set_level(logging.DEBUG)
    variables = world.environment(**without_hooks("webhook_url"), **ELSEWHERE)
    said: list[object] = []
    try:
        said.append(handle(event, Context(variables), clock=clock))
    except AuditorError as problem:
        chain: BaseException | None = problem
        while chain is not None:
            said += [chain, repr(chain), chain.args]
            chain = chain.__cause__ or chain.__context__
    logged = [line for line in caplog.text.splitlines() if "mail.log" not in line]  # aiosmtpd's own, a server here
    written = [path.read_bytes().decode("utf-8", "replace") for path in world.folder.rglob("*") if path.is_file()]
    everything = "\n".join([*map(str, said), *logged, *capfd.readouterr(), *written])
    assert world.cbr.requests
    assert world.hook.requests or "user_event" in event
    assert leaks(everything, CANARIES) == []


@pytest.mark.parametrize("name", sorted(SECRETS))
@pytest.mark.parametrize("shape", ["{}\nx", "{}\x00", "http://{}", "https://a b/{}", "kms:{}!", "file:/nowhere", "ü{}"])
def test_a_secret_that_is_refused_is_not_shown(name: str, shape: str) -> None:
    environ = {
        f"AUDITOR_{name.upper()}": shape.format(CANARIES[name]),
        "AUDITOR_REGION": "eu-de",
        "AUDITOR_FAIL_ON": "x",
    }
    with pytest.raises(AuditorError) as caught:
        load_settings(environ)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert leaks(f"{chain} {chain!r} {chain.args}", {name: CANARIES[name]}) == []
        chain = None if chain.__suppress_context__ else chain.__context__


def test_settings_and_credentials_show_no_secret_when_printed() -> None:
    environ = {f"AUDITOR_{name.upper()}": value for name, value in CANARIES.items() if not name.endswith("_url")}
    hook = f"https://hooks.example.com/{quote(CANARIES['webhook_url'])}"
    settings = load_settings({**environ, "AUDITOR_WEBHOOK_URL": hook, "AUDITOR_SMTP_USERNAME": "auditor"})
    for shown in (settings, settings.credentials, settings.model_dump(), settings.credentials.model_dump_json()):
        assert leaks(f"{shown} {shown!r}", CANARIES) == []
    assert set(Credentials.model_fields) - SECRETS == {"username", "domain_name"}


def test_a_broken_clouds_yaml_shows_no_line(world: World) -> None:
    (world.folder / "clouds.yaml").write_text(f"clouds:\n  otc: {{auth: {{password: '{CANARIES['password']}\n")
    left = world.call("check", **{**ELSEWHERE, "OS_CLOUD": "otc"})
    assert "clouds.yaml, line" in left
    assert leaks(left, CANARIES) == []


@pytest.mark.slow
@pytest.mark.parametrize("arrange", [nothing, refuse(401), refuse(403)])
def test_a_finding_is_explained_without_a_secret(world: World, arrange: Callable[[World], None]) -> None:
    world.call("run")
    report = json.loads((world.folder / "out" / "report.json").read_bytes())
    arrange(world)
    left = world.call("explain", report["findings"][0]["id"], **BY_KEY)
    assert "The record" in left
    assert "defect of the auditor" not in left
    assert leaks(left, CANARIES) == []
