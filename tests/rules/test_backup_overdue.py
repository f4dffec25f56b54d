from datetime import timedelta

import pytest

from cbr_auditor.rule import Unknown
from tests.fakes import NOW, make_backup
from tests.rules.conftest import Judge

GRACE = timedelta(hours=48)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("status", ["available", "error", "deleting"])
@pytest.mark.parametrize("late", [GRACE + SECOND, timedelta(days=30)])
def test_a_backup_long_past_its_end_is_found_in_any_status(judge: Judge, late: timedelta, status: str) -> None:
    outcome = judge("backup-overdue", make_backup(expired_at=NOW - late, status=status))
    assert isinstance(outcome, str)
    assert f"{late.days} days ago" in outcome


@pytest.mark.parametrize("late", [GRACE, timedelta(hours=20), timedelta(0), -timedelta(days=3)])
def test_one_that_is_being_cleaned_up_or_still_kept_is_not(judge: Judge, late: timedelta) -> None:
    assert judge("backup-overdue", make_backup(expired_at=NOW - late)) is None


def test_no_expiry_is_never_overdue(judge: Judge) -> None:
    assert judge("backup-overdue", make_backup(expired_at=None)) is None


def test_an_expiry_that_cannot_be_read_is_unknown(judge: Judge) -> None:
    backup = make_backup(expired_at=None, unreadable=("expired_at",))
    assert judge("backup-overdue", backup) == Unknown("expired_at")


def test_grace_hours_moves_the_boundary(judge: Judge) -> None:
    backup = make_backup(expired_at=NOW - timedelta(hours=5))
    assert isinstance(judge("backup-overdue", backup, grace_hours=4), str)
