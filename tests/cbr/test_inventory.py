import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.cbr.auth import TokenAuth
from cbr_auditor.cbr.client import CbrClient
from cbr_auditor.cbr.inventory import Stream, list_policies, list_tasks, list_vaults
from cbr_auditor.cbr.rows import RecordPage
from cbr_auditor.cbr.vaults import Vault
from cbr_auditor.clock import Deadline
from cbr_auditor.demo import faults
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.faults import Fault
from cbr_auditor.errors import AccessError, AnswerError
from tests.fakes import NOW, PROJECT, FakeClock

TOKEN = "canary-token-3f2a9c"


@pytest.fixture
def endpoint() -> Iterator[CbrEndpoint]:
    with CbrEndpoint([], project_id=PROJECT, token=TOKEN, largest_page=10) as endpoint:
        yield endpoint


@pytest.fixture
def client(endpoint: CbrEndpoint, clock: FakeClock) -> Iterator[CbrClient]:
    client = CbrClient(endpoint.url, PROJECT, TokenAuth(TOKEN), Deadline(clock, 840.0), timeout=0.5)
    yield client
    client.close()


def vaults(number: int) -> list[Any]:
    return [{"id": f"{each:03}"} for each in range(number)]


class Changing:
    """A list of vaults that changes before some requests; no server, so that every way can be tried."""

    def __init__(self, rows: int, largest_page: int) -> None:
        self.ids = [f"{number:03}" for number in range(rows)]
        self.largest_page = largest_page
        self.before: Callable[[int], None] = lambda request: None
        self.requests = 0
        self.limit = 20 * (rows + 10)

    def fetch(self, offset: int) -> RecordPage[Vault]:
        self.before(self.requests)
        self.requests += 1
        assert self.requests < self.limit, "it asks for ever"
        ids = self.ids[offset : offset + self.largest_page]
        return RecordPage([Vault(id=ident) for ident in ids], len(self.ids))


@pytest.mark.parametrize("number", [0, 1, 2, 9, 10, 11, 25, 100])
def test_every_vault_is_listed_once_and_in_order(endpoint: CbrEndpoint, client: CbrClient, number: int) -> None:
    endpoint.vaults = vaults(number)
    listed = list_vaults(client)
    assert [vault.id for vault in listed.records] == [row["id"] for row in endpoint.vaults]
    assert listed.problems == []


def test_offset_is_left_out_of_the_first_request_and_pages_overlap(endpoint: CbrEndpoint, client: CbrClient) -> None:
    endpoint.vaults = vaults(25)
    list_vaults(client)
    assert {asked.path for asked in endpoint.requests} == {f"/v3/{PROJECT}/vaults"}
    offsets = [asked.query.get("offset") for asked in endpoint.requests]
    assert offsets[0] is None
    assert all(step <= 5 for step in _steps([int(values[0]) for values in offsets[1:] if values]))


def _steps(offsets: list[int]) -> list[int]:
    return [later - offset for offset, later in itertools.pairwise([0, *offsets])]


def test_a_count_above_what_came_is_a_problem_and_below_is_none(endpoint: CbrEndpoint, client: CbrClient) -> None:
    endpoint.vaults = vaults(3)
    endpoint.faults = [Fault(faults.count(4))]
    assert list_vaults(client).problems == ["The API counts 4 vaults, but its list had 3: 1 were not seen."]
    for value in (3, 2, None, "many"):
        endpoint.faults = [Fault(faults.count(value))]
        assert list_vaults(client).problems == []


def test_unreadable_rows_are_counted_and_some_are_named(endpoint: CbrEndpoint, client: CbrClient) -> None:
    endpoint.vaults = [{"id": "a"}, *({"name": f"n{number}"} for number in range(7)), {"id": "b"}]
    listed = list_vaults(client)
    assert [vault.id for vault in listed.records] == ["a", "b"]
    assert len(listed.problems) == 6
    assert listed.problems[0] == "One of the vaults could not be read: its id is missing or null."
    assert listed.problems[-1] == "2 more of the vaults could not be read."


def test_a_server_that_repeats_its_first_page_for_ever_ends_the_list(endpoint: CbrEndpoint, client: CbrClient) -> None:
    endpoint.vaults = vaults(25)
    endpoint.faults = [Fault(faults.repeat_page())]
    listed = list_vaults(client)
    assert len(listed.records) == 10
    assert listed.problems == ["The API counts 25 vaults, but its list had 10: 15 were not seen."]


def test_an_answer_that_is_no_list_is_an_error(endpoint: CbrEndpoint, client: CbrClient) -> None:
    endpoint.faults = [Fault(faults.edit(lambda content: {"count": 0}))]
    with pytest.raises(AnswerError):
        list_vaults(client)
    with pytest.raises(AnswerError):
        list_policies(client)


@pytest.mark.parametrize(
    ("action", "read"),
    [
        ("cbr:vaults:list", list_vaults),
        ("cbr:policies:list", list_policies),
        ("cbr:tasks:list", lambda client: list(list_tasks(client, since=NOW))),
    ],
)
def test_a_missing_permission_names_the_action_to_add(
    endpoint: CbrEndpoint, client: CbrClient, action: str, read: Callable[[CbrClient], Any]
) -> None:
    endpoint.faults = [faults.without(action)]
    with pytest.raises(AccessError, match=action):
        read(client)


def test_policies_are_asked_for_once_and_without_paging(endpoint: CbrEndpoint, client: CbrClient) -> None:
    endpoint.policies = [{"id": f"{number}"} for number in range(40)]
    listed = list_policies(client)
    assert len(listed.records) == 40
    assert listed.problems == []
    (asked,) = endpoint.requests
    assert asked.query == {}


def test_policies_that_are_counted_but_not_there_are_a_problem(endpoint: CbrEndpoint, client: CbrClient) -> None:
    endpoint.policies = [{"id": "p"}, {"name": "no id"}]
    endpoint.faults = [Fault(faults.count(5))]
    assert list_policies(client).problems == [
        "One of the policies could not be read: its id is missing or null.",
        "The API counts 5 policies, but its list had 2: 3 were not seen.",
    ]


def test_tasks_are_asked_for_by_kind_and_time_page_by_page(endpoint: CbrEndpoint, client: CbrClient) -> None:
    endpoint.tasks = [
        {
            "id": f"{number:02}",
            "operation_type": "restore",
            "status": "success",
            "started_at": f"2026-11-23T01:{number:02}:00",
        }
        for number in range(25)
    ]
    stream = list_tasks(client, since=NOW.replace(hour=1, minute=5), operation_type="restore", status="success")
    first = next(iter(stream))
    assert first.id == "24"
    assert len(endpoint.requests) == 1
    assert endpoint.requests[0].query["start_time"] == ["2026-11-23T01:05:00Z"]
    rest = list_tasks(client, since=NOW.replace(hour=1, minute=5), operation_type="restore", status="success")
    assert [task.id for task in rest] == [f"{number:02}" for number in range(24, 4, -1)]
    assert rest.problems == []


@pytest.mark.parametrize("gone", [1, 2, 4, 5, 8])
def test_a_list_that_shrinks_under_the_reader_loses_nothing(gone: int) -> None:
    project = Changing(60, 20)
    before = list(project.ids)

    def shrink(request: int) -> None:
        if request == 1:
            del project.ids[:gone]

    project.before = shrink
    stream = Stream(project.fetch, "vaults")
    assert [vault.id for vault in stream] == before
    assert stream.problems == []


def test_a_list_that_shrinks_by_more_than_pages_overlap_is_read_again() -> None:
    project = Changing(60, 20)

    def shrink(request: int) -> None:
        if request == 1:
            del project.ids[:15]

    project.before = shrink
    stream = Stream(project.fetch, "vaults")
    seen = {vault.id for vault in stream}
    assert seen >= set(project.ids)
    assert stream.problems == []


def test_a_list_that_shrinks_faster_than_it_is_read_is_a_problem() -> None:
    project = Changing(2000, 20)

    def shrink(request: int) -> None:
        if request % 2 and request < 20:
            del project.ids[:50]

    project.before = shrink
    stream = Stream(project.fetch, "vaults")
    assert list(stream)
    assert stream.problems == ["The list of vaults changed faster than it could be read."]


@given(
    rows=st.integers(0, 70),
    largest_page=st.integers(1, 20),
    added=st.lists(st.integers(0, 20), max_size=3),
)
def test_rows_that_are_added_meanwhile_hide_none_of_the_others_in_silence(
    rows: int, largest_page: int, added: list[int]
) -> None:
    project = Changing(rows, largest_page)
    before = list(project.ids)

    def grow(request: int) -> None:
        for number in range(added.count(request)):
            project.ids.insert(0, f"new-{request}-{number}")

    project.before = grow
    stream = Stream(project.fetch, "vaults")
    seen = [vault.id for vault in stream]
    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen) or stream.problems


@given(
    rows=st.integers(0, 70),
    largest_page=st.integers(1, 20),
    gone=st.dictionaries(st.integers(0, 12), st.lists(st.floats(0, 1, exclude_max=True), max_size=3), max_size=4),
)
def test_what_stays_is_seen_or_said_to_be_missing(rows: int, largest_page: int, gone: dict[int, list[float]]) -> None:
    project = Changing(rows, largest_page)

    def shrink(request: int) -> None:
        for place in gone.get(request, ()):
            if project.ids:
                del project.ids[math.floor(place * len(project.ids))]

    project.before = shrink
    stream = Stream(project.fetch, "vaults")
    seen = [vault.id for vault in stream]
    assert len(seen) == len(set(seen))
    assert set(project.ids) <= set(seen) or stream.problems
