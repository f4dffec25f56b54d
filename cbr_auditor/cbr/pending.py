"""Answers that are waited for later than they are asked for."""

from collections.abc import Callable
from typing import Generic, TypeVar

from cbr_auditor.errors import ListingError

T = TypeVar("T")


class Pending(Generic[T]):
    """An answer that was asked for: it is taken, or dropped, once."""

    def __init__(
        self,
        take: Callable[[], T],
        drop: Callable[[], None] = lambda: None,
        look: Callable[[], ListingError | None] = lambda: None,
    ) -> None:
        self.take = take
        """Waits for the answer and reads it. Raises `ListingError`."""
        self.drop = drop
        """Gives up what is held for it."""
        self.look = look
        """Waits for what comes first, and keeps it; gives the error where it is one. To take it may still take a pause.
        """
