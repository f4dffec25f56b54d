"""Vaults and policies as a run lists, joins and judges them, over real HTTP."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.demo import faults
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Fault
from cbr_auditor.finding import Finding
from tests.fakes import NOW, PROJECT
from tests.rules.inventory import SERVER_ID, VAULT_ID, member_row, policy_row, vault_row
from tests.runs import TOKEN, audited, judged

DATA = Path(__file__).parent / "data"
VAULT_RULES = [
    "vault-without-policy",
    "vault-not-locked",
    "vault-capacity",
    "vault-status",
    "vault-notification-off",
    "vault-excluded-disk",
    "vault-resource-error",
    "vault-untagged",
]
POLICY_RULES = [
    "policy-disabled",
    "policy-unused",
    "policy-infrequent",
    "policy-retention-too-short",
    "policy-keeps-forever",
]
MEMBER_RULES = ["resource-never-backed-up", "resource-missed-run", "resource-not-replicated"]


def backup_row(hours: float = 7, **changes: Any) -> dict[str, Any]:
    """A healthy automatic backup of the server in the vault, of so many hours ago."""
    row = {
        "id": f"b-{hours}",
        "name": "autobk",
        "status": "available",
        "created_at": (NOW - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "expired_at": (NOW + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "resource_id": SERVER_ID,
        "resource_name": "web-1",
        "resource_type": "OS::Nova::Server",
        "vault_id": VAULT_ID,
        "project_id": PROJECT,
        "children": [],
        "extend_info": {"auto_trigger": True, "encrypted": True},
    }
    return {**row, **changes}


def only(*rules: str, more: str = "") -> str:
    """An auditor.toml with these rules alone."""
    return f'profile = "own"\n{more}\n[profiles.own]\ntitle = "t"\nrules = {json.dumps(rules)}\n'


@pytest.fixture
def endpoint() -> Iterator[CbrEndpoint]:
    with CbrEndpoint([backup_row()], project_id=PROJECT, token=TOKEN) as endpoint:
        endpoint.vaults = [vault_row()]
        endpoint.policies = [policy_row()]
        yield endpoint


def said(findings: list[Finding]) -> set[tuple[str, str, str | None]]:
    return {(finding.rule, finding.outcome, finding.subject_id) for finding in findings}


def test_a_healthy_vault_policy_and_member_have_no_finding(tmp_path: Path, endpoint: CbrEndpoint) -> None:
    rules = [*VAULT_RULES, *POLICY_RULES, "resource-never-backed-up", "resource-missed-run"]
    assert judged(tmp_path, endpoint, only(*rules)) == []
    assert {asked.path.rpartition("/")[2] for asked in endpoint.requests} == {"backups", "vaults", "policies"}


def test_nothing_is_listed_that_no_rule_needs(tmp_path: Path, endpoint: CbrEndpoint) -> None:
    assert judged(tmp_path, endpoint, only("backup-error")) == []
    assert {asked.path.rpartition("/")[2] for asked in endpoint.requests} == {"backups"}


def test_vaults_are_told_their_policies_which_cbr_keeps_the_other_way_round(
    tmp_path: Path, endpoint: CbrEndpoint
) -> None:
    endpoint.vaults = [vault_row(), vault_row(id="v2", name="bare")]
    (finding,) = judged(tmp_path, endpoint, only("vault-without-policy"))
    assert (finding.vault_id, finding.subject_id, finding.subject_name) == ("v2", "v2", "bare")
    assert finding.outcome == "fail"


@pytest.mark.parametrize("bound", [None, [{}], "odd"])
def test_a_policy_that_hides_what_it_is_bound_to_makes_vaults_unknown_and_not_bad(
    tmp_path: Path, endpoint: CbrEndpoint, bound: Any
) -> None:
    endpoint.policies = [policy_row(associated_vaults=bound)]
    (finding,) = judged(tmp_path, endpoint, only("vault-without-policy"))
    assert (finding.outcome, finding.message) == ("unknown", "cannot tell without associated_vaults of policy nightly")


def test_a_policy_that_cannot_be_read_makes_vaults_unknown_and_the_run_incomplete(
    tmp_path: Path, endpoint: CbrEndpoint
) -> None:
    endpoint.policies = [{"name": "no id"}]
    report = audited(tmp_path, endpoint, only("vault-without-policy"))
    (finding,) = report["findings"]
    assert (finding["outcome"], finding["rule"]) == ("unknown", "vault-without-policy")
    assert report["complete"] is False
    assert report["coverage"][0]["problems"] == ["One of the policies could not be read: its id is missing or null."]


@pytest.mark.parametrize(
    ("action", "rules"),
    [
        ("cbr:vaults:list", [*VAULT_RULES, *MEMBER_RULES]),
        (
            "cbr:policies:list",
            ["vault-without-policy", *POLICY_RULES, "resource-missed-run", "resource-not-replicated"],
        ),
    ],
)
def test_a_missing_permission_makes_its_rules_unknown_with_the_action_to_add(
    tmp_path: Path, endpoint: CbrEndpoint, action: str, rules: list[str]
) -> None:
    endpoint.faults = [faults.without(action)]
    report = audited(tmp_path, endpoint, only(*VAULT_RULES, *POLICY_RULES, *MEMBER_RULES))
    unknown = [finding for finding in report["findings"] if finding["outcome"] == "unknown"]
    assert sorted(finding["rule"] for finding in unknown) == sorted(rules)
    assert all(action in finding["message"] for finding in unknown)
    assert not [finding for finding in report["findings"] if finding["rule"] in rules and finding not in unknown]
    assert report["verdict"] != "pass"
    assert f"Not granted, so rules are undecided: {action}." in report["reasons"]
    assert report["complete"] is True


def test_a_list_that_breaks_makes_the_run_incomplete_besides(tmp_path: Path, endpoint: CbrEndpoint) -> None:
    endpoint.faults = [Fault(faults.status(404), f"/v3/{PROJECT}/vaults")]
    report = audited(tmp_path, endpoint, only("vault-status"))
    assert [finding["outcome"] for finding in report["findings"]] == ["unknown"]
    assert (report["verdict"], report["complete"]) == ("incomplete", False)
    assert "vaults could not be listed" in report["coverage"][0]["problems"][0]


def test_a_member_without_any_backup_is_known_by_its_vault(tmp_path: Path, endpoint: CbrEndpoint) -> None:
    endpoint.vaults = [vault_row(resources=[member_row(), member_row(id="new", name="new-1")])]
    rules = only(*MEMBER_RULES, "resource-rpo-breach", "resource-too-few-restore-points", "resource-manual-only")
    found = [finding for finding in judged(tmp_path, endpoint, rules) if finding.resource_id == "new"]
    (finding,) = found
    assert (finding.rule, finding.outcome) == ("resource-never-backed-up", "fail")
    assert (finding.resource_name, finding.resource_type, finding.vault_id) == ("new-1", "OS::Nova::Server", VAULT_ID)


def test_a_missed_run_is_reported_once(tmp_path: Path, endpoint: CbrEndpoint) -> None:
    endpoint.backups = [backup_row(99)]
    endpoint.vaults = [vault_row(), vault_row(id="other", resources=[])]
    rules = only("resource-missed-run", "resource-rpo-breach", "policy-disabled", "vault-without-policy")
    assert said(judged(tmp_path, endpoint, rules)) == {("resource-missed-run", "fail", SERVER_ID)}


@pytest.mark.parametrize(
    ("policies", "rule", "subject"),
    [
        ([policy_row(enabled=False)], "policy-disabled", policy_row()["id"]),
        ([], "vault-without-policy", VAULT_ID),
    ],
)
def test_a_policy_that_is_off_or_missing_is_reported_once_as_the_cause(
    tmp_path: Path, endpoint: CbrEndpoint, policies: list[Any], rule: str, subject: str
) -> None:
    endpoint.policies = policies
    causes = only(
        "resource-missed-run", "policy-disabled", "policy-unused", "policy-infrequent", "vault-without-policy"
    )
    assert said(judged(tmp_path, endpoint, causes)) == {(rule, "fail", subject)}


@pytest.mark.parametrize("name", ["resource_id", "resource_type", "vault_id", "name"])
def test_a_member_that_listing_leaves_out_is_unknown_and_not_without_backup(
    tmp_path: Path, endpoint: CbrEndpoint, name: str
) -> None:
    value = "OS::Cinder::Volume" if name == "resource_type" else "another"
    toml = only("resource-never-backed-up", more=f'[listing]\n{name} = "{value}"')
    (finding,) = judged(tmp_path, endpoint, toml)
    assert finding.outcome == "unknown"
    assert f"[listing] {name} leaves out" in finding.message


def test_show_replication_hides_nothing_and_lets_records_tell(tmp_path: Path, endpoint: CbrEndpoint) -> None:
    record = {"status": "success", "destination_region": "eu-nl"}
    rules = ("resource-not-replicated", "resource-never-backed-up", "resource-missed-run")
    shown = only(*rules, more="[listing]\nshow_replication = true")
    endpoint.backups = [backup_row(replication_records=[record])]
    assert judged(tmp_path, endpoint, shown) == []
    endpoint.backups = [backup_row(replication_records=[])]
    (finding,) = judged(tmp_path, endpoint, shown)
    assert (finding.rule, finding.outcome) == ("resource-not-replicated", "fail")
    assert finding.message.startswith("none of its 1 good backups was copied")


def test_an_override_by_vault_reaches_its_vault_alone(tmp_path: Path, endpoint: CbrEndpoint) -> None:
    full = {"used": 90 * 1024}
    endpoint.vaults = [vault_row(billing=full), vault_row(id="v2", name="sandbox", billing=full)]
    quiet = '\n[[overrides]]\nvault = "sandbox"\n[overrides.rules.vault-capacity]\npercent = 95\n'
    (finding,) = judged(tmp_path, endpoint, only("vault-capacity") + quiet)
    assert finding.vault_id == VAULT_ID


@pytest.mark.parametrize("path", sorted(DATA.glob("vaults-list*.json")), ids=lambda path: path.stem)
def test_every_known_list_of_vaults_is_judged_without_a_crash(
    tmp_path: Path, path: Path, endpoint: CbrEndpoint
) -> None:
    endpoint.vaults = json.loads(path.read_bytes())["vaults"]
    endpoint.policies = json.loads((DATA / "policies-list_hwc-recorded_backup-full-interval.json").read_bytes())[
        "policies"
    ]
    report = audited(tmp_path, endpoint, only(*VAULT_RULES, *POLICY_RULES, *MEMBER_RULES))
    assert report["summary"]["rule_errors"] == 0
    checked = {rule["id"]: rule["checked"] for rule in report["rules"]}
    assert {checked[rule] for rule in VAULT_RULES} == {len(endpoint.vaults)}


def test_the_recorded_project_is_judged_as_a_person_would(tmp_path: Path, endpoint: CbrEndpoint) -> None:
    path = DATA / "vaults-list_hwc-recorded_backup-and-replication.json"
    endpoint.vaults = json.loads(path.read_bytes())["vaults"]
    endpoint.policies = []
    endpoint.backups = []
    rules = only("vault-resource-error", "vault-status", "vault-notification-off", "resource-never-backed-up")
    found = judged(tmp_path, endpoint, rules)
    # What it counts backups of is unknown, for the list shows none; copies and a source that is gone are not judged.
    assert {(finding.rule, finding.outcome, finding.resource_name) for finding in found} == {
        ("resource-never-backed-up", "unknown", "volume-encrypted"),
        ("resource-never-backed-up", "unknown", "ecs-zs-custodian"),
    }


CIRCLE = '''"""Circle.

It is one. Break it.
"""
from cbr_auditor.rule import Resource, Severity
severity = Severity.LOW
controls = ()
reference = ""
supersedes = ("{other}",)
def check(resource: Resource) -> str | None:
    return "found"
'''


def test_two_rules_that_supersede_each_other_end_in_one_finding(tmp_path: Path, endpoint: CbrEndpoint) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    for name, other in (("a", "resource-b"), ("b", "resource-a")):
        (folder / f"resource_{name}.py").write_text(CIRCLE.format(other=other))
    found = judged(tmp_path, endpoint, only("backup-error"), AUDITOR_RULES_FOLDER=str(folder))
    assert [finding.message for finding in found] == ["found"]
