"""What the demo tenant's operators expect of it, as their auditor.toml would say: limits, and findings they accept."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from cbr_auditor.catalogue import load_catalogue

_OPTIONS: dict[str, dict[str, Any]] = {
    # Names that a person would not give, and that some program may run.
    "backup-name-policy": {"pattern": r"^[\w .()-]+$"},
    "policy-infrequent": {"max_gap_hours": 168},
    "policy-retention-too-short": {"min_days": 14},
}
_OVERRIDES: tuple[dict[str, Any], ...] = (
    {
        "vault_tag": "rpo=24h",
        "rules": {"backup-retention-too-short": {"min_days": 14}},
    },
    {
        "vault_tag": "rpo=7d",
        "rules": {
            "backup-retention-too-short": {"min_days": 30},
            "resource-not-replicated": {"enabled": False},
            "resource-rpo-breach": {"max_age_hours": 170},
            "resource-single-vault": {"enabled": False},
            "resource-too-few-restore-points": {"min_points": 4},
        },
    },
)
_WAIVERS: tuple[tuple[str, str, str, str, int], ...] = (
    ("backup-unencrypted", "web-shop-02", "moves to encrypted disks with release 5", "apps@example.com", 83),
    ("backup-manual-stale", "sap-hana-prd", "state before the upgrade, kept for the auditors", "sap@example.com", 9),
    ("backup-overdue", "intranet-01", "ticket open with the cloud's support", "platform@example.com", -6),
)


def expectations(now: datetime, profile: str) -> dict[str, Any]:
    """Settings for a run with this profile; none of them switches on a rule that the profile leaves off.

    Raises `RuleError` where there is no such profile.
    """
    on = {rule.id for rule in load_catalogue(None, profile=profile).rules}
    overrides = [{**table, "rules": _only(on, table["rules"])} for table in _OVERRIDES]
    return {
        "profile": profile,
        "listing": {"show_replication": True} if "resource-not-replicated" in on else {},
        "rules": _only(on, _OPTIONS),
        "overrides": tuple(table for table in overrides if table["rules"]),
        "waivers": tuple(
            {
                "rule": rule,
                "resource": resource,
                "reason": reason,
                "owner": owner,
                "expires": now.date() + timedelta(days=days),
            }
            for rule, resource, reason, owner, days in _WAIVERS
            if rule in on
        ),
    }


def _only(on: set[str], tables: Mapping[str, Any]) -> dict[str, Any]:
    return {ident: table for ident, table in tables.items() if ident in on}
