"""Which rules have to look at a backup: told from the few values in which nearly all backups are alike.

A rule is a pure function of its subject. So for each combination of these values, a *shape*, every rule is asked once,
and what it reads is watched: where that is nothing but the shape, its answer is that of every backup of the shape. What
reads more (a name, a time) is asked about each backup.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from types import FrameType
from typing import Any

import msgspec

from cbr_auditor.cbr.reading import as_backup
from cbr_auditor.cbr.records import Backup, ListedBackup
from cbr_auditor.plan import Plan
from cbr_auditor.recorder import CRASHES
from cbr_auditor.rule import Needs, Outcome

_MOST = 4_096  # shapes that are remembered; a tenant has dozens, or some hundreds
_LONGEST = 1_000  # characters of one: so they are some megabytes at most, however long the texts in the list are

Shape = tuple[Any, ...]
"""`status`, `resource_type`, `extend_info`, `days_left`; a long one also holds what rules read of `_IN_LONG_SHAPE`."""

Check = Callable[[Backup], Outcome]

_IN_SHAPE = frozenset(
    {
        "status",
        "resource_type",
        "is_server",
        "auto_trigger",
        "encrypted",
        "supported_restore_mode",
        "contain_system_disk",
        "days_left",
        # the same for every backup that comes as a `ListedBackup`
        "unreadable",
        "listed_at",
        "listed_in",
        "examined",
        "disks_unknown",
        "reason",
    }
)
_IN_LONG_SHAPE = _IN_SHAPE | {"project_id", "image_type", "incremental", "days_old", "hours_kept", "times_agree"}


class Open(msgspec.Struct, frozen=True, gc=False):
    """What is left to do about a backup."""

    at_once: tuple[tuple[int, Outcome, Check | None], ...]
    """Rules that speak now: each with its answer, or where that is not known yet with its `check`."""
    later: tuple[tuple[int, Callable[[Backup], bool] | None], ...]
    """Rules that judge it among its siblings, each with what is worth waiting for."""
    rules: int = 0
    """Rules that must be asked later in any case, as a bit mask."""
    needs: int = 0
    """What these need, as a bit mask."""
    is_known: bool = False
    """Whether nobody needs the whole backup now: all that speak now have answered, and nobody else does before the end.
    """
    waits_as_newest: bool = False
    """Whether all that is left for the end is to look at the disks, or finds nothing in any but the newest backup."""


class Screening:
    """Screens the backups of one target for the rules of one plan. `need_bits` are those of `Open.needs`.

    `takes_listed` tells of each rule whether its findings need no whole backup; `newest_only` are the rules, as a bit
    mask, that find nothing in any but a resource's newest available backup.
    """

    def __init__(
        self,
        plan: Plan,
        now: datetime,
        listed_in: str,
        need_bits: dict[Needs, int],
        takes_listed: Sequence[bool],
        newest_only: int = 0,
    ) -> None:
        self.plan = plan
        self.everything = Open(tuple((index, None, check) for index, check in plan.at_once), tuple(plan.later))
        """What is to be done about a backup that cannot be screened."""
        self._now = now
        self._naive_now = now.astimezone(timezone.utc).replace(tzinfo=None)
        self._listed_in = listed_in
        self._need_bits = need_bits
        self._takes_listed = takes_listed
        self._newest_only = newest_only
        self._known: dict[Shape, Open | None] = {}
        self._alike: dict[Open, Open] = {}
        """One object for all shapes of which the same is left, so that their backups can be settled together."""
        self._is_long = False

    def open(self, rows: Sequence[ListedBackup]) -> list[Open | None]:
        """What is left to do about each of these backups; None where every rule passes it."""
        if self._is_long:
            return self._open_long(rows)
        now, known = self._naive_now, self._known
        left: list[Open | None] = []
        for row in rows:
            expires = row.expired_at
            shape: Shape = (
                row.status,
                row.resource_type,
                row.extend_info,
                None if expires is None else (expires - now).days,
            )
            try:
                left.append(known[shape])
            except KeyError:
                left.append(self._open_new(row, shape))
                if self._is_long:
                    return left + self._open_long(rows[len(left) :])
        return left

    def _open_long(self, rows: Sequence[ListedBackup]) -> list[Open | None]:
        """The same by long shapes. All in one place, as a call for each of a million backups is felt."""
        now, home, known = self._naive_now, self._listed_in, self._known
        left: list[Open | None] = []
        for row in rows:
            created, updated, expires = row.created_at, row.updated_at, row.expired_at
            old = None if created is None else (now - created).days
            lasts = kept = None
            if expires is not None:
                lasts = (expires - now).days
                if created is not None:
                    time = expires - created
                    kept = time.days * 24 + time.seconds // 3600
            # Rounded down, they are negative where times are in the wrong order.
            agree = old is not None and old >= 0 and (kept is None or kept >= 0) and (updated is None or updated <= now)
            project = row.project_id == home or row.project_id  # sooner told than which it is
            shape = (
                row.status,
                row.resource_type,
                row.extend_info,
                lasts,
                project,
                row.image_type,
                row.incremental,
                old,
                kept,
                agree,
            )
            try:
                left.append(known[shape])
            except KeyError:
                left.append(self._open_new(row, shape))
        return left

    def _open_new(self, row: ListedBackup, shape: Shape) -> Open | None:
        may_learn = len(self._known) < _MOST and len(str(shape)) < _LONGEST
        return self._learn(row, shape) if may_learn else self.everything

    def _learn(self, row: ListedBackup, shape: Shape) -> Open | None:
        """Ask every rule about the shape of this backup, which is the first of its shape."""
        backup = as_backup(row)
        backup.listed_at, backup.listed_in = self._now, self._listed_in
        was_long = self._is_long
        at_once: list[tuple[int, Outcome, Check | None]] = []
        later = []
        rules = needs = among_siblings = 0
        for index, check in self.plan.at_once:
            holds, outcome = self._watch(check, backup)
            if not holds:
                at_once.append((index, None, check))
            elif isinstance(outcome, Needs):
                rules |= 1 << index
                needs |= self._need_bits[outcome]
            elif outcome is not None:
                at_once.append((index, outcome, None))
        for index, candidate in self.plan.later:
            holds, worth = (True, True) if candidate is None else self._watch(partial(_is_worth, candidate), backup)
            if not holds:
                later.append((index, candidate))
            elif worth:
                among_siblings |= 1 << index
        among_others = later or among_siblings & ~self._newest_only
        rules |= among_siblings
        waits_as_newest = rules > 0 and needs in {0, self._need_bits.get(Needs.DISKS)} and not among_others
        told = all(check is None and self._takes_listed[index] for index, _, check in at_once)
        known = told and (waits_as_newest or not (rules or later))
        left = Open(tuple(at_once), tuple(later), rules, needs, known, waits_as_newest)
        with suppress(*CRASHES):  # a rule's answer may be anything, and what cannot be compared stands alone
            left = self._alike.setdefault(left, left)
        if self._is_long and not was_long:
            self._known.clear()  # of this one, too, only the short shape is known
        else:
            self._known[shape] = left if at_once or later or rules else None
        return left if at_once or later or rules else None

    def _watch(self, function: Callable[[Backup], Any], backup: Backup) -> tuple[bool, Any]:
        """Ask one rule; gives whether its answer holds for every backup of the same shape, and the answer."""
        watched = _Watched(backup.id, backup.status, original=backup)
        for field in Backup.__struct_fields__:
            delattr(watched, field)  # so that whatever does not ask for attributes one by one fails
        read: set[str] = object.__getattribute__(watched, "read")

        def notice(frame: FrameType, event: str, arg: Any) -> Any:
            frame.f_trace_lines = False
            if event == "exception" and issubclass(arg[0], AttributeError):
                read.add("something else")
            return notice

        before = sys.gettrace()
        sys.settrace(notice)  # for a rule may catch what fails, and take that for an answer
        try:
            answer = function(watched)
        except CRASHES:  # it is asked again about the backup itself, and then its crash is counted
            return False, None
        finally:
            sys.settrace(before)
        if not read <= _IN_LONG_SHAPE:
            return False, None
        self._is_long = self._is_long or not read <= _IN_SHAPE
        return True, answer


def _is_worth(candidate: Callable[[Backup], bool], backup: Backup) -> bool:
    """What `candidate` says, as yes or no: to tell may fail, too."""
    return bool(candidate(backup))


class _Watched(Backup):
    """A backup that remembers which of its attributes were asked for."""

    original: Backup | None = None
    read: set[str] = msgspec.field(default_factory=set)

    def __getattribute__(self, name: str) -> Any:
        own = super().__getattribute__
        own("read").add(name)
        return getattr(own("original"), name)

    def __eq__(self, other: object) -> bool:
        own = super().__getattribute__
        own("read").add("something else")
        raise TypeError("a rule that compares whole backups reads all of them")

    __hash__ = None  # type: ignore[assignment]  # as above
