import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.cbr.loose import read_time
from cbr_auditor.cbr.policies import Policy, read_policies
from cbr_auditor.cbr.records import UnreadableRecord
from cbr_auditor.errors import AnswerError

DATA = Path(__file__).parent.parent / "data"
BODIES = sorted(DATA.glob("polic*.json"))
DEFINED = (
    "retention_duration_days",
    "max_backups",
    "day_backups",
    "week_backups",
    "month_backups",
    "year_backups",
    "timezone",
    "full_backup_interval",
    "destination_region",
    "destination_project_id",
)


def read(*rows: Any) -> list[Policy | UnreadableRecord]:
    return read_policies(json.dumps({"policies": rows}).encode()).rows


def one(**fields: Any) -> Policy:
    (policy,) = read({"id": "p1", **fields})
    assert isinstance(policy, Policy)
    return policy


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_every_known_body_is_read_without_loss(path: Path) -> None:
    content = json.loads(path.read_bytes())
    rows = content["policies"] if "policies" in content else [content["policy"]]
    policies = read(*rows)
    assert len(policies) == len(rows)
    for policy, row in zip(policies, rows, strict=True):
        assert isinstance(policy, Policy)
        assert policy.unreadable == ()
        for key in ("id", "name", "enabled", "operation_type", "policy_type"):
            assert getattr(policy, key) == row.get(key)
        for key in DEFINED:
            assert getattr(policy, key) == row["operation_definition"].get(key)
        properties = row["trigger"]["properties"]
        assert policy.patterns == tuple(properties["pattern"])
        assert policy.start_time == read_time(properties["start_time"])
        assert policy.start_time is not None
        bound = row.get("associated_vaults")
        assert policy.vault_ids == (None if bound is None else tuple(vault["vault_id"] for vault in bound))
        assert policy.destination_vaults == (
            None if bound is None else {vault["vault_id"]: vault.get("destination_vault_id") for vault in bound}
        )
        assert policy.has_definition
        assert policy.schedule.problem is None


def test_a_start_with_a_blank_and_no_zone_is_in_utc() -> None:
    policy = one(trigger={"properties": {"start_time": "2025-05-24 08:45:56"}})
    assert policy.start_time == datetime(2025, 5, 24, 8, 45, 56, tzinfo=timezone.utc)


def test_absent_and_null_are_both_none() -> None:
    nothing = one()
    keys = ("name", "enabled", "operation_type", "operation_definition", "trigger", "associated_vaults")
    assert nothing == one(**dict.fromkeys(keys))
    assert nothing.label == "p1"
    assert {nothing.vault_ids, nothing.is_bound, nothing.in_force, nothing.keeps_forever} == {None}
    assert not nothing.has_definition
    assert nothing.schedule.problem == "trigger.properties.pattern"


@pytest.mark.parametrize(
    ("enabled", "bound", "in_force"),
    [
        (True, [{"vault_id": "v"}], True),
        (True, [], False),
        (False, [{"vault_id": "v"}], False),
        (False, None, False),
        (None, [], False),
        (None, [{"vault_id": "v"}], None),
        (True, None, None),
        (True, [{}], None),
        (True, [{}, {"vault_id": "v"}], True),
    ],
)
def test_a_policy_is_in_force_where_it_is_on_and_bound(enabled: Any, bound: Any, in_force: bool | None) -> None:
    assert one(enabled=enabled, associated_vaults=bound).in_force is in_force


@pytest.mark.parametrize(
    ("definition", "kept"),
    [
        ({"max_backups": 5}, 5),
        ({"max_backups": 5, "day_backups": 2, "year_backups": 1, "week_backups": None, "month_backups": -1}, 8),
        ({"max_backups": -1, "day_backups": 2}, None),
        ({"max_backups": 0}, None),
        ({}, None),
    ],
)
def test_long_term_backups_are_kept_besides(definition: dict[str, Any], kept: int | None) -> None:
    assert one(operation_definition=definition).kept_backups == kept


def test_the_schedule_is_read_once() -> None:
    policy = one(trigger={"properties": {"pattern": ["FREQ=DAILY;BYHOUR=1;BYMINUTE=0"]}})
    assert policy.schedule is policy.schedule


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        ({"enabled": "perhaps"}, ["enabled"]),
        ({"operation_definition": 3}, ["operation_definition"]),
        ({"operation_definition": {"max_backups": "x"}}, ["operation_definition.max_backups"]),
        ({"trigger": {"properties": {"pattern": ["a", 3]}}}, ["trigger.properties.pattern"]),
        ({"trigger": {"properties": {"start_time": "soon"}}}, ["trigger.properties.start_time"]),
        ({"associated_vaults": [{}]}, ["associated_vaults"]),
        ({"associated_vaults": [{"vault_id": []}]}, ["associated_vaults.vault_id", "associated_vaults"]),
    ],
)
def test_what_is_neither_null_nor_readable_is_named(fields: dict[str, Any], paths: list[str]) -> None:
    assert list(one(**fields).unreadable) == paths


@pytest.mark.parametrize("row", [None, 3, [], {}, {"id": ""}])
def test_a_row_without_an_id_is_unreadable_and_costs_itself_alone(row: Any) -> None:
    bad, good = read(row, {"id": "p2"})
    assert isinstance(bad, UnreadableRecord)
    assert isinstance(good, Policy)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"policies": {}}', b'{"vaults": []}'])
def test_a_body_that_is_no_list_of_policies_is_an_error(body: bytes) -> None:
    with pytest.raises(AnswerError, match=r"polic|JSON"):
        read_policies(body)
