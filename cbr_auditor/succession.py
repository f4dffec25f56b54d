"""The ordinary backups of one resource, in the order in which the list shows them: cheap to take, however many."""

from dataclasses import dataclass
from datetime import datetime

from cbr_auditor.cbr.records import ListedBackup

Place = tuple[datetime, datetime | None, str, int | None]
"""A backup's `created_at` and `expired_at`, both naive in UTC, its id and `resource_size`."""


@dataclass(slots=True)
class Succession:
    """Good backups of one resource in one vault, each newer than the one before and kept at least as long.

    Nearly all backups are of this kind, and of these the first and the last two tell all that a resource remembers.
    No `Struct` of msgspec, for there it takes ten times as long to change a field.
    """

    name: str | None
    vault_id: str
    after: datetime | None
    """When the newest available backup before these was created, naive in UTC."""
    began: datetime | None = None
    last: Place | None = None
    before: Place | None = None
    """The last but one."""
    automatic: int = 0
    manual: int = 0
    others: int = 0
    """How many do not say whether a policy made them."""
    automatic_at: datetime | None = None
    """When the newest one was created that a policy made."""

    @property
    def count(self) -> int:
        """How many backups it has."""
        return self.automatic + self.manual + self.others

    def take(self, row: ListedBackup, now: datetime) -> bool:
        """Take the next backup; False where it is none of this kind. `now` is the time of the audit, naive in UTC."""
        created, expires, last = row.created_at, row.expired_at, self.last
        if (
            row.status != "available"
            or created is None
            or row.vault_id != self.vault_id
            or row.resource_name != self.name
            or row.replication_records
        ):
            return False
        if last is None:
            if (expires is not None and expires <= now) or (self.after is not None and created <= self.after):
                return False  # of the later ones, none ends before this one
            self.began = created
        elif created <= last[0] or (expires is not None and (last[1] is None or expires < last[1])):
            return False
        self.before, self.last = last, (created, expires, row.id, row.resource_size)
        info = row.extend_info
        by_policy = None if info is None else info.auto_trigger
        if by_policy:
            self.automatic += 1
            self.automatic_at = created
        elif by_policy is None:
            self.others += 1
        else:
            self.manual += 1
        return True
