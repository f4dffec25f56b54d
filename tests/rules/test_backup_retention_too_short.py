from datetime import datetime, timedelta
from typing import Any

import pytest

from cbr_auditor.cbr.loose import read_time
from cbr_auditor.cbr.records import Backup
from cbr_auditor.rule import Unknown
from tests.fakes import NOW, make_backup
from tests.rules.conftest import Judge, load

HOUR = 1 / 24


def kept(days: float, **changes: Any) -> Backup:
    created = changes.pop("created_at", NOW - timedelta(hours=7))
    return make_backup(created_at=created, expired_at=created + timedelta(days=days), **changes)


def test_what_is_kept_for_less_than_30_days_is_found(judge: Judge) -> None:
    assert judge("backup-retention-too-short", kept(14)) == "the backup is kept for 14.0 days, less than 30"
    assert judge("backup-retention-too-short", kept(30)) is None
    assert judge("backup-retention-too-short", kept(90)) is None


def test_the_moment_by_which_cbr_ends_a_backup_early_is_forgiven(judge: Judge) -> None:
    created, expired = (read_time(f"2020-0{text}") for text in ("2-21T07:00:34.882174", "3-22T07:00:34.877896"))
    assert isinstance(created, datetime)
    recorded = make_backup(created_at=created, expired_at=expired)
    assert judge("backup-retention-too-short", recorded) is None
    assert judge("backup-retention-too-short", kept(30 - HOUR)) is None
    assert isinstance(judge("backup-retention-too-short", kept(30 - 1.01 * HOUR)), str)


def test_min_days_moves_the_boundary(judge: Judge) -> None:
    assert judge("backup-retention-too-short", kept(7), min_days=7) is None
    assert isinstance(judge("backup-retention-too-short", kept(30), min_days=35), str)


def test_an_older_automatic_backup_is_not_judged_and_a_manual_one_is(judge: Judge) -> None:
    newest = make_backup(id="newest", created_at=NOW)
    assert judge("backup-retention-too-short", kept(3), newest) is None
    assert judge("backup-retention-too-short", kept(3, auto_trigger=None), newest) is None
    assert isinstance(judge("backup-retention-too-short", kept(3, auto_trigger=False), newest), str)


def test_a_newer_one_that_failed_does_not_stand_for_it(judge: Judge) -> None:
    failed = make_backup(id="newest", created_at=NOW, status="error")
    assert isinstance(judge("backup-retention-too-short", kept(3), failed), str)


def test_where_newer_ones_may_be_unseen_only_a_manual_one_is_sure(judge: Judge) -> None:
    ident, unseen = "backup-retention-too-short", "the newer backups that could not be listed"
    assert judge(ident, kept(3), unseen=unseen) == Unknown(unseen)
    assert judge(ident, kept(3, auto_trigger=None), unseen=unseen) == Unknown(unseen)
    assert isinstance(judge(ident, kept(3, auto_trigger=False), unseen=unseen), str)


def test_an_end_before_the_beginning_tells_nothing_of_how_long_it_is_kept(judge: Judge) -> None:
    assert judge("backup-retention-too-short", kept(-10)) == Unknown("an expired_at that is after created_at")


def test_what_cannot_be_read_is_unknown(judge: Judge) -> None:
    odd = make_backup(expired_at=None, unreadable=("expired_at",))
    assert judge("backup-retention-too-short", odd) == Unknown("expired_at")
    assert judge("backup-retention-too-short", make_backup(created_at=None)) == Unknown("created_at")


def test_what_has_no_end_is_not_too_short() -> None:
    candidate = load("backup-retention-too-short").candidate
    assert candidate is not None
    assert candidate(kept(3))
    assert candidate(make_backup(created_at=None))
    assert not candidate(kept(30))
    assert candidate(make_backup(expired_at=None, unreadable=("expired_at",)))
    assert not candidate(make_backup(expired_at=None))


@pytest.mark.parametrize("status", ["error", "deleting", "protecting", "restoring", "melting"])
def test_what_is_not_available_is_not_judged(status: str) -> None:
    candidate = load("backup-retention-too-short").candidate
    assert candidate is not None
    assert not candidate(kept(3, status=status))
