from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cbr_auditor.cbr.records import Backup
from cbr_auditor.finding import Finding, text_of
from cbr_auditor.finding_lines import FindingLines, csv_line
from cbr_auditor.row import Record, Series, finding_of, rows_of
from cbr_auditor.rule import Severity
from tests.fakes import NOW, PROJECT, make_backup

HOSTILE = st.text(st.sampled_from("ab\u00fc1 ,;\"\\\\'=+-@\t\r\n\x7f\x00\u2028\u202e\u200b\uff1d\uff0d"), max_size=5)
TEXTS = st.just("web-01") | HOSTILE | st.text(max_size=9)
NAMES = ("id", "name", "resource_id", "resource_name", "resource_type", "vault_id")


def series_of(message: str = "", **changes: Any) -> Series:
    fields = {
        "rule": "backup-error",
        "project_id": PROJECT,
        "region": "eu-de",
        "severity": Severity.HIGH,
        "noun": "backup",
    }
    return Series(number=0, group=(0, False), outcome="fail", message=message, recent=[], **{**fields, **changes})


def row_of(backup: Backup, since: str, message: str) -> str | None:
    rows = rows_of((backup,), (since,), message)
    return rows[0] if rows else None


def record_of(row: str, ident: str, number: int = 0) -> Record:
    return (0.0, PROJECT, ident, number, 0, row)


def written(record: Record, series: Series) -> tuple[str, str]:
    """What the slow way writes, which looks at each cell."""
    _, _, ident, _, _, row = record
    finding = row if isinstance(row, Finding) else finding_of(series, ident, row)
    return csv_line(finding), msgspec.json.encode(finding).decode()


@given(
    rows=st.lists(st.tuples(*([TEXTS] * len(NAMES)), st.booleans(), TEXTS), min_size=1, max_size=6),
    shared=st.none() | TEXTS.filter(bool),
)
@example(rows=[("1", "a", "b", "c", "d", "-e", False, "x"), ("2", *"abcde", True, "y, z")], shared=None)
@example(
    rows=[("=1", *"abcde", False, "x"), ("2", "a", "b;=", "c", "d", "e", True, "y")], shared="made by hand, not by x"
)
def test_rows_are_written_as_the_findings_that_they_stand_for(rows: list[Any], shared: str | None) -> None:
    series = series_of(shared or "")
    records: list[Record] = []
    for *names, timed, message in rows:
        backup = make_backup(**dict(zip(NAMES, names, strict=True)))
        row = row_of(backup, text_of(NOW) if timed else "", "" if shared else message)
        if row is not None:
            records.append(record_of(row, backup.id, len(records)))
    if not series.is_plain:
        return
    expected = [written(record, series) for record in records]
    cells, items = FindingLines([series]).both(records)
    assert cells == "".join(line for line, _ in expected)
    assert items == ",\n".join(item for _, item in expected)


@given(st.lists(st.tuples(*([TEXTS] * len(NAMES))), min_size=1, max_size=6), TEXTS)
def test_many_rows_are_plain_where_each_alone_is(cells: list[tuple[str, ...]], message: str) -> None:
    backups = [make_backup(**dict(zip(NAMES, each, strict=True))) for each in cells]
    alone = [row_of(backup, "", message) for backup in backups]
    assert rows_of(backups, [""] * len(backups), message) == (None if None in alone else alone)


@pytest.mark.parametrize(
    "text",
    [
        *("a,b", 'a"b', "a\\b", "a\tb", "a\rb", "a\x7fb", "a\x00b", "a\x85b", "a\u2028b", "a\u202eb", "a\u200bb"),
        *("=a", "+a", "-a", "@a", "\uff1da", "\uff0ba", "\uff0da", "\uff20a", "a;=b", "a;-b", "\u00fc;-b", "x" * 8_001),
    ],
)
@pytest.mark.parametrize("place", NAMES)
def test_one_bad_cell_is_no_row_and_none_among_others(text: str, place: str) -> None:
    bad, good = make_backup(**{place: text}), make_backup()
    assert row_of(bad, "", "") is None
    assert rows_of((good, bad, good), [""] * 3, "it failed") is None


@pytest.mark.parametrize(
    "text", ["web-01", "B\u00fcro 3", "\u6771\u4eac", "a;b", "a = b", "root@db", "1+1", "'=1", "", " a "]
)
def test_a_harmless_name_stays_in_the_row(text: str) -> None:
    row = row_of(make_backup(name=text), "", "it failed")
    assert row is not None
    assert row.startswith(f"{text}\n")


def test_a_message_may_have_commas_and_an_id_or_a_name_may_not() -> None:
    assert row_of(make_backup(), "", "made by hand, not by a policy") is not None
    assert row_of(make_backup(name="a,b"), "", "made by hand, not by a policy") is None
    assert row_of(make_backup(id="a,b"), "", "made by hand, not by a policy") is None
    assert row_of(make_backup(name="a,b"), "", "made by hand") is None


@pytest.mark.parametrize("changes", [{name: None} for name in NAMES[1:]] + [{name: "a\nb"} for name in NAMES[1:]])
def test_a_backup_without_a_name_or_with_a_line_break_in_it_has_no_row(changes: dict[str, Any]) -> None:
    assert row_of(make_backup(**changes), "", "") is None


@pytest.mark.parametrize(
    "changes", [{"region": "a,b"}, {"region": '"'}, {"project_id": "-p"}, {"project_id": "p\n"}, {"message": "=1"}]
)
def test_what_a_series_shares_must_be_plain_too(changes: dict[str, str]) -> None:
    assert not series_of(**changes).is_plain
    assert series_of("made by hand, not by a policy", region=None).is_plain
