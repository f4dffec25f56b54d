"""OCSF events against py-ocsf-models, which is Prowler's."""

import io
import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding
from py_ocsf_models.events.findings.severity_id import SeverityID
from py_ocsf_models.events.findings.status_id import StatusID
from py_ocsf_models.objects.cloud import Cloud
from py_ocsf_models.objects.compliance_status import StatusID as ComplianceStatus

from cbr_auditor.demo import faults
from cbr_auditor.demo.faults import Fault
from cbr_auditor.formats import ocsf
from cbr_auditor.formats.material import COVERAGE, Material
from tests.fakes import PROJECT, make_coverage, make_finding, make_report
from tests.formats.conftest import WAIVER, Go, Written
from tests.test_contract import HIGH, UNKNOWN, cbr, row


def read(events: list[dict[str, Any]]) -> list[ComplianceFinding]:
    """The events as Prowler's model reads them: it drops nothing of what they say but `cloud`, which is a profile's."""
    models = []
    for event in events:
        if "cloud" in event:
            assert Cloud.model_validate(event["cloud"]).model_dump(exclude_none=True) == event["cloud"]
        model = ComplianceFinding.model_validate(event)
        kept = model.model_dump(mode="json", exclude_none=True)
        assert {name: value for name, value in event.items() if name not in {"cloud", "compliance"}} == {
            name: value for name, value in kept.items() if name != "compliance"
        }
        models.append(model)
    return models


def test_the_demos_events_are_valid_and_have_every_finding_once(demo: Written) -> None:
    events = read(demo.ocsf)
    found = [event for event in events if event.metadata.event_code != COVERAGE]
    assert [event.finding_info.uid for event in found] == [finding["id"] for finding in demo.findings]
    waived = [event for event in found if event.status_id is StatusID.Suppressed]
    assert len(waived) == demo.report["summary"]["waived"] > 0
    found = [event for event in found if event.status_id is StatusID.New]
    statuses = Counter(event.compliance.status_id for event in found)
    assert statuses[ComplianceStatus.Fail] == sum(demo.report["summary"]["findings"].values())
    assert statuses[ComplianceStatus.Warning] == demo.report["summary"]["unknown"]
    assert statuses[ComplianceStatus.Pass] == 0
    severities = Counter(event.severity_id for event in found if event.compliance.status_id is ComplianceStatus.Fail)
    names = {"info": "Informational"}
    for severity, count in demo.report["summary"]["findings"].items():
        assert severities[SeverityID[names.get(severity, severity.capitalize())]] == count


def test_every_event_stands_on_its_own_line(demo: Written) -> None:
    lines = (demo.folder / "report.ocsf.json").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("[", "]")
    assert [json.loads(line.removesuffix(",")) for line in lines[1:-1]] == demo.ocsf


def test_controls_are_requirements_and_frameworks_standards(demo: Written) -> None:
    rules = {rule["id"]: rule for rule in demo.report["rules"]}
    names = {framework["id"]: framework["name"] for framework in demo.report["frameworks"]}
    found = [event for event in demo.ocsf if event["metadata"]["event_code"] != COVERAGE]
    for event in found:
        controls = rules[event["compliance"]["control"]]["controls"]
        assert event["compliance"]["requirements"] == controls
        assert event["compliance"]["standards"] == sorted({names[control.split(":")[0]] for control in controls})
    assert any(event["compliance"]["standards"] for event in found)


def test_an_incomplete_run_has_a_warning_and_nothing_that_passes(demo: Written) -> None:
    (event,) = [event for event in read(demo.ocsf) if event.metadata.event_code == COVERAGE]
    assert event.compliance.status_id is ComplianceStatus.Warning
    assert event.severity_id is SeverityID.High
    assert "could not be read" in (event.message or "")


def test_a_run_without_any_finding_says_what_passed(go: Go) -> None:
    with cbr(row(1)) as endpoint:
        written = go(endpoint)
    events = read(written.ocsf)
    assert {event.compliance.status_id for event in events} == {ComplianceStatus.Pass}
    assert {event.status_id for event in events} == {None}
    passed = {rule["id"] for rule in written.report["rules"] if rule["checked"]}
    assert {event.metadata.event_code for event in events} == {COVERAGE, *passed}


def test_what_is_seen_of_a_project_has_the_same_uid_whether_it_is_all_or_not(go: Go) -> None:
    uids = set()
    for rows in ([row(1)], [row(1), {"id": None}], []):
        with cbr(*rows) as endpoint:
            events = go(endpoint).ocsf
        (event,) = [event for event in events if event["metadata"]["event_code"] == COVERAGE]
        uids.add(event["finding_info"]["uid"])
    assert len(uids) == 1


def test_where_nothing_could_be_listed_no_event_passes(go: Go) -> None:
    with cbr(row(1)) as endpoint:
        endpoint.faults.append(Fault(faults.status(403)))
        (event,) = read(go(endpoint).ocsf)
    assert event.compliance.status_id is ComplianceStatus.Warning


def test_waived_findings_are_suppressed_and_undecided_ones_warn(go: Go) -> None:
    with cbr(row(1, **UNKNOWN), row(2, **HIGH), row(3, **HIGH)) as endpoint:
        written = go(endpoint, WAIVER)
    events = {
        event.resources[1].name: event for event in read(written.ocsf) if event.resources and len(event.resources) > 1
    }
    assert events["disk-3"].status_id is StatusID.New
    assert events["disk-2"].status_id is StatusID.Suppressed
    assert events["disk-2"].compliance.status_id is ComplianceStatus.Fail
    assert (events["disk-2"].comment or "").startswith("Accepted by ops until 2026-12-31: it is <gone>")
    assert events["disk-1"].compliance.status_id is ComplianceStatus.Warning
    assert "backup-error" not in {
        event["metadata"]["event_code"] for event in written.ocsf if event["compliance"]["status"] == "Pass"
    }


def test_the_cloud_is_named_after_its_host() -> None:
    def provider(endpoint: str) -> str:
        name: str = ocsf._cloud(make_coverage(endpoint=endpoint))["provider"]
        return name

    assert provider("https://cbr.eu-ch2.sc.otc.t-systems.com") == "Open Telekom Cloud"
    assert provider("https://cbr.eu-west-101.myhuaweicloud.eu") == "Huawei Cloud"
    assert provider("https://notmyhuaweicloud.com") == "notmyhuaweicloud.com"


TEXTS = st.text(st.characters(), max_size=30)


@given(name=TEXTS, ident=TEXTS, message=TEXTS)
def test_hostile_text_stays_text(name: str, ident: str, message: str) -> None:
    finding = make_finding(resource_name=name, subject_id=ident, subject_name=name, backup_id=ident, message=message)
    file = io.BytesIO()
    ocsf.write(Material(make_report(), [finding, make_finding()], str), file)
    _, first, second = read(json.loads(file.getvalue()))
    assert first.finding_info.uid == second.finding_info.uid
    for resource in first.resources or []:
        assert resource.namespace == PROJECT
        for text in (resource.name, resource.uid):
            assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text or "")
