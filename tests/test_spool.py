import contextlib
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.row import Series, rows_of
from cbr_auditor.rule import Severity
from cbr_auditor.spool import BackupSpool, FindingSpool, Order
from tests.fakes import make_backup, make_finding

ORDERS = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.floats(-9, 9), st.just("p"), st.text(max_size=5)),
    max_size=60,
    unique=True,
)


def keep(spool: FindingSpool, series: Series, time: float, ident: str, message: str = "") -> None:
    """Keep one finding as a row."""
    backup = make_backup(id=ident)
    rows = rows_of((backup,), ("",), message)
    if rows is None:  # the spool does not look
        rows = rows_of((make_backup(),), ("",), message)
    assert rows
    spool.add_rows(series, (time,), (backup,), rows)


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


KEYS = st.tuples(st.integers(0, 2), st.booleans(), st.sampled_from([-1.5, 0.0, 2.0]), st.sampled_from(["p", "q"]))


@given(
    kept=st.lists(st.tuples(KEYS, st.sampled_from(["a", "b", "="]), st.booleans()), max_size=150),
    run=st.sampled_from([1, 2, 7, 150]),
    plain=st.sampled_from([0, 10_000]),
)
def test_rows_and_whole_findings_stand_in_one_order_and_ties_in_that_of_arrival(
    tmp_path_factory: pytest.TempPathFactory, kept: list[Any], run: int, plain: int
) -> None:
    spool, series = FindingSpool(tmp_path_factory.mktemp("spool"), run), {}
    expected = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cbr_auditor.spool._PLAIN", plain)  # both without and with compression
        patch.setattr("cbr_auditor.spool._BLOCK", 3)
        for number, ((place, unknown, time, project, *_), ident, as_row) in enumerate(kept):
            order = (place, unknown, time, project, ident)
            expected.append((order, number))
            if not as_row:
                spool.add(order, make_finding(message=str(number), project_id=project))
                continue
            if (place, unknown, project) not in series:
                series[place, unknown, project] = spool.begin(
                    (place, unknown), "backup-error", Severity.HIGH, "fail", project, None, "backup", ""
                )
            keep(spool, series[place, unknown, project], time, ident, str(number))
        messages = [str(number) for _, number in sorted(expected)]
        assert [finding.message for finding in spool] == messages
        assert [finding.message for finding in spool] == messages
        parts = [(group, len(records)) for group, records in spool.parts()]
        assert [group for group, _ in parts] == sorted(group for group, _ in parts)
        assert sum(count for _, count in parts) == len(kept)


def test_nothing_is_lost_where_several_threads_add(tmp_path: Path) -> None:
    spool = FindingSpool(tmp_path, run=50)

    def add(project: str) -> None:
        series = spool.begin((0, False), "backup-error", Severity.HIGH, "fail", project, None, "backup", "it failed")
        for number in range(2_000):
            keep(spool, series, float(number % 7), f"{number:04}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, "pqrs"))
    found = [(finding.project_id, finding.subject_id) for finding in spool]
    assert len(found) == 8_000
    assert found == sorted(found, key=lambda each: (int(each[1] or "") % 7, each))


def test_memory_does_not_grow_with_the_number_of_findings(tmp_path: Path) -> None:
    spool = FindingSpool(tmp_path, run=2_000)
    series = spool.begin((0, False), "backup-error", Severity.HIGH, "fail", "p", None, "backup", "it failed")

    def fill_and_read() -> None:
        for number in range(40_000):
            keep(spool, series, float(number * 7919 % 40_000), f"{number:05}")
        count = 0
        for _, records in spool.parts():
            assert records == sorted(records)
            count += len(records)
        assert count == 40_000

    tracemalloc.start()
    fill_and_read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 2**20  # all of them take five times as much


def test_a_disk_that_is_full_costs_no_finding_that_came_before(tmp_path: Path) -> None:
    spool = FindingSpool(tmp_path, run=4)
    for number in range(6):
        spool.add((0, False, 0.0, "p", str(number)), make_finding(message=str(number)))
    (tmp_path / "findings").rename(tmp_path / "kept")
    (tmp_path / "findings").mkdir()  # what is no file cannot be written
    for number in range(6, 12):
        with contextlib.suppress(OSError):
            spool.add((0, False, 0.0, "p", f"{number:02}"), make_finding(message=str(number)))
    (tmp_path / "findings").rmdir()
    (tmp_path / "kept").rename(tmp_path / "findings")
    assert sorted(int(finding.message) for finding in spool) == list(range(12))


def test_backups_come_back_as_they_were(tmp_path: Path) -> None:
    spool = BackupSpool(tmp_path / "waiting")
    backups = [make_backup(id=str(number), unreadable=("expired_at",), name="\ufffd\u00fc") for number in range(1001)]
    waiting = [(1 << number, 1, backup) for number, backup in enumerate(backups)]  # of more rules than an integer takes
    for each in waiting:
        spool.add(each)
    assert list(spool.drain()) == waiting
