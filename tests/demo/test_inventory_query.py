from collections.abc import Iterator
from typing import Any

import pytest

from cbr_auditor.demo import faults
from cbr_auditor.demo.answer import RawJson
from cbr_auditor.demo.endpoint import CbrEndpoint
from tests.demo.conftest import TOKEN, Caller
from tests.fakes import PROJECT

KEYS = {"/vaults": "vaults", "/policies": "policies", "/operation-logs": "operation_logs"}
ODD = "id-3"


def vault(number: int) -> dict[str, Any]:
    return {
        "id": f"id-{number}",
        "name": f"vault-{number}",
        "billing": {
            "cloud_type": "public",
            "object_type": "server",
            "protect_type": "backup",
            "status": "available",
            "size": 100,
            "used": 51_200,
        },
        "resources": [{"id": f"server-{number}"}],
        "enterprise_project_id": "0",
    }


def policy(number: int) -> dict[str, Any]:
    bound = None if number == 0 else [{"vault_id": f"id-{number}", "destination_vault_id": None}]
    return {"id": f"id-{number}", "operation_type": "backup", "associated_vaults": bound}


def task(number: int) -> dict[str, Any]:
    return {
        "id": f"id-{number}",
        "started_at": f"2026-11-20T0{number}:00:00.000001",
        "operation_type": "backup",
        "status": "success",
        "provider_id": "p",
        "vault_id": "v",
        "vault_name": "vault",
        "extra_info": {"resource": {"id": "r", "name": "erp-db-01"}},
    }


@pytest.fixture
def endpoint() -> Iterator[CbrEndpoint]:
    with CbrEndpoint([], project_id=PROJECT, token=TOKEN) as server:
        server.vaults = [vault(number) for number in range(5)]
        server.policies = [policy(number) for number in range(5)]
        server.tasks = [task(number) for number in range(5)]
        yield server


def ids(caller: Caller, path: str, **query: Any) -> list[str]:
    answer = caller.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()[KEYS[path]]]


def test_each_list_has_the_envelope_that_was_recorded(caller: Caller) -> None:
    vaults, policies, tasks = (caller.get(path).json() for path in KEYS)
    assert list(vaults) == ["vaults", "count", "offset", "limit"]
    assert list(policies) == ["policies", "count", "limit", "offset"]
    assert list(tasks) == ["count", "operation_logs"]
    assert (vaults["count"], vaults["offset"], vaults["limit"]) == (5, 0, 1000)
    assert (policies["count"], policies["offset"], policies["limit"]) == (5, 0, 1000)
    assert tasks["count"] == 5


@pytest.mark.parametrize(
    ("query", "change"),
    [
        ({"name": "odd"}, {"name": "odd"}),
        ({"object_type": "disk"}, {"billing": {"object_type": "disk"}}),
        ({"protect_type": "replication"}, {"billing": {"protect_type": "replication"}}),
        ({"cloud_type": "hybrid"}, {"billing": {"cloud_type": "hybrid"}}),
        ({"status": "lock"}, {"billing": {"status": "lock"}}),
        ({"resource_ids": "nobody,disk-7"}, {"resources": [{"id": "disk-6"}, {"id": "disk-7"}]}),
        ({"enterprise_project_id": "e"}, {"enterprise_project_id": "e"}),
    ],
)
def test_a_filter_of_vaults_gives_what_matches_and_counts_only_that(
    endpoint: CbrEndpoint, caller: Caller, query: dict[str, str], change: dict[str, Any]
) -> None:
    assert ids(caller, "/vaults", **query) == []
    endpoint.vaults[3] |= change
    endpoint.vaults[0]["resources"] = None
    assert ids(caller, "/vaults", **query) == [ODD]
    assert caller.get("/vaults", params=query).json()["count"] == 1


def test_vaults_are_chosen_by_id_and_by_the_policy_that_names_them(caller: Caller) -> None:
    assert ids(caller, "/vaults", id="id-1,id-3") == ["id-1", "id-3"]
    assert ids(caller, "/vaults", id=["id-4", "id-0"]) == ["id-0", "id-4"]
    assert ids(caller, "/vaults", policy_id="id-3") == [ODD]
    assert ids(caller, "/vaults", policy_id="id-0") == []
    assert ids(caller, "/vaults", enterprise_project_id="all_granted_eps") == [f"id-{number}" for number in range(5)]


def test_policies_are_chosen_by_kind_and_vault_and_have_no_pages(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.policies[3]["operation_type"] = "replication"
    assert ids(caller, "/policies", operation_type="replication") == [ODD]
    assert ids(caller, "/policies", vault_id="id-2") == ["id-2"]
    assert ids(caller, "/policies", vault_id="id-2", operation_type="replication") == []
    assert len(ids(caller, "/policies", limit=2, offset=3)) == 5


@pytest.mark.parametrize(
    ("query", "change"),
    [
        ({"operation_type": "restore"}, {"operation_type": "restore"}),
        ({"status": "failed"}, {"status": "failed"}),
        ({"provider_id": "odd"}, {"provider_id": "odd"}),
        ({"vault_id": "odd"}, {"vault_id": "odd"}),
        ({"vault_name": "odd"}, {"vault_name": "odd"}),
        ({"resource_id": "odd"}, {"extra_info": {"resource": {"id": "odd"}}}),
        ({"resource_name": "odd"}, {"extra_info": {"resource": {"name": "odd"}}}),
        ({"start_time": "2026-11-21T00:00:00Z"}, {"started_at": "2026-11-21T00:00:00.000000"}),
        ({"end_time": "2026-11-19T23:59:59Z"}, {"started_at": "2026-11-19T23:59:59.000+00:00"}),
    ],
)
def test_a_filter_of_tasks_gives_what_matches_and_counts_only_that(
    endpoint: CbrEndpoint, caller: Caller, query: dict[str, str], change: dict[str, Any]
) -> None:
    assert ids(caller, "/operation-logs", **query) == []
    endpoint.tasks[3] |= change
    endpoint.tasks[0]["extra_info"] = None
    assert ids(caller, "/operation-logs", **query) == [ODD]
    assert caller.get("/operation-logs", params=query).json()["count"] == 1


def test_tasks_come_newest_first_and_one_without_a_beginning_only_where_no_time_is_asked_for(
    endpoint: CbrEndpoint, caller: Caller
) -> None:
    assert ids(caller, "/operation-logs") == [f"id-{number}" for number in (4, 3, 2, 1, 0)]
    endpoint.tasks[4]["started_at"] = None
    assert len(ids(caller, "/operation-logs")) == 5
    assert ids(caller, "/operation-logs", start_time="2026-11-01T00:00:00Z") == ["id-3", "id-2", "id-1", "id-0"]


@pytest.mark.parametrize("path", ["/vaults", "/operation-logs"])
def test_pages_by_offset_are_the_whole_list_and_no_larger_than_the_server_allows(path: str) -> None:
    with CbrEndpoint([], project_id=PROJECT, token=TOKEN, largest_page=3) as endpoint:
        endpoint.vaults = [vault(number) for number in range(5)]
        endpoint.tasks = [task(number) for number in range(5)]
        caller = Caller(endpoint)
        with caller.session:
            pages = [ids(caller, path, limit=4, offset=offset) for offset in (0, 3, 6)]
            assert caller.get(path, params={"offset": 3}).json()["count"] == 5
    assert [len(page) for page in pages] == [3, 2, 0]
    assert len({ident for page in pages for ident in page}) == 5


@pytest.mark.parametrize(
    ("path", "key"), [("/vaults", "vault"), ("/policies", "policy"), ("/operation-logs", "operation_log")]
)
def test_a_detail_is_the_row_of_the_list(caller: Caller, path: str, key: str) -> None:
    listed = next(row for row in caller.get(path).json()[KEYS[path]] if row["id"] == ODD)
    assert caller.get(f"{path}/{ODD}").json() == {key: listed}


@pytest.mark.parametrize(
    ("path", "code", "text"),
    [
        ("/backups/nobody", 6200, "The backup does not exist."),
        ("/vaults/nobody", 6105, "The vault does not exist."),
        ("/policies/nobody", 6000, "The policy does not exist."),
        ("/operation-logs/nobody", 6500, "Operation log does not exist."),
    ],
)
def test_what_does_not_exist_is_cbrs_404_with_its_own_code(caller: Caller, path: str, code: int, text: str) -> None:
    answer = caller.get(path)
    assert answer.status_code == 404
    assert answer.json() == {"error_code": f"BackupService.{code}", "error_msg": text}


@pytest.mark.parametrize(
    "target",
    [
        "/vaults?limit=0",
        "/vaults?offset=-1",
        "/vaults?status=restoring",
        "/vaults?object_type=OS::Nova::Server",
        "/vaults?protect_type=none",
        "/vaults?cloud_type=private",
        "/policies?operation_type=restore",
        "/operation-logs?limit=1001",
        "/operation-logs?status=error",
        "/operation-logs?operation_type=snapshot",
        "/operation-logs?start_time=2026-11-23T00:00:00",
        "/operation-logs?end_time=yesterday",
    ],
)
def test_what_the_documentation_does_not_allow_is_refused(caller: Caller, target: str) -> None:
    answer = caller.get(target)
    assert answer.status_code == 400
    assert answer.json()["error_code"] == "BackupService.9900"
    assert target.partition("?")[2].partition("=")[0] in answer.json()["error_msg"]


@pytest.mark.parametrize("path", [*KEYS, *(f"{path}/{ODD}" for path in KEYS)])
def test_token_and_project_are_checked_on_every_path(endpoint: CbrEndpoint, caller: Caller, path: str) -> None:
    assert caller.get(path, headers={"X-Auth-Token": "wrong"}).json()["error_code"] == "APIGW.0301"
    answer = caller.session.get(f"{endpoint.url}/v3/another{path}", timeout=10)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "BackupService.8600")


@pytest.mark.parametrize(
    ("action", "path"),
    [
        ("cbr:backups:list", "/backups"),
        ("cbr:vaults:list", "/vaults"),
        ("cbr:vaults:get", f"/vaults/{ODD}"),
        ("cbr:policies:list", "/policies"),
        ("cbr:policies:get", f"/policies/{ODD}"),
        ("cbr:tasks:list", "/operation-logs"),
        ("cbr:tasks:get", f"/operation-logs/{ODD}"),
    ],
)
def test_a_missing_permission_is_a_403_on_its_own_path_alone(
    endpoint: CbrEndpoint, caller: Caller, action: str, path: str
) -> None:
    endpoint.faults = [faults.without(action, "cbr:member:list")]
    paths = ["/backups", *KEYS, *(f"{other}/{ODD}" for other in KEYS)]
    refused = {other for other in paths if caller.get(other).status_code == 403}
    assert refused == {path}
    assert caller.get(path).json() == {"error_code": "BackupService.8600", "error_msg": "Not authenticated."}


@pytest.mark.parametrize(("path", "key"), KEYS.items())
def test_faults_change_these_answers_too(endpoint: CbrEndpoint, caller: Caller, path: str, key: str) -> None:
    endpoint.faults = [faults.Fault(faults.count(7), times=1), faults.Fault(faults.huge(4096, key), times=1)]
    assert caller.get(path).json()["count"] == 7
    answer = caller.get(path)
    assert (len(answer.content), answer.json()) == (4096, {key: []})


@pytest.mark.parametrize("path", KEYS)
def test_rows_of_any_kind_are_served_as_they_are(endpoint: CbrEndpoint, caller: Caller, path: str) -> None:
    raw = RawJson(b'{"id" : "raw","name":"\\ud83d"}')
    endpoint.vaults = endpoint.policies = endpoint.tasks = [None, 7, "text", [1], raw]
    answer = caller.get(path)
    assert raw in answer.content
    assert answer.json()["count"] == 5
    assert raw in caller.get(f"{path}/raw").content


def test_how_full_a_vault_is_comes_from_its_gigabytes_and_megabytes(endpoint: CbrEndpoint, caller: Caller) -> None:
    endpoint.backups = [{"id": f"b-{number}", "vault_id": f"id-{number}"} for number in range(3)]
    endpoint.vaults[1]["billing"]["used"] = 60 * 1024
    endpoint.vaults[2]["billing"] = {"used": 60 * 1024, "size": 0}
    assert caller.ids(used_percent=50) == ["b-0", "b-1"]
    assert caller.ids(used_percent=60) == ["b-1"]
