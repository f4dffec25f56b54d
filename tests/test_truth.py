"""A whole tenant, scenario by scenario: what each rule must find there, and that it finds nothing else."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from cbr_auditor.demo.endpoint import CbrEndpoint
from tests.fakes import PROJECT
from tests.runs import TOKEN, audited
from tests.truth import FOLDER, Expected, Row, Tenant, expected, scenarios, tenant_of

SCENARIOS = scenarios()
# contract.md: the first eight rules; issue 4: what else needs no more permission than they do, and is beyond dispute.
ESSENTIAL = {
    "backup-error",
    "backup-expiring",
    "backup-overdue",
    "backup-unencrypted",
    "backup-not-automatic",
    "backup-without-expiry",
    "backup-unknown-status",
    "backup-stuck",
    "waiver-expired",
    "waiver-stale",
}
EVERY = {path.stem.replace("_", "-") for path in (Path(__file__).parent.parent / "rules").glob("*.py")}
OUTCOMES = {"fail": "fail", "unknown": "unknown", "waived": "waived"}
OTHER_PROJECT = "1605767b5780d5762fc5c0118072a565"


@contextmanager
def serving(tenant: Tenant) -> Iterator[CbrEndpoint]:
    with CbrEndpoint(
        tenant.backups, project_id=tenant.project_id, token=TOKEN, details=tenant.details, largest_page=20
    ) as endpoint:
        endpoint.vaults = list(tenant.vaults.values())
        endpoint.policies = list(tenant.policies.values())
        endpoint.tasks = tenant.tasks
        yield endpoint


def named(report: Row, *tenants: Tenant) -> dict[Expected, str]:
    """Every finding by rule, outcome and what the tables call its subject, with its message."""
    labels = {ident: label for tenant in tenants for ident, label in tenant.label_of.items()}
    found = {}
    for outcome, findings in ((None, report["findings"]), ("waived", report["waived"])):
        for finding in findings:
            key = (
                finding["rule"],
                outcome or finding["outcome"],
                labels.get(finding["subject_id"], finding["subject_id"]),
            )
            assert key not in found, f"{key} was found twice"
            found[key] = finding["message"]
    return found


def scenario_of(who: str) -> str:
    """The scenario that a subject stands in."""
    for scenario in SCENARIOS:
        names = [
            line.get("name") or line.get("id")
            for key in ("vaults", "policies", "tasks")
            for line in scenario.get(key, ())
        ]
        if who in names or who.split("/", maxsplit=1)[0] == scenario.get("resource"):
            return str(scenario["what"])
    return "none"


def compare(found: dict[Expected, str], truth: dict[Expected, str]) -> None:
    """Fail with every difference: scenario, rule, subject."""
    missing = [
        f"not found: {rule} {outcome} {who}\n    in: {truth[rule, outcome, who]}"
        for rule, outcome, who in sorted(truth.keys() - found.keys())
    ]
    surplus = [
        f"found, but not expected: {rule} {outcome} {who}: {found[rule, outcome, who]}\n    in: {scenario_of(who)}"
        for rule, outcome, who in sorted(found.keys() - truth.keys())
    ]
    if missing or surplus:
        pytest.fail("\n".join(["the rules and the tables disagree", *missing, *surplus]), pytrace=False)


def settings(profile: str) -> str:
    return (FOLDER / f"{profile}.auditor.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tenant() -> Tenant:
    return tenant_of(SCENARIOS, PROJECT)


def test_the_tenant_has_more_than_150_records_most_of_them_backups_and_every_rule_an_example(tenant: Tenant) -> None:
    assert len(tenant.backups) > tenant.records / 2
    assert tenant.records > 150
    named_in = {rule for scenario in SCENARIOS for key in OUTCOMES for rule in scenario.get(key, {})}
    assert EVERY - named_in == {"restore-test-missing"}  # a project where one was tested has no other
    assert named_in <= EVERY


def test_every_scenario_of_the_strict_profile_is_judged_as_the_tables_say(tmp_path: Path, tenant: Tenant) -> None:
    with serving(tenant) as endpoint:
        report = audited(tmp_path, endpoint, settings("strict"))
    found = named(report, tenant)
    compare(found, expected(SCENARIOS, OUTCOMES, EVERY))
    assert report["complete"], report["coverage"]
    assert report["summary"]["rule_errors"] == 0
    for scenario in SCENARIOS:
        for rule, part in scenario.get("says", {}).items():
            assert all(part in message for (one, _, _), message in found.items() if one == rule), scenario["what"]


def test_the_essential_profile_finds_its_share_and_what_no_stronger_rule_says_there(
    tmp_path: Path, tenant: Tenant
) -> None:
    with serving(tenant) as endpoint:
        report = audited(tmp_path, endpoint, settings("essential"))
        asked = {request.path.split("/")[3] for request in endpoint.requests}
    compare(named(report, tenant), expected(SCENARIOS, {**OUTCOMES, "essential": "fail"}, ESSENTIAL))
    assert report["complete"], report["coverage"]
    assert asked <= {"backups", "operation-logs"}


def test_where_every_servers_disks_are_looked_at_older_backups_are_judged_too(tmp_path: Path, tenant: Tenant) -> None:
    with serving(tenant) as endpoint:
        report = audited(tmp_path, endpoint, settings("strict"), AUDITOR_SERVER_DISKS="all")
    outcomes = {**OUTCOMES, "examined": "fail", "examined_unknown": "unknown"}
    compare(named(report, tenant), expected(SCENARIOS, outcomes, EVERY))


def test_the_same_tenant_split_over_two_targets_is_judged_alike(tmp_path: Path) -> None:
    parts = [scenario for scenario in SCENARIOS if scenario["type"] == "server"]
    rest = [scenario for scenario in SCENARIOS if scenario["type"] != "server"]
    tenants = [tenant_of(parts, OTHER_PROJECT), tenant_of(rest, PROJECT)]
    with ExitStack() as stack:
        endpoints = [stack.enter_context(serving(tenant)) for tenant in tenants]
        tables = "\n".join(
            f'[[targets]]\nproject_id = "{tenant.project_id}"\nendpoint = "{endpoint.url}"\ntoken_variable = "TARGET"\n'
            for tenant, endpoint in zip(tenants, endpoints, strict=True)
        )
        report = audited(tmp_path, endpoints[1], settings("strict") + tables, TARGET=TOKEN)
    compare(named(report, *tenants), expected(SCENARIOS, OUTCOMES, EVERY))
    assert [len(tenant.backups) for tenant in tenants] == [target["listed"] for target in report["coverage"]]
