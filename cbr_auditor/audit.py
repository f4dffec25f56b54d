"""The audit: list each target's backups, judge them, and say what was seen."""

import contextlib
import gc
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from cbr_auditor.cbr.client import CbrClient
from cbr_auditor.cbr.listing import Listing, ListingState
from cbr_auditor.cbr.query import Filters, hides_siblings
from cbr_auditor.cbr.tasks import failure_reasons
from cbr_auditor.errors import ListingError
from cbr_auditor.judge import Judge, ServerDisks, Tally
from cbr_auditor.report import TargetCoverage
from cbr_auditor.rule import Rule
from cbr_auditor.spool import BackupSpool, FindingSpool
from cbr_auditor.text import one_line

_TASKS_KEPT = timedelta(days=30)


class Target(msgspec.Struct, frozen=True):
    """One project in one region."""

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


def audit(
    targets: list[Target],
    rules: list[Rule],
    *,
    now: datetime,
    findings: FindingSpool,
    folder: Path,
    server_disks: ServerDisks,
    in_flight: int,
    log: logging.Logger,
) -> Audit:
    """Audit the targets side by side. `now` is the one time that every backup is judged at.

    Findings go to the spool; `folder` takes what waits for the end of a listing. One target's failure is its own.
    """

    def run(number: int) -> tuple[Judge, ListingState]:
        judge = Judge(
            rules,
            now=now,
            project_id=targets[number].project_id,
            region=targets[number].region,
            findings=findings,
            waiting=BackupSpool(folder / f"waiting-{number}"),
            server_disks=server_disks,
        )
        return judge, _audit_target(targets[number], judge, now, in_flight)

    result = Audit(rules, [Tally() for _ in rules], [], 0, False, [], [])
    pool = ThreadPoolExecutor(min(len(targets), in_flight), thread_name_prefix="target")
    try:
        with _rare_collections():
            outcomes = list(pool.map(run, range(len(targets))))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # an interrupt does not wait for what is under way
    for target, (judge, state) in zip(targets, outcomes, strict=True):
        _add(result, target, judge, state, log)
    return result


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for garbage cycles a hundred times less often: a million records make none, and looking costs a tenth."""
    threshold = gc.get_threshold()
    gc.set_threshold(100 * threshold[0], *threshold[1:])
    try:
        yield
    finally:
        gc.set_threshold(*threshold)


def _add(result: Audit, target: Target, judge: Judge, state: ListingState, log: logging.Logger) -> None:
    coverage = _coverage(target, judge, state)
    result.coverage.append(coverage)
    result.resources += len(judge.resources)
    for tally, found in zip(result.tallies, judge.tallies, strict=True):
        tally.add(found)
    seen = state.listed + state.unreadable
    result.audited |= state.broken is None or seen > 0
    if state.broken is not None:
        result.refusals.append(state.broken)
    name = one_line(target.name or target.project_id)
    if not seen and coverage.complete:
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


def _audit_target(target: Target, judge: Judge, now: datetime, in_flight: int) -> ListingState:
    client = target.connect()
    since = now - _TASKS_KEPT
    try:
        listing = Listing(lambda offset: client.list_page(offset, target.filters), in_flight=in_flight)
        for backups in listing.backups():
            judge.take(backups)
        judge.finish(
            client.backup,
            lambda: failure_reasons(lambda offset: client.failed_tasks(offset, since)),
            unseen=_unseen(target, listing.state),
            in_flight=in_flight,
        )
    finally:
        client.close()
    return listing.state


def _unseen(target: Target, state: ListingState) -> Callable[[str], str | None]:
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


def _coverage(target: Target, judge: Judge, state: ListingState) -> TargetCoverage:
    problems = [str(state.broken)] if state.broken is not None else []
    problems += state.problems
    if state.broken is not None and state.reported_count is not None:
        missing = state.reported_count - state.listed - state.unreadable
        if missing > 0:
            problems.append(f"About {missing} of {state.reported_count} backups were not seen.")
    problems += [
        f"Row {row.position} of the list could not be read: {row.reason}." for row in state.unreadable_examples
    ]
    if state.unreadable > len(state.unreadable_examples):
        more = state.unreadable - len(state.unreadable_examples)
        problems.append(f"{more} more rows of the list could not be read.")
    if judge.out_of_time:
        problems.append(f"The time ran out before the disks of {judge.out_of_time} server backups were looked at.")
    return TargetCoverage(
        project_id=target.project_id,
        region=target.region,
        name=target.name,
        endpoint=target.endpoint,
        listed=state.listed,
        unreadable=state.unreadable,
        reported_count=state.reported_count,
        complete=not problems,
        not_examined=judge.not_examined,
        narrowed=target.filters,
        problems=[one_line(problem, 500) for problem in problems],
        notes=[one_line(note, 500) for note in (*state.notes, *judge.notes)],
    )
