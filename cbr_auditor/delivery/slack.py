"""Slack: Block Kit over an incoming webhook (docs.slack.dev: 50 blocks, 3000 characters a section, 150 a header)."""

from html import escape
from typing import Any

import msgspec

from cbr_auditor.delivery.chat import Chat, Markings, Paragraphs, calm, fit
from cbr_auditor.render import Renderer
from cbr_auditor.report import Report
from cbr_auditor.text import one_line

_MOST_BLOCKS = 50
_LONGEST_SECTION = 2900
_LONGEST_HEADER = 150
_WIDE = "\U00010000"  # from here on Slack counts a character as two


def compose(report: Report, renderer: Renderer, rest: str) -> bytes:
    """The message as Block Kit, with the title as what a notification shows. Raises `DeliveryError`."""

    def build(paragraphs: Paragraphs) -> bytes | None:
        *body, small_print = [_packed(paragraph) for paragraph in paragraphs]
        blocks = [_header(report.title)]
        blocks += [{"type": "section", "text": _text(text)} for texts in body for text in texts]
        blocks += [{"type": "context", "elements": [_text(text)]} for text in small_print]
        if len(blocks) > _MOST_BLOCKS or any(_length(text) > _LONGEST_SECTION for text in _texts(blocks)):
            return None
        message = {"text": _escape(report.title), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}
        return msgspec.json.encode(message)

    return fit(report, renderer, Markings(_escape, ("*", "*")), rest, build)


_NOT_TAKEN = "Slack does not take this message: mend chat.md.j2 if it is your own, else report a defect."
SLACK = Chat(
    compose,
    {
        "invalid_payload": _NOT_TAKEN,
        "invalid_blocks": _NOT_TAKEN,
        "no_service": "The webhook was removed: make a new one and set AUDITOR_SLACK_WEBHOOK_URL.",
        "no_team": "The workspace is gone: make a new webhook and set AUDITOR_SLACK_WEBHOOK_URL.",
        "channel_not_found": "The channel was deleted: make a new webhook and set AUDITOR_SLACK_WEBHOOK_URL.",
        "channel_is_archived": "Unarchive the channel, or make a webhook for another one.",
        "action_prohibited": "An admin of the workspace restricts posting: ask there.",
    },
)


def _escape(text: str) -> str:
    return escape(calm(text), quote=False)


def _header(title: str) -> dict[str, Any]:
    """The title as plain text, in which Slack sees neither formatting nor mentions."""
    text = one_line(title, _LONGEST_HEADER if max(title) < _WIDE else _LONGEST_HEADER // 2)
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _text(text: str) -> dict[str, Any]:
    """Text with formatting, but without links that Slack makes up of what looks like one."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _texts(blocks: list[dict[str, Any]]) -> list[str]:
    return [part["text"] for block in blocks for part in block.get("elements") or [block["text"]]]


def _packed(lines: list[str]) -> list[str]:
    """The lines in as few texts as a section's length allows."""
    texts: list[str] = []
    for line in lines:
        longer = f"{texts[-1]}\n{line}" if texts else line
        if texts and _length(longer) <= _LONGEST_SECTION:
            texts[-1] = longer
        else:
            texts.append(line)
    return texts


def _length(text: str) -> int:
    """The length as Slack counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2
