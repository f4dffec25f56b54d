"""`GET /vaults`, `GET /policies` and `GET /operation-logs` answered as CBR answers them.

Source: CBR API, "Querying the Vault List", "Querying the Policy List" and "Querying Tasks", each table 2; the keys
around the rows are as recorded, for tasks as the API's definition shows them. Where `status` of a task or the kind of a
vault is checked, the values are those of Huawei Cloud's definition, of which OTC has a part.
"""

from collections.abc import Sequence
from typing import Any

from cbr_auditor.demo.answer import Answer
from cbr_auditor.demo.parameters import (
    LARGEST_LIMIT,
    Fields,
    Query,
    Test,
    check_values,
    equals,
    fields_of,
    last,
    number,
    time_asked,
    time_of,
)

_VAULT_VALUES = {
    "cloud_type": ("public", "hybrid"),
    "object_type": ("server", "disk", "turbo", "workspace", "vmware", "rds", "file"),
    "protect_type": ("backup", "replication", "hybrid"),
    "status": ("available", "lock", "frozen", "deleting", "error"),
}
_POLICY_VALUES = {"operation_type": ("backup", "replication")}
_TASK_VALUES = {
    "operation_type": (
        "backup",
        "copy",
        "replication",
        "restore",
        "delete",
        "sync",
        "vault_delete",
        "remove_resource",
    ),
    "status": ("success", "skipped", "failed", "running", "timeout", "waiting"),
}


def list_vaults(rows: Sequence[Any], query: Query, *, policies: Sequence[Any], largest_page: int) -> Answer:
    """One page of the vaults that match; `policies` tell which vaults `policy_id` selects. Raises `RefusedError`."""
    check_values(query, _VAULT_VALUES)
    asked = {name: values[-1] for name, values in query.items()}
    tests = [equals("name", asked["name"])] if "name" in asked else []
    tests += [_billed(name, asked[name]) for name in _VAULT_VALUES if name in asked]
    if idents := {part for value in query.get("id", ()) for part in value.split(",")}:
        tests.append(lambda row: row.get("id") in idents)
    if "policy_id" in asked:
        bound = _vaults_of(policies, asked["policy_id"])
        tests.append(lambda row: row.get("id") in bound)
    if "resource_ids" in asked:
        members = set(asked["resource_ids"].split(","))
        tests.append(lambda row: any(fields_of(part).get("id") in members for part in row.get("resources") or ()))
    if (enterprise := asked.get("enterprise_project_id", "all_granted_eps")) != "all_granted_eps":
        tests.append(lambda row: str(row.get("enterprise_project_id", "0")) == enterprise)
    offset, limit = _paging(query)
    chosen = _matching(rows, tests)
    page = chosen[offset : offset + min(limit, largest_page)]
    return Answer(200, {"vaults": page, "count": len(chosen), "offset": offset, "limit": limit})


def list_policies(rows: Sequence[Any], query: Query) -> Answer:
    """Every policy that matches: this list has no pages, though it says `limit` and `offset`. Raises `RefusedError`."""
    check_values(query, _POLICY_VALUES)
    asked = {name: values[-1] for name, values in query.items()}
    tests = [equals("operation_type", asked["operation_type"])] if "operation_type" in asked else []
    if "vault_id" in asked:
        tests.append(lambda row: asked["vault_id"] in _bound(row))
    chosen = _matching(rows, tests)
    return Answer(200, {"policies": chosen, "count": len(chosen), "limit": LARGEST_LIMIT, "offset": 0})


def list_tasks(rows: Sequence[Any], query: Query, *, largest_page: int) -> Answer:
    """One page of the tasks that match, newest first. Raises `RefusedError`."""
    check_values(query, _TASK_VALUES)
    start, end = time_asked(query, "start_time"), time_asked(query, "end_time")
    asked = {name: last(query, name) for name in (*_TASK_VALUES, "provider_id", "vault_id", "vault_name")}
    resource = {name: last(query, f"resource_{name}") for name in ("id", "name")}

    def matches(row: Fields) -> bool:
        if start is not None or end is not None:
            began = time_of(row.get("started_at"))
            if began is None or (start is not None and began < start) or (end is not None and began > end):
                return False
        about = fields_of(fields_of(row.get("extra_info")).get("resource"))
        return all(value is None or row.get(name) == value for name, value in asked.items()) and all(
            value is None or about.get(name) == value for name, value in resource.items()
        )

    offset, limit = _paging(query)
    chosen = _matching(rows, [matches])
    chosen.sort(key=lambda row: str(fields_of(row).get("started_at")), reverse=True)
    page = chosen[offset : offset + min(limit, largest_page)]
    return Answer(200, {"count": len(chosen), "operation_logs": page})


def percent_used(vault: Any) -> int | None:
    """How full a vault is; its size is in GB, what is used of it in MB. None where it does not say."""
    billing = fields_of(fields_of(vault).get("billing"))
    used, size = billing.get("used"), billing.get("size")
    if not isinstance(used, (int, float)) or not isinstance(size, (int, float)) or not size:
        return None
    return int(used / 1024 / size * 100)


def _paging(query: Query) -> tuple[int, int]:
    return number(query, "offset", 0, 0, None), number(query, "limit", LARGEST_LIMIT, 1, LARGEST_LIMIT)


def _matching(rows: Sequence[Any], tests: Sequence[Test]) -> list[Any]:
    return [row for row in rows if all(test(fields_of(row)) for test in tests)]


def _billed(name: str, value: str) -> Test:
    """What a vault is for, and its status, stand in `billing`."""
    return lambda row: fields_of(row.get("billing")).get(name) == value


def _vaults_of(policies: Sequence[Any], ident: str) -> set[Any]:
    return {vault for policy in map(fields_of, policies) if policy.get("id") == ident for vault in _bound(policy)}


def _bound(policy: Fields) -> list[Any]:
    """The ids of the vaults that a policy is bound to; null was seen where it is to none."""
    return [fields_of(vault).get("vault_id") for vault in policy.get("associated_vaults") or ()]
