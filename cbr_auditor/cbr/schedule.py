"""When a policy runs: its RRULEs (RFC 5545, 3.3.10), of which CBR knows a part, in UTC.

Source: CBR API, "Creating a Policy", `pattern`: at most 24 rules of FREQ (DAILY or WEEKLY), INTERVAL, BYDAY, BYHOUR and
BYMINUTE. What CBR does not document is not guessed at.
"""

import itertools
import re
from datetime import datetime, timedelta, timezone

from dateutil.rrule import rrule, rrulestr

from cbr_auditor.text import one_line

WINDOW = timedelta(days=92)
"""How far is looked back for the newest run, and ahead for the longest gap; the console's longest interval is 30 days.
"""

_DAYS = {"DAILY": 1, "WEEKLY": 7}
_WEEK = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_PARTS = {
    "FREQ": re.compile(r"DAILY|WEEKLY"),
    "INTERVAL": re.compile(r"[1-9][0-9]{0,2}"),
    "BYDAY": re.compile(rf"({'|'.join(_WEEK)})(,({'|'.join(_WEEK)}))*"),
    "BYHOUR": re.compile(r"[0-9]{1,2}(,[0-9]{1,2})*"),
    "BYMINUTE": re.compile(r"[0-9]{1,2}(,[0-9]{1,2})*"),
}
_MOST_PATTERNS = 24
_MOST_A_DAY = 24  # runs of one pattern
_A_MONDAY = datetime(2001, 1, 1, tzinfo=timezone.utc)


class Schedule:
    """The runs of one policy. It remembers what it was asked, for many resources ask the same."""

    def __init__(self, patterns: tuple[str, ...] | None, start: datetime | None) -> None:
        self.problem: str | None = None
        """What is missing to tell the runs; None where they can be told."""
        self._patterns: list[_Pattern] = []
        self._newest: dict[datetime, datetime | None] = {}
        self._last: tuple[datetime, datetime | None] | None = None
        texts = sorted(set(patterns or ()))
        if not texts:
            self.problem = "trigger.properties.pattern"
        elif len(texts) > _MOST_PATTERNS:
            self.problem = f"a trigger.properties.pattern of at most {_MOST_PATTERNS} rules (it has {len(texts)})"
        else:
            self._read(texts, start)

    def _read(self, texts: list[str], start: datetime | None) -> None:
        for text in texts:
            try:
                pattern = _Pattern(text, start)
            except ValueError:
                self.problem = f"a trigger.properties.pattern that can be read (it is {one_line(repr(text), 100)})"
                return
            if start is None and pattern.needs_start:
                self.problem = "trigger.properties.start_time"
                return
            self._patterns.append(pattern)

    def newest_run(self, until: datetime) -> datetime | None:
        """The last run at or before `until`; None where none was in the 92 days before, or runs are not known."""
        if self._last is not None and self._last[0] == until:  # as for each resource of a vault: no hash is taken
            return self._last[1]
        if until not in self._newest:
            runs = (run for pattern in self._patterns for run in pattern.since_start(until - WINDOW, until))
            self._newest[until] = None if self.problem else max(runs, default=None)
        self._last = until, self._newest[until]
        return self._newest[until]

    def longest_gap(self, after: datetime) -> timedelta | None:
        """The longest time from one run to the next in the 92 days from `after` on.

        It is 92 days where fewer than two runs fall into them; None where runs are not known.
        """
        if self.problem:
            return None
        runs = sorted({run for pattern in self._patterns for run in pattern.between(after, after + WINDOW)})
        return max((later - run for run, later in itertools.pairwise(runs)), default=WINDOW)


class _Pattern:
    """One RRULE. Raises `ValueError` for one that CBR does not document, or that dateutil cannot read."""

    def __init__(self, text: str, start: datetime | None) -> None:
        parts = _parts(text)
        days = _DAYS[parts["FREQ"]]
        interval = int(parts.get("INTERVAL", "1"))
        times = len(parts.get("BYHOUR", "").split(",")) * len(parts.get("BYMINUTE", "").split(","))
        if times > _MOST_A_DAY:
            raise ValueError(text)
        told = {"BYHOUR", "BYMINUTE"} if days == 1 else {"BYHOUR", "BYMINUTE", "BYDAY"}
        self.needs_start = interval > 1 or not told <= parts.keys()
        """Whether its days or times follow from when the policy began."""
        self._start = (start or _A_MONDAY).replace(second=0, microsecond=0)
        self._began = start
        self._period = timedelta(days=days * interval)
        self._text = ";".join(f"{name}={value}" for name, value in parts.items())
        # Every few weeks on a day that is not asked for: dateutil would look for it until the year 9999.
        day = _WEEK[self._start.weekday()]
        self._never = days == 1 and interval % 7 == 0 and day not in parts.get("BYDAY", day)
        self.between(_A_MONDAY, _A_MONDAY)  # raises what dateutil finds

    def between(self, first: datetime, last: datetime) -> list[datetime]:
        """Its runs from `first` to `last`, as if it had always been."""
        if self._never:
            return []
        # From a start of the same phase, for dateutil counts through every run from there on.
        start = self._start + (first - self._start) // self._period * self._period
        rule = rrulestr(self._text, dtstart=start)
        assert isinstance(rule, rrule)
        return rule.replace(until=last).between(first, last, inc=True)

    def since_start(self, first: datetime, last: datetime) -> list[datetime]:
        """Its runs from `first` to `last`, but none before the policy began."""
        return [run for run in self.between(first, last) if self._began is None or run >= self._began]


def _parts(text: str) -> dict[str, str]:
    """The parts of a rule, each once. Raises `ValueError` for one that CBR does not document."""
    parts: dict[str, str] = {}
    for part in text.upper().removeprefix("RRULE:").split(";"):
        name, equals, value = (side.strip() for side in part.partition("="))
        if not name and not equals:
            continue  # a semicolon at the end
        if name not in _PARTS or name in parts or not _PARTS[name].fullmatch(value):
            raise ValueError(text)
        parts[name] = value
    if "FREQ" not in parts:
        raise ValueError(text)
    return parts
