"""Takes one target's backups while they stream by: counts each in with its resource, and asks the rules about it."""

import sys
from collections.abc import Sequence
from datetime import datetime, timezone

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
    ) -> None:
        self.resources: dict[str, Resource] = {}
        """What is remembered of each resource, by its id; `settle` each before it is read."""
        self._recorder = recorder
        self._plans = plans
        self._now = now
        self._naive_now = now.astimezone(timezone.utc).replace(tzinfo=None)
        self._waiting = waiting
        self._asks_replication = asks_replication
        self._asks_shared = asks_shared
        self._screenings: dict[int, Screening] = {}

    def take(self, rows: Sequence[ListedBackup | Backup]) -> None:
        """Judge a page of backups as far as each can be judged on its own. Most are neither built nor asked about."""
        everywhere = None if self._plans.has_overrides else self._screening(self._plans.everywhere)
        if everywhere is not None:
            everywhere.plan.taken += len(rows)
        follow = self._follow
        told: dict[int, tuple[Open, list[ListedBackup]]] = {}
        for row in rows:
            screening = everywhere or self._screening_of(row)
            if not isinstance(row, ListedBackup):
                self._take_whole(row, screening.everything, followed=False)
                continue
            left = screening.open(row)
            if not follow(row):
                self._take_whole(as_backup(row), left, followed=False)
            elif left is not None and left.is_known:
                told.setdefault(id(left), (left, []))[1].append(row)
            elif left is not None:
                self._take_whole(as_backup(row), left, followed=True)
        for left, alike in told.values():
            for index, known, _ in left.at_once:
                self._recorder.settle_listed(index, alike, known)

    def _follow(self, row: ListedBackup) -> bool:
        """Take an ordinary backup into account with its resource; False where it has to be added as a whole."""
        ident = row.resource_id
        if not ident or self._asks_shared:
            return False
        resource = self.resources.get(ident)
        if resource is None:
            resource = self.resources[ident] = self.new_resource(ident, row.resource_name, row.resource_type)
        # Asked here, as nearly all have one: a call for each of a million backups is felt.
        if resource.succession is not None:
            return resource.succession.take(row, self._naive_now)
        return resource.follow(row, self._naive_now)

    def _take_whole(self, backup: Backup, left: Open | None, *, followed: bool) -> None:
        backup.listed_at = self._now
        backup.listed_in = self._recorder.project_id
        if not followed:
            self._add(backup)
        if left is not None:
            self._ask(left, backup)

    def _screening_of(self, row: ListedBackup | Backup) -> Screening:
        """The screening for a backup that overrides may select."""
        screening = self._screening(self._plans.for_subject(identify(row)))
        screening.plan.taken += 1
        return screening

    def _screening(self, plan: Plan) -> Screening:
        screening = self._screenings.get(id(plan))
        if screening is None:
            recorder = self._recorder
            screening = Screening(plan, self._now, recorder.project_id, _NEED_BITS, recorder.takes_listed)
            self._screenings[id(plan)] = screening
        return screening

    def _add(self, backup: Backup) -> None:
        """Take a backup into account with its resource."""
        ident = backup.resource_id
        if not ident:
            return
        resource = self.resources.get(ident)
        if resource is None:
            resource = self.resources[ident] = self.new_resource(ident, backup.resource_name, backup.resource_type)
        resource.add(backup)
        if self._asks_shared and backup.project_id not in {None, self._recorder.project_id}:
            resource.shared += 1

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
