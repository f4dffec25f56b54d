"""The audit: list each target's backups, judge them, and say what was seen."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import msgspec

from cbr_auditor.cbr.client import CbrClient
from cbr_auditor.cbr.listing import Listing, ListingState
from cbr_auditor.cbr.query import Filters, hides_resources, hides_siblings, narrowing
from cbr_auditor.cbr.tasks import KEPT, failure_reasons
from cbr_auditor.errors import ListingError
from cbr_auditor.judge import Judge, ServerDisks
from cbr_auditor.override import Override
from cbr_auditor.plan import Plans
from cbr_auditor.recorder import CRASHES, Recorder, Tally
from cbr_auditor.report import TargetCoverage
from cbr_auditor.rule import Rule
from cbr_auditor.spool import PLAIN_WAITING, BackupSpool, FindingSpool
from cbr_auditor.subject import Target
from cbr_auditor.text import one_line
from cbr_auditor.vault_judge import judge_inventory, judge_target, leave_undecided, take_inventory
from cbr_auditor.waiver import Waivers

_FOR_INVENTORY = 0.5  # of the time for asking: the backups are listed behind it, and are what matters


class TargetPlan(msgspec.Struct, frozen=True):
    """One project in one region, and how to reach it."""

    project_id: str
    region: str | None
    name: str | None
    endpoint: str
    filters: Filters
    connect: Callable[[], CbrClient]
    """Gives a client for this project."""


class Audit(msgspec.Struct):
    """What was found and what was seen."""

    rules: list[Rule]
    tallies: list[Tally]
    """Of each rule, in the same order."""
    coverage: list[TargetCoverage]
    resources: int
    """Protected resources that have a backup."""
    audited: bool
    """Whether any target could be listed at all."""
    empty: list[str]
    """A question for each project that was listed to its end and has no backup."""
    refusals: list[ListingError]
    """What ended a target's listing, for the targets where something did."""
    missing_actions: set[str] = msgspec.field(default_factory=set)
    """IAM actions for want of which rules are undecided somewhere."""


class _Seen(msgspec.Struct):
    """What one target's audit leaves behind besides its findings."""

    recorder: Recorder
    state: ListingState
    resources: int
    not_examined: int
    problems: list[str]
    notes: list[str]


def audit(
    targets: list[TargetPlan],
    rules: list[Rule],
    *,
    now: datetime,
    findings: FindingSpool,
    folder: Path,
    server_disks: ServerDisks,
    in_flight: int,
    log: logging.Logger,
    overrides: Sequence[Override] = (),
    waivers: Waivers | None = None,
) -> Audit:
    """Audit the targets side by side. `now` is the one time that every backup is judged at.

    Findings go to the spool; `folder` takes what waits for the end of a listing. One target's failure is its own.
    """

    def run(number: int) -> _Seen:
        target = targets[number]
        recorder = Recorder(
            rules, project_id=target.project_id, region=target.region, findings=findings, waivers=waivers
        )
        waiting = BackupSpool(folder / f"waiting-{number}", PLAIN_WAITING // len(targets))
        return _audit_target(target, recorder, overrides, waiting, server_disks, now, in_flight)

    result = Audit(rules, [Tally() for _ in rules], [], 0, False, [], [])
    pool = ThreadPoolExecutor(min(len(targets), in_flight), thread_name_prefix="target")
    try:
        outcomes = list(pool.map(run, range(len(targets))))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # an interrupt does not wait for what is under way
    for target, seen in zip(targets, outcomes, strict=True):
        _add(result, target, seen, log)
    if waivers is not None:
        _judge_waivers(result, waivers, findings)
    return result


def _add(result: Audit, target: TargetPlan, seen: _Seen, log: logging.Logger) -> None:
    state = seen.state
    coverage = _coverage(target, seen)
    result.coverage.append(coverage)
    result.resources += seen.resources
    for tally, found in zip(result.tallies, seen.recorder.tallies, strict=True):
        tally.add(found)
    result.missing_actions |= seen.recorder.missing_actions
    rows = state.listed + state.unreadable
    result.audited |= state.broken is None or rows > 0
    if state.broken is not None:
        result.refusals.append(state.broken)
    name = one_line(target.name or target.project_id)
    if not rows and coverage.complete:
        filters = f" that matches [listing] {', '.join(sorted(target.filters))}" if target.filters else ""
        result.empty.append(f"No backup{filters} in project {name}: is it the right one?")
    log.info(
        "project %s: backups listed: %d, counted by the API: %s, complete: %s",
        name,
        state.listed,
        "unknown" if state.reported_count is None else state.reported_count,
        "yes" if coverage.complete else "no",
    )
    for problem in coverage.problems:
        log.warning("project %s: %s", name, problem)
    for note in coverage.notes:
        log.info("project %s: %s", name, note)


def _judge_waivers(result: Audit, waivers: Waivers, findings: FindingSpool) -> None:
    """Ask the rules about the waivers themselves, now that it is known what each matched."""
    complete = all(target.complete for target in result.coverage)
    tallies = {rule.id: tally for rule, tally in zip(result.rules, result.tallies, strict=True)}
    recorder = Recorder(result.rules, project_id="", region=None, findings=findings)
    for waiver in waivers.all:
        waiver.decided = complete and waiver.rule in tallies and tallies[waiver.rule].told_all
        for index, rule in enumerate(result.rules):
            if rule.subject != "waiver":
                continue
            recorder.tallies[index].checked += 1
            try:
                recorder.settle(index, waiver, rule.check(waiver))
            except CRASHES as problem:  # a rule's crash is a result, and the rule's alone
                recorder.crashed(index, waiver, problem)
    for tally, found in zip(result.tallies, recorder.tallies, strict=True):
        tally.add(found)


def _audit_target(
    target: TargetPlan,
    recorder: Recorder,
    overrides: Sequence[Override],
    waiting: BackupSpool,
    server_disks: ServerDisks,
    now: datetime,
    in_flight: int,
) -> _Seen:
    client = target.connect()
    try:
        with client.at_most(_FOR_INVENTORY, "vaults and policies"):
            inventory = take_inventory(client, recorder.rules, overrides, now)
        undecidable = inventory.undecidable(recorder.rules)
        plans = Plans(recorder.rules, overrides, target.project_id, inventory.vaults_by_id, without=undecidable)
        judge = Judge(
            recorder,
            plans,
            now=now,
            waiting=waiting,
            server_disks=server_disks,
            asks_replication="true" in target.filters.get("show_replication", ()),
            asks_shared=bool({"shared", "all_granted"} & set(target.filters.get("own_type", ()))),
        )
        listing = Listing(lambda offset: client.ask_page(offset, target.filters), in_flight=in_flight)
        for backups in listing.backups():
            judge.take(backups)
            del backups  # as the listing does, so that a page is given up before the next one is read
        resources = len(judge.resources)
        hidden = hides_resources(target.filters)
        judge.add_members(inventory.vaults, hidden and f"the backups that [listing] {hidden} leaves out")
        judge.finish(
            client.ask_backup,
            lambda: failure_reasons(lambda offset: client.failed_tasks(offset, now - KEPT)),
            unseen=_unseen(target, listing.state),
            in_flight=in_flight,
        )
        judge_inventory(inventory, recorder, plans)
        whole = Target(
            target.project_id,
            region=target.region,
            name=target.name,
            backups=listing.state.listed,
            resources=resources,
            listed_at=now,
        )
        for index, problem in undecidable.items():
            leave_undecided(recorder, index, whole, problem)
        unseen = judge_target(client, whole, inventory, recorder, plans, undecidable)
    finally:
        client.close()
    problems = [*inventory.problems, *unseen]
    if judge.out_of_time:
        count = f"{judge.out_of_time} server {'backup' if judge.out_of_time == 1 else 'backups'}"
        problems.append(f"The time ran out before the disks of {count} were looked at.")
    return _Seen(recorder, listing.state, resources, judge.not_examined, problems, judge.notes)


def _unseen(target: TargetPlan, state: ListingState) -> Callable[[str], str | None]:
    """Why some backups of a resource may exist without having been seen, by its id; None where all were."""
    everywhere = None
    if not state.ended or "" in state.doubtful:
        everywhere = "the newer backups that could not be listed"
    elif hidden := hides_siblings(target.filters):
        everywhere = f"the newer backups that [listing] {hidden} leaves out"

    def unseen(resource_id: str) -> str | None:
        if resource_id in state.doubtful:
            return "a record of the same resource that could not be read"
        return everywhere

    return unseen


def _coverage(target: TargetPlan, seen: _Seen) -> TargetCoverage:
    state = seen.state
    problems = [str(state.broken)] if state.broken is not None else []
    problems += state.problems
    problems += [
        f"Row {row.position} of the list could not be read: {row.reason}." for row in state.unreadable_examples
    ]
    if state.unreadable > len(state.unreadable_examples):
        more = state.unreadable - len(state.unreadable_examples)
        problems.append(f"{more} more rows of the list could not be read.")
    problems += seen.problems
    return TargetCoverage(
        project_id=target.project_id,
        region=target.region,
        name=target.name,
        endpoint=target.endpoint,
        listed=state.listed,
        unreadable=state.unreadable,
        reported_count=state.reported_count,
        complete=not problems,
        not_examined=seen.not_examined,
        narrowed=narrowing(target.filters),
        problems=[one_line(problem, 500) for problem in problems],
        notes=[one_line(note, 500) for note in (*state.notes, *seen.notes)],
    )
