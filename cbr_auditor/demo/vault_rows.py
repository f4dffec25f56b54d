"""The demo tenant's vaults and policies as `GET /vaults` and `GET /policies` show them.

Keys and nulls are those of recorded bodies. Sizes are in GB, what is used in MB; a vault does not name its policies,
they name it; when they run stands in UTC.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from cbr_auditor.demo.protected import (
    DISK,
    PROJECT_ID,
    PROVIDERS,
    SERVER,
    TURBO,
    Protected,
    Row,
    Vault,
    make_id,
)

_KINDS = {SERVER: ("server", "server"), DISK: ("disk", "volume"), TURBO: ("turbo", "turbo")}
_USER_ID = "aa2999fa5ae640f28926f8fd79188934"
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FIRST_MIB, _LATER_MIB = 440, 20  # of each GB of the source: the first backup is a full one, the later ones are not


def vault_row(vault: Vault, members: Iterable[Protected], rows: Iterable[Row]) -> Row:
    """A vault with its members; `rows` are the backups of all vaults, which tell what it holds."""
    held: dict[str, int] = {}
    for row in rows:
        if row["vault_id"] == vault.id and row["status"] != "error":
            held[row["resource_id"]] = held.get(row["resource_id"], 0) + 1
    resources = [_member(resource, held.get(resource.id, 0)) for resource in members]
    row = {
        "id": vault.id,
        "name": vault.name,
        "description": None,
        "resources": resources,
        "provider_id": PROVIDERS[vault.type],
        "created_at": vault.created,
        "project_id": PROJECT_ID,
        "enterprise_project_id": "0",
        "auto_bind": bool(vault.bind_rules),
        "bind_rules": {"tags": [{"key": key, "value": value} for key, value in vault.bind_rules.items()]}
        if vault.bind_rules
        else {},
        "auto_expand": False,
        "smn_notify": vault.smn_notify,
        "threshold": 80,
        "user_id": _USER_ID,
        "billing": _billing(vault, resources),
        "tags": [{"key": key, "value": value} if value else {"key": key} for key, value in vault.tags.items()],
        "backup_name_prefix": None,
        "demand_billing": False,
        "cbc_delete_count": 0,
        "frozen": False,
        "availability_zone": "",
        "sys_lock_source_service": "",
        "supplier": "",
        "locked": vault.locked,
        "cross_account": False,
        "cross_account_urn": "",
    }
    unsaid = {key for key in ("locked", "smn_notify") if row[key] is None}
    return {key: value for key, value in row.items() if key not in unsaid}


def _billing(vault: Vault, resources: list[Row]) -> Row:
    """A vault that takes copies allocates nothing (recorded)."""
    object_type, spec = _KINDS[vault.type]
    protect_type = "replication" if vault.takes_copies else "backup"
    return {
        "allocated": 0 if vault.takes_copies else sum(resource["size"] for resource in resources),
        "cloud_type": "public",
        "consistent_level": "crash_consistent",
        "frozen_scene": None,
        "charging_mode": "post_paid",
        "order_id": None,
        "product_id": None,
        "protect_type": protect_type,
        "object_type": object_type,
        "spec_code": f"vault.{protect_type}.{spec}.normal",
        "is_multi_az": False,
        "is_double_az": False,
        "used": sum(resource["backup_size"] for resource in resources),
        "storage_unit": None,
        "status": vault.status,
        "size": vault.size,
        "partner_bp_id": None,
    }


def _member(resource: Protected, backups: int) -> Row:
    """A resource as its vault shows it; one that was never looked at has no `extra_info` (recorded)."""
    row: Row = {
        "id": resource.id,
        "type": resource.type,
        "name": resource.name,
        "auto_protect": True,
        "size": resource.size,
        "backup_size": resource.size * (_FIRST_MIB + _LATER_MIB * (backups - 1)) if backups else 0,
        "backup_count": backups,
        "protect_status": resource.protect_status,
    }
    if resource.protect_status is not None:
        row["extra_info"] = (
            {"exclude_volumes": [make_id(name) for name in resource.excluded]} if resource.excluded else {}
        )
    return row


def policy_rows(runs: Mapping[str, datetime]) -> list[Row]:
    """The policies; `runs` is when the newest run of each vault was, from which a weekly one has its day."""
    every_day = f"FREQ=WEEKLY;BYDAY={','.join(_DAYS)};BYHOUR=01;BYMINUTE=00"

    def weekly(vault_name: str) -> str:
        return f"FREQ=WEEKLY;BYDAY={_DAYS[runs[vault_name].weekday()]};BYHOUR=01;BYMINUTE=00"

    return [
        _policy("policy-prod-daily", "vault-prod-daily", every_day, days=14),
        _policy("policy-apps-weekly", "vault-apps-weekly", weekly("vault-apps-weekly"), days=30),
        _policy("policy-db-longterm", "vault-db-longterm", weekly("vault-db-longterm"), days=90),
        _policy("policy-files-weekly", "vault-files-weekly", weekly("vault-files-weekly"), days=30),
        _policy("policy-crm-daily", None, every_day, days=14),
        _policy("policy-dev-lab", "vault-dev-lab", every_day, days=3, enabled=False),
        _policy("policy-archive", "vault-archive", "FREQ=DAILY;INTERVAL=30;BYHOUR=03;BYMINUTE=30", days=-1),
        _replication("policy-copy-to-nl", "vault-prod-daily", every_day.replace("BYHOUR=01", "BYHOUR=05")),
    ]


def _policy(name: str, vault_name: str | None, pattern: str, *, days: int, enabled: bool = True) -> Row:
    """A backup policy; `days` of -1 keep backups for ever, for `max_backups` ends nothing either."""
    return {
        "id": make_id(name),
        "name": name,
        "operation_type": "backup",
        "operation_definition": {
            "max_backups": -1,
            "retention_duration_days": days,
            "day_backups": 0,
            "week_backups": 0,
            "month_backups": 0,
            "year_backups": 0,
            "timezone": "UTC+01:00",
            "full_backup_interval": -1,
            "created_by": "customer",
        },
        "enabled": enabled,
        "trigger": {
            "id": make_id(f"trigger {name}"),
            "name": "default",
            "type": "time",
            "properties": {"pattern": [pattern], "start_time": "2024-09-24 09:41:28"},
        },
        "associated_vaults": [{"vault_id": make_id(vault_name), "destination_vault_id": None}] if vault_name else [],
    }


def _replication(name: str, vault_name: str, pattern: str) -> Row:
    """A policy that copies each new backup to a vault in another region."""
    row = _policy(name, vault_name, pattern, days=7)
    del row["operation_definition"]["full_backup_interval"]
    row["operation_type"] = "replication"
    row["operation_definition"] |= {
        "destination_region": "eu-nl",
        "destination_project_id": "fcf6cb26c3bf4402869792207ad3dce4",
    }
    row["associated_vaults"][0]["destination_vault_id"] = make_id(f"copies of {vault_name}")
    return {**row, "policy_type": "custom_policy"}
