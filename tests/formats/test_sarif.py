"""SARIF against the OASIS schema, and what GitHub asks for besides."""

import io
import json
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from cbr_auditor.demo import faults
from cbr_auditor.demo.faults import Fault
from cbr_auditor.formats import sarif
from cbr_auditor.formats.material import COVERAGE, Material
from tests.fakes import PROJECT, make_coverage, make_finding, make_report
from tests.formats.conftest import WAIVER, Go, Written
from tests.test_contract import HIGH, UNKNOWN, cbr, row

SCHEMAS = Path(__file__).parents[1] / "data" / "schemas"
SCHEMA = Draft4Validator(
    json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_bytes()), format_checker=Draft4Validator.FORMAT_CHECKER
)


def written(material: Material) -> dict[str, Any]:
    file = io.BytesIO()
    sarif.write(material, file)
    log: dict[str, Any] = json.loads(file.getvalue())
    SCHEMA.validate(log)
    return log


def test_the_demos_log_is_valid_and_has_every_finding_once(demo: Written) -> None:
    SCHEMA.validate(demo.sarif)
    found = [result for result in demo.results if result["ruleId"] != COVERAGE]
    assert [result["partialFingerprints"]["findingId/v1"] for result in found] == [one["id"] for one in demo.findings]
    kinds = Counter(result["kind"] for result in found if not result["suppressions"])
    assert len(found) - sum(kinds.values()) == demo.report["summary"]["waived"] > 0
    assert kinds["fail"] == sum(demo.report["summary"]["findings"].values())
    assert kinds["open"] == demo.report["summary"]["unknown"]


def test_every_result_has_what_github_refuses_a_file_without(demo: Written) -> None:
    rules = demo.sarif["runs"][0]["tool"]["driver"]["rules"]
    for result in demo.results:
        (location,) = result["locations"]
        assert re.fullmatch(r"[\w./%~-]+", location["physicalLocation"]["artifactLocation"]["uri"])
        assert location["physicalLocation"]["region"]["startLine"] == 1
        assert re.fullmatch(r"[0-9a-f]{64}:1", result["partialFingerprints"]["primaryLocationLineHash"])
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["kind"] == "fail" or result["level"] == "none"
    for rule in rules:
        score = rule["properties"].get("security-severity")
        assert (score is None) == (rule["properties"]["severity"] == "info")
        assert ("security" in rule["properties"]["tags"]) == (score is not None)
        assert len(rule["properties"]["tags"]) <= 20


def test_a_rule_brings_its_page_its_controls_and_its_level(demo: Written) -> None:
    rules = {rule["id"]: rule for rule in demo.sarif["runs"][0]["tool"]["driver"]["rules"]}
    page = (Path(__file__).parents[2] / "docs" / "rules" / "backup-overdue.md").read_text()
    rule = rules["backup-overdue"]
    assert rule["help"]["markdown"] == page
    assert rule["help"]["text"] in page
    assert rule["defaultConfiguration"]["level"] == "warning"
    assert rule["properties"]["security-severity"] == "5.5"
    listed = {rule["id"]: rule for rule in demo.report["rules"]}
    for ident, known in listed.items():
        assert [tag for tag in rules[ident]["properties"]["tags"] if tag != "security"] == known["controls"]


def test_an_incomplete_run_is_no_success_and_an_alert_of_its_own(demo: Written) -> None:
    (invocation,) = demo.sarif["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    (note,) = invocation["toolExecutionNotifications"]
    assert note["level"] == "error"
    assert "could not be read" in note["message"]["text"]
    (result,) = [result for result in demo.results if result["ruleId"] == COVERAGE]
    assert (result["kind"], result["level"]) == ("fail", "error")


def test_a_run_without_any_finding_has_no_result_and_is_a_success(go: Go) -> None:
    with cbr(row(1)) as endpoint:
        log = go(endpoint).sarif
    SCHEMA.validate(log)
    assert log["runs"][0]["results"] == []
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] is True
    assert log["runs"][0]["automationDetails"]["id"].startswith(f"cbr-auditor/eu-de/{PROJECT}/")


def test_an_empty_project_is_a_warning(go: Go) -> None:
    with cbr() as endpoint:
        (result,) = go(endpoint).results
    assert (result["ruleId"], result["level"]) == (COVERAGE, "warning")
    assert "is it the right one?" in result["message"]["text"]


def test_where_nothing_could_be_listed_the_log_says_so(go: Go) -> None:
    with cbr(row(1)) as endpoint:
        endpoint.faults.append(Fault(faults.status(403)))
        written = go(endpoint)
    SCHEMA.validate(written.sarif)
    (result,) = written.results
    assert (result["ruleId"], result["level"]) == (COVERAGE, "error")
    assert written.sarif["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_waived_findings_are_suppressed_and_undecided_ones_open(go: Go) -> None:
    with cbr(row(1, **UNKNOWN), row(2, **HIGH), row(3, **HIGH)) as endpoint:
        written = go(endpoint, WAIVER)
    SCHEMA.validate(written.sarif)
    by_name = {result["locations"][0]["logicalLocations"][0]["name"]: result for result in written.results}
    assert by_name["disk-3"]["suppressions"] == []
    (suppression,) = by_name["disk-2"]["suppressions"]
    assert (suppression["kind"], suppression["status"]) == ("external", "accepted")
    assert "it is <gone>" in suppression["justification"]
    assert (by_name["disk-1"]["kind"], by_name["disk-1"]["level"]) == ("open", "none")
    assert len(written.results) == len(written.findings) == 3


def test_a_message_is_no_link_and_no_placeholder() -> None:
    finding = make_finding(resource_name="{0} [click](https://evil.example)")
    log = written(Material(make_report(), [finding], str))
    (result,) = log["runs"][0]["results"]
    assert result["message"]["text"] == "{{0}} \\[click\\](https://evil.example): the backup failed"


def test_other_projects_are_another_category() -> None:
    def category(*projects: str) -> str:
        coverage = [make_coverage(project_id=project) for project in projects]
        ident: str = written(Material(make_report(coverage=coverage), [], str))["runs"][0]["automationDetails"]["id"]
        return ident.rpartition("/")[0]

    assert category("a", "b") == category("b", "a") == "cbr-auditor/eu-de/a+eu-de/b"
    many = [f"p{number}" for number in range(9)]
    assert category(*many) == category(*reversed(many)) != category(*many[1:])
    assert len(category(*many)) < 60


TEXTS = st.text(st.characters(), max_size=30)


@settings(max_examples=50)
@given(name=TEXTS, ident=TEXTS, message=TEXTS)
def test_hostile_text_stays_text(name: str, ident: str, message: str) -> None:
    finding = make_finding(resource_name=name, subject_id=ident, backup_id=ident, message=message)
    log = written(Material(make_report(), [finding, make_finding()], str))
    results = log["runs"][0]["results"]
    assert len(results) == 2
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in results[0]["message"]["text"])
    assert not re.search(r"(?<!\\)\[[^\[\]]*\]\(", results[0]["message"]["text"])
    uri = results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.isascii()
    assert ".." not in uri.split("/")


@pytest.mark.parametrize("severity", ["critical", "high", "medium", "low", "info"])
def test_severities_become_levels_and_scores_in_githubs_bounds(severity: str) -> None:
    low, high = {"critical": (9.0, 10), "high": (7, 8.9), "medium": (4, 6.9), "low": (0.1, 3.9), "info": (0, 0)}[
        severity
    ]
    scores = {known.value: float(score) for known, score in sarif._SCORES.items()}
    assert low <= scores.get(severity, 0) <= high
