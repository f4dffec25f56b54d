"""What the demo tenant protects: servers, disks and file systems, and the vaults that they are in."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

SERVER, DISK, TURBO = "OS::Nova::Server", "OS::Cinder::Volume", "OS::Sfs::Turbo"
PROJECT_ID = "0605767b5780d5762fc5c0118072a564"

PROVIDERS = {
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
    protect_status: str | None = "available"
    """As its vault shows it: `error`, `deleted` where the source is gone, None where it was never looked at."""
    excluded: tuple[str, ...] = ()
    """Names of the server's disks that are left out of its backups."""

    @property
    def id(self) -> str:
        """The resource's id."""
        return make_id(self.name)

    @property
    def held(self) -> tuple[Disk, ...]:
        """The disks that its backups hold."""
        return tuple(disk for disk in self.disks if disk.name not in self.excluded)

    @property
    def held_size(self) -> int:
        """GB of what its backups hold."""
        return sum(disk.size for disk in self.held) if self.disks else self.size


@dataclass(frozen=True, slots=True)
class Vault:
    """A vault, which holds resources of one type."""

    name: str
    type: str
    size: int
    """GB."""
    created: str
    nights: range
    """How many nights ago a backup was made that is still kept."""
    keep_days: int
    resources: tuple[Protected, ...]
    tags: Mapping[str, str | None]
    locked: bool | None = True
    """None where the vault does not say, as most in the older documentation."""
    smn_notify: bool | None = True
    bind_rules: Mapping[str, str] = field(default_factory=dict)
    status: str = "available"
    takes_copies: bool = False

    @property
    def id(self) -> str:
        """The vault's id."""
        return make_id(self.name)


def server(name: str, system: int, *data: int, plain: int | None = None) -> Protected:
    """A server with a system disk and data disks of so many GB; data disk number `plain` is not encrypted."""
    disks = [Disk(f"{name}-system", system, bootable=True)]
    disks += [Disk(f"{name}-data-{n:02}", size, encrypted=n != plain) for n, size in enumerate(data, start=1)]
    return Protected(name, SERVER, system + sum(data), tuple(disks))


VAULTS = (
    Vault(
        "vault-prod-daily",
        SERVER,
        2280,
        "2023-03-22T02:59:06.548293",
        range(14),
        14,
        (
            server("erp-app-01", 80, 200),
            server("erp-db-01", 80, 500, 500),
            server("sap-hana-prd", 100, 1024, 512),
            server("ad-dc-01", 80),
            server("mail-gw-02", 40, 100),
        ),
        {"owner": "platform", "tier": "gold", "rpo": "24h"},
    ),
    Vault(
        "vault-apps-weekly",
        SERVER,
        3200,
        "2023-03-22T05:37:10.727470",
        range(2, 30, 7),
        30,
        (
            replace(server("jenkins-master", 40, 300, 200), excluded=("jenkins-master-data-02",)),
            server("gitlab-01", 40, 500),
            server("web-shop-01", 40, 100, 100),
            server("web-shop-02", 40, 100, 100, plain=2),
            server("intranet-01", 40, 60),
            server("print-srv-01", 60),
            server("wsus-01", 80, 400),
            server("monitoring-01", 40, 200),
            server("vpn-gw-01", 40),
            replace(server("crm-app-01", 60, 120), excluded=("crm-app-01-system",)),
            server("zeiterfassung-01", 60, 80),
            server("lizenz-srv-01", 40),
        ),
        {"owner": "apps", "tier": "silver", "rpo": "7d"},
        locked=False,
        smn_notify=False,
        bind_rules={"backup": "weekly"},
    ),
    Vault(
        "vault-db-longterm",
        DISK,
        2500,
        "2023-03-25T06:12:48.673924",
        range(1, 90, 7),
        90,
        (
            Protected("pg-prod-01-data", DISK, 400),
            Protected("mariadb-shop-data", DISK, 250),
            Protected("oracle-lvs-data", DISK, 800),
            Protected("influx-mon-data", DISK, 150),
        ),
        {"owner": "dba", "tier": "gold", "rpo": "7d"},
    ),
    Vault(
        "vault-files-weekly",
        TURBO,
        3000,
        "2023-11-05T08:21:16.067222",
        range(2, 30, 7),
        30,
        (
            Protected("fileshare-hr", TURBO, 500),
            Protected("fileshare-vertrieb", TURBO, 500),
            Protected("fileshare-konstruktion", TURBO, 1228),
            Protected("transfer-edi", TURBO, 500),
        ),
        {"owner": "files", "confidential": None, "rpo": "7d"},
        locked=None,
        smn_notify=None,
    ),
    # Its policy was removed twelve nights ago: what was made by days still ends.
    Vault(
        "vault-crm-legacy",
        DISK,
        500,
        "2023-06-14T13:02:55.190337",
        range(12, 15),
        14,
        (Protected("legacy-crm-data", DISK, 200),),
        {},
        locked=False,
    ),
    Vault(
        "vault-dev-lab",
        SERVER,
        100,
        "2024-02-11T09:14:55.948181",
        range(0),
        3,
        (server("dev-lab-01", 40),),
        {"owner": "apps", "tier": "bronze"},
        locked=False,
        status="error",
    ),
    Vault(
        "vault-archive", DISK, 1000, "2024-08-03T07:45:12.330918", range(0), 0, (), {"owner": "files", "tier": "gold"}
    ),
    # What another region's vault is copied to; CBR says nothing about how its members are.
    Vault(
        "vault-copies-from-nl",
        SERVER,
        400,
        "2023-09-05T08:21:16.067222",
        range(0),
        0,
        (replace(server("nl-portal-01", 40), protect_status=None),),
        {"owner": "platform", "tier": "gold"},
        takes_copies=True,
    ),
)

VAULTS_BY_NAME = {vault.name: vault for vault in VAULTS}


def as_recorded(time: datetime) -> str:
    """A time as CBR sends it: naive, in UTC, with microseconds."""
    return time.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="microseconds")


def as_documented(time: str) -> str:
    """A recorded time as the documentation shows it: milliseconds and an offset."""
    return f"{time[:23]}+00:00"


def make_id(name: str, when: datetime | None = None) -> str:
    """An id that follows from a name, and from a time where there is one."""
    return str(uuid.uuid5(_IDS, name if when is None else f"{name} {when:%Y-%m-%d %H:%M}"))
