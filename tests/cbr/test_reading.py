import contextlib
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.cbr.loose import read_time
from cbr_auditor.cbr.reading import as_backup, read_backup, read_page
from cbr_auditor.cbr.records import Backup, ListedBackup, Page, UnreadableRecord
from cbr_auditor.errors import AnswerError

DATA = Path(__file__).parent.parent / "data"
LISTS = sorted(DATA.glob("backups-list_*.json"))
DETAILS = sorted(DATA.glob("backup-get_*.json"))
UTC = timezone.utc


def page(*records: Any, **envelope: Any) -> Page:
    return read_page(json.dumps({"backups": records, "count": len(records), **envelope}).encode())


def one(**changes: Any) -> Backup:
    record = {"id": "b1", "status": "available", **changes}
    (row,) = page(record).rows
    assert not isinstance(row, UnreadableRecord)
    return as_backup(row)


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_every_known_list_body_is_read_without_loss(path: Path) -> None:
    body = path.read_bytes()
    content = json.loads(body)
    result = read_page(body)
    assert result.count == content["count"]
    assert len(result.rows) == len(content["backups"])
    for listed, record in zip(result.rows, content["backups"], strict=True):
        assert not isinstance(listed, UnreadableRecord)
        row = as_backup(listed)
        assert row.unreadable == ()
        for key in ("id", "status", "name", "resource_id", "resource_name", "resource_type", "vault_id"):
            assert getattr(row, key) == record.get(key)
        assert row.auto_trigger == record["extend_info"].get("auto_trigger")
        assert row.encrypted == record["extend_info"].get("encrypted")
        for key in ("created_at", "updated_at", "expired_at"):
            assert getattr(row, key) == (None if record.get(key) is None else expected_time(record[key]))


def expected_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


@pytest.mark.parametrize("path", DETAILS, ids=lambda path: path.stem)
def test_every_known_detail_is_read_with_its_disks(path: Path) -> None:
    backup = read_backup(path.read_bytes())
    record = json.loads(path.read_bytes())["backup"]
    assert backup.id == record["id"]
    assert backup.encrypted is None
    assert [(disk.id, disk.encrypted) for disk in backup.children or []] == [
        (child["id"], child["extend_info"]["encrypted"]) for child in record["children"]
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-02-05T10:38:34.209782", datetime(2020, 2, 5, 10, 38, 34, 209782, UTC)),
        ("2020-02-05T10:38:34Z", datetime(2020, 2, 5, 10, 38, 34, 0, UTC)),
        ("2020-02-05T10:38:34.114+00:00", datetime(2020, 2, 5, 10, 38, 34, 114000, UTC)),
        ("2020-02-05T12:38:34+02:00", datetime(2020, 2, 5, 10, 38, 34, 0, UTC)),
        ("2025-05-24 08:45:56", datetime(2025, 5, 24, 8, 45, 56, 0, UTC)),
        (" 2025-05-24T08:45:56 ", datetime(2025, 5, 24, 8, 45, 56, 0, UTC)),
        ("2025-03-25", datetime(2025, 3, 25, 0, 0, 0, 0, UTC)),
    ],
)
def test_every_form_of_time_is_read_as_utc(text: str, expected: datetime) -> None:
    assert read_time(text) == expected
    assert one(expired_at=text).expired_at == expected
    assert one(expired_at=text).expired_at.tzinfo is UTC  # type: ignore[union-attr]  # asserted just above


@pytest.mark.parametrize(
    "value",
    ["", "never", "permanent", "2025-13-01T00:00:00", 0, 1583, True, [], {}, "0001-01-01T00:00:00+14:00"],
)
def test_a_time_that_cannot_be_read_is_remembered_and_loses_nothing_else(value: Any) -> None:
    backup = one(expired_at=value, name="db", created_at="2025-03-25T06:32:07")
    assert backup.expired_at is None
    assert backup.unreadable == ("expired_at",)
    assert backup.name == "db"
    assert backup.created_at == datetime(2025, 3, 25, 6, 32, 7, 0, UTC)


@pytest.mark.parametrize("record", [{}, {"expired_at": None}])
def test_an_absent_or_null_expiry_is_no_unreadable_one(record: dict[str, Any]) -> None:
    backup = one(**record)
    assert backup.expired_at is None
    assert backup.unreadable == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", True),
        ("True", True),
        ("false", False),
        ("0", False),
        (1, True),
        (0, False),
        (None, None),
        ("?", None),
    ],
)
def test_flags_written_as_strings_or_numbers_are_read(value: Any, expected: bool | None) -> None:
    backup = one(extend_info={"auto_trigger": value, "encrypted": value})
    assert backup.auto_trigger is expected
    assert backup.encrypted is expected


def test_an_object_written_as_a_string_is_read() -> None:
    assert one(extend_info='{"auto_trigger": true}').auto_trigger is True
    assert one(extend_info="{}").auto_trigger is None
    assert one(extend_info="nonsense").unreadable == ("extend_info",)


def test_unknown_keys_statuses_and_numbers_for_texts_are_read() -> None:
    backup = one(status="melting", name=17, vault_id=4, brand_new={"a": [1]})
    assert (backup.status, backup.name, backup.vault_id) == ("melting", "17", "4")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, "no object"),
        ("text", "no object"),
        ([], "no object"),
        ({}, "id"),
        ({"id": None, "status": "available"}, "id"),
        ({"id": "", "status": "available"}, "id"),
        ({"id": {"a": 1}, "status": "available"}, "id"),
        ({"id": "b1"}, "status"),
        ({"id": "b1", "status": None}, "status"),
        ({"id": "b1", "status": ""}, "status"),
    ],
)
def test_a_record_that_cannot_be_read_costs_itself_alone(record: Any, reason: str) -> None:
    good = {"id": "good", "status": "available"}
    before, bad, after = page(good, record, {**good, "id": "good2"}).rows
    assert isinstance(before, ListedBackup)
    assert isinstance(after, ListedBackup)
    assert isinstance(bad, UnreadableRecord)
    assert reason in bad.reason


def test_an_unreadable_record_still_tells_what_it_belongs_to() -> None:
    (row,) = page({"id": None, "status": "available", "resource_id": "s1"}).rows
    assert isinstance(row, UnreadableRecord)
    assert row.resource_id == "s1"


def test_a_lone_surrogate_in_a_name_costs_one_character() -> None:
    body = rb'{"backups":[{"id":"a","status":"error","name":"x\ud800y"},{"id":"b","status":"available"}],"count":2}'
    first, second = read_page(body).rows
    assert isinstance(first, Backup)
    assert first.name == "x\ufffdy"
    assert isinstance(second, Backup)


def test_a_number_without_measure_is_no_obstacle() -> None:
    digits = b'{"id":"b","status":"error","name":"\\ud800","x":' + b"9" * 5000 + b"}"
    good = b'{"id":"c","status":"available"}'
    first, second = read_page(b'{"backups":[' + digits + b"," + good + b'],"count":2}').rows
    assert isinstance(first, Backup)
    assert isinstance(second, Backup)


def test_an_unreadable_row_has_one_key_whichever_way_its_page_is_read() -> None:
    bad = '{"status": "error", "id":null, "n": "\u00fc"}'
    (one_way,) = read_page(f'{{"backups":[{bad}]}}'.encode()).rows
    other_way, _ = read_page(f'{{"backups":[{bad},{{"id":"a","status":"x","name":"\\ud800"}}]}}'.encode()).rows
    assert one_way.id == other_way.id


def test_broken_utf8_costs_one_character() -> None:
    body = b'{"backups":[{"id":"a","status":"error","name":"x\xffy"}],"count":1}'
    (row,) = read_page(body).rows
    assert isinstance(row, Backup)
    assert row.name == "x\ufffdy"


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert len(read_page(b'\xef\xbb\xbf{"backups":[{"id":"a","status":"error"}]}').rows) == 1


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (3, 3),
        ("3", 3),
        (None, None),
        ("many", None),
        ("9" * 5000, None),
        (-1, None),
        (True, None),
        ([], None),
        (2.5, None),
    ],
)
def test_an_odd_count_is_no_obstacle(count: Any, expected: int | None) -> None:
    assert page({"id": "a", "status": "error"}, count=count).count == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b"{}",
        b'{"backups":null}',
        b'{"backups":{}}',
        b'{"backups":[{"id":',
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:20]),
)
def test_an_answer_that_is_no_list_of_backups_is_an_error(body: bytes) -> None:
    with pytest.raises(AnswerError):
        read_page(body)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"backup":null}', b'{"backup":{"id":1}}', b"<html>"])
def test_a_detail_that_is_no_backup_is_an_error(body: bytes) -> None:
    with pytest.raises(AnswerError):
        read_backup(body)


KEYS = [
    "id",
    "status",
    "name",
    "created_at",
    "updated_at",
    "expired_at",
    "extend_info",
    "children",
    "resource_id",
    "x",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(JSON | st.dictionaries(st.sampled_from(KEYS), JSON), max_size=6))
def test_no_record_is_ever_lost_or_raises(records: list[Any]) -> None:
    assert len(page(*records).rows) == len(records)


@given(st.binary(max_size=200))
def test_no_body_raises_anything_but_the_answers_error(body: bytes) -> None:
    with contextlib.suppress(AnswerError):
        read_page(body)
