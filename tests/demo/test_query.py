from typing import Any

import pytest

from cbr_auditor.demo.endpoint import CbrEndpoint
from tests.demo.conftest import Caller, row

ODD = "id-0012"


@pytest.mark.parametrize(
    ("query", "change"),
    [
        ({"checkpoint_id": "c"}, {"checkpoint_id": "c"}),
        ({"image_type": "replication"}, {"image_type": "replication"}),
        ({"member_status": "pending"}, {"member_status": "pending"}),
        ({"name": "vor Übergabe"}, {"name": "vor Übergabe"}),
        ({"parent_id": "p"}, {"parent_id": "p"}),
        ({"resource_az": "eu-de-02"}, {"resource_az": "eu-de-02"}),
        ({"resource_id": "r"}, {"resource_id": "r"}),
        ({"resource_name": "erp-db-01"}, {"resource_name": "erp-db-01"}),
        ({"resource_type": "OS::Sfs::Turbo"}, {"resource_type": "OS::Sfs::Turbo"}),
        ({"status": "error"}, {"status": "error"}),
        ({"vault_id": "v"}, {"vault_id": "v"}),
        ({"enterprise_project_id": "e"}, {"enterprise_project_id": "e"}),
        ({"dec": "true"}, {"extend_info": {"is_dec": True}}),
        ({"incremental": "true"}, {"extend_info": {"incremental": True}}),
        ({"incremental": "true"}, {"incremental": True}),
        ({"own_type": "shared"}, {"project_id": "another"}),
        ({"start_time": "2026-11-30T00:00:00Z"}, {"created_at": "2026-11-30T00:00:00.000000"}),
        ({"end_time": "2026-10-31T23:59:59Z"}, {"created_at": "2026-10-31T23:59:59+00:00"}),
        ({"start_time": "2026-11-29T22:00:00Z"}, {"created_at": "2026-11-29T22:00:00Z"}),
        ({"used_percent": "80"}, {"vault_id": "full"}),
    ],
)
def test_a_filter_gives_what_matches_and_counts_only_that(
    endpoint: CbrEndpoint, caller: Caller, query: dict[str, str], change: dict[str, Any]
) -> None:
    assert caller.ids(**query) == []
    endpoint.used_percent = {"full": 80, "v": 79}
    endpoint.backups[12] |= change
    assert caller.ids(**query) == [ODD]
    assert caller.get(params=query).json()["count"] == 1


@pytest.mark.parametrize(
    ("query", "change"),
    [
        ({"dec": "false"}, {"extend_info": {"is_dec": True}}),
        ({"incremental": "false"}, {"incremental": True}),
        ({}, {"project_id": "another"}),
        ({"own_type": "private"}, {"project_id": "another"}),
        ({"enterprise_project_id": "0"}, {"enterprise_project_id": "e"}),
        ({"start_time": "2026-11-01T00:00:00Z"}, {"created_at": None}),
    ],
)
def test_a_filter_leaves_out_what_does_not_match(
    endpoint: CbrEndpoint, caller: Caller, query: dict[str, str], change: dict[str, Any]
) -> None:
    endpoint.backups[12] |= change
    assert set(caller.ids(**query)) == {row(number)["id"] for number in range(25)} - {ODD}


@pytest.mark.parametrize("query", [{"own_type": "all_granted"}, {"enterprise_project_id": "all_granted_eps"}])
def test_all_granted_leaves_nothing_out(endpoint: CbrEndpoint, caller: Caller, query: dict[str, str]) -> None:
    name, value = ("project_id", "another") if "own_type" in query else ("enterprise_project_id", "e")
    endpoint.backups[12][name] = value
    assert len(caller.ids(**query)) == 25


def test_several_statuses_are_given_by_repeating_the_key(endpoint: CbrEndpoint, caller: Caller) -> None:
    for number, status in enumerate(("error", "deleting", "restoring")):
        endpoint.backups[number]["status"] = status
    assert caller.ids(status=["error", "deleting"], sort="id:asc") == ["id-0000", "id-0001"]


def test_filters_narrow_together(endpoint: CbrEndpoint, caller: Caller) -> None:
    for number in (3, 4):
        endpoint.backups[number] |= {"vault_id": "v", "status": "error" if number == 3 else "available"}
    assert caller.ids(vault_id="v", status="error") == ["id-0003"]


def test_replication_records_are_shown_only_where_they_are_asked_for(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.backups[:] = [row(1, replication_records=[{"id": "x"}])]
    assert caller.get().json()["backups"][0]["replication_records"] == []
    shown = caller.get(params={"show_replication": "true"}).json()["backups"][0]
    assert shown["replication_records"] == [{"id": "x"}]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ({}, "314025"),
        ({"sort": "created_at"}, "314025"),
        ({"sort": "created_at:desc"}, "314025"),
        ({"sort": "created_at:asc"}, "520413"),
        ({"sort": "id:asc"}, "012345"),
        ({"sort": "name:asc,id:asc"}, "130254"),
        ({"sort": "name:asc,id"}, "315204"),
        ({"sort": "status:asc,created_at:asc"}, "520413"),
        ({"sort": "protected_at:asc,updated_at,id:desc"}, "543210"),
    ],
)
def test_rows_come_in_the_order_that_is_asked_for(
    endpoint: CbrEndpoint, caller: Caller, sort: dict[str, str], expected: str
) -> None:
    endpoint.backups[:] = [
        row(0, name="b", created_at="2026-11-02T00:00:00.000001"),
        row(1, name="a", created_at="2026-11-02T01:00:00+00:00"),
        row(2, name="b", created_at="2026-11-02T00:00:00Z"),
        row(3, name="a", created_at="2026-11-02T01:00:00.000001"),
        row(4, name="c", created_at="2026-11-02T01:30:00.000+01:00"),
        row(5, name="b", created_at=None),
    ]
    assert "".join(ident[-1] for ident in caller.ids(**sort)) == expected


def test_pages_by_offset_and_by_marker_are_the_same_list(caller: Caller) -> None:
    query = {"sort": "created_at:asc,id:asc", "limit": 10}
    by_offset = [caller.ids(**query, offset=offset) for offset in (0, 10, 20, 30)]
    assert [len(page) for page in by_offset] == [10, 10, 5, 0]
    by_marker = [caller.ids(**query)]
    while by_marker[-1]:
        by_marker.append(caller.ids(**query, marker=by_marker[-1][-1]))
    assert by_marker == by_offset
    assert [ident for page in by_offset for ident in page] == [row(number)["id"] for number in range(25)]


def test_without_a_limit_a_page_has_up_to_a_thousand(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.backups[:] = [row(number) for number in range(1001)]
    body = caller.get().json()
    assert (len(body["backups"]), body["count"], body["offset"], body["limit"]) == (1000, 1001, 0, 1000)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=ten",
        "limit=",
        "offset=-1",
        "offset=1.5",
        "marker=nobody",
        "sort=size",
        "sort=created_at:up",
        "sort=created_at,",
        "sort=" + ",".join(["created_at:asc"] * 18),
        "status=restore_failed",
        "status=error,available",
        "own_type=mine",
        "member_status=maybe",
        "dec=1",
        "incremental=yes",
        "show_replication=",
        "start_time=2026-11-23",
        "end_time=2026-11-23T00:00:00.000001",
        "used_percent=0",
        "used_percent=101",
    ],
)
def test_what_the_documentation_does_not_allow_is_refused(caller: Caller, query: str) -> None:
    answer = caller.get(f"/backups?{query}")
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "BackupService.9900"
    assert query.partition("=")[0] in answer.json()["error_msg"]
