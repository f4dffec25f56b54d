"""Keeps secrets out of what is printed, in each of the forms in which they may turn up there."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

_SHORTEST = 4  # characters; to hide less would garble the text and hide nothing
_MASK = "***"


class Mask:
    """Replaces every occurrence of some secrets by `***`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def text(self, text: str) -> str:
        """The text without the secrets."""
        return self._pattern.sub(_MASK, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """What was read from JSON, without the secrets in any of its texts and keys."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        return value


def _forms(secret: str) -> Iterator[str]:
    """The secret as it is, as JSON, `repr` and URLs write it, its lines, and the telling parts of an address."""
    secret = secret.strip()
    for line in {secret, *secret.splitlines()}:
        yield from (line.strip(), json.dumps(line)[1:-1], repr(line)[1:-1], quote(line), quote(line, safe=""))
    if "://" in secret:
        try:
            parts = urlsplit(secret)
        except ValueError:
            return
        yield from (parts.path.rstrip("/"), parts.query)
        words = re.split(r"[/&=]", f"{parts.path}/{parts.query}")
        # A word like "webhook" tells nothing; to hide it would garble what else is printed.
        yield from (word for word in words if len(word) >= 20 or (len(word) >= 8 and re.search(r"\d", word)))
