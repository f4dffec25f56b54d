"""What is remembered of one protected resource while its backups stream by: small, whatever their number."""

from datetime import datetime, timezone

import msgspec

from cbr_auditor.cbr.records import Backup

_NEVER = datetime.max.replace(tzinfo=timezone.utc)


class Resource(msgspec.Struct, gc=False):
    """A server, disk or file system and its backups over all vaults of one project."""

    id: str
    """The protected resource's id; empty where its backups do not name one."""
    name: str | None = None
    type: str | None = None
    backups: int = 0
    """How many of its backups were read."""
    available: int = 0
    """How many of those are available."""
    newest_available: str | None = None
    """The id of the available backup that was created last."""
    newest_available_at: datetime | None = None
    unseen: str | None = None
    """Which of its backups may exist without having been seen; None where all were."""
    unclear_after: datetime | None = None
    """When the newest available backup was created whose `expired_at` cannot be read."""
    # Available backups that no other one beats in being both newer and kept longer: mostly one.
    lasting: list[tuple[datetime, datetime]] = []

    def add(self, backup: Backup) -> None:
        """Take one more backup into account."""
        self.backups += 1
        if backup.status != "available":
            return
        self.available += 1
        created = backup.created_at
        if created is None:
            return
        newest = self.newest_available_at
        if newest is None or created > newest or (created == newest and backup.id > (self.newest_available or "")):
            self.newest_available_at = created
            self.newest_available = backup.id
            self.name = backup.resource_name or self.name
        if backup.unreadable and "expired_at" in backup.unreadable:
            if self.unclear_after is None or created > self.unclear_after:
                self.unclear_after = created
            return
        expires = backup.expired_at or _NEVER
        lasting = self.lasting
        if len(lasting) == 1 and created >= lasting[0][0] and expires >= lasting[0][1]:
            lasting[0] = (created, expires)
            return
        for other_created, other_expires in lasting:
            if other_created >= created and other_expires >= expires:
                return
        self.lasting = [(c, e) for c, e in lasting if c > created or e > expires]
        self.lasting.append((created, expires))

    def outlasts(self, backup: Backup) -> bool:
        """Whether a newer available backup of this resource expires later than `backup` (never counts as later)."""
        created, expires = backup.created_at, backup.expired_at
        if created is None or expires is None:
            return False
        return any(c > created and e > expires for c, e in self.lasting)
