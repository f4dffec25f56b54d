"""Checks of the channels and of the report's folder: that each would get its part. None is sent or written."""

import os
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies

from cbr_auditor.address import is_loopback
from cbr_auditor.clock import Deadline
from cbr_auditor.doctor.check import Check
from cbr_auditor.errors import DeliveryError
from cbr_auditor.setting_sources import PREFIX, REMOTE
from cbr_auditor.settings import Settings
from cbr_auditor.text import one_line

AREA = "channels"
_CONNECT_TIMEOUT = 10.0  # seconds
_NETWORK = "Check the network (a function in a VPC needs a NAT gateway)."


def check_folder(settings: Settings) -> Iterator[Check]:
    """Whether the folder for the report can be written to, or made; it is not made here."""
    if settings.out is None:
        return
    there = next(path for path in (settings.out, *settings.out.absolute().parents) if path.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield Check(AREA, "folder", "ok", one_line(str(settings.out), 300))
    else:
        what = f"{one_line(str(settings.out), 300)} cannot be written to"
        yield Check(AREA, "folder", "fail", what, f"Choose another folder as {PREFIX}OUT (/tmp in a function).")


def check_mail(settings: Settings, deadline: Deadline) -> Iterator[Check]:
    """The relay: connected to, TLS verified, logged in as a mail would be; then it is left."""
    if not settings.mail_to:
        return
    if settings.smtp_password is not None and settings.smtp_password.get_secret_value().startswith(REMOTE):
        yield _not_fetched("mail")
        return
    from cbr_auditor.delivery.smtp import try_relay  # noqa: PLC0415  # smtplib and email, for this channel alone

    said = try_relay(settings, deadline)
    yield Check(AREA, "mail", "ok", f"{said}; would go to {one_line(', '.join(settings.mail_to), 120)}")


def check_webhook(settings: Settings, name: str, now: datetime) -> Iterator[Check]:
    """The host of one webhook: its name resolves, it takes connections, its certificate is trusted. Nothing is posted.

    `name` is the channel's; whether the address behind the host is right is not known before the first message.
    """
    setting = "webhook_url" if name == "webhook" else f"{name}_webhook_url"
    secret = getattr(settings, setting)
    if secret is None:
        return
    address: str = secret.get_secret_value()
    signing = settings.webhook_secret.get_secret_value() if settings.webhook_secret else ""
    if address.startswith(REMOTE) or (name == "webhook" and signing.startswith(REMOTE)):
        yield _not_fetched(name)
        return
    if name == "webhook" and settings.webhook_secret is not None:
        from cbr_auditor.delivery.webhook import sign  # noqa: PLC0415  # for this channel alone

        sign(b"", "doctor", now, settings.webhook_secret)
    url = urlsplit(address)
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    if not is_loopback(host) and get_environ_proxies(f"{url.scheme}://{url.netloc}"):
        yield Check(AREA, name, "warn", f"{host} is behind a proxy, so it was not tried", "Look at the first message.")
        return
    said = _shake_hands(host, port, url.scheme == "https", settings.ca_file, f"{PREFIX}{setting.upper()}")
    yield Check(AREA, name, "ok", f"{host} {said}; nothing was posted")


def _not_fetched(name: str) -> Check:
    return Check(AREA, name, "skip", "its secret could not be fetched")


def _shake_hands(host: str, port: int, tls: bool, ca_file: Path | None, setting: str) -> str:
    """Connect, and begin TLS where it is wanted. Raises `DeliveryError`, which shows of the address its host only."""
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT) as connection:
            if not tls:
                return "takes connections"
            with ssl.create_default_context(cafile=ca_file).wrap_socket(connection, server_hostname=host) as secured:
                return f"is trusted ({secured.version()})"
    except ssl.SSLCertVerificationError as problem:
        raise DeliveryError(
            f"{host} showed no certificate that can be trusted: {one_line(problem.verify_message, 120)}",
            f"Check {setting}; for a private authority set {PREFIX}CA_FILE.",
        ) from None
    except ssl.SSLError as problem:
        reason = one_line(problem.reason or "no reason given", 60)
        raise DeliveryError(f"TLS with {host} failed: {reason}", f"Check {setting}.") from None
    except socket.gaierror:
        raise DeliveryError(f"the name {host} could not be resolved", f"Check {setting}, and DNS.") from None
    except (OSError, UnicodeError) as problem:
        silent = isinstance(problem, TimeoutError)
        reason = "no answer in time" if silent else (getattr(problem, "strerror", None) or "it is no host name").lower()
        raise DeliveryError(f"{host} could not be connected to: {reason}", _NETWORK) from None
