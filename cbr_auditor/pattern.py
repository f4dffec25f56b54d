"""How auditor.toml selects by name or id: shell patterns, as `db-*`, over whole names, upper and lower case apart."""

import fnmatch
import functools
import re
from collections.abc import Iterable

__all__ = ["matches"]


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))


def matches(patterns: Iterable[str], *texts: str | None) -> bool:
    """Whether any of the patterns fits any of the texts; a text that is None fits none."""
    return any(_compiled(pattern).match(text) for pattern in patterns for text in texts if text)
