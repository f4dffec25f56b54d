"""Judges the backups of one target: by the rules while they stream, by what needs more once the listing has ended."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from cbr_auditor.cbr.records import Backup
from cbr_auditor.errors import AccessError, DeadlineError, ListingError
from cbr_auditor.report import Finding
from cbr_auditor.resource import Resource
from cbr_auditor.rule import Needs, NoProblem, Outcome, Rule, Unknown
from cbr_auditor.spool import BackupSpool, FindingSpool, Waiting
from cbr_auditor.text import one_line

_EXAMPLES = 3
_ASKED_AT_ONCE = 64  # details that are asked for before the first of them is waited for
_AT_ONCE = 5_000  # backups that meanwhile wait in memory
_UNTIMED = float("inf")

CRASHES = (Exception, SystemExit)
"""What a rule may raise: whatever it is, it costs that rule's verdict on that record, and never the run."""

_DISKS, _REASON = 1, 2
_NEED_BITS = {Needs.DISKS: _DISKS, Needs.REASON: _REASON}

FetchDetail = Callable[[str], Backup]
FetchReasons = Callable[[], dict[str, str]]
Unseen = Callable[[str], str | None]
ServerDisks = Literal["newest", "all", "none"]


class Tally(msgspec.Struct):
    """What one rule found so far."""

    checked: int = 0
    failed: int = 0
    unknown: int = 0
    errors: int = 0
    no_problem: dict[str, int] = {}
    error_examples: list[str] = []

    def add(self, other: "Tally") -> None:
        """Add what the same rule found in another target."""
        self.checked += other.checked
        self.failed += other.failed
        self.unknown += other.unknown
        self.errors += other.errors
        for reason, count in other.no_problem.items():
            self.no_problem[reason] = self.no_problem.get(reason, 0) + count
        self.error_examples = (self.error_examples + other.error_examples)[:_EXAMPLES]


class Judge:
    """Judges one target's backups.

    A rule that takes the resource, or that answers what it needs, is asked again in `finish`; until then the backup
    waits on disk. Of a resource only its aggregate stays in memory.
    """

    def __init__(
        self,
        rules: list[Rule],
        *,
        now: datetime,
        project_id: str,
        region: str | None,
        findings: FindingSpool,
        waiting: BackupSpool,
        server_disks: ServerDisks = "newest",
    ) -> None:
        self.tallies = [Tally() for _ in rules]
        self.resources: dict[str, Resource] = {}
        self.not_examined = 0
        self.out_of_time = 0
        """Server backups whose disks were to be looked at when the deadline came."""
        self.notes: list[str] = []
        """What could not be looked up without changing any verdict, a sentence each."""
        self._rules = rules
        self._now = now
        self._project_id = project_id
        self._region = region
        self._findings = findings
        self._waiting = waiting
        self._server_disks = server_disks
        self._checks = [(index, rule.check) for index, rule in enumerate(rules) if not rule.takes_resource]
        self._candidates = [(index, rule.candidate) for index, rule in enumerate(rules) if rule.takes_resource]

    def take(self, backups: list[Backup]) -> None:
        """Judge a page of backups as far as each can be judged on its own."""
        for tally in self.tallies:
            tally.checked += len(backups)
        resources = self.resources
        for backup in backups:
            backup.listed_at = self._now
            if ident := backup.resource_id:
                resource = resources.get(ident)
                if resource is None:
                    resource = resources[ident] = Resource(ident, backup.resource_name, backup.resource_type)
                resource.add(backup)
            rules, needs = self._ask(backup)
            if rules:
                self._waiting.add((rules, needs, backup))

    def _ask(self, backup: Backup) -> tuple[int, int]:
        """Ask every rule about a backup; gives those that must be asked again, and what they need, as bit masks."""
        rules = needs = 0
        for index, check in self._checks:
            try:
                outcome = check(backup)
                if outcome is None:
                    continue
                if isinstance(outcome, Needs):
                    rules |= 1 << index
                    needs |= _NEED_BITS[outcome]
                else:
                    self._settle(index, backup, outcome)
            except CRASHES as problem:  # a rule's crash is a result, and the rule's alone
                self._crashed(index, backup, problem)
        for index, candidate in self._candidates:
            try:
                if candidate is None or candidate(backup):
                    rules |= 1 << index
            except CRASHES as problem:  # as above
                self._crashed(index, backup, problem)
        return rules, needs

    def finish(self, fetch: FetchDetail, fetch_reasons: FetchReasons, *, unseen: Unseen, in_flight: int = 8) -> None:
        """Judge what waited, fetching what the list does not show.

        `unseen` says, by a resource's id, which of its backups may exist without having been seen; None where all were.
        """
        details = _Details(fetch, in_flight)
        reasons: dict[str, str] | None = None
        try:
            for batch in self._batches(details):
                for rules, needs, backup in batch:
                    if needs & _REASON:
                        reasons = self._reasons(fetch_reasons) if reasons is None else reasons
                        backup.reason = reasons.get(backup.id, "")
                    if needs & _DISKS and self._is_due(backup):
                        self.out_of_time += details.complete(backup)
                    self._judge_waiting(rules, backup, unseen)
        finally:
            details.close()

    def _batches(self, details: "_Details") -> Iterator[list[Waiting]]:
        """What waited, in its order, with so many details asked for ahead that the wait for each is not felt."""
        batch: list[Waiting] = []
        asked = 0
        for waiting in self._waiting.drain():
            batch.append(waiting)
            _, needs, backup = waiting
            if needs & _DISKS and self._is_due(backup):
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
        resource = self.resources.get(backup.resource_id or "")
        if resource is None or resource.newest_available is None or backup.created_at is None:
            return True
        return resource.newest_available == backup.id

    def _judge_waiting(self, rules: int, backup: Backup, unseen: Unseen) -> None:
        resource = self.resources.get(backup.resource_id or "")
        if resource is None:
            resource = Resource("", unseen="resource_id, which tells what the backup belongs to")
        else:
            resource.unseen = unseen(resource.id)
        not_examined = False
        for index, rule in enumerate(self._rules):
            if not rules >> index & 1:
                continue
            try:
                outcome = rule.check(backup, resource) if rule.takes_resource else rule.check(backup)
                if outcome is Needs.DISKS and not rule.takes_resource and not self._is_due(backup):
                    self.tallies[index].checked -= 1
                    not_examined = True
                elif outcome is not None:
                    self._settle(index, backup, outcome)
            except CRASHES as problem:  # as in _ask
                self._crashed(index, backup, problem)
        self.not_examined += not_examined

    def _settle(self, index: int, backup: Backup, outcome: Outcome) -> None:
        tally = self.tallies[index]
        if isinstance(outcome, str) and outcome:
            tally.failed += 1
            self._keep(index, backup, "fail", outcome)
        elif isinstance(outcome, Unknown):
            tally.unknown += 1
            self._keep(index, backup, "unknown", f"cannot tell without {outcome.what}")
        elif isinstance(outcome, NoProblem) and isinstance(outcome.reason, str):
            tally.no_problem[outcome.reason] = tally.no_problem.get(outcome.reason, 0) + 1
        else:
            raise TypeError(f"check returned {outcome!r}")

    def _keep(self, index: int, backup: Backup, outcome: str, message: str) -> None:
        rule = self._rules[index]
        identity = f"{rule.id}\n{self._project_id}\n{backup.id}"
        since = getattr(backup, rule.since) if rule.since and outcome == "fail" else None
        finding = Finding(
            "sha256:" + hashlib.sha256(identity.encode("utf-8", "replace")).hexdigest(),
            rule.id,
            rule.severity,
            outcome,
            self._project_id,
            self._region,
            backup.id,
            backup.name,
            backup.resource_id,
            backup.resource_name,
            backup.resource_type,
            backup.vault_id,
            one_line(message, 500),
            since and since - timedelta(microseconds=since.microsecond),
        )
        time = getattr(backup, rule.soonest) if rule.soonest else backup.created_at
        when = _UNTIMED if time is None else (time.timestamp() if rule.soonest else -time.timestamp())
        self._findings.add((index, outcome != "fail", when, self._project_id, backup.id), finding)

    def _crashed(self, index: int, backup: Backup, problem: BaseException) -> None:
        tally = self.tallies[index]
        tally.checked -= 1
        tally.errors += 1
        if len(tally.error_examples) < _EXAMPLES:
            try:
                said = f": {problem}"
            except Exception:  # noqa: BLE001  # the rule's own exception, which may crash in turn
                said = ""
            tally.error_examples.append(one_line(f"on backup {backup.id} it raised {type(problem).__name__}{said}"))


class _Details:
    """Details of server backups, several asked for at once. After a refusal nothing more is asked."""

    def __init__(self, fetch: FetchDetail, in_flight: int) -> None:
        self._fetch = fetch
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="cbr-detail")
        self._asked: dict[str, Future[Backup]] = {}
        self._refused: ListingError | None = None

    def ask(self, backup_id: str) -> None:
        """Ask for a detail without waiting for it."""
        if self._refused is None:
            self._asked[backup_id] = self._pool.submit(self._fetch, backup_id)

    def complete(self, backup: Backup) -> bool:
        """Put its disks into the backup, or why they are not known. True where the deadline is the reason."""
        backup.examined = True
        asked = self._asked.pop(backup.id, None)
        try:
            if asked is None and self._refused is not None:
                raise self._refused
            # Nothing is under way for a backup that the list held twice: its first one took the answer.
            detail = self._fetch(backup.id) if asked is None else asked.result()
        except ListingError as problem:
            if isinstance(problem, (AccessError, DeadlineError)):
                self._refused = problem
            backup.disks_unknown = one_line(problem.what, 200)
            return isinstance(problem, DeadlineError)
        if detail.id != backup.id or "children" in detail.unreadable:
            backup.disks_unknown = "the detail that came is another backup's, or its disks cannot be read"
            return False
        backup.children = detail.children
        if detail.encrypted is not None:
            backup.encrypted = detail.encrypted
        return False

    def close(self) -> None:
        """Ask for nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
