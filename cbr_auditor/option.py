"""A rule's options: the keyword-only parameters of its `check`."""

import inspect
import re
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from cbr_auditor.errors import RuleError

_TYPES: tuple[Any, ...] = (bool, int, float, str, tuple[str, ...], re.Pattern[str])


class Option(msgspec.Struct, frozen=True):
    """One option of a rule."""

    name: str
    type: Any
    """`bool`, `int`, `float`, `str`, `tuple[str, ...]` or `re.Pattern[str]`."""
    default: Any
    choices: tuple[str, ...] = ()
    """The only texts that it may hold; any where none is named."""


def read_options(path: Path, check: Callable[..., Any]) -> tuple[Option, ...]:
    """The options of the `check` in a rule's file. Raises `RuleError` for one without a default or of another type."""
    hints = typing.get_type_hints(check)
    options = []
    for name, parameter in inspect.signature(check).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        if parameter.default is inspect.Parameter.empty:
            raise RuleError(f"the rule {path} has no default for its option {name}", "Give it one.")
        kind, choices = _choices(hints.get(name, str))
        if kind not in _TYPES:
            raise RuleError(
                f"the rule {path} has an option {name} of a type that auditor.toml cannot hold",
                "Use bool, int, float, str, tuple[str, ...], re.Pattern[str], or Literal[...] for str.",
            )
        options.append(Option(name, kind, parameter.default, choices))
    return tuple(options)


def _choices(kind: Any) -> tuple[Any, tuple[str, ...]]:
    """The type with `str` in place of a `Literal` of texts, and what that allows."""
    if typing.get_origin(kind) is Literal:
        return str, typing.get_args(kind)
    inner = typing.get_args(kind)[:1]
    if typing.get_origin(kind) is tuple and inner and typing.get_origin(inner[0]) is Literal:
        return tuple[str, ...], typing.get_args(inner[0])
    return kind, ()
