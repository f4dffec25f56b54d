import socket
import time
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from cbr_auditor.clock import Deadline, SystemClock
from cbr_auditor.delivery.post import Hook, _masked, post_json
from cbr_auditor.errors import DeliveryError
from tests.delivery.receivers import Answer, Receiver, scripted
from tests.fakes import NOW, FakeClock

BODY = b'{"text":"hello"}'
PATH = "/services/T0123/B4567/xyzzySECRETplugh?sig=querySECRET99"
SECRETS = ("SECRET", "T0123", "B4567", "services", "xyzzy", "plugh")
SETTING = "AUDITOR_SLACK_WEBHOOK_URL"


def hook_to(url: str, **changes: Any) -> Hook:
    return Hook(url, SETTING, **changes)


def failure(hook: Hook, deadline: Deadline, ca_file: Path | None = None) -> str:
    with pytest.raises(DeliveryError) as caught:
        post_json(hook, BODY, {}, deadline=deadline, ca_file=ca_file)
    assert all(secret not in str(caught.value) for secret in SECRETS)
    return str(caught.value)


@pytest.fixture(autouse=True)
def no_secret_is_logged(everything_logged: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    for secret in SECRETS:
        assert secret not in everything_logged.text


def test_the_body_is_posted_as_json(receiver: Receiver, deadline: Deadline) -> None:
    assert post_json(hook_to(receiver.url()), BODY, {"X-More": "yes"}, deadline=deadline, ca_file=None) == 200
    [request] = receiver.requests
    assert request.path == PATH
    assert request.body == BODY
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("cbr-auditor/")
    assert request.headers["X-More"] == "yes"


def test_what_urllib3_logs_of_it_has_no_path(
    receiver: Receiver, deadline: Deadline, everything_logged: pytest.LogCaptureFixture
) -> None:
    post_json(hook_to(receiver.url()), BODY, {}, deadline=deadline, ca_file=None)
    assert '"POST /*** HTTP/1.1" 200' in everything_logged.text


def test_a_head_that_urllib3_warns_about_does_not_give_the_address_away(
    deadline: Deadline, everything_logged: pytest.LogCaptureFixture
) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 0\r\n\r\n")

    with scripted(answer) as port:
        post_json(hook_to(f"http://127.0.0.1:{port}{PATH}"), BODY, {}, deadline=deadline, ca_file=None)
    assert "Failed to parse headers" in everything_logged.text


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int, receiver: Receiver, deadline: Deadline, clock: FakeClock) -> None:
    receiver.answers = [Answer(status), Answer(status), Answer(202)]
    assert post_json(hook_to(receiver.url()), BODY, {}, deadline=deadline, ca_file=None) == 202
    assert len(receiver.requests) == 3
    assert 1 <= clock.slept[0] < 2
    assert 2 <= clock.slept[1] < 3


@pytest.mark.parametrize("status", [400, 403, 404, 410, 413, 500, 501])
def test_what_does_not_pass_is_not(status: int, receiver: Receiver, deadline: Deadline, clock: FakeClock) -> None:
    receiver.answers = [Answer(status)]
    assert f"127.0.0.1 answered {status} (ok). " in failure(hook_to(receiver.url()), deadline)
    assert len(receiver.requests) == 1
    assert clock.slept == []


@pytest.mark.parametrize("value", ["7", " 7 ", format_datetime(NOW.replace(second=7), usegmt=True)])
def test_the_server_may_say_how_long_to_wait(
    value: str, receiver: Receiver, deadline: Deadline, clock: FakeClock
) -> None:
    receiver.answers = [Answer(429, headers={"Retry-After": value}), Answer()]
    post_json(hook_to(receiver.url()), BODY, {}, deadline=deadline, ca_file=None)
    assert clock.slept == [7.0]


@pytest.mark.parametrize("value", ["", "soon", "-1", "Mon, 99 Foo 2026", "Mon, 23 Nov 2026 05:00:00 GMT"])
def test_a_wait_that_cannot_be_read_or_is_over_is_ours(
    value: str, receiver: Receiver, deadline: Deadline, clock: FakeClock
) -> None:
    receiver.answers = [Answer(429, headers={"Retry-After": value}), Answer()]
    post_json(hook_to(receiver.url()), BODY, {}, deadline=deadline, ca_file=None)
    assert 1 <= clock.slept[0] < 2


@pytest.mark.parametrize("value", ["3600", "9" * 400, "Mon, 23 Nov 2026 07:00:00 GMT"])
def test_a_wait_that_the_deadline_does_not_leave_is_not_waited(
    value: str, receiver: Receiver, deadline: Deadline, clock: FakeClock
) -> None:
    receiver.answers = [Answer(429, headers={"Retry-After": value})]
    said = failure(hook_to(receiver.url()), deadline)
    assert "answered 429 (ok); there was no time to try again in " in said
    assert "It throttles: run at another time of the day." in said
    assert clock.slept == []


def test_throttling_for_ever_is_given_up_after_three_tries(
    receiver: Receiver, deadline: Deadline, clock: FakeClock
) -> None:
    receiver.answers = [Answer(429, headers={"Retry-After": "1"})]
    assert "answered 429 (ok) (3 tries)" in failure(hook_to(receiver.url()), deadline)
    assert len(receiver.requests) == 3
    assert len(clock.slept) == 2


@pytest.mark.parametrize(
    ("status", "location", "shown"),
    [
        (301, f"https://elsewhere.example{PATH}", "elsewhere.example"),
        (302, f"//elsewhere.example{PATH}", "elsewhere.example"),
        (307, "https://xyzzySECRETplugh.example/", "***.example"),
        (308, PATH, "127.0.0.1"),
        (308, "https://[broken", "127.0.0.1"),
        (308, "", "127.0.0.1"),
    ],
)
def test_a_redirect_is_never_followed(
    status: int, location: str, shown: str, receiver: Receiver, deadline: Deadline
) -> None:
    receiver.answers = [Answer(status, headers={"Location": location})]
    said = failure(hook_to(receiver.url()), deadline)
    assert f"a redirect to {shown} that is never followed" in said
    assert len(receiver.requests) == 1


def test_a_word_of_the_answer_decides_what_to_do(receiver: Receiver, deadline: Deadline) -> None:
    receiver.answers = [Answer(404, b"no_service")]
    hook = hook_to(receiver.url("/no_service/abcd"), mends={"no_service": "Make a new one."})
    assert failure(hook, deadline) == "127.0.0.1 answered 404 (***). Make a new one."


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_webhook_that_is_gone_is_to_be_set_anew(status: int, receiver: Receiver, deadline: Deadline) -> None:
    receiver.answers = [Answer(status)]
    said = failure(hook_to(receiver.url()), deadline)
    assert said.endswith(f"Check that the webhook still exists, or make a new one and set {SETTING}.")


@pytest.mark.parametrize(
    "echo",
    [
        f"no such hook: {PATH}",
        f"no such hook: http://127.0.0.1{PATH}",
        f"no such hook: {quote(PATH, safe='')}",
        f"no such hook: {PATH.upper()}",
        f"no such hook: {PATH[:31]}",
        f"no such hook: {PATH[12:]}",
        "no such hook: T0123, B4567 and xyzzySECRETplugh of querySECRET99",
        "no such hook: prefix_xyzzySECRETplugh_suffix",
    ],
)
def test_an_answer_that_echoes_the_address_is_masked(echo: str, receiver: Receiver, deadline: Deadline) -> None:
    receiver.answers = [Answer(404, echo.encode())]
    said = failure(hook_to(receiver.url()), deadline)
    assert "answered 404 (no such hook: " in said
    assert "***" in said
    assert "secret" not in said.lower()


@settings(deadline=None)
@given(
    segment=st.text("abcDEF123_-%.~", min_size=4, max_size=40),
    cut=st.integers(0, 40),
    around=st.text("abc /?&=.:\"'<>", max_size=20),
)
def test_no_part_of_an_address_is_left_in_a_text(segment: str, cut: int, around: str) -> None:
    hook = hook_to(f"https://hooks.example/{segment}?key={segment}")
    masked = _masked(hook, f"{around} {segment[cut:]} {around}{segment}{around}")
    for start in range(len(segment) - 7):
        part = segment[start : start + 8]
        if part.isalnum() and part not in around:
            assert part not in masked


@pytest.mark.parametrize("status", ["404 Not Found", "302 Found\r\nLocation: https://elsewhere.example/"])
def test_an_endless_answer_is_read_only_at_its_beginning(status: str, deadline: Deadline) -> None:
    sent = 0

    def answer(connection: socket.socket) -> None:
        nonlocal sent
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())
        while sent < 100_000_000:
            connection.sendall(b"x" * 65536)
            sent += 65536

    with scripted(answer) as port:
        said = failure(hook_to(f"http://127.0.0.1:{port}{PATH}"), deadline)
    assert f"answered {status[:3]} (xxx" in said
    assert len(said) < 400
    assert sent < 50_000_000


def test_what_an_answer_says_is_put_on_one_harmless_line(receiver: Receiver, deadline: Deadline) -> None:
    receiver.answers = [Answer(400, b"\x1b[31mbad\r\n\xff\xe2\x80\xaerequest")]
    said = failure(hook_to(receiver.url()), deadline)
    assert said.isprintable()


def test_a_time_out_after_the_message_is_not_tried_again_where_it_could_arrive_twice(receiver: Receiver) -> None:
    receiver.answers = [Answer(delay=0.8)]
    begun = time.monotonic()
    said = failure(hook_to(receiver.url()), Deadline(SystemClock(), 0.3))
    assert time.monotonic() - begun < 0.8
    assert said == (
        "127.0.0.1 did not answer in time, so the message may or may not have arrived. "
        "Look there before you send it again."
    )
    assert len(receiver.requests) == 1


def test_a_connection_that_is_broken_off_is_not_tried_again_either(
    receiver: Receiver, deadline: Deadline, clock: FakeClock
) -> None:
    receiver.answers = [Answer(reset=True)]
    said = failure(hook_to(receiver.url()), deadline)
    assert "broke the connection off, so the message may or may not have arrived" in said
    assert len(receiver.requests) == 1
    assert clock.slept == []


def test_who_knows_repeats_gets_the_message_again(receiver: Receiver, deadline: Deadline) -> None:
    receiver.answers = [Answer(reset=True), Answer()]
    hook = hook_to(receiver.url(), knows_repeats=True)
    assert post_json(hook, BODY, {}, deadline=deadline, ca_file=None) == 200
    assert len(receiver.requests) == 2


def test_a_receiver_that_is_not_there_is_tried_three_times(
    closed_port: int, deadline: Deadline, clock: FakeClock
) -> None:
    said = failure(hook_to(f"http://127.0.0.1:{closed_port}{PATH}"), deadline)
    assert said == (
        "127.0.0.1 could not be connected to: connection refused (3 tries). "
        "Check the network (a function in a VPC needs a NAT gateway)."
    )
    assert len(clock.slept) == 2


def test_a_name_that_does_not_resolve_is_explained(deadline: Deadline, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    said = failure(hook_to(f"https://hooks.example{PATH}"), deadline)
    assert said == f"the name hooks.example could not be resolved (3 tries). Check {SETTING}, and DNS."


def test_a_private_authority_is_trusted_where_it_is_set(
    secure_receiver: Receiver, ca_file: Path, deadline: Deadline
) -> None:
    assert post_json(hook_to(secure_receiver.url()), BODY, {}, deadline=deadline, ca_file=ca_file) == 200


def test_an_unknown_authority_is_refused(
    secure_receiver: Receiver, deadline: Deadline, tmp_path: Path, clock: FakeClock
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    for file in (other, None):
        said = failure(hook_to(secure_receiver.url()), deadline, file)
        assert "127.0.0.1 showed no certificate that can be trusted: " in said
        assert said.endswith(f"Check {SETTING}; for a private authority set AUDITOR_CA_FILE.")
    assert secure_receiver.requests == []
    assert clock.slept == []


def test_an_authority_file_without_a_certificate_is_named(
    secure_receiver: Receiver, deadline: Deadline, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    said = failure(hook_to(secure_receiver.url()), deadline, empty)
    assert "TLS with 127.0.0.1 failed" in said
    assert "AUDITOR_CA_FILE is PEM" in said
    empty.unlink()
    said = failure(hook_to(secure_receiver.url()), deadline, empty)
    assert said == "the authorities to trust could not be read. Check AUDITOR_CA_FILE."


def test_a_receiver_without_tls_is_explained(receiver: Receiver, deadline: Deadline) -> None:
    said = failure(hook_to(receiver.url().replace("http:", "https:")), deadline)
    assert "TLS with 127.0.0.1 failed: " in said


def test_an_address_that_cannot_be_used_is_explained(deadline: Deadline) -> None:
    said = failure(hook_to(f"https://{'a' * 64}.example{PATH}"), deadline)
    assert said == f"the address in {SETTING} cannot be used. Set it anew."


def test_netrc_gives_nothing_away(receiver: Receiver, deadline: Deadline, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        netrc = tmp_path / "netrc"
        netrc.write_text("default login root password hunter2\n")
        patch.setenv("NETRC", str(netrc))
        patch.setattr("cbr_auditor.delivery.post.is_loopback", lambda _: False)
        patch.setenv("NO_PROXY", "127.0.0.1")
        post_json(hook_to(receiver.url()), BODY, {}, deadline=deadline, ca_file=None)
    assert "Authorization" not in receiver.requests[0].headers


def test_a_proxy_is_used_for_others_and_not_for_loopback(
    receiver: Receiver, deadline: Deadline, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    assert post_json(hook_to(receiver.url()), BODY, {}, deadline=deadline, ca_file=None) == 200
    said = failure(hook_to(f"https://hooks.example{PATH}"), deadline)
    assert said == "the proxy did not connect to hooks.example (3 tries). Check HTTPS_PROXY and NO_PROXY."


def test_a_hook_does_not_show_its_address() -> None:
    assert "SECRET" not in repr(hook_to(f"https://hooks.example{PATH}"))
    assert hook_to(f"https://hooks.example:8443{PATH}").host == "hooks.example"
