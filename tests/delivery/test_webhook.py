import base64
import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from cbr_auditor.delivery.webhook import compose, sign
from cbr_auditor.errors import DeliveryError
from cbr_auditor.finding import Finding
from cbr_auditor.report import Report
from tests.delivery.reports import huge_report, ordinary_report
from tests.fakes import make_finding, make_report, make_rule_result

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
RUN_ID = "20261123T060000Z-3f2a9c"


def document(report: Report, top: list[Finding]) -> dict[str, Any]:
    body = compose(report, top)
    assert len(body) < 64 * 1024
    content: dict[str, Any] = json.loads(body)
    return content


def findings_of(report: Report) -> list[Finding]:
    return [finding for group in report.groups for finding in group.failed]


def test_it_is_the_report_with_its_first_findings() -> None:
    report = ordinary_report()
    content = document(report, findings_of(report)[:3])
    assert set(content) == {*report.document(), "findings", "findings_omitted"}
    assert content["schema_version"] == "1.0"
    assert content["run_id"] == RUN_ID
    assert content["finished_at"] == "2026-11-23T06:00:02Z"
    assert content["verdict"] == "fail"
    assert content["summary"]["findings"] == {"critical": 0, "high": 15, "medium": 2, "low": 40, "info": 0}
    assert content["findings_omitted"] == 57 + 2 - 3
    assert [finding["backup_name"] for finding in content["findings"]] == ["autobk_0000", "autobk_0001", "autobk_0002"]
    assert set(content["findings"][0]) == set(Finding.__struct_fields__)
    assert content["findings"][0]["severity"] == "high"
    assert content["findings"][0]["since"] == "2026-11-23T06:00:00Z"
    assert content["rules"][0]["advice"] == report.rules[0].advice


def test_fifty_findings_are_the_most() -> None:
    content = document(make_report(), [make_finding(backup_name=f"{number}") for number in range(60)])
    assert [finding["backup_name"] for finding in content["findings"]] == [str(number) for number in range(50)]


def test_nothing_left_out_is_no_omission() -> None:
    assert document(make_report(), [make_finding()])["findings_omitted"] == 0


def test_findings_go_before_texts_do() -> None:
    report = make_report()
    top = [make_finding(message="m" * 3000) for _ in range(50)]
    report.summary.findings["high"] = 50
    content = document(report, top)
    assert 15 <= len(content["findings"]) < 22
    assert content["findings_omitted"] == 50 - len(content["findings"])
    assert content["rules"][0]["why"] == report.rules[0].why


@pytest.mark.parametrize("char", ["a", '"', "ü", "😀", "\x00"])
def test_a_huge_report_fits_without_what_its_rules_say(char: str) -> None:
    report = huge_report(char * 255)
    content = document(report, findings_of(report))
    assert content["findings_omitted"] == 6000 - len(content["findings"])
    assert content["rules"][0]["advice"] is content["rules"][0]["why"] is None
    assert sum(rule["failed"] for rule in content["rules"]) == 5000
    assert content["reasons"][-1].startswith("And ")
    assert sum(target["listed"] for target in content["coverage"]) == 40 * 204
    assert set(content) == {*report.document(), "findings", "findings_omitted"}


def test_texts_of_rules_go_before_sentences() -> None:
    report = ordinary_report(reasons=["r" * 1000] * 50)
    for rule in report.rules:
        rule.why = rule.advice = "w" * 5000
    content = document(report, findings_of(report))
    assert content["rules"][0]["why"] is None
    assert content["rules"][0]["title"] == "Backup failed"
    assert content["reasons"] == report.reasons


def test_the_most_that_a_report_can_say_fits() -> None:
    noise = "\x00" * 400
    report = huge_report(noise)
    report.rules = [
        make_rule_result(id=noise, title=noise, controls=[], no_problem={noise: 1}, error_examples=[noise] * 3)
        for _ in range(300)
    ]
    for target in report.coverage:
        target.narrowed = {f"{number}{noise}": [noise] * 20 for number in range(20)}
        target.notes = [noise] * 50
    report.not_looked_at = [noise] * 50
    assert document(report, findings_of(report))["findings_omitted"] >= 5950


def test_the_signature_is_what_standard_webhooks_verify() -> None:
    body = compose(make_report(), [])
    headers = sign(body, RUN_ID, datetime.now(timezone.utc), SecretStr(SECRET))
    assert headers["webhook-id"] == RUN_ID
    assert Webhook(SECRET).verify(body, headers)["run_id"] == RUN_ID
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"fail", b"pass"), headers)


@settings(deadline=None)
@given(body=st.dictionaries(st.text(), st.text()), key=st.binary(min_size=1, max_size=64))
def test_every_body_and_key_verifies(body: dict[str, str], key: bytes) -> None:
    content = json.dumps(body).encode()
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = sign(content, RUN_ID, datetime.now(timezone.utc), SecretStr(secret))
    assert Webhook(secret).verify(content, headers) == body


def test_without_a_secret_nothing_is_signed() -> None:
    assert sign(b"{}", RUN_ID, datetime.now(timezone.utc), None) == {}


@pytest.mark.parametrize("secret", ["whsec_not base64", "hunter2!", "whsec_ä", "whsec_"])
def test_a_secret_that_cannot_sign_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(DeliveryError) as caught:
        sign(b"{}", RUN_ID, datetime.now(timezone.utc), SecretStr(secret))
    assert str(caught.value).startswith("AUDITOR_WEBHOOK_SECRET is not whsec_ and base64. Make one: ")
    assert "hunter2" not in str(caught.value)
    assert "not base64" not in str(caught.value)
