"""Text in columns of a terminal, where a Chinese, Japanese or Korean character or an emoji takes two."""

import unicodedata
from collections.abc import Iterator

from cbr_auditor.text import one_line

_LONGEST = 2_000


def columns(text: str) -> int:
    """How many columns the text takes (Unicode Standard Annex 11)."""
    return len(text) if text.isascii() else sum(_columns(char) for char in text)


def wrap(text: str, lead: str = "", width: int = 72) -> str:
    """The text, cleaned, in lines of at most `width` columns; `lead` begins the first, spaces the others.

    A word that is too long for a line, as an id may be, stands on a line of its own; one of wide characters is broken.
    """
    line, empty = one_line(lead, width), True
    hanging = " " * columns(line)
    lines = []
    labelled = line.strip() not in {"", "-"}
    for word in _words(one_line(text, _LONGEST), width - len(hanging)):
        if columns(line) + (not empty) + columns(word) > width and (labelled or not empty):
            lines.append(line.rstrip())
            line, empty, labelled = hanging, True, False
        line += word if empty else f" {word}"
        empty = False
    return "\n".join([*lines, line.rstrip()])


def pad(text: str, width: int) -> str:
    """The text with spaces behind it, so that it takes at least `width` columns."""
    return text + " " * (width - columns(text))


def _words(text: str, width: int) -> Iterator[str]:
    for word in text.split():
        if columns(word) > width and columns(word) > len(word):
            yield from _broken(word, width)
        else:
            yield word


def _broken(word: str, width: int) -> Iterator[str]:
    """Parts of a word of wide characters, between any two of which a line may end."""
    part, taken = "", 0
    for char in word:
        if taken + _columns(char) > width:
            yield part
            part, taken = "", 0
        part += char
        taken += _columns(char)
    yield part


def _columns(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
