"""What else CBR did for the demo tenant: copies, restores, deletions, and what it skipped."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from cbr_auditor.demo.estate import Estate
from cbr_auditor.demo.protected import PROJECT_ID, VAULTS_BY_NAME, Protected, Row, Vault, as_recorded, make_id
from cbr_auditor.demo.task_rows import DISK_BUSY, NO_SERVER, make_task

_COPIED = "vault-prod-daily"
_COPY_AFTER, _COPY_TAKES = timedelta(hours=4), timedelta(minutes=38)  # as policy-copy-to-nl says


def other_tasks(estate: Estate, policy_ids: dict[str, str]) -> Iterator[Row]:
    """All of them; `policy_ids` are by the policies' names."""
    yield from _copies(estate, policy_ids["policy-copy-to-nl"])
    yield from _skipped(estate, policy_ids)
    yield _restore_test(estate)
    yield from _deletions(estate)
    yield _removal(estate)


def _copies(estate: Estate, policy_id: str) -> Iterator[Row]:
    """Every good backup of one vault is copied to another region; the newest three copies of one server timed out."""
    late = 3
    vault = VAULTS_BY_NAME[_COPIED]
    for nights in vault.nights:
        for resource in estate.members(vault):
            row = estate.row(resource.name, nights)
            begun = estate.night(nights) + _COPY_AFTER + timedelta(seconds=int(resource.id[:2], 16))
            if row["status"] != "available" or begun + _COPY_TAKES > estate.now:
                continue
            failed = late > 0 and resource.name == "erp-app-01"
            late -= failed
            row["replication_records"] = [_record(row, begun, "fail" if failed else "success")]
            yield _copy_task(resource, vault, row, begun, policy_id, failed=failed)


def _copy_task(resource: Protected, vault: Vault, row: Row, begun: datetime, policy_id: str, *, failed: bool) -> Row:
    task = make_task(
        "replication",
        resource,
        vault,
        begun,
        _COPY_TAKES,
        status="timeout" if failed else "success",
        policy_id=policy_id,
        checkpoint_id=row["checkpoint_id"],
        progress=64 if failed else 100,
    )
    names = {"source_backup_name": row["name"], "destination_backup_name": row["name"]}
    task["extra_info"]["replication"] = {**_ends(row), **names}
    return task


def _record(row: Row, begun: datetime, status: str) -> Row:
    """What a backup says of its copy; Huawei Cloud's definition, for none was ever published filled."""
    return {
        "id": make_id(f"record {row['id']}"),
        "status": status,
        "created_at": as_recorded(begun),
        "vault_id": row["vault_id"],
        "destination_vault_id": make_id(f"copies of {_COPIED}"),
        **_ends(row),
    }


def _ends(row: Row) -> Row:
    """Where a copy comes from and where it goes to."""
    return {
        "source_backup_id": row["id"],
        "source_checkpoint_id": row["checkpoint_id"],
        "source_project_id": PROJECT_ID,
        "source_region": "eu-de",
        "destination_backup_id": make_id(f"copy of {row['id']}"),
        "destination_checkpoint_id": make_id(f"copy of {row['checkpoint_id']}"),
        "destination_project_id": "fcf6cb26c3bf4402869792207ad3dce4",
        "destination_region": "eu-nl",
    }


def _skipped(estate: Estate, policy_ids: dict[str, str]) -> Iterator[Row]:
    """A server that is gone and a disk that is in no state to be backed up are passed over at every run."""
    for name, policy, nights, error in (
        ("build-agent-07", "policy-apps-weekly", (2, 9, 16, 23), NO_SERVER),
        ("migration-scratch", "policy-db-longterm", (1, 8, 15), DISK_BUSY),
    ):
        resource, vault = estate.protected(name)
        for night in nights:
            yield make_task(
                "backup",
                resource,
                vault,
                estate.night(night) + timedelta(seconds=4),
                timedelta(seconds=3),
                status="skipped",
                error=error,
                policy_id=policy_ids[policy],
                progress=0,
            )


def _restore_test(estate: Estate) -> Row:
    """One restore in the month, to another server: it worked, and took more than half a day."""
    row = estate.row("gitlab-01", 16)
    resource, vault = estate.protected("gitlab-01")
    task = make_task(
        "restore", resource, vault, estate.now - timedelta(days=12, hours=15), timedelta(hours=14, minutes=20)
    )
    task["extra_info"]["restore"] = {
        "backup_id": row["id"],
        "backup_name": row["name"],
        "target_resource_id": make_id("gitlab-restore-test"),
        "target_resource_name": "gitlab-restore-test",
    }
    return task


def _deletions(estate: Estate) -> Iterator[Row]:
    """Two were tidied up last week; nine hours ago twelve went within ten minutes, from a vault without a lock."""
    for name, backup_name, ago in (
        ("fileshare-hr", "vor Umzug 1", timedelta(days=8, minutes=3)),
        ("fileshare-hr", "vor Umzug 2", timedelta(days=8)),
        *(("web-shop-01", f"deploy-4.1.{n}", timedelta(hours=9, seconds=-50 * n)) for n in range(12)),
    ):
        resource, vault = estate.protected(name)
        task = make_task("delete", resource, vault, estate.now - ago, timedelta(seconds=21))
        task["extra_info"]["delete"] = {
            "backup_id": make_id(f"deleted {name} {backup_name}"),
            "backup_name": backup_name,
        }
        yield task


def _removal(estate: Estate) -> Row:
    """A server was taken out of its vault."""
    resource, vault = estate.protected("wsus-01")
    old = {"id": make_id("wiki-old"), "name": "wiki-old", "type": resource.type}
    task = make_task("remove_resource", resource, vault, estate.now - timedelta(days=18), timedelta(seconds=48))
    task["extra_info"]["resource"] = old
    task["extra_info"]["remove_resources"] = {"fail_count": 0, "total_count": 1, "resources": [old]}
    return task
