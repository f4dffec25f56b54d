"""Real receivers on loopback: mail relays with TLS and login, and webhooks."""

import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from cbr_auditor.clock import Deadline
from cbr_auditor.render import Renderer
from cbr_auditor.settings import Settings, load_settings
from tests.delivery.receivers import Receiver, Relay
from tests.fakes import FakeClock


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="session")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", "::1").configure_cert(context)
    return context


@pytest.fixture
def relay(server_context: ssl.SSLContext) -> Iterator[Callable[..., Relay]]:
    """Starts relays: `relay(security="tls", handler=...)`."""
    running: list[Relay] = []

    def start(**options: object) -> Relay:
        running.append(Relay(server_context, **options))  # type: ignore[arg-type]  # passed through as they are
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    one.start()
    yield one
    one.stop()


@pytest.fixture
def secure_receiver(server_context: ssl.SSLContext) -> Iterator[Receiver]:
    one = Receiver(server_context)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def mail_settings(ca_file: Path) -> Callable[..., Settings]:
    """Settings of a mail to a relay on loopback; keywords are settings by name, None leaves one out."""

    def make(port: int, **changes: object) -> Settings:
        values: dict[str, object] = {
            "smtp_host": "127.0.0.1",
            "smtp_port": port,
            "smtp_username": "auditor",
            "smtp_password": "correct-horse-battery",
            "mail_from": "audit@example.com",
            "mail_to": "ops@example.com",
            "ca_file": ca_file,
            **changes,
        }
        return load_settings(
            {f"AUDITOR_{name.upper()}": str(value) for name, value in values.items() if value is not None}
        )

    return make


@pytest.fixture
def deadline(clock: FakeClock) -> Deadline:
    return Deadline(clock, 30.0)


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(None)


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """What `npm ci` puts beside tests/npm/package.json."""
    folder = Path(__file__).parent.parent / "npm" / "node_modules"
    assert folder.is_dir(), "run npm ci in tests/npm"
    return folder


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Every record of every logger, down to what libraries write for debugging."""
    caplog.set_level(logging.DEBUG)
    return caplog
