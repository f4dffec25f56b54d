"""The references in serverless.yml that are understood without Serverless: `${env:NAME}`, with a default or not."""

import json
import re
from collections.abc import Mapping
from typing import Any

from cbr_auditor.errors import SettingsError
from cbr_auditor.text import one_line

_REFERENCE = re.compile(r"\$\{([^{}]*)\}")
_ENVIRONMENT = re.compile(r"\s*env:([A-Za-z_][A-Za-z0-9_]*)\s*(?:,\s*(.*?)\s*)?")
_TEXT = re.compile(r"'([^']*)'|\"([^\"]*)\"")


def resolve(value: Any, environ: Mapping[str, str], place: str) -> Any:
    """What was read from YAML, each reference replaced. Raises `SettingsError` that names the place of a wrong one."""
    if isinstance(value, dict):
        return {key: resolve(item, environ, f"{place}{key}.") for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, environ, f"{place}{number}.") for number, item in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value
    place = place.rstrip(".")
    if whole := _REFERENCE.fullmatch(value):
        return _look_up(whole, environ, place)
    if "${" in _REFERENCE.sub("", value):
        raise _not_understood(value, place)
    return _REFERENCE.sub(lambda match: str(_look_up(match, environ, place)), value)


def _look_up(match: re.Match[str], environ: Mapping[str, str], place: str) -> Any:
    reference = _ENVIRONMENT.fullmatch(match[1])
    if reference is None:
        raise _not_understood(match[0], place)
    name, default = reference.groups()
    if name in environ:
        return environ[name]
    if default is None:
        raise SettingsError(f"{place}: the variable {name} is not set", f"Set {name} in the environment.")
    if text := _TEXT.fullmatch(default):
        return text[1] if text[1] is not None else text[2]
    try:
        return json.loads(default)  # a number, true, false, null: as Serverless reads them
    except ValueError:
        raise _not_understood(match[0], place) from None


def _not_understood(reference: str, place: str) -> SettingsError:
    return SettingsError(
        f"{place}: {one_line(reference, 80)} is not understood",
        "Use ${env:NAME} or ${env:NAME, 'default'}; with Serverless or osls all its references work.",
    )
