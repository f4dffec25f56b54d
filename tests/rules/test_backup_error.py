import pytest

from cbr_auditor.cbr.records import DOCUMENTED_STATUSES
from cbr_auditor.rule import Needs
from tests.fakes import make_backup
from tests.rules.conftest import Judge


def test_a_failed_backup_needs_its_reason_first(judge: Judge) -> None:
    assert judge("backup-error", make_backup(status="error")) is Needs.REASON


def test_a_failed_backup_is_found_with_or_without_a_reason(judge: Judge) -> None:
    assert judge("backup-error", make_backup(status="error", reason="")) == "the backup failed"
    assert judge("backup-error", make_backup(status="error", reason="E1 full")) == "the backup failed: E1 full"


@pytest.mark.parametrize("status", [*sorted(DOCUMENTED_STATUSES - {"error"}), "melting", "Error"])
def test_every_other_status_is_none_of_its_business(judge: Judge, status: str) -> None:
    assert judge("backup-error", make_backup(status=status)) is None
