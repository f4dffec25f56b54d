"""The mail: what people read in it, what their mail programs sort it by, and findings.csv."""

import gzip
import hashlib
import io
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import msgspec
from markupsafe import escape

from cbr_auditor.clock import Deadline
from cbr_auditor.delivery.smtp import Submission, submit
from cbr_auditor.errors import DeliveryError
from cbr_auditor.report import Report
from cbr_auditor.settings import Settings
from cbr_auditor.text import one_line

# Without cte_type the standard library sends 8bit text to relays that never offered 8BITMIME; at its own line length of
# 78 its encoded words grow longer than the 75 of RFC 2047, 2.
_POLICY = SMTP.clone(cte_type="7bit", max_line_length=76)
_MOST_VISIBLE = 10  # recipients that are named in the header To
_LARGEST_PLAIN = 1_000_000  # bytes of findings.csv that are attached as they are
_LARGEST_ENCODED = 5_000_000  # bytes: what the relays on a mail's way commonly take, with room for the text
_BASE64 = 78 / 57  # bytes that a line of base64 needs for the bytes that it carries
_LONGEST_SUBJECT = 200
_LONGEST_DOMAIN = 32  # so that no identifier is folded, which the standard library does by encoding it

_TOO_LARGE_TO_ATTACH = "findings.csv is not attached: even compressed it is larger than 5 MB"
_REFUSED_BY_SIZE = "findings.csv is not attached: the relay takes no mail of that size"


class Attachment(msgspec.Struct, frozen=True):
    """A file that goes with the mail."""

    name: str
    content: bytes


def send_mail(
    report: Report, settings: Settings, deadline: Deadline, *, html: str, text: str, findings_csv: Path | None
) -> str:
    """Mail the report and say who accepted it, in one sentence.

    Raises `DeliveryError` where anybody did not get it, naming who did and who did not.
    """
    attachment = attach(findings_csv) if findings_csv else None
    elsewhere = "it is in the folder of AUDITOR_OUT" if settings.out else "set AUDITOR_OUT to have it in a folder"
    note = f"{_TOO_LARGE_TO_ATTACH}; {elsewhere}." if findings_csv and attachment is None else ""
    messages = [(compose(report, settings, html=html, text=text, attachment=attachment, note=note), note)]
    if attachment is not None:
        note = f"{_REFUSED_BY_SIZE}; {elsewhere}."
        messages.append((compose(report, settings, html=html, text=text, attachment=None, note=note), note))
    submission = submit([message for message, _ in messages], settings.mail_to, settings, deadline)
    return _outcome(submission, messages[submission.used][1], settings)


def attach(findings_csv: Path) -> Attachment | None:
    """findings.csv, compressed where it is over 1 MB; None where that is still over 5 MB as the mail carries it."""
    if findings_csv.stat().st_size <= _LARGEST_PLAIN:
        return Attachment("findings.csv", findings_csv.read_bytes())
    packed = io.BytesIO()
    with findings_csv.open("rb") as file, gzip.GzipFile("findings.csv", "wb", fileobj=packed, mtime=0) as pack:
        while chunk := file.read(2**16):
            pack.write(chunk)
            if packed.tell() * _BASE64 > _LARGEST_ENCODED:
                return None
    content = packed.getvalue()
    return Attachment("findings.csv.gz", content) if len(content) * _BASE64 <= _LARGEST_ENCODED else None


def compose(
    report: Report, settings: Settings, *, html: str, text: str, attachment: Attachment | None, note: str
) -> bytes:
    """The mail as it goes over the wire. `note` is put at the end of what people read."""
    message = EmailMessage(policy=_POLICY)
    _add_headers(message, report, settings)
    message.set_content(_encodable(f"{text.rstrip()}\n\n{note}\n" if note else text))
    message.add_alternative(_encodable(_with_note(html, note)), subtype="html")
    if attachment is not None:
        maintype, subtype = ("text", "csv") if attachment.name.endswith(".csv") else ("application", "gzip")
        message.add_attachment(attachment.content, maintype=maintype, subtype=subtype, filename=attachment.name)
    return message.as_bytes()


def _add_headers(message: EmailMessage, report: Report, settings: Settings) -> None:
    sender = settings.mail_from or ""
    username, _, domain = sender.rpartition("@")
    ident_domain = domain[-_LONGEST_DOMAIN:].strip("-.")
    projects = sorted(f"{target.region}/{target.project_id}" for target in report.coverage)
    root = f"<cbr-audit.{_digest(*projects)}@{ident_domain}>"
    message["Subject"] = _header(report.title)
    message["From"] = Address("CBR audit", username, domain)
    message["To"] = _visible(settings.mail_to)
    message["Date"] = report.finished_at
    message["Message-ID"] = f"<{_digest(report.run_id)}@{ident_domain}>"
    message["In-Reply-To"] = root
    message["References"] = root
    message["List-Id"] = f"CBR audit <cbr-audit.{ident_domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-CBR-Audit-Verdict"] = report.verdict


def _visible(recipients: Sequence[str]) -> list[Address] | str:
    """Who is named in the mail; many recipients are not shown to each other."""
    if len(recipients) > _MOST_VISIBLE:
        return "undisclosed-recipients:;"
    parts = (address.rpartition("@") for address in recipients)
    return [Address("", username, domain) for username, _, domain in parts]


def _header(text: str) -> str:
    """`text` for a header. The standard library would decode `=?`, and what comes out may hold a line break."""
    return one_line(text, _LONGEST_SUBJECT).replace("=?", "= ?")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _with_note(html: str, note: str) -> str:
    if not note:
        return html
    end = html.lower().rfind("</body>")
    end = len(html) if end < 0 else end
    return f"{html[:end]}<p>{escape(note)}</p>\n{html[end:]}"


def _encodable(text: str) -> str:
    """`text` with a question mark for each lone surrogate, which UTF-8 has no bytes for."""
    return text.encode("utf-8", "replace").decode()


def _outcome(submission: Submission, note: str, settings: Settings) -> str:
    accepted, refused = submission.accepted, submission.refused
    total = len(accepted) + len(refused)
    what = f"accepted for {len(accepted)} of {total} recipients"
    if not refused:
        return f"{what}; {note}" if note else what
    reasons = "; ".join(f"{address}: {said}" for address, said in refused.items())
    if accepted:
        what += f" ({', '.join(accepted)}); the others were refused: {reasons}"
    else:
        what = f"nobody was accepted: {reasons}"
    login = "" if settings.smtp_username else ", or log in with AUDITOR_SMTP_USERNAME and AUDITOR_SMTP_PASSWORD"
    raise DeliveryError(what, f"Check AUDITOR_MAIL_TO{login}.")
