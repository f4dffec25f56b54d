"""Checks of one project: that CBR answers there, the clock, who asks, and what may be read."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from cbr_auditor.audit import TargetPlan
from cbr_auditor.cbr.auth import TokenAuth
from cbr_auditor.cbr.client import CbrClient
from cbr_auditor.cbr.loose import loads
from cbr_auditor.cbr.signature import SignatureAuth
from cbr_auditor.clock import Clock
from cbr_auditor.cloud.service import Service
from cbr_auditor.doctor.check import Check, State, failed
from cbr_auditor.errors import AccessError, ListingError, NotFoundError
from cbr_auditor.text import one_line

_SLOW, _TOO_SLOW = 60.0, 900.0  # seconds; the gateway refuses a signature that is 15 minutes off
_MOST_NAMED = 6
_NOBODY = "00000000-0000-4000-8000-000000000000"  # a backup that is not there: 404 says that one may ask
_LISTS = {
    "cbr:backups:list": "/backups",
    "cbr:vaults:list": "/vaults",
    "cbr:policies:list": "/policies",
    "cbr:tasks:list": "/operation-logs",
}


def check_project(
    target: TargetPlan, reach: Service, client: CbrClient, clock: Clock, needs: Mapping[str, list[str]]
) -> Iterator[Check]:
    """Every step towards one project; `needs` says which rules need which IAM action. Stops where the next is moot."""
    area = f"project {one_line(target.name or target.project_id, 60)}"
    if target.region:
        area += f", {target.region}"
    reached = [*_check_reach(area, reach, clock)]
    yield from reached
    if any(check.name == "CBR" and check.state == "fail" for check in reached):
        return
    answers = {action: _try(_asking(client, action, clock)) for action in _LISTS}
    first = answers["cbr:backups:list"]
    if isinstance(first, AccessError) and first.status == 401:
        yield failed(area, "signing in", first)
        return
    if isinstance(first, ListingError) and first.status is None:
        yield failed(area, "signing in", first)
        return
    yield Check(area, "signing in", "ok", _who(client))
    if _is_elsewhere(answers):
        assert isinstance(first, ListingError)
        yield _elsewhere(area, target.project_id, first)
        return
    yield Check(area, "project", "ok", _project(target, first))
    answers["cbr:backups:get"] = _try(_detail(client, first))
    for action in ("cbr:backups:list", "cbr:backups:get", "cbr:vaults:list", "cbr:policies:list", "cbr:tasks:list"):
        yield _permission(area, action, answers[action], needs.get(action, []))


def _check_reach(area: str, reach: Service, clock: Clock) -> Iterator[Check]:
    """Whether CBR's host answers at all, and what time it has."""
    started = clock.monotonic()
    try:
        reply = reach.ask("GET", "/")
    except ListingError as problem:
        if problem.status is None:
            yield failed(area, "CBR", problem)
        else:
            yield Check(area, "CBR", "warn", problem.what, problem.mend)
        return
    yield Check(area, "CBR", "ok", f"{reach.host} answers in {1000 * (clock.monotonic() - started):.0f} ms")
    yield _clock(area, reply.headers.get("Date", ""), clock.now())


def _clock(area: str, date: str, now: datetime) -> Check:
    """This machine's clock against the server's (RFC 9110, 6.6.1: a Date has whole seconds)."""
    try:
        off = (now - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError):
        return Check(area, "clock", "warn", "the answer has no Date that can be read", "Check the clock by hand.")
    if abs(off) <= 2:
        return Check(area, "clock", "ok", "agrees with CBR's")
    said = f"{timedelta(seconds=round(abs(off)))} {'ahead of' if off > 0 else 'behind'} CBR's"
    if abs(off) <= _SLOW:
        return Check(area, "clock", "ok", said)
    state: State = "fail" if abs(off) >= _TOO_SLOW else "warn"
    mend = "Set this machine's clock (NTP): ages are judged by it, and signatures are refused that are 15 minutes off."
    return Check(area, "clock", state, said, mend)


Answer = dict[str, Any] | ListingError


def _try(ask: Callable[[], dict[str, Any]]) -> Answer:
    try:
        return ask()
    except ListingError as problem:
        return problem


def _asking(client: CbrClient, action: str, clock: Clock) -> Callable[[], dict[str, Any]]:
    """Asks for the first row of a list."""
    path = _LISTS[action]
    query: dict[str, Any] = {} if path == "/policies" else {"limit": 1}  # that list documents no paging
    if path == "/operation-logs":
        query["start_time"] = (clock.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return lambda: client.get(path, query, _object, action=action)


def _detail(client: CbrClient, listed: Answer) -> Callable[[], dict[str, Any]]:
    """Asks for one backup's detail; for one that is not there where none is known."""
    rows = listed.get("backups") if isinstance(listed, dict) else None
    ident = next((str(row["id"]) for row in rows or () if isinstance(row, dict) and row.get("id")), _NOBODY)
    return lambda: client.record("backups", ident)


def _object(body: bytes | bytearray) -> dict[str, Any]:
    content = loads(body)
    return content if isinstance(content, dict) else {}


def _who(client: CbrClient) -> str:
    """How the requests show who asks."""
    kinds = {SignatureAuth: "with an access key", TokenAuth: "with a token"}
    return kinds.get(type(client.auth), "with a user's token, which IAM gave")


def _is_elsewhere(answers: Mapping[str, Answer]) -> bool:
    """Whether nothing at all may be read, or there is no such project: then no single permission is missing."""
    return all(isinstance(answer, (AccessError, NotFoundError)) for answer in answers.values())


def _elsewhere(area: str, project_id: str, problem: ListingError) -> Check:
    if isinstance(problem, NotFoundError):
        return failed(area, "project", problem)
    mend = (
        f"Check that {project_id} is the project that the token or key is for (AUDITOR_PROJECT_ID), and grant CBR "
        "ReadOnlyAccess in it; a new grant takes about 10 minutes."
    )
    return Check(area, "project", "fail", f"nothing may be read here: {problem.what}", mend)


def _project(target: TargetPlan, listed: Answer) -> str:
    count = listed.get("count") if isinstance(listed, dict) else None
    counted = f", {count:,} {'backup' if count == 1 else 'backups'}" if isinstance(count, int) else ""
    return f"{target.project_id}{counted}"


def _permission(area: str, action: str, answer: Answer, rules: list[str]) -> Check:
    """One IAM action: granted, missing, or not to be told; which rules could decide nothing without it."""
    if isinstance(answer, dict):
        return Check(area, action, "ok", "granted")
    if isinstance(answer, NotFoundError) and action == "cbr:backups:get":
        return Check(area, action, "ok", "granted (the backup is not there)")
    said = f"refused ({answer.status})" if isinstance(answer, AccessError) else answer.what
    said += f"; needed by {_some(rules)}" if rules else "; no rule that is on needs it"
    if action == "cbr:tasks:list":
        said += "; the report would not say why a backup failed"
    state: State = "fail" if rules or action == "cbr:backups:list" else "warn"
    return Check(area, action, state, said, answer.mend)


def _some(rules: list[str]) -> str:
    """The first few of the names, and how many more there are."""
    more = f" and {len(rules) - _MOST_NAMED} more rules" if len(rules) > _MOST_NAMED else ""
    return f"{', '.join(rules[:_MOST_NAMED])}{more}"
