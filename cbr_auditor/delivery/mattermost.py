"""Mattermost: Markdown over an incoming webhook (the server splits a text of more than 16,383 characters)."""

import re
from html import escape

import msgspec

from cbr_auditor.delivery.chat import Chat, Markings, Paragraphs, calm, fit
from cbr_auditor.render import Renderer
from cbr_auditor.report import Report
from cbr_auditor.text import one_line

_LONGEST = 12_000  # characters
_COLOURS = {"pass": "#2e7d32", "warn": "#b26a00", "fail": "#c62828", "incomplete": "#6a1b9a"}

_MARKDOWN = str.maketrans(
    {
        "[": "\\[",
        "]": "\\]",
        "\\": "\N{REVERSE SOLIDUS OPERATOR}",
        "|": "\N{BROKEN BAR}",
        "$": "\N{FULLWIDTH DOLLAR SIGN}",
    }
)
_LINE_START = str.maketrans({"-": "\N{HYPHEN}", "+": "\N{FULLWIDTH PLUS SIGN}", "=": "\N{FULLWIDTH EQUALS SIGN}"})
_NUMBER = re.compile(r"^(\d+)([.)])(?=\s|$)")
_WWW = re.compile(r"\b(www\d{0,3})\.", re.IGNORECASE)
_BARE_ADDRESS = re.compile(r"(\.\w{2,4})/")


def compose(report: Report, renderer: Renderer, rest: str) -> bytes:
    """The title as the post's text, the rest beside a coloured bar. Raises `DeliveryError`."""

    def build(paragraphs: Paragraphs) -> bytes | None:
        text = "\n\n".join("\n".join(lines) for lines in paragraphs)
        if len(text) > _LONGEST:
            return None
        attachment = {"fallback": one_line(report.title), "color": _COLOURS[report.verdict], "text": text}
        return msgspec.json.encode({"text": f"#### {_escape(report.title)}", "attachments": [attachment]})

    return fit(report, renderer, Markings(_escape, ("**", "**")), rest, build)


MATTERMOST = Chat(
    compose,
    {
        "Invalid webhook": "The webhook was removed: make a new one and set AUDITOR_MATTERMOST_WEBHOOK_URL.",
        "Incoming webhooks have been disabled": "Ask the server's admin to allow incoming webhooks.",
        "deleted channel": "The channel was archived: make a webhook for another one.",
    },
)


def _escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    text = escape(calm(text), quote=False).translate(_MARKDOWN)
    text = _BARE_ADDRESS.sub("\\1\N{DIVISION SLASH}", _WWW.sub("\\1\N{ONE DOT LEADER}", text))
    return _NUMBER.sub(r"\1\\\2", text[:1].translate(_LINE_START) + text[1:])
