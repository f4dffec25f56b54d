"""Takes one target's backups while they stream by: counts each in with its resource, and asks the rules about it."""

import itertools
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import cast

from cbr_auditor.cbr.reading import as_backup
from cbr_auditor.cbr.records import Backup, ListedBackup
from cbr_auditor.plan import Plan, Plans
from cbr_auditor.recorder import CRASHES, Recorder
from cbr_auditor.resource import Resource
from cbr_auditor.rule import Needs
from cbr_auditor.screening import Open, Screening
from cbr_auditor.spool import BackupSpool
from cbr_auditor.subject import identify

DISKS, REASON = 1, 2
"""What a backup that waits needs, as bits."""

_AT_ONCE = 100
"""Backups that are looked at from several sides before the next ones are: as many as the processor's caches hold."""

_MOST_NEWEST = 1_000  # newest backups of resources that wait in memory, a kilobyte each; further ones wait on disk
_Told = dict[int, tuple[Open, list[ListedBackup]]]
_NEED_BITS = {Needs.DISKS: DISKS, Needs.REASON: REASON}


class Intake:
    """Judges backups as far as each can be judged on its own; what must be asked again goes to `waiting`."""

    def __init__(
        self,
        recorder: Recorder,
        plans: Plans,
        *,
        now: datetime,
        waiting: BackupSpool,
        asks_replication: bool,
        asks_shared: bool,
        newest_disks_only: bool,
    ) -> None:
        """`newest_disks_only` says that a server's newest available backup stands for the older ones."""
        self.resources: dict[str, Resource] = {}
        """What is remembered of each resource, by its id; `settle` each before it is read."""
        self._recorder = recorder
        self._plans = plans
        self._now = now
        self._naive_now = now.astimezone(timezone.utc).replace(tzinfo=None)
        self._waiting = waiting
        self._asks_replication = asks_replication
        self._asks_shared = asks_shared
        self._newest_disks_only = newest_disks_only
        self._newest: dict[str, tuple[ListedBackup, Open]] = {}
        """Of each resource the newest available backup, where what is left for the end is about the newest alone."""
        self._stood_for: Counter[int] = Counter()
        """How many older ones there are, by the rules that waited for their disks."""
        self._superseded = recorder.superseded_rules
        self._newest_only = recorder.newest_only_rules
        self._screenings: dict[int, Screening] = {}

    def take(self, rows: Sequence[ListedBackup | Backup]) -> None:
        """Judge a page of backups as far as each can be judged on its own. Most are neither built nor asked about."""
        told: _Told = {}
        for start in range(0, len(rows), _AT_ONCE):
            for kind, alike in itertools.groupby(rows[start : start + _AT_ONCE], type):
                if kind is Backup:
                    for backup in alike:
                        everything = self._screening_of(backup).everything
                        self._ask(everything, self._added(backup))
                else:
                    self._take_listed(cast("list[ListedBackup]", list(alike)), told)
        for left, together in told.values():
            for index, known, _ in left.at_once:
                self._recorder.settle_alike(index, together, known)

    def finish(self) -> int:
        """To be called once the last backup came: only now is it known which backups of servers are the newest.

        Gives for how many older ones these stand.
        """
        for row, left in self._newest.values():
            self._let_wait(row, left)
        self._newest.clear()
        for rules, count in self._stood_for.items():
            self._recorder.not_examined(rules & ~self._newest_only, count)
        return self._stood_for.total()

    def _take_listed(self, rows: list[ListedBackup], told: _Told) -> None:
        """Judge backups that the list shows; those of which everything is `told` are left to be settled together."""
        for row, left, whole in zip(rows, self._opened(rows), self._counted_in(rows), strict=True):
            if left is None:
                continue
            if whole is not None or not left.is_known:
                self._ask(left, whole or self._whole(row))
                continue
            if left.waits_as_newest and not self._stands_for_older(row, left):
                self._ask(left, self._whole(row))
            elif left.at_once:
                try:
                    told[id(left)][1].append(row)
                except KeyError:
                    told[id(left)] = left, [row]

    def _opened(self, rows: list[ListedBackup]) -> list[Open | None]:
        """What is left to do about each."""
        if self._plans.has_overrides:
            return [self._screening_of(row).open((row,))[0] for row in rows]
        screening = self._screening(self._plans.everywhere)
        screening.plan.taken += len(rows)
        return screening.open(rows)

    def _counted_in(self, rows: list[ListedBackup]) -> list[Backup | None]:
        """Count each in with its resource; of each that is no ordinary one, the whole backup, which that took."""
        if self._asks_shared:
            return [self._added(row) for row in rows]
        resources, now = self.resources, self._naive_now
        wholes = []
        for row in rows:
            resource = resources.get(row.resource_id)  # type: ignore[arg-type]  # there is none called None
            # Asked here, as nearly all have one: a call for each of a million backups is felt.
            if resource is not None and resource.succession is not None:
                followed = resource.succession.take(row, now)
            else:
                followed = self._begin(row)
            wholes.append(None if followed else self._added(row))
        return wholes

    def _begin(self, row: ListedBackup) -> bool:
        """Let an ordinary backup begin a succession of its resource; False where it has to be added as a whole."""
        ident = row.resource_id
        return ident is not None and ident != "" and self._resource(ident, row).follow(row, self._naive_now)

    def _resource(self, ident: str, row: ListedBackup | Backup) -> Resource:
        """What is remembered of the resource that a backup belongs to."""
        resource = self.resources.get(ident)
        if resource is None:
            resource = self.resources[ident] = self.new_resource(ident, row.resource_name, row.resource_type)
        return resource

    def _stands_for_older(self, row: ListedBackup, left: Open) -> bool:
        """Whether of such backups of a resource only the newest one is looked at, whatever else is found.

        This one is the newest by now; the one before it need not be looked at.
        """
        if (left.needs and not self._newest_disks_only) or left.rules & self._superseded:
            return False
        assert row.resource_id is not None
        before = self._newest.pop(row.resource_id, None)  # so that the latest are the last
        self._newest[row.resource_id] = row, left
        if before is not None:
            if before[1].needs:
                self._stood_for[before[1].rules] += 1
        elif len(self._newest) > _MOST_NEWEST:
            self._let_wait(*self._newest.pop(next(iter(self._newest))))
        return True

    def _let_wait(self, row: ListedBackup, left: Open) -> None:
        self._waiting.add((left.rules, left.needs, self._whole(row)))

    def _whole(self, row: ListedBackup | Backup) -> Backup:
        backup = as_backup(row)
        backup.listed_at = self._now
        backup.listed_in = self._recorder.project_id
        return backup

    def _screening_of(self, row: ListedBackup | Backup) -> Screening:
        """The screening for one more backup, which overrides may select."""
        screening = self._screening(self._plans.for_subject(identify(row)))
        screening.plan.taken += 1
        return screening

    def _screening(self, plan: Plan) -> Screening:
        screening = self._screenings.get(id(plan))
        if screening is None:
            recorder = self._recorder
            screening = Screening(
                plan, self._now, recorder.project_id, _NEED_BITS, recorder.takes_listed, self._newest_only
            )
            self._screenings[id(plan)] = screening
        return screening

    def _added(self, row: ListedBackup | Backup) -> Backup:
        """The whole backup, counted in with its resource."""
        backup = self._whole(row)
        ident = backup.resource_id
        if not ident:
            return backup
        resource = self._resource(ident, backup)
        resource.add(backup)
        if self._asks_shared and backup.project_id not in {None, self._recorder.project_id}:
            resource.shared += 1
        return backup

    def new_resource(self, ident: str, name: str | None, kind: str | None) -> Resource:
        """A resource of which nothing is remembered yet."""
        return Resource(
            ident,
            name,
            kind and sys.intern(kind),
            project_id=self._recorder.project_id,
            listed_at=self._now,
            asks_replication=self._asks_replication,
        )

    def _ask(self, left: Open, backup: Backup) -> None:
        """Ask the rules that are left about a backup; it waits where some must be asked again."""
        rules, needs = left.rules, left.needs
        for index, known, check in left.at_once:
            try:
                outcome = known if check is None else check(backup)
                if isinstance(outcome, Needs):
                    rules |= 1 << index
                    needs |= _NEED_BITS[outcome]
                elif outcome is not None:
                    self._recorder.settle(index, backup, outcome)
            except CRASHES as problem:  # a rule's crash is a result, and the rule's alone
                self._recorder.crashed(index, backup, problem)
        for index, candidate in left.later:
            try:
                if candidate is None or candidate(backup):
                    rules |= 1 << index
            except CRASHES as problem:  # as above
                self._recorder.crashed(index, backup, problem)
        if rules:
            self._waiting.add((rules, needs, backup))
