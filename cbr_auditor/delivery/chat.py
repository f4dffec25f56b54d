"""What all chats share: one template, text made harmless, and as many findings as a message may hold."""

import re
from collections.abc import Callable, Mapping

import jinja2
import msgspec
from markupsafe import Markup

from cbr_auditor.errors import DeliveryError
from cbr_auditor.excerpt import Room, excerpt
from cbr_auditor.render import Renderer
from cbr_auditor.report import Report
from cbr_auditor.text import one_line

TEMPLATE = "chat.md.j2"
# From what a person still reads on a phone down to what always fits.
_ROOMS = (
    Room(findings=18, rules=12, targets=5, items=8, name=60, sentence=300),
    Room(findings=12, rules=12, targets=4, items=5, name=60, sentence=240),
    Room(findings=6, rules=6, targets=3, items=4, name=48, sentence=200),
    Room(findings=0, rules=6, targets=2, items=2, name=40, sentence=120),
    Room(findings=0, rules=2, targets=1, items=1, name=40, sentence=80),
)

Paragraphs = list[list[str]]
"""Lines of a rendered message; the last paragraph is its small print."""


class Chat(msgspec.Struct, frozen=True):
    """One kind of chat."""

    compose: Callable[[Report, Renderer, str], bytes]
    """Makes the JSON that its webhook takes; the text says where all findings are. Raises `DeliveryError`."""
    mends: Mapping[str, str]
    """What to do, by a word of its answer."""
    accepted: str = "accepted"
    """What a 2xx of its webhook means."""


class Markings(msgspec.Struct, frozen=True):
    """How a chat writes text."""

    escape: Callable[[str], str]
    """Makes one line of text that has no effect but to be read."""
    bold: tuple[str, str]
    """What stands before and after bold text."""


def fit(
    report: Report, renderer: Renderer, markings: Markings, rest: str, build: Callable[[Paragraphs], bytes | None]
) -> bytes:
    """Render the message with less and less in it until `build` can make a body of it; it gives None where it cannot.

    `rest` says where everything is. Raises `DeliveryError` for a template that fails or never fits.
    """
    for room in _ROOMS:
        body = build(_render(report, renderer, markings, rest, room))
        if body is not None:
            return body
    raise DeliveryError(f"{TEMPLATE} makes a message that is too long", "Shorten it, or use ours.")


def _render(report: Report, renderer: Renderer, markings: Markings, rest: str, room: Room) -> Paragraphs:
    shown = excerpt(report, room)
    findings = report.failures + report.summary.unknown
    left_out = {
        "findings": max(0, findings - sum(len(group.failed) + len(group.unknown) for group in shown.groups)),
        "rules": len(report.groups) - len(shown.groups),
    }
    before, after = markings.bold

    def bold(value: object) -> Markup:
        text = markings.escape(str(value))
        return Markup(f"{before}{text}{after}" if text else "")  # noqa: S704  # escaped for this chat

    try:
        template = renderer.environment(escape=markings.escape).get_template(TEMPLATE)
        text = template.render(report=shown, left_out=left_out, rest=rest, bold=bold)
    except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
        raise DeliveryError(
            f"{TEMPLATE} cannot be rendered: {type(problem).__name__}: {one_line(str(problem))}",
            "Mend it, or remove it from AUDITOR_TEMPLATES_FOLDER to use ours.",
        ) from None
    blocks = re.split(r"\n\s*\n", text.strip())
    return [[line.strip() for line in block.splitlines()] for block in blocks]


# Characters that look like those with which a chat begins formatting, mentions or emoji. Neither Slack nor Mattermost
# has an escape that holds everywhere: Mattermost looks for mentions, channels and hashtags behind a backslash too.
_ALIKE = str.maketrans(
    {
        "@": "\N{FULLWIDTH COMMERCIAL AT}",
        "#": "\N{FULLWIDTH NUMBER SIGN}",
        "*": "\N{ASTERISK OPERATOR}",
        "`": "\N{MODIFIER LETTER GRAVE ACCENT}",
        "~": "\N{TILDE OPERATOR}",
    }
)
# Stays: a colon before a space, as in "it is: this", and one between two digits each, as in 10:30.
_COLON = re.compile(r"(?<!\d\d):(?!\s)|:(?!\s|\d\d(?!\w))")
# Stays: an underscore inside a word.
_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def calm(text: str) -> str:
    """`text` on one line, in which nothing is formatting, a mention, a channel, a named emoji or an address.

    A name keeps its inner underscores, a time its colons: chats do not act on those.
    """
    text = " ".join(one_line(text, 1000).split()).translate(_ALIKE)
    text = _UNDERSCORE.sub("\N{MODIFIER LETTER LOW MACRON}", _COLON.sub("\N{RATIO}", text))
    return f"\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}{text[1:]}" if text.startswith(">") else text
