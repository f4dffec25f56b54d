"""List every backup of a project, and know whether it was every one.

The proof. The list has one order (`created_at`, then `id`), and a page is a gapless piece of it as it stood when the
page was read. Two neighbouring pages that share a row therefore leave nothing between them, whatever was inserted or
deleted before, after or in between; the first page starts at the beginning, and a page with room to spare that brings
nothing new shows the end. So pages overlap, and a listing whose pages are all linked has every backup that existed
throughout. Neither `count`, nor a short page, nor an empty one ends it: a server may cap `limit`, and deleted rows
shift the tail in front of the offset. `count` is a second opinion: where it does not agree, the end is asked for twice.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import cast

import msgspec

from cbr_auditor.cbr.pending import Pending
from cbr_auditor.cbr.records import Backup, ListedBackup, Page, Row, UnreadableRecord
from cbr_auditor.errors import ListingError

_OVERLAP = 8  # rows that two neighbouring pages share; as many deletions between them cost no extra request
_REMEMBERED = 5  # pages whose ids are kept to recognise a row that was shifted
_MOST_REPAIRS = 25  # pages read again because the list shrank under them, before the listing is called disturbed


class Unreadable(msgspec.Struct):
    """A row that could not be read: where it stood in the list, counted from 1, and why."""

    position: int
    reason: str


class ListingState(msgspec.Struct):
    """What a listing has and has not seen; filled while the pages are taken."""

    listed: int = 0
    """Distinct records that were read."""
    unreadable: int = 0
    """Distinct rows that could not be read."""
    unreadable_examples: list[Unreadable] = []
    """The first of them, by position."""
    doubtful: set[str] = set()
    """The resources of those rows, empty text where a row does not even show its resource."""
    reported_count: int | None = None
    """The API's own `count` in its last answer."""
    broken: ListingError | None = None
    """What ended the listing before its end."""
    problems: list[str] = []
    """Sentences about rows that were not seen."""
    notes: list[str] = []
    """Sentences about changes that lost nothing."""

    @property
    def ended(self) -> bool:
        """Whether the end of the list was reached with nothing missing in between."""
        return self.broken is None and not self.problems


_EXAMPLES = 20

Ask = Callable[[int], Pending[Page]]
"""Asks for the page that begins at an offset."""


class Listing:
    """Lists with up to `in_flight` pages asked for at once."""

    def __init__(self, ask: Ask, *, in_flight: int = 8) -> None:
        self.state = ListingState()
        self._ahead = _Ahead(ask, in_flight)
        self._window: deque[set[str]] = deque(maxlen=_REMEMBERED)
        self._page_size = 0  # the most rows that one page had: what the server gives at once
        self._counts: set[int] = set()
        self._repairs = 0

    def backups(self) -> Iterator[list[ListedBackup | Backup]]:
        """The backups of each page, each backup once; afterwards `state` says what was not seen."""
        try:
            yield from self._pages(self._ahead)
        except ListingError as problem:
            self.state.broken = problem
        finally:
            self._ahead.forget()
        self._compare_count()

    def _pages(self, ahead: "_Ahead") -> Iterator[list[ListedBackup | Backup]]:
        page = self._take(ahead, 0)
        if not page.rows:
            page = self._take(ahead, 0)  # an empty answer alone proves nothing
        offset, size = 0, len(page.rows)
        ids, readable = {row.id for row in page.rows}, page.is_readable
        fresh = page.rows if len(ids) == size else _each_once(page.rows)
        del page
        standing_still = 0
        doubted = False
        while True:
            yield self._judged(fresh, offset + size - len(fresh), readable=readable)
            fresh = []  # so that a page is given up before the next one is read: they take turns in the same memory
            if not size:
                return
            self._window.append(ids)
            step = max(1, self._page_size - self._overlap())
            if not doubted:
                offset += max(1, size - self._overlap())
                ahead.plan(offset, step, self.state.reported_count or 0)
            linked = self._linked(ahead, offset, step)
            if linked is None:
                return
            size, ids, offset, fresh, readable = linked
            del linked  # or it would keep the page, too
            if fresh:
                standing_still, doubted = 0, False
                continue
            short = size < self._page_size or self._page_size == 1
            if short and (doubted or self._is_all()):
                return
            doubted = short  # a short page may be less than there is: it is asked for once more
            if short:
                continue
            standing_still += 1
            if standing_still > _REMEMBERED:
                self.state.problems.append(
                    "The API gave nothing new before the end of its list: the rest was not seen."
                )
                return

    def _linked(self, ahead: "_Ahead", offset: int, step: int) -> tuple[int, set[str], int, list[Row], bool] | None:
        """How many rows are at `offset`, or further in front where the list shrank; their ids, the offset, the unseen.

        Last, whether it is known that all can be read. None where no page links up with what was seen.
        """
        while True:
            page = self._take(ahead, offset)
            size, ids = len(page.rows), {row.id for row in page.rows}
            fresh = self._after_link(page, ids)
            if fresh is not None:
                return size, ids, offset, fresh, page.is_readable
            self._repairs += 1
            if offset == 0 or self._repairs > _MOST_REPAIRS:
                break
            ahead.forget()
            offset = max(0, offset - step)
        self.state.problems.append("The list changed faster than it could be read: some backups were not seen.")
        return None

    def _take(self, ahead: "_Ahead", offset: int) -> Page:
        page = ahead.take(offset)
        self._page_size = max(self._page_size, len(page.rows))
        self.state.reported_count = page.count
        if page.count is not None:
            self._counts.add(page.count)
        return page

    def _is_all(self) -> bool:
        """Whether the end may be believed at once, because the API's own count says so too."""
        return self._page_size == 1 or self.state.reported_count == self._seen()

    def _seen(self) -> int:
        return self.state.listed + self.state.unreadable

    def _overlap(self) -> int:
        return min(_OVERLAP, self._page_size // 2)

    def _after_link(self, page: Page, ids: set[str]) -> list[Row] | None:
        """The unseen rows behind the first one that was seen before; None where the page has no such link.

        Unseen rows in front of the link lie further back than the window remembers: they were judged long ago.
        """
        known: set[str] = set()
        for seen in self._window:
            known |= ids & seen
        if not known:
            # Pages of one row cannot overlap, so nothing is proved: it is said at the end.
            return list(page.rows) if self._page_size == 1 else None
        if len(ids) == len(page.rows) and all(row.id in known for row in page.rows[: len(known)]):
            del page.rows[: len(known)]  # as in every list that stands still
            return page.rows
        start = next(index for index, row in enumerate(page.rows) if row.id in known)
        fresh = [row for row in page.rows[start:] if row.id not in known]
        return fresh if len(ids) == len(page.rows) else _each_once(fresh)

    def _judged(self, fresh: list[Row], position: int, *, readable: bool) -> list[ListedBackup | Backup]:
        if readable:  # to look at each row would cost as much as the proof
            backups = cast("list[ListedBackup | Backup]", fresh)
        else:
            backups = [row for row in fresh if not isinstance(row, UnreadableRecord)]
        self.state.listed += len(backups)
        if len(backups) < len(fresh):
            for number, row in enumerate(fresh, start=position + 1):
                if isinstance(row, UnreadableRecord):
                    self._count_unreadable(number, row)
        return backups

    def _count_unreadable(self, position: int, row: UnreadableRecord) -> None:
        self.state.unreadable += 1
        self.state.doubtful.add(row.resource_id or "")
        if len(self.state.unreadable_examples) < _EXAMPLES:
            self.state.unreadable_examples.append(Unreadable(position, row.reason))

    def _compare_count(self) -> None:
        state, seen = self.state, self._seen()
        alone = seen == 1 and len(self._counts) < 2
        if self._page_size == 1 and not alone:
            state.problems.append("The API gives one row at a time, so nobody can tell whether a row was missed.")
        if state.reported_count is None:
            return
        if not state.ended:
            if seen < state.reported_count:
                missing = state.reported_count - seen
                state.problems.append(f"About {missing} of {state.reported_count} backups were not seen.")
        elif seen < state.reported_count:
            state.problems.append(
                f"The API counts {state.reported_count} backups, but its list had {seen}: "
                f"{state.reported_count - seen} were not seen."
            )
        elif seen > state.reported_count and len(self._counts) > 1:
            state.notes.append(
                f"{seen - state.reported_count} backups were deleted while the list was read; they were judged."
            )
        elif seen > state.reported_count:
            state.notes.append(f"The API counts {state.reported_count} backups, but its list had {seen}.")


def _each_once(rows: list[Row]) -> list[Row]:
    """The rows without a backup that stands twice in one page; unreadable ones without an id are all kept."""
    met: set[str] = set()
    once = []
    for row in rows:
        if isinstance(row, UnreadableRecord) or row.id not in met:
            once.append(row)
            met.add(row.id)
    return once


class _Ahead:
    """Pages that are asked for before they are needed, at most `in_flight` of them."""

    def __init__(self, ask: Ask, in_flight: int) -> None:
        self._ask = ask
        self._in_flight = in_flight
        self._pages: dict[int, Pending[Page]] = {}

    def plan(self, offset: int, step: int, end: int) -> None:
        """Ask for the pages from `offset` on that begin before `end`."""
        while offset < end and len(self._pages) < self._in_flight:
            if offset not in self._pages:
                self._pages[offset] = self._ask(offset)
            offset += max(1, step)

    def take(self, offset: int) -> Page:
        """The page at `offset`, asked for now where it was not before. Raises `ListingError`."""
        asked = self._pages.pop(offset, None)
        return (self._ask(offset) if asked is None else asked).take()

    def forget(self) -> None:
        """Drop what was asked for ahead: the list shrank, and those pages begin too late."""
        for asked in self._pages.values():
            asked.drop()
        self._pages.clear()
