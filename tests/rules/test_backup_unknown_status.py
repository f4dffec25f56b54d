import pytest

from cbr_auditor.cbr.records import DOCUMENTED_STATUSES
from tests.fakes import make_backup
from tests.rules.conftest import Judge


@pytest.mark.parametrize("status", ["melting", "AVAILABLE", "deleted", "error-deleting"])
def test_an_undocumented_status_is_found_and_named(judge: Judge, status: str) -> None:
    outcome = judge("backup-unknown-status", make_backup(status=status))
    assert outcome == f"the status {status} is not documented"


@pytest.mark.parametrize("status", sorted(DOCUMENTED_STATUSES))
def test_the_eight_documented_ones_are_fine(judge: Judge, status: str) -> None:
    assert judge("backup-unknown-status", make_backup(status=status)) is None
