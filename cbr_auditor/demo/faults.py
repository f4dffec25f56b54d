"""Faults of the embedded endpoint: what a cloud, a gateway or a proxy in front of CBR does to an answer.

A fault takes the answer that CBR would give and changes it: `Fault(reset(), times=2)` breaks two answers off in the
middle, `Fault(status(503), match=lambda asked: asked.offset > 0)` refuses every page but the first.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cbr_auditor.demo.answer import Answer, Ending, cbr_error, gateway_error


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    number: int
    """Counted from 1 over the endpoint's life."""
    method: str
    path: str
    """Without the query."""
    query: Mapping[str, list[str]]
    headers: Mapping[str, str] = field(repr=False)
    """All of them, with names in lower case; the token is among them."""
    target: str = ""
    """Path and query as they stood in the request."""

    @property
    def offset(self) -> int:
        """The row that a page begins at; 0 where the query does not say."""
        value = self.query.get("offset", ["0"])[-1]
        return int(value) if value.isdecimal() else 0

    @property
    def action(self) -> str | None:
        """The IAM action that it needs, as `cbr:vaults:list`; None where the path is no list and no detail."""
        parts = self.path.strip("/").split("/")[2:]
        noun = {"operation-logs": "tasks"}.get(parts[0], parts[0]) if parts else ""
        verb = {1: "list", 2: "get"}.get(len(parts))
        return f"cbr:{noun}:{verb}" if verb else None


Action = Callable[[Answer], Answer]

_UNPACKED = {"Content-Encoding": "identity"}


@dataclass(slots=True)
class Fault:
    """Does `action` to the answers of requests that match, `times` often; for ever where that is None.

    `match` is the beginning of a path or a question to ask about the request. Of several faults that match the first
    one that is not used up is done.
    """

    action: Action
    match: str | Callable[[Asked], bool] = "/"
    times: int | None = None
    done: int = 0
    """How often it was done."""

    def concerns(self, asked: Asked) -> bool:
        """Whether this request's answer is to be changed."""
        if self.times is not None and self.done >= self.times:
            return False
        return asked.path.startswith(self.match) if isinstance(self.match, str) else self.match(asked)


def all_of(*actions: Action) -> Action:
    """One action after the other: `all_of(slow(2), status(503))`."""

    def act(answer: Answer) -> Answer:
        for action in actions:
            answer = action(answer)
        return answer

    return act


def status(code: int, body: Mapping[str, Any] | bytes = b"", headers: Mapping[str, str] | None = None) -> Action:
    """Any status, body and headers in place of the answer."""
    return lambda answer: replace(answer, status=code, content=body, headers=headers or {})


def without(*actions: str) -> Fault:
    """An agency that lacks these IAM actions, as `cbr:vaults:list`: CBR answers 403 where they are needed."""
    return Fault(status(403, cbr_error(403, 8600, "Not authenticated.").content), lambda asked: asked.action in actions)


def throttled(retry_after: str | None = None) -> Action:
    """The gateway's 429; it never was seen with `Retry-After`, but may learn it."""
    text = "The throttling threshold has been reached: policy user over ratelimit,limit:100,time:1 second"
    refusal = gateway_error(429, "APIG.0308", text)
    return status(429, refusal.content, {"Retry-After": retry_after} if retry_after else {})


def html502() -> Action:
    """What a load balancer says when nobody is behind it: HTML, not JSON."""
    page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\r\n"
    return status(502, page, {"Content-Type": "text/html", "Server": "elb"})


def redirect(location: str, code: int = 302) -> Action:
    """Somewhere else, as a captive portal or a log-in page of a proxy."""
    return status(code, b"", {"Location": location})


def reset(*, chunked: bool = False) -> Action:
    """Half of the body, then TCP RST."""
    return lambda answer: replace(answer, ending=Ending.RESET, chunked=chunked)


def hang_up(*, chunked: bool = False) -> Action:
    """Half of the body, then an orderly end of the connection: only the length tells that something is missing."""
    return lambda answer: replace(answer, ending=Ending.HANG_UP, chunked=chunked)


def no_answer() -> Action:
    """The connection is closed without a byte."""
    return lambda answer: replace(answer, ending=Ending.SILENT)


def truncate() -> Action:
    """Half of the JSON, with a length that is right for the half."""
    return lambda answer: replace(answer, content=answer.body[: len(answer.body) // 2])


def slow(seconds: float) -> Action:
    """The answer after so many seconds of silence."""
    return lambda answer: replace(answer, delay=seconds)


def trickle(seconds: float, pieces: int) -> Action:
    """The body in so many pieces with silence between them: each is in time, the whole never is."""
    return lambda answer: replace(answer, drip=seconds, pieces=pieces)


def huge(size: int, key: str = "backups") -> Action:
    """A body of `size` bytes that would be JSON: an empty list of this name."""
    start = b'{"%b":[' % key.encode()
    return lambda answer: replace(answer, content=start.ljust(size - 2) + b"]}", headers=_UNPACKED)


def gzip_bomb(size: int) -> Action:
    """A small body that inflates to `size` bytes."""
    packer = zlib.compressobj(wbits=31)
    block = b" " * 2**20
    body = b"".join(packer.compress(block[: min(len(block), size - start)]) for start in range(0, size, len(block)))
    body += packer.flush()
    return lambda answer: replace(answer, content=body, headers={"Content-Encoding": "gzip"})


def repeat_page() -> Action:
    """The first answer again and again, as from a cache that ignores the query."""
    first: list[Answer] = []

    def act(answer: Answer) -> Answer:
        if not first:
            first.append(answer)
        return first[0]

    return act


def count(value: Any) -> Action:
    """A wrong `count`; without the key where `value` is None."""
    return edit(lambda content: {**content, "count": value} if value is not None else _without(content, "count"))


def edit(change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Action:
    """Any change of the JSON object that is answered; what is no object stays as it is."""

    def act(answer: Answer) -> Answer:
        if isinstance(answer.content, bytes):
            return answer
        return replace(answer, content=change(answer.content))

    return act


def _without(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != key}
