"""The demo tenant's healthy estate: vaults with their policies, protected resources, and backups in CBR's own shape.

Keys and forms are those of recorded bodies: naive times with microseconds, explicit nulls, `encrypted` on disks and
file systems but not on servers in the list. Ids follow from names and dates: a backup keeps its id from day to day.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

SERVER, DISK, TURBO = "OS::Nova::Server", "OS::Cinder::Volume", "OS::Sfs::Turbo"
PROJECT_ID = "0605767b5780d5762fc5c0118072a564"

_PROVIDERS = {
    SERVER: "0daac4c5-6707-4851-97ba-169e36266b66",
    DISK: "d1603440-187d-4516-af25-121250c7cc97",
    TURBO: "3f3c3220-245c-4805-b811-758870015881",
}
_IDS = uuid.UUID("5b1f3c1e-7a55-4d0b-9f62-0d3f4f1f6a10")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk of a server."""

    name: str
    size: int
    encrypted: bool = True
    bootable: bool = False


@dataclass(frozen=True, slots=True)
class Protected:
    """A server, disk or file system that a vault protects."""

    name: str
    type: str
    size: int
    """GB."""
    disks: tuple[Disk, ...] = ()

    @property
    def id(self) -> str:
        """The resource's id."""
        return _id(self.name)


@dataclass(frozen=True, slots=True)
class Vault:
    """A vault, which holds resources of one type, and the policy that it is bound to."""

    name: str
    nights: range
    """How many nights ago a backup was made that is still kept."""
    keep_days: int
    resources: tuple[Protected, ...]

    @property
    def id(self) -> str:
        """The vault's id."""
        return _id(self.name)


def server(name: str, system: int, *data: int, plain: int | None = None) -> Protected:
    """A server with a system disk and data disks of so many GB; data disk number `plain` is not encrypted."""
    disks = [Disk(f"{name}-system", system, bootable=True)]
    disks += [Disk(f"{name}-data-{n:02}", size, encrypted=n != plain) for n, size in enumerate(data, start=1)]
    return Protected(name, SERVER, system + sum(data), tuple(disks))


VAULTS = (
    Vault(
        "vault-prod-daily",
        range(14),
        14,
        (
            server("erp-app-01", 80, 200),
            server("erp-db-01", 80, 500, 500),
            server("sap-hana-prd", 100, 1024, 512),
            server("ad-dc-01", 80),
            server("mail-gw-02", 40, 100),
        ),
    ),
    Vault(
        "vault-apps-weekly",
        range(2, 30, 7),
        30,
        (
            server("jenkins-master", 40, 300),
            server("gitlab-01", 40, 500),
            server("web-shop-01", 40, 100, 100),
            server("web-shop-02", 40, 100, 100, plain=2),
            server("intranet-01", 40, 60),
            server("print-srv-01", 60),
            server("wsus-01", 80, 400),
            server("monitoring-01", 40, 200),
            server("vpn-gw-01", 40),
            server("crm-app-01", 60, 120),
            server("zeiterfassung-01", 60, 80),
            server("lizenz-srv-01", 40),
        ),
    ),
    Vault(
        "vault-db-longterm",
        range(1, 90, 7),
        90,
        (
            Protected("pg-prod-01-data", DISK, 400),
            Protected("mariadb-shop-data", DISK, 250),
            Protected("oracle-lvs-data", DISK, 800),
            Protected("influx-mon-data", DISK, 150),
        ),
    ),
    Vault(
        "vault-files-weekly",
        range(2, 30, 7),
        30,
        (
            Protected("fileshare-hr", TURBO, 500),
            Protected("fileshare-vertrieb", TURBO, 500),
            Protected("fileshare-konstruktion", TURBO, 1228),
            Protected("transfer-edi", TURBO, 500),
        ),
    ),
    # Its policy was removed eleven nights ago: what was made by days still ends.
    Vault("vault-crm-legacy", range(11, 14), 14, (Protected("legacy-crm-data", DISK, 200),)),
)


class Estate:
    """Every backup that the policies made and still keep as of `now`, in the shape of the list."""

    def __init__(self, now: datetime) -> None:
        self.now = now.astimezone(timezone.utc)
        self._rows: list[tuple[Protected, Row]] = []
        self._automatic: dict[tuple[str, int], Row] = {}
        self._protected = {resource.name: (resource, vault) for vault in VAULTS for resource in vault.resources}
        for vault in VAULTS:
            for resource in vault.resources:
                for nights in vault.nights:
                    self.add_automatic(resource.name, nights)

    @property
    def rows(self) -> list[Row]:
        """All of them."""
        return [row for _, row in self._rows]

    def night(self, nights: int) -> datetime:
        """When the policies ran so many nights ago; they start at 01:00, and the last run is over by now."""
        last = self.now.replace(hour=1, minute=0, second=0, microsecond=0)
        if last > self.now - timedelta(hours=3):
            last -= timedelta(days=1)
        return last - timedelta(days=nights)

    def row(self, name: str, nights: int) -> Row:
        """The automatic backup of a resource of so many nights ago, to be changed."""
        return self._automatic[name, nights]

    def protect(self, resource: Protected, vault_name: str) -> None:
        """Know one more resource, which no policy has backed up."""
        self._protected[resource.name] = (resource, next(vault for vault in VAULTS if vault.name == vault_name))

    def add_automatic(self, name: str, nights: int) -> Row:
        """A backup that a policy made so many nights ago."""
        resource, vault = self._protected[name]
        place = int(resource.id[:4], 16)
        created = self.night(nights) + timedelta(seconds=place % 480, microseconds=place * 15 + 7)
        row = _row(resource, vault, created, f"autobk_{_id(name, created)[:4]}")
        row["checkpoint_id"] = _id(vault.name, self.night(nights))
        row["expired_at"] = as_recorded(created + timedelta(days=vault.keep_days, microseconds=-4642))
        row["extend_info"]["auto_trigger"] = True
        row["extend_info"]["incremental"] = nights != vault.nights[-1]
        self._rows.append((resource, row))
        self._automatic[name, nights] = row
        return row

    def add_manual(self, name: str, backup_name: str, ago: timedelta) -> Row:
        """A backup that somebody made so long ago; it has no end."""
        resource, vault = self._protected[name]
        row = _row(resource, vault, self.now - ago, backup_name)
        self._rows.append((resource, row))
        return row

    def details(self) -> Iterator[tuple[str, Row]]:
        """Id and `GET /backups/{id}` of every server backup: its row with its disks."""
        for resource, row in self._rows:
            if resource.type == SERVER:
                yield row["id"], _detail(row, resource)


def as_recorded(time: datetime) -> str:
    """A time as CBR sends it: naive, in UTC, with microseconds."""
    return time.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="microseconds")


def as_documented(time: str) -> str:
    """A recorded time as the documentation shows it: milliseconds and an offset."""
    return f"{time[:23]}+00:00"


def _id(name: str, when: datetime | None = None) -> str:
    return str(uuid.uuid5(_IDS, name if when is None else f"{name} {when:%Y-%m-%d %H:%M}"))


def _row(resource: Protected, vault: Vault, created: datetime, name: str) -> Row:
    """A backup that somebody made by hand and that CBR finished."""
    is_server, is_disk = resource.type == SERVER, resource.type == DISK
    ident = _id(f"{resource.name} {name}", created)
    extend_info: Row = {
        "auto_trigger": False,
        "bootable": False if is_disk else None,
        "incremental": True,
        "os_images_data": None,
        "progress": 100 if is_disk else None,
        "snapshot_id": _id(f"snapshot {ident}") if is_disk else None,
        "support_lld": True,
        "supported_restore_mode": None if is_disk else "backup",
        "system_disk": False,
    }
    if is_server:
        extend_info |= {"architecture": "x86_64", "contain_system_disk": True}
    else:
        extend_info["encrypted"] = True
    return {
        "checkpoint_id": _id(f"checkpoint {ident}"),
        "children": [],
        "created_at": as_recorded(created),
        "description": "",
        "expired_at": None,
        "extend_info": extend_info,
        "id": ident,
        "image_type": "backup",
        "name": name,
        "parent_id": None,
        "project_id": PROJECT_ID,
        "protected_at": None if is_disk else as_recorded(created + timedelta(seconds=24, microseconds=92)),
        "provider_id": _PROVIDERS[resource.type],
        "resource_az": None if resource.type == TURBO else f"eu-de-0{1 + int(resource.id[:2], 16) % 3}",
        "resource_id": resource.id,
        "resource_name": resource.name,
        "resource_size": resource.size,
        "resource_type": resource.type,
        "status": "available",
        "updated_at": as_recorded(created + timedelta(seconds=90 + resource.size, microseconds=4177)),
        "vault_id": vault.id,
    }


def _detail(row: Row, resource: Protected) -> Row:
    return {**row, "enterprise_project_id": "0", "children": [_child(row, disk) for disk in resource.disks]}


def _child(row: Row, disk: Disk) -> Row:
    """A disk of a server backup: it carries the server's provider and a part of the nulls (recorded)."""
    extended = row["extend_info"] or {}
    return {
        "checkpoint_id": row["checkpoint_id"],
        "children": [],
        "created_at": row["created_at"],
        "description": None,
        "expired_at": row.get("expired_at"),
        "extend_info": {
            "auto_trigger": extended.get("auto_trigger"),
            "bootable": disk.bootable,
            "encrypted": disk.encrypted,
            "os_images_data": None,
            "snapshot_id": _id(f"snapshot {disk.name} {row['id']}"),
            "support_lld": None,
            "supported_restore_mode": None,
        },
        "id": _id(f"{disk.name} {row['id']}"),
        "image_type": "backup",
        "name": f"{row['name']}_{row['resource_name']}",
        "parent_id": row["id"],
        "project_id": row["project_id"],
        "protected_at": None,
        "provider_id": row["provider_id"],
        "resource_az": None,
        "resource_id": _id(disk.name),
        "resource_name": disk.name,
        "resource_size": disk.size,
        "resource_type": DISK,
        "status": row["status"],
        "updated_at": None,
        "vault_id": row["vault_id"],
    }
