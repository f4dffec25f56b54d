"""Details of server backups: the disks, which only a request for each backup shows."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from cbr_auditor.cbr.records import Backup
from cbr_auditor.errors import AccessError, DeadlineError, ListingError
from cbr_auditor.text import one_line

FetchDetail = Callable[[str], Backup]


class Details:
    """Details of server backups, several asked for at once. After a refusal nothing more is asked."""

    def __init__(self, fetch: FetchDetail, in_flight: int) -> None:
        self._fetch = fetch
        self._pool = ThreadPoolExecutor(in_flight, thread_name_prefix="cbr-detail")
        self._asked: dict[str, Future[Backup]] = {}
        self.refused: ListingError | None = None
        """What ended the asking."""

    def ask(self, backup_id: str) -> None:
        """Ask for a detail without waiting for it."""
        if self.refused is None:
            self._asked[backup_id] = self._pool.submit(self._fetch, backup_id)

    def complete(self, backup: Backup) -> bool:
        """Put its disks into the backup, or why they are not known. True where the deadline is the reason."""
        backup.examined = True
        asked = self._asked.pop(backup.id, None)
        try:
            if asked is None and self.refused is not None:
                raise self.refused
            # Nothing is under way for a backup that the list held twice: its first one took the answer.
            detail = self._fetch(backup.id) if asked is None else asked.result()
        except ListingError as problem:
            if isinstance(problem, (AccessError, DeadlineError)):
                self.refused = problem
            backup.disks_unknown = one_line(problem.what, 200)
            return isinstance(problem, DeadlineError)
        if detail.id != backup.id or "children" in detail.unreadable:
            backup.disks_unknown = "the detail that came is another backup's, or its disks cannot be read"
            return False
        backup.children = detail.children
        if detail.encrypted is not None:
            backup.encrypted = detail.encrypted
        return False

    def close(self) -> None:
        """Ask for nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
