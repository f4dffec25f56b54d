import csv
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cbr_auditor.files import ReportFolder, write_findings
from cbr_auditor.finding import Finding, Waived
from cbr_auditor.report import (
    ClauseResult,
    Delivery,
    FrameworkResult,
    Report,
    RuleResult,
    Summary,
    TargetCoverage,
    Trigger,
    WaiverState,
)
from cbr_auditor.spool import FindingSpool
from tests.fakes import make_finding, make_report

SCHEMA = Path(__file__).parent.parent / "docs" / "report.schema.json"


def spool_of(folder: Path, *findings: Finding) -> FindingSpool:
    spool = FindingSpool(folder)
    for number, finding in enumerate(findings):
        spool.add((number, finding.outcome != "fail", 0.0, "p", str(number)), finding)
    return spool


def folder_of(out: Path, report: Report, findings: FindingSpool, table: Path) -> ReportFolder:
    """The files of a report, written as a run does."""
    folder = ReportFolder(out)
    folder.json.begin(report)
    write_findings(findings, table, folder.json)
    folder.write(report, table, "<p>", "text", "<p>")
    return folder


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_the_columns_of_the_findings_and_a_byte_order_mark(tmp_path: Path) -> None:
    write_findings(spool_of(tmp_path, make_finding()), tmp_path / "f.csv")
    assert (
        (tmp_path / "f.csv")
        .read_bytes()
        .startswith(b"\xef\xbb\xbfid,rule,severity,outcome,project_id,region,backup_id")
    )
    (row,) = read_csv(tmp_path / "f.csv")
    assert row["severity"] == "high"
    assert row["since"] == "2026-11-22T23:00:00Z"
    assert row["message"] == "the backup failed"


def test_a_missing_value_is_an_empty_cell(tmp_path: Path) -> None:
    write_findings(spool_of(tmp_path, make_finding(backup_name=None, since=None)), tmp_path / "f.csv")
    (row,) = read_csv(tmp_path / "f.csv")
    assert (row["backup_name"], row["since"]) == ("", "")


@given(name=st.text(max_size=40))
def test_no_cell_is_run_by_a_spreadsheet_or_breaks_out_of_its_row(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    write_findings(spool_of(path.parent, make_finding(backup_name=name, message=name or "x")), path)
    (row,) = read_csv(path)
    for cell in row.values():
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in cell)


@given(message=st.text(st.sampled_from(",\"=+x '-@;"), min_size=1, max_size=12))
def test_every_message_comes_back_as_it_was_or_defused(tmp_path_factory: pytest.TempPathFactory, message: str) -> None:
    path = tmp_path_factory.mktemp("csv") / "f.csv"
    write_findings(spool_of(path.parent, make_finding(message=message)), path)
    (row,) = read_csv(path)
    assert row["message"].replace("'", "") == message.replace("'", "")
    assert not re.search("(^|;)[=+@-]", row["message"])
    assert row["since"] == "2026-11-22T23:00:00Z"


@pytest.mark.parametrize("name", ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1"])
def test_a_formula_keeps_its_text_behind_an_apostrophe(tmp_path: Path, name: str) -> None:
    write_findings(spool_of(tmp_path, make_finding(backup_name=name)), tmp_path / "f.csv")
    (row,) = read_csv(tmp_path / "f.csv")
    assert row["backup_name"] == "'" + name.strip()


def test_the_most_important_findings_are_kept_for_people(tmp_path: Path) -> None:
    findings = [make_finding(id=f"f{number}") for number in range(60)]
    findings += [make_finding(id=f"u{number}", outcome="unknown") for number in range(15)]
    heads = write_findings(spool_of(tmp_path, *findings), tmp_path / "f.csv")
    assert [finding.id for finding in heads.top] == [f"f{number}" for number in range(50)]
    assert len(heads.failed["backup-error"]) == 50
    assert len(heads.unknown["backup-error"]) == 10


def test_report_json_is_valid_by_its_schema_before_and_after_the_deliveries(tmp_path: Path) -> None:
    report = make_report()
    findings = spool_of(tmp_path, make_finding(), make_finding(since=None, backup_name='"\n\u2028ü'))
    folder = folder_of(tmp_path, report, findings, tmp_path / "f.csv")
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    before = json.loads((tmp_path / "report.json").read_text())
    validator.validate(before)
    assert before["deliveries"] == []
    report.deliveries = [Delivery("mail", "ops@example.com", True, "accepted")]
    folder.finish(report)
    after = json.loads((tmp_path / "report.json").read_text())
    validator.validate(after)
    assert after["deliveries"] == [{"channel": "mail", "target": "ops@example.com", "ok": True, "detail": "accepted"}]
    assert after["findings"] == before["findings"]
    assert len(after["findings"]) == 2
    assert list(after)[-1] == "deliveries"


def test_a_report_without_findings_is_valid(tmp_path: Path) -> None:
    folder_of(tmp_path, make_report(), spool_of(tmp_path), tmp_path / "f.csv")
    assert json.loads((tmp_path / "report.json").read_text())["findings"] == []


def test_the_schema_is_itself_valid_and_strict_about_what_is_missing() -> None:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    assert not Draft202012Validator(schema).is_valid({})


def test_the_schema_describes_and_requires_every_key() -> None:
    schema = json.loads(SCHEMA.read_text())
    top, finding = schema["properties"], schema["$defs"]["finding"]
    described = {
        Trigger: top["trigger"],
        Summary: top["summary"],
        TargetCoverage: top["coverage"]["items"],
        Finding: finding,
        Waived: finding["properties"]["waiver"],
        RuleResult: top["rules"]["items"],
        FrameworkResult: top["frameworks"]["items"],
        ClauseResult: top["frameworks"]["items"]["properties"]["clauses"]["items"],
        WaiverState: top["waivers"]["items"],
        Delivery: top["deliveries"]["items"],
    }
    for struct, place in described.items():
        assert list(struct.__struct_fields__) == list(place["properties"]) == place["required"]
    assert list(top) == schema["required"]
    assert set(top) == {*make_report().document(), "findings", "waived"}


def test_all_files_are_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    folder = folder_of(out, make_report(), spool_of(tmp_path), tmp_path / "f.csv")
    folder.finish(make_report())
    folder.json.give_up()  # as at the end of each run, whatever became of it
    names = {"report.html", "report.txt", "controls.html", "report.json", "findings.csv"}
    assert {path.name for path in out.iterdir()} == names == {path.name for path in folder.written}


@pytest.mark.parametrize("linked", [True, False])
def test_the_table_stays_when_the_one_it_was_made_from_is_gone(tmp_path: Path, linked: bool) -> None:
    out, table = tmp_path / "out", tmp_path / "f.csv"
    out.mkdir()
    if not linked:
        (out / ".findings.csv.partial").write_text("what an earlier run left behind, which no link can replace")
    folder_of(out, make_report(), spool_of(tmp_path, make_finding()), table)
    written = table.read_bytes()
    assert (table.stat().st_nlink == 2) is linked
    table.unlink()
    assert (out / "findings.csv").read_bytes() == written
    assert not (out / ".findings.csv.partial").exists()


def test_a_folder_that_cannot_be_written_is_a_channel_that_failed(tmp_path: Path) -> None:
    report = make_report()
    folder = folder_of(tmp_path / "missing", report, spool_of(tmp_path, make_finding()), tmp_path / "f.csv")
    folder.finish(report)
    (delivery,) = report.deliveries
    assert (delivery.channel, delivery.ok) == ("files", False)
