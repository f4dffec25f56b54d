"""What a request must still have although `requests` prepares it once: seen on the wire, by a server on loopback."""

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from cbr_auditor.cbr.auth import TokenAuth
from cbr_auditor.demo import faults
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Fault
from cbr_auditor.http_session import HostSession
from tests.delivery.receivers import scripted
from tests.fakes import PROJECT

TOKEN = "canary-token-3f2a9c"
TIMEOUT = (5.0, 5.0)


@pytest.fixture
def endpoint() -> Iterator[CbrEndpoint]:
    with CbrEndpoint([], project_id=PROJECT, token=TOKEN) as endpoint:
        yield endpoint


def session_of(base: str, ca_file: str | None = None, auth: requests.auth.AuthBase | None = None) -> HostSession:
    return HostSession(base, auth or TokenAuth(TOKEN), {"User-Agent": "test", "Accept-Encoding": "gzip"}, ca_file)


def base_of(endpoint: CbrEndpoint) -> str:
    return f"{endpoint.url}/v3/{PROJECT}"


class SentError(Exception):
    """Raised instead of sending; holds what was to be sent."""


class Unsent(HostSession):
    """Sends nothing."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._adapter.send = self._caught  # type: ignore[assignment,method-assign]

    def _caught(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        raise SentError(request, options)


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
VALUES = st.one_of(WORDS, st.integers(0, 10**6), st.lists(WORDS, max_size=3))


@given(ident=WORDS.filter(lambda word: word not in {".", ".."}), query=st.dictionaries(WORDS, VALUES, max_size=4))
def test_the_address_is_what_requests_would_ask_for(ident: str, query: dict[str, Any]) -> None:
    base = "https://cbr.eu-de.otc.t-systems.com/v3/p%20q"
    path = f"/backups/{quote(ident, safe='')}"
    with closing(Unsent(base, TokenAuth(TOKEN), {}, None)) as session, pytest.raises(SentError) as sent:
        session.ask(path, query, TIMEOUT)
    expected = requests.Request("GET", base + path, params=query).prepare()
    assert sent.value.args[0].url == expected.url


def test_a_host_in_another_script_and_an_odd_project_are_asked_as_requests_would() -> None:
    base = "https://sicherung.bücher.example/v3/a b"
    with closing(Unsent(base, TokenAuth(TOKEN), {}, None)) as session, pytest.raises(SentError) as sent:
        session.ask("/backups", {"limit": 1}, TIMEOUT)
    assert sent.value.args[0].url == "https://sicherung.xn--bcher-kva.example/v3/a%20b/backups?limit=1"


def test_the_headers_are_those_of_requests_and_our_own(endpoint: CbrEndpoint) -> None:
    with closing(session_of(base_of(endpoint))) as session:
        assert session.ask("/backups", {}, TIMEOUT).status_code == 200
    headers = endpoint.requests[0].headers
    assert headers["user-agent"] == "test"
    assert headers["accept-encoding"] == "gzip"
    assert headers["connection"] == "keep-alive"
    assert headers["x-auth-token"] == TOKEN


def test_each_request_is_signed_in_and_hooked_anew(endpoint: CbrEndpoint) -> None:
    class Counting(requests.auth.AuthBase):
        asked = 0
        answered = 0

        def __call__(self, request: Any) -> Any:
            Counting.asked += 1
            request.headers[f"X-Try-{Counting.asked}"] = "1"
            request.register_hook("response", self.count)
            return request

        def count(self, response: requests.Response, **options: Any) -> requests.Response:
            Counting.answered += 1
            return response

    with closing(session_of(base_of(endpoint), auth=Counting())) as session:
        assert Counting.asked == 0
        for _ in range(3):
            session.ask("/backups", {}, TIMEOUT).close()
    assert (Counting.asked, Counting.answered) == (3, 3)
    assert "x-try-1" not in endpoint.requests[1].headers


def test_a_cookie_goes_back_to_its_host(endpoint: CbrEndpoint) -> None:
    """Gateways keep a client with one server by a cookie."""
    endpoint.faults.append(Fault(faults.status(200, b"{}", {"Set-Cookie": "lane=7; Path=/"}), times=1))
    with closing(session_of(base_of(endpoint))) as session:
        for _ in range(3):
            assert session.ask("/backups", {}, TIMEOUT).content
    assert [request.headers.get("cookie") for request in endpoint.requests] == [None, "lane=7", "lane=7"]


def test_a_request_that_is_sent_ahead_is_sent_once_and_answered_when_asked(endpoint: CbrEndpoint) -> None:
    with closing(session_of(base_of(endpoint))) as session:
        for number in range(3):
            session.send_ahead("/backups", {"limit": number + 1}, 5.0)
            assert session.ask("/backups", {"limit": number + 1}, TIMEOUT).content
            assert session.ask("/backups", {"offset": number}, TIMEOUT).content
    asked = [request.query for request in endpoint.requests]
    assert asked == [
        {name: [str(number + plus)]} for number in range(3) for name, plus in (("limit", 1), ("offset", 0))
    ]


def test_a_request_that_is_sent_ahead_shows_what_any_other_shows(endpoint: CbrEndpoint) -> None:
    endpoint.faults.append(Fault(faults.status(200, b"{}", {"Set-Cookie": "lane=7; Path=/"}), times=1))
    with closing(session_of(base_of(endpoint))) as session:
        assert session.ask("/backups", {}, TIMEOUT).content
        assert session.ask("/backups", {}, TIMEOUT).content
        session.send_ahead("/backups", {}, 5.0)
        assert session.ask("/backups", {}, TIMEOUT).content
    assert dict(endpoint.requests[2].headers) == dict(endpoint.requests[1].headers)


def test_an_answer_to_another_request_is_never_taken(endpoint: CbrEndpoint) -> None:
    with closing(session_of(base_of(endpoint))) as session:
        session.send_ahead("/backups", {"limit": 1}, 5.0)
        session._ahead = None
        assert session.ask("/vaults", {}, TIMEOUT).json()["vaults"] == []


def test_what_cannot_be_sent_ahead_is_sent_in_turn_and_explained_then(closed_proxy: str) -> None:
    with closing(session_of(closed_proxy)) as session:
        assert not session.send_ahead("/backups", {}, 5.0)
        with pytest.raises(requests.ConnectionError, match="refused"):
            session.ask("/backups", {}, TIMEOUT)


def test_any_kind_of_connection_can_send_ahead(endpoint: CbrEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a SOCKS proxy, say, urllib3 connects by a class of its own."""
    made = []

    class Other(HTTPConnection):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            made.append(self)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(HTTPConnectionPool, "ConnectionCls", Other)
    with closing(session_of(base_of(endpoint))) as session:
        assert session.send_ahead("/backups", {}, 5.0)
        assert session.ask("/backups", {}, TIMEOUT).status_code == 200
    assert len(made) == 1


def test_netrc_gives_nothing_away(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login root password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with (
        closing(Unsent("https://cbr.example/v3/p", TokenAuth(TOKEN), {}, None)) as session,
        pytest.raises(SentError) as sent,
    ):
        session.ask("/backups", {}, TIMEOUT)
    assert "Authorization" not in sent.value.args[0].headers


def test_a_redirect_is_not_followed(endpoint: CbrEndpoint) -> None:
    endpoint.faults.append(Fault(faults.redirect(f"{endpoint.url}/elsewhere")))
    with closing(session_of(base_of(endpoint))) as session:
        assert session.ask("/backups", {}, TIMEOUT).is_redirect
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "Unable to connect to proxy"),
        (b"SSH-2.0-x\r\n\r\n", "SSH-2.0-x"),
        (b"HTTP/1.1 200 " + b"x" * 70_000, "line"),
        (b"", "Remote end closed"),
    ],
)
def test_https_goes_through_the_proxy_of_the_environment_without_the_token(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, said: str
) -> None:
    heard = []

    def refuse(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(answer)

    with scripted(refuse) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with closing(session_of("https://cbr.example/v3/p")) as session:
            assert not session.send_ahead("/backups", {}, 5.0)
            with pytest.raises(requests.ConnectionError, match=said):
                session.ask("/backups", {}, TIMEOUT)
    assert heard[0].startswith(b"CONNECT cbr.example:443 ")
    assert TOKEN.encode() not in b"".join(heard)


def test_a_host_without_a_proxy_is_asked_itself(monkeypatch: pytest.MonkeyPatch, closed_proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", closed_proxy)
    monkeypatch.setenv("NO_PROXY", "cbr.example")
    with (
        closing(Unsent("https://cbr.example/v3/p", TokenAuth(TOKEN), {}, None)) as session,
        pytest.raises(SentError) as sent,
    ):
        session.ask("/backups", {}, TIMEOUT)
    assert "https" not in sent.value.args[1]["proxies"]


def test_loopback_is_never_asked_through_a_proxy(
    endpoint: CbrEndpoint, monkeypatch: pytest.MonkeyPatch, closed_proxy: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, closed_proxy)
    with closing(session_of(base_of(endpoint))) as session:
        assert session.ask("/backups", {}, TIMEOUT).status_code == 200


@pytest.fixture
def closed_proxy() -> Iterator[str]:
    """The address of a proxy that refuses every connection."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.parametrize(
    ("bundle", "ca_file", "expected"),
    [(None, None, True), ("/bundle.pem", None, "/bundle.pem"), ("/bundle.pem", "/own.pem", "/own.pem")],
)
def test_our_own_authorities_win_over_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, bundle: str | None, ca_file: str | None, expected: Any
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    if bundle:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
    session = Unsent("https://cbr.example/v3/p", TokenAuth(TOKEN), {}, ca_file)
    with closing(session), pytest.raises(SentError) as sent:
        session.ask("/backups", {}, TIMEOUT)
    assert sent.value.args[1]["verify"] == expected
