"""Vaults: what they protect, how large they are, whether they are locked.

Field names and types: CBR API, "Querying the Vault List", tables 4 to 12; `smn_notify`, `threshold` and
`backup_name_prefix` are Huawei Cloud's. The size is in GB, but what is used is in MB.
"""

import sys
from datetime import datetime
from typing import Any

import msgspec

from cbr_auditor.cbr.loose import (
    Fields,
    read_flag,
    read_number,
    read_object,
    read_text,
    read_time,
    read_whole,
)
from cbr_auditor.cbr.policies import Policy
from cbr_auditor.cbr.records import UTC
from cbr_auditor.cbr.rows import RecordPage, read_rows


class VolumeRef(msgspec.Struct, frozen=True):
    """A disk that a vault's resource names."""

    id: str
    name: str | None = None


class VaultResource(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A server, disk or file system in a vault; a missing key and null are both None."""

    id: str | None
    name: str | None = None
    type: str | None = None
    size_gib: float | None = None
    backup_size_mib: float | None = None
    """What its backups take in the vault."""
    backup_count: int | None = None
    protect_status: str | None = None
    """`available`, `error`, `protecting`, `restoring`, `removing`; `deleted` where its source is gone."""
    exclude_volumes: tuple[VolumeRef, ...] = ()
    """Disks of the server that are not backed up."""
    include_volumes: tuple[VolumeRef, ...] = ()
    """The only disks that are backed up, where any are named."""

    @property
    def label(self) -> str:
        """Its name as a person knows it, else its id."""
        return self.name or self.id or "a resource without id"

    @property
    def is_leaving(self) -> bool:
        """Whether nothing is backed up any more, because its source is gone or it is being removed."""
        return self.protect_status in {"deleted", "removing"}


class _Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """An object without a key."""


class _UsualResource(msgspec.Struct, gc=False):
    """A resource of a vault as the API shows nearly all: of the documented types, with all of its disks backed up."""

    id: str
    name: str | None = None
    type: str | None = None
    size: int | None = None
    backup_size: int | None = None
    backup_count: int | None = None
    protect_status: str | None = None
    extra_info: _Nothing | None = None


class Vault(msgspec.Struct, frozen=True, kw_only=True):
    """One vault. Times are aware and in UTC; a missing key and null are both None."""

    id: str
    name: str | None = None
    description: str | None = None
    object_type: str | None = None
    """What it takes: `server`, `disk`, `turbo` and others."""
    protect_type: str | None = None
    """`backup`, `replication` (the target of copies) or `hybrid`."""
    created_at: datetime | None = None
    size_gib: float | None = None
    used_mib: float | None = None
    """In MiB, unlike the size."""
    allocated_gib: float | None = None
    status: str | None = None
    """`available`, `lock` (its capacity is being changed, it is not the backup lock), `frozen`, `deleting`, `error`."""
    frozen_scene: str | None = None
    consistent_level: str | None = None
    locked: bool | None = None
    """Whether its automatic backups cannot be deleted before they expire; None where CBR does not say."""
    auto_expand: bool | None = None
    auto_bind: bool | None = None
    bind_rules: tuple[tuple[str, str | None], ...] | None = None
    """The tags, as key and value, by which resources join it on their own."""
    smn_notify: bool | None = None
    threshold: int | None = None
    """At how many percent used it notifies."""
    tags: dict[str, str | None] | None = None
    resources: list[VaultResource] | None = None
    backup_name_prefix: str | None = None
    enterprise_project_id: str | None = None
    unreadable: tuple[str, ...] = ()
    """Fields, by their path, that held something which is neither null nor readable, wholly or in part."""
    policies: tuple[Policy, ...] = ()
    """The policies that are bound to it; filled only for rules that list policies."""
    policies_unseen: str | None = None
    """Which policies may be bound to it without being among `policies`; None where all are known."""
    listed_at: datetime = datetime.min.replace(tzinfo=UTC)
    """When the audit began."""

    @property
    def label(self) -> str:
        """Its name as a person knows it, else its id."""
        return self.name or self.id

    @property
    def makes_backups(self) -> bool | None:
        """Whether policies back resources up into it: not where it takes copies; None where CBR does not say."""
        return None if self.protect_type is None else self.protect_type not in {"replication", "hybrid"}

    @property
    def used_percent(self) -> float | None:
        """How full it is; None where its size or what is used is not known."""
        if self.used_mib is None or not self.size_gib or self.size_gib < 0:
            return None
        return self.used_mib / 1024 / self.size_gib * 100

    def member(self, resource_id: str) -> VaultResource | None:
        """The resource of this id, where it is in the vault."""
        for member in self.resources or ():
            if member.id == resource_id:
                return member
        return None


def read_vaults(body: bytes | bytearray) -> RecordPage[Vault]:
    """Read an answer of `GET /vaults`.

    Raises `AnswerError` where the body is no JSON object with a list called `vaults`.
    """
    return read_rows(body, "vaults", _vault)


def _vault(ident: str, fields: Fields) -> Vault:
    billing = fields.within("billing")
    tags = fields.objects("tags", _tag)
    rules = fields.within("bind_rules").objects("tags", _tag)
    return Vault(
        id=ident,
        name=fields.get("name", read_text),
        description=fields.get("description", read_text),
        object_type=billing.get("object_type", read_text),
        protect_type=billing.get("protect_type", read_text),
        created_at=fields.get("created_at", read_time),
        size_gib=billing.get("size", read_number),
        used_mib=billing.get("used", read_number),
        allocated_gib=billing.get("allocated", read_number),
        status=billing.get("status", read_text),
        frozen_scene=billing.get("frozen_scene", read_text),
        consistent_level=billing.get("consistent_level", read_text),
        locked=fields.get("locked", read_flag),
        auto_expand=fields.get("auto_expand", read_flag),
        auto_bind=fields.get("auto_bind", read_flag),
        bind_rules=None if rules is None else tuple(rules),
        smn_notify=fields.get("smn_notify", read_flag),
        threshold=fields.get("threshold", read_whole),
        tags=None if tags is None else dict(tags),
        resources=fields.objects("resources", _resource, _usual_resource),
        backup_name_prefix=fields.get("backup_name_prefix", read_text),
        enterprise_project_id=fields.get("enterprise_project_id", read_text),
        unreadable=fields.unreadable,
    )


def _usual_resource(value: Any) -> VaultResource | None:
    """The same as `_resource` makes of nearly all, ten times as fast; None where it is not of the documented types."""
    try:
        usual = msgspec.convert(value, _UsualResource)
    except (msgspec.ValidationError, UnicodeEncodeError):  # the latter for half a character in what it would quote
        return None
    name, kind, status = usual.name, usual.type, usual.protect_status
    if not f"{usual.id}{name}{kind}{status}".isascii():  # there may be half a character in it
        return None
    return VaultResource(
        id=usual.id,
        name=name,
        type=kind and sys.intern(kind),
        size_gib=usual.size,
        backup_size_mib=usual.backup_size,
        backup_count=usual.backup_count,
        protect_status=status and sys.intern(status),
    )


def _resource(fields: Fields) -> VaultResource:
    extra = fields.within("extra_info")
    return VaultResource(
        id=fields.get("id", read_text),
        name=fields.get("name", read_text),
        type=fields.get("type", _word),
        size_gib=fields.get("size", read_number),
        backup_size_mib=fields.get("backup_size", read_number),
        backup_count=fields.get("backup_count", read_whole),
        protect_status=fields.get("protect_status", _word),
        exclude_volumes=tuple(extra.each("exclude_volumes", _volume) or ()),
        include_volumes=tuple(extra.each("include_volumes", _volume) or ()),
    )


def _word(value: Any) -> str | None:
    """A text that thousands of resources share, as one object."""
    text = read_text(value)
    return text and sys.intern(text)


def _tag(fields: Fields) -> tuple[str, str | None] | None:
    key, value = fields.get("key", read_text), fields.get("value", read_text)
    return (key, value) if key else None


def _volume(value: Any) -> VolumeRef | None:
    """A disk by its id, or as an object with more about it."""
    volume = read_object(value)
    if volume is None:
        ident = read_text(value)
        return VolumeRef(ident) if ident else None
    ident = read_text(volume.get("id"))
    return VolumeRef(ident, read_text(volume.get("name"))) if ident else None
