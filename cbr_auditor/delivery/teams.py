"""Teams: an Adaptive Card 1.4 for a Workflows webhook.

Every text is a TextRun, in which Teams sees no Markdown and no mention (learn.microsoft.com, Adaptive Cards, TextRun),
so a name is shown as it is.
"""

from typing import Any

import msgspec

from cbr_auditor.delivery.chat import Chat, Markings, Paragraphs, fit
from cbr_auditor.render import Renderer
from cbr_auditor.report import Report
from cbr_auditor.text import one_line

_LARGEST = 20_000  # bytes; Teams takes about 28 KB, of which it needs some itself
_BOLD = ("\x02", "\x03")  # never part of a text: one_line removes control characters
_COLOURS = {"pass": "Good", "warn": "Warning", "fail": "Attention", "incomplete": "Warning"}


def compose(report: Report, renderer: Renderer, rest: str) -> bytes:
    """The message that a "When a Teams webhook request is received" flow posts. Raises `DeliveryError`."""

    def build(paragraphs: Paragraphs) -> bytes | None:
        title = {"size": "Medium", "weight": "Bolder", "color": _COLOURS[report.verdict]}
        blocks = [_block(_escape(report.title), "None", title)]
        for paragraph in paragraphs:
            style = {"size": "Small", "isSubtle": True} if paragraph is paragraphs[-1] else {}
            blocks += [_block(line, "None" if number else "Medium", style) for number, line in enumerate(paragraph)]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": blocks,
            "msteams": {"width": "Full"},
        }
        attachment = {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": None,
            "content": card,
        }
        message = msgspec.json.encode({"type": "message", "attachments": [attachment]})
        return message if len(message) <= _LARGEST else None

    return fit(report, renderer, Markings(_escape, _BOLD), rest, build)


TEAMS = Chat(
    compose,
    {
        "DirectApiAuthorizationRequired": "Let anyone trigger the flow, then set AUDITOR_TEAMS_WEBHOOK_URL anew.",
        "WorkflowTriggerIsNotEnabled": "Turn the flow on in Power Automate.",
        "WorkflowNotFound": "The flow was deleted: make a new one and set AUDITOR_TEAMS_WEBHOOK_URL.",
    },
    accepted="accepted; whether the flow posted it stands in its run history",
)


def _escape(text: str) -> str:
    return " ".join(one_line(text, 500).split())


def _block(line: str, spacing: str, style: dict[str, Any]) -> dict[str, Any]:
    """One line, with its bold parts."""
    runs = []
    for part in line.split(_BOLD[0]):
        bold, mark, plain = part.rpartition(_BOLD[1])
        if mark:
            runs.append({"type": "TextRun", "text": bold, **style, "weight": "Bolder"})
        if plain:
            runs.append({"type": "TextRun", "text": plain, **style})
    return {"type": "RichTextBlock", "spacing": spacing, "inlines": runs}
