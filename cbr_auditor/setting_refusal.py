"""What is wrong with a setting, in words: the variable, its value (never a secret's), the mend."""

import difflib
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cbr_auditor.errors import SettingsError
from cbr_auditor.setting_sources import PREFIX
from cbr_auditor.target import TargetSettings
from cbr_auditor.text import one_line


def refuse_unknown(variables: Mapping[str, str], names: Collection[str]) -> None:
    """Refuse a variable of ours that is none of the settings of these names. Raises `SettingsError`."""
    known = {f"{PREFIX}{name.upper()}" for name in names}
    for name in sorted(variables):
        if name == f"{PREFIX}TARGETS" and variables[name].strip():
            raise SettingsError(f"{name} cannot be set as a variable", "Write [[targets]] in auditor.toml.")
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            raise SettingsError(
                f"{name} is no setting",
                f"Did you mean {near[0]}?" if near else "Remove it, or see the README.",
            )


def explain(
    problem: ValidationError,
    table: Mapping[str, Any],
    variables: Mapping[str, str],
    names: Collection[str],
    secrets: AbstractSet[str],
) -> SettingsError:
    """All that pydantic found wrong, each with the variable, the value (secrets masked) and the mend."""
    sentences = []
    for error in problem.errors(include_url=False):
        name = str(error["loc"][0]) if error["loc"] else ""
        variable = f"{PREFIX}{name.upper()}"
        nested = ".".join(str(part) for part in error["loc"])
        where = f"auditor.toml, {nested}" if name in table and variable not in variables else variable
        if error["type"] == "extra_forbidden":
            known = TargetSettings.model_fields if name == "targets" else names
            near = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "remove it"
            sentences.append(f"auditor.toml, {nested}: there is no such setting; {hint}")
            continue
        message = error["msg"].removeprefix("Value error, ")
        shown = _shown(error["input"], str(error["loc"][-1]) if error["loc"] else "", secrets)
        sentences.append(f"{where}{shown} is not valid: {message[:1].lower()}{message[1:]}")
    return SettingsError("; ".join(sentences), "Mend it; nothing was requested.")


def _shown(value: Any, name: str, secrets: AbstractSet[str]) -> str:
    """A refused value as the message shows it; of a secret, or a table that may hold one, not even a part."""
    if name in secrets or (isinstance(value, str) and "@" in value and "://" in value):
        return " = (not shown, for it holds a secret)"
    if isinstance(value, (dict, list)) or name.isdigit():
        return ""
    return f" = {one_line(repr(str(value) if isinstance(value, Path) else value), 120)}"
