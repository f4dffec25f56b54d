"""Policies: when a vault's resources are backed up or copied, and how long that is kept.

Field names and types: CBR API, "Querying the Policy List", tables 4 to 9; `full_backup_interval`,
`enable_acceleration` and `policy_type` are Huawei Cloud's. No vault names its policies: they name their vaults.
"""

import functools
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from cbr_auditor.cbr.loose import (
    Fields,
    read_flag,
    read_object,
    read_text,
    read_time,
    read_whole,
)
from cbr_auditor.cbr.records import UTC
from cbr_auditor.cbr.rows import RecordPage, read_rows

if TYPE_CHECKING:
    from cbr_auditor.cbr.schedule import Schedule


class Policy(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One policy. Times are aware and in UTC; a missing key and null are both None."""

    id: str
    name: str | None = None
    enabled: bool | None = None
    operation_type: str | None = None
    """`backup` or `replication`."""
    has_definition: bool = True
    """Whether CBR gave its `operation_definition`, so that what is absent there is left out on purpose."""
    retention_duration_days: int | None = None
    """-1: days end nothing. With `max_backups` absent or -1 too, backups are kept for ever."""
    max_backups: int | None = None
    """-1: number ends nothing."""
    day_backups: int | None = None
    """How many days' last backups are kept beyond `max_backups`."""
    week_backups: int | None = None
    month_backups: int | None = None
    year_backups: int | None = None
    timezone: str | None = None
    """As in `UTC+01:00`: where the long-term backups' days begin."""
    full_backup_interval: int | None = None
    """After how many incremental backups a full one is made; -1 for never."""
    destination_project_id: str | None = None
    destination_region: str | None = None
    enable_acceleration: bool | None = None
    patterns: tuple[str, ...] | None = None
    """When it runs: iCalendar RRULEs (RFC 5545), of which CBR knows a part, in UTC."""
    start_time: datetime | None = None
    vault_ids: tuple[str, ...] | None = None
    """The vaults that it is bound to; None where CBR does not say."""
    destination_vaults: dict[str, str | None] | None = None
    """The vault that a bound vault's copies go to, by the bound vault's id."""
    policy_type: str | None = None
    unreadable: tuple[str, ...] = ()
    """Fields, by their path, that held something which is neither null nor readable, wholly or in part."""
    listed_at: datetime = datetime.min.replace(tzinfo=UTC)
    """When the audit began."""

    @property
    def label(self) -> str:
        """Its name as a person knows it, else its id."""
        return self.name or self.id

    @property
    def is_bound(self) -> bool | None:
        """Whether it is bound to any vault; None where CBR does not say."""
        if not self.vault_ids and (self.vault_ids is None or "associated_vaults" in self.unreadable):
            return None
        return bool(self.vault_ids)

    @property
    def in_force(self) -> bool | None:
        """Whether it runs for any vault, being enabled and bound; None where CBR does not say."""
        if self.enabled is False or self.is_bound is False:
            return False
        return None if self.enabled is None or self.is_bound is None else True

    @property
    def keeps_forever(self) -> bool | None:
        """Whether neither days nor number end its backups; None where CBR does not say."""
        limits = (self.retention_duration_days, self.max_backups)
        if any(limit is not None and limit > 0 for limit in limits):
            return False
        odd = any(limit not in {None, -1} for limit in limits)
        return None if odd or not self.has_definition or self._hides("retention_duration_days", "max_backups") else True

    @property
    def kept_backups(self) -> int | None:
        """How many backups of a resource it keeps, the long-term ones included; None where number ends nothing."""
        if self.max_backups is None or self.max_backups <= 0:
            return None
        more = (self.day_backups, self.week_backups, self.month_backups, self.year_backups)
        return self.max_backups + sum(number for number in more if number is not None and number > 0)

    @functools.cached_property
    def schedule(self) -> "Schedule":
        """When it runs."""
        from cbr_auditor.cbr.schedule import Schedule  # noqa: PLC0415  # dateutil is loaded only where a rule asks

        return Schedule(self.patterns, self.start_time)

    def _hides(self, *keys: str) -> bool:
        """Whether one of these parts of its definition, or all of it, cannot be read."""
        named = {"operation_definition", *(f"operation_definition.{key}" for key in keys)}
        return not named.isdisjoint(self.unreadable)


def read_policies(body: bytes | bytearray) -> RecordPage[Policy]:
    """Read an answer of `GET /policies`.

    Raises `AnswerError` where the body is no JSON object with a list called `policies`.
    """
    return read_rows(body, "policies", _policy)


def _policy(ident: str, fields: Fields) -> Policy:
    definition = fields.within("operation_definition")
    properties = fields.within("trigger").within("properties")
    bound = fields.objects("associated_vaults", _bound_vault)
    patterns = properties.each("pattern", _pattern)
    return Policy(
        id=ident,
        name=fields.get("name", read_text),
        enabled=fields.get("enabled", read_flag),
        operation_type=fields.get("operation_type", read_text),
        has_definition=fields.get("operation_definition", read_object) is not None,
        retention_duration_days=definition.get("retention_duration_days", read_whole),
        max_backups=definition.get("max_backups", read_whole),
        day_backups=definition.get("day_backups", read_whole),
        week_backups=definition.get("week_backups", read_whole),
        month_backups=definition.get("month_backups", read_whole),
        year_backups=definition.get("year_backups", read_whole),
        timezone=definition.get("timezone", read_text),
        full_backup_interval=definition.get("full_backup_interval", read_whole),
        destination_project_id=definition.get("destination_project_id", read_text),
        destination_region=definition.get("destination_region", read_text),
        enable_acceleration=definition.get("enable_acceleration", read_flag),
        patterns=None if patterns is None else tuple(patterns),
        start_time=properties.get("start_time", read_time),
        vault_ids=None if bound is None else tuple(dict(bound)),
        destination_vaults=None if bound is None else dict(bound),
        policy_type=fields.get("policy_type", read_text),
        unreadable=fields.unreadable,
    )


def _bound_vault(fields: Fields) -> tuple[str, str | None] | None:
    """The ids of a bound vault and of the one that its copies go to."""
    ident, destination = fields.get("vault_id", read_text), fields.get("destination_vault_id", read_text)
    return (ident, destination or None) if ident else None


def _pattern(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None
