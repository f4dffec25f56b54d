"""Other options, or none of a rule at all, for some resources, vaults or projects."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from cbr_auditor.auditor_toml import check_keys, texts_of
from cbr_auditor.cbr.records import RESOURCE_TYPES
from cbr_auditor.cbr.vaults import Vault
from cbr_auditor.errors import RuleError
from cbr_auditor.pattern import matches
from cbr_auditor.rule import Rule
from cbr_auditor.rule_table import options_of
from cbr_auditor.subject import Identity
from cbr_auditor.suggestion import did_you_mean
from cbr_auditor.text import one_line

_SELECTORS = ("resource", "resource_type", "vault", "vault_tag", "project_id")
_ID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")


class Override(msgspec.Struct, frozen=True):
    """One `[[overrides]]` table of auditor.toml: every selector that it has must fit."""

    place: str
    resource: tuple[str, ...]
    """Patterns of the resource's name, or its id."""
    resource_type: tuple[str, ...]
    vault: tuple[str, ...]
    """Patterns of the vault's name, or its id."""
    vault_tag: tuple[str, ...]
    """Tags of the vault: `key`, or `key=value` with a pattern as the value."""
    project_id: tuple[str, ...]
    off: bool
    """Whether no rule at all judges what is selected."""
    rules: Mapping[str, Mapping[str, Any] | None]
    """The options that it changes, by rule; None where it switches the rule off."""

    @property
    def lists_vaults(self) -> bool:
        """Whether vaults must be listed to tell what it selects: a backup only knows its vault's id."""
        return bool(self.vault_tag) or not all(_ID.fullmatch(pattern) for pattern in self.vault)

    @property
    def label(self) -> str:
        """What it selects, as people say it."""
        parts = [(name, getattr(self, name)) for name in _SELECTORS]
        return ", ".join(f"{name} {' or '.join(values)}" for name, values in parts if values)

    def selects(self, who: Identity, vault_ids: Iterable[str], project_id: str, vaults: Mapping[str, Vault]) -> bool:
        """Whether it is about a subject that lies in these vaults of this project."""
        if self.project_id and project_id not in self.project_id:
            return False
        if self.resource and not matches(self.resource, who.resource_name, who.resource_id):
            return False
        if self.resource_type and who.resource_type not in self.resource_type:
            return False
        if not self.vault and not self.vault_tag:
            return True
        return any(self._selects_vault(ident, vaults.get(ident)) for ident in vault_ids)

    def _selects_vault(self, ident: str, vault: Vault | None) -> bool:
        if self.vault and not matches(self.vault, ident, vault.name if vault else None):
            return False
        tags = (vault.tags if vault else None) or {}
        return not self.vault_tag or any(_has_tag(tags, wanted) for wanted in self.vault_tag)


def _has_tag(tags: Mapping[str, str | None], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in tags and (not equals or matches([value], tags[key] or "") or (tags[key] or "") == value)


def read_overrides(tables: Any, rules: Mapping[str, Rule]) -> list[Override]:
    """The `[[overrides]]` of auditor.toml, in order. Raises `RuleError` for a wrong rule, option, type or selector."""
    if not isinstance(tables, (list, tuple)):
        raise RuleError("auditor.toml: overrides is no list of tables", "Write each under [[overrides]].")
    return [_read(f"auditor.toml, [[overrides]] {number}", table, rules) for number, table in enumerate(tables, 1)]


def _read(place: str, table: Any, rules: Mapping[str, Rule]) -> Override:
    check_keys(place, table, (*_SELECTORS, "enabled", "rules"))
    selectors = {name: texts_of(place, table, name) for name in _SELECTORS}
    if not any(selectors.values()):
        raise RuleError(f"{place} selects nothing", f"Give it one or more of: {', '.join(_SELECTORS)}.")
    for kind in selectors["resource_type"]:
        if kind not in RESOURCE_TYPES:
            raise RuleError(
                f"{place}: there is no resource_type {one_line(repr(kind), 80)}", did_you_mean(kind, RESOURCE_TYPES)
            )
    if table.get("enabled", False) is not False:
        raise RuleError(
            f"{place}: enabled = {table['enabled']!r} is not valid", "Use enabled = false, or leave it out."
        )
    off = "enabled" in table
    tables = table.get("rules", {})
    check_keys(f"{place} rules", tables, None)
    if off == bool(tables):
        raise RuleError(
            f"{place} says {'enabled = false and rules' if off else 'nothing about any rule'}",
            "Give it enabled = false, or tables under [overrides.rules.<id>].",
        )
    return Override(
        place=place,
        off=off,
        rules={ident: _options(place, ident, tables[ident], rules) for ident in tables},
        **selectors,
    )


def _options(place: str, ident: str, table: Any, rules: Mapping[str, Rule]) -> Mapping[str, Any] | None:
    where = f"{place}, rules.{ident}"
    if ident not in rules:
        raise RuleError(f"{where}: there is no such rule", did_you_mean(ident, rules))
    check_keys(where, table, None)
    if "severity" in table:
        raise RuleError(
            f"{where}: severity cannot be overridden for some", "A rule has one severity: set it in [rules.<id>]."
        )
    enabled, options = options_of(where, rules[ident], table)
    return options if enabled is not False else None
