import json
import math
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbr_auditor.cbr import vaults
from cbr_auditor.cbr.loose import Fields, read_time
from cbr_auditor.cbr.records import UnreadableRecord
from cbr_auditor.cbr.vaults import Vault, VolumeRef, read_vaults
from cbr_auditor.errors import AnswerError

DATA = Path(__file__).parent.parent / "data"
BODIES = sorted(DATA.glob("vault*.json"))
IN_BILLING = {
    "size_gib": "size",
    "used_mib": "used",
    "allocated_gib": "allocated",
    "status": "status",
    "protect_type": "protect_type",
    "object_type": "object_type",
    "frozen_scene": "frozen_scene",
    "consistent_level": "consistent_level",
}
AT_TOP = ("id", "name", "description", "locked", "auto_expand", "auto_bind", "smn_notify", "threshold")
OF_A_MEMBER = {
    "id": "id",
    "name": "name",
    "type": "type",
    "size_gib": "size",
    "backup_size_mib": "backup_size",
    "backup_count": "backup_count",
    "protect_status": "protect_status",
}


def read(*rows: Any, **envelope: Any) -> list[Vault | UnreadableRecord]:
    return read_vaults(json.dumps({"vaults": rows, **envelope}).encode()).rows


def one(**fields: Any) -> Vault:
    (vault,) = read({"id": "v1", **fields})
    assert isinstance(vault, Vault)
    return vault


def rows_of(content: Any) -> Iterator[dict[str, Any]]:
    """Every vault in a body, whatever the keys around it."""
    if isinstance(content, dict) and "billing" in content:
        yield content
    elif isinstance(content, (dict, list)):
        for value in content.values() if isinstance(content, dict) else content:
            yield from rows_of(value)


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_every_known_body_is_read_without_loss(path: Path) -> None:
    rows = list(rows_of(json.loads(path.read_bytes())))
    assert rows or "empty" in path.name
    vaults = read(*rows)
    assert len(vaults) == len(rows)
    for vault, row in zip(vaults, rows, strict=True):
        assert isinstance(vault, Vault)
        assert vault.unreadable == ()
        assert {name: getattr(vault, name) for name in AT_TOP} == {name: row.get(name) for name in AT_TOP}
        assert {name: getattr(vault, name) for name in IN_BILLING} == {
            name: row["billing"].get(key) for name, key in IN_BILLING.items()
        }
        assert vault.created_at == read_time(row["created_at"])
        assert vault.tags == {tag["key"]: tag.get("value") for tag in row["tags"]}
        assert vault.enterprise_project_id == str(row["enterprise_project_id"])
        for member, record in zip(vault.resources or [], row["resources"], strict=True):
            assert {name: getattr(member, name) for name in OF_A_MEMBER} == {
                name: record.get(key) for name, key in OF_A_MEMBER.items()
            }
            extra = record.get("extra_info") or {}
            assert [disk.id for disk in member.exclude_volumes] == extra.get("exclude_volumes", [])
            assert [disk.id for disk in member.include_volumes] == [
                disk["id"] for disk in extra.get("include_volumes", [])
            ]


@pytest.mark.parametrize("path", [path for path in BODIES if path.name.startswith("vaults-list")], ids=lambda p: p.stem)
def test_the_count_is_what_the_api_says(path: Path) -> None:
    body = path.read_bytes()
    assert read_vaults(body).count == json.loads(body)["count"]


def test_absent_and_null_are_both_none() -> None:
    nothing = one()
    nulls = one(**dict.fromkeys(("name", "billing", "resources", "tags", "locked", "bind_rules", "smn_notify")))
    assert nothing == nulls
    assert {nothing.locked, nothing.used_percent, nothing.makes_backups} == {None}
    assert nothing.resources is None
    assert nothing.tags is None
    assert nothing.label == "v1"


def test_texts_numbers_and_objects_in_strings_are_read() -> None:
    vault = one(
        locked="True",
        billing='{"size": "100", "used": "51200.0"}',
        resources=[{"id": "r", "backup_count": "0", "extra_info": "{}"}],
        created_at="2025-03-25T06:12:48.673924",
    )
    assert (vault.locked, vault.size_gib, vault.used_mib, vault.used_percent) == (True, 100, 51200, 50)
    assert (vault.resources or [])[0].backup_count == 0
    assert vault.created_at == datetime(2025, 3, 25, 6, 12, 48, 673924, tzinfo=timezone.utc)
    assert vault.unreadable == ()


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"locked": "perhaps"}, "locked"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"billing": []}, "billing"),
        ({"billing": {"size": "large"}}, "billing.size"),
        ({"billing": {"used": True}}, "billing.used"),
        ({"resources": {}}, "resources"),
        ({"resources": [None]}, "resources"),
        ({"resources": [{"protect_status": []}]}, "resources.protect_status"),
        ({"resources": [{"extra_info": {"exclude_volumes": "all"}}]}, "resources.extra_info.exclude_volumes"),
        ({"tags": [{"value": "x"}]}, "tags"),
        ({"threshold": 80.5}, "threshold"),
    ],
)
def test_what_is_neither_null_nor_readable_is_named(fields: dict[str, Any], path: str) -> None:
    assert one(**fields).unreadable == (path,)


def test_an_excluded_disk_is_read_by_id_or_as_an_object() -> None:
    extra = {"exclude_volumes": ["d1", {"id": "d2", "name": "data"}]}
    (member,) = one(resources=[{"id": "r", "extra_info": extra}]).resources or []
    assert member.exclude_volumes == (VolumeRef("d1"), VolumeRef("d2", "data"))


@pytest.mark.parametrize("row", [None, 3, "x", [], {}, {"id": None}, {"id": ""}, {"id": {}}])
def test_a_row_without_an_id_is_unreadable_and_costs_itself_alone(row: Any) -> None:
    bad, good = read(row, {"id": "v2"})
    assert isinstance(bad, UnreadableRecord)
    assert bad.id.startswith("unreadable:")
    assert isinstance(good, Vault)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"vaults": {}}', b'{"count": 3}', b'{"vaults": [', b"\xff"])
def test_a_body_that_is_no_list_of_vaults_is_an_error(body: bytes) -> None:
    with pytest.raises(AnswerError):
        read_vaults(body)


def test_lone_surrogates_are_replaced() -> None:
    (vault,) = read_vaults(rb'{"vaults": [{"id": "v1", "name": "a\ud800b"}]}').rows
    assert isinstance(vault, Vault)
    assert vault.name == "a\ufffdb"


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists)


@settings(max_examples=40)
@given(
    fields=st.dictionaries(st.sampled_from([*AT_TOP[1:], "billing", "resources", "tags", "bind_rules"]), JSON),
    billing=st.dictionaries(st.sampled_from(sorted(IN_BILLING.values())), JSON),
)
def test_no_value_of_any_type_breaks_the_reader(fields: dict[str, Any], billing: dict[str, Any]) -> None:
    vault = one(**{"billing": billing, **fields})
    assert vault.id == "v1"
    assert vault.used_percent is None or math.isfinite(vault.used_percent)


ODD = st.one_of(
    st.text(max_size=4), st.just("half \ud83d a character"), st.integers(), st.floats(), st.booleans(), st.none()
)
EXTRAS: st.SearchStrategy[Any] = st.sampled_from(
    [None, {}, "{}", {"exclude_volumes": []}, {"exclude_volumes": ["d1"]}, {"other": 1}, 3]
)


@given(
    member=st.fixed_dictionaries(
        {"id": st.text(max_size=3)}, optional={key: ODD for key in OF_A_MEMBER.values() if key != "id"}
    ),
    extra=EXTRAS,
)
def test_a_member_is_read_the_same_the_quick_way_and_the_thorough_one(member: dict[str, Any], extra: Any) -> None:
    member["extra_info"] = extra
    quick, fields = vaults._usual_resource(member), Fields(member)
    thorough = vaults._resource(fields)
    assert quick in {None, thorough}
    if quick is not None:
        assert not fields.unreadable
        assert repr(quick) == repr(thorough)  # 1 is not 1.0 nor True
