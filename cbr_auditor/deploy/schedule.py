"""When a timer fires: the forms that FunctionGraph's timer trigger takes.

Source: FunctionGraph user guide, "Using a Timer Trigger" and "Cron Expressions for a Function Timer Trigger".
"""

import re
from zoneinfo import ZoneInfo

_EXAMPLE = "CRON_TZ=Europe/Berlin 0 0 7 * * *"
_MOST = {"m": 60, "h": 24, "d": 30}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...], bool], ...] = (
    ("second", 0, 59, (), False),
    ("minute", 0, 59, (), False),
    ("hour", 0, 23, (), False),
    ("day of month", 1, 31, (), True),
    ("month", 1, 12, _MONTHS, False),
    ("day of week", 0, 6, _DAYS, True),
)


def check_schedule(value: str) -> str:
    """The schedule, if it is a rate (`1d`), `@every 90m`, or a cron expression with its time zone. Raises `ValueError`.

    Without `CRON_TZ` it is not documented which zone a cron expression is in, so it must be there.
    """
    if rate := re.fullmatch(r"(\d{1,4})([mhd])", value):
        if not 1 <= int(rate[1]) <= _MOST[rate[2]]:
            raise ValueError("a rate is 1m to 60m, 1h to 24h or 1d to 30d")
        return value
    if value.startswith("@every "):
        if not re.fullmatch(r"@every (\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+", value):
            raise ValueError("write @every with a duration, as @every 1h30m")
        return value
    zone, _, expression = value.partition(" ")
    if not zone.startswith("CRON_TZ="):
        raise ValueError(f"a cron expression needs its time zone in front: {_EXAMPLE}")
    _check_zone(zone.removeprefix("CRON_TZ="))
    parts = expression.split(" ")
    if len(parts) not in {5, 6}:
        raise ValueError(f"a cron expression has 5 or 6 fields (second minute hour day month [weekday]): {_EXAMPLE}")
    for part, (name, low, high, names, may_be_open) in zip(parts, _FIELDS, strict=False):
        if part == "?" and may_be_open:
            continue
        for item in part.split(","):
            _check_item(item, name, low, high, names)
    return value


def schedule_type(value: str) -> str:
    """`Rate` or `Cron`, as the API calls the schedule."""
    return "Rate" if re.fullmatch(r"\d+[mhd]", value) else "Cron"


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ValueError(f"{name!r} is no time zone: use a name of the tz database, as Europe/Berlin") from None


def _check_item(item: str, name: str, low: int, high: int, names: tuple[str, ...]) -> None:
    """One item between commas: `*`, a value or a range, each with a step."""
    span, slash, step = item.partition("/")
    if slash and not (step.isdecimal() and 1 <= int(step) <= high):
        raise ValueError(f"the {name} {item!r} has no step of 1 to {high}")
    if span == "*":
        return
    values = [_value(text, low, names) for text in span.split("-")]
    if len(values) > 2 or not all(low <= value <= high for value in values) or values != sorted(values):
        raise ValueError(f"the {name} {item!r} is not within {low} to {high}")


def _value(text: str, low: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + low
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= 2 else -1
