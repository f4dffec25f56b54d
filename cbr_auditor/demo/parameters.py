"""Parameters of a list as CBR reads them, and what of a row they are compared with.

It shares no code with the auditor's reader, so that both cannot be wrong in the same way.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from cbr_auditor.demo.answer import cbr_error

Query = Mapping[str, Sequence[str]]
Fields = Mapping[str, Any]
Test = Callable[[Fields], bool]

LARGEST_LIMIT = 1000


class RefusedError(Exception):
    """A parameter that CBR refuses; `answer` says so."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.answer = cbr_error(400, 9900, f"Parameter verification failed. {text}")


def fields_of(row: Any) -> Fields:
    """What can be filtered and sorted by; nothing for a row that is no object."""
    if isinstance(row, bytes):
        try:
            row = json.loads(row.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return {}
    return row if isinstance(row, dict) else {}


def check_values(query: Query, allowed: Mapping[str, Sequence[str]]) -> None:
    """Raise `RefusedError` where a parameter has a value that CBR does not document."""
    for name, values in allowed.items():
        for value in query.get(name, ()):
            if value not in values:
                raise RefusedError(f"Invalid {name}.")


def equals(name: str, value: str) -> Test:
    """Whether a row has this value."""
    return lambda row: row.get(name) == value


def last(query: Query, name: str) -> str | None:
    """A parameter's value; the last one where it is repeated."""
    values = query.get(name)
    return values[-1] if values else None


def number(query: Query, name: str, default: int, least: int, most: int | None) -> int:
    """A whole number in its range. Raises `RefusedError`."""
    value = last(query, name)
    if value is None:
        return default
    if not re.fullmatch("[0-9]{1,18}", value) or int(value) < least or (most is not None and int(value) > most):
        raise RefusedError(f"Invalid {name}.")
    return int(value)


def time_asked(query: Query, name: str) -> datetime | None:
    """The format of a question has whole seconds and `Z`, unlike that of an answer. Raises `RefusedError`."""
    value = last(query, name)
    if value is None:
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise RefusedError(f"Invalid {name}.") from None


def time_of(value: Any) -> datetime | None:
    """A time of a record in any form that was seen; naive ones are in UTC."""
    try:
        time = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time
