import re
import shutil
import sys
import unicodedata
from collections.abc import Callable
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import Markup

from cbr_auditor.columns import columns
from cbr_auditor.errors import ReportError
from cbr_auditor.layout import resource_folder
from cbr_auditor.render import Renderer, by_resource, kind, not_seen, plural, shares
from cbr_auditor.report import Report, RuleGroup, Trigger
from cbr_auditor.text import one_line
from tests.fakes import make_coverage, make_finding, make_report, make_rule_result
from tests.pages import (
    MEND,
    PROBLEMS,
    REFUSAL,
    full_report,
    green_report,
    hostile_report,
    incomplete_report,
    unaudited_report,
)

GOLDEN = Path(__file__).parent / "data" / "golden"
RENDERER = Renderer()
REPORTS = [full_report, green_report, incomplete_report, unaudited_report]
HOSTILE = ["<", '"', "&", "'", "文", "🧨", "x", "\u0301", "<img src=x onerror=alert(1)>", "{{ report }}", "\u202e\x1b"]


class Page(HTMLParser):
    """The page's elements with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))
        self.text += "" if tag in {"span", "strong"} else "\n"

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.elements.append(("!--", ()))

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def report_of(texts: list[str]) -> Report:
    """A report in which every text that may come from outside is one of 24."""
    t = iter(texts)
    rule = make_rule_result(
        title=next(t),
        why=next(t),
        advice=next(t),
        failed=7,
        unknown=1,
        errors=1,
        error_examples=[next(t)],
        no_problem={next(t): 3},
    )
    finding = make_finding(
        **{
            name: next(t)
            for name in ("resource_name", "resource_type", "backup_name", "backup_id", "vault_id", "message")
        }
    )
    coverage = make_coverage(
        name=next(t),
        project_id=next(t),
        region=next(t),
        endpoint=next(t),
        complete=False,
        problems=[next(t)],
        notes=[next(t)],
        narrowed={"status": [next(t)]},
    )
    return make_report(
        headline=next(t),
        reasons=[next(t)],
        not_looked_at=[next(t)],
        run_id=next(t),
        auditor_version=next(t),
        trigger=Trigger(type="TIMER", name=next(t)),
        rules=[rule],
        groups=[RuleGroup(rule, [finding], [])],
        coverage=[coverage],
    )


TEXTS = st.lists(st.text(max_size=60), min_size=24, max_size=24)
MARKUP = st.lists(st.text(alphabet="<>&\"'/=!-a \x00\x1b\u202e\u2028{}%#", max_size=30), min_size=24, max_size=24)


@given(texts=TEXTS | MARKUP)
@example(texts=["<script>alert(1)</script>", "</td></table><b>", '" onclick="x', "&lt;", "<!--", "</title><i>"] * 4)
@example(texts=["{{ report.run_id }}", "{% raw %}", "\u202egnp.exe", "\x1b[31mred", "a\r\nb", ""] * 4)
def test_no_text_from_outside_becomes_an_element_or_an_attribute(texts: list[str]) -> None:
    clean = [one_line(text) for text in texts]
    harmless = {text: f"x{number}" if text else "" for number, text in enumerate(dict.fromkeys(clean))}
    page = Page(RENDERER.html(report_of(texts)))
    assert page.elements == Page(RENDERER.html(report_of([harmless[text] for text in clean]))).elements
    assert not [char for char in page.text if unicodedata.category(char) in {"Cf", "Cs", "Cc"} and char != "\n"]
    for text in clean:
        assert text in page.text or kind(text) in page.text


@given(texts=TEXTS | MARKUP)
def test_the_plain_twin_has_every_text_clean_and_in_72_columns(texts: list[str]) -> None:
    plain = RENDERER.text(report_of(texts))
    squeezed = "".join(plain.split())
    for text in map(one_line, texts):
        assert "".join(text.split()) in squeezed or "".join(kind(text).split()) in squeezed
    assert_plain(plain)


def assert_plain(plain: str) -> None:
    for line in plain.split("\n"):
        assert columns(line) <= 72 or len(line.strip().removeprefix("- ").split()) == 1, line
    assert "\n\n\n" not in plain
    assert not [char for char in plain if unicodedata.category(char) in {"Cc", "Cf", "Cs"} and char != "\n"]


@pytest.mark.parametrize("report", REPORTS)
def test_the_plain_twin_fits_a_terminal(report: Callable[[], Report]) -> None:
    assert_plain(RENDERER.text(report()))


@pytest.mark.parametrize(("text", "rules"), [*((text, 8) for text in HOSTILE), ('"', 1), ('"', 50), ("🧨", 300)])
def test_the_page_is_never_larger_than_a_mail_may_be(text: str, rules: int) -> None:
    report = hostile_report((text * 255)[:255], rules, targets=rules // 8 + 1)
    page, plain = RENDERER.html(report), RENDERER.text(report)
    assert len(page.encode()) < 95_000
    assert len(plain.encode()) < 95_000
    assert page.endswith("</html>")
    assert_plain(plain)


def test_fifty_rules_with_fifty_long_names_each_still_show_findings_of_the_worst() -> None:
    names = ["resource_name", "backup_name"]
    rules = [make_rule_result(id=f"r{number}", title=f"Rule {number}", failed=50) for number in range(50)]
    findings = [make_finding(**dict.fromkeys(names, "<" * 255), message=f"m{number}") for number in range(50)]
    coverage = make_coverage(complete=False, problems=["p" * 300] * 200)
    groups = [RuleGroup(rule, findings, []) for rule in rules]
    page = RENDERER.html(make_report(rules=rules, groups=groups, coverage=[coverage]))
    assert len(page.encode()) < 95_000
    assert Page(page).text.count("<<<<") >= 2 * 10


def test_all_omitted_counts_add_up() -> None:
    report = full_report()
    for rendered in (Page(RENDERER.html(report)).words, " ".join(RENDERER.text(report).split())):
        shown = re.search(r": (\d+) of 1,078, and (\d+) of 16 undecided\. All of them are in findings\.csv", rendered)
        assert shown, rendered
        in_sight = int(shown[1]) + int(shown[2])
        left_out = re.findall(r"and ([\d,]+) more in findings\.csv", rendered)
        assert in_sight + sum(int(number.replace(",", "")) for number in left_out) == 1078 + 16
        assert len(re.findall(r"b1c4afd9-e7a6-4888-9010-c2bac3aa[0-9a-f]{4}\b", rendered)) == in_sight


def test_a_rule_of_which_nothing_can_be_shown_says_how_many_there_are() -> None:
    rule = make_rule_result(failed=1234, unknown=56)
    report = make_report(rules=[rule], groups=[RuleGroup(rule, [], [])])
    for rendered in (Page(RENDERER.html(report)).words, " ".join(RENDERER.text(report).split())):
        assert "all 1,234 in findings.csv" in rendered
        assert "all 56 in findings.csv" in rendered


def test_the_page_says_what_the_report_says() -> None:
    words = Page(RENDERER.html(full_report())).words
    for part in (
        "FAIL, INCOMPLETE 1,034 high findings in 2,040 backups CBR audit of eu-de, 2026-11-23 07:00 CET",
        "2,040 backups judged 31 protected resources 16 undecided 11 not seen",
        "0 critical 1,034 high 8 medium 27 low 9 info",
        f"What could not be checked Not seen in eu-de {' '.join(PROBLEMS)}",
        "Backup has been in progress for too long: the rule crashed on 2 backups, which it did not judge",
        "on backup b1c4 it raised KeyError: 'x'",
        "Backup is not encrypted: could not be decided for 12 backups of 2,040",
        "Backup failed high 3 of 2,040 none",
        "38 passed: superseded by a newer backup that is kept longer",
        "What to do: Read the task's error, mend its cause, back up again.",
        "db-prod-01 server the backup failed",
        "autobk_0000, since 2026-11-23 00:00 CET, b1c4afd9-e7a6-4888-9010-c2bac3aa0000",
        "in vault cca85ea5-00a4-418d-9222-bd83985bc515",
        "Undecided: 12",
        "Listed 204 backups; the API counts 215 Complete no Unreadable 1 row",
        "Not examined the disks of 12 server backups, by setting Narrowed by status = available, error",
        "Note 3 backups were deleted while the list was read; they were judged.",
        "Not looked at, by design: Backups that other projects share with this one.",
        "Run 20261123T060000Z-3f2a9c, started by timer daily, cbr-auditor 0.1.0",
        "Started 2026-11-23 07:00:00 CET (2026-11-23 06:00:00 UTC)",
    ):
        assert part in words


def test_the_hidden_first_line_is_the_headline() -> None:
    html = RENDERER.html(full_report())
    body = html[html.index("<body") :]
    assert Page(body).words.startswith("1,034 high findings in 2,040 backups FAIL, INCOMPLETE")
    assert "display:none" in body[: body.index("1,034")]


def test_a_green_day_is_short() -> None:
    html, plain = RENDERER.html(green_report()), RENDERER.text(green_report())
    words = Page(html).words
    assert len(html) < 12_000
    assert len(plain.splitlines()) < 60
    assert "All that was asked for was seen, and every rule came to a decision." in words
    assert "could not be checked" not in words
    assert "Undecided" not in words


@pytest.mark.parametrize("medium", [RENDERER.html, RENDERER.text])
def test_where_no_audit_was_made_only_that_and_the_mend_are_said(medium: Callable[[Report], str]) -> None:
    words = Page(medium(unaudited_report())).words
    assert re.search(r"no audit was made CBR audit of eu-de", words, re.IGNORECASE)
    assert f"{REFUSAL}. {MEND}" in words
    assert "protected resources" not in words
    assert "Backup failed" not in words


def test_where_no_audit_was_made_in_several_projects_each_is_named() -> None:
    coverage = [make_coverage(name=name, complete=False, problems=[f"{name} is shut."]) for name in ("one", "two")]
    summary = msgspec.structs.replace(make_report().summary, targets=2)
    report = make_report(audited=False, summary=summary, coverage=coverage)
    assert "one one is shut. two two is shut." in Page(RENDERER.html(report)).words
    assert "one: one is shut. two: two is shut." in " ".join(RENDERER.text(report).split())


@pytest.mark.parametrize("name", ["report.html", "report.txt"])
def test_the_full_report_is_as_it_was(name: str, request: pytest.FixtureRequest) -> None:
    rendered = (RENDERER.html if name == "report.html" else RENDERER.text)(full_report())
    if request.config.getoption("--update-golden"):
        GOLDEN.mkdir(parents=True, exist_ok=True)
        (GOLDEN / name).write_text(rendered, encoding="utf-8")
    assert rendered == (GOLDEN / name).read_text(encoding="utf-8"), "call pytest with --update-golden if this is meant"


@pytest.mark.parametrize("report", REPORTS)
def test_mail_programs_and_screen_readers_can_use_the_page(report: Callable[[], Report]) -> None:
    html = RENDERER.html(report())
    page = Page(html)
    assert not {tag for tag, _ in page.elements} & {"script", "svg", "img", "link", "iframe", "a", "form", "base"}
    for word in ("flex", "grid", "url(", "data:", "position", "@import", "expression", "var(", "http-equiv"):
        assert word not in html
    for tag, pairs in page.elements:
        attributes = dict(pairs)
        assert not {name for name in attributes if name.startswith("on") or name in {"src", "href"}}
        assert tag != "th" or attributes.get("scope") in {"row", "col"}
        assert tag != "td" or "scope" not in attributes
    tables = [dict(pairs) for tag, pairs in page.elements if tag == "table"]
    data_tables = [table for table in tables if table.get("role") != "presentation"]
    assert len(data_tables) == (1 if "No audit" in html else 2)
    assert ("html", (("lang", "en"),)) in page.elements
    assert ("meta", (("name", "color-scheme"), ("content", "light dark"))) in page.elements
    assert any(dict(pairs).get("name") == "viewport" for tag, pairs in page.elements if tag == "meta")


def test_an_operators_template_wins_and_the_others_stay_ours(tmp_path: Path) -> None:
    (tmp_path / "report.html.j2").write_text("<p>{{ report.headline }}</p>{{ '&' }}")
    renderer = Renderer(tmp_path)
    assert renderer.html(make_report(headline="a < b")) == "<p>a &lt; b</p>&amp;"
    assert renderer.text(make_report()) == RENDERER.text(make_report())


@pytest.mark.parametrize(
    ("template", "line", "words"),
    [
        ("{{ report.headline }}\n\n{{ report.headlin }}", 3, "headlin"),
        ("{{ nothing }}", 1, "'nothing' is undefined"),
        ("\n{% if %}", 2, "TemplateSyntaxError"),
        ("\n{{ report.summary.backups // 0 }}", 2, "ZeroDivisionError"),
        ("\n\n{{ report.headline + 1 }}", 3, "TypeError"),
        ("{{ report.groups[7].rule }}", 1, "UndefinedError"),
        ("\n{% include 'gone.j2' %}", 2, "gone.j2"),
        ("{{ report.finished_at.replace(year=0) }}", 1, "ValueError"),
        ("{{ report.headline|nofilter }}", 1, "nofilter"),
        ("{% macro m() %}\n{{ m() }}{% endmacro %}{{ m() }}", 2, "RecursionError"),
    ],
)
def test_a_broken_template_is_named_with_its_line(tmp_path: Path, template: str, line: int, words: str) -> None:
    (tmp_path / "report.txt.j2").write_text(template)
    with pytest.raises(ReportError) as caught:
        Renderer(tmp_path).text(make_report())
    assert f"{tmp_path / 'report.txt.j2'}, line {line}: " in caught.value.what
    assert words in caught.value.what
    assert "AUDITOR_TEMPLATES_FOLDER" in caught.value.mend


def test_a_template_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "report.txt.j2").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ReportError, match=r"report\.txt\.j2: UnicodeDecodeError"):
        Renderer(tmp_path).text(make_report())


def test_an_operators_page_that_never_fits_is_given_back_with_its_counts(tmp_path: Path) -> None:
    (tmp_path / "report.html.j2").write_text("<!--" + "x" * 95_000 + "-->{{ report.groups[0].rule.failed }}")
    assert Renderer(tmp_path).html(full_report()).endswith("-->3")


def test_a_channels_escape_meets_every_value_once_and_nothing_else(tmp_path: Path) -> None:
    template = (
        "{% macro twice(text) %}{{ text }}{{ text }}{% endmacro %}"
        '<*{{ value }}*> {{ twice(value) }} {{ "a&<" }} {{ 1 }} {{ safe }} {{ [value]|join(", ") }} {{ value ~ "<" }}'
    )
    (tmp_path / "chat.md.j2").write_text(template)
    environment = Renderer(tmp_path).environment(escape=lambda text: f"[{text}]")
    rendered = environment.get_template("chat.md.j2").render(value="<x", safe=Markup("<s>"))
    assert rendered == "<*[<x]*> [<x][<x] [a&<] [1] <s> [<x] [<x<]"


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Europe/Berlin", "2026-11-23 07:00 CET"),
        ("UTC", "2026-11-23 06:00 UTC"),
        ("America/Sao_Paulo", "2026-11-23 03:00 UTC-03"),
        ("Asia/Kathmandu", "2026-11-23 11:45 UTC+0545"),
    ],
)
def test_times_are_shown_in_the_reports_zone(zone: str, expected: str) -> None:
    report = make_report(timezone=zone)
    assert f"CBR audit of eu-de, {expected}" in Page(RENDERER.html(report)).words
    assert f"CBR audit of eu-de, {expected}" in RENDERER.text(report)


def test_summer_time_is_seen() -> None:
    report = make_report(started_at=datetime(2026, 7, 1, 5, 0, tzinfo=timezone.utc))
    assert "2026-07-01 07:00 CEST" in RENDERER.text(report)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("OS::Nova::Server", "server"),
        ("OS::Cinder::Volume", "disk"),
        ("OS::Sfs::Turbo", "SFS Turbo"),
        ("OS::Native::Server", "OS::Native::Server"),
        (None, "resource"),
    ],
)
def test_resource_types_are_said_as_people_say_them(value: str | None, expected: str) -> None:
    assert kind(value) == expected


def test_counts_are_plural_but_for_one() -> None:
    counted = [plural(count, "backup") for count in (0, 1, 2, 1234)]
    assert counted == ["0 backups", "1 backup", "2 backups", "1,234 backups"]
    assert [plural(count, "entry", "entries") for count in (1, 2)] == ["1 entry", "2 entries"]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"checked": 0, "failed": 0}, (0, 0)),
        ({"checked": 200, "failed": 50, "unknown": 20}, (25, 10)),
        ({"checked": 10**6, "failed": 1, "unknown": 1}, (2, 2)),
        ({"checked": 100, "failed": 100}, (98, 0)),
        ({"checked": 100, "failed": 90, "unknown": 10}, (90, 10)),
        ({"checked": 100, "failed": 99, "unknown": 1}, (98, 2)),
    ],
)
def test_a_bar_never_hides_what_there_is(numbers: dict[str, int], expected: tuple[int, int]) -> None:
    assert shares(make_rule_result(**numbers)) == expected


@pytest.mark.parametrize(
    ("coverage", "expected"),
    [
        ([{}], 0),
        ([{"complete": False, "unreadable": 3, "listed": 201, "reported_count": 204}], 3),
        ([{"complete": False, "listed": 100, "reported_count": 204}, {}], 104),
        ([{"complete": False, "unreadable": 2, "reported_count": None}], 2),
        ([{"complete": False, "reported_count": None}], None),
        ([{"complete": False, "reported_count": 204}], None),
        ([{"listed": 210, "reported_count": 204}], 0),
    ],
)
def test_what_was_not_seen_is_a_number_only_where_somebody_knows_it(
    coverage: list[dict[str, Any]], expected: int | None
) -> None:
    assert not_seen(make_report(coverage=[make_coverage(**each) for each in coverage])) == expected


def test_findings_that_say_the_same_of_the_same_resource_stand_together() -> None:
    findings = [
        make_finding(backup_name="a"),
        make_finding(backup_name="b", resource_id="other"),
        make_finding(backup_name="c"),
        make_finding(backup_name="d", message="another problem"),
        make_finding(backup_name="e", project_id="another"),
    ]
    grouped = [[finding.backup_name for finding in each.findings] for each in by_resource(findings)]
    assert grouped == [["a", "c"], ["b"], ["d"], ["e"]]


def test_several_targets_are_told_apart_at_each_finding() -> None:
    report = make_report(summary=msgspec.structs.replace(make_report().summary, targets=2))
    where = "in eu-de project 0605767b5780d5762fc5c0118072a564"
    assert where in Page(RENDERER.html(report)).words
    assert where in RENDERER.text(report)
    assert where not in RENDERER.text(make_report())


def test_a_finding_without_any_name_or_id_is_still_shown() -> None:
    names = ["resource_id", "resource_name", "resource_type", "backup_id", "backup_name", "vault_id", "region", "since"]
    report = full_report()
    rule = report.rules[0]
    report.groups = [RuleGroup(rule, [make_finding(**dict.fromkeys(names))], [])]
    for rendered in (Page(RENDERER.html(report)).words, " ".join(RENDERER.text(report).split())):
        assert re.search(r"unnamed,? resource the backup failed (- )?unnamed backup", rendered)
        assert "None" not in rendered


def test_our_templates_say_in_their_head_what_they_may_use() -> None:
    used = set()
    for path in resource_folder("templates").glob("report.*.j2"):
        source = path.read_text()
        used |= set(re.findall(r"\|(\w+)", source[source.index("#}") :]))
    ours = used & set(RENDERER.environment().filters) - set(jinja2.Environment().filters)
    heads = "".join(path.read_text().partition("#}")[0] for path in resource_folder("templates").glob("report.*.j2"))
    assert ours
    assert not [name for name in ours if f"|{name}" not in heads]


def test_compiled_templates_are_kept_beside_ours_and_never_used_for_another_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "templates"
    shutil.copytree(resource_folder("templates"), ours, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr("cbr_auditor.render.resource_folder", lambda name: ours)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    Renderer().text(make_report())
    assert not (ours / "__pycache__").exists()
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    text = Renderer().text(make_report())
    assert len(list((ours / "__pycache__").iterdir())) == 1
    assert Renderer().text(make_report()) == text
    (ours / "report.txt.j2").write_text("changed {{ report.run_id }}")
    assert Renderer().text(make_report()) == f"changed {make_report().run_id}\n"


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = tmp_path / "templates"
    shutil.copytree(resource_folder("templates"), ours, ignore=shutil.ignore_patterns("__pycache__"))
    (ours / "__pycache__").write_text("a file where the folder would be")
    monkeypatch.setattr("cbr_auditor.render.resource_folder", lambda name: ours)
    assert Renderer().text(make_report())


def test_the_file_shows_what_a_mail_has_no_room_for() -> None:
    rules = [
        make_rule_result(id=f"rule-{n}", title=f"Title of the rule number {n} " + "long " * 10, failed=30)
        for n in range(40)
    ]
    findings = [make_finding(message=f"finding {n} of one rule") for n in range(30)]
    report = make_report(rules=rules, groups=[RuleGroup(rule, findings, []) for rule in rules])
    mail, page = Page(RENDERER.html(report)).words, Page(RENDERER.page(report)).words
    assert all(rule.title.strip() in page for rule in rules)
    assert page.count("finding 1 ") > mail.count("finding 1 ")
    assert len(RENDERER.html(report).encode()) < 95_000
