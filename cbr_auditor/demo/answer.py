"""What the embedded endpoint answers: content, headers, and how it goes over the wire."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class RawJson(bytes):
    """JSON text that is spliced in as it stands, whatever it is: lone surrogates, broken UTF-8, half an object."""

    __slots__ = ()


class Ending(Enum):
    """How an answer's connection goes on."""

    KEEP = "keep"
    """All is sent and the connection stays open."""
    RESET = "reset"
    """Half of the body is sent, then the connection is reset (TCP RST)."""
    HANG_UP = "hang up"
    """Half of the body is sent, then the connection is closed in order (TCP FIN)."""
    SILENT = "silent"
    """Nothing is sent; the connection is closed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer before it is sent; a fault changes it."""

    status: int
    content: Mapping[str, Any] | bytes
    """A JSON object, or a body as it stands."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """In addition to those of every answer, or in their place."""
    delay: float = 0.0
    """Seconds of silence in front of the answer."""
    drip: float = 0.0
    """Seconds of silence behind each piece of the body, which then comes in `pieces`."""
    pieces: int = 1
    chunked: bool = False
    """Whether the body goes without `Content-Length`, in chunks."""
    ending: Ending = Ending.KEEP

    @property
    def body(self) -> bytes:
        """The content as bytes, before compression."""
        return self.content if isinstance(self.content, bytes) else _encode(self.content)


def cbr_error(status: int, code: int, text: str) -> Answer:
    """CBR's own shape of an error. Codes and texts: CBR API, appendix "Error Codes"."""
    return Answer(status, {"error_code": f"BackupService.{code:04}", "error_msg": text})


def gateway_error(status: int, code: str, text: str) -> Answer:
    """The shape of the API gateway in front of CBR, which names the request and ends with a line feed."""
    request_id = uuid.uuid4().hex
    content = {"error_msg": text, "error_code": code, "request_id": request_id}
    return Answer(status, _encode(content) + b"\n", {"X-Request-Id": request_id})


def _encode(content: Mapping[str, Any]) -> bytes:
    members = (json.dumps(key).encode() + b":" + _encode_member(value) for key, value in content.items())
    return b"{" + b",".join(members) + b"}"


def _encode_member(value: Any) -> bytes:
    if isinstance(value, list):
        return b"[" + b",".join(map(_encode_value, value)) + b"]"
    return _encode_value(value)


def _encode_value(value: Any) -> bytes:
    """UTF-8, but a lone surrogate, which UTF-8 does not have, as the escape that JSON allows."""
    if isinstance(value, bytes):
        return value
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace")
