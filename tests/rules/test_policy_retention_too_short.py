from typing import Any

import pytest

from cbr_auditor.rule import Unknown
from tests.rules.inventory import ABSENT, ask, make_policy

RULE = "policy-retention-too-short"
LIMITS = Unknown("operation_definition.retention_duration_days and max_backups")


def keeping(**definition: Any) -> dict[str, Any]:
    return {"operation_definition": definition}


@pytest.mark.parametrize(("days", "found"), [(1, True), (29, True), (30, False), (31, False), (99999, False)])
def test_fewer_than_30_days_are_found(days: int, found: bool) -> None:
    outcome = ask(RULE, make_policy(**keeping(retention_duration_days=days)))
    unit = "day" if days == 1 else "days"
    assert outcome == (f"the policy keeps backups for {days} {unit}, less than 30" if found else None)


@pytest.mark.parametrize(("number", "found"), [(1, True), (6, True), (7, False), (8, False)])
@pytest.mark.parametrize("days", [-1, None, ABSENT])
def test_fewer_than_7_backups_are_found(number: int, found: bool, days: object) -> None:
    outcome = ask(RULE, make_policy(**keeping(retention_duration_days=days, max_backups=number)))
    unit = "backup" if number == 1 else "backups"
    assert outcome == (f"the policy keeps {number} {unit}, fewer than 7" if found else None)


def test_long_term_backups_count_besides() -> None:
    four = {"retention_duration_days": -1, "max_backups": 3, "day_backups": 1, "week_backups": 1}
    assert ask(RULE, make_policy(**keeping(**four))) == "the policy keeps 5 backups, fewer than 7"
    assert ask(RULE, make_policy(**keeping(**four, month_backups=1, year_backups=1))) is None


def test_both_limits_hold() -> None:
    assert ask(RULE, make_policy(**keeping(retention_duration_days=60, max_backups=2))) == (
        "the policy keeps 2 backups, fewer than 7"
    )


@pytest.mark.parametrize("value", [-1, None, ABSENT])
def test_what_is_kept_for_ever_is_not_too_short(value: object) -> None:
    assert ask(RULE, make_policy(**keeping(retention_duration_days=value, max_backups=value))) is None


def test_the_options_move_the_boundaries() -> None:
    week = make_policy(**keeping(retention_duration_days=7))
    assert ask(RULE, week, min_days=7) is None
    assert ask(RULE, week, min_days=7.5) == "the policy keeps backups for 7 days, less than 7.5"
    few = make_policy(**keeping(retention_duration_days=-1, max_backups=3))
    assert ask(RULE, few, min_points=3) is None


@pytest.mark.parametrize("changes", [{"enabled": False}, {"associated_vaults": []}])
def test_what_does_not_run_is_not_judged(changes: dict[str, Any]) -> None:
    assert ask(RULE, make_policy(**keeping(retention_duration_days=1), **changes)) is None


@pytest.mark.parametrize("changes", [{"enabled": None}, {"associated_vaults": None}])
def test_where_it_is_not_known_to_run_a_failure_is_unknown(changes: dict[str, Any]) -> None:
    policy = make_policy(**keeping(retention_duration_days=1), **changes)
    assert ask(RULE, policy) == Unknown("enabled and associated_vaults, which tell whether it runs")
    assert ask(RULE, make_policy(**changes)) is None


@pytest.mark.parametrize("value", [0, -2])
def test_odd_numbers_are_unknown(value: int) -> None:
    assert ask(RULE, make_policy(**keeping(retention_duration_days=value))) == LIMITS


@pytest.mark.parametrize("definition", [None, ABSENT])
def test_without_a_definition_it_is_unknown(definition: object) -> None:
    assert ask(RULE, make_policy(operation_definition=definition)) == LIMITS


@pytest.mark.parametrize(
    "definition",
    ["odd", keeping(retention_duration_days="long")["operation_definition"], {"month_backups": 1.5}],
)
def test_a_definition_that_cannot_be_read_is_unknown(definition: object) -> None:
    policy = make_policy(operation_definition=definition)
    assert ask(RULE, policy) == Unknown("an operation_definition that can be read")


def test_numbers_as_texts_are_read() -> None:
    assert ask(RULE, make_policy(**keeping(retention_duration_days="1"))) == (
        "the policy keeps backups for 1 day, less than 30"
    )


def test_policies_that_copy_are_judged_too() -> None:
    policy = make_policy(operation_type="replication", **keeping(retention_duration_days=1))
    assert isinstance(ask(RULE, policy), str)
