"""Delivers the report to every channel that is set. One that fails or hangs does not keep it from the others.

A channel's module is imported only where the channel is set: every cold start pays for each import.
"""

import logging
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from pydantic import SecretStr

from cbr_auditor.clock import Deadline
from cbr_auditor.errors import DeliveryError
from cbr_auditor.finding import Finding
from cbr_auditor.render import Renderer
from cbr_auditor.report import Delivery, Report
from cbr_auditor.settings import Settings

__all__ = ["deliver"]

_LONGEST = 60.0  # seconds; whoever needs longer is down
_SHARE = 0.9  # of the time left, so that some is left to report what became of the messages
_GRACE = 0.05  # of that share: in it a channel notices that its time is over
_CHATS = ("slack", "teams", "mattermost")

Send = Callable[[Deadline], str]
"""Sends and says what became of it. Raises `DeliveryError`."""


class _Channel(msgspec.Struct):
    """One channel, and what became of its message."""

    name: str
    target: str
    send: Send
    result: Delivery | None = None

    def run(self, deadline: Deadline) -> None:
        """Send, and keep the result whatever happens."""
        try:
            self.result = Delivery(self.name, self.target, ok=True, detail=self.send(deadline))
        except DeliveryError as error:
            self.result = Delivery(self.name, self.target, ok=False, detail=str(error))
        except Exception as problem:  # noqa: BLE001  # one delivery must not stop the next
            # Only its type and place: the text of an error that nobody foresaw may hold a secret.
            place = traceback.extract_tb(problem.__traceback__)[-1]
            detail = f"a defect of the auditor: {type(problem).__name__} in {Path(place.filename).name}:{place.lineno}"
            self.result = Delivery(self.name, self.target, ok=False, detail=detail)


def deliver(
    report: Report,
    settings: Settings,
    *,
    renderer: Renderer,
    html: str,
    text: str,
    findings_csv: Path | None,
    top: list[Finding],
    deadline: Deadline,
    log: logging.Logger,
) -> list[Delivery]:
    """Send the report to every channel that the settings name, at once, and say what became of each.

    Each has the whole time that is left, at most a minute; one that hangs even so (name resolution knows no time-out)
    is left behind.
    """
    channels = []
    if settings.mail_to:
        channels.append(
            _Channel("mail", ", ".join(settings.mail_to), _mail(report, settings, html, text, findings_csv))
        )
    channels += [
        _Channel(name, _host(url), _chat(name, url, report, renderer, settings))
        for name in _CHATS
        if (url := _url(getattr(settings, f"{name}_webhook_url")))
    ]
    if url := _url(settings.webhook_url):
        channels.append(_Channel("webhook", _host(url), _webhook(url, report, top, settings)))
    return _send_all(channels, deadline, log)


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _url(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _where_everything_is(settings: Settings) -> str:
    if settings.mail_to:
        return "All are in the mail's findings.csv."
    if settings.out:
        return "All are in findings.csv in the report's folder."
    return "Set AUDITOR_MAIL_TO or AUDITOR_OUT to get all of them."


def _mail(report: Report, settings: Settings, html: str, text: str, findings_csv: Path | None) -> Send:
    from cbr_auditor.delivery.mail import send_mail  # noqa: PLC0415  # as the module says

    def send(deadline: Deadline) -> str:
        return send_mail(report, settings, deadline, html=html, text=text, findings_csv=findings_csv)

    return send


def _chat(name: str, url: str, report: Report, renderer: Renderer, settings: Settings) -> Send:
    from cbr_auditor.delivery.post import Hook, post_json  # noqa: PLC0415  # as the module says

    chat = getattr(import_module(f"cbr_auditor.delivery.{name}"), name.upper())
    hook = Hook(url, f"AUDITOR_{name.upper()}_WEBHOOK_URL", chat.mends)
    rest = _where_everything_is(settings)

    def send(deadline: Deadline) -> str:
        post_json(hook, chat.compose(report, renderer, rest), {}, deadline=deadline, ca_file=settings.ca_file)
        return str(chat.accepted)

    return send


def _webhook(url: str, report: Report, top: list[Finding], settings: Settings) -> Send:
    from cbr_auditor.delivery import webhook  # noqa: PLC0415  # as the module says
    from cbr_auditor.delivery.post import Hook, post_json  # noqa: PLC0415  # as the module says

    hook = Hook(url, "AUDITOR_WEBHOOK_URL", knows_repeats=settings.webhook_secret is not None)

    def send(deadline: Deadline) -> str:
        body = webhook.compose(report, top)
        headers = webhook.sign(body, report.run_id, deadline.clock.now(), settings.webhook_secret)
        post_json(hook, body, headers, deadline=deadline, ca_file=settings.ca_file)
        return "accepted"

    return send


def _send_all(channels: list[_Channel], deadline: Deadline, log: logging.Logger) -> list[Delivery]:
    """Let every channel send in a thread of its own, which does not outlive the process."""
    seconds = min(_LONGEST, _SHARE * deadline.left())
    clock = deadline.clock
    end = clock.monotonic() + seconds * (1 + _GRACE)
    threads = [
        threading.Thread(target=channel.run, args=(Deadline(clock, seconds),), name=channel.name, daemon=True)
        for channel in channels
    ]
    for thread in threads:
        thread.start()
    results = []
    for channel, thread in zip(channels, threads, strict=True):
        thread.join(max(0.0, end - clock.monotonic()))
        result = channel.result or Delivery(
            channel.name, channel.target, ok=False, detail=f"gave no sign within {seconds:.1f} s; it may still arrive"
        )
        results.append(result)
        level = logging.INFO if result.ok else logging.ERROR
        log.log(level, "%s to %s: %s", result.channel, result.target, result.detail)
    return results
