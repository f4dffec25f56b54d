"""A rule's table in auditor.toml: `[rules.<id>]`, and the same in a profile or an override."""

import re
from collections.abc import Mapping
from typing import Any

from cbr_auditor.errors import RuleError
from cbr_auditor.rule import Option, Rule, Severity
from cbr_auditor.suggestion import did_you_mean
from cbr_auditor.text import one_line

_LARGEST_NUMBER = 1_000_000  # days or hours that no calendar leaves
_OURS = ("enabled", "severity")
OPTION_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number from 0 to 1,000,000",
    float: "a number from 0 to 1,000,000",
    str: "a text",
    tuple[str, ...]: "a list of texts",
    re.Pattern[str]: "a regular expression",
}
"""The types that an option may have, as a person reads them."""


def options_of(place: str, rule: Rule, table: Mapping[str, Any]) -> tuple[bool | None, dict[str, Any]]:
    """What a table says: whether the rule is on (None where it does not say), and the options that it sets.

    Raises `RuleError` for an option that the rule does not have, and a value that does not fit.
    """
    known = {option.name: option for option in rule.options}
    values = {}
    for name, value in table.items():
        if name in _OURS:
            continue
        where = f"{place} {name} = {one_line(repr(value), 80)}"
        if name not in known:
            raise RuleError(f"{where}: the rule has no such option", did_you_mean(name, [*known, *_OURS]))
        values[name] = _value(where, known[name], value)
    enabled = table.get("enabled")
    if enabled is not None and not isinstance(enabled, bool):
        raise RuleError(f"{place} enabled = {one_line(repr(enabled), 80)}", "Use true or false.")
    return enabled, values


def severity_of(place: str, table: Mapping[str, Any], default: Severity) -> Severity:
    """The severity that a table sets, else the default. Raises `RuleError`."""
    value = table.get("severity", default.value)
    try:
        return Severity(value)
    except ValueError:
        raise RuleError(
            f"{place} severity = {one_line(repr(value), 80)} is not valid",
            f"Use one of: {', '.join(severity.value for severity in Severity)}.",
        ) from None


def _value(where: str, option: Option, value: Any) -> Any:
    wanted = option.type
    if wanted == re.Pattern[str] and isinstance(value, str):
        try:
            return re.compile(value)
        except re.error as problem:
            raise RuleError(f"{where} is no regular expression: {problem}", "Mend the pattern.") from None
    if wanted == tuple[str, ...] and isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value):
        return tuple(_allowed(where, option, text) for text in value)
    if wanted is str and isinstance(value, str):
        return _allowed(where, option, value)
    if wanted in {bool, int, float} and _fits(value, wanted):
        return value
    raise RuleError(f"{where} is not valid", f"Use {OPTION_WORDS[wanted]}.")


def _allowed(where: str, option: Option, text: str) -> str:
    if option.choices and text not in option.choices:
        raise RuleError(f"{where}: {one_line(repr(text), 80)} is not allowed", did_you_mean(text, option.choices))
    return text


def _fits(value: Any, wanted: type) -> bool:
    if wanted is bool or isinstance(value, bool):
        return wanted is bool and isinstance(value, bool)
    return isinstance(value, (int, float) if wanted is float else int) and 0 <= value <= _LARGEST_NUMBER
