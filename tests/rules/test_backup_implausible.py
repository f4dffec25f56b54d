from datetime import timedelta

import pytest

from cbr_auditor.rule import Unknown
from tests.fakes import NOW, make_backup
from tests.rules.conftest import Judge

SKEW = timedelta(minutes=10)
SECOND = timedelta(seconds=1)


def test_a_healthy_backup_does_not_contradict_itself(judge: Judge) -> None:
    assert judge("backup-implausible", make_backup()) is None
    assert judge("backup-implausible", make_backup(expired_at=None, updated_at=None)) is None


def test_what_cannot_be_read_is_named(judge: Judge) -> None:
    backup = make_backup(unreadable=("expired_at", "extend_info.encrypted"))
    assert judge("backup-implausible", backup) == "cannot be read: expired_at, extend_info.encrypted"


def test_a_backup_from_the_future_is_found(judge: Judge) -> None:
    late = make_backup(created_at=NOW + SKEW + SECOND, updated_at=None)
    assert judge("backup-implausible", late) == "created in the future, on 2026-11-23 at 06:10 UTC"
    assert judge("backup-implausible", make_backup(created_at=NOW + SKEW)) is None


def test_a_change_in_the_future_is_found(judge: Judge) -> None:
    late = make_backup(updated_at=NOW + SKEW + SECOND)
    assert judge("backup-implausible", late) == "changed in the future, on 2026-11-23 at 06:10 UTC"
    assert judge("backup-implausible", make_backup(updated_at=NOW + SKEW)) is None


def test_skew_minutes_moves_the_boundary(judge: Judge) -> None:
    backup = make_backup(updated_at=NOW + timedelta(minutes=5))
    assert judge("backup-implausible", backup) is None
    assert isinstance(judge("backup-implausible", backup, skew_minutes=4), str)
    assert judge("backup-implausible", backup, skew_minutes=1_000_000) is None


def test_an_end_before_the_beginning_is_found(judge: Judge) -> None:
    created = NOW - timedelta(days=1)
    early = make_backup(created_at=created, expired_at=created - SECOND)
    assert judge("backup-implausible", early) == "expired on 2026-11-22 at 05:59 UTC, before it was created"
    assert judge("backup-implausible", make_backup(created_at=created, expired_at=created)) is None


@pytest.mark.parametrize("expired", [None, NOW - timedelta(days=400)])
def test_without_a_beginning_it_is_unknown(judge: Judge, expired: object) -> None:
    backup = make_backup(created_at=None, expired_at=expired)
    assert judge("backup-implausible", backup) == Unknown("created_at")
    assert isinstance(judge("backup-implausible", make_backup(created_at=None, updated_at=NOW + 2 * SKEW)), str)
