from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbr_auditor.cbr.listing import Listing, ListingState
from cbr_auditor.cbr.pending import Pending
from cbr_auditor.cbr.records import Page, Row, UnreadableRecord
from cbr_auditor.errors import AccessError, UnreachableError
from tests.fakes import asking, make_backup

LIMIT = 20

Before = Callable[[int], None]


class Project:
    """A list in order that may change before any request, served as CBR serves it."""

    def __init__(self, rows: int, *, largest_page: int = LIMIT) -> None:
        self.rows: list[Row] = [make_backup(id=f"{number:05}") for number in range(rows)]
        self.largest_page = largest_page
        self.asked: list[int] = []
        self.before: Before = lambda request: None
        self.count: Callable[[], int | None] = lambda: len(self.rows)

    def fetch(self, offset: int) -> Page:
        self.before(len(self.asked))
        self.asked.append(offset)
        return Page(self.rows[offset : offset + min(LIMIT, self.largest_page)], self.count())

    def insert(self, position: int) -> None:
        position %= len(self.rows) + 1
        before = self.rows[position - 1].id if position else ""
        self.rows.insert(position, make_backup(id=f"{before}+{len(self.asked)}"))

    def delete(self, position: int) -> None:
        if self.rows:
            del self.rows[position % len(self.rows)]


def listed(project: Project, in_flight: int = 4) -> tuple[list[str], ListingState]:
    reader = Listing(asking(project.fetch), in_flight=in_flight)
    ids = [backup.id for page in reader.backups() for backup in page]
    return ids, reader.state


@pytest.mark.parametrize("rows", [0, 1, 2, 3, LIMIT - 1, LIMIT, LIMIT + 1, 5 * LIMIT, 137])
@pytest.mark.parametrize("largest_page", [1, 2, 3, 7, LIMIT])
@pytest.mark.parametrize("counted", [True, False])
def test_an_undisturbed_list_is_complete_whatever_the_server_gives_at_once(
    rows: int, largest_page: int, counted: bool
) -> None:
    project = Project(rows, largest_page=largest_page)
    if not counted:
        project.count = lambda: None
    ids, state = listed(project)
    assert ids == [row.id for row in project.rows]
    assert state.listed == rows
    assert state.ended == (largest_page > 1 or rows <= 1)  # single rows cannot be linked
    assert max(project.asked.count(offset) for offset in project.asked) <= 2


def test_single_rows_that_move_are_never_called_complete() -> None:
    project = Project(5, largest_page=1)

    def delete(request: int) -> None:
        if request == 1:
            project.delete(0)

    project.before = delete
    ids, state = listed(project, in_flight=1)
    assert len(ids) == 4
    assert not state.ended


def test_a_single_row_that_moved_is_never_called_complete() -> None:
    project = Project(2, largest_page=1)

    def delete(request: int) -> None:
        if request == 1:
            project.delete(0)

    project.before = delete
    ids, state = listed(project, in_flight=1)
    assert ids == ["00000"]
    assert not state.ended


@pytest.mark.parametrize("counted", [True, False])
def test_a_page_that_was_cut_short_does_not_end_the_list(counted: bool) -> None:
    project = Project(100)
    if not counted:
        project.count = lambda: None

    def cut(request: int) -> None:
        project.largest_page = 5 if request == 2 else LIMIT  # all five were on the page before

    project.before = cut
    ids, state = listed(project, in_flight=1)
    assert ids == [row.id for row in project.rows]
    assert state.ended


def test_pages_are_asked_for_ahead_and_at_most_so_many_at_once() -> None:
    project = Project(200)
    under_way: set[int] = set()
    most = []

    def ask(offset: int) -> Pending[Page]:
        under_way.add(offset)
        most.append(len(under_way))

        def take() -> Page:
            under_way.remove(offset)
            return project.fetch(offset)

        return Pending(take, lambda: under_way.remove(offset))

    reader = Listing(ask, in_flight=4)
    assert sum(len(page) for page in reader.backups()) == 200
    assert reader.state.ended
    assert max(most) == 4
    assert not under_way


def test_a_failed_page_keeps_what_was_read_and_says_why() -> None:
    project = Project(100)

    def fail(request: int) -> None:
        if request >= 2:
            raise AccessError("the token ended", "Renew it.", 401)

    project.before = fail
    ids, state = listed(project)
    assert ids[:LIMIT] == [row.id for row in project.rows[:LIMIT]]
    assert isinstance(state.broken, AccessError)
    assert not state.ended


def test_a_first_page_that_fails_lists_nothing() -> None:
    project = Project(100)

    def fail(request: int) -> None:
        raise UnreachableError("no answer")

    project.before = fail
    ids, state = listed(project)
    assert ids == []
    assert not state.ended


@pytest.mark.parametrize("count", [101, 150])
def test_fewer_rows_than_the_api_counts_is_a_problem_with_a_number(count: int) -> None:
    project = Project(100)
    project.count = lambda: count
    ids, state = listed(project)
    assert len(ids) == 100
    assert not state.ended
    assert f"{count - 100} were not seen" in state.problems[0]


def test_more_rows_than_the_api_counts_is_noted_and_loses_nothing() -> None:
    project = Project(100)
    project.count = lambda: 3
    ids, state = listed(project)
    assert len(ids) == 100
    assert state.ended
    assert state.notes


def test_a_server_that_repeats_its_page_for_ever_is_found_out() -> None:
    reader = Listing(asking(lambda offset: Project(100).fetch(0)), in_flight=4)
    ids = [backup.id for page in reader.backups() for backup in page]
    assert len(ids) == LIMIT
    assert not reader.state.ended
    assert reader.state.problems[1] == "About 80 of 100 backups were not seen."


def test_a_backup_that_stands_twice_in_a_page_is_judged_once() -> None:
    project = Project(10)
    project.rows.insert(5, project.rows[4])
    project.count = lambda: 10
    ids, state = listed(project)
    assert ids == sorted(set(ids))
    assert state.ended


def test_unreadable_rows_are_counted_with_their_position() -> None:
    project = Project(50)
    project.rows[0] = UnreadableRecord("unreadable:a", "its id is missing or null")
    project.rows[33] = UnreadableRecord("unreadable:b", "its id is missing or null")
    ids, state = listed(project)
    assert len(ids) == 48
    assert state.unreadable == 2
    assert [row.position for row in state.unreadable_examples] == [1, 34]


def test_deletions_in_front_of_the_offset_cost_no_row() -> None:
    project = Project(200)
    kept = [row.id for row in project.rows[30:]]

    def delete(request: int) -> None:
        if request in {2, 3}:
            del project.rows[:15]

    project.before = delete
    ids, state = listed(project, in_flight=1)
    assert set(kept) <= set(ids)
    assert len(ids) == len(set(ids))
    assert state.ended


def test_a_list_that_loses_all_that_was_seen_is_called_disturbed() -> None:
    project = Project(200)

    def delete(request: int) -> None:
        if request == 4:
            del project.rows[:60]

    project.before = delete
    ids, state = listed(project, in_flight=1)
    assert not state.ended
    assert "changed faster" in state.problems[0]
    assert state.problems[1] == f"About {140 - len(ids)} of 140 backups were not seen."


Change = tuple[str, int]


@settings(max_examples=400, deadline=None)
@given(
    rows=st.integers(0, 150),
    largest_page=st.sampled_from([1, 2, 5, LIMIT]),
    in_flight=st.sampled_from([1, 4]),
    changes=st.dictionaries(
        st.integers(0, 20),
        st.lists(st.tuples(st.sampled_from(["insert", "delete", "append"]), st.integers(0, 10_000)), max_size=25),
        max_size=8,
    ),
    counted=st.booleans(),
)
def test_a_run_that_says_complete_has_every_backup_that_existed_throughout(
    rows: int, largest_page: int, in_flight: int, changes: dict[int, list[Change]], counted: bool
) -> None:
    project = Project(rows, largest_page=largest_page)
    if not counted and largest_page > 1:
        project.count = lambda: None

    def change(request: int) -> None:
        for kind, position in changes.get(request, []):
            if kind == "insert":
                project.insert(position)
            elif kind == "append":
                project.insert(len(project.rows))
            else:
                project.delete(position)

    project.before = change
    original = {row.id for row in project.rows}
    ids, state = listed(project, in_flight)
    throughout = original & {row.id for row in project.rows}
    if sum(kind != "delete" for made in changes.values() for kind, _ in made) <= largest_page:
        assert len(ids) == len(set(ids))  # more insertions than that push rows out of what is remembered
    if state.ended:
        assert throughout <= set(ids)
