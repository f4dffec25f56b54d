import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import trustme
from urllib3.connection import HTTPSConnection
from urllib3.util.wait import wait_for_read

from cbr_auditor.cbr.auth import TokenAuth
from cbr_auditor.cbr.client import CbrClient
from cbr_auditor.cbr.listing import Listing
from cbr_auditor.cbr.refusal import read_error
from cbr_auditor.cbr.signature import SignatureAuth
from cbr_auditor.cbr.slots import Slots
from cbr_auditor.cbr.tasks import failure_reasons
from cbr_auditor.clock import Deadline, SystemClock
from cbr_auditor.demo import faults
from cbr_auditor.demo.endpoint import AccessKey, CbrEndpoint
from cbr_auditor.demo.faults import Fault
from cbr_auditor.errors import (
    AccessError,
    AnswerError,
    DeadlineError,
    ListingError,
    NotFoundError,
    SettingsError,
    UnreachableError,
)
from cbr_auditor.http_retry import Patience
from tests.delivery.receivers import scripted
from tests.fakes import PROJECT, FakeClock

TOKEN = "canary-token-3f2a9c"


def row(number: int) -> dict[str, Any]:
    return {
        "id": f"{number:05}",
        "status": "available",
        "created_at": f"2026-11-01T00:{number // 60:02}:{number % 60:02}.000000",
        "children": [],
    }


@pytest.fixture
def endpoint() -> Iterator[CbrEndpoint]:
    with CbrEndpoint([row(number) for number in range(25)], project_id=PROJECT, token=TOKEN) as endpoint:
        yield endpoint


def client_of(endpoint: CbrEndpoint | str, clock: FakeClock, **options: Any) -> CbrClient:
    url = endpoint if isinstance(endpoint, str) else endpoint.url
    fields: dict[str, Any] = {"project_id": PROJECT, "token": TOKEN, "seconds": 840.0, "timeout": 0.5, **options}
    deadline = Deadline(clock, fields.pop("seconds"))
    auth = TokenAuth(fields.pop("token"))
    return CbrClient(url, fields.pop("project_id"), auth, deadline, **fields)


def error_of(client: CbrClient) -> ListingError:
    with pytest.raises(ListingError) as caught:
        client.ask_page(0, {}).take()
    client.close()
    assert TOKEN not in repr(caught.value) + str(caught.value)
    return caught.value


def test_a_page_is_asked_for_as_the_api_wants_it(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    client = client_of(endpoint, clock)
    assert len(client.ask_page(0, {"status": ["available", "error"], "name": ["a&b=c"]}).take().rows) == 0
    client.ask_page(7, {}).take()
    client.close()
    first, second = endpoint.requests
    assert first.path == f"/v3/{PROJECT}/backups"
    assert first.query["status"] == ["available", "error"]
    assert first.query["name"] == ["a&b=c"]
    assert first.query["limit"] == ["1000"]
    assert "offset" not in first.query
    assert second.query["offset"] == ["7"]
    assert first.headers["x-auth-token"] == TOKEN
    assert "gzip" in first.headers["accept-encoding"]


def test_the_listing_reads_all_pages_over_a_socket(clock: FakeClock) -> None:
    rows = [row(number) for number in range(250)]
    with CbrEndpoint(rows, project_id=PROJECT, token=TOKEN, largest_page=40) as endpoint:
        client = client_of(endpoint, clock)
        reader = Listing(lambda offset: client.ask_page(offset, {}))
        ids = [backup.id for page in reader.backups() for backup in page]
        client.close()
    assert ids == [each["id"] for each in rows]
    assert reader.state.ended


def test_a_detail_shows_its_disks(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    endpoint.details["00003"] = {**row(3), "children": [{"id": "d1", "extend_info": {"encrypted": True}}]}
    client = client_of(endpoint, clock)
    backup = client.ask_backup("00003").take()
    assert [disk.encrypted for disk in backup.children or []] == [True]
    with pytest.raises(NotFoundError, match=r"BackupService\.6200"):
        client.ask_backup("gone").take()
    client.close()


PASSING = {
    "429": faults.throttled(),
    "500": faults.status(500, {"error_code": "BackupService.9910", "error_msg": "unknown"}),
    "HTML 502": faults.html502(),
    "503": faults.status(503),
    "504": faults.status(504),
    "reset": faults.reset(),
    "chunked reset": faults.reset(chunked=True),
    "hang-up": faults.hang_up(),
    "chunked hang-up": faults.hang_up(chunked=True),
    "no answer": faults.no_answer(),
    "truncated": faults.truncate(),
    "HTML 200": faults.status(200, b"<html>please log in</html>", {"Content-Type": "text/html"}),
    "slow": faults.slow(2),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_may_pass_is_asked_again(endpoint: CbrEndpoint, clock: FakeClock, name: str) -> None:
    endpoint.faults.append(Fault(PASSING[name], times=2))
    client = client_of(endpoint, clock, timeout=0.2)
    assert len(client.ask_page(0, {}).take().rows) == 25
    client.close()
    assert len(endpoint.requests) == 3
    assert len(clock.slept) == 2
    assert 1 <= clock.slept[0] <= clock.slept[1] < 4


@pytest.mark.parametrize("name", sorted(set(PASSING) - {"slow"}))
def test_what_does_not_pass_is_given_up_after_eight_tries_and_thirty_seconds(
    endpoint: CbrEndpoint, clock: FakeClock, name: str
) -> None:
    endpoint.faults.append(Fault(PASSING[name]))
    error = error_of(client_of(endpoint, clock))
    assert len(endpoint.requests) >= 8
    assert clock.monotonic() >= 30
    assert f"after {len(endpoint.requests)} tries" in str(error)


def test_a_trickling_body_cannot_outlast_the_deadline(endpoint: CbrEndpoint) -> None:
    clock = SystemClock()
    endpoint.faults.append(Fault(faults.trickle(0.1, 100)))
    deadline = Deadline(clock, 1.0)
    client = CbrClient(endpoint.url, PROJECT, TokenAuth(TOKEN), deadline, timeout=0.5)
    with pytest.raises(DeadlineError):
        client.ask_page(0, {}).take()
    client.close()
    assert deadline.left() > 0


@pytest.mark.parametrize("status", [200, 401, 403, 500])
def test_a_token_that_the_server_echoes_reaches_no_text(endpoint: CbrEndpoint, clock: FakeClock, status: int) -> None:
    for body in (
        {"error_code": "X", "error_msg": f"bad token {TOKEN}"},
        f"<pre>{TOKEN}".encode(),
        b"x" * 50 + TOKEN.encode(),
    ):
        endpoint.faults[:] = [Fault(faults.status(status, body))]
        error_of(client_of(endpoint, clock))  # looks for the token itself
        assert TOKEN[:8] not in str(error_of(client_of(endpoint, clock)))


@pytest.mark.parametrize("header", ["X-Request-Id", "Location", "Content-Encoding"])
def test_a_long_token_that_comes_back_in_a_header_reaches_no_text_in_part(
    endpoint: CbrEndpoint, clock: FakeClock, header: str
) -> None:
    token = "MIIF" + "x9" * 1000
    value = f"https://{token}/" if header == "Location" else token
    endpoint.faults.append(Fault(faults.status(403, b"{}", {header: value})))
    assert "x9x9" not in str(error_of(client_of(endpoint, clock, token=token)))


def test_a_long_token_that_comes_back_in_a_status_line_reaches_no_text_in_part(clock: FakeClock) -> None:
    token = "MIIF" + "x9" * 1000

    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"{token} nonsense\r\n\r\n".encode())

    with scripted(answer) as port:
        assert "x9x9" not in str(error_of(client_of(f"http://127.0.0.1:{port}", clock, token=token)))


def test_a_bundle_of_certificates_that_is_missing_is_named(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent.pem")
    assert "REQUESTS_CA_BUNDLE" in str(error_of(client_of("https://localhost:9", clock)))


def test_a_200_that_holds_an_error_says_which(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    body = {"error_code": "BackupService.9910", "error_msg": "unknown error"}
    endpoint.faults.append(Fault(faults.status(200, body)))
    message = str(error_of(client_of(endpoint, clock)))
    assert "BackupService.9910" in message
    assert "unknown error" in message


def test_an_endless_trickle_ends_with_the_deadline(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    def wait(asked: Any) -> None:
        clock.advance(100)

    endpoint.before_request = wait
    endpoint.faults.append(Fault(faults.trickle(0.01, 20)))
    assert isinstance(error_of(client_of(endpoint, clock, seconds=60.0)), DeadlineError)


@pytest.mark.parametrize(("value", "least"), [("7", 7), ("Mon, 23 Nov 2026 06:00:20 GMT", 20), ("soon", 1)])
def test_retry_after_is_honoured_as_seconds_and_as_a_date(
    endpoint: CbrEndpoint, clock: FakeClock, value: str, least: float
) -> None:
    endpoint.faults.append(Fault(faults.throttled(value), times=1))
    client = client_of(endpoint, clock)
    client.ask_page(0, {}).take()
    client.close()
    assert least <= clock.slept[0] <= least + 1


def test_a_wait_that_does_not_fit_the_time_is_not_begun(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    endpoint.faults.append(Fault(faults.throttled("3600")))
    error = error_of(client_of(endpoint, clock))
    assert isinstance(error, DeadlineError)
    assert "429" in str(error)
    assert clock.slept == []


def test_the_time_for_reporting_is_never_used_for_asking(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    endpoint.faults.append(Fault(faults.status(503)))
    error = error_of(client_of(endpoint, clock, seconds=30.0))
    assert isinstance(error, DeadlineError)
    assert clock.monotonic() < 18


def test_a_wrong_token_is_refused_at_once_with_the_mend(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    error = error_of(client_of(endpoint, clock, token="wrong"))
    assert isinstance(error, AccessError)
    for word in ("401", "APIGW.0301", "AUDITOR_TOKEN", "request"):
        assert word in str(error)
    assert len(endpoint.requests) == 1


def test_a_wrong_access_key_is_refused_with_what_to_set_anew(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    endpoint.access_keys["AK"] = AccessKey("right-secret")
    auth = SignatureAuth("AK", "wrong-secret", PROJECT, clock)
    client = CbrClient(endpoint.url, PROJECT, auth, Deadline(clock, 840))
    error = error_of(client)
    client.close()
    assert isinstance(error, AccessError)
    assert "AUDITOR_SECRET_KEY" in str(error)
    assert "wrong-secret" not in str(error)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.no_answer(), "Connection aborted: Remote end closed connection without response, after"),
        (faults.hang_up(), "Connection broken: IncompleteRead("),
        (faults.reset(), "Connection broken: Connection reset by peer, after"),
    ],
)
def test_a_connection_that_broke_is_explained_in_words(
    endpoint: CbrEndpoint, clock: FakeClock, fault: faults.Action, reason: str
) -> None:
    endpoint.faults.append(Fault(fault))
    text = str(error_of(client_of(endpoint, clock)))
    assert f"127.0.0.1 could not be reached: {reason}" in text
    assert "Error(" not in text
    assert "Disconnected(" not in text


def test_a_refused_connection_is_explained_in_words(clock: FakeClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    text = str(error_of(client_of(url, clock)))
    assert text.startswith("127.0.0.1 could not be reached: Connection refused, after 8 tries. ")


def test_another_project_names_the_missing_action(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    error = error_of(client_of(endpoint, clock, project_id="other"))
    assert isinstance(error, AccessError)
    for word in ("403", "BackupService.8600", "cbr:backups:list", "other"):
        assert word in str(error)


def test_a_wrong_path_points_at_region_and_project(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    error = error_of(client_of(f"{endpoint.url}/elsewhere", clock))
    assert isinstance(error, NotFoundError)
    for word in ("404", "APIGW.0101", "AUDITOR_REGION", PROJECT):
        assert word in str(error)


def test_a_redirect_with_a_packed_page_is_refused_as_any_other(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    page = b"<html>" + b" " * 2000
    endpoint.faults.append(Fault(faults.status(302, page, {"Location": "https://login.example.com/"})))
    with pytest.raises(ListingError, match=r"redirect to login\.example\.com"):
        client_of(endpoint, clock).ask_page(0, {}).take()


def test_a_redirect_is_never_followed_with_the_token(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    with CbrEndpoint([], project_id=PROJECT, token=TOKEN) as elsewhere:
        endpoint.faults.append(Fault(faults.redirect(f"{elsewhere.url}/login?{TOKEN}")))
        error = error_of(client_of(endpoint, clock))
        assert elsewhere.requests == []
    assert "redirect to 127.0.0.1" in str(error)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("action", [faults.huge(70 * 2**20), faults.gzip_bomb(70 * 2**20)], ids=["huge", "gzip bomb"])
def test_an_answer_without_measure_is_cut_off(endpoint: CbrEndpoint, clock: FakeClock, action: faults.Action) -> None:
    endpoint.faults.append(Fault(action))
    error = error_of(client_of(endpoint, clock, timeout=5.0))
    assert "64 MiB" in str(error)
    assert len(endpoint.requests) == 1


def test_the_tasks_that_failed_give_their_reasons(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    task = {
        "id": "t1",
        "operation_type": "backup",
        "status": "failed",
        "started_at": "2026-11-20T01:00:00.000000",
        "error_info": {"code": "BackupService.6114", "message": "full\nof it"},
        "extra_info": {"backup": {"backup_id": "b1"}},
    }
    odd = {"extra_info": None, "error_info": {"code": 1}, "operation_type": "backup", "status": "failed"}
    endpoint.tasks = [
        task,
        {**task, "status": "success", "extra_info": {"backup": {"backup_id": "b2"}}},
        {**task, "started_at": "2026-10-01T01:00:00.000000", "extra_info": {"backup": {"backup_id": "b3"}}},
        {**odd, "started_at": "2026-11-20T01:00:00.000000"},
        {**task, "error_info": "nonsense"},
    ]
    client = client_of(endpoint, clock)
    since = clock.now() - timedelta(days=30)
    assert failure_reasons(lambda offset: client.failed_tasks(offset, since)) == {"b1": "BackupService.6114 full of it"}
    endpoint.faults.append(Fault(faults.status(403), match="/v3/"))
    with pytest.raises(AccessError, match="cbr:tasks:list"):
        client.failed_tasks(0, since)
    client.close()


def test_nobody_listening_is_unreachable(clock: FakeClock) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        error = error_of(client_of(f"http://127.0.0.1:{held.getsockname()[1]}", clock))
    assert isinstance(error, UnreachableError)
    assert "refused" in str(error)
    assert clock.monotonic() >= 30


def test_a_name_that_does_not_resolve_says_so(clock: FakeClock) -> None:
    error = error_of(client_of("https://cbr.nowhere.invalid", clock))
    assert isinstance(error, UnreachableError)
    assert "cbr.nowhere.invalid could not be resolved" in str(error)


def test_an_endpoint_that_is_no_host_is_unreachable(clock: FakeClock) -> None:
    error = error_of(client_of("https://" + "\u00fc" * 80 + ".example", clock))
    assert isinstance(error, UnreachableError)


def test_requests_one_after_the_other_use_one_connection(clock: FakeClock) -> None:
    with counting() as (url, connections):
        client = client_of(url, clock)
        for _ in range(3):
            client.ask_page(0, {}).take()
        client.close()
    assert len(connections) == 1


def test_requests_that_are_sent_ahead_are_under_way_together_and_each_has_its_connection(clock: FakeClock) -> None:
    together = threading.Barrier(4)  # passes only if four are in flight
    with counting(together) as (url, connections):
        client = client_of(url, clock, timeout=5.0)
        for _ in range(3):
            asked = [client.ask_page(number, {}) for number in range(4)]
            assert [page.take().count for page in reversed(asked)] == [0] * 4
        client.close()
    assert len(connections) == 4


def test_a_client_sends_ahead_no_more_than_its_share(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    slots = Slots(5)
    clients = [client_of(endpoint, clock, slots=slots) for _ in range(2)]
    asked = [client.ask_page(0, {}) for client in clients for _ in range(6)]
    assert slots.free == 1
    clients[1].close()
    asked += [clients[0].ask_page(0, {}) for _ in range(6)]
    assert slots.free == 0
    clients[0].close()
    assert (slots.free, slots.shares) == (5, 0)


def test_what_is_needed_now_does_not_wait_for_what_was_sent_ahead(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    slots = Slots(2)
    client = client_of(endpoint, clock, slots=slots)
    asked = [client.ask_backup(f"{number:05}") for number in range(3)]
    assert slots.free == 0
    assert len(client.ask_page(0, {}).take().rows) == 25
    assert [backup.take().id for backup in asked] == ["00000", "00001", "00002"]
    assert slots.free == 2
    client.close()


def test_clients_that_share_one_slot_come_to_an_end(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    slots = Slots(1)
    counts = []

    def listed() -> None:
        client = client_of(endpoint, clock, slots=slots, timeout=5.0)
        for _ in range(5):
            asked = [client.ask_backup("00003") for _ in range(3)]
            counts.append(len(client.ask_page(0, {}).take().rows) + len([one.take() for one in asked]))
        client.close()

    threads = [threading.Thread(target=listed) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert counts == [28] * 15
    assert slots.free == 1


def test_what_is_dropped_gives_back_its_slot_and_nobody_gets_its_answer(
    endpoint: CbrEndpoint, clock: FakeClock
) -> None:
    slots = Slots(2)
    client = client_of(endpoint, clock, slots=slots)
    client.ask_backup("00001").drop()
    assert slots.free == 2
    assert client.ask_backup("00002").take().id == "00002"
    client.close()


def test_nothing_more_is_sent_ahead_once_that_failed_until_an_answer_has_come(clock: FakeClock) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        client = client_of(f"http://127.0.0.1:{held.getsockname()[1]}", clock, patience=Patience(1, 0.0))
        first, second = client.ask_page(0, {}), client.ask_page(1, {})
        with pytest.raises(UnreachableError, match="refused"):
            first.take()
    with CbrEndpoint([], project_id=PROJECT, token=TOKEN) as endpoint:
        client._base = f"{endpoint.url}/v3/{PROJECT}"  # somebody listens now
        client._idle.clear()
        assert endpoint.requests == []
        assert second.take().count == 0
        third = client.ask_page(2, {})
        assert client._ahead
        assert third.take().count == 0
        assert len(endpoint.requests) == 2
    client.close()


def test_a_proxy_that_answers_nonsense_is_unreachable(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"SSH-2.0-x\r\n\r\n")

    with scripted(answer) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        error = error_of(client_of("https://cbr.example", clock))
    assert isinstance(error, UnreachableError)
    assert "SSH-2.0-x" in str(error)


def test_requests_that_are_throttled_together_pause_together(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    client = client_of(endpoint, clock, timeout=5.0)
    endpoint.faults.append(Fault(faults.status(429, b"{}"), times=6))
    asked = [client.ask_backup(f"{number:05}") for number in range(6)]
    for request in client._ahead.values():
        assert request.session is not None
        assert request.session._ahead is not None
        assert wait_for_read(request.session._ahead[1].sock, timeout=5.0)
    assert [backup.take().id for backup in asked] == [f"{number:05}" for number in range(6)]
    assert 1.0 <= sum(clock.slept) <= 2.0  # the longest of six pauses of 1 to 2 s
    client.close()


def test_to_look_gives_the_slot_to_others_and_takes_no_pause(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    slots = Slots(1)
    client = client_of(endpoint, clock, slots=slots)
    endpoint.faults.append(Fault(faults.status(429, b"{}"), times=2))
    asked = []
    for number in range(4):
        asked.append(client.ask_backup(f"{number:05}"))
        assert slots.free == 0
        problem = asked[-1].look()
        assert problem is asked[-1].look()  # it is known by now
        assert (problem is not None and problem.passing) == (number < 2)
        assert slots.free == 1
    assert clock.slept == []
    assert [backup.take().id for backup in asked] == [f"{number:05}" for number in range(4)]
    assert 1.0 <= sum(clock.slept) <= 2.0
    assert slots.free == 1
    client.close()


def test_to_look_ends_with_the_time_and_what_had_come_is_read_all_the_same(
    endpoint: CbrEndpoint, clock: FakeClock
) -> None:
    client = client_of(endpoint, clock, timeout=5.0, seconds=100.0)
    asked = [client.ask_backup(f"{number:05}") for number in range(3)]
    assert asked[0].look() is None
    clock.advance(99.0)
    assert isinstance(asked[1].look(), DeadlineError)
    assert asked[0].take().id == "00000"
    for late in asked[1:]:
        with pytest.raises(DeadlineError):
            late.take()
    client.close()


def test_a_pause_that_has_passed_already_is_not_too_long(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    client = client_of(endpoint, clock, timeout=5.0, seconds=20.0)  # 12 s of them for asking
    endpoint.faults.append(Fault(faults.status(429, b"{}", {"Retry-After": "7"}), times=3))
    asked = [client.ask_backup(f"{number:05}") for number in range(3)]
    for backup in asked:
        assert backup.look() is not None
    assert [backup.take().id for backup in asked] == ["00000", "00001", "00002"]
    assert sum(clock.slept) == 7.0
    client.close()


def test_an_answer_that_was_kept_but_cannot_be_read_is_asked_for_again(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    client = client_of(endpoint, clock)
    endpoint.faults.append(Fault(faults.status(200, b"<html>"), times=1))
    backup = client.ask_backup("00001")
    assert backup.look() is None
    assert backup.take().id == "00001"
    assert len(clock.slept) == 1
    client.close()


def test_an_answer_that_does_not_come_is_asked_for_again(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    client = client_of(endpoint, clock)
    endpoint.faults.append(Fault(faults.reset(), times=2))
    asked = [client.ask_backup(f"{number:05}") for number in range(5)]
    assert [backup.take().id for backup in asked] == [f"{number:05}" for number in range(5)]
    assert len(endpoint.requests) == 7
    client.close()


def test_a_connection_that_the_server_closed_meanwhile_is_opened_anew(clock: FakeClock) -> None:
    closed = threading.Semaphore(0)
    with counting(closed=closed) as (url, connections):
        client = client_of(url, clock)
        for _ in range(3):
            assert client.ask_page(0, {}).take().count == 0
            assert closed.acquire(timeout=5)
        assert clock.slept == []
        client.close()
    assert len(connections) == 3


class EmptyList(BaseHTTPRequestHandler):
    """A project without a backup."""

    def do_GET(self) -> None:
        body = b'{"backups":[],"count":0}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the base class's name
        pass


@contextmanager
def counting(
    together: threading.Barrier | None = None, *, closed: threading.Semaphore | None = None
) -> Iterator[tuple[str, list[Any]]]:
    """A server that keeps connections open and lists them; it answers once so many requests have come `together`.

    With `closed` it closes each behind an answer without a word of warning, and tells so.
    """
    connections = []

    class Handler(EmptyList):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            connections.append(self.client_address)
            super().setup()

        def do_GET(self) -> None:
            if together is not None:
                together.wait(5)
            super().do_GET()
            self.close_connection = closed is not None

    class Server(ThreadingHTTPServer):
        def shutdown_request(self, request: Any) -> None:
            super().shutdown_request(request)
            if closed is not None:
                closed.release()

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", connections
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def tls_server(tmp_path: Any) -> Iterator[tuple[str, str]]:
    """An HTTPS server with a certificate of a private authority: its address and the authority's file."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))

    class KeptOpen(EmptyList):
        protocol_version = "HTTP/1.1"

    server = ThreadingHTTPServer(("127.0.0.1", 0), KeptOpen)
    server.handle_error = lambda *arguments: None  # type: ignore[method-assign]  # a refused handshake is wanted here
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}", str(file)
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(
    tls_server: tuple[str, str], clock: FakeClock
) -> None:
    error = error_of(client_of(tls_server[0], clock, timeout=5.0))
    assert isinstance(error, UnreachableError)
    assert "no certificate that can be trusted" in str(error)
    assert "AUDITOR_CA_FILE" in str(error)
    assert clock.slept == []


def test_a_private_authority_is_trusted_where_set(
    tls_server: tuple[str, str], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
    client = client_of(tls_server[0], clock, ca_file=tls_server[1], timeout=5.0)
    assert client.ask_page(0, {}).take().count == 0
    client.close()


def test_over_tls_connections_are_kept_and_requests_sent_ahead_too(
    tls_server: tuple[str, str], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = []
    connect = HTTPSConnection.connect

    def count(connection: HTTPSConnection) -> None:
        connected.append(connection)
        connect(connection)

    monkeypatch.setattr(HTTPSConnection, "connect", count)
    client = client_of(tls_server[0], clock, ca_file=tls_server[1], timeout=5.0)
    for _ in range(3):
        asked = [client.ask_page(number, {}) for number in range(4)]
        assert [page.take().count for page in asked] == [0] * 4
    client.close()
    assert len(connected) == 4


@pytest.mark.parametrize("token", ["a b", "a\nb", "tökën", "a\x00"])
def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(SettingsError) as caught:
        TokenAuth(token)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error_code":"BackupService.6500","error_msg":"gone"}', ("BackupService.6500", "gone", "")),
        (b'{"error_msg":"no","error_code":"APIGW.0301","request_id":"r1"}\n', ("APIGW.0301", "no", "r1")),
        (b'{"unauthorized":{"code":"401","message":"Malformed request url"}}', ("401", "Malformed request url", "")),
        (b'{"error":{"code":401,"message":"bad token","title":"Unauthorized"}}', ("401", "bad token", "")),
        (b"<html>", ("", "", "")),
        (b"[]", ("", "", "")),
        (b'{"a":{"b":1}}', ("", "", "")),
        (b"", ("", "", "")),
        (b"[" * 100_000, ("", "", "")),
    ],
)
def test_the_four_shapes_of_errors_are_read(body: bytes, expected: tuple[str, str, str]) -> None:
    assert read_error(body) == expected


def test_an_errors_text_stays_on_one_short_line(endpoint: CbrEndpoint, clock: FakeClock) -> None:
    body = {"error_code": "X\x1b[31m", "error_msg": "a\nb\u202e" + "c" * 5000}
    endpoint.faults.append(Fault(faults.status(400, body)))
    message = str(error_of(client_of(endpoint, clock)))
    assert message.isprintable()
    assert len(message) < 600


def test_no_request_is_logged_with_its_token(
    endpoint: CbrEndpoint, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = client_of(endpoint, clock)
    client.ask_page(0, {}).take()
    client.close()
    assert TOKEN not in caplog.text


def test_an_answer_error_may_pass_and_names_the_endpoint() -> None:
    assert AnswerError("x").passing
    assert "CBR" in AnswerError("x").mend
