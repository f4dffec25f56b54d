import asyncio
import base64
import logging
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP, Envelope, Session

from cbr_auditor.clock import Deadline, SystemClock
from cbr_auditor.delivery import smtp
from cbr_auditor.delivery.smtp import Submission, submit
from cbr_auditor.errors import DeliveryError
from cbr_auditor.settings import Settings
from tests.delivery.receivers import PASSWORD, Mailbox, Relay, scripted
from tests.fakes import FakeClock

MESSAGE = b"Subject: report\r\n\r\nbody\r\n"
Start = Callable[..., Relay]
MakeSettings = Callable[..., Settings]


def send(settings: Settings, deadline: Deadline, *messages: bytes) -> Submission:
    return submit(messages or [MESSAGE], settings.mail_to, settings, deadline)


def failure(settings: Settings, deadline: Deadline, *messages: bytes) -> str:
    with pytest.raises(DeliveryError) as caught:
        send(settings, deadline, *messages)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_message_goes_over_verified_tls_after_a_login(
    security: str, relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    server = relay(security=security)
    submission = send(mail_settings(server.port, smtp_security=security), deadline)
    assert submission.accepted == ["ops@example.com"]
    assert submission.refused == {}
    assert server.mailbox.raw == [MESSAGE]
    assert server.mailbox.envelopes[0].mail_from == "audit@example.com"
    assert [(data.login, data.password) for data in server.logins] == [(b"auditor", PASSWORD)]


def test_the_relay_may_be_named_by_an_ipv6_address(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    server = relay(host="::1")
    assert send(mail_settings(server.port, smtp_host="::1"), deadline).accepted == ["ops@example.com"]
    assert set(server.mailbox.greetings) == {"[IPv6:::1]"}


def test_an_ipv6_address_is_told_from_its_port(mail_settings: MakeSettings, clock: FakeClock, closed_port: int) -> None:
    said = failure(mail_settings(closed_port, smtp_host="::1"), Deadline(clock, 0.5))
    assert said.startswith(f"[::1]:{closed_port} could not be connected to: ")


def test_ehlo_names_the_address_without_asking_dns(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda *_: pytest.fail("DNS was asked"))
    server = relay()
    send(mail_settings(server.port, smtp_host="localhost"), deadline)
    assert set(server.mailbox.greetings) == {"[127.0.0.1]"}


def test_a_relay_on_loopback_needs_neither_tls_nor_login(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    server = relay(security="none", login=False)
    settings = mail_settings(server.port, smtp_security="none", smtp_username=None, smtp_password=None)
    assert send(settings, deadline).accepted == ["ops@example.com"]


def test_a_password_is_not_sent_without_tls(relay: Start, mail_settings: MakeSettings, deadline: Deadline) -> None:
    server = relay(security="none")
    said = failure(mail_settings(server.port, smtp_security="none"), deadline)
    assert "is not sent over a connection without TLS" in said
    assert server.logins == []


def test_nothing_is_sent_to_a_relay_that_offers_no_starttls(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline, clock: FakeClock
) -> None:
    server = relay(security="none", login=False)
    said = failure(mail_settings(server.port), deadline)
    assert said == (
        f"127.0.0.1:{server.port} offers no STARTTLS, so nothing was sent. "
        "Use AUDITOR_SMTP_SECURITY = tls with port 465, or the relay's port that has STARTTLS."
    )
    assert server.mailbox.raw == []
    assert clock.slept == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_of_an_unknown_authority_is_refused(
    security: str,
    relay: Start,
    mail_settings: MakeSettings,
    deadline: Deadline,
    clock: FakeClock,
    tmp_path: Path,
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    server = relay(security=security)
    said = failure(mail_settings(server.port, smtp_security=security, ca_file=other), deadline)
    assert "showed no certificate that can be trusted: unable to get local issuer certificate" in said
    assert "set AUDITOR_CA_FILE" in said
    assert server.logins == []
    assert clock.slept == []


def test_a_certificate_of_another_name_is_refused(
    authority: trustme.CA, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(context)
    server = Relay(context, security="tls")
    try:
        said = failure(mail_settings(server.port, smtp_security="tls"), deadline)
    finally:
        server.stop()
    assert "IP address mismatch" in said
    assert "Use the name in the certificate as AUDITOR_SMTP_HOST" in said


def test_tls_at_once_where_the_relay_wants_starttls_is_explained(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    server = relay()
    said = failure(mail_settings(server.port, smtp_security="tls"), deadline)
    assert "does not begin with TLS. Use AUDITOR_SMTP_SECURITY = starttls with port 587" in said


def test_a_wrong_password_is_said_without_retrying(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline, clock: FakeClock
) -> None:
    server = relay()
    said = failure(mail_settings(server.port, smtp_password="wrong-battery"), deadline)
    assert said == (
        f"127.0.0.1:{server.port} did not take the user name and password (535 5.7.8). "
        "Check AUDITOR_SMTP_USERNAME and AUDITOR_SMTP_PASSWORD."
    )
    assert clock.slept == []


def test_a_relay_that_wants_a_login_says_so(relay: Start, mail_settings: MakeSettings, deadline: Deadline) -> None:
    settings = mail_settings(relay().port, smtp_username=None, smtp_password=None)
    said = failure(settings, deadline)
    assert "did not take the sender (530 5.7.0 Authentication required)" in said
    assert said.endswith("Log in with AUDITOR_SMTP_USERNAME and AUDITOR_SMTP_PASSWORD.")


def test_a_relay_without_any_login_says_so(relay: Start, mail_settings: MakeSettings, deadline: Deadline) -> None:
    said = failure(mail_settings(relay(login=False, auth_exclude_mechanism=["PLAIN", "LOGIN"]).port), deadline)
    assert "offers no way to log in that is known here" in said


def test_a_password_that_is_not_ascii_is_explained_without_it(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    said = failure(mail_settings(relay().port, smtp_password="schlüssel-geheim"), deadline)
    assert "AUDITOR_SMTP_PASSWORD is not ASCII" in said
    assert "geheim" not in said


class EchoingMailbox(Mailbox):
    """Repeats what it is told, as a careless relay may."""

    def __init__(self, *, at: str) -> None:
        super().__init__()
        self._at = at
        self._line = ""

    async def handle_AUTH(self, server: SMTP, session: Session, envelope: Envelope, args: list[str]) -> str:  # noqa: N802  # aiosmtpd's name
        self._line = "AUTH " + " ".join(args)
        if self._at == "AUTH":
            return f"535 5.7.8 cannot understand {self._line}"
        session.authenticated = True
        return "235 welcome"

    async def handle_MAIL(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        clear = base64.b64decode(self._line.split()[-1]).decode().replace("\0", " ")
        if self._at == "MAIL":
            return f"550 5.1.0 your {self._line} was nice"
        if self._at == "MAIL, folded":
            return f"550-5.1.0 your {self._line[:40]}\r\n550 {self._line[40:]}"
        if self._at == "MAIL, in clear":
            return f"550 5.1.0 hello {clear}"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        return f"550 5.1.1 nobody, and {self._line}"


@pytest.mark.parametrize("at", ["AUTH", "MAIL", "MAIL, folded", "MAIL, in clear", "RCPT"])
def test_a_password_that_the_relay_echoes_is_never_repeated(
    at: str,
    relay: Start,
    mail_settings: MakeSettings,
    deadline: Deadline,
    everything_logged: pytest.LogCaptureFixture,
) -> None:
    everything_logged.set_level(logging.CRITICAL, "mail.log")  # aiosmtpd's own, which tells what it read
    server = relay(handler=EchoingMailbox(at=at))
    settings = mail_settings(server.port)
    if at == "RCPT":
        said = str(send(settings, deadline).refused)
        assert "550 5.1.1" in said
    else:
        said = failure(settings, deadline)
        assert "5.7.8" in said or "5.1.0" in said
    for secret in ("battery", base64.b64encode(PASSWORD).decode(), "AGF1ZGl0b3I", "AUTH"):
        assert secret not in said
        assert secret not in everything_logged.text


def test_who_is_refused_for_good_is_named_and_the_others_get_it(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline, clock: FakeClock
) -> None:
    server = relay(handler=Mailbox({"gone@example.com": ["550 5.1.1 no such user"]}))
    submission = send(mail_settings(server.port, mail_to="a@example.com,gone@example.com,b@example.com"), deadline)
    assert submission.accepted == ["a@example.com", "b@example.com"]
    assert submission.refused == {"gone@example.com": "550 5.1.1 no such user"}
    assert server.mailbox.envelopes[0].rcpt_tos == ["a@example.com", "b@example.com"]
    assert clock.slept == []


def test_who_is_refused_for_now_is_tried_again_alone(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    server = relay(handler=Mailbox({"busy@example.com": ["450 4.2.0 greylisted", "250 OK"]}))
    submission = send(mail_settings(server.port, mail_to="a@example.com,busy@example.com"), deadline)
    assert submission.accepted == ["a@example.com", "busy@example.com"]
    assert submission.refused == {}
    assert [envelope.rcpt_tos for envelope in server.mailbox.envelopes] == [["a@example.com"], ["busy@example.com"]]


def test_who_is_refused_for_now_three_times_is_reported(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline, clock: FakeClock
) -> None:
    server = relay(handler=Mailbox({"busy@example.com": ["450 4.2.0 greylisted"]}))
    submission = send(mail_settings(server.port, mail_to="busy@example.com,a@example.com"), deadline)
    assert submission.accepted == ["a@example.com"]
    assert submission.refused == {"busy@example.com": "450 4.2.0 greylisted"}
    assert len(clock.slept) == 2


def test_who_was_refused_is_not_forgotten_over_what_came_later(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    handler = Answering("554 5.7.1 spam")
    handler.answers = {"gone@example.com": ["550 5.1.1 no such user"], "busy@example.com": ["450 later", "250 OK"]}
    server = relay(handler=handler)
    settings = mail_settings(server.port, mail_to="gone@example.com,a@example.com,busy@example.com")
    submission = send(settings, deadline)
    spam = f"127.0.0.1:{server.port} did not take the message (554 5.7.1 spam)"
    assert submission.accepted == []
    assert submission.refused == {
        "gone@example.com": "550 5.1.1 no such user",
        "a@example.com": spam,
        "busy@example.com": "450 later",
    }


def test_nobody_accepted_is_no_message(relay: Start, mail_settings: MakeSettings, deadline: Deadline) -> None:
    server = relay(handler=Mailbox({"a@example.com": ["554 5.7.1 Relay access denied"]}))
    submission = send(mail_settings(server.port, mail_to="a@example.com"), deadline)
    assert submission.accepted == []
    assert submission.refused == {"a@example.com": "554 5.7.1 Relay access denied"}
    assert server.mailbox.raw == []


def test_what_the_relay_says_is_put_on_one_harmless_line(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    server = relay(handler=Mailbox({"ops@example.com": ["550-no\x1b[31m\u202e\r\n550 such user" + "!" * 400]}))
    said = send(mail_settings(server.port), deadline).refused["ops@example.com"]
    assert said.isprintable()
    assert said.startswith("550 no [31m such user!!!")
    assert len(said) <= 170


class Dropping(Mailbox):
    """Takes the message and breaks off before it says so, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self._times = times

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        answer = await super().handle_DATA(server, session, envelope)
        if len(self.envelopes) <= self._times:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return answer


def test_a_drop_after_the_message_is_tried_again_with_the_same_message(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline, clock: FakeClock
) -> None:
    server = relay(handler=Dropping(times=1))
    assert send(mail_settings(server.port), deadline).accepted == ["ops@example.com"]
    assert server.mailbox.raw == [MESSAGE, MESSAGE]
    assert len(clock.slept) == 1


def test_a_message_that_may_have_arrived_is_said_to_be_so(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    said = failure(mail_settings(relay(handler=Dropping(times=9)).port), deadline)
    assert "broke off before it said whether it took the message, which may have arrived (3 tries)" in said


class Answering(Mailbox):
    """Answers the message as it is told."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self._answers = list(answers)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        await super().handle_DATA(server, session, envelope)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def test_a_message_that_is_refused_for_now_is_tried_again(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    server = relay(handler=Answering("451 4.3.0 try later", "250 OK"))
    assert send(mail_settings(server.port), deadline).accepted == ["ops@example.com"]


def test_a_message_that_is_refused_for_good_is_not(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline, clock: FakeClock
) -> None:
    said = failure(mail_settings(relay(handler=Answering("554 5.7.1 spam")).port), deadline)
    assert "did not take the message (554 5.7.1 spam). Ask the relay's operator for the reason." in said
    assert clock.slept == []


def test_a_smaller_message_goes_where_the_relay_announces_its_limit(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    server = relay(data_size_limit=1000)
    submission = send(mail_settings(server.port), deadline, MESSAGE + b"x" * 1000, MESSAGE)
    assert submission.used == 1
    assert server.mailbox.raw == [MESSAGE]


@pytest.mark.parametrize("stage", ["MAIL", "DATA"])
def test_a_smaller_message_goes_where_the_relay_refuses_the_size(
    stage: str, relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    class Small(Mailbox):
        refusals = 0

        async def handle_MAIL(  # noqa: N802  # aiosmtpd's name
            self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
        ) -> str:
            if stage == "MAIL" and not self.refusals:
                self.refusals += 1
                return "552 5.3.4 too big"
            envelope.mail_from = address
            return "250 OK"

        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
            if stage == "DATA" and not self.refusals:
                self.refusals += 1
                return "552 5.3.4 too big"
            return await super().handle_DATA(server, session, envelope)

    server = relay(handler=Small())
    submission = send(mail_settings(server.port), deadline, MESSAGE + b"attachment\r\n", MESSAGE)
    assert submission.used == 1
    assert submission.accepted == ["ops@example.com"]
    assert server.mailbox.raw == [MESSAGE]


def test_a_message_that_cannot_be_smaller_is_refused(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    said = failure(mail_settings(relay(data_size_limit=10).port), deadline, MESSAGE)
    assert "takes no mail of this size (552 " in said


def test_a_relay_that_is_not_there_is_tried_three_times(
    mail_settings: MakeSettings, deadline: Deadline, closed_port: int, clock: FakeClock
) -> None:
    said = failure(mail_settings(closed_port), deadline)
    assert f"127.0.0.1:{closed_port} could not be connected to: connection refused (3 tries)" in said
    assert len(clock.slept) == 2


def test_no_try_begins_that_the_deadline_leaves_no_time_for(
    mail_settings: MakeSettings, clock: FakeClock, closed_port: int
) -> None:
    failure(mail_settings(closed_port), Deadline(clock, 0.9))
    assert clock.slept == []


def test_a_relay_that_is_silent_is_given_up_in_time(mail_settings: MakeSettings, silent_port: int) -> None:
    begun = time.monotonic()
    said = failure(mail_settings(silent_port), Deadline(SystemClock(), 0.4))
    assert time.monotonic() - begun < 2.0
    assert f"127.0.0.1:{silent_port} did not answer in time" in said


def test_a_silent_port_465_without_tls_gets_a_hint(
    mail_settings: MakeSettings, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(smtp._PORTS, "tls", silent_port)
    said = failure(mail_settings(silent_port), Deadline(SystemClock(), 0.2))
    assert "wants AUDITOR_SMTP_SECURITY = tls" in said


def test_a_relay_that_turns_clients_away_is_quoted(mail_settings: MakeSettings, deadline: Deadline) -> None:
    with scripted(lambda connection: connection.sendall(b"554 5.7.1 go away, 192.0.2.1\r\n")) as port:
        said = failure(mail_settings(port), deadline)
    assert "does not want to talk (554 5.7.1 go away, 192.0.2.1)" in said


def test_a_relay_that_is_busy_is_tried_again(mail_settings: MakeSettings, deadline: Deadline, clock: FakeClock) -> None:
    with scripted(lambda connection: connection.sendall(b"421 4.3.2 too many connections\r\n")) as port:
        said = failure(mail_settings(port), deadline)
    assert "(421 4.3.2 too many connections) (3 tries)" in said
    assert len(clock.slept) == 2


def test_a_port_that_speaks_something_else_is_an_error_of_ours(mail_settings: MakeSettings, deadline: Deadline) -> None:
    with scripted(lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")) as port:
        said = failure(mail_settings(port), deadline)
    assert f"127.0.0.1:{port}" in said


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "relay..example"])
def test_a_host_that_is_no_name_is_explained(host: str, mail_settings: MakeSettings, deadline: Deadline) -> None:
    said = failure(mail_settings(25, smtp_host=host), deadline)
    assert "is no host name" in said


def test_a_name_that_does_not_resolve_is_explained(
    mail_settings: MakeSettings, deadline: Deadline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    said = failure(mail_settings(25, smtp_host="nowhere.example"), deadline)
    assert said == "the name nowhere.example could not be resolved. Check AUDITOR_SMTP_HOST, and DNS."


def test_everybody_is_accounted_for_when_the_second_try_fails(
    relay: Start, mail_settings: MakeSettings, clock: FakeClock
) -> None:
    server = relay(handler=Mailbox({"busy@example.com": ["450 4.2.0 greylisted"]}))
    original = clock.sleep

    def stop_then_sleep(seconds: float) -> None:
        server.stop()
        original(seconds)

    clock.sleep = stop_then_sleep  # type: ignore[method-assign]  # the relay goes away between the tries
    settings = mail_settings(server.port, mail_to="busy@example.com,a@example.com")
    submission = send(settings, Deadline(clock, 2.9))
    assert submission.accepted == ["a@example.com"]
    assert submission.refused == {"busy@example.com": "450 4.2.0 greylisted"}
