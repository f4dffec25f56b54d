"""The embedded CBR endpoint: a real HTTP/1.1 server on loopback that answers as the API does.

Shapes of answers and errors: recorded bodies and the CBR API's appendix "Error Codes"; the texts of the gateway are
recorded. What it answers is in `query` and `inventory_query`, how it can be made to fail in `faults`.
"""

import contextlib
import gzip
import hmac
import re
import socket
import struct
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, final
from urllib.parse import parse_qs, unquote, urlsplit

from cbr_auditor.cbr.signature import ALGORITHM, sign
from cbr_auditor.demo.answer import Answer, Ending, cbr_error, gateway_error
from cbr_auditor.demo.faults import Asked, Fault
from cbr_auditor.demo.inventory_query import list_policies, list_tasks, list_vaults, percent_used
from cbr_auditor.demo.parameters import RefusedError, fields_of
from cbr_auditor.demo.query import list_backups

_PROJECT = r"/v3/(?P<project_id>[^/]+)"
_ID = r"(?P<id>[^/]+)"
_LEAST_PACKED = 512  # bytes; shorter answers are not worth compressing
_RST_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends RST


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What belongs to an access key; a temporary one has a security token, which must be sent and signed."""

    secret: str
    security_token: str | None = None


@final
class CbrEndpoint:
    """CBR for one project, with the backups that it is given, and vaults, policies and tasks; a context manager.

    A row of `backups` is a dict as the list shows it, or `RawJson`, or anything else that JSON has. `details` holds
    what `GET /backups/{id}` shows of a backup, None where it is to be gone (404); without an entry it shows the row.
    A page has at most `largest_page` rows.
    """

    def __init__(
        self,
        backups: Sequence[Any],
        *,
        project_id: str,
        token: str,
        details: Mapping[str, Any] | None = None,
        largest_page: int = 1000,
    ) -> None:
        self.backups = list(backups)
        """The rows; change them under `lock`."""
        self.details = dict(details or {})
        self.vaults: list[Any] = []
        """What `GET /vaults` lists."""
        self.policies: list[Any] = []
        """What `GET /policies` lists."""
        self.tasks: list[Any] = []
        """What `GET /operation-logs` lists."""
        self.used_percent: dict[str, int] = {}
        """How full a vault is that is not among `vaults`, by its id, for the filter of that name; 0 where not said."""
        self.access_keys: dict[str, AccessKey] = {}
        """Who may sign instead of showing a token, by the access key."""
        self.faults: list[Fault] = []
        self.before_request: Callable[[Asked], None] | None = None
        """Called before each answer is made, in the thread that answers."""
        self.lock = threading.RLock()
        self._project_id = project_id
        self._token = token
        self._largest_page = largest_page
        self._requests: list[Asked] = []
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="cbr-endpoint")
        self._thread.daemon = True
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def requests(self) -> list[Asked]:
        """What was asked so far, in the order of arrival."""
        with self.lock:
            return list(self._requests)

    def close(self) -> None:
        """Cut every connection, those that wait included, and stop. May be called again."""
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "CbrEndpoint":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; what `before_request`, a fault or a row that is no JSON raised, and no client sees, is raised here."""
        self.close()
        if problem is None and self._server.defects:
            raise self._server.defects[0]

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> Answer:
        """Answer one request: the hook, then CBR, then the first fault that concerns it."""
        url = urlsplit(target)
        query = parse_qs(url.query, keep_blank_values=True)
        with self.lock:
            asked = Asked(len(self._requests) + 1, method, url.path, query, headers, target)
            self._requests.append(asked)
        if self.before_request is not None:
            self.before_request(asked)
        with self.lock:
            answer = self._cbr(asked)
            fault = next((fault for fault in self.faults if fault.concerns(asked)), None)
            if fault is None:
                return answer
            fault.done += 1
            return fault.action(answer)

    def _cbr(self, asked: Asked) -> Answer:
        """What the gateway and CBR say; the gateway knows its APIs before it looks at the token."""
        for method, pattern, handler in self._routes:
            match = re.fullmatch(pattern, asked.path)
            if match is None or asked.method != method:
                continue
            if not self._is_authorised(asked):
                return gateway_error(401, "APIGW.0301", "Incorrect IAM authentication information: Unauthorized")
            if match["project_id"] != self._project_id:
                return cbr_error(403, 8600, "Not authenticated.")
            try:
                return handler(self, asked, match)
            except RefusedError as problem:
                return problem.answer
        text = "The API does not exist or has not been published in the environment"
        return gateway_error(404, "APIGW.0101", text)

    def _is_authorised(self, asked: Asked) -> bool:
        """Whether the token is right or, where there is none, the signature of an access key that is known."""
        signed = re.fullmatch(
            rf"{ALGORITHM} Access=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{{64}})",
            asked.headers.get("authorization", ""),
        )
        if signed is None:
            return asked.headers.get("x-auth-token") == self._token
        key = self.access_keys.get(signed[1])
        names = signed[2].split(";")
        if key is None or "x-sdk-date" not in names or any(name not in asked.headers for name in names):
            return False
        headers = {name: asked.headers[name] for name in names}
        expected = sign(asked.method, f"{self.url}{asked.target}", headers, b"", key.secret)
        return hmac.compare_digest(signed[3], expected) and headers.get("x-security-token") == key.security_token

    def _list(self, asked: Asked, _: re.Match[str]) -> Answer:
        return list_backups(
            self.backups,
            asked.query,
            project_id=self._project_id,
            largest_page=self._largest_page,
            used_percent={**self.used_percent, **self._percent_used()},
        )

    def _percent_used(self) -> dict[str, int]:
        percents = {str(fields_of(vault).get("id")): percent_used(vault) for vault in self.vaults}
        return {ident: percent for ident, percent in percents.items() if percent is not None}

    def _show(self, _: Asked, match: re.Match[str]) -> Answer:
        ident = unquote(match["id"])
        detail = self.details[ident] if ident in self.details else _find(self.backups, ident)
        if detail is None:
            return cbr_error(404, 6200, "The backup does not exist.")
        return Answer(200, {"backup": detail})

    def _vaults(self, asked: Asked, _: re.Match[str]) -> Answer:
        return list_vaults(self.vaults, asked.query, policies=self.policies, largest_page=self._largest_page)

    def _vault(self, _: Asked, match: re.Match[str]) -> Answer:
        vault = _find(self.vaults, unquote(match["id"]))
        return cbr_error(404, 6105, "The vault does not exist.") if vault is None else Answer(200, {"vault": vault})

    def _policies(self, asked: Asked, _: re.Match[str]) -> Answer:
        return list_policies(self.policies, asked.query)

    def _policy(self, _: Asked, match: re.Match[str]) -> Answer:
        policy = _find(self.policies, unquote(match["id"]))
        return cbr_error(404, 6000, "The policy does not exist.") if policy is None else Answer(200, {"policy": policy})

    def _tasks(self, asked: Asked, _: re.Match[str]) -> Answer:
        return list_tasks(self.tasks, asked.query, largest_page=self._largest_page)

    def _task(self, _: Asked, match: re.Match[str]) -> Answer:
        task = _find(self.tasks, unquote(match["id"]))
        if task is None:
            return cbr_error(404, 6500, "Operation log does not exist.")
        return Answer(200, {"operation_log": task})

    _routes: ClassVar[tuple[tuple[str, str, Callable[["CbrEndpoint", Asked, re.Match[str]], Answer]], ...]] = (
        ("GET", rf"{_PROJECT}/backups", _list),
        ("GET", rf"{_PROJECT}/backups/{_ID}", _show),
        ("GET", rf"{_PROJECT}/vaults", _vaults),
        ("GET", rf"{_PROJECT}/vaults/{_ID}", _vault),
        ("GET", rf"{_PROJECT}/policies", _policies),
        ("GET", rf"{_PROJECT}/policies/{_ID}", _policy),
        ("GET", rf"{_PROJECT}/operation-logs", _tasks),
        ("GET", rf"{_PROJECT}/operation-logs/{_ID}", _task),
    )


def _find(rows: Sequence[Any], ident: str) -> Any:
    """The row with this id; None where there is none."""
    return next((row for row in rows if fields_of(row).get("id") == ident), None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, endpoint: CbrEndpoint) -> None:
        self.endpoint = endpoint
        self.closing = threading.Event()
        self.defects: list[BaseException] = []
        self._open: dict[socket.socket, threading.Thread] = {}
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve each connection in a thread that is known before it starts, so that closing misses none."""
        thread = threading.Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._guard:
            self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close at once: a shutdown in front would send FIN where RST is wanted."""
        self.close_request(request)
        with self._guard:
            self._open.pop(request, None)

    def close_connections(self) -> None:
        """Wake every thread that waits, for a request or on purpose, and see it end."""
        self.closing.set()
        with self._guard:
            waiting = dict(self._open)
        for connection, thread in waiting.items():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    def handle_error(self, *_: Any) -> None:
        """Keep what is not a client that went away, which is usual here, until the endpoint closes."""
        problem = sys.exc_info()[1]
        if problem is not None and not isinstance(problem, ConnectionError):
            self.defects.append(problem)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        """Stay quiet."""

    def _respond(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.endpoint.answer(self.command, self.path, headers)
        if self.server.closing.wait(answer.delay) or answer.ending is Ending.SILENT:
            self.close_connection = True
            return
        self._send(answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _respond  # noqa: N815  # the base class calls these

    def version_string(self) -> str:
        return "api-gateway"

    def _send(self, answer: Answer) -> None:
        headers = {"Content-Type": "application/json", "X-Request-Id": uuid.uuid4().hex, **answer.headers}
        body = answer.body
        wanted = "gzip" in self.headers.get("Accept-Encoding", "")
        if wanted and "Content-Encoding" not in headers and len(body) >= _LEAST_PACKED:
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        if answer.chunked:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = str(len(body))
        whole = answer.ending is Ending.KEEP
        self.send_response_only(answer.status)
        for name, value in {"Server": self.version_string(), "Date": self.date_time_string(), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self._send_body(replace(answer, content=body if whole else body[: len(body) // 2]))
        if whole and answer.chunked:
            self.wfile.write(b"0\r\n\r\n")
        if not whole:
            self.close_connection = True
        if answer.ending is Ending.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)

    def _send_body(self, answer: Answer) -> None:
        size = -(-len(answer.body) // answer.pieces) or 1
        for start in range(0, len(answer.body), size):
            piece = answer.body[start : start + size]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if answer.chunked else piece)
            if answer.drip and self.server.closing.wait(answer.drip):
                self.close_connection = True
                return
