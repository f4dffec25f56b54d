from datetime import datetime, timezone
from typing import Any

import pytest

from cbr_auditor.cbr.query import hides_resources, hides_siblings, narrowing, read_filters
from cbr_auditor.errors import SettingsError


@pytest.mark.parametrize(
    ("table", "filters"),
    [
        ({}, {}),
        ({"status": "error"}, {"status": ["error"]}),
        ({"status": ["error", "available"]}, {"status": ["error", "available"]}),
        ({"own_type": "all_granted"}, {"own_type": ["all_granted"]}),
        ({"resource_type": "OS::Nova::Server"}, {"resource_type": ["OS::Nova::Server"]}),
        ({"vault_id": "v1", "name": "autobk"}, {"vault_id": ["v1"], "name": ["autobk"]}),
        ({"used_percent": 80}, {"used_percent": ["80"]}),
        ({"dec": True}, {"dec": ["true"]}),
        ({"start_time": "2026-01-01T00:00:00Z"}, {"start_time": ["2026-01-01T00:00:00Z"]}),
        ({"end_time": datetime(2026, 1, 1, tzinfo=timezone.utc)}, {"end_time": ["2026-01-01T00:00:00Z"]}),
    ],
)
def test_documented_filters_are_given_as_the_api_wants_them(
    table: dict[str, Any], filters: dict[str, list[str]]
) -> None:
    assert read_filters(table) == filters


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"limit": 10}, ["limit", "Remove"]),
        ({"offset": 10}, ["offset", "Remove"]),
        ({"sort": "name"}, ["sort", "Remove"]),
        ({"marker": "x"}, ["marker", "Remove"]),
        ({"stauts": "error"}, ["stauts", "Did you mean status?"]),
        ({"status": "failed"}, ["'failed'", "available"]),
        ({"status": []}, ["status"]),
        ({"status": ["error", 3]}, ["status", "3"]),
        ({"resource_type": ["OS::Nova::Server"]}, ["resource_type", "OS::Nova::Server"]),
        ({"own_type": []}, ["own_type"]),
        ({"image_type": {}}, ["image_type"]),
        ({"status": [["error"]]}, ["status"]),
        ({"status": {}}, ["status"]),
        ({"own_type": "mine"}, ["'mine'", "private"]),
        ({"used_percent": 0}, ["used_percent", "1 to 100"]),
        ({"used_percent": 101}, ["used_percent", "1 to 100"]),
        ({"used_percent": True}, ["used_percent"]),
        ({"start_time": "2026-01-01"}, ["start_time", "2026-02-01T12:00:00Z"]),
        ({"start_time": "2026-13-01T00:00:00Z"}, ["start_time"]),
        ({"end_time": datetime(2026, 1, 1)}, ["end_time", "UTC"]),  # noqa: DTZ001  # the refused form itself
        ({"vault_id": ""}, ["vault_id"]),
        ({"vault_id": ["a", "b"]}, ["vault_id"]),
        ({"name": "a\nb"}, ["name"]),
        ({"dec": "yes"}, ["dec", "true or false"]),
    ],
)
def test_anything_else_is_refused_with_the_mend(table: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        read_filters(table)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", ["resource_id", "resource_type", "resource_az", "enterprise_project_id"])
def test_a_filter_by_resource_keeps_siblings_together(name: str) -> None:
    assert hides_siblings({name: ["x"]}) is None


@pytest.mark.parametrize("name", ["status", "vault_id", "start_time", "name", "own_type", "used_percent"])
def test_any_other_filter_may_hide_siblings(name: str) -> None:
    assert hides_siblings({name: ["x"], "resource_id": ["y"]}) == name


@pytest.mark.parametrize("name", ["resource_id", "resource_type", "status", "vault_id"])
def test_any_filter_may_hide_all_backups_of_a_resource(name: str) -> None:
    assert hides_resources({name: ["x"]}) == name


def test_what_only_shows_more_hides_nothing() -> None:
    assert hides_siblings({"show_replication": ["true"]}) is None
    assert hides_resources({"show_replication": ["true"]}) is None
    assert hides_resources({}) is None


@pytest.mark.parametrize("table", [{"show_replication": True}, {"own_type": "all_granted"}, {"own_type": "private"}])
def test_what_leaves_nothing_out_narrows_nothing(table: dict[str, Any]) -> None:
    filters = read_filters(table)
    assert narrowing(filters) == {}
    assert hides_resources(filters) is hides_siblings(filters) is None


def test_shared_backups_alone_are_a_narrowed_list() -> None:
    assert narrowing(read_filters({"own_type": "shared"})) == {"own_type": ["shared"]}
