"""A named set of rules and options: `essential`, `strict`, one a framework, and an operator's own.

Ours stand in rules/profiles.toml, an operator's under `[profiles.<name>]` in auditor.toml; each may extend others.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from cbr_auditor.auditor_toml import check_keys, read_toml, texts_of
from cbr_auditor.control import split
from cbr_auditor.errors import RuleError
from cbr_auditor.pattern import matches
from cbr_auditor.rule import Rule
from cbr_auditor.rule_table import options_of
from cbr_auditor.suggestion import did_you_mean

_KEYS = ("title", "extends", "frameworks", "rules", "without", "options")


class Profile(msgspec.Struct):
    """Which rules are on, and with what options other than their defaults."""

    name: str
    on: set[str]
    options: dict[str, dict[str, tuple[Any, str]]]
    """Of each rule, its options' values and which profile said so."""
    frameworks: tuple[str, ...] = ()
    """Those that it is about: every rule behind one of their clauses is on."""


def built_in_profiles(folder: Path) -> dict[str, Any]:
    """The tables of `profiles.toml` in the folder of rules."""
    return read_toml(folder / "profiles.toml")


def resolve(name: str, tables: Mapping[str, Any], ours: Mapping[str, Any], rules: Mapping[str, Rule]) -> Profile:
    """The profile of this name: of auditor.toml's `tables`, else of `ours`.

    Raises `RuleError` for a name, a framework, a rule, an option or a pattern that is not known, and a profile that
    extends itself.
    """
    for own in tables:
        if own in ours:
            raise RuleError(f"auditor.toml, [profiles.{own}]: this profile is ours", "Give yours another name.")
    return _resolve(name, "AUDITOR_PROFILE (profile in auditor.toml)", {**ours, **tables}, rules, ())


def _resolve(
    name: str, where: str, tables: Mapping[str, Any], rules: Mapping[str, Rule], under: tuple[str, ...]
) -> Profile:
    if name not in tables:
        raise RuleError(f"{where}: there is no profile {name!r}", did_you_mean(name, tables))
    if name in under:
        raise RuleError(f"auditor.toml, [profiles.{name}] extends itself", "Remove it from its own extends.")
    place = f"auditor.toml, [profiles.{name}]"
    table = tables[name]
    check_keys(place, table, _KEYS)
    profile = Profile(name, set(), {})
    for parent in texts_of(place, table, "extends"):
        above = _resolve(parent, f"{place} extends", tables, rules, (*under, name))
        profile.on |= above.on
        for ident, options in above.options.items():
            profile.options.setdefault(ident, {}).update(options)
        profile.frameworks += above.frameworks
    own = texts_of(place, table, "frameworks")
    profile.frameworks = (*own, *profile.frameworks)
    profile.on |= _behind(place, own, rules)
    profile.on |= _named(place, "rules", texts_of(place, table, "rules"), rules)
    profile.on -= _named(place, "without", texts_of(place, table, "without"), rules)
    options_table = table.get("options", {})
    check_keys(f"{place} options", options_table, None)
    for ident, values in options_table.items():
        where = f"auditor.toml, [profiles.{name}.options.{ident}]"
        if ident not in rules:
            raise RuleError(f"{where}: there is no such rule", did_you_mean(ident, rules))
        check_keys(where, values, [option.name for option in rules[ident].options])
        _, read = options_of(where, rules[ident], values)
        profile.options.setdefault(ident, {}).update({key: (value, f"profile {name}") for key, value in read.items()})
    return profile


def _behind(place: str, frameworks: tuple[str, ...], rules: Mapping[str, Rule]) -> set[str]:
    """The rules that are evidence for a clause of these frameworks."""
    if not frameworks:
        return set()
    behind: dict[str, set[str]] = {}
    for ident in rules:
        for control in rules[ident].controls:
            behind.setdefault(split(control)[0], set()).add(ident)
    for framework in frameworks:
        if framework not in behind:
            raise RuleError(
                f"{place} frameworks: no rule is behind {framework!r}", did_you_mean(framework, filter(None, behind))
            )
    return set().union(*(behind[framework] for framework in frameworks))


def _named(place: str, key: str, patterns: tuple[str, ...], rules: Mapping[str, Rule]) -> set[str]:
    named: set[str] = set()
    for pattern in patterns:
        found = {ident for ident in rules if matches([pattern], ident)}
        if not found:
            raise RuleError(f"{place} {key}: no rule is named {pattern!r}", did_you_mean(pattern, rules))
        named |= found
    return named
