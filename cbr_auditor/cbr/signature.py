"""Requests signed with an access key: SDK-HMAC-SHA256.

Source: Huawei Cloud, "API Request Signing Guide", api-sign-algorithm-002 to 005; Open Telekom Cloud signs the same way.
The query goes over the wire in its canonical form, so that what is sent is what was signed.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

import requests
from requests.auth import AuthBase

from cbr_auditor.clock import Clock
from cbr_auditor.errors import SettingsError

ALGORITHM = "SDK-HMAC-SHA256"


class SignatureAuth(AuthBase):
    """Signs each request with a permanent access key, or a temporary one and its security token.

    It is for one project; IAM's own requests are for none, and `project_id` is empty.
    """

    def __init__(
        self, access_key: str, secret_key: str, project_id: str, clock: Clock, security_token: str | None = None
    ) -> None:
        for value in (access_key, security_token or ""):
            if not value.isascii() or not value.isprintable() or " " in value:
                raise SettingsError(
                    "the access key or security token has a character that no header can carry",
                    "Set it again without blanks or line ends.",
                )
        self._access_key = access_key
        self._secret_key = secret_key
        self._project_id = project_id
        self._clock = clock
        self._security_token = security_token
        self.secrets = (access_key, secret_key, security_token or "")
        """What must not turn up in any text."""

    def __call__(self, request: requests.PreparedRequest) -> Any:
        """Add date, project, token and `Authorization`."""
        parts = urlsplit(request.url or "")
        request.url = urlunsplit(parts._replace(query=canonical_query(parts.query)))
        signed = {
            "Host": parts.netloc,
            "X-Sdk-Date": self._clock.now().strftime("%Y%m%dT%H%M%SZ"),
        }
        if self._project_id:
            signed["X-Project-Id"] = self._project_id
        if self._security_token:
            signed["X-Security-Token"] = self._security_token
        request.headers.update(signed)
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        signature = sign(request.method or "GET", request.url, signed, body, self._secret_key)
        request.headers["Authorization"] = (
            f"{ALGORITHM} Access={self._access_key}, SignedHeaders={_names(signed)}, Signature={signature}"
        )
        return request


def sign(method: str, url: str, headers: Mapping[str, str], body: bytes, secret_key: str) -> str:
    """The signature, in hexadecimal, of a request whose `headers` are all signed; `X-Sdk-Date` must be among them."""
    parts = urlsplit(url)
    lowered = {name.lower(): value.strip() for name, value in headers.items()}
    path = "/".join(quote(unquote(segment), safe="~") for segment in parts.path.split("/"))
    canonical = "\n".join(
        (
            method.upper(),
            path if path.endswith("/") else f"{path}/",
            canonical_query(parts.query),
            "".join(f"{name}:{lowered[name]}\n" for name in sorted(lowered)),
            _names(headers),
            hashlib.sha256(body).hexdigest(),
        )
    )
    to_sign = f"{ALGORITHM}\n{lowered['x-sdk-date']}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(secret_key.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


def canonical_query(query: str) -> str:
    """The query sorted by key, then value, each quoted with `%20` for a blank."""
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in pairs)


def _names(headers: Mapping[str, str]) -> str:
    return ";".join(sorted(name.lower() for name in headers))
