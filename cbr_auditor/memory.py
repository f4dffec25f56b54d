"""How the process takes its memory: the smallest function has 128 MB."""

import contextlib

_M_ARENA_MAX = -8  # of malloc.h, mallopt(3)


def share_one_arena() -> None:
    """Let all threads take memory from one place, so that what one page leaves free serves the next page of any thread.

    Otherwise the GNU C library gives each of them a place of its own, of up to a page's size that is never given back:
    14 MiB in a listing of a million backups. Where there is another C library nothing is done.
    """
    import ctypes  # noqa: PLC0415  # 4 ms, which only a large listing is worth

    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
