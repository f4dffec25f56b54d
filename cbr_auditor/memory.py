"""When the process looks for garbage: seldom, as what a run makes by the million leaves none."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Look for garbage cycles a hundred times less often: a million records make none, and looking costs a tenth."""
    threshold = gc.get_threshold()
    gc.set_threshold(100 * threshold[0], *threshold[1:])
    try:
        yield
    finally:
        gc.set_threshold(*threshold)


@contextlib.contextmanager
def no_collections() -> Iterator[None]:
    """Import without looking for garbage, of which imports make none: that takes a twelfth of a cold start.

    What was imported is left out of every later look, too.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
