"""Text that comes from outside, made safe to print on one line."""

import unicodedata

_DROPPED = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def one_line(text: str, limit: int = 300) -> str:
    """`text` on one line, at most `limit` characters, without control, bidirectional or invisible characters."""
    if not text.isprintable():
        clean = "".join(" " if unicodedata.category(char) in _DROPPED else char for char in text)
        text = " ".join(clean.split())
    return clip(text, limit)


def clip(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, the last one an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
