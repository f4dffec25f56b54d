from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.spool import BackupSpool, FindingSpool, Order
from tests.fakes import make_backup, make_finding

ORDERS = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.floats(-9, 9), st.just("p"), st.text(max_size=5)),
    max_size=60,
    unique=True,
)


@given(orders=ORDERS, run=st.integers(1, 20))
def test_findings_come_back_complete_and_in_order_from_memory_and_disk(
    tmp_path_factory: pytest.TempPathFactory, orders: list[Order], run: int
) -> None:
    spool = FindingSpool(tmp_path_factory.mktemp("spool"), run)
    for order in orders:
        spool.add(order, make_finding(message=repr(order)))
    expected = [repr(order) for order in sorted(orders)]
    assert [finding.message for finding in spool] == expected
    assert [finding.message for finding in spool] == expected  # and may be read again


def test_backups_come_back_as_they_were(tmp_path: Path) -> None:
    spool = BackupSpool(tmp_path / "waiting")
    backups = [make_backup(id=str(number), unreadable=("expired_at",), name="\ufffd\u00fc") for number in range(1001)]
    waiting = [(number, 1, backup) for number, backup in enumerate(backups)]
    for each in waiting:
        spool.add(each)
    assert list(spool.drain()) == waiting
