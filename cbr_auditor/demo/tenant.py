"""The demo tenant: a healthy estate with every kind of trouble that the auditor knows, and what is hostile in it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.estate import Estate
from cbr_auditor.demo.events import other_tasks
from cbr_auditor.demo.protected import (
    DISK,
    PROJECT_ID,
    TURBO,
    VAULTS,
    Protected,
    Row,
    as_documented,
    as_recorded,
    server,
)
from cbr_auditor.demo.task_rows import FULL, WRONG_STATUS, backup_tasks
from cbr_auditor.demo.vault_rows import policy_rows, vault_row

_TIMES = ("created_at", "updated_at", "expired_at", "protected_at")


@dataclass(frozen=True, slots=True)
class Tenant:
    """One project with its backups, vaults, policies and tasks as of one moment."""

    project_id: str
    token: str
    backups: list[dict[str, Any]]
    """The list, in the order in which the vaults stand."""
    details: dict[str, dict[str, Any] | None]
    """What `GET /backups/{id}` shows of each server backup; None where it says that there is none."""
    vaults: list[dict[str, Any]]
    policies: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    """What CBR did in the last 30 days, newest first."""

    def serve(self) -> CbrEndpoint:
        """A CBR endpoint for this tenant; a context manager."""
        endpoint = CbrEndpoint(self.backups, project_id=self.project_id, token=self.token, details=self.details)
        endpoint.vaults, endpoint.policies, endpoint.tasks = self.vaults, self.policies, self.tasks
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
        _end_the_last,
        _hold_too_little,
    ):
        spoil(estate)
    vaults = [vault_row(vault, estate.members(vault), estate.rows) for vault in VAULTS]
    policies = policy_rows({vault.name: estate.night(vault.nights[0]) for vault in VAULTS if vault.nights})
    tasks = _tasks(estate, policies)
    _write_differently(estate)
    details: dict[str, Row | None] = dict(estate.details())
    _break_disks(estate, details)
    details[estate.row("vpn-gw-01", 2)["id"]] = None  # deleted between the list and the look at its disks
    estate.row("lizenz-srv-01", 23)["id"] = None  # the one record that nobody can read
    return Tenant(PROJECT_ID, "demo-token", estate.rows, details, vaults, policies, tasks)


def _tasks(estate: Estate, policies: list[Row]) -> list[Row]:
    """What CBR did, newest first; the policy of a vault is the one that backs up, not the one that copies."""
    bound = {
        vault["vault_id"]: policy["id"]
        for policy in policies
        for vault in policy["associated_vaults"]
        if policy["operation_type"] == "backup"
    }
    errors = {"erp-db-01": FULL, "proxy-dmz-01": WRONG_STATUS}
    tasks = [
        *other_tasks(estate, {policy["name"]: policy["id"] for policy in policies}),
        *backup_tasks(estate.rows, {vault.id: vault for vault in VAULTS}, bound, errors, estate.now),
    ]
    return sorted(tasks, key=lambda task: (str(task["started_at"]), str(task["id"])), reverse=True)


def _fail(estate: Estate) -> None:
    """A database server fails three nights running, the only backup of a new server too; one status is unheard of."""
    for nights in (0, 1, 2):
        row = estate.row("erp-db-01", nights)
        row["status"] = "error"
        row["protected_at"] = None
    estate.drop("influx-mon-data", 85)  # it was not there yet
    estate.protect(server("proxy-dmz-01", 40), "vault-apps-weekly")
    estate.add_automatic("proxy-dmz-01", 2).update(status="error", protected_at=None)
    estate.row("crm-app-01", 9)["status"] = "restore_failed"


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
    estate.protect(Protected("migration-scratch", DISK, 100, protect_status="error"), "vault-db-longterm")
    row = estate.add_manual("migration-scratch", "<!channel> @all *bold* [x](http://evil.example)", timedelta(days=16))
    row["extend_info"]["encrypted"] = False
    estate.protect(Protected("fileshare-azubi", TURBO, 500), "vault-files-weekly")
    estate.add_automatic("fileshare-azubi", 2)["extend_info"]["encrypted"] = False
    estate.protect(replace(server("build-agent-07", 40), protect_status="deleted"), "vault-apps-weekly")
    row = estate.add_manual("build-agent-07", "<script>alert(1)</script>", timedelta(days=40))
    row["extend_info"]["encrypted"] = False


def _make_by_hand(estate: Estate) -> None:
    """Backups before changes, as people name them; and three that do not say who made them."""
    for name, backup_name, days in (
        ("sap-hana-prd", "vor-upgrade-hana-2.0-SPS08", 161),
        ("sap-hana-prd", "Sicherung vor Übergabe (größeres Update)", 33),
        ("web-shop-01", "vor Release 4.2 🚀", 19),
        ("fileshare-hr", "lohn_\u202efdp.exe", 26),
    ):
        row = estate.add_manual(name, backup_name, timedelta(days=days, hours=5, minutes=11, microseconds=318_204))
        if backup_name.startswith("Sicherung"):
            row["expired_at"] = as_recorded(estate.now + timedelta(days=3620))
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


def _end_the_last(estate: Estate) -> None:
    """Of the disk without a policy one good backup is left: one is past its end, one is being deleted by hand."""
    row = estate.row("legacy-crm-data", 13)
    row |= {"status": "deleting", "updated_at": as_recorded(estate.now - timedelta(minutes=20))}


def _hold_too_little(estate: Estate) -> None:
    """One cannot be restored in place; one server lost a disk; one backup took five times as long as usual."""
    estate.row("wsus-01", 2)["extend_info"]["supported_restore_mode"] = "na"
    estate.row("monitoring-01", 2)["resource_size"] = 40
    row = estate.row("erp-app-01", 0)
    row["updated_at"] = as_recorded(estate.night(0) + timedelta(minutes=31, seconds=7, microseconds=4177))


def _break_disks(estate: Estate, details: dict[str, Row | None]) -> None:
    """What only the details show: a disk that is not in the newest backup any more, and one that failed."""
    for name, change in (("monitoring-01", _without_data_disk), ("web-shop-01", _with_failed_disk)):
        detail = details[estate.row(name, 2)["id"]]
        assert detail is not None
        detail["children"] = change(detail["children"])


def _without_data_disk(disks: list[Row]) -> list[Row]:
    return disks[:1]


def _with_failed_disk(disks: list[Row]) -> list[Row]:
    return [*disks[:-1], {**disks[-1], "status": "error"}]


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
