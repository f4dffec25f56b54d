import pytest

from tests.fakes import make_backup
from tests.rules.conftest import Judge


def test_an_automatic_backup_without_end_is_found(judge: Judge) -> None:
    assert judge("backup-without-expiry", make_backup(expired_at=None)) == "the backup has no end date"


@pytest.mark.parametrize("auto_trigger", [False, None])
def test_a_manual_or_unclear_one_is_not(judge: Judge, auto_trigger: bool | None) -> None:
    assert judge("backup-without-expiry", make_backup(expired_at=None, auto_trigger=auto_trigger)) is None


def test_one_with_an_end_is_not(judge: Judge) -> None:
    assert judge("backup-without-expiry", make_backup()) is None


def test_an_end_that_cannot_be_read_is_an_end(judge: Judge) -> None:
    assert judge("backup-without-expiry", make_backup(expired_at=None, unreadable=("expired_at",))) is None
