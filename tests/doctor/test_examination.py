import json
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cbr_auditor.demo import faults
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Fault
from tests.cloud.services import DOMAIN, PASSWORD, CloudServices
from tests.delivery.receivers import Receiver, Relay, scripted
from tests.doctor.conftest import TOKEN, Doctor, clock_of_server, find, wrong
from tests.fakes import PROJECT

ACTIONS = ["cbr:backups:list", "cbr:backups:get", "cbr:vaults:list", "cbr:policies:list", "cbr:tasks:list"]


def test_a_healthy_tenant_passes_every_check(doctor: Doctor, endpoint: CbrEndpoint) -> None:
    found = doctor()
    assert wrong(found) == []
    assert found.ok
    assert [check.name for check in found.checks] == [
        "Python",
        "libraries",
        "memory",
        "settings",
        "rules",
        "CBR",
        "clock",
        "signing in",
        "project",
        *ACTIONS,
        "folder",
    ]
    assert find(found, "project").detail == f"{PROJECT}, 1 backup"
    assert find(found, "clock").detail == "agrees with CBR's"
    assert TOKEN not in json.dumps(msgspec.to_builtins(found))
    assert {asked.method for asked in endpoint.requests} == {"GET"}


def test_nobody_signs_in_to_read_the_clock(doctor: Doctor, endpoint: CbrEndpoint) -> None:
    doctor()
    (asked,) = [asked for asked in endpoint.requests if asked.path == "/"]
    assert "x-auth-token" not in asked.headers


def test_every_loaded_library_is_named_with_its_file(doctor: Doctor) -> None:
    libraries = {library.name: library for library in doctor().libraries}
    assert {"requests", "urllib3", "Jinja2", "pydantic", "msgspec", "typing-extensions"} <= set(libraries)
    for library in libraries.values():
        assert library.version[0].isdigit()
        assert Path(library.file).is_file()


def test_an_access_key_is_told_from_a_token(doctor: Doctor) -> None:
    found = doctor(token="", access_key="AK", secret_key="SK-of-the-doctor")
    assert wrong(found) == []
    assert find(found, "signing in").detail == "with an access key"


def test_a_user_logs_in_with_the_project_by_its_name(doctor: Doctor, services: CloudServices) -> None:
    services.next_tokens = [TOKEN]
    user = {"token": "", "username": "auditor", "password": PASSWORD, "domain_name": DOMAIN}
    found = doctor(**user, project_id="", project_name="eu-de_production")
    assert wrong(found) == []
    assert "which IAM gave" in find(found, "signing in").detail
    assert find(found, "project").area == "project eu-de_production, eu-de"
    services.users["auditor"] = "changed"
    check = find(doctor(**user), "signing in")
    assert check.state == "fail"
    assert "The username or password is wrong" in check.detail
    assert "AUDITOR_DOMAIN_NAME" in check.mend


@pytest.mark.parametrize("off", [30, 120, 1200, -1200])
def test_a_clock_that_is_off_is_told_by_how_much(doctor: Doctor, endpoint: CbrEndpoint, off: int) -> None:
    endpoint.faults[:] = [clock_of_server(timedelta(seconds=off))]
    check = find(doctor(), "clock")
    assert check.state == ("ok" if off == 30 else "warn" if off == 120 else "fail")
    assert str(timedelta(seconds=abs(off))) in check.detail
    assert ("ahead of" if off > 0 else "behind") in check.detail
    assert ("NTP" in check.mend) == (off != 30)


def test_a_date_that_is_none_is_no_failure(doctor: Doctor, endpoint: CbrEndpoint) -> None:
    endpoint.faults[:] = [Fault(faults.status(404, headers={"Date": "yesterday"}), lambda asked: asked.path == "/")]
    found = doctor()
    assert wrong(found) == ["clock"]
    assert found.ok


def test_a_wrong_token_ends_the_checks_of_that_project(doctor: Doctor) -> None:
    found = doctor(token="another-token-of-nobody")
    assert wrong(found) == ["signing in"]
    assert not found.ok
    check = find(found, "signing in")
    assert "answered 401" in check.detail
    assert "AUDITOR_TOKEN" in check.mend
    assert not any(check.name in ACTIONS for check in found.checks)


def test_a_wrong_project_is_told_from_missing_permissions(doctor: Doctor) -> None:
    found = doctor(project_id="0" * 32)
    assert wrong(found) == ["project"]
    assert f"Check that {'0' * 32} is the project" in find(found, "project").mend


def test_a_host_that_is_not_cbr_is_a_wrong_project_or_region(doctor: Doctor, endpoint: CbrEndpoint) -> None:
    missing = faults.status(404, {"error_msg": "The API does not exist", "error_code": "APIGW.0101"})
    endpoint.faults.append(Fault(missing))
    check = find(doctor(), "project")
    assert check.state == "fail"
    assert "AUDITOR_REGION" in check.mend


@pytest.mark.parametrize("action", ACTIONS)
def test_each_missing_permission_is_named_with_the_rules_that_need_it(
    doctor: Doctor, endpoint: CbrEndpoint, action: str
) -> None:
    endpoint.faults.append(faults.without(action))
    found = doctor(profile="strict")
    assert wrong(found) == [action]
    check = find(found, action)
    assert check.state == "fail"
    assert check.detail.startswith("refused (403); needed by ")
    assert check.mend == f"Grant the IAM action {action} in project {PROJECT} to the agency or user."


def test_a_permission_that_no_rule_needs_is_a_warning(doctor: Doctor, endpoint: CbrEndpoint) -> None:
    endpoint.faults.append(faults.without("cbr:tasks:list", "cbr:vaults:list"))
    found = doctor()
    assert wrong(found) == ["cbr:vaults:list", "cbr:tasks:list"]
    assert found.ok
    assert "would not say why a backup failed" in find(found, "cbr:tasks:list").detail


def test_an_empty_project_still_shows_whether_details_may_be_read(doctor: Doctor, endpoint: CbrEndpoint) -> None:
    endpoint.backups.clear()
    assert "granted" in find(doctor(), "cbr:backups:get").detail
    endpoint.faults.append(faults.without("cbr:backups:get"))
    assert find(doctor(), "cbr:backups:get").state == "fail"


def test_an_answer_that_is_no_json_fails_that_one_check(doctor: Doctor, endpoint: CbrEndpoint) -> None:
    endpoint.faults.append(Fault(faults.html502(), lambda asked: asked.path.endswith("/policies")))
    found = doctor()
    assert wrong(found) == ["cbr:policies:list"]
    assert "answered 502" in find(found, "cbr:policies:list").detail


def test_a_cbr_that_does_not_answer_is_asked_once(doctor: Doctor, closed_port: int) -> None:
    found = doctor(cbr_endpoint=f"http://127.0.0.1:{closed_port}")
    assert wrong(found) == ["CBR"]
    assert "could not be reached" in find(found, "CBR").detail


def test_each_target_is_checked_for_itself(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "auditor.toml").write_text(
        f'[[targets]]\nproject_id = "{PROJECT}"\nname = "production"\n[[targets]]\nproject_id = "{"0" * 32}"\n'
    )
    found = doctor(token="", access_key="AK", secret_key="SK-of-the-doctor", project_id="")
    assert {check.area for check in found.checks if check.name == "project"} == {
        "project production, eu-de",
        f"project {'0' * 32}, eu-de",
    }
    assert wrong(found) == ["project"]


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"regoin": "x"}, "settings", "AUDITOR_REGOIN is no setting"),
        ({"profile": "nosuch"}, "rules", "nosuch"),
        ({"project_id": ""}, "signing in", "AUDITOR_PROJECT_ID is not set"),
        ({"token": ""}, "signing in", "no token, access key or user"),
        ({"out": ""}, "channels", "nobody is told"),
    ],
)
def test_a_wrong_setting_is_a_failed_check_and_no_crash(
    doctor: Doctor, changes: dict[str, Any], name: str, words: str
) -> None:
    found = doctor(**changes)
    assert wrong(found) == [name]
    assert words in find(found, name).detail
    assert find(found, name).mend


def mail(relay: Relay, ca_file: Path, **changes: object) -> dict[str, object]:
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": relay.port,
        "smtp_username": "auditor",
        "smtp_password": "correct-horse-battery",
        "mail_from": "audit@example.com",
        "mail_to": "ops@example.com",
        "ca_file": ca_file,
        **changes,
    }


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_relay_is_logged_in_to_and_left_without_a_mail(
    doctor: Doctor, relay: Any, ca_file: Path, security: str
) -> None:
    server = relay(security=security)
    found = doctor(**mail(server, ca_file, smtp_security=security))
    assert wrong(found) == []
    assert find(found, "mail").detail == (
        f"127.0.0.1:{server.port}, {security}, logged in as auditor; would go to ops@example.com"
    )
    assert len(server.logins) == 1
    assert server.mailbox.envelopes == []


def test_a_relay_that_refuses_the_login_is_told(doctor: Doctor, relay: Any, ca_file: Path) -> None:
    found = doctor(**mail(relay(), ca_file, smtp_password="wrong-battery-staple"))
    check = find(found, "mail")
    assert check.state == "fail"
    assert "did not take the user name and password (535" in check.detail
    assert "AUDITOR_SMTP_PASSWORD" in check.mend
    assert "battery" not in json.dumps(msgspec.to_builtins(found))


def test_a_relay_whose_certificate_is_not_trusted_is_told(doctor: Doctor, relay: Any, ca_file: Path) -> None:
    found = doctor(**{**mail(relay(), ca_file), "ca_file": ""})
    assert "no certificate that can be trusted" in find(found, "mail").detail
    assert "AUDITOR_CA_FILE" in find(found, "mail").mend


def test_a_relay_that_is_not_there_is_told(doctor: Doctor, relay: Any, ca_file: Path, closed_port: int) -> None:
    found = doctor(**mail(relay(), ca_file, smtp_port=closed_port))
    assert "could not be connected to: connection refused" in find(found, "mail").detail


def test_a_webhooks_host_is_tried_and_nothing_is_posted(
    doctor: Doctor, secure_receiver: Receiver, ca_file: Path
) -> None:
    found = doctor(webhook_url=secure_receiver.url(), ca_file=ca_file)
    assert wrong(found) == []
    assert find(found, "webhook").detail == "127.0.0.1 is trusted (TLSv1.3); nothing was posted"
    assert secure_receiver.requests == []
    assert "xyzzy" not in json.dumps(msgspec.to_builtins(found))


@pytest.mark.parametrize("name", ["slack", "teams", "mattermost", "webhook"])
def test_every_webhook_is_checked(doctor: Doctor, name: str) -> None:
    setting = "webhook_url" if name == "webhook" else f"{name}_webhook_url"
    found = doctor(**{setting: "https://hooks.invalid/services/xyzzySECRET"})
    check = find(found, name)
    assert (check.state, check.detail) == ("fail", "the name hooks.invalid could not be resolved")
    assert f"AUDITOR_{setting.upper()}" in check.mend


def test_a_webhook_that_is_not_trusted_or_no_tls_is_told(doctor: Doctor, secure_receiver: Receiver) -> None:
    assert "no certificate that can be trusted" in find(doctor(webhook_url=secure_receiver.url()), "webhook").detail

    def greet(connection: socket.socket) -> None:
        connection.recv(1)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with scripted(greet) as port:
        assert "TLS with 127.0.0.1 failed" in find(doctor(webhook_url=f"https://127.0.0.1:{port}/x"), "webhook").detail


def test_a_webhooks_secret_that_cannot_sign_is_told(doctor: Doctor, secure_receiver: Receiver, ca_file: Path) -> None:
    hook = {"webhook_url": secure_receiver.url(), "ca_file": ca_file}
    check = find(doctor(**hook, webhook_secret="no base64!"), "webhook")
    assert check.state == "fail"
    assert "AUDITOR_WEBHOOK_SECRET" in check.detail
    assert wrong(doctor(**hook, webhook_secret="whsec_c2VjcmV0")) == []


def test_a_folder_is_not_made_and_one_that_cannot_be_written_to_fails(doctor: Doctor, tmp_path: Path) -> None:
    assert find(doctor(out=tmp_path / "a" / "b"), "folder").state == "ok"
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").write_text("")
    check = find(doctor(out=tmp_path / "file" / "b"), "folder")
    assert check.state == "fail"
    assert "AUDITOR_OUT" in check.mend


def test_a_webhook_behind_a_proxy_is_not_tried(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    check = find(doctor(webhook_url="https://hooks.invalid/x"), "webhook")
    assert check.state == "warn"
    assert "behind a proxy" in check.detail


def test_named_secrets_are_fetched_first_and_then_used(
    doctor: Doctor, services: CloudServices, secure_receiver: Receiver, ca_file: Path
) -> None:
    services.tokens[TOKEN] = PROJECT
    services.secrets["hook"] = secure_receiver.url()
    settings = {"webhook_url": "csms:hook", "ca_file": ca_file}
    found = doctor(**settings)
    assert wrong(found) == []
    assert find(found, "secrets").detail == "fetched"
    assert "xyzzy" not in json.dumps(msgspec.to_builtins(found))
    services.refused_actions.add("csms")
    found = doctor(**settings)
    assert wrong(found) == ["secrets"]
    assert "csms:secret:getVersion" in find(found, "secrets").mend
    assert find(found, "webhook").state == "skip"
