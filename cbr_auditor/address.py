"""Addresses that an operator sets: where secrets may go, and who may get a mail."""

import ipaddress
import re
from urllib.parse import urlsplit

from cbr_auditor.text import one_line

_CHAT_HOSTS = {
    "slack_webhook_url": ("slack.com", "slack-gov.com"),
    "teams_webhook_url": ("powerautomate.com", "powerplatform.com", "flow.microsoft.com", "logic.azure.com"),
}
_MAIL_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def is_loopback(host: str) -> bool:
    """Whether the host is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_url(value: str) -> str:
    """The address, if secrets may be sent there: https, or http on loopback. Raises `ValueError`."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("this is no address: use https://host/path") from None
    if not value.isprintable() or " " in value or not host or parts.scheme not in {"https", "http"}:
        raise ValueError("this is no address: use https://host/path")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("http would send secrets in clear: use https (http is for loopback only)")
    if "@" in parts.netloc:
        raise ValueError("an address must not hold a user name or password")
    return value


def check_webhook(setting: str, url: str) -> None:
    """Refuse an address that no message may go to, or that another setting's messages go to. Raises `ValueError`."""
    host = urlsplit(check_url(url)).hostname or ""
    for name, hosts in _CHAT_HOSTS.items():
        if name != setting and host.endswith(hosts):
            raise ValueError(f"this looks like a webhook for AUDITOR_{name.upper()}; set it there")


def check_endpoint(value: str) -> str:
    """The address of an API: as `check_url`, and without query or fragment, which a path could not follow."""
    parts = urlsplit(check_url(value))
    if parts.query or parts.fragment or value.endswith(("?", "#")):
        raise ValueError("an endpoint has neither ? nor #: use https://host")
    return value


def check_mail_address(value: str) -> str:
    """The mail address, if it is one in ASCII. Raises `ValueError`."""
    if not value.isascii() or not _MAIL_ADDRESS.fullmatch(value) or len(value) > 254:
        raise ValueError(f"{one_line(value)!r} is no mail address: use name@example.com, in ASCII")
    return value
