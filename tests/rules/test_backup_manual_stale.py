from datetime import timedelta

import pytest

from cbr_auditor.rule import Unknown
from tests.fakes import NOW, make_backup
from tests.rules.conftest import Judge

LIMIT = timedelta(days=90)
SECOND = timedelta(seconds=1)


def test_a_manual_backup_of_more_than_90_days_is_found(judge: Judge) -> None:
    backup = make_backup(auto_trigger=False, created_at=NOW - LIMIT - SECOND)
    assert judge("backup-manual-stale", backup) == "the manual backup is 90 days old"
    assert judge("backup-manual-stale", make_backup(auto_trigger=False, created_at=NOW - LIMIT)) is None


def test_days_moves_the_boundary(judge: Judge) -> None:
    backup = make_backup(auto_trigger=False, created_at=NOW - timedelta(days=10))
    assert judge("backup-manual-stale", backup, days=10) is None
    assert judge("backup-manual-stale", backup, days=9.9) == "the manual backup is 10 days old"


@pytest.mark.parametrize("auto_trigger", [True, None])
def test_one_that_is_not_known_to_be_manual_is_not(judge: Judge, auto_trigger: bool | None) -> None:
    backup = make_backup(auto_trigger=auto_trigger, created_at=NOW - 2 * LIMIT)
    assert judge("backup-manual-stale", backup) is None


@pytest.mark.parametrize("status", ["error", "deleting", "waiting_delete", "protecting", "melting"])
def test_one_that_is_not_available_is_not(judge: Judge, status: str) -> None:
    backup = make_backup(auto_trigger=False, status=status, created_at=NOW - 2 * LIMIT)
    assert judge("backup-manual-stale", backup) is None


def test_without_its_age_it_is_unknown(judge: Judge) -> None:
    assert judge("backup-manual-stale", make_backup(auto_trigger=False, created_at=None)) == Unknown("created_at")


def test_one_from_the_future_is_not_old(judge: Judge) -> None:
    assert judge("backup-manual-stale", make_backup(auto_trigger=False, created_at=NOW + LIMIT)) is None
