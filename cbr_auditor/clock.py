"""The clock, passed in everywhere, and the deadline that is measured with it."""

import time
from datetime import datetime, timezone
from typing import Protocol

from cbr_auditor.errors import DeadlineError


class Clock(Protocol):
    """What tells the time: `SystemClock` in production, a fake one in tests."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        time.sleep(seconds)


class Deadline:
    """When a run must have ended, and when asking must stop so that reporting still fits.

    `seconds` is the whole time of the run. The time reserved for reporting is the smaller of 20 s and
    40 % of the whole (contract, "Verdict table").
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self._end = clock.monotonic() + seconds
        self._reserve = min(20.0, 0.4 * seconds)
        self._used_up = f"the run's {seconds:g} s were nearly used up"

    def part(self, share: float, what: str) -> "Deadline":
        """A deadline for asking about `what` alone, which may take `share` of the time that is left for asking."""
        part = Deadline(self.clock, share * self.left_for_asking())
        part._reserve = 0.0
        part._used_up = f"the {part.seconds:.1f} s for {what} were used up"
        return part

    def left(self) -> float:
        """Seconds until the run must have ended; never negative."""
        return max(0.0, self._end - self.clock.monotonic())

    def left_for_asking(self) -> float:
        """Seconds until the time kept for reporting begins; never negative."""
        return max(0.0, self.left() - self._reserve)

    def check(self) -> None:
        """Raise `DeadlineError` once the time kept for reporting has begun."""
        if self.left_for_asking() <= 0:
            raise DeadlineError(
                f"{self._used_up}, so no more was asked",
                "Give the function more time (or --timeout), or narrow the audit.",
            )
