"""Lists a project's vaults, policies and tasks, and says what of them was not seen.

No order can be asked for, but pages overlap here too: one that shares no row with those before it shows that the list
shrank meanwhile. Neither `count` nor a short page ends a list, only a page that brings nothing new.
"""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Generic

import msgspec

from cbr_auditor.cbr.client import PAGE_LIMIT, CbrClient
from cbr_auditor.cbr.policies import Policy, read_policies
from cbr_auditor.cbr.records import UnreadableRecord
from cbr_auditor.cbr.rows import R, RecordPage
from cbr_auditor.cbr.tasks import Task, read_tasks
from cbr_auditor.cbr.vaults import Vault, read_vaults
from cbr_auditor.text import one_line

_OVERLAP = 8  # rows that two neighbouring pages share
_REMEMBERED = 5  # pages whose ids are kept to recognise a row that came before
_MOST_ROWS = 1_000_000  # CBR keeps tasks for a month
_MOST_REPAIRS = 5  # pages read again because the list shrank under them
_EXAMPLES = 5  # unreadable rows that are named

Fetch = Callable[[int], RecordPage[R]]


class Listed(msgspec.Struct, Generic[R]):
    """A list that was read to its end, or as far as could be."""

    records: list[R]
    """Each record once, in the list's order."""
    problems: list[str]
    """Sentences about what was not seen, or not read; empty where all was."""


class Stream(Generic[R]):
    """The records of a list, each once, page by page as they are taken; afterwards `problems` says what is missing.

    It can be read once. `fetch` gives the page that begins at an offset; `noun` names the records, in the plural.
    """

    def __init__(self, fetch: Fetch[R], noun: str) -> None:
        self.problems: list[str] = []
        self._fetch = fetch
        self._noun = noun
        self._seen = 0
        self._unreadable = 0

    def __iter__(self) -> Iterator[R]:
        """Every record. Raises `ListingError`."""
        window: deque[set[str]] = deque(maxlen=_REMEMBERED)
        offset = step = overlap = repairs = most = 0
        while self._seen < _MOST_ROWS:
            page = self._fetch(offset)
            most = max(most, page.count or 0)
            known = set().union(*window)
            if offset and overlap and not any(row.id in known for row in page.rows):
                repairs += 1
                if repairs > _MOST_REPAIRS:
                    self.problems.append(f"The list of {self._noun} changed faster than it could be read.")
                    return
                offset = max(0, offset - step)
                continue
            fresh = {row.id: row for row in page.rows if row.id not in known}
            self._seen += len(fresh)
            for row in fresh.values():
                if isinstance(row, UnreadableRecord):
                    self._count_unreadable(row)
                else:
                    yield row
            if not fresh:
                # Single rows cannot be linked, so that one that went may have hidden another: only counts tell.
                self._finish(page.count if overlap else most)
                return
            window.append({row.id for row in page.rows})
            overlap = min(_OVERLAP, len(page.rows) // 2)
            step = max(1, len(page.rows) - overlap)
            offset += step
        self.problems.append(f"The list of {self._noun} has no end: what comes after {self._seen} was not seen.")

    def _count_unreadable(self, row: UnreadableRecord) -> None:
        self._unreadable += 1
        if self._unreadable <= _EXAMPLES:
            self.problems.append(f"One of the {self._noun} could not be read: {one_line(row.reason)}.")

    def _finish(self, count: int | None) -> None:
        if self._unreadable > _EXAMPLES:
            self.problems.append(f"{self._unreadable - _EXAMPLES} more of the {self._noun} could not be read.")
        if count is not None and count > self._seen:
            self.problems.append(
                f"The API counts {count} {self._noun}, but its list had {self._seen}: "
                f"{count - self._seen} were not seen."
            )


def list_vaults(client: CbrClient) -> Listed[Vault]:
    """Every vault of the project, by `GET /vaults`; IAM action `cbr:vaults:list`. Raises `ListingError`."""

    def fetch(offset: int) -> RecordPage[Vault]:
        return client.get("/vaults", _paging(offset), read_vaults, action="cbr:vaults:list")

    return _all(Stream(fetch, "vaults"))


def list_policies(client: CbrClient) -> Listed[Policy]:
    """Every policy of the project, by `GET /policies`; IAM action `cbr:policies:list`. Raises `ListingError`.

    This list has no pages: the API documents neither `limit` nor `offset` for it.
    """
    page = client.get("/policies", {}, read_policies, action="cbr:policies:list")
    return _all(Stream(lambda offset: RecordPage([], page.count) if offset else page, "policies"))


def list_tasks(
    client: CbrClient, *, since: datetime, operation_type: str | None = None, status: str | None = None
) -> Stream[Task]:
    """The tasks that began `since`, by `GET /operation-logs`, asked for while they are taken, for they may be many.

    IAM action `cbr:tasks:list`. Reading them raises `ListingError`.
    """
    query = {"start_time": since.strftime("%Y-%m-%dT%H:%M:%SZ")}
    query |= {"operation_type": operation_type} if operation_type else {}
    query |= {"status": status} if status else {}

    def fetch(offset: int) -> RecordPage[Task]:
        return client.get("/operation-logs", {**query, **_paging(offset)}, read_tasks, action="cbr:tasks:list")

    return Stream(fetch, "tasks")


def has_task_before(client: CbrClient, moment: datetime) -> bool:
    """Whether the list still shows a task that began before this moment, so that it goes back that far.

    IAM action `cbr:tasks:list`. Raises `ListingError`.
    """
    query = {"end_time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "limit": 1}
    page = client.get("/operation-logs", query, read_tasks, action="cbr:tasks:list")
    # What `end_time` filters by is not documented well: the row itself must be old.
    began = [task.started_at or task.created_at for task in page.rows if not isinstance(task, UnreadableRecord)]
    return any(time is not None and time <= moment for time in began)


def _all(stream: Stream[R]) -> Listed[R]:
    records = list(stream)
    return Listed(records, stream.problems)


def _paging(offset: int) -> dict[str, int]:
    """`offset` counts rows and is left out where it is 0: the API calls it a positive number."""
    return {"limit": PAGE_LIMIT, "offset": offset} if offset else {"limit": PAGE_LIMIT}
