import csv
import gzip
import io
import random
import re
from collections.abc import Callable
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbr_auditor.clock import Deadline
from cbr_auditor.delivery.mail import Attachment, attach, compose, send_mail
from cbr_auditor.errors import DeliveryError
from cbr_auditor.report import Report
from cbr_auditor.settings import Settings, load_settings
from cbr_auditor.text import one_line
from tests.delivery.receivers import Mailbox, Relay
from tests.fakes import NOW, PROJECT, make_coverage, make_report

HTML = "<!doctype html><html><body><h1>Verdict: FAIL, Größe €</h1></body></html>"
TEXT = "Verdict: FAIL, Größe €\n"
HEADERS = [
    "Subject",
    "From",
    "To",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "List-Id",
    "Auto-Submitted",
    "X-CBR-Audit-Verdict",
    "MIME-Version",
    "Content-Type",
]
Start = Callable[..., Relay]
MakeSettings = Callable[..., Settings]

SETTINGS = load_settings(
    {
        "AUDITOR_SMTP_HOST": "localhost",
        "AUDITOR_MAIL_FROM": "audit@example.com",
        "AUDITOR_MAIL_TO": "ops@example.com",
    }
)


def settings_with(**changes: str) -> Settings:
    values = {"smtp_host": "localhost", "mail_from": "audit@example.com", "mail_to": "ops@example.com", **changes}
    return load_settings({f"AUDITOR_{name.upper()}": value for name, value in values.items()})


def parse(raw: bytes) -> EmailMessage:
    return BytesParser(policy=default).parsebytes(raw)


def written(
    report: Report | None = None,
    settings: Settings = SETTINGS,
    attachment: Attachment | None = None,
    note: str = "",
    html: str = HTML,
    text: str = TEXT,
) -> bytes:
    return compose(report or make_report(), settings, html=html, text=text, attachment=attachment, note=note)


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


@pytest.fixture
def findings_csv(tmp_path: Path) -> Path:
    path = tmp_path / "findings.csv"
    path.write_text("id,rule\r\nsha256:5d1c,backup-error\r\n", encoding="utf-8-sig", newline="")
    return path


def test_the_mail_has_both_texts_and_the_findings(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline, findings_csv: Path
) -> None:
    server = relay()
    detail = send_mail(
        make_report(), mail_settings(server.port), deadline, html=HTML, text=TEXT, findings_csv=findings_csv
    )
    assert detail == "accepted for 1 of 1 recipients"
    [mail] = server.mailbox.mails
    assert mail.get_content_type() == "multipart/mixed"
    alternative, attached = mail.iter_parts()
    assert alternative.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in alternative.iter_parts()] == ["text/plain", "text/html"]
    assert part(mail, "plain").replace("\r\n", "\n") == TEXT
    assert part(mail, "html").strip() == HTML
    assert (attached.get_content_type(), attached.get_filename()) == ("text/csv", "findings.csv")
    assert attached.get_payload(decode=True) == findings_csv.read_bytes()
    assert not mail.defects


def test_the_headers_say_what_mail_programs_sort_by() -> None:
    report = make_report()
    mail = parse(written(report))
    assert list(mail.keys()) == HEADERS
    assert mail["Subject"] == "[FAIL] CBR audit eu-de: 1 high finding in 204 backups of eu-de" == report.title
    assert mail["From"] == "CBR audit <audit@example.com>"
    assert mail["To"] == "ops@example.com"
    assert mail["Date"].datetime == report.finished_at
    assert str(mail["Date"]).endswith("+0000")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "CBR audit <cbr-audit.example.com>"
    assert mail["X-CBR-Audit-Verdict"] == "fail"


def test_the_message_id_is_the_runs_and_the_thread_the_projects() -> None:
    first = parse(written(make_report()))
    again = parse(written(make_report(verdict="pass")))
    next_day = parse(written(make_report(run_id="20261124T060000Z-aaaaaa")))
    elsewhere = parse(written(make_report(coverage=[make_coverage(project_id=PROJECT[::-1])])))
    assert re.fullmatch(r"<[0-9a-f]{16}@example\.com>", first["Message-ID"])
    assert first["Message-ID"] == again["Message-ID"] != next_day["Message-ID"]
    assert first["References"] == first["In-Reply-To"] == next_day["References"] != elsewhere["References"]


@pytest.mark.parametrize("domain", ["example.com", "a.very.long." + "domain-name." * 18 + "example", "localhost"])
def test_no_identifier_is_long_enough_to_be_encoded(domain: str) -> None:
    raw = written(settings=settings_with(mail_from=f"audit@{domain}"[:254]))
    mail = parse(raw)
    assert len(mail["Message-ID"]) < 60
    for name in ("Message-ID", "References", "In-Reply-To"):
        assert re.fullmatch(r"<[^@<>\s]+@[^@<>\s.-][^@<>\s]*[^@<>\s.-]>", mail[name])
    assert encoded_headers(raw) == set()


def test_up_to_ten_recipients_see_each_other_and_more_do_not() -> None:
    ten = [f"user{number}@example.com" for number in range(10)]
    assert parse(written(settings=settings_with(mail_to=",".join(ten))))["To"] == ", ".join(ten)
    raw = written(settings=settings_with(mail_to=",".join([*ten, "boss@example.com"])))
    assert parse(raw)["To"] == "undisclosed-recipients:;"
    assert b"boss@example.com" not in raw


def test_hidden_recipients_get_the_mail(relay: Start, mail_settings: MakeSettings, deadline: Deadline) -> None:
    server = relay()
    many = [f"user{number}@example.com" for number in range(11)]
    settings = mail_settings(server.port, mail_to=",".join(many))
    detail = send_mail(make_report(), settings, deadline, html=HTML, text=TEXT, findings_csv=None)
    assert detail == "accepted for 11 of 11 recipients"
    assert server.mailbox.envelopes[0].rcpt_tos == many


@pytest.mark.parametrize("local", ["a..b", "o'hara+audit", "first.last", "-x", "a!b%c"])
def test_every_address_that_the_settings_take_can_be_written(local: str) -> None:
    settings = settings_with(mail_from=f"{local}@example.com", mail_to=f"{local}@example.com")
    mail = parse(written(settings=settings))
    assert [(one.username, one.domain) for one in mail["To"].addresses] == [(local, "example.com")]
    assert mail["From"].addresses[0].username == local


def encoded_headers(raw: bytes) -> set[str]:
    """The headers, also of parts, that hold an encoded word."""
    heads = re.findall(rb"^([A-Za-z-]+):((?:[^\r]|\r\n[ \t])*)\r\n", raw, re.MULTILINE)
    return {name.decode() for name, value in heads if b"=?" in value}


def assert_goes_over_any_wire(raw: bytes) -> None:
    assert max(raw) < 128
    assert b"transfer-encoding: 8bit" not in raw.lower()
    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert all(b"\r" not in line and b"\n" not in line for line in lines)
    assert encoded_headers(raw) <= {"Subject"}
    for word in re.findall(rb"=\?\S*\?=", raw.partition(b"\r\n\r\n")[0]):
        assert len(word) <= 75  # RFC 2047, 2


# Surrogates and what Python's own folding chokes on are part of it.
hostile = st.text() | st.text('=?utf-8Qbq_0aAD:\r\n\0 \u2028\u202eäß@<>,;"\\', max_size=120)
header_attacks = st.sampled_from(
    [
        "x\r\nBcc: evil@example.com",
        "x\nBcc: evil@example.com",
        "x\u2028Bcc: evil@example.com",
        "=?utf-8?q?=0d=0aBcc:_evil@example.com?=",
        "=?utf-8?b?DQpCY2M6IGV2aWxAZXhhbXBsZS5jb20=?=",
        "=\u200b?utf-8?q?=0aBcc:_evil?=",
        "\x00\x1b[31m\ud800",
    ]
)


@settings(deadline=None)
@given(headline=hostile | header_attacks, name=hostile | header_attacks)
def test_no_name_adds_a_header_or_breaks_one(headline: str, name: str) -> None:
    raw = written(make_report(headline=headline, coverage=[make_coverage(name=name)]))
    mail = parse(raw)
    assert list(mail.keys()) == HEADERS
    assert raw.partition(b"\r\n\r\n")[0].lower().count(b"\r\nbcc") == 0
    subject = str(mail["Subject"]).strip()  # Python may begin it on the second line, as RFC 5322, 2.2.3 allows
    assert subject.startswith("[FAIL] CBR audit")
    assert one_line(subject).split() == subject.split()
    assert_goes_over_any_wire(raw)


@settings(deadline=None)
@given(html=hostile, text=hostile)
def test_every_text_goes_over_any_wire(html: str, text: str) -> None:
    raw = written(html=html, text=text)
    assert_goes_over_any_wire(raw)
    sent = text.encode("utf-8", "replace")
    assert part(parse(raw), "plain").encode().splitlines() == (sent.splitlines() or [b""])


@pytest.mark.parametrize("text", ["ü" * 5000, "x" * 5000, ".\r\n.\r\nFrom me\n", "日本" * 3000])
def test_long_lines_and_dots_arrive_as_they_were(
    text: str, relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    server = relay()
    send_mail(make_report(), mail_settings(server.port), deadline, html=text, text=text, findings_csv=None)
    [mail], [raw] = server.mailbox.mails, server.mailbox.raw
    assert_goes_over_any_wire(raw)
    assert part(mail, "plain").splitlines() == text.splitlines()
    assert part(mail, "html").splitlines() == text.splitlines()


def test_large_findings_are_compressed(tmp_path: Path) -> None:
    path = tmp_path / "findings.csv"
    rows = io.StringIO()
    csv.writer(rows).writerows(("sha256:5d1c", "backup-error", number) for number in range(60_000))
    path.write_text(rows.getvalue())
    attachment = attach(path)
    assert attachment is not None
    assert attachment.name == "findings.csv.gz"
    assert gzip.decompress(attachment.content) == path.read_bytes()
    assert attachment == attach(path)
    [_, attached] = parse(written(attachment=attachment)).iter_parts()
    assert (attached.get_content_type(), attached.get_filename()) == ("application/gzip", "findings.csv.gz")


def incompressible(path: Path, size: int) -> Path:
    """Bytes that gzip cannot shorten, the same every time."""
    path.write_bytes(random.Random(0).randbytes(size))
    return path


def test_findings_of_a_megabyte_go_as_they_are_and_one_byte_more_is_compressed(tmp_path: Path) -> None:
    assert getattr(attach(incompressible(tmp_path / "a.csv", 1_000_000)), "name", None) == "findings.csv"
    assert getattr(attach(incompressible(tmp_path / "b.csv", 1_000_001)), "name", None) == "findings.csv.gz"


def test_findings_that_are_too_large_even_so_are_left_out_and_both_texts_say_so(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline, tmp_path: Path
) -> None:
    server = relay()
    path = incompressible(tmp_path / "findings.csv", 4_000_000)
    detail = send_mail(make_report(), mail_settings(server.port), deadline, html=HTML, text=TEXT, findings_csv=path)
    [mail] = server.mailbox.mails
    sentence = "findings.csv is not attached: even compressed it is larger than 5 MB; set AUDITOR_OUT to have it"
    assert sentence in detail
    assert sentence in part(mail, "plain").replace("\r\n", " ")
    assert f"<p>{sentence} in a folder.</p>\n</body>" in part(mail, "html").replace("\r\n", "\n")
    assert mail.get_content_type() == "multipart/alternative"


def test_what_is_attached_stays_below_five_megabytes_on_the_wire(tmp_path: Path) -> None:
    path = incompressible(tmp_path / "findings.csv", 3_640_000)
    attachment = attach(path)
    assert attachment is not None
    assert 4_900_000 < len(written(attachment=attachment)) < 5_010_000


def test_a_relay_with_a_smaller_limit_gets_the_mail_without_findings(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline, tmp_path: Path
) -> None:
    server = relay(data_size_limit=20_000)
    path = incompressible(tmp_path / "findings.csv", 30_000)
    settings = mail_settings(server.port, out=tmp_path)
    detail = send_mail(make_report(), settings, deadline, html=HTML, text=TEXT, findings_csv=path)
    sentence = "findings.csv is not attached: the relay takes no mail of that size; it is in the folder of AUDITOR_OUT."
    assert detail == f"accepted for 1 of 1 recipients; {sentence}"
    [mail] = server.mailbox.mails
    assert sentence in part(mail, "plain").replace("\r\n", " ")
    assert not list(mail.iter_attachments())


def test_some_refused_is_a_failure_that_names_everybody(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    server = relay(handler=Mailbox({"gone@example.com": ["550 5.1.1 no such user"]}))
    settings = mail_settings(server.port, mail_to="a@example.com,gone@example.com,b@example.com")
    with pytest.raises(DeliveryError) as caught:
        send_mail(make_report(), settings, deadline, html=HTML, text=TEXT, findings_csv=None)
    assert str(caught.value) == (
        "accepted for 2 of 3 recipients (a@example.com, b@example.com); the others were refused: "
        "gone@example.com: 550 5.1.1 no such user. Check AUDITOR_MAIL_TO."
    )
    assert len(server.mailbox.raw) == 1


def test_all_refused_is_a_failure_that_names_everybody(
    relay: Start, mail_settings: MakeSettings, deadline: Deadline
) -> None:
    denied = ["554 5.7.1 Relay access denied"]
    server = relay(login=False, handler=Mailbox({"a@example.com": denied, "b@example.com": denied}))
    settings = mail_settings(server.port, mail_to="a@example.com,b@example.com", smtp_username=None, smtp_password=None)
    with pytest.raises(DeliveryError) as caught:
        send_mail(make_report(), settings, deadline, html=HTML, text=TEXT, findings_csv=None)
    assert str(caught.value) == (
        "nobody was accepted: a@example.com: 554 5.7.1 Relay access denied; "
        "b@example.com: 554 5.7.1 Relay access denied. "
        "Check AUDITOR_MAIL_TO, or log in with AUDITOR_SMTP_USERNAME and AUDITOR_SMTP_PASSWORD."
    )


def test_a_note_goes_to_the_end_of_html_without_a_body_too() -> None:
    mail = parse(written(html="<b>FAIL</b>", note="a < b"))
    assert part(mail, "html").strip() == "<b>FAIL</b><p>a &lt; b</p>"


def test_the_date_is_when_the_run_ended() -> None:
    assert parse(written(make_report(finished_at=NOW)))["Date"].datetime == NOW
