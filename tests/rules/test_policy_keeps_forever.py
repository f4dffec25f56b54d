from typing import Any

import pytest

from cbr_auditor.rule import Unknown
from tests.rules.inventory import ABSENT, ask, make_policy

RULE = "policy-keeps-forever"
FAILS = "neither days nor a number end the policy's backups"


def keeping(days: object, number: object) -> dict[str, Any]:
    return {"operation_definition": {"retention_duration_days": days, "max_backups": number}}


@pytest.mark.parametrize("days", [-1, None, ABSENT])
@pytest.mark.parametrize("number", [-1, None, ABSENT])
def test_absent_null_and_minus_one_are_all_for_ever(days: object, number: object) -> None:
    assert ask(RULE, make_policy(**keeping(days, number))) == FAILS


def test_an_empty_definition_is_for_ever() -> None:
    assert ask(RULE, make_policy(operation_definition={})) == FAILS


@pytest.mark.parametrize(("days", "number"), [(1, -1), (-1, 1), (30, ABSENT), (None, 30), (30, "odd")])
def test_one_limit_is_enough(days: object, number: object) -> None:
    assert ask(RULE, make_policy(**keeping(days, number))) is None


@pytest.mark.parametrize(
    "definition",
    [None, ABSENT, "odd", {"retention_duration_days": 0, "max_backups": -1}, {"max_backups": [1]}],
)
def test_what_is_not_said_or_odd_is_unknown(definition: object) -> None:
    changes: dict[str, Any] = {"operation_definition": definition}
    if isinstance(definition, dict) and "retention_duration_days" not in definition:
        changes["operation_definition"] = {**definition, "retention_duration_days": -1}
    outcome = ask(RULE, make_policy(**changes))
    assert outcome == Unknown("operation_definition.retention_duration_days and max_backups")


@pytest.mark.parametrize("changes", [{"enabled": False}, {"associated_vaults": []}])
def test_what_does_not_run_is_not_judged(changes: dict[str, Any]) -> None:
    assert ask(RULE, make_policy(**keeping(-1, -1), **changes)) is None


@pytest.mark.parametrize("changes", [{"enabled": None}, {"associated_vaults": None}])
def test_where_it_is_not_known_to_run_it_is_unknown(changes: dict[str, Any]) -> None:
    outcome = ask(RULE, make_policy(**keeping(-1, -1), **changes))
    assert outcome == Unknown("enabled and associated_vaults, which tell whether it runs")
