from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbr_auditor.delivery import mattermost, slack, teams
from cbr_auditor.delivery.chat import calm
from cbr_auditor.errors import DeliveryError
from cbr_auditor.render import Renderer
from cbr_auditor.report import Report
from tests.delivery.reports import ordinary_report
from tests.fakes import make_coverage, make_report

Compose = Callable[[Report, Renderer, str], bytes]
REST = "All are in the mail's findings.csv."
COMPOSERS = pytest.mark.parametrize("compose", [slack.compose, teams.compose, mattermost.compose])


@pytest.mark.parametrize(
    "text",
    [
        "autobk_b629",
        "web_prod_3",
        "the backup expires on 2026-11-25 at 01:30 UTC and no newer backup outlasts it",
        "Did you mean: this?",
        "10.0.0.7",
        "[prod] files (old), 50 %",
        "Größe / 日本",
        "23:59:59",
    ],
)
def test_what_no_chat_acts_on_stays_as_it_is(text: str) -> None:
    assert calm(text) == text


@pytest.mark.parametrize("text", ["@here", "#tag", "*b*", "`c`", "~d~", "_i_", ":+1:", "http://x", "x:y", ">q", "a__b"])
def test_what_a_chat_acts_on_is_replaced_by_its_like(text: str) -> None:
    assert calm(text) != text
    assert len(calm(text)) == len(text)
    assert not set("@#*`~") & set(calm(text))


@settings(deadline=None)
@given(st.text())
def test_calming_twice_is_calming_once(text: str) -> None:
    assert calm(calm(text)) == calm(text)


@COMPOSERS
def test_an_operators_template_replaces_ours(compose: Compose, tmp_path: Path) -> None:
    (tmp_path / "chat.md.j2").write_text("{{ bold(report.run_id) }} says {{ report.verdict }}\n\nbye")
    body = compose(make_report(), Renderer(tmp_path), REST).decode()
    assert "20261123T060000Z-3f2a9c" in body
    assert " says fail" in body
    assert "high, " not in body


@COMPOSERS
@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ report.verdct }}", "UndefinedError: 'cbr_auditor.report.Report object' has no attribute 'verdct'"),
        ("{% if %}", "TemplateSyntaxError: Expected an expression, got 'end of statement block'"),
        ("{{ 1 / 0 }}", "ZeroDivisionError: division by zero"),
        ("{{ report.verdict + 1 }}", "TypeError: "),
    ],
)
def test_a_template_that_fails_is_an_error_that_names_it(
    template: str, said: str, compose: Compose, tmp_path: Path
) -> None:
    (tmp_path / "chat.md.j2").write_text(template)
    with pytest.raises(DeliveryError) as caught:
        compose(make_report(), Renderer(tmp_path), REST)
    assert str(caught.value).startswith(f"chat.md.j2 cannot be rendered: {said}")
    assert str(caught.value).endswith("Mend it, or remove it from AUDITOR_TEMPLATES_FOLDER to use ours.")


@COMPOSERS
def test_a_template_that_never_fits_is_an_error_and_never_cut(compose: Compose, tmp_path: Path) -> None:
    (tmp_path / "chat.md.j2").write_text("x" * 30_000)
    with pytest.raises(DeliveryError, match=r"chat\.md\.j2 makes a message that is too long"):
        compose(make_report(), Renderer(tmp_path), REST)


@COMPOSERS
def test_an_empty_template_leaves_the_title(compose: Compose, tmp_path: Path) -> None:
    (tmp_path / "chat.md.j2").write_text(" \n\n ")
    assert b"CBR audit eu-de" in compose(make_report(), Renderer(tmp_path), REST)


@COMPOSERS
def test_several_targets_are_told_apart(compose: Compose) -> None:
    report = ordinary_report()
    report.summary.targets = 2
    assert b"in eu-de 0605767b5780d5762fc5c0118072a564" in compose(report, Renderer(), REST)


@COMPOSERS
def test_no_audit_is_not_called_free_of_findings(compose: Compose) -> None:
    report = make_report(
        verdict="incomplete",
        complete=False,
        audited=False,
        headline="no audit was made: cbr answered 403",
        reasons=["No audit was made."],
        coverage=[make_coverage(listed=0, complete=False, problems=["cbr answered 403. Grant cbr:backups:list."])],
        groups=[],
    )
    body = compose(report, Renderer(), REST)
    assert b"No findings" not in body
    assert b"No audit was made." in body
    assert b"cbr answered 403. Grant " in body


@COMPOSERS
def test_what_was_not_asked_for_or_looked_at_is_said(compose: Compose) -> None:
    report = make_report(coverage=[make_coverage(narrowed={"vault_id": ["v1"], "status": ["error"]}, not_examined=12)])
    body = compose(report, Renderer(), REST).decode()
    assert "[listing" in body
    assert "vault_id, status" in body
    assert "the disks of 12 older server backups were not looked at" in body


@COMPOSERS
def test_a_rule_that_crashed_is_said_to_have(compose: Compose) -> None:
    report = ordinary_report()
    report.groups[0].rule.errors = 7
    assert b"crashed on 7 backups" in compose(report, Renderer(), REST)
