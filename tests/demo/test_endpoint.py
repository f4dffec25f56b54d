import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from cbr_auditor.demo import faults
from cbr_auditor.demo.answer import RawJson
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Asked, Fault
from tests.demo.conftest import TOKEN, Caller, row
from tests.fakes import PROJECT


def test_a_list_has_the_envelope_and_the_headers_that_were_recorded(caller: Caller) -> None:
    answer = caller.get(params={"limit": 10, "offset": 5})
    body = answer.json()
    assert list(body) == ["backups", "count", "offset", "limit"]
    assert (len(body["backups"]), body["count"], body["offset"], body["limit"]) == (10, 25, 5, 10)
    assert answer.headers["Server"] == "api-gateway"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-Id"] != caller.get().headers["X-Request-Id"]


def test_one_connection_serves_many_requests(endpoint: CbrEndpoint) -> None:
    host, port = endpoint.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    sockets = set()
    for _ in range(3):
        connection.request("GET", f"/v3/{PROJECT}/backups", headers={"X-Auth-Token": TOKEN})
        answer = connection.getresponse()
        assert answer.version == 11
        assert json.loads(answer.read())["count"] == 25
        sockets.add(connection.sock)
    connection.close()
    assert len(sockets) == 1


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, deflate", "gzip"), ("identity", None)])
def test_an_answer_is_compressed_for_who_asks(caller: Caller, accepted: str, encoding: str | None) -> None:
    answer = caller.get(headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.json()["count"] == 25


@pytest.mark.parametrize("headers", [{"X-Auth-Token": "wrong"}, {"X-Auth-Token": None}])
def test_a_wrong_or_missing_token_is_the_gateways_401(caller: Caller, headers: dict[str, str]) -> None:
    answer = caller.get(headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {
        "error_msg": "Incorrect IAM authentication information: Unauthorized",
        "error_code": "APIGW.0301",
        "request_id": answer.headers["X-Request-Id"],
    }
    assert answer.content.endswith(b"}\n")


def test_another_project_is_cbrs_403(endpoint: CbrEndpoint, caller: Caller) -> None:
    answer = caller.session.get(f"{endpoint.url}/v3/another/backups", timeout=10)
    assert answer.status_code == 403
    assert answer.json() == {"error_code": "BackupService.8600", "error_msg": "Not authenticated."}


@pytest.mark.parametrize("path", ["/", "/v3", "/v3/p/nothing", "/v2/p/backups", "/v3/p/backups/", "/v3/p/backups/a/b"])
def test_an_unknown_path_is_the_gateways_404_even_without_a_token(endpoint: CbrEndpoint, path: str) -> None:
    answer = requests.get(endpoint.url + path, timeout=10)
    assert answer.status_code == 404
    assert answer.json()["error_code"] == "APIGW.0101"
    assert re.fullmatch("[0-9a-f]{32}", answer.json()["request_id"])


def test_a_method_that_cbr_does_not_have_there_is_no_api_and_keeps_the_connection(caller: Caller) -> None:
    for _ in range(2):
        answer = caller.session.post(f"{caller.base}/backups", json={"a": 1}, timeout=10)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "APIGW.0101")
    assert caller.get().status_code == 200


@contextmanager
def serving(*rows: object, **details: object) -> Iterator[Caller]:
    with CbrEndpoint(rows, project_id=PROJECT, token=TOKEN, details=details) as endpoint:
        client = Caller(endpoint)
        with client.session:
            yield client


def test_a_detail_shows_the_disks_that_the_list_hides() -> None:
    detail = row(1, children=[{"id": "disk"}])
    with serving(row(1, children=[{"id": "disk"}]), **{"id-0001": detail}) as caller:
        assert caller.get().json()["backups"][0]["children"] == []
        assert caller.get("/backups/id-0001").json() == {"backup": detail}


def test_a_detail_is_the_row_where_nothing_else_is_said_and_404_where_there_is_none() -> None:
    with serving(row(1), row(2), **{"id-0002": None}) as caller:
        assert caller.get("/backups/id-0001").json() == {"backup": row(1)}
        for ident in ("id-0002", "id-0003"):
            answer = caller.get(f"/backups/{ident}")
            assert answer.status_code == 404
            assert answer.json() == {
                "error_code": "BackupService.6200",
                "error_msg": "The backup does not exist.",
            }


def test_raw_rows_are_spliced_in_verbatim_and_filtered_by_what_they_say() -> None:
    raw = RawJson(rb'{"id" : "id-0001","name":"\ud83d","status":"error"}')
    deep = RawJson(b'{"id":' + b"[" * 20_000 + b"]" * 20_000 + b"}")
    with serving(raw, row(2), b"\xff{", deep) as caller:
        assert raw in caller.get().content
        assert deep in caller.get().content
        assert b"\xff{" in caller.get().content
        assert caller.ids(status="error") == ["id-0001"]
        assert caller.get("/backups/id-0001").content == b'{"backup":' + raw + b"}"


def test_rows_that_are_no_objects_are_served_as_they_are() -> None:
    with serving(None, 7, "text", [1], row(1)) as caller:
        body = caller.get(params={"sort": "id:asc"}).json()
    assert body["count"] == 5
    assert body["backups"] == [None, 7, "text", [1], row(1)]


def test_texts_go_out_as_utf8_and_a_lone_surrogate_as_its_escape() -> None:
    with serving(row(1, name="Größe \ud83d 🚀")) as caller:
        content = caller.get().content
    assert "Größe \\ud83d 🚀".encode() in content
    assert json.loads(content)["backups"][0]["name"] == "Größe \ud83d 🚀"


def test_every_request_is_logged_and_its_token_is_not_printed(endpoint: CbrEndpoint, caller: Caller) -> None:
    caller.get("/backups?status=error&status=available&offset=3")
    caller.get("/backups/id-0001")
    first, second = endpoint.requests
    assert (first.number, first.method, first.path) == (1, "GET", f"/v3/{PROJECT}/backups")
    assert first.query == {"status": ["error", "available"], "offset": ["3"]}
    assert first.offset == 3
    assert first.headers["x-auth-token"] == TOKEN
    assert TOKEN not in repr(first)
    assert (second.number, second.path, second.offset) == (2, f"/v3/{PROJECT}/backups/id-0001", 0)


def test_rows_may_change_before_a_request_is_answered(endpoint: CbrEndpoint, caller: Caller) -> None:
    def change(asked: Asked) -> None:
        with endpoint.lock:
            del endpoint.backups[: asked.number]

    endpoint.before_request = change
    assert [caller.get().json()["count"] for _ in range(3)] == [24, 22, 19]


def test_a_hook_that_raises_is_heard_of_when_the_endpoint_closes() -> None:
    def fail(asked: Asked) -> None:
        raise LookupError("in the hook")

    def ask() -> None:
        with CbrEndpoint([], project_id=PROJECT, token=TOKEN) as endpoint:
            endpoint.before_request = fail
            with pytest.raises(requests.ConnectionError):
                requests.get(endpoint.url, timeout=10)

    with pytest.raises(LookupError, match="in the hook"):
        ask()


def test_a_row_that_is_no_json_is_heard_of_when_the_endpoint_closes() -> None:
    def ask() -> None:
        with serving(row(1, created_at=object())) as caller, pytest.raises(requests.ConnectionError):
            caller.get()

    with pytest.raises(TypeError, match="not JSON serializable"):
        ask()


def test_an_id_may_have_any_character() -> None:
    with serving(row(1, id="a/b ü?")) as caller:
        assert caller.get("/backups/a%2Fb%20%C3%BC%3F").json()["backup"]["id"] == "a/b ü?"


def test_pages_are_capped_without_a_word() -> None:
    with CbrEndpoint([row(n) for n in range(25)], project_id=PROJECT, token=TOKEN, largest_page=10) as endpoint:
        caller = Caller(endpoint)
        with caller.session:
            body = caller.get(params={"limit": 20}).json()
            assert (len(body["backups"]), body["limit"], body["count"]) == (10, 20, 25)
            assert len(caller.ids(limit=5)) == 5


def test_many_clients_are_served_at_once(endpoint: CbrEndpoint) -> None:
    together = threading.Barrier(12, timeout=10)
    answers = []

    def meet(asked: Asked) -> None:
        together.wait()

    endpoint.before_request = meet

    def ask() -> None:
        caller = Caller(endpoint)
        with caller.session:
            answers.append(caller.get().status_code)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert answers == [200] * 12


def test_closing_cuts_whoever_waits_and_leaves_no_thread_and_no_word(capfd: pytest.CaptureFixture[str]) -> None:
    before = set(threading.enumerate())
    outcomes: list[object] = []

    def ask(caller: Caller) -> None:
        try:
            outcomes.append(caller.get())
        except requests.ConnectionError as problem:
            outcomes.append(problem)

    asked = threading.Event()
    with CbrEndpoint([row(1)], project_id=PROJECT, token=TOKEN) as endpoint:
        idle = Caller(endpoint)
        assert idle.get().status_code == 200
        endpoint.faults.append(Fault(faults.slow(60)))
        endpoint.before_request = lambda _: asked.set()
        waiting = Caller(endpoint)
        thread = threading.Thread(target=ask, args=(waiting,))
        thread.start()
        assert asked.wait(10)
        started = time.monotonic()
    thread.join(10)
    assert time.monotonic() - started < 5
    assert isinstance(outcomes[0], requests.ConnectionError)
    assert set(threading.enumerate()) <= before
    endpoint.close()  # once more does no harm
    idle.session.close()
    waiting.session.close()
    assert capfd.readouterr() == ("", "")


def test_clients_that_go_away_or_talk_nonsense_are_not_worth_a_word(
    endpoint: CbrEndpoint, capfd: pytest.CaptureFixture[str]
) -> None:
    address = ("127.0.0.1", int(endpoint.url.rsplit(":", 1)[1]))
    with socket.create_connection(address, timeout=10) as nonsense:
        nonsense.sendall(b"nonsense\r\n\r\n")
        assert b"400" in nonsense.recv(2**16)
    endpoint.faults = [Fault(faults.all_of(faults.huge(2**26), faults.trickle(0.001, 64)), times=1)]
    with socket.create_connection(address, timeout=10) as leaving:
        leaving.sendall(f"GET /v3/{PROJECT}/backups HTTP/1.1\r\nX-Auth-Token: {TOKEN}\r\n\r\n".encode())
        assert leaving.recv(2**16).startswith(b"HTTP/1.1 200")
    endpoint.close()  # its threads have ended
    assert capfd.readouterr() == ("", "")
