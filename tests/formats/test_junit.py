"""JUnit XML against the schema of Jenkins' xUnit plugin."""

import io
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.demo import faults
from cbr_auditor.demo.faults import Fault
from cbr_auditor.formats import junit
from cbr_auditor.formats.material import COVERAGE, Material
from tests.fakes import make_finding, make_report, make_rule_result
from tests.formats.conftest import WAIVER, Go, Written
from tests.test_contract import HIGH, UNKNOWN, cbr, row

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[1] / "data" / "schemas" / "junit-10.xsd")


def counts(element: ET.Element) -> dict[str, int]:
    return {name: int(element.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")}


def counted(element: ET.Element) -> dict[str, int]:
    """What is really in it."""
    names = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    found = {name: len(element.findall(f".//testcase/{tag}")) for name, tag in names.items()}
    return {"tests": len(element.findall(".//testcase")), **found}


def check(root: ET.Element) -> None:
    """Valid by the schema; the counts are true; no two test cases have one name, of which GitLab would drop one."""
    SCHEMA.validate(root)
    for suite in root:
        assert counts(suite) == counted(suite), suite.get("name")
    assert {**counts(root), "skipped": 0} == {**counted(root), "skipped": 0}
    names = Counter((case.get("classname"), case.get("name")) for case in root.iter("testcase"))
    assert max(names.values()) == 1


def result(case: ET.Element) -> str:
    return case[0].tag if len(case) else "passed"


def test_the_demos_suites_are_valid_and_have_every_finding_once(demo: Written) -> None:
    check(demo.junit)
    for rule in demo.report["rules"]:
        suite = counts(demo.suite(rule["id"]))
        assert suite["failures"] == rule["failed"]
        assert suite["errors"] == rule["unknown"] + bool(rule["errors"])
    assert counted(demo.junit)["failures"] == sum(demo.report["summary"]["findings"].values())
    assert len(demo.junit.findall(".//skipped[@type='waived']")) == demo.report["summary"]["waived"] > 0
    text = ET.tostring(demo.junit, encoding="unicode")
    for finding in demo.findings:
        assert text.count(f"finding: {finding['id']}") == (finding["waiver"] is None)


def test_an_incomplete_run_has_an_error_and_nothing_that_passes(demo: Written) -> None:
    (case,) = demo.suite(COVERAGE).iter("testcase")
    assert result(case) == "error"
    assert "could not be read" in case[0].get("message", "")
    assert {result(case) for case in demo.junit.iter("testcase")} == {"failure", "error", "skipped"}


def test_a_run_without_any_finding_passes_wherever_there_was_something_to_judge(go: Go) -> None:
    with cbr(row(1)) as endpoint:
        written = go(endpoint)
    check(written.junit)
    assert [result(case) for case in written.suite(COVERAGE).iter("testcase")] == ["passed"]
    for rule in written.report["rules"]:
        (case,) = written.suite(rule["id"]).iter("testcase")
        assert result(case) == ("passed" if rule["checked"] else "skipped"), rule["id"]
    (case,) = written.suite("backup-error").iter("testcase")
    assert case.get("name") == "no finding: 1 backup"


def test_an_empty_project_is_an_error(go: Go) -> None:
    with cbr() as endpoint:
        written = go(endpoint)
    check(written.junit)
    assert counts(written.junit)["errors"] == 1
    assert "passed" not in {result(case) for case in written.junit.iter("testcase")}


def test_where_nothing_could_be_listed_nothing_passes(go: Go) -> None:
    with cbr(row(1)) as endpoint:
        endpoint.faults.append(Fault(faults.status(403)))
        written = go(endpoint)
    check(written.junit)
    assert {result(case) for case in written.junit.iter("testcase")} == {"error", "skipped"}


def test_waived_findings_are_skipped_undecided_ones_errors_and_the_rest_passes(go: Go) -> None:
    with cbr(row(1, **UNKNOWN), row(2, **HIGH), row(3, **HIGH)) as endpoint:
        written = go(endpoint, WAIVER)
    check(written.junit)
    failed = [
        (result(case), case.get("name", "").partition(",")[0])
        for case in written.suite("backup-error").iter("testcase")
    ]
    assert failed == [("failure", "disk-3"), ("skipped", "disk-2"), ("passed", "no finding: 1 backup")]
    (waived,) = written.suite("backup-error").iter("skipped")
    assert "it is <gone> & [forgotten](1)" in (waived.text or "")
    assert [result(case) for case in written.suite("backup-not-automatic").iter("testcase")] == ["error", "passed"]


def test_a_rule_that_crashed_is_an_error_of_its_suite(go: Go, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "backup_odd.py").write_text(
        '"""Odd.\n\nWhy.\n\nAdvice.\n"""\nfrom cbr_auditor.rule import Backup, Severity\n'
        'severity = Severity.LOW\ncontrols = ()\nreference = "none"\n'
        "def check(backup: Backup) -> str | None:\n"
        '    raise ValueError("]]>\\x00<odd>")\n'
    )
    with cbr(row(1)) as endpoint:
        written = go(endpoint, AUDITOR_RULES_FOLDER=str(folder))
    check(written.junit)
    (case,) = written.suite("backup-odd").iter("testcase")
    assert result(case) == "error"
    assert "crashed on 1 backup" in case[0].get("message", "")
    assert "]]> <odd>" in (case[0].text or "")
    assert "passed" not in {result(case) for case in written.suite("backup-error").iter("testcase")}


TEXTS = st.text(st.characters() | st.sampled_from("\0\x0b\x1f\ufffe\uffff<>&\"']]>"), max_size=30)


@given(name=TEXTS, ident=TEXTS, message=TEXTS)
def test_hostile_text_stays_text(name: str, ident: str, message: str) -> None:
    findings = [
        make_finding(id="sha256:1", resource_name=name, backup_name=name, subject_id=ident, message=message),
        make_finding(id="sha256:2"),
    ]
    report = make_report(rules=[make_rule_result(failed=2)])
    file = io.BytesIO()
    junit.write(Material(report, findings, str), file)
    root = ET.fromstring(file.getvalue())
    check(root)
    assert counts(root)["failures"] == 2
    readable = "".join(char for char in message if char.isalnum() and char.isprintable())
    shown = root.findall(".//failure")[0].get("message", "")
    assert "".join(char for char in shown if char.isalnum() and char.isprintable()) == readable
