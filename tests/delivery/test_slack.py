import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block
from slackblocks import _limits as limits

from cbr_auditor.delivery.slack import compose
from cbr_auditor.render import Renderer
from cbr_auditor.report import Report
from tests.delivery.reports import HOSTILE, huge_report, ordinary_report, report_saying, summary
from tests.fakes import make_report

REST = "All are in the mail's findings.csv."


def message(report: Report) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(compose(report, Renderer(), REST))
    return content


def texts(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Every text object of the blocks."""
    return [text for block in content["blocks"] for text in block.get("elements") or [block["text"]]]


def markdown(content: dict[str, Any]) -> str:
    return "\n".join(text["text"] for text in texts(content) if text["type"] == "mrkdwn")


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def assert_slack_takes_it(content: dict[str, Any]) -> None:
    """What slack_sdk refuses, and what it lets through although Slack does not (fields and limits of slackblocks)."""
    assert set(content) == {"text", "blocks", "unfurl_links", "unfurl_media"}
    assert 0 < len(content["text"]) <= 4000
    assert 0 < len(content["blocks"]) <= limits.MESSAGE_BLOCKS_MAX_ITEMS
    kinds = {
        "header": ({"type", "text"}, {"plain_text"}, limits.HEADER_TEXT_MAX_LENGTH),
        "section": ({"type", "text"}, {"mrkdwn"}, limits.SECTION_TEXT_MAX_LENGTH),
        "context": ({"type", "elements"}, {"mrkdwn"}, limits.TEXT_MAX_LENGTH),
    }
    for block in content["blocks"]:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()
        keys, types, longest = kinds[block["type"]]
        assert set(block) == keys
        assert len(block.get("elements", [])) <= limits.CONTEXT_ELEMENTS_MAX_ITEMS
        for text in block.get("elements") or [block["text"]]:
            assert text["type"] in types
            assert len(text["text"]) >= limits.TEXT_MIN_LENGTH
            assert utf16(text["text"]) <= longest


def test_an_ordinary_report_reads_well() -> None:
    content = message(ordinary_report())
    assert_slack_takes_it(content)
    assert content["text"] == "[FAIL, INCOMPLETE] CBR audit eu-de: 15 high findings in 204 backups"
    assert content["blocks"][0]["text"]["text"] == content["text"]
    said = markdown(content)
    assert "*15* high, *2* medium, *40* low in 204 backups of 31 resources" in said
    assert "*Not seen in eu-de*\n• cbr.eu-de.otc.t-systems.com answered 502." in said
    assert "*HIGH Backup failed*, 3 found\n• *erp-db-01*, autobk_0000: the backup failed, since 2026-11-23" in said
    assert "*HIGH Backup is not encrypted*, 12 found, 2 undecided\n" in said
    assert "• *[prod] files &amp; mail*, autobk_0002: " in said
    assert "at 01:30 UTC" in said
    assert said.count("→ Read the task's error, mend its cause, back up again.") == 4
    assert content["blocks"][-1]["type"] == "context"
    assert content["blocks"][-1]["elements"][0]["text"].endswith(
        "Run 20261123T060000Z-3f2a9c, 2026-11-23 07:00 CET, cbr-auditor 0.1.0"
    )


def test_what_is_left_out_is_counted_and_its_place_is_named() -> None:
    report = ordinary_report()
    said = markdown(message(report))
    shown = sum(1 + int(more or 0) for more in re.findall(r"^• \*.*?(?: and (\d+) more)?: ", said, re.MULTILINE))
    assert f"{57 + 2 - shown} more findings. {REST}" in said
    assert 10 <= shown <= 22


def test_a_good_morning_is_short() -> None:
    report = make_report(
        verdict="pass",
        headline="204 backups of 31 protected resources, nothing to do",
        reasons=[],
        groups=[],
        summary=summary([]),
    )
    content = message(report)
    assert_slack_takes_it(content)
    assert "No findings in 204 backups of 31 resources" in markdown(content)
    assert REST not in markdown(content)
    assert len(content["blocks"]) == 3


def assert_nothing_is_live(said: str, harmless: str) -> None:
    """What Slack acts on: entities' brackets, emphasis, emoji, quotes, addresses. The template's own bold stays."""
    bare = re.sub(r"&(amp|lt|gt);", "", said)
    assert not set("&<>@#~`") & set(bare)
    assert said.count("*") <= harmless.count("*")
    assert said.count("*") % 2 == 0
    assert not re.search(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", said)
    assert not re.search(r":[\w+'-]*[^\W\d][\w+'-]*:|:100:|://|\w:[A-Za-z/]", said)
    assert not re.search(r"^(&gt;|>)", said, re.MULTILINE)
    assert said.count("\n") <= harmless.count("\n")


HARMLESS = markdown(message(report_saying("harmless")))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_live(text: str) -> None:
    content = message(report_saying(text))
    assert_slack_takes_it(content)
    assert_nothing_is_live(markdown(content), HARMLESS)


@settings(deadline=None)
@given(text=st.text(max_size=60) | st.text("<>&*_~`:@#|/!a1 \n\\[]()-+.", max_size=40))
def test_no_text_whatever_is_live(text: str) -> None:
    content = message(report_saying(text))
    assert_slack_takes_it(content)
    assert_nothing_is_live(markdown(content), HARMLESS)
    assert_nothing_is_live(content["text"], "")


def test_slack_is_told_to_make_no_links_and_emoji_of_its_own() -> None:
    content = message(ordinary_report())
    for text in texts(content):
        if text["type"] == "mrkdwn":
            assert text["verbatim"] is True
        else:
            assert text["emoji"] is False
    assert content["unfurl_links"] is content["unfurl_media"] is False


@pytest.mark.parametrize("char", ["a", "&", "<", "ü", "😀", "_", "\\", "\x00", "日"])
def test_a_huge_report_fits_and_counts_what_is_left_out(char: str) -> None:
    report = huge_report(char * 255)
    content = message(report)
    assert_slack_takes_it(content)
    said = markdown(content)
    shown = len(re.findall(r"^• (\*|\S+?, | and )", said.replace("• and", ""), re.MULTILINE))
    left_out = re.search(r"([\d,]+) more findings, among them (\d+) rules not named here\. All are in", said)
    assert left_out is not None
    assert 5900 <= int(left_out[1].replace(",", "")) <= 6000 - shown + 200
    assert re.search(r"^(• )?And \d+ more", said, re.MULTILINE)


@pytest.mark.slow
def test_slacks_own_types_take_it(node_modules: Path, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(node_modules)
    lines = ['import type { KnownBlock } from "@slack/types";']
    reports = [ordinary_report(), huge_report("<&*" * 85), *(report_saying(text) for text in HOSTILE)]
    for number, report in enumerate(reports):
        lines.append(f"export const blocks{number}: KnownBlock[] = {json.dumps(message(report)['blocks'])};")
    header = {"type": "header", "text": {"type": "mrkdwn", "text": "no Markdown here"}}
    lines += ["// @ts-expect-error", f"export const bad: KnownBlock[] = [{json.dumps(header)}];"]
    (tmp_path / "message.ts").write_text("\n".join(lines))
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"]
    command = ["node", str(node_modules / "typescript" / "bin" / "tsc"), *options, "message.ts"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.stdout == ""
    assert result.returncode == 0
