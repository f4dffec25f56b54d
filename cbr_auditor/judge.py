"""Judges one target's backups and resources: by some rules while they stream, by others once the listing has ended."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

from cbr_auditor.cbr.records import Backup, ListedBackup
from cbr_auditor.cbr.vaults import Vault
from cbr_auditor.details import AskDetail, Details
from cbr_auditor.errors import AccessError, ListingError
from cbr_auditor.intake import DISKS, REASON, Intake
from cbr_auditor.plan import Check, Plan, Plans
from cbr_auditor.recorder import CRASHES, Recorder
from cbr_auditor.resource import Resource, RestorePoint
from cbr_auditor.rule import Needs, Outcome, Rule
from cbr_auditor.spool import BackupSpool, Waiting
from cbr_auditor.subject import identify

_ASKED_AT_ONCE = 64  # details that are asked for before the first of them is waited for
_AT_ONCE = 2_000  # backups that wait in memory, and resources whose findings do

_BY_SETTING = "its disks were not looked at, by setting"
_SHARED = "it belongs to another project, which shares its backups"

FetchReasons = Callable[[], dict[str, str]]
Unseen = Callable[[str], str | None]
_Told = dict[tuple[int, str], list[Any]]
"""Subjects of one kind by the rule and what it says of them."""

ServerDisks = Literal["newest", "all", "none"]


class Judge:
    """Judges one target's backups, then its resources.

    A rule that takes the resource, or that answers what it needs, is asked again in `finish`; until then the backup
    waits on disk. Of a resource only its aggregate stays in memory.
    """

    def __init__(
        self,
        recorder: Recorder,
        plans: Plans,
        *,
        now: datetime,
        waiting: BackupSpool,
        server_disks: ServerDisks = "newest",
        asks_replication: bool = False,
        asks_shared: bool = False,
    ) -> None:
        self._intake = Intake(
            recorder,
            plans,
            now=now,
            waiting=waiting,
            asks_replication=asks_replication,
            asks_shared=asks_shared,
            newest_disks_only=server_disks == "newest",
        )
        self.resources = self._intake.resources
        self.not_examined = 0
        self.out_of_time = 0
        """Server backups whose disks were to be looked at when the deadline came."""
        self.notes: list[str] = []
        """What could not be looked up without changing any verdict, a sentence each."""
        self._recorder = recorder
        self._plans = plans
        self._waiting = waiting
        self._server_disks = server_disks
        self._unlisted: str | None = None
        self._masks: dict[int, list[tuple[int, Rule]]] = {}
        self._checks: dict[int, list[tuple[int, Check, bool]]] = {}
        """Of each plan, by its address, what `_resource_checks` gives."""
        self._by_resource = [index for index, rule in enumerate(recorder.rules) if rule.subject == "resource"]
        self._by_resource.sort(key=lambda index: _turn(recorder.rules[index].id, recorder.rules))

    def take(self, rows: Sequence[ListedBackup | Backup]) -> None:
        """Judge a page of backups as far as each can be judged on its own."""
        self._intake.take(rows)

    def add_members(self, vaults: list[Vault], unlisted: str | None = None) -> None:
        """Tell resources which vaults they are members of; one that has no backup yet becomes known by this.

        `unlisted` says which backups of such a resource may exist without having been listed; None where all were.
        """
        self._unlisted = unlisted
        for vault in vaults:
            alone = (vault,)
            for member in vault.resources or ():
                if member.id is None:
                    continue
                resource = self.resources.get(member.id)
                if resource is None:
                    resource = self.resources[member.id] = self._intake.new_resource(
                        member.id, member.name, member.type
                    )
                resource.vaults = (*resource.vaults, vault) if resource.vaults else alone
                if resource.name == member.name:
                    resource.name = member.name  # one object, as there are as many as resources

    def finish(self, ask: AskDetail, fetch_reasons: FetchReasons, *, unseen: Unseen, in_flight: int = 8) -> None:
        """Judge the resources and what waited, fetching what the list does not show.

        `unseen` says, by a resource's id, which of its backups may exist without having been seen; None where all were.
        """
        self.not_examined += self._intake.finish()
        details = Details(ask, in_flight)
        reasons: dict[str, str] | None = None
        try:
            for plan in self._plans.made:
                for index in (index for index, _ in (*plan.at_once, *plan.later)):
                    self._recorder.tallies[index].checked += plan.taken
            for_disks = self._judge_resources(unseen)
            for batch in self._batches(details):
                details.look()
                told: _Told = {}
                for rules, needs, backup in batch:
                    if needs & REASON:
                        reasons = self._reasons(fetch_reasons) if reasons is None else reasons
                        backup.reason = reasons.get(backup.id, "")
                    if needs & DISKS and self._is_due(backup):
                        self.out_of_time += details.complete(backup)
                        self._remember_disks(backup)
                    self._judge_waiting(rules, backup, unseen, told)
                self._settle(told)
            self._judge_disks(for_disks, details)
            if isinstance(details.refused, AccessError):
                self.notes.append(f"The disks of server backups could not be looked at: {details.refused}")
                self._recorder.missing_actions |= {details.refused.action} - {""}
        finally:
            details.close()

    def _judge_resources(self, unseen: Unseen) -> list[tuple[int, Resource]]:
        """Ask the rules about resources; gives those that must be asked again with the disks known."""
        later: list[tuple[int, Resource]] = []
        if not self._by_resource:
            return later
        taken: Counter[int] = Counter()
        told: _Told = {}
        for number, resource in enumerate(self.resources.values(), start=1):
            if resource.succession is not None:
                resource.settle()
            resource.unseen = unseen(resource.id) or (None if resource.backups else self._unlisted)
            plan = self._plan_of(resource) if self._plans.has_overrides else self._plans.everywhere
            asked = self._resource_checks(plan)
            taken[id(plan)] += 1
            if not resource.is_shared:
                later += [(index, resource) for index in self._needing_disks(resource, asked, told)]
            else:
                for index, _, _ in asked:
                    self._recorder.tallies[index].passed(_SHARED)
            if number % _AT_ONCE == 0:
                self._settle(told)
        self._settle(told)
        for plan in self._plans.made:
            for index, _, _ in self._resource_checks(plan):
                self._recorder.tallies[index].checked += taken[id(plan)]
        return later

    def _settle(self, told: _Told) -> None:
        """Settle what has one outcome together."""
        for (index, outcome), alike in told.items():
            self._recorder.settle_alike(index, alike, outcome)
        told.clear()

    def _needing_disks(self, resource: Resource, asked: list[tuple[int, Check, bool]], told: _Told) -> list[int]:
        """Ask these rules about a resource; gives those that need to know its disks.

        What can be settled together with others is put into `told`.
        """
        needing = []
        for index, check, may_be_said in asked:
            if may_be_said and self._recorder.said_already(index, resource.id):
                continue
            try:
                outcome = check(resource)
            except CRASHES as problem:  # as in _ask
                self._recorder.crashed(index, resource, problem)
                continue
            # Nearly all are None, of a dozen rules for each resource.
            if outcome is not None and self._take_outcome(index, outcome, resource, told):
                needing.append(index)
        return needing

    def _resource_checks(self, plan: Plan) -> list[tuple[int, Check, bool]]:
        """The rules about resources that a plan has, in turn, and whether another one may have said the same before."""
        checks = self._checks.get(id(plan))
        if checks is None:
            rules = self._recorder.superseded_rules
            checks = [
                (index, plan.checks[index], bool(rules >> index & 1))
                for index in self._by_resource
                if index in plan.checks
            ]
            self._checks[id(plan)] = checks
        return checks

    def _resource_of(self, backup: Backup) -> Resource | None:
        """What is remembered of a backup's resource. Only those that are looked at need be settled."""
        resource = self.resources.get(backup.resource_id or "")
        if resource is not None:
            resource.settle()
        return resource

    def _plan_of(self, resource: Resource) -> Plan:
        vault_ids = [*resource.vault_ids, *(vault.id for vault in resource.vaults)]
        return self._plans.for_subject(identify(resource), vault_ids)

    def _take_outcome(self, index: int, outcome: Outcome, resource: Resource, told: _Told) -> bool:
        """Settle what a rule says of a resource, or put it into `told`; true where it needs to know the disks."""
        if outcome is Needs.DISKS and resource.newest_disks is None and resource.disks_unknown is None:
            return True
        try:
            if isinstance(outcome, str) and outcome and not self._recorder.is_told_at_once(index):
                self._recorder.say(index, resource.id)
                told.setdefault((index, outcome), []).append(resource)
            else:
                self._recorder.settle(index, resource, outcome)
        except CRASHES as problem:  # as in _ask
            self._recorder.crashed(index, resource, problem)
        return False

    def _judge_disks(self, waiting: list[tuple[int, Resource]], details: "Details") -> None:
        """Ask again about resources whose disks had to be looked at: those of the two newest good backups."""
        if self._server_disks == "none":
            for index, _ in waiting:
                tally = self._recorder.tallies[index]
                tally.checked -= 1
                tally.not_examined += 1
                tally.passed(_BY_SETTING)
            return
        told: _Told = {}
        for start in range(0, len(waiting), _ASKED_AT_ONCE // 2):
            batch = waiting[start : start + _ASKED_AT_ONCE // 2]
            for _, resource in batch:
                for point in self._unknown_disks(resource):
                    details.ask(point.backup_id)
            details.look()
            for index, resource in batch:
                for point in self._unknown_disks(resource):
                    backup = Backup(id=point.backup_id, status="available", resource_id=resource.id)
                    self.out_of_time += details.complete(backup)
                    self._remember_disks(backup)
                self._needing_disks(resource, [(index, self._plan_of(resource).checks[index], True)], told)
            self._settle(told)

    @staticmethod
    def _unknown_disks(resource: Resource) -> list[RestorePoint]:
        """The good backups of the resource whose disks are not known yet."""
        if resource.disks_unknown is not None:
            return []
        known = ((resource.newest_good, resource.newest_disks), (resource.previous_good, resource.previous_disks))
        return [point for point, disks in known if point is not None and disks is None]

    def _remember_disks(self, backup: Backup) -> None:
        """Let the resource know how many disks this backup of it holds, or why nobody does."""
        resource = self._resource_of(backup)
        if resource is None:
            return
        newest, previous = resource.newest_good, resource.previous_good
        disks = backup.children or ()
        unknown = backup.disks_unknown or (None if disks else "a detail shows none")
        if newest is not None and newest.backup_id == backup.id:
            resource.newest_disks = None if unknown else len(disks)
        elif previous is not None and previous.backup_id == backup.id:
            resource.previous_disks = None if unknown else len(disks)
        else:
            return
        resource.disks_unknown = resource.disks_unknown or unknown

    def _batches(self, details: "Details") -> Iterator[list[Waiting]]:
        """What waited, in its order, with so many details asked for ahead that the wait for each is not felt."""
        batch: list[Waiting] = []
        asked = 0
        for waiting in self._waiting.drain():
            batch.append(waiting)
            _, needs, backup = waiting
            if needs & DISKS and self._is_due(backup):
                details.ask(backup.id)
                asked += 1
            if asked == _ASKED_AT_ONCE or len(batch) == _AT_ONCE:
                yield batch
                batch, asked = [], 0
        yield batch

    def _reasons(self, fetch: FetchReasons) -> dict[str, str]:
        """Why backups failed, by their ids. Where that cannot be had it is noted once: the findings stand without."""
        try:
            return fetch()
        except ListingError as problem:
            self.notes.append(f"Why backups failed could not be looked up: {problem}")
            return {}

    def _is_due(self, backup: Backup) -> bool:
        """Whether the disks of this backup are to be looked at.

        By default only those of each server's newest available one, which stands for the older ones. Where nothing can
        stand for a backup (its place among its siblings is not known, or none is available) it is looked at itself.
        """
        if self._server_disks != "newest":
            return self._server_disks == "all"
        resource = self._resource_of(backup)
        if resource is None or resource.newest_available is None or backup.created_at is None:
            return True
        return resource.newest_available == backup.id

    def _judge_waiting(self, rules: int, backup: Backup, unseen: Unseen, told: _Told) -> None:
        """Ask rules again about a backup; what can be settled together with others is put into `told`."""
        resource = self.resources.get(backup.resource_id or "")
        plan = self._plans.for_subject(identify(backup)) if self._plans.has_overrides else self._plans.everywhere
        not_examined = False
        for index, rule in self._asked(rules):
            if self._recorder.said_already(index, resource.id if resource else ""):
                continue
            try:
                among = (self._known_resource(backup, unseen),) if rule.takes_resource else ()
                outcome = plan.checks[index](backup, *among)
                if outcome is Needs.DISKS and not rule.takes_resource and not self._is_due(backup):
                    self._recorder.tallies[index].checked -= 1
                    self._recorder.tallies[index].not_examined += self._server_disks == "none"
                    not_examined = True
                elif isinstance(outcome, str) and outcome:
                    told.setdefault((index, outcome), []).append(backup)
                else:
                    self._recorder.settle(index, backup, outcome)
            except CRASHES as problem:  # as in _ask
                self._recorder.crashed(index, backup, problem)
        self.not_examined += not_examined

    def _known_resource(self, backup: Backup, unseen: Unseen) -> Resource:
        """What a rule is shown of a backup's resource, which may be none."""
        resource = self._resource_of(backup)
        if resource is None:
            resource = self._intake.new_resource("", None, None)
            resource.unseen = "resource_id, which tells what the backup belongs to"
        else:
            resource.unseen = unseen(resource.id)
        return resource

    def _asked(self, rules: int) -> list[tuple[int, Rule]]:
        """The rules of a bit mask, of which there are few."""
        asked = self._masks.get(rules)
        if asked is None:
            asked = [(index, rule) for index, rule in enumerate(self._recorder.rules) if rules >> index & 1]
            self._masks[rules] = asked
        return asked


def _turn(ident: str, rules: list[Rule], after: tuple[str, ...] = ()) -> int:
    """When a rule is asked: after every rule that supersedes it; of two that supersede each other neither waits."""
    before = [rule.id for rule in rules if ident in rule.supersedes and rule.id not in {ident, *after}]
    return max((_turn(other, rules, (ident, *after)) + 1 for other in before), default=0)
