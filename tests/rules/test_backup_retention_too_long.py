from datetime import timedelta
from typing import Any

import pytest

from cbr_auditor.cbr.records import Backup
from cbr_auditor.rule import Unknown
from tests.fakes import NOW, make_backup
from tests.rules.conftest import Judge, load


def kept(days: float, **changes: Any) -> Backup:
    created = changes.pop("created_at", NOW - timedelta(hours=7))
    return make_backup(created_at=created, expired_at=created + timedelta(days=days), **changes)


def test_what_is_kept_for_more_than_400_days_is_found(judge: Judge) -> None:
    assert judge("backup-retention-too-long", kept(401)) == "the backup is kept for 401 days, more than 400"
    assert judge("backup-retention-too-long", kept(400)) is None


def test_max_days_moves_the_boundary(judge: Judge) -> None:
    assert judge("backup-retention-too-long", kept(30), max_days=30) is None
    assert isinstance(judge("backup-retention-too-long", kept(31), max_days=30), str)


def test_an_older_automatic_backup_is_not_judged_and_a_manual_one_is(judge: Judge) -> None:
    newest = make_backup(id="newest", created_at=NOW)
    assert judge("backup-retention-too-long", kept(401), newest) is None
    assert judge("backup-retention-too-long", kept(401, auto_trigger=None), newest) is None
    assert isinstance(judge("backup-retention-too-long", kept(401, auto_trigger=False), newest), str)


def test_a_newer_one_that_failed_does_not_stand_for_it(judge: Judge) -> None:
    failed = make_backup(id="newest", created_at=NOW, status="error")
    assert isinstance(judge("backup-retention-too-long", kept(401), failed), str)


def test_where_newer_ones_may_be_unseen_only_a_manual_one_is_sure(judge: Judge) -> None:
    ident, unseen = "backup-retention-too-long", "the newer backups that could not be listed"
    assert judge(ident, kept(401), unseen=unseen) == Unknown(unseen)
    assert judge(ident, kept(401, auto_trigger=None), unseen=unseen) == Unknown(unseen)
    assert isinstance(judge(ident, kept(401, auto_trigger=False), unseen=unseen), str)


def test_what_cannot_be_read_is_unknown(judge: Judge) -> None:
    odd = make_backup(expired_at=None, unreadable=("expired_at",))
    assert judge("backup-retention-too-long", odd) == Unknown("expired_at")
    assert judge("backup-retention-too-long", make_backup(created_at=None)) == Unknown("created_at")


def test_only_what_ends_or_does_not_say_when_waits_for_its_siblings() -> None:
    candidate = load("backup-retention-too-long").candidate
    assert candidate is not None
    assert candidate(kept(401))
    assert candidate(make_backup(created_at=None))
    assert not candidate(kept(400))
    assert candidate(make_backup(expired_at=None, unreadable=("expired_at",)))
    assert not candidate(make_backup(expired_at=None))


@pytest.mark.parametrize("status", ["error", "deleting", "protecting", "restoring", "melting"])
def test_what_is_not_available_is_not_judged(status: str) -> None:
    candidate = load("backup-retention-too-long").candidate
    assert candidate is not None
    assert not candidate(kept(401, status=status))
