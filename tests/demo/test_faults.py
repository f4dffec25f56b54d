import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from cbr_auditor.demo import faults
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Fault
from tests.demo.conftest import TOKEN, Caller, row
from tests.fakes import PROJECT

LIST = f"/v3/{PROJECT}/backups"


@contextmanager
def raw_answer(endpoint: CbrEndpoint, *, accept: str = "identity") -> Iterator[http.client.HTTPResponse]:
    """An answer without a client library between it and the test."""
    host, port = endpoint.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    try:
        connection.request("GET", LIST, headers={"X-Auth-Token": TOKEN, "Accept-Encoding": accept})
        yield connection.getresponse()
    finally:
        connection.close()


def test_a_fault_is_done_as_often_as_it_says(endpoint: CbrEndpoint, caller: Caller) -> None:
    fault = Fault(faults.status(503), times=2)
    endpoint.faults = [fault]
    assert [caller.get().status_code for _ in range(4)] == [503, 503, 200, 200]
    assert fault.done == 2


def test_a_fault_without_a_number_is_done_for_ever(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [Fault(faults.status(503))]
    assert {caller.get().status_code for _ in range(5)} == {503}


def test_a_fault_concerns_what_it_matches(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [
        Fault(faults.status(500), match=lambda asked: asked.offset == 10),
        Fault(faults.status(501), match=f"{LIST}/id-0001"),
    ]
    paths = ("/backups", "/backups?offset=10", "/backups/id-0000", "/backups/id-0001")
    assert [caller.get(path).status_code for path in paths] == [200, 500, 200, 501]


def test_the_first_fault_that_is_not_used_up_wins(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [Fault(faults.status(500), times=1), Fault(faults.status(501), times=1)]
    assert [caller.get().status_code for _ in range(3)] == [500, 501, 200]


def test_a_status_comes_with_any_body_and_headers(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [Fault(faults.status(418, {"error_code": "X", "error_msg": "no"}, {"X-Request-Id": "r"}))]
    answer = caller.get()
    assert (answer.status_code, answer.json()) == (418, {"error_code": "X", "error_msg": "no"})
    assert answer.headers["X-Request-Id"] == "r"


@pytest.mark.parametrize("retry_after", [None, "3"])
def test_throttling_is_the_gateways_429(endpoint: CbrEndpoint, caller: Caller, retry_after: str | None) -> None:
    endpoint.faults = [Fault(faults.throttled(retry_after))]
    answer = caller.get()
    assert (answer.status_code, answer.json()["error_code"]) == (429, "APIG.0308")
    assert answer.headers.get("Retry-After") == retry_after


def test_a_bad_gateway_answers_html(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [Fault(faults.html502())]
    answer = caller.get()
    assert answer.status_code == 502
    assert answer.headers["Content-Type"] == "text/html"
    assert "<h1>502 Bad Gateway</h1>" in answer.text


def test_a_redirect_points_elsewhere(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [Fault(faults.redirect("http://login.example/"))]
    answer = caller.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://login.example/")


def test_a_reset_comes_in_the_middle_of_the_body(endpoint: CbrEndpoint) -> None:
    endpoint.faults = [Fault(faults.reset())]
    with raw_answer(endpoint) as answer:
        assert answer.status == 200
        with pytest.raises(ConnectionResetError):
            answer.read()


def test_a_hang_up_leaves_half_of_what_was_announced(endpoint: CbrEndpoint) -> None:
    endpoint.faults = [Fault(faults.hang_up())]
    with raw_answer(endpoint) as answer:
        announced = int(answer.headers["Content-Length"])
        with pytest.raises(http.client.IncompleteRead) as cut:
            answer.read()
    assert len(cut.value.partial) == announced // 2


def test_chunks_may_end_in_a_reset_or_without_the_last_one(endpoint: CbrEndpoint) -> None:
    endpoint.faults = [Fault(faults.reset(chunked=True), times=1), Fault(faults.hang_up(chunked=True))]
    for expected in (ConnectionResetError, http.client.IncompleteRead):
        with raw_answer(endpoint) as answer:
            assert answer.headers["Transfer-Encoding"] == "chunked"
            assert "Content-Length" not in answer.headers
            with pytest.raises(expected):
                answer.read()


def test_no_answer_is_a_closed_connection(endpoint: CbrEndpoint) -> None:
    endpoint.faults = [Fault(faults.no_answer())]
    with pytest.raises(http.client.RemoteDisconnected), raw_answer(endpoint):
        pass


def test_a_truncated_body_has_a_length_that_fits_and_keeps_the_connection(
    endpoint: CbrEndpoint, caller: Caller
) -> None:
    whole = caller.get().content
    endpoint.faults = [Fault(faults.truncate(), times=1)]
    answer = caller.get(headers={"Accept-Encoding": "identity"})
    assert answer.content == whole[: len(whole) // 2]
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    assert caller.get().content == whole


def test_a_slow_answer_waits(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [Fault(faults.slow(0.2), times=1)]
    started = time.monotonic()
    assert caller.get().status_code == 200
    assert time.monotonic() - started >= 0.2
    endpoint.faults = [Fault(faults.slow(60))]
    with pytest.raises(requests.ReadTimeout):
        caller.session.get(endpoint.url + LIST, timeout=0.1)


def test_a_trickle_comes_in_pieces_and_whole(endpoint: CbrEndpoint, caller: Caller) -> None:
    whole = caller.get().content
    endpoint.faults = [Fault(faults.trickle(0.02, 7))]
    with socket.create_connection(("127.0.0.1", int(endpoint.url.rsplit(":", 1)[1])), timeout=10) as plain:
        plain.sendall(f"GET {LIST} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {TOKEN}\r\n\r\n".encode())
        pieces: list[bytes] = []
        while not b"".join(pieces).endswith(whole):
            pieces.append(plain.recv(2**20))
    assert len(pieces) >= 7


def test_a_huge_body_is_huge_on_the_wire(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [Fault(faults.huge(3_000_000))]
    answer = caller.get()
    assert answer.headers["Content-Length"] == "3000000"
    assert len(answer.content) == 3_000_000
    assert answer.json() == {"backups": []}


def test_a_gzip_bomb_is_small_on_the_wire(endpoint: CbrEndpoint) -> None:
    endpoint.faults = [Fault(faults.gzip_bomb(5_000_001))]
    with raw_answer(endpoint, accept="gzip") as answer:
        body = answer.read()
    assert len(body) < 10_000
    assert len(gzip.decompress(body)) == 5_000_001


def test_a_page_is_repeated_whatever_is_asked_for(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [Fault(faults.repeat_page())]
    pages = [caller.ids(limit=10, offset=offset, sort="id:asc") for offset in (0, 10, 20)]
    assert pages[0] == pages[1] == pages[2] == [row(number)["id"] for number in range(10)]


def test_the_count_can_be_wrong_or_missing(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [Fault(faults.count(7), times=1), Fault(faults.count("25"), times=1), Fault(faults.count(None))]
    bodies = [caller.get().json() for _ in range(3)]
    assert [body.get("count", "absent") for body in bodies] == [7, "25", "absent"]
    assert all(len(body["backups"]) == 25 for body in bodies)


def test_any_object_can_be_edited_and_other_bodies_stay(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [Fault(faults.edit(lambda content: {"entries": content["backups"]}), times=1)]
    assert list(caller.get().json()) == ["entries"]
    endpoint.faults = [Fault(faults.all_of(faults.html502(), faults.edit(lambda content: {})))]
    assert caller.get().text.startswith("<html>")


def test_faults_can_be_combined(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [Fault(faults.all_of(faults.slow(0.1), faults.status(500, b"oops"), faults.truncate()))]
    started = time.monotonic()
    answer = caller.get()
    assert (answer.status_code, answer.content) == (500, b"oo")
    assert time.monotonic() - started >= 0.1


def test_a_fault_can_strike_a_detail_alone(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.faults = [Fault(faults.status(403, {"error_code": "BackupService.8600"}), match=f"{LIST}/")]
    assert caller.get().status_code == 200
    assert json.loads(caller.get("/backups/id-0001").content) == {"error_code": "BackupService.8600"}
    assert caller.get("/backups/id-0001").status_code == 403
