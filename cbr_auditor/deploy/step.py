"""One step of a plan."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a command does, or finds done."""

    subject: str
    action: str
    """create, change, set again, replace, delete, publish, move, or unchanged."""
    details: tuple[str, ...] = ()
    run: Callable[[], str | None] | None = None
    """Does it; gives what else there is to say, if anything. Raises `DeployError`."""
