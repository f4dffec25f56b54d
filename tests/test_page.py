"""The page in a real browser: chromium, in both widths and both colour schemes."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from cbr_auditor.render import Renderer
from cbr_auditor.report import Report
from tests.pages import full_report, green_report, hostile_report, incomplete_report, unaudited_report

NPM = Path(__file__).parent / "npm"


def long_names() -> Report:
    return hostile_report("W" * 255, rules=4, targets=3)


def hostile() -> Report:
    return hostile_report("\"'><script>document.title='run'</script><img src=x onerror=alert(1)>文", rules=4)


REPORTS = [full_report, green_report, incomplete_report, unaudited_report, long_names, hostile]
SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]

# Every visible text with its own colour, the colour behind it, and what WCAG 2.2 (1.4.3) makes of the two.
CONTRASTS = """() => {
  const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = colour => colour.match(/[\\d.]+/g).map(Number);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility()) continue;
    const colours = [parse(getComputedStyle(element).color), behind(element)];
    const [light, dark] = colours.map(luminance).sort((a, b) => b - a);
    found.push({text, ratio: (light + 0.05) / (dark + 0.05), colours});
  }
  return found;
}"""

FITS = """() => {
  const page = document.documentElement, boxes = [...document.querySelectorAll("td, th, p")];
  const right = Math.max(...boxes.map(box => box.getBoundingClientRect().right));
  return page.scrollWidth <= page.clientWidth && right <= page.clientWidth;
}"""


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every report's page as a file, by the name of its factory."""
    folder = tmp_path_factory.mktemp("pages")
    files = {}
    for report in REPORTS:
        files[report.__name__] = folder / f"{report.__name__}.html"
        files[report.__name__].write_text(Renderer().html(report()), encoding="utf-8")
    return files


@pytest.fixture
def visit(browser: Browser, rendered: dict[str, Path]) -> Iterator[Callable[[Callable[[], Report]], Page]]:
    """Opens a page; fails where it logs, throws, or requests anything but itself."""
    complaints: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url))

    def opened(report: Callable[[], Report]) -> Page:
        page.goto(rendered[report.__name__].as_uri())
        assert complaints.pop(0) == page.url
        return page

    yield opened
    context.close()
    assert not complaints


Visit = Callable[[Callable[[], Report]], Page]


def fits(page: Page, width: int) -> bool:
    """Whether nothing has to be scrolled to the side, nor was cut off there."""
    page.set_viewport_size({"width": width, "height": 900})
    return bool(page.evaluate(FITS))


def unreadable(page: Page, scheme: Literal["light", "dark"]) -> list[dict[str, Any]]:
    """The texts whose contrast is less than WCAG's AA."""
    page.emulate_media(color_scheme=scheme)
    found = page.evaluate(CONTRASTS)
    assert len(found) > 15
    return [text for text in found if text["ratio"] < 4.5]


@pytest.mark.parametrize("report", REPORTS)
def test_the_page_fits_every_width_and_can_be_read_in_both_schemes(visit: Visit, report: Callable[[], Report]) -> None:
    page = visit(report)
    for scheme in SCHEMES:
        assert not unreadable(page, scheme)
        for width in (320, 375, 768, 1280):
            assert fits(page, width), (scheme, width)
    head = page.evaluate("document.querySelector('h1').getBoundingClientRect()")
    assert 600 < head["width"] <= 760
    assert abs(head["left"] + head["width"] / 2 - 1280 / 2) < 12


def test_the_dark_page_is_dark_and_the_light_one_light(visit: Visit) -> None:
    page = visit(green_report)
    for scheme, colour in (("light", "rgb(238, 241, 244)"), ("dark", "rgb(15, 20, 24)")):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # the two of the line above
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == colour


def test_without_its_style_block_the_page_still_fits_and_can_be_read(visit: Visit) -> None:
    page = visit(full_report)
    page.evaluate("document.querySelector('style').remove()")
    assert fits(page, 375)
    assert not unreadable(page, "dark")


def test_nothing_from_outside_runs(visit: Visit) -> None:
    page = visit(hostile)
    assert page.title().startswith("[FAIL, INCOMPLETE]")
    assert page.locator("script, img").count() == 0
    assert "<script>document.title='run'" in page.locator("h1").inner_text()


# Off in its settings: inline styles, `align` and tables without tbody are what mail programs need; a long title is cut.
@pytest.mark.slow
@pytest.mark.parametrize("report", REPORTS)
def test_html_validate_finds_nothing(rendered: dict[str, Path], report: Callable[[], Report]) -> None:
    command = ["node_modules/.bin/html-validate", "--config", "htmlvalidate.json", str(rendered[report.__name__])]
    judged = subprocess.run(command, cwd=NPM, capture_output=True, text=True, timeout=60, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr


@pytest.mark.slow
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("report", REPORTS)
def test_axe_finds_no_barrier(visit: Visit, report: Callable[[], Report], scheme: Literal["light", "dark"]) -> None:
    page = visit(report)
    page.emulate_media(color_scheme=scheme)
    page.evaluate((NPM / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8"))
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    judged: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    assert len(judged["passes"]) > 5
    assert not judged["violations"], json.dumps(judged["violations"], indent=1)
