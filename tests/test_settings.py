import re
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.errors import SettingsError
from cbr_auditor.rule import Severity
from cbr_auditor.settings import Settings, load_settings

SECRET = "canary-3f2a9c"
MAIL = {
    "AUDITOR_SMTP_HOST": "mail.example.com",
    "AUDITOR_MAIL_FROM": "a@example.com",
    "AUDITOR_MAIL_TO": "b@example.com",
}


def refused(environ: dict[str, str], **sources: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        assert load_settings(environ, **sources).endpoint
    return str(caught.value)


@pytest.mark.parametrize(
    ("region", "endpoint"),
    [
        ("eu-de", "https://cbr.eu-de.otc.t-systems.com"),
        ("eu-nl", "https://cbr.eu-nl.otc.t-systems.com"),
        ("eu-ch2", "https://cbr.eu-ch2.sc.otc.t-systems.com"),
        ("eu-west-101", "https://cbr.eu-west-101.myhuaweicloud.com"),
        ("la-north-2", "https://cbr.la-north-2.myhuaweicloud.com"),
    ],
)
def test_the_region_decides_the_host_on_both_clouds(region: str, endpoint: str) -> None:
    assert load_settings({"AUDITOR_REGION": region}).endpoint == endpoint


def test_an_endpoint_overrides_the_regions_host() -> None:
    environ = {"AUDITOR_REGION": "eu-de", "AUDITOR_CBR_ENDPOINT": "https://cbr.example.com/"}
    assert load_settings(environ).endpoint == "https://cbr.example.com"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_http_is_accepted_for_loopback(host: str) -> None:
    assert load_settings({"AUDITOR_CBR_ENDPOINT": f"http://{host}:8080"}).endpoint == f"http://{host}:8080"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        (
            {"AUDITOR_CBR_ENDPOINT": "http://cbr.example.com"},
            ["AUDITOR_CBR_ENDPOINT", "http://cbr.example.com", "https"],
        ),
        ({"AUDITOR_CBR_ENDPOINT": "cbr.example.com"}, ["AUDITOR_CBR_ENDPOINT", "https://host"]),
        ({"AUDITOR_CBR_ENDPOINT": "https://cbr.example.com/?key=x"}, ["AUDITOR_CBR_ENDPOINT", "neither ? nor #"]),
        ({"AUDITOR_TARGETS": '[{"project_id":"x"}]'}, ["AUDITOR_TARGETS", "auditor.toml"]),
        ({"AUDITOR_CBR_ENDPOINT": "https://u:p@cbr.example.com"}, ["AUDITOR_CBR_ENDPOINT", "password"]),
        ({"AUDITOR_REGION": "eu-dee"}, ["AUDITOR_REGION", "'eu-dee'", "Did you mean eu-de?"]),
        ({"AUDITOR_REGION": "moon"}, ["AUDITOR_REGION", "'moon'", "AUDITOR_CBR_ENDPOINT"]),
        ({}, ["AUDITOR_REGION"]),
        ({"AUDITOR_REGOIN": "eu-de"}, ["AUDITOR_REGOIN", "Did you mean AUDITOR_REGION?"]),
        ({"AUDITOR_PROJECT_ID": "../x"}, ["AUDITOR_PROJECT_ID", "'../x'"]),
        ({"AUDITOR_FAIL_ON": "hihg"}, ["AUDITOR_FAIL_ON", "'hihg'", "'high'"]),
        ({"AUDITOR_SERVER_DISKS": "some"}, ["AUDITOR_SERVER_DISKS", "'some'", "'newest'"]),
        ({"AUDITOR_TIMEZONE": "Europe/Atlantis"}, ["AUDITOR_TIMEZONE", "'Europe/Atlantis'", "Europe/Berlin"]),
        ({"AUDITOR_CA_FILE": "/does/not/exist"}, ["AUDITOR_CA_FILE", "/does/not/exist", "no such file"]),
        ({"AUDITOR_TEMPLATES_FOLDER": "/nowhere"}, ["AUDITOR_TEMPLATES_FOLDER", "/nowhere", "no such folder"]),
        ({**MAIL, "AUDITOR_SMTP_PORT": "0"}, ["AUDITOR_SMTP_PORT", "'0'"]),
        ({**MAIL, "AUDITOR_SMTP_PORT": "smtp"}, ["AUDITOR_SMTP_PORT", "'smtp'"]),
        ({**MAIL, "AUDITOR_SMTP_SECURITY": "none"}, ["AUDITOR_SMTP_SECURITY", "mail.example.com", "starttls"]),
        ({**MAIL, "AUDITOR_SMTP_USERNAME": "u"}, ["AUDITOR_SMTP_USERNAME", "AUDITOR_SMTP_PASSWORD"]),
        ({**MAIL, "AUDITOR_MAIL_TO": "b@example.com, nobody"}, ["AUDITOR_MAIL_TO", "'nobody'"]),
        ({**MAIL, "AUDITOR_MAIL_FROM": "a@b\r\nBcc: c@d.com"}, ["AUDITOR_MAIL_FROM"]),
        ({**MAIL, "AUDITOR_MAIL_FROM": "ü@example.com"}, ["AUDITOR_MAIL_FROM", "ASCII"]),
        ({"AUDITOR_MAIL_TO": "b@example.com"}, ["AUDITOR_SMTP_HOST"]),
        ({"AUDITOR_SMTP_HOST": "mail.example.com"}, ["AUDITOR_MAIL_FROM"]),
        ({"AUDITOR_WEBHOOK_SECRET": "x"}, ["AUDITOR_WEBHOOK_SECRET", "AUDITOR_WEBHOOK_URL"]),
        ({"AUDITOR_LISTING": "{"}, ["AUDITOR_LISTING", "auditor.toml"]),
        ({"AUDITOR_CONFIG": "/nowhere.toml"}, ["AUDITOR_CONFIG", "/nowhere.toml"]),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_its_value_and_the_mend(
    environ: dict[str, str], words: list[str]
) -> None:
    message = refused({"AUDITOR_REGION": "eu-de", **environ} if environ else {})
    for word in words:
        assert word in message


@pytest.mark.parametrize("name", ["SLACK_WEBHOOK_URL", "TEAMS_WEBHOOK_URL", "MATTERMOST_WEBHOOK_URL", "WEBHOOK_URL"])
@pytest.mark.parametrize("url", [f"http://chat.example.com/{SECRET}", f"{SECRET}", f"https://x/{SECRET} y"])
def test_a_wrong_secret_is_refused_without_being_shown(name: str, url: str) -> None:
    message = refused({f"AUDITOR_{name}": url})
    assert f"AUDITOR_{name}" in message
    assert SECRET not in message


def test_an_address_with_a_password_is_refused_without_being_shown() -> None:
    message = refused({"AUDITOR_CBR_ENDPOINT": f"https://user:{SECRET}@cbr.example.com"})
    assert "AUDITOR_CBR_ENDPOINT" in message
    assert SECRET not in message


def test_a_secret_in_place_of_a_variables_name_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "auditor.toml").write_text(f'[[targets]]\nproject_id = "p"\ntoken_variable = "{SECRET}"')
    message = refused({}, beside=tmp_path)
    assert "token_variable" in message
    assert SECRET not in message


def test_an_authority_file_without_a_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    assert "no PEM file" in refused({"AUDITOR_CA_FILE": str(tmp_path / "empty.pem")})


def test_a_webhook_in_the_wrong_variable_is_refused() -> None:
    message = refused({"AUDITOR_SLACK_WEBHOOK_URL": f"https://x.api.powerplatform.com/{SECRET}"})
    assert "AUDITOR_TEAMS_WEBHOOK_URL" in message
    assert SECRET not in message


def test_no_secret_stands_in_the_settings_own_text() -> None:
    environ = {
        **MAIL,
        "AUDITOR_TOKEN": SECRET,
        "AUDITOR_SMTP_USERNAME": "u",
        "AUDITOR_SMTP_PASSWORD": SECRET,
        "AUDITOR_SLACK_WEBHOOK_URL": f"https://hooks.slack.com/{SECRET}",
    }
    settings = load_settings(environ)
    assert SECRET not in repr(settings) + str(settings) + str(settings.model_dump())


def test_several_recipients_are_separated_by_commas_and_named_once() -> None:
    settings = load_settings({**MAIL, "AUDITOR_MAIL_TO": " a@example.com,b@example.com , a@example.com,"})
    assert settings.mail_to == ("a@example.com", "b@example.com")


def test_empty_variables_are_not_set() -> None:
    settings = load_settings({"AUDITOR_REGION": "", "AUDITOR_TOKEN": "  ", "AUDITOR_OUT": ""})
    assert (settings.region, settings.token, settings.out) == (None, None, None)


def test_command_line_user_data_environment_file_and_fallbacks_win_in_this_order(tmp_path: Path) -> None:
    (tmp_path / "auditor.toml").write_text('region = "file"\ntimezone = "UTC"\nfail_on = "low"\n')
    sources: dict[str, Any] = {
        "given": {"region": "given", "out": None},
        "user_data": {"AUDITOR_REGION": "user-data", "AUDITOR_SERVER_DISKS": "all"},
        "fallbacks": {"region": "fallback", "project_id": "p1"},
        "beside": tmp_path,
    }
    environ = {"AUDITOR_REGION": "environ", "AUDITOR_SERVER_DISKS": "none", "AUDITOR_TIMEZONE": "Europe/Paris"}
    settings = load_settings(environ, **sources)
    assert settings.region == "given"
    assert settings.server_disks == "all"
    assert settings.timezone == "Europe/Paris"
    assert settings.fail_on is Severity.LOW
    assert settings.project_id == "p1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("regin = 'eu-de'", ["regin", "region"]),
        (f"token = '{SECRET}'", ["token", "AUDITOR_TOKEN"]),
        (f"slack_webhook_url = 'https://x/{SECRET}'", ["slack_webhook_url", "AUDITOR_SLACK_WEBHOOK_URL"]),
        ("fail_on = 'worst'", ["auditor.toml", "fail_on", "'worst'"]),
        ("region = ", ["no valid TOML"]),
        ("[listing]\nstatus = 'broken'", ["[listing] status", "'broken'", "available"]),
        ("[listing]\nvault = 'x'", ["[listing] vault", "Did you mean vault_id?"]),
        ("[rules]\nbackup-error = 3", ["rules"]),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    message = refused({"AUDITOR_CONFIG": str(path), "AUDITOR_REGION": "eu-de"})
    for word in words:
        assert word in message
    assert SECRET not in message


def test_the_sample_file_is_valid_and_every_line_of_it_too(tmp_path: Path) -> None:
    sample = (Path(__file__).parent.parent / "auditor.sample.toml").read_text()
    path = tmp_path / "auditor.toml"
    path.write_text(sample)
    assert load_settings({}, beside=tmp_path) == load_settings({})
    told = [line for line in sample.splitlines() if re.match(r"# (\[+[\w.-]+\]+$|\w+ = )", line)]
    path.write_text("\n".join(line[2:] for line in told))
    settings = load_settings({"PRODUCTION_AK": "a", "PRODUCTION_SK": "s"}, beside=tmp_path)
    assert settings.targets[0].name == "production"
    assert settings.filters["status"] == ["available", "error"]
    assert set(settings.rules) >= {"backup-error", "backup-expiring", "backup-overdue", "backup-stuck"}


def test_every_setting_says_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_a_relative_folder_lies_beside_auditor_toml_wherever_the_process_stands(tmp_path: Path) -> None:
    (tmp_path / "our_rules").mkdir()
    (tmp_path / "our_templates").mkdir()
    (tmp_path / "policy.toml").write_text('rules_folder = "our_rules"')
    settings = load_settings(
        {"AUDITOR_CONFIG": "policy.toml", "AUDITOR_TEMPLATES_FOLDER": "our_templates"}, beside=tmp_path
    )
    assert settings.rules_folder == tmp_path / "our_rules"
    assert settings.templates_folder == tmp_path / "our_templates"
