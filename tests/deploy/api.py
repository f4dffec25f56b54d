"""An HTTP server on loopback that knows who may ask: a token, or the signature of an access key."""

import hmac
import json
import re
import threading
from abc import abstractmethod
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from cbr_auditor.cbr.signature import ALGORITHM, sign
from tests.deploy.bodies import RefusedError

T = TypeVar("T", bound="Api")


class Answer(NamedTuple):
    status: int
    content: Any = None
    error_code: str | None = None
    """Of a function that failed: the header X-Func-Err-Code."""


class Asked(NamedTuple):
    method: str
    path: str
    body: Any


class Api:
    """A context manager; `failures` are answered once each, in place of what would be."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.access_keys: dict[str, str] = {}
        self.failures: list[tuple[str, str, Answer]] = []
        self.requests: list[Asked] = []
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self: T) -> T:  # noqa: PYI019  # Python 3.10 has no Self
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(self, method: str, path: str, code: str, text: str, status: int = 400) -> None:
        """Answer the next such request, of those whose path ends like this, with an error."""
        self.failures.append((method, path, Answer(status, {"error_code": code, "error_msg": text})))

    def changes(self) -> list[Asked]:
        return [asked for asked in self.requests if asked.method != "GET"]

    def answer(self, method: str, target: str, headers: dict[str, str], payload: bytes) -> Answer:
        with self._lock:
            if not self._is_authorised(method, target, headers, payload):
                return Answer(
                    401, {"error_code": "APIGW.0301", "error_msg": "Incorrect IAM authentication information"}
                )
            url = urlsplit(target)
            path = unquote(url.path)
            body = json.loads(payload) if payload else None
            self.requests.append(Asked(method, path, body))
            for failure in self.failures:
                if failure[0] == method and path.endswith(failure[1]):
                    self.failures.remove(failure)
                    return failure[2]
            try:
                return self.route(method, path, parse_qs(url.query), body)
            except RefusedError as problem:
                return Answer(problem.status, {"error_code": problem.code, "error_msg": problem.text})

    @abstractmethod
    def route(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer: ...

    def _is_authorised(self, method: str, target: str, headers: dict[str, str], payload: bytes) -> bool:
        pattern = rf"{ALGORITHM} Access=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{{64}})"
        signed = re.fullmatch(pattern, headers.get("authorization", ""))
        if signed is None:
            return headers.get("x-auth-token") == self.token
        names = signed[2].split(";")
        secret = self.access_keys.get(signed[1])
        if secret is None or "x-sdk-date" not in names or "host" not in names or set(names) - headers.keys():
            return False
        expected = sign(method, f"{self.url}{target}", {name: headers[name] for name in names}, payload, secret)
        return hmac.compare_digest(signed[3], expected)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: Api) -> None:
        self.api = api
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class names it so
        pass

    def _respond(self) -> None:
        payload = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.api.answer(self.command, self.path, headers, payload)
        body = b"" if answer.content is None else json.dumps(answer.content).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Request-Id", "4f1c")
        if answer.error_code is not None:
            self.send_header("X-Func-Err-Code", answer.error_code)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815  # the base class calls these
