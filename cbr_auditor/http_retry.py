"""When to ask an HTTP server again."""

import random
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeVar

from cbr_auditor.clock import Deadline
from cbr_auditor.errors import DeadlineError, ListingError

T = TypeVar("T")


class Patience(NamedTuple):
    """How often and for how many seconds at least a request is tried before it is given up (contract)."""

    tries: int = 8
    seconds: float = 30.0


PATIENT = Patience()


def insist(
    attempt: Callable[[], T],
    deadline: Deadline,
    patience: Patience = PATIENT,
    meanwhile: Callable[[], None] = lambda: None,
) -> T:
    """What the attempt gives, tried again where its error may pass, never past the deadline.

    `meanwhile` is called before each pause, which it is a part of. Raises `ListingError`.
    """
    clock = deadline.clock
    started = clock.monotonic()
    tries = 0
    while True:
        deadline.check()
        tries += 1
        try:
            return attempt()
        except ListingError as problem:
            error = problem
        if not error.passing:
            raise error
        failed_at = clock.monotonic() if error.at is None else error.at
        if tries >= patience.tries and clock.monotonic() - started >= patience.seconds:
            what = f"{error.what}, after {tries} tries" if tries > 1 else error.what
            raise type(error)(what, error.mend, error.status) from None
        until = failed_at + max(error.wait, _pause(tries))
        if until - clock.monotonic() >= deadline.left_for_asking():
            raise DeadlineError(
                f"no time was left to try again: {error.what}",
                "Give the function more time (or --timeout); if it persists, ask the cloud's support.",
                error.status,
            ) from None
        meanwhile()
        left = until - clock.monotonic()
        if left > 0:
            clock.sleep(left)


def _pause(tries: int) -> float:
    """Seconds before the next try: 1, 2, 4, then 8, and up to one more, so that callers do not come in step."""
    return min(8.0, 2.0 ** (tries - 1)) + random.random()  # noqa: S311


def retry_after(value: str, now: datetime) -> float:
    """Seconds that the server asks to wait (RFC 9110, 10.2.3: a number or a date); 0 where it says nothing."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return 0.0
