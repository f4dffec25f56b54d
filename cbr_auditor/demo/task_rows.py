"""The demo tenant's tasks as `GET /operation-logs` shows them: what CBR did in the last 30 days.

Keys and nulls are those of the API's definition; no filled `error_info` was ever published, so the codes and texts are
those of the API's list of errors. Every backup of the estate has the task that made it.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from cbr_auditor.demo.parameters import time_of
from cbr_auditor.demo.protected import PROJECT_ID, PROVIDERS, Protected, Row, Vault, as_recorded, make_id

KEPT = timedelta(days=30)
FINE = ("", "")
FULL = ("BackupService.6114", "The vault capacity is exceeded.")
NO_SERVER = ("BackupService.7100", "The server does not exist.")
WRONG_STATUS = ("BackupService.7101", "Backup is not allowed in the current server status.")
DISK_BUSY = ("BackupService.7003", "Backup is not allowed in the current disk status.")

_STATUSES = {"error": "failed", "protecting": "running"}


def backup_tasks(
    rows: Iterable[Row],
    vaults: Mapping[str, Vault],
    policies: Mapping[str, str],
    errors: Mapping[str, tuple[str, str]],
    now: datetime,
) -> Iterator[Row]:
    """The tasks that made these backups.

    `vaults` and the `policies` bound to them are by the vaults' ids, `errors` by the names of what failed.
    """
    for row in rows:
        begun, ended = time_of(row["created_at"]), time_of(row["updated_at"])
        if begun is None or begun < now - KEPT:
            continue
        status = _STATUSES.get(row["status"], "success")
        extended = row["extend_info"] or {}
        by_hand = extended.get("auto_trigger") is False
        length = timedelta(seconds=90 + int(row["resource_size"]))
        if ended is not None and row["status"] in {"available", "error"}:
            length = ended - begun
        task = make_task(
            "backup",
            Protected(row["resource_name"], row["resource_type"], row["resource_size"]),
            vaults[row["vault_id"]],
            begun,
            None if status == "running" else length,
            status=status,
            error=errors[row["resource_name"]] if status == "failed" else FINE,
            policy_id=None if by_hand else policies.get(row["vault_id"]),
            checkpoint_id=row["checkpoint_id"],
            progress={"failed": 0, "running": extended.get("progress")}.get(status, 100),
        )
        task["extra_info"]["backup"] = {
            "backup_id": row["id"],
            "backup_name": row["name"],
            "incremental": str(extended.get("incremental", True)).lower(),
        }
        yield task


def make_task(
    operation_type: str,
    resource: Protected,
    vault: Vault,
    begun: datetime,
    length: timedelta | None,
    *,
    status: str = "success",
    error: tuple[str, str] = FINE,
    policy_id: str | None = None,
    checkpoint_id: str | None = None,
    progress: int | None = 100,
) -> Row:
    """One task; without a `length` it has not ended."""
    ident = make_id(f"{operation_type} {resource.name} {begun:%S.%f}", begun)
    ended = begun + length if length is not None else None
    return {
        "checkpoint_id": checkpoint_id,
        "created_at": as_recorded(begun),
        "ended_at": as_recorded(ended) if ended else None,
        "error_info": {"code": error[0], "message": error[1]},
        "extra_info": {
            "common": {
                "progress": progress,
                "request_id": f"req-{make_id(ident)}",
                "task_id": make_id(f"task {ident}"),
            },
            "resource": {"id": resource.id, "name": resource.name, "type": resource.type},
        },
        "id": ident,
        "operation_type": operation_type,
        "policy_id": policy_id,
        "project_id": PROJECT_ID,
        "provider_id": PROVIDERS[resource.type],
        "started_at": as_recorded(begun),
        "status": status,
        "updated_at": as_recorded(ended or begun),
        "vault_id": vault.id,
        "vault_name": vault.name,
    }
