"""The demo tenant: a healthy estate with every kind of trouble that the auditor knows, and what is hostile in it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.estate import DISK, PROJECT_ID, TURBO, Estate, Protected, as_documented, as_recorded, server

_TIMES = ("created_at", "updated_at", "expired_at", "protected_at")


@dataclass(frozen=True, slots=True)
class Tenant:
    """One project with its backups as of one moment."""

    project_id: str
    token: str
    backups: list[dict[str, Any]]
    """The list, in the order in which the vaults stand."""
    details: dict[str, dict[str, Any] | None]
    """What `GET /backups/{id}` shows of each server backup; None where it says that there is none."""
    tasks: list[dict[str, Any]]
    """The failed tasks behind the failed backups."""

    def serve(self) -> CbrEndpoint:
        """A CBR endpoint for this tenant; a context manager."""
        endpoint = CbrEndpoint(self.backups, project_id=self.project_id, token=self.token, details=self.details)
        endpoint.tasks = self.tasks
        return endpoint


def demo_tenant(now: datetime) -> Tenant:
    """The tenant as it stands at `now`: always the same for the same moment."""
    estate = Estate(now)
    for spoil in (
        _fail,
        _expire,
        _leave_overdue,
        _leave_unencrypted,
        _make_by_hand,
        _keep_for_ever,
        _get_stuck,
        _write_differently,
    ):
        spoil(estate)
    details: dict[str, dict[str, Any] | None] = dict(estate.details())
    details[estate.row("vpn-gw-01", 2)["id"]] = None  # deleted between the list and the look at its disks
    estate.row("lizenz-srv-01", 23)["id"] = None  # the one record that nobody can read
    tasks = [_failed_task(estate.row("erp-db-01", nights)) for nights in (0, 1, 2)]
    return Tenant(PROJECT_ID, "demo-token", estate.rows, details, tasks)


def _fail(estate: Estate) -> None:
    """The database server fails three nights running; one backup has a status that is not documented."""
    for nights in (0, 1, 2):
        row = estate.row("erp-db-01", nights)
        row["status"] = "error"
        row["protected_at"] = None
    estate.row("crm-app-01", 9)["status"] = "restore_failed"


def _failed_task(row: dict[str, Any]) -> dict[str, Any]:
    """The task that made a failed backup, in the shape of the API page's example; code and text are from its list."""
    return {
        "id": row["checkpoint_id"][::-1],
        "checkpoint_id": row["checkpoint_id"],
        "created_at": row["created_at"],
        "started_at": row["created_at"],
        "ended_at": row["updated_at"],
        "updated_at": row["updated_at"],
        "operation_type": "backup",
        "status": "failed",
        "error_info": {"code": "BackupService.6114", "message": "The vault capacity is exceeded."},
        "extra_info": {
            "backup": {"backup_id": row["id"], "backup_name": row["name"]},
            "common": {"progress": 0, "request_id": "req-cdb98cc4-e87b-4f40-9b4a-57ec036620bc"},
            "resource": {"id": row["resource_id"], "name": row["resource_name"], "type": row["resource_type"]},
        },
        "project_id": row["project_id"],
        "provider_id": row["provider_id"],
        "policy_id": None,
        "vault_id": row["vault_id"],
        "vault_name": None,
    }


def _expire(estate: Estate) -> None:
    """A manual backup was given an end; legacy-crm-data lost its policy (see the estate); superseded ones abound."""
    row = estate.add_manual("erp-app-01", '=HYPERLINK("http://evil.example","x")', timedelta(days=9))
    row["expired_at"] = as_recorded(estate.now + timedelta(days=5))


def _leave_overdue(estate: Estate) -> None:
    """One is five days past its end; another one 20 hours, which is the usual pace of CBR's cleaning."""
    for name, nights, late in (
        ("intranet-01", 35, timedelta(days=5, hours=2)),
        ("gitlab-01", 30, timedelta(hours=20)),
    ):
        row = estate.add_automatic(name, nights)
        row["expired_at"] = as_recorded(estate.now - late)


def _leave_unencrypted(estate: Estate) -> None:
    """A disk, a file system and a server's own key; of web-shop-02 one disk of three (see the estate)."""
    estate.protect(Protected("migration-scratch", DISK, 100), "vault-db-longterm")
    row = estate.add_manual("migration-scratch", "<!channel> @all *bold* [x](http://evil.example)", timedelta(days=16))
    row["extend_info"]["encrypted"] = False
    estate.protect(Protected("fileshare-azubi", TURBO, 500), "vault-files-weekly")
    estate.add_automatic("fileshare-azubi", 2)["extend_info"]["encrypted"] = False
    estate.protect(server("build-agent-07", 40), "vault-apps-weekly")
    row = estate.add_manual("build-agent-07", "<script>alert(1)</script>", timedelta(days=40))
    row["extend_info"]["encrypted"] = False


def _make_by_hand(estate: Estate) -> None:
    """Backups before changes, as people name them; and three that do not say who made them."""
    for name, backup_name, days in (
        ("sap-hana-prd", "vor-upgrade-hana-2.0-SPS08", 61),
        ("sap-hana-prd", "Sicherung vor Übergabe (größeres Update)", 33),
        ("web-shop-01", "vor Release 4.2 🚀", 19),
        ("fileshare-hr", "lohn_\u202efdp.exe", 26),
    ):
        estate.add_manual(name, backup_name, timedelta(days=days, hours=5, minutes=11, microseconds=318_204))
    del estate.row("print-srv-01", 9)["extend_info"]["auto_trigger"]
    estate.row("print-srv-01", 16)["extend_info"]["auto_trigger"] = None
    estate.row("monitoring-01", 23)["extend_info"] = None


def _keep_for_ever(estate: Estate) -> None:
    """Made while the policy kept by number: they stayed when it was changed to days (user guide)."""
    estate.row("transfer-edi", 16)["expired_at"] = None
    del estate.row("transfer-edi", 23)["expired_at"]


def _get_stuck(estate: Estate) -> None:
    """One backs up since three nights, one waits to be deleted; last night's largest is merely not done yet."""
    row = estate.row("ad-dc-01", 3)
    row |= {"status": "protecting", "protected_at": None}
    row["extend_info"]["progress"] = 37
    row = estate.add_automatic("wsus-01", 31)
    row |= {
        "status": "waiting_delete",
        "expired_at": as_recorded(estate.now - timedelta(hours=40)),
        "updated_at": as_recorded(estate.now - timedelta(hours=30, minutes=20)),
    }
    row = estate.row("sap-hana-prd", 0)
    row |= {"status": "protecting", "updated_at": as_recorded(estate.now - timedelta(minutes=10)), "protected_at": None}
    row["extend_info"]["progress"] = 82


def _write_differently(estate: Estate) -> None:
    """Times with offset and with `Z`, numbers and flags as texts, and an end that is no time."""
    for row in [row for row in estate.rows if row["resource_name"] == "mail-gw-02"]:
        for key in _TIMES:
            row[key] = row[key] and as_documented(row[key])
    for row in [row for row in estate.rows if row["resource_name"] == "zeiterfassung-01"]:
        for key in _TIMES:
            row[key] = row[key] and f"{row[key]}Z"
    row = estate.row("jenkins-master", 9)
    row["resource_size"] = str(row["resource_size"])
    row["extend_info"] |= {"auto_trigger": "true", "progress": "100"}
    estate.row("oracle-lvs-data", 50)["expired_at"] = "0000-00-00 00:00:00"
