"""The demo tenant's backups: what its policies made and still keep, in CBR's own shape.

Keys and forms are those of recorded bodies: naive times with microseconds, explicit nulls, `encrypted` on disks and
file systems but not on servers in the list. Ids follow from names and dates: a backup keeps its id from day to day.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from cbr_auditor.demo.protected import (
    DISK,
    PROJECT_ID,
    PROVIDERS,
    SERVER,
    TURBO,
    VAULTS,
    VAULTS_BY_NAME,
    Disk,
    Protected,
    Row,
    Vault,
    as_recorded,
    make_id,
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
        if last > self.now - timedelta(minutes=40):
            last -= timedelta(days=1)
        return last - timedelta(days=nights)

    def row(self, name: str, nights: int) -> Row:
        """The automatic backup of a resource of so many nights ago, to be changed."""
        return self._automatic[name, nights]

    def protect(self, resource: Protected, vault_name: str) -> None:
        """Know one more resource, which no policy has backed up."""
        self._protected[resource.name] = (resource, VAULTS_BY_NAME[vault_name])

    def protected(self, name: str) -> tuple[Protected, Vault]:
        """A resource and its vault."""
        return self._protected[name]

    def drop(self, name: str, nights: int) -> None:
        """Never have made the automatic backup of so many nights ago."""
        gone = self._automatic.pop((name, nights))
        self._rows = [pair for pair in self._rows if pair[1] is not gone]

    def members(self, vault: Vault) -> list[Protected]:
        """What a vault protects."""
        return [resource for resource, holder in self._protected.values() if holder is vault]

    def add_automatic(self, name: str, nights: int) -> Row:
        """A backup that a policy made so many nights ago."""
        resource, vault = self.protected(name)
        place = int(resource.id[:4], 16)
        created = self.night(nights) + timedelta(seconds=place % 480, microseconds=place * 15 + 7)
        row = _row(resource, vault, created, f"autobk_{make_id(name, created)[:4]}")
        row["checkpoint_id"] = make_id(vault.name, self.night(nights))
        row["expired_at"] = as_recorded(created + timedelta(days=vault.keep_days, microseconds=-4642))
        row["extend_info"]["auto_trigger"] = True
        row["extend_info"]["incremental"] = nights != vault.nights[-1]
        self._rows.append((resource, row))
        self._automatic[name, nights] = row
        return row

    def add_manual(self, name: str, backup_name: str, ago: timedelta) -> Row:
        """A backup that somebody made so long ago; it has no end."""
        resource, vault = self.protected(name)
        row = _row(resource, vault, self.now - ago, backup_name)
        self._rows.append((resource, row))
        return row

    def details(self) -> Iterator[tuple[str, Row]]:
        """Id and `GET /backups/{id}` of every server backup: its row with its disks."""
        for resource, row in self._rows:
            if resource.type == SERVER:
                yield row["id"], _detail(row, resource)


def _row(resource: Protected, vault: Vault, created: datetime, name: str) -> Row:
    """A backup that somebody made by hand and that CBR finished."""
    is_server, is_disk = resource.type == SERVER, resource.type == DISK
    ident = make_id(f"{resource.name} {name}", created)
    extend_info: Row = {
        "auto_trigger": False,
        "bootable": False if is_disk else None,
        "incremental": True,
        "os_images_data": None,
        "progress": 100 if is_disk else None,
        "snapshot_id": make_id(f"snapshot {ident}") if is_disk else None,
        "support_lld": True,
        "supported_restore_mode": None if is_disk else "backup",
        "system_disk": False,
    }
    if is_server:
        extend_info |= {
            "architecture": "x86_64",
            "contain_system_disk": any(disk.bootable for disk in resource.held),
        }
    else:
        extend_info["encrypted"] = True
    return {
        "checkpoint_id": make_id(f"checkpoint {ident}"),
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
        "provider_id": PROVIDERS[resource.type],
        "resource_az": None if resource.type == TURBO else f"eu-de-0{1 + int(resource.id[:2], 16) % 3}",
        "resource_id": resource.id,
        "resource_name": resource.name,
        "resource_size": resource.held_size,
        "resource_type": resource.type,
        "status": "available",
        "updated_at": as_recorded(created + timedelta(seconds=90 + resource.held_size, microseconds=4177)),
        "vault_id": vault.id,
    }


def _detail(row: Row, resource: Protected) -> Row:
    return {**row, "enterprise_project_id": "0", "children": [_child(row, disk) for disk in resource.held]}


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
            "snapshot_id": make_id(f"snapshot {disk.name} {row['id']}"),
            "support_lld": None,
            "supported_restore_mode": None,
        },
        "id": make_id(f"{disk.name} {row['id']}"),
        "image_type": "backup",
        "name": f"{row['name']}_{row['resource_name']}",
        "parent_id": row["id"],
        "project_id": row["project_id"],
        "protected_at": None,
        "provider_id": row["provider_id"],
        "resource_az": None,
        "resource_id": make_id(disk.name),
        "resource_name": disk.name,
        "resource_size": disk.size,
        "resource_type": DISK,
        "status": row["status"],
        "updated_at": None,
        "vault_id": row["vault_id"],
    }
