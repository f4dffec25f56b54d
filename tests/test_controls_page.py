"""The page about frameworks and clauses: what it says, and in a real browser how it looks."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from cbr_auditor.report import Report
from cbr_auditor.text import one_line
from tests.fakes import make_clause, make_framework, make_report, make_rule_result
from tests.pages import full_report, green_report, incomplete_report, unaudited_report
from tests.test_page import NPM, SCHEMES, fits, hostile, long_names, unreadable
from tests.test_render import RENDERER
from tests.test_render import Page as Parsed

REPORTS = [full_report, green_report, incomplete_report, unaudited_report, long_names, hostile]


def words(report: Report) -> str:
    return Parsed(RENDERER.controls(report)).words


def test_it_answers_what_an_auditor_asks_in_a_year() -> None:
    said = words(full_report())
    for part in (
        "FAIL, INCOMPLETE Evidence for controls CBR audit of eu-de, 2026-11-23 07:00 CET",
        "Run 20261123T060000Z-3f2a9c Started 2026-11-23 07:00:00 CET (2026-11-23 06:00:00 UTC)",
        "Verdict FAIL, INCOMPLETE: 1,034 high findings in 2,040 backups Complete no Profile essential, 7 rules on",
        "ISO 27001:20221 with findings; 1 undecided; 1 waived; 1 no finding, in part; 1 no finding 1 1 0 1 1 1",
        "ISO/IEC 27001:2022, Annex A (ISO and IEC, edition 2022). Titles are ours",
        "A.8.13 Backups are made backup-error found 3 of 2,040 backups Nothing found by backup-unknown-status in",
        "in 2,040 backups Not everything was seen in eu-de. findings: 3",
        "undecided: 12 A.5.30",
        "waived: 2 A.5.34 Privacy",
        "The criteria bind the provider.",
        "OPS-08 Tests It is off. not assessed",
        "Listed 204 backups; the API counts 215 Complete no Unreadable 1 row",
        "Problem About 9 of 215 backups were not seen.",
        "Not looked at, by design or by setting: Backups that other projects share with this one.",
        "Backup has been in progress for too long backup-stuck, medium 2,038 3 0 0 2",
    ):
        assert part in said


def test_it_never_says_that_a_clause_is_complied_with() -> None:
    page = RENDERER.controls(full_report()).lower()
    assert "supports evidence for" in page
    assert not [word for word in ("compliant", "complies", "certified", "conform") if word in page]
    assert not [word for word in ("compliant", "complies") if word in RENDERER.html(full_report()).lower()]


def test_counts_of_a_rule_stand_beside_one_another() -> None:
    rule = make_rule_result(failed=3, unknown=2, waived=1, errors=4, checked=200)
    report = make_report(rules=[rule], frameworks=[make_framework(make_clause(findings=3))])
    assert "backup-error found 3, undecided 2, waived 1, crashed on 4 of 204 backups" in words(report)


def test_where_no_audit_was_made_it_says_so_first() -> None:
    assert words(unaudited_report()).partition("CBR audit")[0].endswith("NO AUDIT Evidence for controls ")


TEXTS = st.lists(st.text(max_size=40) | st.text("<>&\"'/=!-a {}%#", max_size=20), min_size=9, max_size=9)


@given(texts=TEXTS)
def test_no_text_becomes_an_element_or_an_attribute(texts: list[str]) -> None:
    def report_of(texts: list[str]) -> Report:
        names = dict(zip(("id", "name", "source", "note"), texts, strict=False))
        clause = make_clause(id=texts[4], title=texts[5], not_assessed=[texts[6]])
        rule = make_rule_result(title=texts[7])
        return make_report(frameworks=[make_framework(clause, **names)], rules=[rule], headline=texts[8])

    clean = [one_line(text) for text in texts]
    harmless = {text: f"x{number}" if text else "" for number, text in enumerate(dict.fromkeys(clean))}
    page = Parsed(RENDERER.controls(report_of(texts)))
    assert page.elements == Parsed(RENDERER.controls(report_of([harmless[text] for text in clean]))).elements
    assert all(text in page.text for text in clean[1:])


def test_an_operators_template_wins(tmp_path: Path) -> None:
    (tmp_path / "controls.html.j2").write_text("{{ report.frameworks[0].clauses[0].said }} <{{ '&' }}>")
    assert type(RENDERER)(tmp_path).controls(full_report()) == "findings: 3 <&amp;>"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("controls")
    files = {report.__name__: folder / f"{report.__name__}.html" for report in REPORTS}
    for report in REPORTS:
        files[report.__name__].write_text(RENDERER.controls(report()), encoding="utf-8")
    return files


@pytest.fixture
def visit(browser: Browser, rendered: dict[str, Path]) -> Iterator[Callable[[Callable[[], Report]], Page]]:
    """Opens a page; fails where it logs, throws, or requests anything but itself."""
    complaints: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url))

    def opened(report: Callable[[], Report]) -> Page:
        page.goto(rendered[report.__name__].as_uri())
        assert complaints.pop(0) == page.url
        return page

    yield opened
    page.close()
    assert not complaints


Visit = Callable[[Callable[[], Report]], Page]


@pytest.mark.parametrize("report", REPORTS)
def test_it_fits_every_width_and_can_be_read_in_both_schemes(visit: Visit, report: Callable[[], Report]) -> None:
    page = visit(report)
    for scheme in SCHEMES:
        assert not unreadable(page, scheme)
        for width in (320, 375, 768, 1280):
            assert fits(page, width), (scheme, width)


def test_on_paper_it_is_dark_on_white_and_keeps_its_colours(visit: Visit) -> None:
    page = visit(full_report)
    page.emulate_media(media="print", color_scheme="dark")
    style = page.evaluate("(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))")
    assert style == ["rgb(26, 33, 41)", "rgb(255, 255, 255)"]


def test_each_framework_can_be_jumped_to(visit: Visit) -> None:
    page = visit(full_report)
    targets = page.eval_on_selector_all("a", "links => links.map(link => document.querySelector(link.hash)?.tagName)")
    assert targets == ["SECTION"] * 2


@pytest.mark.slow
@pytest.mark.parametrize("report", REPORTS)
def test_html_validate_finds_nothing(rendered: dict[str, Path], report: Callable[[], Report]) -> None:
    command = ["node_modules/.bin/html-validate", "--config", "htmlvalidate.json", str(rendered[report.__name__])]
    judged = subprocess.run(command, cwd=NPM, capture_output=True, text=True, timeout=60, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("report", REPORTS)
def test_axe_finds_no_barrier(visit: Visit, report: Callable[[], Report], scheme: Any) -> None:
    page = visit(report)
    page.emulate_media(color_scheme=scheme)
    page.evaluate((NPM / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    judged: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    assert len(judged["passes"]) > 5
    assert not judged["violations"], json.dumps(judged["violations"], indent=1)
