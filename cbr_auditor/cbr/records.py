"""The nouns of the API: a backup with its disks, a row that cannot be read, a page of the list.

Field names, types and statuses: CBR API, "Querying All Backups", tables 4 to 6.
"""

from datetime import datetime, timedelta, timezone
from typing import Annotated, NamedTuple

import msgspec

UTC = timezone.utc
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAIVE_EPOCH = EPOCH.replace(tzinfo=None)
"""`EPOCH + (time - NAIVE_EPOCH)` is a naive time in UTC, at a third of the price of `time.replace(tzinfo=UTC)`."""
SERVER = "OS::Nova::Server"
DOCUMENTED_STATUSES = frozenset(
    {
        "available",
        "protecting",
        "deleting",
        "restoring",
        "error",
        "waiting_protect",
        "waiting_delete",
        "waiting_restore",
    }
)

# The last three are Huawei Cloud's.
RESOURCE_TYPES = frozenset(
    {
        SERVER,
        "OS::Cinder::Volume",
        "OS::Sfs::Turbo",
        "OS::Ironic::BareMetalServer",
        "OS::Native::Server",
        "OS::Workspace::DesktopV2",
    }
)
"""What a protected resource may be, as CBR documents it."""
# OTC documents `backup` alone; Huawei Cloud also has replicas.
IMAGE_TYPES = frozenset({"backup", "replication"})
RESTORE_MODES = frozenset({"na", "backup", "snapshot"})


class ExtendInfo(msgspec.Struct, frozen=True, gc=False):
    """What CBR keeps beside a backup; a missing key and null are both None."""

    auto_trigger: bool | None = None
    bootable: bool | None = None
    incremental: bool | None = None
    supported_restore_mode: str | None = None
    contain_system_disk: bool | None = None
    encrypted: bool | None = None


NO_INFO = ExtendInfo()


class Disk(msgspec.Struct, gc=False):
    """One disk of a server backup, as `GET /backups/{id}` shows it under `children`."""

    id: str
    name: str | None = None
    resource_name: str | None = None
    status: str | None = None
    size: int | None = msgspec.field(name="resource_size", default=None)
    """In GiB, as the API's "GB" are."""
    extend_info: ExtendInfo | None = None

    @property
    def encrypted(self) -> bool | None:
        """Whether the disk's backup is encrypted; None where CBR does not say."""
        return None if self.extend_info is None else self.extend_info.encrypted

    @property
    def bootable(self) -> bool | None:
        """Whether the system starts from this disk; None where CBR does not say."""
        return None if self.extend_info is None else self.extend_info.bootable

    @property
    def label(self) -> str:
        """The disk's name as a person knows it, else its id."""
        return self.resource_name or self.name or self.id


class ReplicationRecord(msgspec.Struct, gc=False):
    """One copy of a backup to another region. Source: Huawei Cloud CBR API, ReplicationRecordGet."""

    status: str | None = None
    """`replicating`, `success`, `fail`, `skip` or `waiting_replicate`."""
    destination_region: str | None = None
    destination_project_id: str | None = None
    destination_vault_id: str | None = None
    destination_backup_id: str | None = None


class Backup(msgspec.Struct, gc=False, array_like=True):
    """One backup. Every time is aware and in UTC; a missing key and null are both None."""

    id: str
    status: str
    name: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    expired_at: datetime | None = None
    resource_id: str | None = None
    resource_name: str | None = None
    resource_type: str | None = None
    vault_id: str | None = None
    auto_trigger: bool | None = None
    """Whether a policy made the backup; None where CBR does not say."""
    encrypted: bool | None = None
    """The backup's own `encrypted` key; None where CBR does not say."""
    children: list[Disk] | None = None
    """A server backup's disks; the list never shows them, the detail does."""
    protected_at: datetime | None = None
    description: str | None = None
    resource_size: int | None = None
    """Of the resource, in GiB; how much the backup takes is nowhere said."""
    supported_restore_mode: str | None = None
    """`na`, `backup` or `snapshot`."""
    contain_system_disk: bool | None = None
    incremental: bool | None = None
    image_type: str | None = None
    """`backup`, or `replication` for a copy from another region."""
    project_id: str | None = None
    checkpoint_id: str | None = None
    """The restore point: what one run of a policy made of a vault."""
    scheduled_operation_id: str | None = None
    """The policy that made it, where CBR says so (Huawei Cloud)."""
    replication_records: list[ReplicationRecord] | None = None
    """Its copies to other regions; empty unless the list was asked for them (`show_replication`)."""
    unreadable: tuple[str, ...] = ()
    """Keys that held something which is neither null nor readable."""
    listed_at: datetime = datetime.min.replace(tzinfo=UTC)
    """When the audit began: every rule measures from here."""
    listed_in: str = ""
    """The project whose list it stood in."""
    examined: bool = False
    """Whether the detail was asked for, so that `children` can be relied on."""
    disks_unknown: str | None = None
    """Why the detail did not come."""
    reason: str | None = None
    """Why the backup failed; empty where CBR does not say, None before it was asked."""

    @property
    def is_server(self) -> bool:
        """Whether this is a backup of a whole server, whose disks only its detail shows."""
        return self.resource_type == SERVER

    @property
    def days_left(self) -> int | None:
        """Whole days until it expires, rounded down, so negative once it has; None where it does not say when."""
        return None if self.expired_at is None else (self.expired_at - self.listed_at).days

    @property
    def days_old(self) -> int | None:
        """Whole days since it was created, rounded down; None where that is not known."""
        return None if self.created_at is None else (self.listed_at - self.created_at).days

    @property
    def hours_kept(self) -> int | None:
        """Whole hours from its creation to its expiry, rounded down; None where one of them is not known."""
        if self.expired_at is None or self.created_at is None:
            return None
        return hours(self.expired_at - self.created_at)

    @property
    def times_agree(self) -> bool:
        """Whether it was created at a known time, before it expires, and not touched in the future."""
        created, updated, expires = self.created_at, self.updated_at, self.expired_at
        if created is None or created > self.listed_at or (updated is not None and updated > self.listed_at):
            return False
        return expires is None or expires >= created


def hours(time: timedelta) -> int:
    """Whole hours, rounded down."""
    return time.days * 24 + time.seconds // 3600


Naive = Annotated[datetime, msgspec.Meta(tz=False)]
"""A time as CBR writes it, without an offset. It means UTC."""


class ListedBackup(msgspec.Struct, gc=False, kw_only=True):
    """A backup as the list shows it, where everything is of the documented type. Most never become a `Backup`.

    The fields stand in the order in which Open Telekom Cloud's documentation shows them (Huawei Cloud's own come last),
    for the decoder looks for the next key first.
    """

    checkpoint_id: str | None = None
    updated_at: Naive | None = None
    vault_id: str | None = None
    id: Annotated[str, msgspec.Meta(min_length=1)]
    image_type: str | None = None
    resource_id: str | None = None
    resource_size: int | None = None
    children: tuple[Disk, ...] | None = None
    extend_info: ExtendInfo | None = None
    project_id: str | None = None
    status: Annotated[str, msgspec.Meta(min_length=1)]
    resource_name: str | None = None
    description: str | None = None
    expired_at: Naive | None = None
    name: str | None = None
    created_at: Naive | None = None
    resource_type: str | None = None
    protected_at: Naive | None = None
    incremental: bool | None = None
    replication_records: tuple[ReplicationRecord, ...] | None = None
    scheduled_operation_id: str | None = None


class UnreadableRecord(NamedTuple):
    """A row of the list that could not be read as a backup: its key tells it apart, the reason is for people."""

    id: str
    reason: str
    resource_id: str | None = None
    """What it belongs to, where at least that can be read."""


Row = ListedBackup | Backup | UnreadableRecord


class Page(msgspec.Struct, frozen=True):
    """One answer of `GET /backups`: its rows in order and the API's `count` of all matches (None where absent)."""

    rows: list[Row]
    count: int | None
    is_readable: bool = False
    """Whether it is known that every row could be read, so that nobody need look at each."""
