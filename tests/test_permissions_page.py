"""The policies of docs/permissions.md are sound, and an audit that has no other right misses nothing for it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Fault, status
from cbr_auditor.demo.tenant import demo_tenant
from tests.fakes import NOW
from tests.runs import audited

PAGE = (Path(__file__).parents[1] / "docs" / "permissions.md").read_text()
POLICIES: list[dict[str, Any]] = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)]
SMALLEST, EVERY_RULE, OPTIONS, ARCHIVE = POLICIES


def actions(policy: dict[str, Any]) -> set[str]:
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def granting(policy: dict[str, Any]) -> CbrEndpoint:
    """The demo tenant's endpoint, which answers 403 to whatever the policy does not allow."""
    tenant = demo_tenant(NOW)
    endpoint = tenant.serve()
    endpoint.faults = [Fault(status(403), lambda asked: asked.action not in actions(policy))]
    return endpoint


def outcomes(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    return sorted((found["id"], found["rule"], found["outcome"]) for found in report["findings"])


@pytest.mark.parametrize("policy", POLICIES, ids=["smallest", "every rule", "options", "archive"])
def test_every_policy_is_one_that_iam_takes(policy: dict[str, Any]) -> None:
    assert set(policy) == {"Version", "Statement"}
    assert policy["Version"] == "1.1"
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert all(re.fullmatch(r"[a-z]+:[A-Za-z]+:[A-Za-z]+", action) for action in statement["Action"])
        assert set(statement) <= {"Effect", "Action", "Resource"}


def test_no_policy_lets_the_auditor_change_a_backup() -> None:
    for action in actions(SMALLEST) | actions(EVERY_RULE):
        assert re.fullmatch(r"cbr:\w+:(list|get)", action)
    assert {action.split(":")[0] for action in actions(OPTIONS)} == {"smn", "kms", "csms"}
    assert ARCHIVE["Statement"][0]["Resource"] == ["OBS:*:*:object:BUCKET/*"]


@pytest.mark.parametrize(
    ("policy", "profile"), [(SMALLEST, "essential"), (EVERY_RULE, "strict")], ids=["smallest", "every rule"]
)
def test_with_no_other_right_every_rule_of_the_profile_decides_what_it_can(
    tmp_path: Path, policy: dict[str, Any], profile: str
) -> None:
    tenant = demo_tenant(NOW)
    project = {"AUDITOR_PROJECT_ID": tenant.project_id, "AUDITOR_TOKEN": tenant.token, "AUDITOR_PROFILE": profile}
    with tenant.serve() as endpoint:
        whole = audited(tmp_path, endpoint, **project)
    with granting(policy) as endpoint:
        allowed = audited(tmp_path, endpoint, **project)
    assert len(outcomes(allowed)) > 20
    assert outcomes(allowed) == outcomes(whole)
    assert allowed["coverage"][0]["problems"] == whole["coverage"][0]["problems"]


def test_a_right_that_is_missing_leaves_rules_undecided(tmp_path: Path) -> None:
    tenant = demo_tenant(NOW)
    project = {"AUDITOR_PROJECT_ID": tenant.project_id, "AUDITOR_TOKEN": tenant.token, "AUDITOR_PROFILE": "strict"}
    with granting(SMALLEST) as endpoint:
        report = audited(tmp_path, endpoint, **project)
    undecided = {found["rule"] for found in report["findings"] if found["outcome"] == "unknown"}
    for action in sorted(actions(EVERY_RULE) - actions(SMALLEST)):
        (row,) = re.findall(rf"^\| `{action}` \| (.*) \|$", PAGE, flags=re.MULTILINE)
        assert set(re.findall(r"\[([\w-]+)\]", row)) <= undecided, action
