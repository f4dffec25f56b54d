"""Vaults, policies and their resources for tests of rules, read from bodies in CBR's shape by the real readers."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from cbr_auditor.cbr.policies import Policy, read_policies
from cbr_auditor.cbr.records import UnreadableRecord
from cbr_auditor.cbr.vaults import Vault, read_vaults
from cbr_auditor.resource import Resource
from cbr_auditor.rule import Outcome, load_rule
from cbr_auditor.rule_table import options_of
from cbr_auditor.subject import Subject
from tests.fakes import NOW, make_backup
from tests.rules.conftest import RULES

ABSENT = object()
"""As a change: the key is not there at all."""
NIGHTLY = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=22;BYMINUTE=00"
SERVER_ID = "1a503932-ee8f-4dd5-8248-8dfb57e584c5"
VAULT_ID = "cca85ea5-00a4-418d-9222-bd83985bc515"


def ask(ident: str, subject: Subject, **options: Any) -> Outcome:
    """What one rule of ours says of a subject."""
    rule = load_rule(RULES / f"{ident.replace('-', '_')}.py")
    _, values = options_of(ident, rule, options)
    return rule.bound({**rule.values, **values})(subject)


def merged(row: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The row with changes; objects are changed inside, ABSENT takes a key out."""
    result = dict(row)
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict) and value:
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return {key: value for key, value in result.items() if value is not ABSENT}


def member_row(**changes: Any) -> dict[str, Any]:
    row = {
        "id": SERVER_ID,
        "type": "OS::Nova::Server",
        "name": "web-1",
        "size": 40,
        "backup_size": 0,
        "backup_count": 0,
        "protect_status": "available",
        "extra_info": {},
    }
    return merged(row, changes)


def vault_row(**changes: Any) -> dict[str, Any]:
    """A healthy vault with one server in it, as Huawei Cloud lists it."""
    row = {
        "id": VAULT_ID,
        "name": "vault-prod",
        "description": None,
        "resources": [member_row()],
        "created_at": "2025-03-25T06:12:48.673924",
        "project_id": "0605767b5780d5762fc5c0118072a564",
        "auto_bind": False,
        "bind_rules": {},
        "auto_expand": False,
        "smn_notify": True,
        "threshold": 80,
        "billing": {
            "allocated": 40,
            "protect_type": "backup",
            "object_type": "server",
            "frozen_scene": None,
            "used": 17048,
            "status": "available",
            "size": 100,
        },
        "tags": [{"key": "owner", "value": "platform"}],
        "locked": True,
    }
    return merged(row, changes)


def make_vault(*policies: Policy, unseen: str | None = None, **changes: Any) -> Vault:
    (vault,) = read_vaults(json.dumps({"vaults": [vault_row(**changes)]}).encode()).rows
    assert not isinstance(vault, UnreadableRecord)
    return msgspec.structs.replace(vault, listed_at=NOW, policies=policies, policies_unseen=unseen)


def policy_row(**changes: Any) -> dict[str, Any]:
    """A healthy policy: every night at 22:00, bound to the vault, kept for a month."""
    row = {
        "id": "bc715c62-f4ed-4fc0-9e78-ce43b9409a39",
        "name": "nightly",
        "operation_type": "backup",
        "enabled": True,
        "operation_definition": {
            "max_backups": -1,
            "retention_duration_days": 30,
            "day_backups": 0,
            "week_backups": 0,
            "month_backups": 0,
            "year_backups": 0,
            "timezone": "UTC+01:00",
        },
        "trigger": {
            "type": "time",
            "properties": {"pattern": [NIGHTLY], "start_time": "2025-05-24 09:41:28"},
        },
        "associated_vaults": [{"vault_id": VAULT_ID, "destination_vault_id": None}],
    }
    return merged(row, changes)


def make_policy(**changes: Any) -> Policy:
    (policy,) = read_policies(json.dumps({"policies": [policy_row(**changes)]}).encode()).rows
    assert not isinstance(policy, UnreadableRecord)
    return msgspec.structs.replace(policy, listed_at=NOW)


def patterns(*texts: str, start: Any = "2025-05-24 09:41:28") -> dict[str, Any]:
    """A change of a policy: when it runs."""
    return {"trigger": {"properties": {"pattern": list(texts), "start_time": start}}}


def make_resource(*hours: float, vaults: Sequence[Vault] = (), unseen: str | None = None, **changes: Any) -> Resource:
    """A server in these vaults with an automatic backup of so many hours ago each, changed alike."""
    asks = changes.pop("asks_replication", False)
    resource = Resource(
        SERVER_ID,
        "web-1",
        "OS::Nova::Server",
        unseen=unseen,
        listed_at=NOW,
        vaults=tuple(vaults),
        asks_replication=asks,
    )
    for number, age in enumerate(hours):
        fields = {"id": f"b{number}", "created_at": NOW - timedelta(hours=age), **changes}
        resource.add(make_backup(**fields))
    return resource
