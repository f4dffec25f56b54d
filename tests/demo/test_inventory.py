"""The demo tenant's vaults, policies and tasks: in CBR's shape, and in agreement with its backups."""

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from dateutil.rrule import rrulestr

from cbr_auditor.cbr.loose import read_time
from cbr_auditor.demo.tenant import Tenant, demo_tenant
from tests.demo.test_tenant import MOMENTS, made_by_hand
from tests.fakes import NOW

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def tenant() -> Tenant:
    return demo_tenant(NOW)


def recorded(name: str, key: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))[key][0]
    return row


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows}


def at(row: dict[str, Any], key: str) -> datetime:
    time = read_time(row[key])
    assert time is not None
    return time


def test_a_vault_has_the_keys_that_were_recorded_and_two_say_less(tenant: Tenant) -> None:
    row = recorded("vaults-list_hwc-recorded_backup-and-replication.json", "vaults")
    lacking = {vault["name"]: set(row) - set(vault) for vault in tenant.vaults if set(row) - set(vault)}
    assert lacking == {"vault-files-weekly": {"locked", "smn_notify"}}
    for vault in tenant.vaults:
        assert set(vault) <= set(row)
        assert set(vault["billing"]) == set(row["billing"])
        for member in vault["resources"]:
            assert set(row["resources"][0]) - set(member) <= {"extra_info"}
    members = [member for vault in tenant.vaults for member in vault["resources"]]
    assert [member["name"] for member in members if "extra_info" not in member] == ["nl-portal-01"]


@pytest.mark.parametrize("now", MOMENTS)
def test_a_vault_lists_what_it_protects_and_counts_its_backups(now: datetime) -> None:
    tenant = demo_tenant(now)
    good = [row for row in tenant.backups if row["status"] != "error"]
    counted = Counter((row["vault_id"], row["resource_id"]) for row in good)
    listed = {(vault["id"], member["id"]): member for vault in tenant.vaults for member in vault["resources"]}
    assert {pair: member["backup_count"] for pair, member in listed.items() if member["backup_count"]} == counted
    assert {(row["vault_id"], row["resource_id"]) for row in tenant.backups} <= set(listed)
    never = {member["name"] for member in listed.values() if not member["backup_count"]}
    assert never == {"proxy-dmz-01", "dev-lab-01", "nl-portal-01"}


def test_what_a_vault_uses_is_in_mb_and_what_it_has_in_gb(tenant: Tenant) -> None:
    percent = {
        vault["name"]: round(vault["billing"]["used"] / 1024 / vault["billing"]["size"] * 100)
        for vault in tenant.vaults
    }
    assert percent.pop("vault-prod-daily") >= 95
    assert max(percent.values()) < 80
    for vault in tenant.vaults:
        assert vault["billing"]["used"] == sum(member["backup_size"] for member in vault["resources"])
        copies = vault["billing"]["protect_type"] == "replication"
        assert copies == (vault["name"] == "vault-copies-from-nl")
        allocated = 0 if copies else sum(member["size"] for member in vault["resources"])
        assert vault["billing"]["allocated"] == allocated


def test_vaults_show_every_kind_of_lock_tag_notification_and_state(tenant: Tenant) -> None:
    assert {vault["name"]: vault.get("locked") for vault in tenant.vaults} == {
        "vault-prod-daily": True,
        "vault-apps-weekly": False,
        "vault-db-longterm": True,
        "vault-files-weekly": None,
        "vault-crm-legacy": False,
        "vault-dev-lab": False,
        "vault-archive": True,
        "vault-copies-from-nl": True,
    }
    assert [vault["name"] for vault in tenant.vaults if vault.get("smn_notify") is False] == ["vault-apps-weekly"]
    assert [vault["name"] for vault in tenant.vaults if not vault["tags"]] == ["vault-crm-legacy"]
    tags = [tag for vault in tenant.vaults for tag in vault["tags"]]
    assert [tag["key"] for tag in tags if "value" not in tag] == ["confidential"]
    assert [vault["name"] for vault in tenant.vaults if vault["bind_rules"]] == ["vault-apps-weekly"]
    assert {vault["name"] for vault in tenant.vaults if vault["billing"]["status"] != "available"} == {"vault-dev-lab"}


def test_members_are_in_every_state_and_some_leave_disks_out(tenant: Tenant) -> None:
    members = [member for vault in tenant.vaults for member in vault["resources"]]
    odd = {member["name"]: member["protect_status"] for member in members if member["protect_status"] != "available"}
    assert odd == {"build-agent-07": "deleted", "migration-scratch": "error", "nl-portal-01": None}
    left_out = {member["name"] for member in members if (member.get("extra_info") or {}).get("exclude_volumes")}
    assert left_out == {"jenkins-master", "crm-app-01"}


def test_a_policy_has_the_keys_that_were_recorded(tenant: Tenant) -> None:
    backup = recorded("policies-list_hwc-recorded_backup-full-interval.json", "policies")
    copy = recorded("policies-list_hwc-recorded_replication.json", "policies")
    for policy in tenant.policies:
        row = copy if policy["operation_type"] == "replication" else backup
        assert set(policy) == set(row)
        assert set(policy["operation_definition"]) == set(row["operation_definition"])
        assert set(policy["trigger"]) == set(row["trigger"])


def test_policies_show_every_kind_of_retention_binding_and_state(tenant: Tenant) -> None:
    policies = by_name(tenant.policies)
    bound = {vault["vault_id"] for policy in tenant.policies for vault in policy["associated_vaults"]}
    assert [vault["name"] for vault in tenant.vaults if vault["id"] not in bound] == [
        "vault-crm-legacy",
        "vault-copies-from-nl",
    ]
    assert [name for name, policy in policies.items() if not policy["enabled"]] == ["policy-dev-lab"]
    assert [name for name, policy in policies.items() if not policy["associated_vaults"]] == ["policy-crm-daily"]
    days = {name: policy["operation_definition"]["retention_duration_days"] for name, policy in policies.items()}
    assert [name for name, kept in days.items() if kept == -1] == ["policy-archive"]
    assert {name for name, kept in days.items() if 0 < kept < 14} == {"policy-dev-lab", "policy-copy-to-nl"}
    copies = policies["policy-copy-to-nl"]
    assert copies["operation_type"] == "replication"
    assert copies["associated_vaults"][0]["destination_vault_id"] not in {vault["id"] for vault in tenant.vaults}


@pytest.mark.parametrize("now", MOMENTS)
def test_the_backups_were_made_when_the_policies_say(now: datetime) -> None:
    tenant = demo_tenant(now)
    for policy in tenant.policies:
        if policy["operation_type"] != "backup":
            continue
        begin = read_time(policy["trigger"]["properties"]["start_time"])
        assert begin is not None
        rules = [rrulestr(text, dtstart=begin) for text in policy["trigger"]["properties"]["pattern"]]
        runs = [run for rule in rules for run in rule.between(now - timedelta(days=91), now)]
        for vault in policy["associated_vaults"]:
            made = [
                at(row, "created_at")
                for row in tenant.backups
                if row["vault_id"] == vault["vault_id"] and row["name"].startswith("autobk_")
            ]
            days = {run.date() for run in runs if run.hour == 1}
            # Two are older than any policy keeps: they are overdue. They were made on other days.
            odd = [time for time in made if time.date() not in days]
            assert len(odd) <= 2
            assert all(now - time > timedelta(days=29) for time in odd)
            if made:
                kept = timedelta(days=policy["operation_definition"]["retention_duration_days"])
                due = {run.date() for run in runs if now - kept < run < now - timedelta(hours=3)}
                assert due <= {time.date() for time in made}


@pytest.mark.parametrize("now", MOMENTS)
def test_every_backup_of_the_last_30_days_has_the_task_that_made_it(now: datetime) -> None:
    tenant = demo_tenant(now)
    made = {task["extra_info"]["backup"]["backup_id"]: task for task in tenant.tasks if "backup" in task["extra_info"]}
    young = [row for row in tenant.backups if row["id"] and now - at(row, "created_at") <= timedelta(days=30)]
    assert {row["id"] for row in young} <= set(made)
    assert len(set(made) - {row["id"] for row in young}) == 1  # the one record whose id cannot be read
    for row in young:
        task = made[row["id"]]
        assert task["status"] == {"error": "failed", "protecting": "running"}.get(row["status"], "success")
        assert task["extra_info"]["resource"]["id"] == row["resource_id"]
        assert task["vault_id"] == row["vault_id"]
        assert task["checkpoint_id"] == row["checkpoint_id"]
        assert (task["policy_id"] is None) >= made_by_hand(row)


@pytest.mark.parametrize("now", MOMENTS)
def test_no_task_is_older_than_30_days_or_begins_or_ends_in_the_future(now: datetime) -> None:
    tasks = demo_tenant(now).tasks
    begun = [at(task, "started_at") for task in tasks]
    assert begun == sorted(begun, reverse=True)
    assert now - timedelta(days=30) <= begun[-1]
    assert begun[0] < now
    for task in tasks:
        assert task["ended_at"] is None or at(task, "started_at") < at(task, "ended_at") < now
        assert (task["ended_at"] is None) == (task["status"] == "running")
    assert len({task["id"] for task in tasks}) == len(tasks)


def test_a_task_has_the_keys_of_the_definition_and_says_why_it_did_not_succeed(tenant: Tenant) -> None:
    row = recorded("operation-logs-list_hwc-apidef_explicit-nulls.json", "operation_logs")
    for task in tenant.tasks:
        assert set(task) == set(row)
        assert {"common", "resource"} <= set(task["extra_info"])
        assert bool(task["error_info"]["code"]) == (task["status"] in {"failed", "skipped"})
    failed = {
        (task["extra_info"]["resource"]["name"], task["error_info"]["code"])
        for task in tenant.tasks
        if task["status"] == "failed"
    }
    assert failed == {("erp-db-01", "BackupService.6114"), ("proxy-dmz-01", "BackupService.7101")}


def test_tasks_are_of_every_kind_and_most_went_well(tenant: Tenant) -> None:
    kinds = Counter((task["operation_type"], task["status"]) for task in tenant.tasks)
    assert {kind: number for kind, number in kinds.items() if number < 20} == {
        ("backup", "failed"): 4,
        ("backup", "running"): 2,
        ("backup", "skipped"): 7,
        ("replication", "timeout"): 3,
        ("restore", "success"): 1,
        ("delete", "success"): 14,
        ("remove_resource", "success"): 1,
    }
    assert kinds["backup", "success"] > 100
    assert kinds["replication", "success"] > 40


def test_twelve_backups_went_within_ten_minutes(tenant: Tenant) -> None:
    last_day = [
        at(task, "started_at")
        for task in tenant.tasks
        if task["operation_type"] == "delete" and NOW - at(task, "started_at") < timedelta(days=1)
    ]
    assert len(last_day) == 12
    assert max(last_day) - min(last_day) < timedelta(minutes=10)


def test_what_was_skipped_has_no_backup_of_that_night(tenant: Tenant) -> None:
    skipped = [task for task in tenant.tasks if task["status"] == "skipped"]
    nights = {(task["extra_info"]["resource"]["name"], task["started_at"][:10]) for task in skipped}
    assert not nights & {(row["resource_name"], row["created_at"][:10]) for row in tenant.backups}


def test_every_copy_is_of_a_good_backup_that_says_so_too(tenant: Tenant) -> None:
    rows = {row["id"]: row for row in tenant.backups}
    copies = [task for task in tenant.tasks if task["operation_type"] == "replication"]
    for task in copies:
        row = rows[task["extra_info"]["replication"]["source_backup_id"]]
        (record,) = row["replication_records"]
        assert record["status"] == ("fail" if task["status"] == "timeout" else "success")
        assert record["destination_region"] == "eu-nl"
    assert sum("replication_records" in row for row in tenant.backups) == len(copies)


def test_the_same_moment_gives_the_same_inventory_whatever_the_time_zone(tenant: Tenant) -> None:
    again = demo_tenant(NOW.astimezone(timezone(timedelta(hours=9))))
    assert (again.vaults, again.policies, again.tasks) == (tenant.vaults, tenant.policies, tenant.tasks)
