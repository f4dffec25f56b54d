import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cbr_auditor.delivery.mattermost import compose
from cbr_auditor.render import Renderer
from cbr_auditor.report import Report
from cbr_auditor.text import one_line
from tests.delivery.reports import HOSTILE, huge_report, ordinary_report, report_saying
from tests.fakes import make_report

REST = "All are in the mail's findings.csv."
# Mattermost reads GitHub's Markdown and breaks lines where they are broken.
MARKDOWN = MarkdownIt("commonmark", {"breaks": True}).enable(["table", "strikethrough"])


def message(report: Report) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(compose(report, Renderer(), REST))
    assert set(content) == {"text", "attachments"}
    [attachment] = content["attachments"]
    assert set(attachment) == {"fallback", "color", "text"}
    assert len(content["text"]) <= 4000
    assert len(attachment["text"]) <= 12_000
    assert "\n" not in content["text"]
    assert one_line(attachment["fallback"]) == attachment["fallback"]
    return content


def body(content: dict[str, Any]) -> str:
    text: str = content["attachments"][0]["text"]
    return text


def shown(text: str) -> list[tuple[str, str]]:
    """What a Markdown reader makes of it: (kind, text) of every piece."""
    pieces = []
    for token in MARKDOWN.parse(text):
        pieces.append((token.type, ""))
        pieces += [(child.type, child.content) for child in token.children or []]
    return pieces


def plain(text: str) -> str:
    return "".join("\n" if kind == "softbreak" else content for kind, content in shown(text))


def test_an_ordinary_report_reads_well() -> None:
    content = message(ordinary_report())
    assert content["text"] == r"#### \[FAIL, INCOMPLETE\] CBR audit eu-de: 15 high findings in 204 backups"
    said = body(content)
    assert "**15** high, **2** medium, **40** low in 204 backups of 31 resources" in said
    assert "**HIGH Backup failed**, 3 found\n• **erp-db-01**, autobk_0000: the backup failed, since 2026-11-23" in said
    read = plain(said)
    assert "• [prod] files & mail, autobk_0002: the backup failed" in read
    assert "• web_prod_3, autobk_0001" in read
    assert "• 10.0.0.7, autobk_0004" in read
    assert "at 01:30 UTC" in read
    assert f"more findings. {REST}" in read
    assert read.endswith("Run 20261123T060000Z-3f2a9c, 2026-11-23 07:00 CET, cbr-auditor 0.1.0")


@pytest.mark.parametrize("verdict", ["pass", "warn", "fail", "incomplete"])
def test_the_bar_has_the_verdicts_colour(verdict: str) -> None:
    colours = {v: message(make_report(verdict=v))["attachments"][0]["color"] for v in ("pass", "warn", "fail")}
    colour = message(make_report(verdict=verdict))["attachments"][0]["color"]
    assert re.fullmatch(r"#[0-9a-f]{6}", colour)
    assert len({*colours.values()}) == 3


def assert_nothing_is_live(said: str) -> None:
    """Markdown makes of it no more than paragraphs, breaks, headings and the template's bold; the rest is Mattermost's.

    It looks for mentions, channels, hashtags, emoji and addresses in the text behind the Markdown.
    """
    allowed = {"text", "text_special", "softbreak", "hardbreak", "inline", "strong_open", "strong_close"}
    allowed |= {"paragraph_open", "paragraph_close", "heading_open", "heading_close"}
    assert {kind for kind, _ in shown(said)} <= allowed
    read = plain(said)
    assert not re.search(r"[@~#$|`]", read)
    assert not re.search(r":[\w+-]*[^\W\d][\w+-]*:|:100:", read)
    assert not re.search(r"(https?|ftp|mailto|tel|mattermost):\S|\bwww\d{0,3}\.|\.\w{2,4}/", read, re.IGNORECASE)
    # The server makes Slack's links and mentions out of this before it reads Markdown.
    assert not set("<>") & set(said)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_live(text: str) -> None:
    content = message(report_saying(text))
    assert_nothing_is_live(body(content))
    assert_nothing_is_live(content["text"])


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=60) | st.text("<>&*_~`:@#|/!a1w. \n\\[]()-+=$", max_size=40))
def test_no_text_whatever_is_live(text: str) -> None:
    content = message(report_saying(text))
    assert_nothing_is_live(body(content))
    assert_nothing_is_live(content["text"])


@pytest.mark.parametrize(
    "text",
    [
        *("[a](http://b.example)", "`code`", "| a |\n|---|\n| b |", "- a", "1. a", "> a", "~~a~~", "*a*", "a\n\n    b"),
        *("@all", "~town", "#tag", ":smile:", "https://evil.example", "www.evil.example", "evil.com/x", "<b>"),
    ],
)
def test_the_judge_knows_what_is_live(text: str) -> None:
    with pytest.raises(AssertionError):
        assert_nothing_is_live(text)


@pytest.mark.parametrize("char", ["a", "[", "\\", "ü", "😀", "&", "日"])
def test_a_huge_report_fits_and_counts_what_is_left_out(char: str) -> None:
    said = plain(body(message(huge_report(char * 255))))
    assert re.search(r"[\d,]+ more findings, among them \d+ rules not named here\. All are in", said)
    assert re.search(r"^(• )?And \d+ more", said, re.MULTILINE)
