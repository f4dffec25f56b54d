"""What is remembered of one protected resource while its backups stream by: small, whatever their number."""

import sys
from datetime import datetime, timezone

import msgspec

from cbr_auditor.cbr.records import (
    DOCUMENTED_STATUSES,
    EPOCH,
    NAIVE_EPOCH,
    SERVER,
    Backup,
    ListedBackup,
    ReplicationRecord,
)
from cbr_auditor.cbr.vaults import Vault, VaultResource
from cbr_auditor.succession import Succession

_NEVER = datetime.max.replace(tzinfo=timezone.utc)
_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)
MOST_FAILURES = 20
"""How many of the newest failures are remembered."""


class RestorePoint(msgspec.Struct, frozen=True, gc=False):
    """A good backup of the resource, as far as it is remembered."""

    created_at: datetime
    backup_id: str
    size_gib: int | None
    """Size of the source's disks (`resource_size`), which grows with the disks and never shrinks by itself."""
    vault_id: str | None = None


class Resource(msgspec.Struct, gc=False):
    """A server, disk or file system and its backups over all vaults of one project.

    A *good* backup is available and not past its expiry. What is remembered does not depend on the order in which the
    backups came.
    """

    id: str
    """The protected resource's id; empty where its backups do not name one."""
    name: str | None = None
    type: str | None = None
    backups: int = 0
    """How many of its backups were read."""
    available: int = 0
    """How many of those are available."""
    good: int = 0
    """How many of those are not past their expiry."""
    automatic: int = 0
    """How many say that a policy made them (`auto_trigger` true)."""
    manual: int = 0
    """How many say that nobody but a person or a script did (`auto_trigger` false); the rest does not say."""
    failed: int = 0
    """How many failed (`error`)."""
    unfinished: int = 0
    """How many are being made or wait for it (`protecting`, `waiting_protect`)."""
    restoring: int = 0
    """How many are being restored from or wait for it (`restoring`, `waiting_restore`): they are good."""
    strange: int = 0
    """How many have a status that the API does not document."""
    shared: int = 0
    """How many belong to another project, which shares them with this one; counted where the list was asked for those.
    """
    undated: int = 0
    """How many have no readable `created_at`."""
    newest_available: str | None = None
    """The id of the available backup that was created last."""
    newest_available_at: datetime | None = None
    restoring_at: datetime | None = None
    """When the newest backup was created that is being restored from."""
    newest_good: RestorePoint | None = None
    previous_good: RestorePoint | None = None
    """The good backup before the newest one."""
    oldest_good_at: datetime | None = None
    newest_at: datetime | None = None
    """When the newest backup of any status was created."""
    automatic_at: tuple[tuple[str | None, datetime], ...] = ()
    """When the newest backup of any status was created that a policy made, by the backup's vault."""
    failures: tuple[datetime, ...] = ()
    """When the newest failed backups were created, newest first, at most 20."""
    replicated_at: datetime | None = None
    """When the newest backup was created that has a successful replication record."""
    replicated_to: tuple[tuple[str | None, datetime], ...] = ()
    """The same by the region that the copy lies in."""
    asks_replication: bool = False
    """Whether the list was asked for replication records, which it leaves out otherwise (`show_replication`)."""
    shows_replication: bool = False
    """Whether the list shows replication records, so that a backup without one was not copied."""
    vault_ids: tuple[str, ...] = ()
    """The vaults that hold its good backups."""
    vaultless: int = 0
    """How many good backups do not say which vault holds them."""
    unseen: str | None = None
    """Which of its backups may exist without having been seen; None where all were."""
    unclear_after: datetime | None = None
    """When the newest available backup was created whose `expired_at` cannot be read."""
    vaults: tuple[Vault, ...] = ()
    """The vaults that it is a member of; filled only for rules that list vaults."""
    project_id: str = ""
    listed_at: datetime = _LONG_AGO
    """When the audit began: every rule measures from here."""
    newest_disks: int | None = None
    """How many disks the newest good backup holds; None until a rule that needs it was answered."""
    previous_disks: int | None = None
    disks_unknown: str | None = None
    """Why the disks are not known; None while they were not asked for."""
    # When the backup was created that it has its name from.
    named_at: datetime = _LONG_AGO
    # Available backups that no other one beats in being both newer and kept longer: mostly one.
    lasting: tuple[tuple[datetime, datetime], ...] = ()
    # Backups that are not counted in yet.
    succession: Succession | None = None

    @property
    def is_server(self) -> bool:
        """Whether this is a whole server, whose disks only the detail of a backup shows."""
        return self.type == SERVER

    @property
    def is_shared(self) -> bool:
        """Whether every backup of it belongs to another project, whose business it is how it is backed up."""
        return self.backups > 0 and self.shared == self.backups

    @property
    def is_gone(self) -> bool:
        """Whether its source is gone, as every vault says that backs it up: nothing can back it up again."""
        found = [vault.member(self.id) for vault in self.vaults if vault.makes_backups is not False]
        return {member.protect_status for member in found if member is not None} == {"deleted"}

    @property
    def is_copy(self) -> bool:
        """Whether every vault that it is a member of takes copies: what it is a copy of is elsewhere."""
        return bool(self.vaults) and all(vault.makes_backups is False for vault in self.vaults)

    @property
    def newest_usable_at(self) -> datetime | None:
        """When the newest backup was created that is available, or being restored from."""
        newest, restoring = self.newest_available_at, self.restoring_at
        if newest is None or restoring is None:
            return restoring if newest is None else newest
        return max(newest, restoring)

    @property
    def failures_since_good(self) -> int:
        """How many backups failed after the newest usable one, at most 20."""
        if not self.failures:
            return 0
        newest = self.newest_usable_at or _LONG_AGO
        return sum(failed > newest for failed in self.failures)

    @property
    def lasts_until(self) -> datetime | None:
        """When the good backup that is kept longest expires; `datetime.max` for never, None where there is no good one.

        Backups whose expiry cannot be read are not among them; `unclear_after` tells of those.
        """
        if len(self.lasting) == 1:
            return self.lasting[0][1]
        return max((expires for _, expires in self.lasting), default=None)

    def add(self, backup: Backup) -> None:
        """Take one more backup into account."""
        if self.succession is not None and (backup.status == "available" or backup.resource_name != self.name):
            self.settle()
        self.backups += 1
        created = backup.created_at
        named_at = created or _LONG_AGO
        if named_at >= self.named_at and backup.resource_name:
            self._take_name(backup.resource_name, named_at)
        if self.type is None and backup.resource_type:
            self.type = _shared(backup.resource_type)
        known = self.vault_ids
        vault_id = known[0] if known and known[0] == backup.vault_id else _shared(backup.vault_id)
        if backup.auto_trigger:
            self.automatic += 1
        elif backup.auto_trigger is False:
            self.manual += 1
        if created is None:
            self.undated += 1
        else:
            if self.newest_at is None or created > self.newest_at:
                self.newest_at = created
            if backup.auto_trigger:
                self.automatic_at = _newest(self.automatic_at, vault_id, created)
        if backup.status == "available":
            self._add_available(backup, created, vault_id)
        else:
            self._add_other(backup.status, created)

    def follow(self, row: ListedBackup, now: datetime) -> bool:
        """Take an ordinary backup into account, which is cheap; False where it has to be added as a whole.

        `now` is the time of the audit, naive in UTC.
        """
        succession = self.succession
        if succession is None:
            if self.type is None or not row.vault_id or self.asks_replication:
                return False
            newest = self.newest_available_at
            after = None if newest is None else newest.replace(tzinfo=None)
            succession = self.succession = Succession(self.name, sys.intern(row.vault_id), after)
        return succession.take(row, now)

    def settle(self) -> None:
        """Count in what followed; to be called once the last backup came, before anything is read."""
        succession, self.succession = self.succession, None
        if succession is None or succession.last is None or succession.began is None:
            return
        newest, kept_until, ident, size = succession.last
        created, expires = _utc(newest), _NEVER if kept_until is None else _utc(kept_until)
        self.backups += succession.count
        self.available += succession.count
        self.good += succession.count
        self.automatic += succession.automatic
        self.manual += succession.manual
        if self.name:
            self.named_at = max(self.named_at, created)
        self.newest_at = created if self.newest_at is None else max(self.newest_at, created)
        self.newest_available_at = created
        self.newest_available = ident
        automatic_at = succession.automatic_at
        if automatic_at is not None:
            time = created if automatic_at is newest else _utc(automatic_at)  # one object where it is one time
            self.automatic_at = _newest(self.automatic_at, succession.vault_id, time)
        if not self.vault_ids:
            self.vault_ids = (succession.vault_id,)
        elif succession.vault_id not in self.vault_ids:
            self.vault_ids = tuple(sorted((*self.vault_ids, succession.vault_id)))
        self.oldest_good_at = min(self.oldest_good_at or _NEVER, _utc(succession.began))
        self.previous_good = self.newest_good
        if succession.before is not None:
            before, _, before_ident, before_size = succession.before
            self.previous_good = RestorePoint(_utc(before), before_ident, before_size, succession.vault_id)
        self.newest_good = RestorePoint(created, ident, size, succession.vault_id)
        self._add_lasting(created, expires)

    def _take_name(self, name: str, created: datetime) -> None:
        """The newest backup knows its name best; of two that are as new, the last in the alphabet."""
        if created > self.named_at or self.name is None or name > self.name:
            self.name, self.named_at = name, created

    def _add_other(self, status: str, created: datetime | None) -> None:
        if status == "error":
            self.failed += 1
            if created is not None:
                self.failures = tuple(sorted((*self.failures, created), reverse=True)[:MOST_FAILURES])
        elif status in {"protecting", "waiting_protect"}:
            self.unfinished += 1
        elif status in {"restoring", "waiting_restore"}:
            self.restoring += 1
            if created is not None and (self.restoring_at is None or created > self.restoring_at):
                self.restoring_at = created
        elif status not in DOCUMENTED_STATUSES:
            self.strange += 1

    def _add_available(self, backup: Backup, created: datetime | None, vault_id: str | None) -> None:
        self.available += 1
        expires = backup.expired_at or _NEVER
        unclear = bool(backup.unreadable) and "expired_at" in backup.unreadable
        good = expires > backup.listed_at or unclear
        if good:
            self.good += 1
            if not vault_id:
                self.vaultless += 1
            elif vault_id not in self.vault_ids:
                self.vault_ids = tuple(sorted((*self.vault_ids, vault_id)))
        if created is None:
            return
        newest = self.newest_available_at
        if newest is None or created > newest or (created == newest and backup.id > (self.newest_available or "")):
            self.newest_available_at = created
            self.newest_available = backup.id
        if backup.replication_records or (self.asks_replication and backup.replication_records is not None):
            self._add_replication(backup.replication_records, created)
        if good:
            self._add_good(backup, created, vault_id)
        if not unclear:
            self._add_lasting(created, expires)
        elif self.unclear_after is None or created > self.unclear_after:
            self.unclear_after = created

    def _add_lasting(self, created: datetime, expires: datetime) -> None:
        lasting = self.lasting
        if not lasting or (len(lasting) == 1 and created >= lasting[0][0] and expires >= lasting[0][1]):
            self.lasting = ((created, expires),)
            return
        for other_created, other_expires in lasting:
            if other_created >= created and other_expires >= expires:
                return
        self.lasting = (*((c, e) for c, e in lasting if c > created or e > expires), (created, expires))

    def _add_good(self, backup: Backup, created: datetime, vault_id: str | None) -> None:
        if self.oldest_good_at is None or created < self.oldest_good_at:
            self.oldest_good_at = created
        newest, previous = self.newest_good, self.previous_good
        place = (created, backup.id)
        if newest is None or place > (newest.created_at, newest.backup_id):
            self.previous_good = newest
            self.newest_good = RestorePoint(created, backup.id, backup.resource_size, vault_id)
        elif previous is None or place > (previous.created_at, previous.backup_id):
            self.previous_good = RestorePoint(created, backup.id, backup.resource_size, vault_id)

    def _add_replication(self, records: list[ReplicationRecord], created: datetime) -> None:
        self.shows_replication = True
        for record in records:
            if record.status != "success":
                continue
            if self.replicated_at is None or created > self.replicated_at:
                self.replicated_at = created
            self.replicated_to = _newest(self.replicated_to, record.destination_region, created)

    def newest_automatic_in(self, vault_id: str) -> datetime | None:
        """When the newest backup was created that a policy made in this vault, or in one that CBR does not name."""
        newest = None
        for vault, time in self.automatic_at:
            if (vault is None or vault == vault_id) and (newest is None or time > newest):
                newest = time
        return newest

    @property
    def memberships(self) -> list[tuple[Vault, VaultResource]]:
        """The vaults that back it up, each with what the vault says of it; none where its source is gone."""
        found = [(vault, vault.member(self.id)) for vault in self.vaults if vault.makes_backups is not False]
        return [(vault, member) for vault, member in found if member is not None and not member.is_leaving]

    def outlasts(self, backup: Backup) -> bool:
        """Whether a newer available backup of this resource expires later than `backup` (never counts as later)."""
        created, expires = backup.created_at, backup.expired_at
        if created is None or expires is None:
            return False
        return any(c > created and e > expires for c, e in self.lasting)


def _newest(
    times: tuple[tuple[str | None, datetime], ...], key: str | None, time: datetime
) -> tuple[tuple[str | None, datetime], ...]:
    """The newest time by key, with one more; mostly there is one key."""
    if not times:
        return ((key, time),)
    if len(times) == 1 and times[0][0] == key:
        return ((key, time),) if time > times[0][1] else times
    known = dict(times)
    known[key] = max(time, known.get(key, time))
    return tuple(known.items())


def _utc(naive: datetime) -> datetime:
    return EPOCH + (naive - NAIVE_EPOCH)


def _shared(text: str | None) -> str | None:
    """The same text, as one object for all that have it: each record brings its own."""
    return text and sys.intern(text)
