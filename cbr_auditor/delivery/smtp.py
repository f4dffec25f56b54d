"""Hands a message to a mail relay: TLS always verified, every recipient accounted for, no secret ever quoted."""

import base64
import ipaddress
import random
import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from cbr_auditor.clock import Deadline
from cbr_auditor.errors import DeliveryError
from cbr_auditor.settings import Settings
from cbr_auditor.text import one_line

_TRIES = 3
_ANSWER_TIMEOUT = 15.0  # seconds that the relay may be silent before it has the message
_GOODBYE_TIMEOUT = 1.0  # seconds
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_TOO_LARGE = 552  # RFC 5321, 4.2.3
_NETWORK = "Check AUDITOR_SMTP_HOST, AUDITOR_SMTP_PORT and the network (a function in a VPC needs a NAT gateway)."


class Submission(msgspec.Struct):
    """What became of a message."""

    pending: list[str]
    accepted: list[str] = []
    refused: dict[str, str] = {}
    """What the relay said, by recipient."""
    used: int = 0
    """Which of the messages was sent."""


def submit(messages: Sequence[bytes], recipients: Sequence[str], settings: Settings, deadline: Deadline) -> Submission:
    """Send the first of the messages that the relay finds small enough; they say the same at falling sizes.

    Tried up to three times within the deadline: what the relay refuses for now (4xx) or loses on the way. Raises
    `DeliveryError` where the same kept everybody from it.
    """
    relay = _Relay(messages, Submission(list(recipients)), settings, deadline)
    tries = 0
    while True:
        tries += 1
        error, passing = relay.attempt()
        submission = relay.submission
        pause = 2.0 ** (tries - 1) + random.random()  # noqa: S311  # so that callers come out of step
        again = passing and submission.pending and tries < _TRIES and pause < deadline.left()
        if not again:
            break
        deadline.clock.sleep(pause)
    if error is not None and submission.pending == list(recipients) and not relay.postponed:
        raise DeliveryError(f"{error.what} ({tries} tries)" if tries > 1 else error.what, error.mend)
    for address in submission.pending:
        submission.refused[address] = relay.postponed.get(address) or (error.what if error else "not accepted")
    return submission


def try_relay(settings: Settings, deadline: Deadline) -> str:
    """Connect, protect the connection and log in as for a mail, then leave. Says what was reached.

    Raises `DeliveryError`.
    """
    return _Relay((), Submission([]), settings, deadline).greet()


class _Relay:
    """One relay, tried several times with what is still pending."""

    def __init__(
        self, messages: Sequence[bytes], submission: Submission, settings: Settings, deadline: Deadline
    ) -> None:
        self.submission = submission
        self.postponed: dict[str, str] = {}
        """What the relay said about those whom it refused for now."""
        self._messages = messages
        self._settings = settings
        self._deadline = deadline
        self._host = settings.smtp_host or ""
        self._port = settings.smtp_port or _PORTS[settings.smtp_security]
        self._name = f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"
        self._logging_in = False
        self._handed_over = False

    def attempt(self) -> tuple[DeliveryError | None, bool]:
        """Try once. What went wrong, if anything, and whether trying again can help."""
        self._logging_in = self._handed_over = False
        try:
            smtp = self._connect()
            try:
                self._log_in(smtp)
                while not self._transact(smtp):
                    self.submission.used += 1
                    smtp.rset()
            finally:
                _leave(smtp)
        except DeliveryError as error:
            return error, False
        except (OSError, UnicodeError) as problem:  # smtplib's and ssl's errors are all OSErrors
            return self._explain(problem)
        return None, bool(self.submission.pending)

    def greet(self) -> str:
        """Do all that comes before a message, and say what that was. Raises `DeliveryError`."""
        try:
            smtp = self._connect()
            try:
                self._log_in(smtp)
            finally:
                _leave(smtp)
        except (OSError, UnicodeError) as problem:
            raise self._explain(problem)[0] from None
        login = (
            f"logged in as {one_line(self._settings.smtp_username, 60)}" if self._settings.smtp_username else "no login"
        )
        return f"{self._name}, {self._settings.smtp_security}, {login}"

    def _connect(self) -> smtplib.SMTP:
        """A connection that is protected as the settings say."""
        settings = self._settings
        # RFC 5321, 4.1.4: a client without a name of its own gives its address; asking DNS for one may hang.
        name, timeout = "[127.0.0.1]", min(_ANSWER_TIMEOUT, max(0.1, self._deadline.left()))
        if settings.smtp_security == "tls":
            context = self._context()
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, name, timeout=timeout, context=context)
        else:
            smtp = smtplib.SMTP(self._host, self._port, name, timeout=timeout)
        try:
            smtp.local_hostname = _literal(smtp)
            if settings.smtp_security == "starttls":
                smtp.starttls(context=self._context())
            smtp.ehlo_or_helo_if_needed()
        except BaseException:
            smtp.close()
            raise
        return smtp

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.ca_file)

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        username, password = self._settings.smtp_username, self._settings.smtp_password
        if username is None or password is None:
            return
        if self._settings.smtp_security == "none":
            raise DeliveryError(
                "AUDITOR_SMTP_PASSWORD is not sent over a connection without TLS",
                "Use AUDITOR_SMTP_SECURITY = starttls or tls, or remove the user name and password.",
            )
        self._logging_in = True
        smtp.login(username, password.get_secret_value())
        self._logging_in = False

    def _transact(self, smtp: smtplib.SMTP) -> bool:
        """Send to those who are still pending. False where the message is too large and a smaller one is left."""
        submission = self.submission
        message = self._messages[submission.used]
        smaller = submission.used + 1 < len(self._messages)
        sender = self._settings.mail_from or ""
        said: bytes | str
        # A relay that announces SIZE refuses here what is larger (RFC 1870, 6).
        code, said = smtp.mail(sender, [f"SIZE={len(message)}"] if smtp.has_extn("size") else [])
        if code == _TOO_LARGE and smaller:
            return False
        if code != 250:
            raise smtplib.SMTPSenderRefused(code, said, sender)
        receivers = self._name_receivers(smtp)
        if not receivers:
            return True
        smtp.sock.settimeout(max(0.1, self._deadline.left()))  # type: ignore[union-attr]  # it is connected
        self._handed_over = True
        code, said = _data(smtp, message)
        self._handed_over = False
        if code == _TOO_LARGE and smaller:
            return False
        if code != 250:
            raise smtplib.SMTPDataError(code, said)
        submission.accepted += receivers
        submission.pending = [address for address in submission.pending if address not in receivers]
        return True

    def _name_receivers(self, smtp: smtplib.SMTP) -> list[str]:
        """Name who is still pending to the relay, and give back whom it accepts."""
        receivers = []
        for address in list(self.submission.pending):
            code, said = smtp.rcpt(address)
            if code in {250, 251}:
                receivers.append(address)
                self.postponed.pop(address, None)
            elif code == 421:
                raise smtplib.SMTPResponseException(code, said)
            elif 400 <= code < 500:
                self.postponed[address] = self._said(code, said)
            else:
                self.submission.pending.remove(address)
                self.submission.refused[address] = self._said(code, said)
        return receivers

    def _said(self, code: int, reply: bytes | str) -> str:
        """What the relay said, made safe. Its text is left out where the password has a part in it."""
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
        enhanced = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", text)  # RFC 3463
        brief = f"{code} {enhanced[0]}" if enhanced else f"{code}"
        squeezed = "".join(text.split())
        if self._logging_in or any(secret in squeezed for secret in self._secrets()):
            return brief
        return f"{code} {one_line(text, 160)}".strip()

    def _secrets(self) -> list[str]:
        """The password as it is and as AUTH PLAIN and AUTH LOGIN send it (RFC 4616)."""
        if self._settings.smtp_password is None:
            return []
        password = self._settings.smtp_password.get_secret_value()
        plain = f"\0{self._settings.smtp_username}\0{password}"
        encoded = [base64.b64encode(text.encode()).decode() for text in (password, plain)]
        return ["".join(secret.split()) for secret in (password, *encoded)]

    def _explain(self, problem: OSError | UnicodeError) -> tuple[DeliveryError, bool]:
        """The error in words, and whether trying again can help."""
        if isinstance(problem, smtplib.SMTPResponseException):
            return self._explain_answer(problem)
        if isinstance(problem, smtplib.SMTPNotSupportedError) and not self._logging_in:
            return DeliveryError(
                f"{self._name} offers no STARTTLS, so nothing was sent",
                "Use AUDITOR_SMTP_SECURITY = tls with port 465, or the relay's port that has STARTTLS.",
            ), False
        if isinstance(problem, UnicodeError) or (self._logging_in and type(problem) in _NO_COMMON_LOGIN):
            return self._explain_login(problem), False
        if isinstance(problem, ssl.SSLError):
            return self._explain_tls(problem)
        if isinstance(problem, socket.gaierror):
            return DeliveryError(
                f"the name {one_line(self._host)} could not be resolved", "Check AUDITOR_SMTP_HOST, and DNS."
            ), problem.errno == socket.EAI_AGAIN
        silent = isinstance(problem, TimeoutError) or isinstance(problem.__context__, TimeoutError)
        if self._handed_over:
            return DeliveryError(
                f"{self._name} {'did not say' if silent else 'broke off before it said'} whether it took the message, "
                "which may have arrived",
                "Look into the mailbox, then at the relay's log.",
            ), True
        if silent:
            return DeliveryError(f"{self._name} did not answer in time", f"{self._wrong_mode()}{_NETWORK}"), True
        if isinstance(problem, smtplib.SMTPServerDisconnected):
            return DeliveryError(f"{self._name} closed the connection", f"{self._wrong_mode()}{_NETWORK}"), True
        reason = one_line(problem.strerror or type(problem).__name__, 80).lower()
        return DeliveryError(f"{self._name} could not be connected to: {reason}", _NETWORK), True

    def _wrong_mode(self) -> str:
        """A hint for the commonest mistake: a port that wants TLS at once stays silent to who does not begin it."""
        if self._port == _PORTS["tls"] and self._settings.smtp_security != "tls":
            return "Port 465 wants AUDITOR_SMTP_SECURITY = tls. "
        return ""

    def _explain_tls(self, problem: ssl.SSLError) -> tuple[DeliveryError, bool]:
        if isinstance(problem, ssl.SSLCertVerificationError):
            return DeliveryError(
                f"{self._name} showed no certificate that can be trusted: {one_line(problem.verify_message, 120)}",
                "Use the name in the certificate as AUDITOR_SMTP_HOST; for a private authority set AUDITOR_CA_FILE.",
            ), False
        if self._settings.smtp_security == "tls" and problem.reason in _NOT_TLS:
            return DeliveryError(
                f"{self._name} does not begin with TLS",
                "Use AUDITOR_SMTP_SECURITY = starttls with port 587, or tls with port 465.",
            ), False
        passing = isinstance(problem, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
        return DeliveryError(f"TLS with {self._name} failed: {problem.reason or 'no reason given'}", _NETWORK), passing

    def _explain_login(self, problem: OSError | UnicodeError) -> DeliveryError:
        if not self._logging_in:
            return DeliveryError(f"{one_line(self._host)!r} is no host name", "Check AUDITOR_SMTP_HOST.")
        if isinstance(problem, UnicodeError):
            return DeliveryError(
                "AUDITOR_SMTP_USERNAME or AUDITOR_SMTP_PASSWORD is not ASCII, which SMTP's AUTH here cannot send",
                "Set another password.",
            )
        return DeliveryError(
            f"{self._name} offers no way to log in that is known here",
            "Remove AUDITOR_SMTP_USERNAME and AUDITOR_SMTP_PASSWORD, or use the relay's submission port.",
        )

    def _explain_answer(self, problem: smtplib.SMTPResponseException) -> tuple[DeliveryError, bool]:
        """The error of an answer that is not the one hoped for: 4xx may pass, 5xx is final."""
        code = problem.smtp_code
        said = self._said(code, problem.smtp_error)
        passing = 400 <= code < 500
        if self._logging_in:
            what = "did not take the user name and password"
            mend = "Check AUDITOR_SMTP_USERNAME and AUDITOR_SMTP_PASSWORD."
        elif code == _TOO_LARGE:
            what, mend = "takes no mail of this size", "Ask the relay's operator for a higher limit."
        elif isinstance(problem, smtplib.SMTPSenderRefused):
            what = "did not take the sender"
            mend = "AUDITOR_MAIL_FROM must be an address that the relay lets you use."
            if code in {530, 550, 554} and self._settings.smtp_username is None:
                mend = "Log in with AUDITOR_SMTP_USERNAME and AUDITOR_SMTP_PASSWORD."
        elif isinstance(problem, smtplib.SMTPDataError):
            what, mend = "did not take the message", "Ask the relay's operator for the reason."
        else:
            what, mend = "does not want to talk", "Ask the relay's operator whether this network may send."
        return DeliveryError(f"{self._name} {what} ({said})", mend), passing


_NOT_TLS = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "UNEXPECTED_MESSAGE"}
_NO_COMMON_LOGIN = {smtplib.SMTPException, smtplib.SMTPNotSupportedError}


def _data(smtp: smtplib.SMTP, message: bytes) -> tuple[int, bytes | str]:
    """What the relay says to the message, whether before or after it has it."""
    try:
        return smtp.data(message)
    except smtplib.SMTPDataError as refusal:
        return refusal.smtp_code, refusal.smtp_error


def _literal(smtp: smtplib.SMTP) -> str:
    """This machine's address as EHLO names it (RFC 5321, 4.1.3)."""
    assert smtp.sock is not None
    address = ipaddress.ip_address(smtp.sock.getsockname()[0].split("%")[0])
    return f"[{'IPv6:' if address.version == 6 else ''}{address}]"


def _leave(smtp: smtplib.SMTP) -> None:
    """Say goodbye without waiting long: what was to be known is known."""
    with suppress(smtplib.SMTPException, OSError):
        if smtp.sock is not None:
            smtp.sock.settimeout(_GOODBYE_TIMEOUT)
            smtp.quit()
    smtp.close()
