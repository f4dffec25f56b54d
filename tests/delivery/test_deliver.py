import base64
import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from cbr_auditor.clock import Deadline, SystemClock
from cbr_auditor.delivery import deliver
from cbr_auditor.delivery.chat import Chat
from cbr_auditor.errors import DeliveryError
from cbr_auditor.render import Renderer
from cbr_auditor.report import Delivery
from cbr_auditor.settings import Settings, load_settings
from tests.delivery.receivers import Answer, Receiver, Relay
from tests.delivery.reports import ordinary_report
from tests.fakes import make_finding, make_report

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
PATH = "/services/T0123/B4567/xyzzySECRETplugh?sig=querySECRET99"
HOOKS = ("slack_webhook_url", "teams_webhook_url", "mattermost_webhook_url", "webhook_url")
LOG = logging.getLogger("cbr_auditor.test")


def settings_with(**changes: Any) -> Settings:
    return load_settings({f"AUDITOR_{name.upper()}": str(value) for name, value in changes.items()})


def delivered(settings: Settings, deadline: Deadline, **changes: Any) -> list[Delivery]:
    given: dict[str, Any] = {
        "renderer": Renderer(),
        "html": "<p>FAIL</p>",
        "text": "FAIL",
        "findings_csv": None,
        "top": [make_finding()],
        **changes,
    }
    return deliver(given.pop("report", make_report()), settings, deadline=deadline, log=LOG, **given)


def test_nothing_configured_is_no_delivery(deadline: Deadline) -> None:
    assert delivered(settings_with(), deadline) == []


def test_every_channel_gets_its_message_in_a_fixed_order(
    relay: Callable[..., Relay],
    mail_settings: Callable[..., Settings],
    receiver: Receiver,
    deadline: Deadline,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOG.name)
    server = relay()
    urls = {name: receiver.url(f"/{name}/xyzzySECRETplugh") for name in HOOKS}
    settings = mail_settings(server.port, webhook_secret=SECRET, **urls)
    assert delivered(settings, deadline) == [
        Delivery("mail", "ops@example.com", ok=True, detail="accepted for 1 of 1 recipients"),
        Delivery("slack", "127.0.0.1", ok=True, detail="accepted"),
        Delivery(
            "teams", "127.0.0.1", ok=True, detail="accepted; whether the flow posted it stands in its run history"
        ),
        Delivery("mattermost", "127.0.0.1", ok=True, detail="accepted"),
        Delivery("webhook", "127.0.0.1", ok=True, detail="accepted"),
    ]
    assert len(server.mailbox.raw) == 1
    bodies = {request.path.split("/")[1]: json.loads(request.body) for request in receiver.requests}
    assert set(bodies["slack_webhook_url"]) == {"text", "blocks", "unfurl_links", "unfurl_media"}
    assert bodies["teams_webhook_url"]["type"] == "message"
    assert set(bodies["mattermost_webhook_url"]) == {"text", "attachments"}
    assert bodies["webhook_url"]["run_id"] == make_report().run_id
    assert [record.getMessage() for record in caplog.records if record.name == LOG.name] == [
        "mail to ops@example.com: accepted for 1 of 1 recipients",
        "slack to 127.0.0.1: accepted",
        "teams to 127.0.0.1: accepted; whether the flow posted it stands in its run history",
        "mattermost to 127.0.0.1: accepted",
        "webhook to 127.0.0.1: accepted",
    ]


def test_the_generic_webhook_is_signed(receiver: Receiver) -> None:
    settings = settings_with(webhook_url=receiver.url(), webhook_secret=SECRET)
    [result] = delivered(settings, Deadline(SystemClock(), 20.0))
    assert result.ok
    [request] = receiver.requests
    content = Webhook(SECRET).verify(request.body, request.headers)
    assert content["findings"][0]["rule"] == "backup-error"
    assert request.headers["Content-Type"] == "application/json"


def test_an_unsigned_webhook_gets_no_signature(receiver: Receiver, deadline: Deadline) -> None:
    delivered(settings_with(webhook_url=receiver.url()), deadline)
    assert not any(name.lower().startswith("webhook-") for name in receiver.requests[0].headers)


@pytest.mark.parametrize(("signed", "tries"), [(True, 3), (False, 1)])
def test_only_a_message_with_an_id_is_sent_again_after_a_drop(
    signed: bool, tries: int, receiver: Receiver, deadline: Deadline
) -> None:
    receiver.answers = [Answer(reset=True)]
    secret = {"webhook_secret": SECRET} if signed else {}
    [result] = delivered(settings_with(webhook_url=receiver.url(), **secret), deadline)
    assert not result.ok
    assert len(receiver.requests) == tries


def test_one_failure_does_not_keep_it_from_the_others(
    receiver: Receiver, deadline: Deadline, closed_port: int, everything_logged: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [Answer(404, b"no_service")]
    settings = settings_with(
        smtp_host="127.0.0.1",
        smtp_port=closed_port,
        mail_from="audit@example.com",
        mail_to="ops@example.com",
        slack_webhook_url=receiver.url(),
        mattermost_webhook_url=f"http://127.0.0.1:{closed_port}{PATH}",
    )
    results = delivered(settings, deadline)
    assert [(result.channel, result.ok) for result in results] == [
        ("mail", False),
        ("slack", False),
        ("mattermost", False),
    ]
    assert "could not be connected to" in results[0].detail
    assert results[1].detail == (
        "127.0.0.1 answered 404 (no_service). "
        "The webhook was removed: make a new one and set AUDITOR_SLACK_WEBHOOK_URL."
    )
    logged = [record for record in everything_logged.records if record.name == LOG.name]
    assert [record.levelno for record in logged] == [logging.ERROR] * 3
    assert "SECRET" not in everything_logged.text
    assert "SECRET" not in str(results)


@pytest.mark.parametrize(
    ("status", "word", "mend"),
    [
        (400, "invalid_payload", "mend chat.md.j2 if it is your own"),
        (400, "invalid_blocks", "mend chat.md.j2 if it is your own"),
        (404, "no_service", "make a new one and set AUDITOR_SLACK_WEBHOOK_URL"),
        (410, "channel_is_archived", "Unarchive the channel"),
        (403, "action_prohibited", "An admin of the workspace restricts posting"),
    ],
)
def test_what_slack_says_decides_what_to_do(
    status: int, word: str, mend: str, receiver: Receiver, deadline: Deadline
) -> None:
    receiver.answers = [Answer(status, word.encode())]
    [result] = delivered(settings_with(slack_webhook_url=receiver.url()), deadline)
    assert not result.ok
    assert result.detail.startswith(f"127.0.0.1 answered {status} ({word}). ")
    assert mend in result.detail


def test_a_defect_in_one_channel_tells_its_place_and_nothing_else(
    receiver: Receiver, deadline: Deadline, monkeypatch: pytest.MonkeyPatch, everything_logged: pytest.LogCaptureFixture
) -> None:
    def compose(*_: Any) -> bytes:
        raise KeyError(PATH)

    monkeypatch.setattr("cbr_auditor.delivery.slack.SLACK", Chat(compose, {}))
    settings = settings_with(slack_webhook_url=receiver.url(), mattermost_webhook_url=receiver.url())
    slack, mattermost = delivered(settings, deadline)
    assert mattermost.ok
    assert not slack.ok
    assert slack.detail.startswith("a defect of the auditor: KeyError in test_deliver.py:")
    assert "SECRET" not in slack.detail
    assert "SECRET" not in everything_logged.text


def test_who_is_silent_does_not_keep_it_from_the_others(silent_port: int, receiver: Receiver) -> None:
    settings = settings_with(
        smtp_host="127.0.0.1",
        smtp_port=silent_port,
        mail_from="audit@example.com",
        mail_to="ops@example.com",
        slack_webhook_url=f"http://127.0.0.1:{silent_port}{PATH}",
        webhook_url=receiver.url(),
    )
    begun = time.monotonic()
    mail, slack, webhook = delivered(settings, Deadline(SystemClock(), 0.6))
    assert time.monotonic() - begun < 1.6
    assert "did not answer in time" in mail.detail
    assert "did not answer in time" in slack.detail
    assert webhook.ok


def test_who_hangs_beyond_all_time_outs_is_left_behind(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def compose(*_: Any) -> bytes:
        released.wait(10)
        raise DeliveryError("too late")

    for name in ("slack", "teams"):
        monkeypatch.setattr(f"cbr_auditor.delivery.{name}.{name.upper()}", Chat(compose, {}))
    settings = settings_with(**{f"{name}_webhook_url": receiver.url() for name in ("slack", "teams", "mattermost")})
    deadline = Deadline(SystemClock(), 0.5)
    slack, teams, mattermost = delivered(settings, deadline)
    assert deadline.left() > 0
    released.set()
    assert teams.detail == slack.detail
    assert slack == Delivery("slack", "127.0.0.1", ok=False, detail="gave no sign within 0.4 s; it may still arrive")
    assert mattermost.ok


def test_time_is_left_to_report_what_became_of_the_messages(silent_port: int) -> None:
    settings = settings_with(slack_webhook_url=f"http://127.0.0.1:{silent_port}{PATH}")
    deadline = Deadline(SystemClock(), 1.0)
    delivered(settings, deadline)
    assert deadline.left() > 0.05


def test_a_message_says_where_everything_is(receiver: Receiver, deadline: Deadline, tmp_path: Path) -> None:
    report = ordinary_report()
    hook = {"slack_webhook_url": receiver.url()}
    mail = {"smtp_host": "127.0.0.1", "smtp_port": 9, "mail_from": "a@example.com", "mail_to": "b@example.com"}
    for settings, place in (
        (settings_with(**hook), "Set AUDITOR_MAIL_TO or AUDITOR_OUT to get all of them."),
        (settings_with(**hook, out=tmp_path), "All are in findings.csv in the report's folder."),
        (settings_with(**hook, **mail, out=tmp_path), "All are in the mail's findings.csv."),
    ):
        delivered(settings, deadline, report=report)
        assert place in receiver.requests[-1].body.decode()


def test_a_webhooks_target_is_its_host(receiver: Receiver, deadline: Deadline) -> None:
    settings = settings_with(webhook_url=receiver.url())
    [result] = delivered(settings, deadline)
    assert result.target == "127.0.0.1"
