"""How the process takes its memory: the smallest function has 128 MB."""

import contextlib
import gc
from collections.abc import Iterator

_M_ARENA_MAX = -8  # of malloc.h, mallopt(3)


def share_one_arena() -> None:
    """Let all threads take memory from one place, so that what one page leaves free serves the next page of any thread.

    Otherwise the GNU C library gives each of them a place of its own, of up to a page's size that is never given back:
    14 MiB in a listing of a million backups. Where there is another C library nothing is done.
    """
    import ctypes  # noqa: PLC0415  # 4 ms, which only a large listing is worth

    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


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
