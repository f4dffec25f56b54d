"""The nouns of the API: a backup with its disks, a row that cannot be read, a page of the list.

Field names, types and statuses: CBR API, "Querying All Backups", tables 4 to 6.
"""

from datetime import datetime, timezone
from typing import NamedTuple

import msgspec

UTC = timezone.utc
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


class ExtendInfo(msgspec.Struct, gc=False):
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


class UnreadableRecord(NamedTuple):
    """A row of the list that could not be read as a backup: its key tells it apart, the reason is for people."""

    id: str
    reason: str
    resource_id: str | None = None
    """What it belongs to, where at least that can be read."""


Row = Backup | UnreadableRecord


class Page(msgspec.Struct, frozen=True):
    """One answer of `GET /backups`: its rows in order and the API's `count` of all matches (None where absent)."""

    rows: list[Row]
    count: int | None
