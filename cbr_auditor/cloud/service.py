"""One service of the cloud besides CBR: JSON over HTTPS, tried again within the deadline."""

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests
import urllib3
from requests.auth import AuthBase

from cbr_auditor import __version__
from cbr_auditor.cbr.loose import loads
from cbr_auditor.cbr.refusal import read_error, unreachable
from cbr_auditor.clock import Deadline
from cbr_auditor.errors import AnswerError, ListingError
from cbr_auditor.http_retry import PATIENT, Patience, insist, retry_after
from cbr_auditor.http_session import Session
from cbr_auditor.mask import Mask
from cbr_auditor.text import one_line

_LARGEST_BODY = 2**20  # bytes; a token's catalogue has about 50,000
_TIMEOUT = 15.0  # seconds that an answer may be silent
_PASSING = {408, 429, 500, 502, 503, 504}


class Reply(msgspec.Struct, frozen=True):
    """What a service answered."""

    status: int
    headers: Mapping[str, str]
    content: dict[str, Any]
    """The JSON object of the body; empty where it is none."""
    rows: list[Any]
    """The JSON array of the body; empty where it is none."""
    said: str
    """Host, status, the error's code and text, the request id: one sentence without its full stop, safe to show."""


class Service:
    """One service at its endpoint; `setting` is the variable that holds it.

    An answer may be silent for `timeout` seconds and have `largest` bytes.
    """

    def __init__(
        self,
        endpoint: str,
        deadline: Deadline,
        *,
        setting: str,
        ca_file: str | None = None,
        patience: Patience = PATIENT,
        timeout: float = _TIMEOUT,
        largest: int = _LARGEST_BODY,
    ) -> None:
        self.host = urlsplit(endpoint).hostname or endpoint
        self._base = endpoint.rstrip("/")
        self._deadline = deadline
        self._setting = setting
        self._ca_file = ca_file
        self._patience = patience
        self._timeout = timeout
        self._largest = largest

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: AuthBase | None = None,
        secrets: Iterable[str] = (),
    ) -> Reply:
        """The answer to one request, whatever its status, once it is none that may pass.

        `secrets` are kept out of what is said. Raises `ListingError` where there is no answer.
        """
        mask = Mask((*secrets, *getattr(auth, "secrets", ())))
        request = requests.Request(
            method,
            self._base + path,
            params=dict(query or {}),
            data=msgspec.json.encode(body) if body is not None else None,
            headers={
                "User-Agent": f"cbr-auditor/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                **({"Content-Type": "application/json;charset=utf8"} if body is not None else {}),
                **(headers or {}),
            },
            auth=auth or _no_login,  # or requests would look into .netrc
        )

        def attempt() -> Reply:
            reply = self._answer(request, mask)
            if reply.status in _PASSING:
                error = ListingError(
                    reply.said,
                    "Run again; if it persists, give the request id to the cloud's support.",
                    reply.status,
                    passing=True,
                )
                error.wait = retry_after(reply.headers.get("Retry-After", ""), self._deadline.clock.now())
                raise error
            return reply

        return insist(attempt, self._deadline, self._patience)

    def _answer(self, request: requests.Request, mask: Mask) -> Reply:
        timeout = min(self._timeout, max(0.1, self._deadline.left_for_asking()))
        try:
            with Session() as session:
                session.trust_env = not self._base.startswith("http://")  # http is loopback only: no proxy there
                options = session.merge_environment_settings(self._base, {}, True, self._ca_file or True, None)
                options["verify"] = self._ca_file or True  # named here, or REQUESTS_CA_BUNDLE would win
                prepared = session.prepare_request(request)
                response = session.send(prepared, timeout=timeout, allow_redirects=False, **options)
                with closing(response):
                    return self._reply(response, self._body(response), mask)
        except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError, OSError) as problem:
            raise unreachable(problem, self.host, mask.text, self._setting) from None

    def _body(self, response: requests.Response) -> bytes:
        body = b""
        while chunk := response.raw.read1(2**16, decode_content=False):
            body += chunk
            if len(body) > self._largest:
                raise AnswerError(
                    f"{self.host} sent more than {self._largest // 2**20} MiB in one answer", passing=False
                )
            self._deadline.check()
        return body

    def _reply(self, response: requests.Response, body: bytes, mask: Mask) -> Reply:
        try:
            content = loads(body)
        except AnswerError:
            content = None
        shown = mask.text(body[: 2**16].decode("utf-8", "replace"))
        code, text, request_id = read_error(shown.encode())
        detail = " ".join(part for part in (code, text) if part) or (one_line(shown, 120) if content is None else "")
        request_id = request_id or mask.text(response.headers.get("X-Request-Id", ""))
        said = f"{self.host} answered {response.status_code}"
        said += f" ({one_line(detail)})" if detail and response.status_code >= 300 else ""
        said += f" [request {one_line(request_id, 64)}]" if request_id else ""
        return Reply(
            response.status_code,
            response.headers,
            content if isinstance(content, dict) else {},
            content if isinstance(content, list) else [],
            said,
        )


def _no_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
