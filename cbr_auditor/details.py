"""Details of server backups: the disks, which only a request for each backup shows."""

from collections.abc import Callable

from cbr_auditor.cbr.pending import Pending
from cbr_auditor.cbr.records import Backup
from cbr_auditor.errors import AccessError, DeadlineError, ListingError
from cbr_auditor.text import one_line

AskDetail = Callable[[str], Pending[Backup]]


class Details:
    """Details of server backups, several asked for at once. After a refusal nothing more is asked."""

    def __init__(self, ask: AskDetail, in_flight: int) -> None:
        self._ask = ask
        self._in_flight = in_flight
        self._wanted: dict[str, None] = {}
        """What is to be asked for as soon as there is room, in order."""
        self._asked: dict[str, Pending[Backup]] = {}
        self._come: set[str] = set()
        """Those of them whose answer, or its failure, has come."""
        self.refused: ListingError | None = None
        """What ended the asking."""

    def ask(self, backup_id: str) -> None:
        """Ask for a detail without waiting for it."""
        if backup_id not in self._asked:
            self._wanted[backup_id] = None
            self._ask_more()

    def look(self) -> None:
        """Wait for the first answer to all that is wanted: so those that have to be tried again pause together.

        A refusal ends it.
        """
        while waited := [backup_id for backup_id in self._asked if backup_id not in self._come]:
            for backup_id in waited:
                problem = self._asked[backup_id].look()
                self._come.add(backup_id)
                if isinstance(problem, (AccessError, DeadlineError)):
                    self.refused = problem
                    return
                self._ask_more()

    def complete(self, backup: Backup) -> bool:
        """Put its disks into the backup, or why they are not known. True where the deadline is the reason."""
        backup.examined = True
        self._wanted.pop(backup.id, None)
        asked = self._asked.pop(backup.id, None)
        self._come.discard(backup.id)
        try:
            if asked is None and self.refused is not None:
                raise self.refused
            # Nothing is under way for a backup that the list held twice: its first one took the answer.
            detail = (asked or self._ask(backup.id)).take()
        except ListingError as problem:
            if isinstance(problem, (AccessError, DeadlineError)):
                self.refused = problem
            backup.disks_unknown = one_line(problem.what, 200)
            return isinstance(problem, DeadlineError)
        finally:
            self._ask_more()
        if detail.id != backup.id or "children" in detail.unreadable:
            backup.disks_unknown = "the detail that came is another backup's, or its disks cannot be read"
            return False
        backup.children = detail.children
        if detail.encrypted is not None:
            backup.encrypted = detail.encrypted
        return False

    def close(self) -> None:
        """Ask for nothing more."""
        for asked in self._asked.values():
            asked.drop()
        self._asked.clear()
        self._come.clear()

    def _ask_more(self) -> None:
        while self._wanted and len(self._asked) - len(self._come) < self._in_flight and self.refused is None:
            backup_id = next(iter(self._wanted))
            del self._wanted[backup_id]
            self._asked[backup_id] = self._ask(backup_id)
