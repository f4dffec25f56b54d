from datetime import timedelta

import pytest

from cbr_auditor.rule import Unknown
from tests.fakes import NOW, make_backup
from tests.rules.conftest import Judge

DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)
MOVING = ["protecting", "deleting", "restoring", "waiting_protect", "waiting_delete", "waiting_restore", "waiting_copy"]


@pytest.mark.parametrize("status", MOVING)
def test_a_backup_on_the_move_for_more_than_a_day_is_found(judge: Judge, status: str) -> None:
    outcome = judge("backup-stuck", make_backup(status=status, updated_at=NOW - DAY - SECOND))
    assert outcome == f"the status has been {status} for 24 hours"


@pytest.mark.parametrize("status", MOVING)
def test_one_that_moved_within_a_day_is_not(judge: Judge, status: str) -> None:
    backup = make_backup(status=status, updated_at=NOW - DAY, created_at=NOW - timedelta(days=90))
    assert judge("backup-stuck", backup) is None


@pytest.mark.parametrize("status", ["available", "error", "melting"])
def test_one_that_does_not_move_is_not(judge: Judge, status: str) -> None:
    assert judge("backup-stuck", make_backup(status=status, updated_at=NOW - timedelta(days=9))) is None


def test_without_an_update_its_creation_counts(judge: Judge) -> None:
    old = make_backup(status="protecting", updated_at=None, created_at=NOW - DAY - SECOND)
    assert isinstance(judge("backup-stuck", old), str)
    assert judge("backup-stuck", make_backup(status="protecting", updated_at=None, created_at=NOW)) is None


def test_without_both_it_is_unknown(judge: Judge) -> None:
    backup = make_backup(status="protecting", updated_at=None, created_at=None)
    assert judge("backup-stuck", backup) == Unknown("updated_at and created_at")


def test_hours_moves_the_boundary(judge: Judge) -> None:
    backup = make_backup(status="protecting", updated_at=NOW - timedelta(hours=3))
    assert isinstance(judge("backup-stuck", backup, hours=2), str)
