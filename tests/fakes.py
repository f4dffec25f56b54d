"""What tests share: a clock that never waits, a healthy backup, a report."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any, TypeVar

from cbr_auditor.cbr.pending import Pending
from cbr_auditor.cbr.records import Backup
from cbr_auditor.errors import ListingError
from cbr_auditor.finding import Finding
from cbr_auditor.report import (
    RESULTS,
    ClauseResult,
    FrameworkResult,
    Report,
    RuleGroup,
    RuleResult,
    Summary,
    TargetCoverage,
    Trigger,
)
from cbr_auditor.rule import Severity

K = TypeVar("K")
T = TypeVar("T")

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=timezone.utc)
PROJECT = "0605767b5780d5762fc5c0118072a564"


class FakeClock:
    """Stands still until somebody sleeps; may be used from several threads."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._elapsed += seconds

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._elapsed += seconds


def asking(fetch: Callable[[K], T]) -> Callable[[K], Pending[T]]:
    """Asks a server that answers at once: what the answer is does not depend on when it is taken."""

    def ask(key: K) -> Pending[T]:
        try:
            answer = fetch(key)
        except ListingError as problem:
            return Pending(partial(_raise, problem))
        return Pending(lambda: answer)

    return ask


def _raise(problem: Exception) -> Any:
    raise problem


def make_backup(**changes: Any) -> Backup:
    """A healthy backup: an automatic, encrypted disk backup of last night that is kept for a month."""
    fields: dict[str, Any] = {
        "id": "b1c4afd9-e7a6-4888-9010-c2bac3aa7910",
        "status": "available",
        "name": "autobk_b629",
        "created_at": NOW - timedelta(hours=7),
        "updated_at": NOW - timedelta(hours=6),
        "expired_at": NOW + timedelta(days=30),
        "resource_id": "1a503932-ee8f-4dd5-8248-8dfb57e584c5",
        "resource_name": "test001-02",
        "resource_type": "OS::Cinder::Volume",
        "vault_id": "cca85ea5-00a4-418d-9222-bd83985bc515",
        "auto_trigger": True,
        "encrypted": True,
        "children": [],
        "listed_at": NOW,
    }
    return Backup(**{**fields, **changes})


def make_finding(**changes: Any) -> Finding:
    fields: dict[str, Any] = {
        "id": "sha256:" + "5d1c" * 16,
        "rule": "backup-error",
        "severity": Severity.HIGH,
        "outcome": "fail",
        "project_id": PROJECT,
        "region": "eu-de",
        "backup_id": "b1c4afd9-e7a6-4888-9010-c2bac3aa7910",
        "backup_name": "autobk_b629",
        "resource_id": "1a503932-ee8f-4dd5-8248-8dfb57e584c5",
        "resource_name": "test001-02",
        "resource_type": "OS::Nova::Server",
        "vault_id": "cca85ea5-00a4-418d-9222-bd83985bc515",
        "message": "the backup failed",
        "since": NOW - timedelta(hours=7),
    }
    return Finding(**{**fields, **changes})


def make_rule_result(**changes: Any) -> RuleResult:
    fields: dict[str, Any] = {
        "id": "backup-error",
        "title": "Backup failed",
        "severity": Severity.HIGH,
        "checked": 204,
        "failed": 1,
        "unknown": 0,
        "errors": 0,
        "controls": ["iso27001-2022:A.8.13"],
        "advice": "Read the task's error, mend its cause, back up again.",
        "why": "CBR could not finish this backup: there is nothing to restore from it.",
    }
    return RuleResult(**{**fields, **changes})


def make_coverage(**changes: Any) -> TargetCoverage:
    fields: dict[str, Any] = {
        "project_id": PROJECT,
        "region": "eu-de",
        "name": None,
        "endpoint": "https://cbr.eu-de.otc.t-systems.com",
        "listed": 204,
        "unreadable": 0,
        "reported_count": 204,
        "complete": True,
        "not_examined": 12,
        "narrowed": {},
        "problems": [],
    }
    return TargetCoverage(**{**fields, **changes})


def make_clause(**changes: Any) -> ClauseResult:
    """A clause with one finding of the one rule behind it."""
    fields: dict[str, Any] = {
        "id": "A.8.13",
        "title": "Backups are made",
        "result": "findings",
        "rules": ["backup-error"],
        "rules_off": [],
        "findings": 1,
        "undecided": 0,
        "errors": 0,
        "waived": 0,
        "not_assessed": [],
    }
    return ClauseResult(**{**fields, **changes})


def make_framework(*clauses: ClauseResult, **changes: Any) -> FrameworkResult:
    fields: dict[str, Any] = {
        "id": "iso27001-2022",
        "name": "ISO 27001:2022",
        "edition": "2022",
        "source": "ISO/IEC 27001:2022, Annex A (ISO and IEC, edition 2022)",
        "note": "",
        "results": {word: sum(clause.result == word for clause in clauses) for word in RESULTS},
        "clauses": list(clauses),
    }
    return FrameworkResult(**{**fields, **changes})


def make_report(**changes: Any) -> Report:
    """A run with one failed backup."""
    rule = make_rule_result()
    fields: dict[str, Any] = {
        "run_id": "20261123T060000Z-3f2a9c",
        "auditor_version": "0.1.0",
        "started_at": NOW,
        "finished_at": NOW + timedelta(seconds=2),
        "trigger": Trigger(type="TIMER", name="daily", time="2026-11-23T07:00:00+01:00"),
        "verdict": "fail",
        "complete": True,
        "audited": True,
        "headline": "1 high finding in 204 backups of eu-de",
        "reasons": ["1 finding at or above high."],
        "summary": Summary(
            targets=1,
            backups=204,
            resources=31,
            findings={"critical": 0, "high": 1, "medium": 0, "low": 0, "info": 0},
            unknown=0,
            waived=0,
            rule_errors=0,
        ),
        "coverage": [make_coverage()],
        "not_looked_at": ["Backups that other projects share with this one."],
        "groups": [RuleGroup(rule=rule, failed=[make_finding()], unknown=[])],
        "rules": [rule],
    }
    return Report(**{**fields, **changes})
