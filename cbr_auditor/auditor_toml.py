"""The file auditor.toml: where an audit's policy lives, for the function's variables hold 4,096 characters in all."""

import sys
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from cbr_auditor.errors import RuleError, SettingsError
from cbr_auditor.suggestion import did_you_mean
from cbr_auditor.text import one_line

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_table(named: str | None, beside: Path | None, secrets: AbstractSet[str]) -> dict[str, Any]:
    """The table in the file that is `named`, else in auditor.toml in the folder `beside`; empty where neither is.

    Raises `SettingsError` for a named file that cannot be read, for what is no TOML, and for one of the `secrets`.
    """
    path = Path(named) if named else (beside / "auditor.toml" if beside else None)
    if path is None or (not named and not path.is_file()):
        return {}
    try:
        table = read_toml(path)
    except OSError as problem:
        raise SettingsError(
            f"AUDITOR_CONFIG = {str(path)!r} cannot be read: {problem.strerror}", "Check the path."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{path} is no valid TOML: {problem}", "Compare it with auditor.sample.toml.") from None
    for name in sorted(secrets & set(table)):
        raise SettingsError(
            f"{path}: {name} is a secret, and this file is no place for one",
            f"Set it as the encrypted variable AUDITOR_{name.upper()}.",
        )
    return table


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file. Raises `OSError`, `tomllib.TOMLDecodeError` and `UnicodeDecodeError`."""
    table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    return table


def check_keys(place: str, table: Any, known: Sequence[str] | None, needed: Sequence[str] = ()) -> None:
    """Refuse what is no table, a key that is not known, and a table without a needed key. Raises `RuleError`.

    `known` is None where any key may stand.
    """
    if not isinstance(table, Mapping):
        raise RuleError(f"{place} is no table", "Write it as a table of TOML.")
    for key in table:
        if known is not None and key not in known:
            raise RuleError(f"{place}: there is no key {one_line(repr(key), 80)}", did_you_mean(key, known))
    for key in needed:
        if key not in table:
            raise RuleError(f"{place} has no {key}", "Add it.")


def texts_of(place: str, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A text or a list of texts as a tuple; none where the key is absent. Raises `RuleError`."""
    value = table.get(key, ())
    values = (value,) if isinstance(value, str) else value
    if not isinstance(values, (list, tuple)) or not all(isinstance(text, str) and text.strip() for text in values):
        raise RuleError(f"{place}: {key} = {one_line(repr(value), 80)} is not valid", "Use a text, or a list of texts.")
    return tuple(text.strip() for text in values)
