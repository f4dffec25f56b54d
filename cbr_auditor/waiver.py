"""An accepted finding: which, why, by whom, until when."""

import threading
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any

import msgspec

from cbr_auditor.auditor_toml import check_keys, texts_of
from cbr_auditor.errors import RuleError
from cbr_auditor.pattern import matches
from cbr_auditor.suggestion import did_you_mean
from cbr_auditor.text import one_line

_KEYS = ("rule", "resource", "reason", "owner", "expires", "project_id")
_NEEDED = ("rule", "resource", "reason", "owner", "expires")
_ANNOUNCED = 14  # days


class Waiver(msgspec.Struct, gc=False):
    """One `[[waivers]]` table of auditor.toml."""

    rule: str
    resource: tuple[str, ...]
    """Patterns or ids of what is waived: resources, else whatever the rule judges (a vault, a policy, a project)."""
    reason: str
    owner: str
    expires: date
    """The last day, in UTC, on which it waives."""
    project_id: str | None = None
    """The project that it is for; every one where None."""
    matched: int = 0
    """How many findings it waived in this run."""
    decided: bool = False
    """Whether everything was seen that it could have matched, so that none matched means that there is none."""
    listed_at: datetime = datetime.min.replace(tzinfo=timezone.utc)
    """When the audit began."""

    @property
    def days_left(self) -> int:
        """0 on the last day, negative afterwards."""
        return (self.expires - self.listed_at.date()).days

    @property
    def state(self) -> str:
        """`expired`, `stale` (it matches nothing), `ending` (within 14 days), `active`."""
        if self.days_left < 0:
            return "expired"
        if self.decided and not self.matched:
            return "stale"
        return "ending" if self.days_left <= _ANNOUNCED else "active"

    @property
    def label(self) -> str:
        """What it waives, as people say it."""
        return f"{self.rule} of {', '.join(self.resource)}"


class Waivers:
    """The waivers of a run. Several threads may ask at once."""

    def __init__(self, waivers: Iterable[Waiver], now: datetime) -> None:
        self.all = list(waivers)
        self._lock = threading.Lock()
        for waiver in self.all:
            waiver.listed_at = now
        self._by_rule: dict[str, list[Waiver]] = {}
        for waiver in self.all:
            if waiver.days_left >= 0:
                self._by_rule.setdefault(waiver.rule, []).append(waiver)

    def match(self, rule: str, project_id: str, *names: str | None) -> Waiver | None:
        """The first waiver in force for a rule's finding about what has these names and ids; it counts the match."""
        for waiver in self._by_rule.get(rule, ()):
            if waiver.project_id in {None, project_id} and matches(waiver.resource, *names):
                with self._lock:
                    waiver.matched += 1
                return waiver
        return None


def read_waivers(tables: Any, *, rules: Iterable[str], today: date, longest_days: int) -> list[Waiver]:
    """The `[[waivers]]` of auditor.toml. Raises `RuleError` for one that is not complete, or ends too late."""
    if not isinstance(tables, (list, tuple)):
        raise RuleError("auditor.toml: waivers is no list of tables", "Write each under [[waivers]].")
    known = sorted(rules)
    return [
        _read(f"auditor.toml, [[waivers]] {n}", table, known, today, longest_days) for n, table in enumerate(tables, 1)
    ]


def _read(place: str, table: Any, rules: list[str], today: date, longest_days: int) -> Waiver:
    check_keys(place, table, _KEYS, _NEEDED)
    rule = _text(place, table, "rule")
    if rule not in rules:
        raise RuleError(f"{place}: there is no rule {one_line(repr(rule), 80)}", did_you_mean(rule, rules))
    expires = _date(place, table["expires"])
    latest = today + timedelta(days=longest_days)
    if expires > latest:
        raise RuleError(
            f"{place}: expires = {expires} is more than {longest_days} days ahead",
            f"Choose {latest} or earlier, or set waiver_days; a waiver is looked at again at least that often.",
        )
    resource = texts_of(place, table, "resource")
    if not resource:
        raise RuleError(f"{place}: resource = [] names nothing", 'Give the name, the id or a pattern, as "db-*".')
    return Waiver(
        rule=rule,
        resource=resource,
        reason=_text(place, table, "reason"),
        owner=_text(place, table, "owner"),
        expires=expires,
        project_id=_text(place, table, "project_id") if "project_id" in table else None,
    )


def _text(place: str, table: Mapping[str, Any], key: str) -> str:
    value = table[key]
    if not isinstance(value, str) or not value.strip():
        raise RuleError(f"{place}: {key} = {one_line(repr(value), 80)} is no text", "Write it between quotes.")
    return one_line(value, 300)


def _date(place: str, value: Any) -> date:
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise RuleError(
            f"{place}: expires = {one_line(repr(value), 80)} is no date", "Write it as 2027-03-31."
        ) from None
