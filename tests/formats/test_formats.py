"""Which formats are written, where, and at what cost."""

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from cbr_auditor.errors import SettingsError
from cbr_auditor.files import ReportFolder, write_findings
from cbr_auditor.finding import Finding
from cbr_auditor.formats import FORMATS, format_files, ocsf, sarif
from cbr_auditor.formats.material import Material
from cbr_auditor.settings import load_settings
from cbr_auditor.spool import FindingSpool
from tests.fakes import make_finding, make_report, make_rule_result
from tests.formats.conftest import Go
from tests.test_cli import call
from tests.test_contract import cbr, row

ROOT = Path(__file__).parents[2]
WAIVED_RESOURCE = """
[[waivers]]
rule = "resource-no-good-backup"
resource = "disk-1"
reason = "being replaced"
owner = "ops"
expires = 2026-12-31
"""


def test_a_format_is_chosen_by_variable_file_or_option(tmp_path: Path) -> None:
    environ = {"AUDITOR_OUT": str(tmp_path)}
    assert load_settings(environ).formats == ()
    assert load_settings({**environ, "AUDITOR_FORMATS": "sarif, ocsf,sarif"}).formats == ("sarif", "ocsf")
    (tmp_path / "auditor.toml").write_text('formats = ["junit"]')
    assert load_settings(environ, beside=tmp_path).formats == ("junit",)
    assert load_settings(environ, beside=tmp_path, given={"formats": "ocsf"}).formats == ("ocsf",)


def test_a_wrong_name_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    result = call("run", "--out", "out", "--format", "sarif,junti", cwd=tmp_path)
    assert result.returncode == 2
    assert "AUDITOR_FORMATS" in result.stderr
    assert "'junti'" in result.stderr
    assert "Did you mean junit?" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_format_without_a_folder_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"AUDITOR_FORMATS = ocsf.*AUDITOR_OUT"):
        load_settings({"AUDITOR_FORMATS": "ocsf"})


def test_only_what_was_asked_for_is_written(go: Go, tmp_path: Path) -> None:
    with cbr(row(1)) as endpoint, pytest.raises(FileNotFoundError):
        go(endpoint, AUDITOR_FORMATS="junit")
    assert {path.name for path in (tmp_path / "out").iterdir()} & set(FORMATS.values()) == {"report.junit.xml"}


def test_a_run_that_writes_none_imports_none() -> None:
    script = (
        "import sys, cbr_auditor.cli, cbr_auditor.run; print([name for name in sys.modules if '.formats.' in name])"
    )
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_format_that_cannot_be_written_is_a_channel_that_failed(tmp_path: Path) -> None:
    report = make_report()
    out = tmp_path / "out"
    (out / ".report.sarif.partial").mkdir(parents=True)
    folder = ReportFolder(out)
    folder.json.begin(report)
    write_findings(FindingSpool(tmp_path), tmp_path / "f.csv", folder.json)
    formats = format_files(FORMATS, Material(report, [], str))
    folder.write(report, tmp_path / "f.csv", "", "", "")
    folder.add(formats)
    folder.finish(report)
    (delivery,) = report.deliveries
    assert "report.sarif could not be written" in delivery.detail
    assert {"report.json", "report.ocsf.json", "report.junit.xml"} <= {path.name for path in folder.written}
    assert "report.sarif" not in {path.name for path in out.iterdir()}


class Many:
    """Findings that are made while they are read."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[Finding]:
        for number in range(self.count):
            yield make_finding(id=f"sha256:{number:064}", backup_name=f"autobk_{number}")


@pytest.mark.parametrize("name", FORMATS)
def test_memory_does_not_grow_with_the_findings(tmp_path: Path, name: str) -> None:
    def peak(count: int) -> int:
        material = Material(make_report(rules=[make_rule_result(failed=count)]), Many(count), str)
        (write,) = format_files([name], material).values()
        tracemalloc.start()
        try:
            write(tmp_path / "file")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few = peak(1_000)
    size = (tmp_path / "file").stat().st_size
    assert peak(6_000) < few + size / 4
    assert (tmp_path / "file").stat().st_size > 5 * size


def test_the_page_about_formats_names_every_format_and_file() -> None:
    page = (ROOT / "docs" / "formats.md").read_text()
    for name, file in FORMATS.items():
        assert f"| `{name}` | `{file}` |" in page
    for severity, (number, word) in ocsf._SEVERITIES.items():
        score = sarif._SCORES.get(severity)
        end = f"{score} {severity.value}" if score else "none"
        assert f"| {severity.value} | {number} {word} | {sarif._LEVELS[severity]} | {end} |" in page


SUPERSEDED = """
profile = "dora"
[rules.resource-rpo-breach]
[rules.resource-no-good-backup]
"""


@pytest.mark.parametrize(("waiver", "clause"), [("", "findings"), (WAIVED_RESOURCE, "waived")])
def test_a_problem_that_another_rule_reports_is_no_pass(go: Go, waiver: str, clause: str) -> None:
    with cbr(row(1, status="error")) as endpoint:
        written = go(endpoint, SUPERSEDED + waiver)
    assert [finding["rule"] for finding in written.findings if finding["rule"].startswith("resource-")] == [
        "resource-no-good-backup"
    ]
    assert "resource-rpo-breach" not in {event["compliance"]["control"] for event in written.ocsf}
    (case,) = written.suite("resource-rpo-breach").iter("testcase")
    assert case[0].attrib["type"] == "superseded"
    dora = next(framework for framework in written.report["frameworks"] if framework["id"] == "dora")
    objectives = next(each for each in dora["clauses"] if each["id"] == "12(6)")
    assert objectives["result"] == clause
    assert "reported by another rule 1" in (written.folder / "controls.html").read_text()


def test_what_was_not_looked_at_by_setting_is_no_pass(go: Go) -> None:
    server = row(1, resource_type="OS::Nova::Server", encrypted=None)
    with cbr(server, row(2)) as endpoint:
        written = go(endpoint, AUDITOR_SERVER_DISKS="none")
    assert written.report["findings"] == []
    assert "backup-unencrypted" not in {event["compliance"]["control"] for event in written.ocsf}
    kinds = [case[0].get("type") for case in written.suite("backup-unencrypted").iter("testcase") if len(case)]
    assert kinds == ["not-examined"]
    gdpr = next(framework for framework in written.report["frameworks"] if framework["id"] == "gdpr")
    encryption = next(each for each in gdpr["clauses"] if each["id"] == "32(1)(a)")
    assert encryption["result"] == "partly_assessed"
