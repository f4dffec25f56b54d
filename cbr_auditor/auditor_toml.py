"""The file auditor.toml: where an audit's policy lives, for the function's variables hold 4,096 characters in all."""

import sys
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from cbr_auditor.errors import SettingsError

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
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
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
