"""`rules`, `check` and `explain`, as an operator calls them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cbr_auditor.cli import main
from cbr_auditor.demo.endpoint import CbrEndpoint
from tests.fakes import PROJECT
from tests.runs import TOKEN, audited, serving
from tests.test_contract import row

TOML = """
profile = "strict"

[rules.resource-rpo-breach]
max_age_hours = 20

[[overrides]]
resource = "erp-*"
[overrides.rules.resource-rpo-breach]
max_age_hours = 4

[[overrides]]
vault = "vault-gold"
[overrides.rules.resource-rpo-breach]
max_age_hours = 2

[[overrides]]
resource = "sandbox-*"
enabled = false

[[waivers]]
rule = "resource-rpo-breach"
resource = "erp-db-01"
reason = "moves to another cloud"
owner = "ops@example.com"
expires = 2027-01-31
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "auditor.toml").write_text(TOML)
    return tmp_path


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str]) -> "Out":
    return Out(capsys)


class Out:
    """Calls a command and gives what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, status: int = 0) -> str:
        ended = main(arguments)
        printed = self._capsys.readouterr()
        assert ended == status, printed.err
        return printed.out + printed.err


def test_the_table_has_every_rule_of_ours_and_says_which_are_on(folder: Path, out: Out) -> None:
    table = out("rules")
    for path in (Path(__file__).parent.parent / "rules").glob("*.py"):
        assert re.search(rf"^(on|-) +{path.stem.replace('_', '-')} ", table, flags=re.MULTILINE)
    assert "Profile strict: " in table


def test_a_rule_that_only_an_override_asks_for_is_marked_so(folder: Path, out: Out) -> None:
    (folder / "auditor.toml").write_text(
        TOML.replace("strict", "essential").partition("[rules")[0] + TOML[TOML.index("[[o") :]
    )
    assert re.search(r"^\(on\) +resource-rpo-breach", out("rules"), flags=re.MULTILINE)


def test_a_rules_page_ends_in_what_is_in_force_here(folder: Path, out: Out) -> None:
    page = out("rules", "resource-rpo-breach")
    assert page.startswith("# resource-rpo-breach\n")
    assert "- max_age_hours = 20: auditor.toml, [rules.resource-rpo-breach]" in page


def test_a_misspelt_rule_is_refused_with_the_nearest_one(folder: Path, out: Out) -> None:
    assert "Did you mean resource-rpo-breach?" in out("rules", "resource-rpo-breech", status=2)


def test_check_says_what_is_in_force_and_what_it_needs(folder: Path, out: Out) -> None:
    text = out("check")
    assert "Option:    resource-rpo-breach max_age_hours = 20 (auditor.toml, [rules.resource-rpo-breach])" in text
    assert "Override:  resource erp-*: resource-rpo-breach max_age_hours = 4" in text
    assert "Override:  resource sandbox-*: every rule off" in text
    assert re.search(
        r"Waiver: +resource-rpo-breach of erp-db-01, until 2027-01-31 \(\d+ days left\), ops@example", text
    )
    assert re.search(r"^Needs: .*cbr:policies:list.*cbr:vaults:list", text, flags=re.MULTILINE)
    assert "nothing was requested" in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("erp-db-01", r"resource-rpo-breach +max_age_hours=4 \(\[\[overrides\]\] 1\) waived until 2027-01-31"),
        ("web-01", r"resource-rpo-breach +max_age_hours=20\n"),
        ("sandbox-1", r"resource-rpo-breach +off\n"),
    ],
)
def test_check_says_what_would_apply_to_a_resource(name: str, expected: str, folder: Path, out: Out) -> None:
    assert re.search(expected, out("check", "--resource", name))


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[rules.backup-eror]", "Did you mean backup-error?"),
        ('profile = "strikt"', "Did you mean strict?"),
        ("[[waivers]]\nrule = 'backup-error'", "[[waivers]] 1 has no resource"),
        ("fail_on = 'hihg'", "fail_on = 'hihg'"),
    ],
)
def test_check_refuses_what_a_run_would_refuse(toml: str, words: str, folder: Path, out: Out) -> None:
    (folder / "auditor.toml").write_text(toml)
    assert words in out("check", status=2)


def test_a_file_elsewhere_is_named_by_config(folder: Path, out: Out) -> None:
    (folder / "other.toml").write_text('profile = "essential"')
    assert "Profile:   essential" in out("check", "--config", str(folder / "other.toml"))


@pytest.fixture
def endpoint() -> Iterator[CbrEndpoint]:
    names = ("web-01", "erp-db-01", "\x1b[31mred")
    rows = (row(number, resource_name=name, status="error") for number, name in enumerate(names))
    with serving(*rows) as endpoint:
        yield endpoint


@pytest.fixture
def settings(endpoint: CbrEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("REGION", "eu-de"),
        ("CBR_ENDPOINT", endpoint.url),
        ("PROJECT_ID", PROJECT),
        ("TOKEN", TOKEN),
    ):
        monkeypatch.setenv(f"AUDITOR_{name}", value)


@pytest.mark.usefixtures("settings")
def test_explain_shows_the_record_the_options_and_the_clauses(folder: Path, endpoint: CbrEndpoint, out: Out) -> None:
    report = audited(folder, endpoint, TOML.partition("[[waivers]]")[0])
    finding = next(f for f in report["findings"] if (f["rule"], f["resource_name"]) == ("backup-error", "erp-db-01"))
    text = out("explain", finding["id"])
    assert text.startswith("backup-error (high, fail): the backup failed")
    assert "What to do: " in text
    assert "It has no options." in text
    assert "iso27001-2022:A.8.13" in text
    assert f'  id                     "{finding["backup_id"]}"' in text
    assert '  status                 "error"' in text
    assert text == out("explain", finding["id"].removeprefix("sha256:")[:12])


@pytest.mark.usefixtures("settings")
def test_explain_says_which_override_judges(folder: Path, endpoint: CbrEndpoint, out: Out) -> None:
    toml = TOML.partition("[[waivers]]")[0] + "[rules.resource-no-good-backup]\nenabled = false\n"
    report = audited(folder, endpoint, toml)
    for name, hours, source in (
        ("erp-db-01", 4, r"auditor.toml, \[\[overrides\]\] 1"),
        ("web-01", 20, r"auditor.toml, \[rules.resource-rpo-breach\]"),
    ):
        finding = next(
            f for f in report["findings"] if (f["rule"], f["resource_name"]) == ("resource-rpo-breach", name)
        )
        text = out("explain", finding["id"])
        assert re.search(rf"max_age_hours = {hours} \({source}\)", text)
        assert "[[overrides]] 2 may change that" in text
        assert "no one record behind a finding about a resource" in text


@pytest.mark.usefixtures("settings")
def test_explain_shows_hostile_names_without_their_escapes(folder: Path, endpoint: CbrEndpoint, out: Out) -> None:
    report = audited(folder, endpoint)
    for finding in report["findings"]:
        assert "\x1b" not in out("explain", finding["id"])


def test_explain_needs_no_cloud_and_then_says_why_the_record_is_missing(
    folder: Path, endpoint: CbrEndpoint, out: Out
) -> None:
    report = audited(folder, endpoint)
    finding = next(finding for finding in report["findings"] if finding["rule"] == "backup-error")
    text = out("explain", finding["id"])
    assert "The record itself could not be fetched: AUDITOR_PROJECT_ID is not set" in text


@pytest.mark.parametrize(
    ("ident", "words"), [("abc", "is too short"), ("ffffffffffff", "has no finding"), ("sha256:", "is too short")]
)
def test_explain_refuses_an_id_that_names_no_finding(
    ident: str, words: str, folder: Path, endpoint: CbrEndpoint, out: Out
) -> None:
    audited(folder, endpoint)
    assert words in out("explain", ident, status=2)


def test_explain_says_where_a_report_must_be(folder: Path, out: Out) -> None:
    assert "Name the report.json of a run by --report" in out("explain", "abcdef123456", status=2)
    (folder / "broken.json").write_text("{")
    assert "broken.json is no report" in out("explain", "abcdef123456", "--report", "broken.json", status=2)
    (folder / "other.json").write_text(json.dumps({"findings": 7}))
    assert "other.json is no report" in out("explain", "abcdef123456", "--report", "other.json", status=2)
