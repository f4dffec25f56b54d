"""Posts a message to a webhook: the one poster of all chats. A webhook's address is a secret and is never shown."""

import logging
import random
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit

import requests
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from cbr_auditor import __version__
from cbr_auditor.address import is_loopback
from cbr_auditor.clock import Deadline
from cbr_auditor.errors import DeliveryError
from cbr_auditor.http_retry import retry_after
from cbr_auditor.http_session import Session
from cbr_auditor.text import one_line

_TRIES = 3
_RETRIED = {429, 502, 503, 504}
_CONNECT_TIMEOUT = 10.0  # seconds
_ANSWER_TIMEOUT = 30.0  # seconds
_LARGEST_ANSWER = 4096  # bytes; what a refusal has to say fits
_SHORTEST_SECRET = 4  # characters of an address that are worth hiding


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook, and what is known of who listens there."""

    url: str = field(repr=False)
    setting: str
    """The variable that holds the address."""
    mends: Mapping[str, str] = field(default_factory=dict)
    """What to do, by a word of the answer."""
    knows_repeats: bool = False
    """Whether the receiver recognises a message that it gets twice."""

    @property
    def host(self) -> str:
        """All of the address that may be shown."""
        return _host(self.url)


def post_json(hook: Hook, body: bytes, headers: Mapping[str, str], *, deadline: Deadline, ca_file: Path | None) -> int:
    """Post JSON and give back the status, a 2xx. Raises `DeliveryError`.

    Tried up to three times where trying again can help and cannot bring the message twice, never past the deadline.
    """
    for name in ("urllib3.connectionpool", "urllib3.connection"):
        logging.getLogger(name).addFilter(_without_addresses)
    tries = 0
    while True:
        tries += 1
        wait = 0.0
        try:
            with Session() as session:
                with closing(_send(session, hook, body, headers, deadline, ca_file)) as response:
                    status = response.status_code
                    if 200 <= status < 300:
                        return status
                    failure, again = _refusal(hook, response), status in _RETRIED
                wait = retry_after(response.headers.get("Retry-After", ""), deadline.clock.now())
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as problem:
            failure, again = _unreachable(hook, problem)
        if not again:
            raise failure
        pause = max(wait, 2.0 ** (tries - 1) + random.random())  # noqa: S311  # so that callers come out of step
        if tries == _TRIES:
            raise DeliveryError(f"{failure.what} ({tries} tries)", failure.mend)
        if pause >= deadline.left():
            raise DeliveryError(f"{failure.what}; there was no time to try again in {pause:.0f} s", failure.mend)
        deadline.clock.sleep(pause)


def _send(
    session: requests.Session,
    hook: Hook,
    body: bytes,
    headers: Mapping[str, str],
    deadline: Deadline,
    ca_file: Path | None,
) -> requests.Response:
    # A proxy is taken from the environment, but has no business on loopback; .netrc has none here at all.
    session.trust_env = not is_loopback(hook.host)
    session.auth = _no_login
    left = max(0.1, deadline.left())
    return session.post(
        hook.url,
        data=body,
        headers={
            "Content-Type": "application/json",
            "User-Agent": f"cbr-auditor/{__version__}",
            "Accept-Encoding": "identity",
            **headers,
        },
        timeout=(min(_CONNECT_TIMEOUT, left), min(_ANSWER_TIMEOUT, left)),
        verify=str(ca_file) if ca_file else True,
        allow_redirects=False,
        stream=True,
    )


def _no_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _refusal(hook: Hook, response: requests.Response) -> DeliveryError:
    status = response.status_code
    answer = _answer(response)
    said = one_line(_masked(hook, answer), 120)
    what = f"{hook.host} answered {status}{f' ({said})' if said else ''}"
    if 300 <= status < 400:
        where = one_line(_host(response.headers.get("Location", "")) or hook.host, 100)
        return DeliveryError(
            f"{what}, a redirect to {_masked(hook, where)} that is never followed",
            f"Set {hook.setting} to the address that it leads to.",
        )
    for word, mend in hook.mends.items():
        if word in answer:
            return DeliveryError(what, mend)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return DeliveryError(what, f"Check that the webhook still exists, or make a new one and set {hook.setting}.")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return DeliveryError(what, "It throttles: run at another time of the day.")
    if status >= 500:
        return DeliveryError(what, "Its service is in trouble: run again later.")
    return DeliveryError(what, f"Check {hook.setting}, and chat.md.j2 if it is your own.")


def _host(address: str) -> str:
    """The host of an address that a server names; empty where there is none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _answer(response: requests.Response) -> str:
    """The beginning of what the answer says."""
    try:
        body = response.raw.read(_LARGEST_ANSWER, decode_content=False)
    except (urllib3.exceptions.HTTPError, OSError):
        return ""
    return one_line(body.decode("utf-8", "replace"), _LARGEST_ANSWER)


def _masked(hook: Hook, text: str) -> str:
    """`text` without any word that stands in the address behind its host, nor a part of one."""
    parts = urlsplit(hook.url)
    address = f"{parts.path}?{parts.query}"
    secret = f"{address} {unquote(address)}".lower()
    words = {word for word in re.findall(r"\w+", secret) if len(word) >= _SHORTEST_SECRET}

    def mask(match: re.Match[str]) -> str:
        word = match[0].lower()
        return "***" if word in secret or any(known in word for known in words) else match[0]

    return re.sub(rf"[\w%-]{{{_SHORTEST_SECRET},}}", mask, text)


def _unreachable(hook: Hook, problem: Exception) -> tuple[DeliveryError, bool]:
    """The error of a request without an answer, and whether to try again. Quotes no text of `requests`: it has URLs."""
    causes = list(_causes(problem))
    kinds = tuple(type(cause) for cause in causes)
    network = "Check the network (a function in a VPC needs a NAT gateway)."
    tls = next((cause for cause in causes if isinstance(cause, ssl.SSLError)), None)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return DeliveryError(
            f"{hook.host} showed no certificate that can be trusted: {one_line(tls.verify_message, 120)}",
            f"Check {hook.setting}; for a private authority set AUDITOR_CA_FILE.",
        ), False
    if tls is not None:
        return DeliveryError(
            f"TLS with {hook.host} failed: {one_line(tls.reason or 'no reason given', 60)}",
            f"Check {hook.setting}, and that AUDITOR_CA_FILE is PEM.",
        ), False
    if isinstance(problem, requests.exceptions.ProxyError):
        return DeliveryError(f"the proxy did not connect to {hook.host}", "Check HTTPS_PROXY and NO_PROXY."), True
    if NameResolutionError in kinds:
        return DeliveryError(f"the name {hook.host} could not be resolved", f"Check {hook.setting}, and DNS."), True
    if ConnectTimeoutError in kinds:
        return DeliveryError(f"{hook.host} could not be connected to in time", network), True
    if NewConnectionError in kinds:
        reason = next((cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror), "refused")
        return DeliveryError(f"{hook.host} could not be connected to: {reason.lower()}", network), True
    if isinstance(problem, ValueError):
        return DeliveryError(f"the address in {hook.setting} cannot be used", "Set it anew."), False
    if isinstance(problem, OSError) and not isinstance(problem, requests.RequestException):
        return DeliveryError("the authorities to trust could not be read", "Check AUDITOR_CA_FILE."), False
    silent = ReadTimeoutError in kinds or TimeoutError in kinds
    return DeliveryError(
        f"{hook.host} {'did not answer in time' if silent else 'broke the connection off'}, "
        "so the message may or may not have arrived",
        "Check its service." if hook.knows_repeats else "Look there before you send it again.",
    ), hook.knows_repeats


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """The problem and what it was raised for, outermost first."""
    seen: BaseException | None = problem
    while seen is not None:
        yield seen
        inner = getattr(seen, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((part for part in seen.args if isinstance(part, BaseException)), None)
        seen = inner or seen.__cause__ or seen.__context__


def _without_addresses(record: logging.LogRecord) -> bool:
    """Cut paths out of what urllib3 logs of a POST, and of every warning of its: they are secret here."""
    if isinstance(record.args, tuple) and ("POST" in record.args or record.levelno >= logging.WARNING):
        record.args = tuple(_without_path(value) for value in record.args)
    return True


def _without_path(value: object) -> object:
    if not isinstance(value, str) or "/" not in value or value.startswith("HTTP/"):
        return value
    return f"{urlsplit(value).netloc}/***"
