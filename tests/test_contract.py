"""Each row of the public contract's verdict table, by whole runs against the embedded endpoint over sockets."""

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cbr_auditor.clock import Deadline
from cbr_auditor.demo import faults
from cbr_auditor.demo.answer import Answer as Answered
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Fault
from cbr_auditor.errors import SettingsError
from cbr_auditor.report import Trigger
from cbr_auditor.run import Run, run
from cbr_auditor.settings import load_settings
from tests.delivery.receivers import Answer, Receiver
from tests.fakes import NOW, PROJECT, FakeClock
from tests.test_rule import GOOD

TOKEN = "canary-token-3f2a9c"
SCHEMA = Draft202012Validator(json.loads((Path(__file__).parent.parent / "docs" / "report.schema.json").read_text()))


def row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A healthy disk backup as CBR lists it."""
    auto_trigger, encrypted = changes.pop("auto_trigger", True), changes.pop("encrypted", True)
    return {
        "id": f"{number:08}-e7a6-4888-9010-c2bac3aa7910",
        "status": "available",
        "name": f"autobk_{number:04}",
        "created_at": (NOW - timedelta(days=1, seconds=-number)).strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "updated_at": (NOW - timedelta(hours=20)).strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "expired_at": (NOW + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "resource_id": f"resource-{number}",
        "resource_name": f"disk-{number}",
        "resource_type": "OS::Cinder::Volume",
        "vault_id": "v1",
        "project_id": PROJECT,
        "children": [],
        "extend_info": {"auto_trigger": auto_trigger, "encrypted": encrypted},
        **changes,
    }


HIGH = {"status": "error"}
LOW = {"auto_trigger": False}
INFO = {"expired_at": None}
UNKNOWN = {"auto_trigger": None}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    one.start()
    yield one
    one.stop()


Go = Callable[..., Run]


@pytest.fixture
def go(tmp_path: Path, clock: FakeClock, receiver: Receiver) -> Go:
    """A whole run against an endpoint, delivered to a webhook and a folder; checks what holds for every run."""

    def start(endpoint: CbrEndpoint, toml: str = "", seconds: float = 840.0, **variables: str) -> Run:
        (tmp_path / "auditor.toml").write_text(toml)
        environ = {
            "AUDITOR_REGION": "eu-de",
            "AUDITOR_CBR_ENDPOINT": endpoint.url,
            "AUDITOR_PROJECT_ID": PROJECT,
            "AUDITOR_TOKEN": TOKEN,
            "AUDITOR_OUT": str(tmp_path / "out"),
            "AUDITOR_WEBHOOK_URL": receiver.url(),
            **variables,
        }
        result = run(
            load_settings(environ, beside=tmp_path),
            trigger=Trigger("CLI"),
            clock=clock,
            deadline=Deadline(clock, seconds),
            log=logging.getLogger("test"),
        )
        content = json.loads((tmp_path / "out" / "report.json").read_text())
        SCHEMA.validate(content)
        assert content["verdict"] == result.report.verdict
        assert len(content["findings"]) == sum(content["summary"]["findings"].values()) + content["summary"]["unknown"]
        for path in (tmp_path / "out").iterdir():
            assert TOKEN not in path.read_text()
        return result

    return start


def cbr(*rows: Any, **options: Any) -> CbrEndpoint:
    return CbrEndpoint(rows, project_id=PROJECT, token=TOKEN, **options)


def outcome(result: Run) -> tuple[str, bool, int]:
    return result.report.verdict, result.report.complete, result.exit_status


@pytest.mark.parametrize(
    ("changes", "toml", "expected"),
    [
        ({}, "", ("pass", True, 0)),
        (INFO, "", ("pass", True, 0)),
        (LOW, "", ("warn", True, 0)),
        (UNKNOWN, "", ("warn", True, 0)),
        (HIGH, "", ("fail", True, 1)),
        (HIGH, 'fail_on = "critical"', ("warn", True, 0)),
        (LOW, 'fail_on = "low"', ("fail", True, 1)),
        (HIGH, "[rules.backup-error]\nenabled = false", ("pass", True, 0)),
        (HIGH, '[rules.backup-error]\nseverity = "info"', ("pass", True, 0)),
    ],
)
def test_findings_decide_where_everything_was_seen(
    go: Go, receiver: Receiver, changes: dict[str, Any], toml: str, expected: tuple[str, bool, int]
) -> None:
    with cbr(row(1), row(2, **changes)) as endpoint:
        assert outcome(go(endpoint, toml)) == expected
    assert len(receiver.requests) == 1


def test_an_empty_project_is_a_question(go: Go) -> None:
    with cbr() as endpoint:
        result = go(endpoint)
    assert outcome(result) == ("warn", True, 0)
    assert f"No backup in project {PROJECT}: is it the right one?" in result.report.reasons


def test_one_unreadable_record_makes_it_incomplete_and_the_others_are_judged(go: Go) -> None:
    with cbr(row(1), {"id": None, "status": "available"}, row(2, **LOW)) as endpoint:
        result = go(endpoint)
    assert outcome(result) == ("incomplete", False, 3)
    (coverage,) = result.report.coverage
    assert (coverage.listed, coverage.unreadable, coverage.reported_count) == (2, 1, 3)
    assert any("Row" in problem and "id" in problem for problem in coverage.problems)
    assert result.report.summary.findings["low"] == 1


@pytest.mark.parametrize(("changes", "expected"), [(HIGH, ("fail", False, 1)), ({}, ("incomplete", False, 3))])
def test_a_listing_that_breaks_midway_keeps_what_was_seen(
    go: Go, changes: dict[str, Any], expected: tuple[str, bool, int]
) -> None:
    rows = [row(number) for number in range(60)]
    rows[3] = row(3, **changes)
    with cbr(*rows, largest_page=20) as endpoint:
        endpoint.faults.append(Fault(faults.status(403), match=lambda asked: asked.offset > 20))
        result = go(endpoint)
    assert outcome(result) == expected
    (coverage,) = result.report.coverage
    assert 20 <= coverage.listed < 60
    assert "FAIL, INCOMPLETE" in result.report.title or expected[0] == "incomplete"
    assert any("60" in problem for problem in coverage.problems)


def test_the_deadline_stops_asking_and_the_report_still_goes_out(go: Go, clock: FakeClock, receiver: Receiver) -> None:
    with cbr(*[row(number) for number in range(60)], largest_page=20) as endpoint:
        endpoint.before_request = lambda asked: clock.advance(7) if asked.offset else None
        result = go(endpoint, seconds=30.0)
    assert outcome(result) == ("incomplete", False, 3)
    assert result.report.coverage[0].listed >= 20
    assert len(receiver.requests) == 1


def test_vaults_that_do_not_answer_leave_time_for_the_backups(go: Go, clock: FakeClock) -> None:
    with cbr(row(1)) as endpoint:
        endpoint.faults.append(Fault(faults.status(503), match=lambda asked: asked.path.endswith("/vaults")))
        endpoint.before_request = lambda asked: clock.advance(7) if asked.path.endswith("/vaults") else None
        result = go(endpoint, seconds=60.0, AUDITOR_PROFILE="strict")
    (coverage,) = result.report.coverage
    assert (result.report.audited, coverage.listed, coverage.complete) == (True, 1, False)
    assert coverage.problems[0].startswith("The vaults could not be listed")
    assert "the 20.0 s for vaults and policies were used up" in coverage.problems[1]


TWO = """
[[targets]]
project_id = "{PROJECT}"
name = "production"
[[targets]]
project_id = "another"
name = "sandbox"
token_variable = "SANDBOX_TOKEN"
"""


@pytest.mark.parametrize(("changes", "expected"), [({}, ("incomplete", False, 3)), (HIGH, ("fail", False, 1))])
def test_one_of_several_targets_refused_leaves_the_others(
    go: Go, changes: dict[str, Any], expected: tuple[str, bool, int]
) -> None:
    with cbr(row(1, **changes)) as endpoint:
        result = go(endpoint, TWO.replace("{PROJECT}", PROJECT), SANDBOX_TOKEN=TOKEN)
    assert outcome(result) == expected
    production, sandbox = result.report.coverage
    assert (production.name, production.complete, production.listed) == ("production", True, 1)
    assert (sandbox.name, sandbox.complete, sandbox.listed) == ("sandbox", False, 0)
    assert "cbr:backups:list" in sandbox.problems[0]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AUDITOR_TOKEN": "wrong"}, ["401", "AUDITOR_TOKEN"]),
        ({"AUDITOR_PROJECT_ID": "another"}, ["403", "cbr:backups:list"]),
        ({"AUDITOR_CBR_ENDPOINT": "http://127.0.0.1:9"}, ["could not be reached"]),
    ],
)
def test_where_nothing_could_be_listed_no_audit_was_made_and_that_is_sent(
    go: Go, receiver: Receiver, variables: dict[str, str], words: list[str]
) -> None:
    with cbr(row(1)) as endpoint:
        result = go(endpoint, **variables)
    assert outcome(result) == ("incomplete", False, 3)
    assert not result.report.audited
    assert result.report.reasons[0] == "No audit was made."
    assert len(receiver.requests) == 1
    for word in words:
        assert word in result.report.coverage[0].problems[0]


def test_no_more_requests_are_in_flight_than_was_set_over_all_targets(go: Go) -> None:
    answering, peak, lock = 0, 0, threading.Lock()

    def watch(endpoint: CbrEndpoint) -> None:
        answer = endpoint.answer

        def watched(method: str, target: str, headers: Mapping[str, str]) -> Answered:
            nonlocal answering, peak
            with lock:
                answering += 1
                peak = max(peak, answering)
            threading.Event().wait(0.02)  # other requests come in meanwhile, if they may
            with lock:
                answering -= 1
            return answer(method, target, headers)

        endpoint.answer = watched  # type: ignore[method-assign]  # it answers as ever

    rows = [row(number) for number in range(100)]
    with (
        cbr(*rows, largest_page=10) as endpoint,
        CbrEndpoint(rows, project_id="another", token=TOKEN, largest_page=10) as other,
    ):
        watch(endpoint)
        watch(other)
        toml = TWO.replace("{PROJECT}", PROJECT) + f'endpoint = "{other.url}"\n'
        go(endpoint, toml, SANDBOX_TOKEN=TOKEN, AUDITOR_REQUESTS="3")
    assert 1 < peak <= 3


CRASH = '''"""Crash.

It does. Mend it.
"""
from cbr_auditor.rule import Backup, Severity
severity = Severity.LOW
controls = ("x:1",)
reference = "none"
def check(backup: Backup) -> str | None:
    return str(1 // 0) if backup.name == "autobk_0001" else None
'''


@pytest.mark.parametrize(("changes", "expected"), [({}, ("incomplete", False, 3)), (HIGH, ("fail", False, 1))])
def test_a_rule_that_raises_is_named_and_never_silence(
    go: Go, tmp_path: Path, changes: dict[str, Any], expected: tuple[str, bool, int]
) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "backup_crash.py").write_text(CRASH)
    with cbr(row(1), row(2, **changes)) as endpoint:
        result = go(endpoint, AUDITOR_RULES_FOLDER=str(folder))
    assert outcome(result) == expected
    (rule,) = [rule for rule in result.report.rules if rule.id == "backup-crash"]
    assert (rule.errors, rule.checked) == (1, 1)
    assert "ZeroDivisionError" in rule.error_examples[0]


def test_a_channel_that_fails_is_named_and_the_others_are_served(go: Go, receiver: Receiver) -> None:
    receiver.answers = [Answer(status=404)]
    with cbr(row(1)) as endpoint:
        result = go(endpoint)
    assert outcome(result) == ("pass", True, 4)
    (delivery,) = result.report.deliveries
    assert (delivery.channel, delivery.ok) == ("webhook", False)
    assert result.files


@pytest.mark.parametrize(("disks", "not_examined"), [("newest", 1), ("none", 2), ("all", 0)])
def test_older_server_backups_are_counted_and_neither_finding_nor_unknown(
    go: Go, disks: str, not_examined: int
) -> None:
    rows = [row(number, resource_type="OS::Nova::Server", resource_id="s1", encrypted=None) for number in (1, 2)]
    details = {each["id"]: {**each, "children": [{"id": "d", "extend_info": {"encrypted": True}}]} for each in rows}
    with cbr(*rows, details=details) as endpoint:
        result = go(endpoint, AUDITOR_SERVER_DISKS=disks)
    assert outcome(result) == ("pass", True, 0)
    assert result.report.coverage[0].not_examined == not_examined


def test_a_narrowed_listing_says_so_and_leaves_unknown_what_needs_the_rest(go: Go) -> None:
    soon = (NOW + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S.%f")
    with cbr(row(1, expired_at=soon), row(2, status="error")) as endpoint:
        result = go(endpoint, '[listing]\nstatus = ["available"]')
        assert endpoint.requests[0].query["status"] == ["available"]
    assert outcome(result) == ("warn", True, 0)
    (coverage,) = result.report.coverage
    assert coverage.narrowed == {"status": ["available"]}
    assert coverage.listed == 1
    assert (result.report.summary.unknown, sum(result.report.summary.findings.values())) == (1, 0)


def test_a_narrowed_listing_that_matches_nothing_blames_the_filter(go: Go) -> None:
    with cbr(row(1)) as endpoint:
        result = go(endpoint, '[listing]\nresource_id = "typo"')
    assert outcome(result) == ("warn", True, 0)
    assert f"No backup that matches [listing] resource_id in project {PROJECT}: is it the right one?" in (
        result.report.reasons
    )


@pytest.mark.parametrize(
    ("toml", "gone", "stays"),
    [
        ("", "", "share"),
        ('[listing]\nown_type = "private"', "", "share"),
        ('[listing]\nown_type = "all_granted"', "share", "Replicas"),
        ('[listing]\nimage_type = "backup"', "", "Replicas"),
        ("[listing]\nshow_replication = true", "Replicas", "share"),
        ("[rules.backup-stuck]\nenabled = false", "", "switched off: backup-stuck"),
    ],
)
def test_the_report_says_what_it_did_not_look_at(go: Go, toml: str, gone: str, stays: str) -> None:
    with cbr(row(1)) as endpoint:
        told = " ".join(go(endpoint, toml).report.not_looked_at)
    assert stays in told
    assert not gone or gone not in told


@pytest.mark.parametrize("year", ["0001-01-01T00:00:00.000000", "9999-12-31T23:59:59.999999"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_a_date_at_the_end_of_the_calendar_costs_no_report(go: Go, year: str, zone: str) -> None:
    odd = row(1, status="error", created_at=year, updated_at=year, expired_at=year)
    with cbr(odd, row(2, status="protecting", updated_at=year)) as endpoint:
        assert outcome(go(endpoint, AUDITOR_TIMEZONE=zone)) == ("fail", True, 1)


@pytest.mark.parametrize(
    ("variables", "toml"),
    [
        ({"AUDITOR_REGION": "moon", "AUDITOR_CBR_ENDPOINT": ""}, ""),
        ({"AUDITOR_TOKEN": ""}, ""),
        ({"AUDITOR_PROJECT_ID": ""}, ""),
        ({"AUDITOR_TOKEN": "a\nb"}, ""),
        ({"AUDITOR_OUT": "/proc/nowhere"}, ""),
        ({}, "[rules.backup-eror]\nenabled = false"),
        ({}, "[rules.backup-stuck]\nhours = 'many'"),
        ({}, '[[targets]]\nproject_id = "p"\ntoken_variable = "NOT_SET"'),
        ({}, '[[targets]]\nproject_id = "p"'),
        ({}, 'profile = "none"\n[profiles.none]\nrules = []'),
        ({"AUDITOR_OUT": "a\0b"}, ""),
    ],
)
def test_wrong_settings_are_refused_before_any_request(
    go: Go, receiver: Receiver, variables: dict[str, str], toml: str
) -> None:
    with cbr(row(1)) as endpoint:
        with pytest.raises(SettingsError):
            go(endpoint, toml, **variables)
        assert endpoint.requests == []
    assert receiver.requests == []


def frameworks(folder: Path) -> dict[str, dict[str, Any]]:
    """Every clause of the report in the folder, by its control."""
    content = json.loads((folder / "out" / "report.json").read_text())
    return {f"{one['id']}:{each['id']}": each for one in content["frameworks"] for each in one["clauses"]}


def test_a_run_says_which_clauses_it_supports_evidence_for(go: Go, tmp_path: Path) -> None:
    with cbr(row(1), row(2, **HIGH)) as endpoint:
        go(endpoint, "[rules.backup-disk-failed]\n[rules.backup-not-restorable]")
    found = frameworks(tmp_path)
    assert (found["iso27001-2022:A.8.13"]["result"], found["iso27001-2022:A.8.13"]["findings"]) == ("findings", 1)
    assert "resource-rpo-breach" in found["iso27001-2022:A.8.13"]["rules_off"]
    assert found["nist-csf-2.0:RC.RP-03"]["result"] == found["iso27001-2022:A.8.24"]["result"] == "no_finding"
    assert found["pci-dss-4.0.1:9.4.1.1"]["result"] == found["cis-8.1:11.4"]["result"] == "not_assessed"
    assert found["gdpr:32(1)"]["result"] == "partly_assessed"
    page = (tmp_path / "out" / "controls.html").read_text()
    assert page.index("ISO 27001:2022") < page.index("GDPR")
    assert "Evidence for controls" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize("toml", ["", '[listing]\nstatus = "available"'])
def test_where_not_everything_was_seen_no_clause_is_without_a_finding(go: Go, tmp_path: Path, toml: str) -> None:
    rows = [row(1)] if toml else [row(1), {"id": None, "status": "available"}]
    with cbr(*rows) as endpoint:
        go(endpoint, toml)
    results = {each["result"] for each in frameworks(tmp_path).values()}
    assert results == {"partly_assessed", "not_assessed"}


def test_the_profiles_framework_comes_first_and_an_operators_own_last(go: Go, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "backup_cursed.py").write_text(GOOD.replace("()", '("ours:4.2", "plain")'))
    profile = '[profiles.ours]\nextends = "essential"\nframeworks = "gdpr"\n'
    profile += 'without = ["policy-*", "vault-*", "restore-*", "resource-never-*"]'
    with cbr(row(1, name="x")) as endpoint:
        result = go(endpoint, profile, AUDITOR_PROFILE="ours", AUDITOR_RULES_FOLDER=str(folder))
    assert [one.id for one in (result.report.frameworks[0], *result.report.frameworks[-2:])] == ["gdpr", "ours", ""]
    assert frameworks(tmp_path)["ours:4.2"]["findings"] == 1
