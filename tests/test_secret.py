import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from cbr_auditor.clock import Deadline
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.errors import SettingsError
from cbr_auditor.report import Trigger
from cbr_auditor.run import Run, run
from cbr_auditor.secret import fetch_secrets
from cbr_auditor.settings import Settings, load_settings
from tests.cloud.services import DOMAIN, PASSWORD, CloudServices
from tests.delivery.receivers import Receiver
from tests.fakes import PROJECT, FakeClock

CIPHER = "AgDoAG7EsEc2OHpQxz4gDFDH54CqwaelpTdEl+RFPjbKn5klPTvOywYIeZX60kPb=="
CANARY = "canary-3f2a9c"
HOOK = f"https://hooks.example.com/{CANARY}"


@pytest.fixture
def services() -> Iterator[CloudServices]:
    one = CloudServices({PROJECT: "eu-de_production"})
    one.tokens["agency-token"] = PROJECT
    yield one
    one.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    one.start()
    yield one
    one.stop()


def load(services: CloudServices, **variables: str) -> Settings:
    defaults = {
        "PROJECT_ID": PROJECT,
        "TOKEN": "agency-token",
        "KMS_ENDPOINT": services.url,
        "IAM_ENDPOINT": services.url,
        "REGION": "eu-de",
    }
    values = {f"AUDITOR_{name}": value for name, value in {**defaults, **variables}.items() if value}
    return load_settings(values)


def fetched(services: CloudServices, name: str, clock: FakeClock, **variables: str) -> str:
    settings = fetch_secrets(load(services, **variables), Deadline(clock, 60))
    value = getattr(settings, name).get_secret_value()
    assert isinstance(value, str)
    return value


def refused(services: CloudServices, clock: FakeClock, **variables: str) -> str:
    with pytest.raises(SettingsError) as caught:
        fetch_secrets(load(services, **variables), Deadline(clock, 60))
    assert CANARY not in str(caught.value)
    assert CIPHER not in str(caught.value)
    assert "agency-token" not in str(caught.value)
    return str(caught.value)


def test_kms_decrypts_a_secret(services: CloudServices, clock: FakeClock) -> None:
    services.ciphertexts[CIPHER] = HOOK
    assert fetched(services, "webhook_url", clock, WEBHOOK_URL=f"kms:{CIPHER}") == HOOK
    (asked,) = services.requests
    assert asked.path == f"/v1.0/{PROJECT}/kms/decrypt-data"


def test_the_secret_manager_gives_the_newest_version(services: CloudServices, clock: FakeClock) -> None:
    services.secrets["hook.slack-1"] = f" {HOOK}\n"
    assert fetched(services, "slack_webhook_url", clock, SLACK_WEBHOOK_URL="csms: hook.slack-1") == HOOK


def test_it_may_be_elsewhere_than_kms(services: CloudServices, clock: FakeClock) -> None:
    other = CloudServices({PROJECT: "x"})
    other.tokens["agency-token"] = PROJECT
    other.secrets["hook"] = HOOK
    try:
        variables = {"CSMS_ENDPOINT": f"{other.url}/", "WEBHOOK_URL": "csms:hook"}
        assert fetched(services, "webhook_url", clock, **variables) == HOOK
    finally:
        other.close()
    assert services.requests == []


def test_an_access_key_signs_the_request_and_its_body(services: CloudServices, clock: FakeClock) -> None:
    services.access_keys["AK"] = "SK"
    services.ciphertexts[CIPHER] = HOOK
    keys = {"TOKEN": "", "ACCESS_KEY": "AK", "SECRET_KEY": "SK"}
    assert fetched(services, "webhook_url", clock, WEBHOOK_URL=f"kms:{CIPHER}", **keys) == HOOK
    wrong = {**keys, "SECRET_KEY": CANARY}
    assert "answered 401" in refused(services, clock, WEBHOOK_URL=f"kms:{CIPHER}", **wrong)


def test_a_user_logs_in_to_fetch(services: CloudServices, clock: FakeClock) -> None:
    services.ciphertexts[CIPHER] = HOOK
    user = {"TOKEN": "", "USERNAME": "auditor", "PASSWORD": PASSWORD, "DOMAIN_NAME": DOMAIN}
    named = {"PROJECT_ID": "", "PROJECT_NAME": "eu-de_production"}
    assert fetched(services, "webhook_url", clock, WEBHOOK_URL=f"kms:{CIPHER}", **user, **named) == HOOK
    services.users["auditor"] = "another"
    message = refused(services, clock, WEBHOOK_URL=f"kms:{CIPHER}", **user)
    assert message.startswith("AUDITOR_WEBHOOK_URL could not be fetched: 127.0.0.1 answered 401")


def test_with_targets_the_settings_own_project_is_asked(
    services: CloudServices, clock: FakeClock, tmp_path: Path
) -> None:
    services.ciphertexts[CIPHER] = HOOK
    (tmp_path / "auditor.toml").write_text(
        '[[targets]]\nproject_id = "another"\naccess_key_variable = "AK"\nsecret_key_variable = "SK"\n'
    )
    environ = {
        "AUDITOR_PROJECT_ID": PROJECT,
        "AUDITOR_TOKEN": "agency-token",
        "AUDITOR_KMS_ENDPOINT": services.url,
        "AUDITOR_WEBHOOK_URL": f"kms:{CIPHER}",
        "AK": "AK",
        "SK": "SK",
    }
    settings = fetch_secrets(load_settings(environ, beside=tmp_path), Deadline(clock, 60))
    assert settings.webhook_url is not None
    assert settings.webhook_url.get_secret_value() == HOOK


def test_what_is_not_in_use_is_not_fetched(services: CloudServices, clock: FakeClock) -> None:
    settings = load_settings({"AUDITOR_SMTP_USERNAME": "u", "AUDITOR_SMTP_PASSWORD": f"kms:{CIPHER}"})
    assert settings.names_secrets
    assert fetch_secrets(settings, Deadline(clock, 60)) is settings
    plain = load(services, WEBHOOK_URL=HOOK)
    assert not plain.names_secrets
    assert fetch_secrets(plain, Deadline(clock, 60)) is plain
    assert services.requests == []


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            "kms:AAAA",
            ["could not be fetched", "answered 400 (KMS.2202", "Check that it was stored"],
        ),
        ("kms:", ["AUDITOR_WEBHOOK_URL", "no ciphertext", "not shown"]),
        ("kms:{canary}", ["AUDITOR_WEBHOOK_URL", "no ciphertext", "not shown"]),
        ("csms:nothing", ["AUDITOR_WEBHOOK_URL", "answered 404 (CSMS.0306", f"project {PROJECT}"]),
        ("csms:../x", ["AUDITOR_WEBHOOK_URL", "no secret's name"]),
        ("csms:empty", ["AUDITOR_WEBHOOK_URL", "is empty"]),
        ("csms:http", ["AUDITOR_WEBHOOK_URL", "not shown", "https"]),
        ("csms:slack", ["AUDITOR_WEBHOOK_URL", "AUDITOR_SLACK_WEBHOOK_URL"]),
    ],
)
def test_what_cannot_be_fetched_is_named_and_not_shown(
    services: CloudServices, clock: FakeClock, value: str, words: list[str]
) -> None:
    services.secrets |= {
        "empty": " ",
        "http": f"http://hooks.example.com/{CANARY}",
        "slack": f"https://hooks.slack.com/{CANARY}",
    }
    message = refused(services, clock, WEBHOOK_URL=value.replace("{canary}", f"not {CANARY}"))
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("service", "value", "action"),
    [("kms", f"kms:{CIPHER}", "kms:cmk:decryptData"), ("csms", "csms:x", "csms:secret:getVersion")],
)
def test_a_missing_permission_is_named(
    services: CloudServices, clock: FakeClock, service: str, value: str, action: str
) -> None:
    services.refused_actions.add(service)
    assert f"Grant the IAM action {action} in project {PROJECT}" in refused(services, clock, WEBHOOK_URL=value)


def test_a_kms_that_does_not_answer_is_named(services: CloudServices, clock: FakeClock) -> None:
    message = refused(services, clock, WEBHOOK_URL=f"kms:{CIPHER}", KMS_ENDPOINT="https://kms.invalid")
    assert "AUDITOR_WEBHOOK_URL could not be fetched" in message
    assert "kms.invalid could not be resolved" in message


def test_a_secret_may_lie_in_a_file(services: CloudServices, tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(f"\ufeff{HOOK}\n")
    (tmp_path / "token").write_text("agency-token\n")
    settings = load(services, WEBHOOK_URL=f"file:{tmp_path}/hook", TOKEN=f" file:{tmp_path}/token ")
    assert settings.webhook_url is not None
    assert settings.webhook_url.get_secret_value() == HOOK
    assert settings.token is not None
    assert settings.token.get_secret_value() == "agency-token"
    assert not settings.names_secrets


def test_a_relative_file_lies_beside_auditor_toml_and_a_targets_secret_may_too(tmp_path: Path) -> None:
    (tmp_path / "sk").write_text("SK")
    (tmp_path / "auditor.toml").write_text(
        '[[targets]]\nproject_id = "p"\naccess_key_variable = "AK"\nsecret_key_variable = "SK"'
    )
    settings = load_settings({"AK": "AK", "SK": "file:sk"}, beside=tmp_path)
    assert settings.targets[0].secret_key is not None
    assert settings.targets[0].secret_key.get_secret_value() == "SK"
    with pytest.raises(SettingsError, match="SK is one of the very credentials"):
        load_settings({"AK": "AK", "SK": "kms:AAAA"}, beside=tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file or directory"),
        (b"", "is empty"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b"x" * 70_000, "is too large"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_settings({"AUDITOR_SMTP_PASSWORD": f"file:{path}"})
    assert f"AUDITOR_SMTP_PASSWORD = 'file:{path}'" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["TOKEN", "ACCESS_KEY", "SECRET_KEY", "SECURITY_TOKEN", "PASSWORD"])
@pytest.mark.parametrize("kind", ["kms", "csms"])
def test_a_credential_cannot_be_fetched(name: str, kind: str) -> None:
    with pytest.raises(SettingsError, match=f"AUDITOR_{name} is one of the very credentials") as caught:
        load_settings({f"AUDITOR_{name}": f"{kind}:{CANARY}"})
    assert CANARY not in str(caught.value)


def audit(settings: Settings, clock: FakeClock) -> Run:
    log = logging.getLogger("tests.secret")
    return run(settings, trigger=Trigger(type="CLI"), clock=clock, deadline=Deadline(clock, 840), log=log)


def test_a_run_fetches_its_secrets_before_it_asks_cbr(
    services: CloudServices, receiver: Receiver, clock: FakeClock
) -> None:
    services.secrets["hook"] = receiver.url()
    with CbrEndpoint([], project_id=PROJECT, token="agency-token") as endpoint:
        settings = load(services, WEBHOOK_URL="csms:hook", CBR_ENDPOINT=endpoint.url)
        assert audit(settings, clock).report.deliveries[0].ok
        assert len(receiver.requests) == 1
        asked = len(endpoint.requests)
        services.refused_actions.add("csms")
        with pytest.raises(SettingsError, match="csms:secret:getVersion"):
            audit(settings, clock)
        assert len(endpoint.requests) == asked


def test_a_run_logs_in_and_names_the_project_as_the_settings_do(services: CloudServices, clock: FakeClock) -> None:
    services.next_tokens = ["token-of-the-user"]
    user = {"TOKEN": "", "USERNAME": "auditor", "PASSWORD": PASSWORD, "DOMAIN_NAME": DOMAIN}
    named = {"PROJECT_ID": "", "PROJECT_NAME": "eu-de_production"}
    with CbrEndpoint([], project_id=PROJECT, token="token-of-the-user") as endpoint:
        settings = load(services, CBR_ENDPOINT=endpoint.url, **user, **named)
        (target,) = audit(settings, clock).report.coverage
        assert (target.project_id, target.name, target.complete) == (PROJECT, "eu-de_production", True)
        assert len(services.logins) == 1
        services.users["auditor"] = "changed"
        report = audit(settings, clock).report
    assert not report.audited
    assert report.verdict == "incomplete"
    assert report.coverage[0].project_id == "eu-de_production"
    assert "The username or password is wrong" in report.coverage[0].problems[0]
    assert len(services.logins) == 2
