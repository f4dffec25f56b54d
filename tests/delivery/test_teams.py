import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft6Validator
from playwright.sync_api import Browser

from cbr_auditor.delivery.teams import compose
from cbr_auditor.render import Renderer
from cbr_auditor.report import Report
from cbr_auditor.text import one_line
from tests.delivery.reports import HOSTILE, huge_report, ordinary_report, report_saying
from tests.fakes import make_report

REST = "All are in the mail's findings.csv."
SCHEMA = json.loads((files("adaptive_cards") / "schemas" / "schema-1.5.json").read_text(encoding="utf-8-sig"))


def message(report: Report) -> dict[str, Any]:
    body = compose(report, Renderer(), REST)
    assert len(body) <= 20_000
    content: dict[str, Any] = json.loads(body)
    return content


def card(content: dict[str, Any]) -> dict[str, Any]:
    """The card, after a look at what is around it."""
    assert set(content) == {"type", "attachments"}
    assert content["type"] == "message"
    [attachment] = content["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["contentUrl"] is None
    found: dict[str, Any] = attachment["content"]
    return found


def assert_teams_takes_it(content: dict[str, Any]) -> None:
    found = dict(card(content))
    assert found.pop("msteams") == {"width": "Full"}
    assert found["version"] == "1.4"
    Draft6Validator.check_schema(SCHEMA)
    Draft6Validator(SCHEMA).validate(found)


def lines(content: dict[str, Any]) -> list[str]:
    return ["".join(run["text"] for run in block["inlines"]) for block in card(content)["body"]]


def elements(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from elements(part)


def test_the_schema_knows_a_bad_card() -> None:
    bad = {"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "RichTextBlock", "spacing": "huge"}]}
    assert not Draft6Validator(SCHEMA).is_valid(bad)


def test_an_ordinary_report_reads_well() -> None:
    content = message(ordinary_report())
    assert_teams_takes_it(content)
    said = lines(content)
    assert said[0] == "[FAIL, INCOMPLETE] CBR audit eu-de: 15 high findings in 204 backups"
    assert "15 high, 2 medium, 40 low in 204 backups of 31 resources" in said
    assert "HIGH Backup failed, 3 found" in said
    assert "• [prod] files & mail, autobk_0002: the backup failed, since 2026-11-21 07:00 CET" in said
    assert said[-1] == "Run 20261123T060000Z-3f2a9c, 2026-11-23 07:00 CET, cbr-auditor 0.1.0"
    assert any(f"more findings. {REST}" in line for line in said)


def test_bold_is_bold_and_the_rest_is_not() -> None:
    body = card(message(ordinary_report()))["body"]
    [line] = [block for block in body if block["inlines"][0]["text"] == "HIGH Backup failed"]
    assert [(run["text"], run.get("weight")) for run in line["inlines"]] == [
        ("HIGH Backup failed", "Bolder"),
        (", 3 found", None),
    ]


@pytest.mark.parametrize(
    ("verdict", "colour"),
    [("pass", "Good"), ("warn", "Warning"), ("fail", "Attention"), ("incomplete", "Warning")],
)
def test_the_title_has_the_verdicts_colour(verdict: str, colour: str) -> None:
    content = message(make_report(verdict=verdict))
    assert_teams_takes_it(content)
    [run] = card(content)["body"][0]["inlines"]
    assert run["color"] == colour
    assert run["text"].startswith(f"[{verdict.upper()}] ")


def assert_nothing_is_live(content: dict[str, Any]) -> None:
    """Markdown is read in TextBlock, mentions need entities, links need actions: only runs of plain text are there."""
    found = card(content)
    assert {element["type"] for element in elements(found["body"])} <= {"RichTextBlock", "TextRun"}
    assert set(found) == {"$schema", "type", "version", "body", "msteams"}
    for element in elements(found["body"]):
        if element["type"] == "TextRun":
            assert set(element) <= {"type", "text", "weight", "size", "color", "isSubtle"}
            assert element["text"]
            assert one_line(element["text"], 2000).split() == element["text"].split()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_live_and_each_is_shown_as_it_is(text: str) -> None:
    content = message(report_saying(text))
    assert_teams_takes_it(content)
    assert_nothing_is_live(content)
    clean = " ".join(one_line(text, 60).split())
    assert any(line.startswith(f"• {clean}") for line in lines(content))


@settings(max_examples=25, deadline=None)  # the schema takes its time
@given(text=st.text(max_size=60) | st.text("<>&*_~`:@#|/!a1 \n\\[]()\x02\x03-+.", max_size=40))
def test_no_text_whatever_is_live(text: str) -> None:
    content = message(report_saying(text))
    assert_teams_takes_it(content)
    assert_nothing_is_live(content)


@pytest.mark.parametrize("char", ["a", '"', "\\", "ü", "😀", "\x00", "日", "\ud800"])
def test_a_huge_report_fits_and_counts_what_is_left_out(char: str) -> None:
    content = message(huge_report(char * 255))
    assert_teams_takes_it(content)
    said = lines(content)
    assert any("more findings, among them " in line and "rules not named here" in line for line in said)
    assert any(re.fullmatch(r"(• )?And \d+ more.*", line) for line in said)


# Draws a card as its JavaScript renderer does, and gives back what that complains about and what is on the page.
DRAW = """([card]) => {
  const drawn = new AdaptiveCards.AdaptiveCard();
  const context = new AdaptiveCards.SerializationContext();
  drawn.parse(card, context);
  document.body.replaceChildren(drawn.render());
  const parsing = Array.from({length: context.eventCount}, (_, i) => context.getEventAt(i).message);
  const checking = drawn.validateProperties().validationEvents.map(event => event.message);
  const live = document.body.querySelectorAll("a, img, button, input, script, ul, ol, strong, em, h1, h2, code").length;
  return {complaints: [...parsing, ...checking], live, text: document.body.innerText};
}"""

# Whatever is read as Markdown becomes a link.
MARKDOWN = """AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
  result.outputHtml = "<a href='https://evil.example'>live</a>";
  result.didProcess = true;
};"""


@pytest.mark.slow
def test_a_browser_draws_every_text_as_it_is(node_modules: Path, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.add_script_tag(path=node_modules / "adaptivecards" / "dist" / "adaptivecards.min.js")
    page.add_script_tag(content=MARKDOWN)
    for text in HOSTILE:
        content = message(report_saying(text))
        drawn = page.evaluate(DRAW, [card(content)])
        assert drawn["complaints"] == []
        assert drawn["live"] == 0
        assert " ".join(" ".join(lines(content)).split()) == " ".join(drawn["text"].split())
    markdown = {"type": "TextBlock", "text": "would be Markdown"}
    assert page.evaluate(DRAW, [{"type": "AdaptiveCard", "version": "1.4", "body": [markdown]}])["live"] == 1
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert wide <= 390
