"""What listens on loopback in these tests: aiosmtpd relays, and webhooks that answer as they are told."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = b"correct-horse-battery"


class Mailbox:
    """A handler that keeps what it takes. `answers` holds the answers to RCPT, each used until only one is left."""

    def __init__(self, answers: dict[str, list[str]] | None = None) -> None:
        self.answers = answers or {}
        self.envelopes: list[Envelope] = []
        self.greetings: list[str] = []

    async def handle_EHLO(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.greetings.append(hostname)
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answers = self.answers.get(address, ["250 OK"])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        self.envelopes.append(envelope)
        return "250 OK"

    @property
    def raw(self) -> list[bytes]:
        return [envelope.original_content or b"" for envelope in self.envelopes]

    @property
    def mails(self) -> list[EmailMessage]:
        return [BytesParser(policy=default).parsebytes(raw) for raw in self.raw]


class Relay:
    """A mail relay on loopback with its handler."""

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        security: str = "starttls",
        handler: Any = None,
        login: bool = True,
        host: str = "127.0.0.1",
        **options: Any,
    ) -> None:
        self.mailbox: Mailbox = handler or Mailbox()
        self.logins: list[LoginPassword] = []
        self.refusal: AuthResult | None = None
        """What every login is answered where it is set."""
        if security == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        if login:
            options["authenticator"] = self._authenticate
        if security == "starttls":
            options["auth_required"] = login
        else:
            # aiosmtpd knows of no TLS but what STARTTLS began.
            options["auth_require_tls"] = False
        if security == "tls":
            options["ssl_context"] = context
        options["server_hostname"] = "relay.test"
        self._controller = Controller(self.mailbox, hostname=host, port=free_port(host), **options)
        self._controller.start()
        self.port: int = self._controller.port

    def stop(self) -> None:
        if not self._controller.loop.is_closed():  # a test may have stopped it already
            self._controller.stop()

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.logins.append(data)
        if self.refusal is not None:
            return self.refusal
        return AuthResult(success=data.password == PASSWORD, handled=False)


def free_port(host: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def scripted(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where `script` speaks with whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        script(connection)
                    except OSError:
                        continue

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@dataclass(slots=True)
class Answer:
    """What a webhook answers."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    reset: bool = False
    """Read the request, then break the connection off."""


@dataclass(slots=True)
class Request:
    """What a webhook got."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A webhook that gives its answers one after the other, the last one for ever."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.answers = [Answer()]
        self.requests: list[Request] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append(Request(self.path, dict(self.headers.items()), body))
                answers = receiver.answers
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                time.sleep(answer.delay)
                if answer.reset:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(answer.body)
                except OSError:
                    return

            def log_message(self, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.scheme = "https" if context else "http"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def url(self, path: str = "/services/T0123/B4567/xyzzySECRETplugh?sig=querySECRET99") -> str:
        return f"{self.scheme}://127.0.0.1:{self._server.server_port}{path}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
