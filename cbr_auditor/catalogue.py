"""All rules that there are, and those that are switched on: from our folder, an operator's, and installed packages."""

import importlib.util
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec

from cbr_auditor.errors import RuleError
from cbr_auditor.layout import resource_folder
from cbr_auditor.override import Override, read_overrides
from cbr_auditor.profile import Profile, built_in_profiles, resolve
from cbr_auditor.rule import Rule, load_rule
from cbr_auditor.rule_table import options_of, severity_of
from cbr_auditor.suggestion import did_you_mean

DEFAULT_PROFILE = "essential"
ENTRY_POINTS = "cbr_auditor.rules"
"""The group under which a package names one of its packages, whose files are rules."""

RESERVED = frozenset(
    {"resource-vanished", "resource-backup-count-drop", "backup-deleted-early", "backup-retention-shortened"}
)
"""Ids of rules to come, which compare a run with earlier ones: a rule of that id would one day stand twice."""

Tables = Mapping[str, Mapping[str, Any]]


class RuleFiles(Mapping[str, Rule]):
    """Every rule of some folders by its id; a file is run when its rule is asked for."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.paths: dict[str, Path] = {}
        self._loaded: dict[str, Rule] = {}
        for folder in folders:
            if not folder.is_dir():
                raise RuleError(f"the rules folder {folder} does not exist", "Check AUDITOR_RULES_FOLDER.")
            for path in sorted(folder.glob("[!_]*.py")):
                ident = path.stem.replace("_", "-")
                if ident in RESERVED:
                    raise RuleError(
                        f"the rule {path} has the id {ident}, which is kept for a rule of ours to come",
                        "Give its file another name.",
                    )
                if ident in self.paths:
                    raise RuleError(
                        f"the rule {ident} stands twice: {self.paths[ident]} and {path}", "Rename one of them."
                    )
                self.paths[ident] = path

    def __getitem__(self, ident: str) -> Rule:
        if ident not in self._loaded:
            self._loaded[ident] = load_rule(self.paths[ident])
        return self._loaded[ident]

    def __contains__(self, ident: object) -> bool:
        return ident in self.paths

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


class Catalogue(msgspec.Struct, frozen=True):
    """The rules of a run."""

    known: RuleFiles
    """Every rule, on or off, with its options at their defaults."""
    rules: Sequence[Rule]
    """Those that are on, worst severity first, with the options in force."""
    overrides: Sequence[Override]
    profile: str
    sources: Mapping[tuple[str, str], str]
    """Where a rule's option got its value, by rule and option; a missing one is the rule's own default."""
    frameworks: tuple[str, ...] = ()
    """Those that the profile is about."""

    @property
    def controls_off(self) -> dict[str, tuple[str, ...]]:
        """The controls of our rules that are not on. An operator's file that is off is not run to learn its own."""
        ours = resource_folder("rules")
        return {ident: self.known[ident].controls for ident in self.off if self.known.paths[ident].parent == ours}

    @property
    def profiles(self) -> dict[str, set[str]]:
        """Which rules each of our profiles switches on."""
        tables = built_in_profiles(resource_folder("rules"))
        return {name: resolve(name, {}, tables, self.known).on for name in tables}

    @property
    def off(self) -> list[str]:
        """The ids of the rules that are not on."""
        on = {rule.id for rule in self.rules}
        return sorted(ident for ident in self.known if ident not in on)


def load_catalogue(
    folder: Path | None,
    *,
    profile: str = DEFAULT_PROFILE,
    profiles: Mapping[str, Any] | None = None,
    tables: Tables | None = None,
    overrides: Sequence[Any] = (),
) -> Catalogue:
    """The rules of ours, of installed packages and of the operator's `folder`, with auditor.toml's options in force.

    On are: what the profile names, what does not come from us, and what has a table under `[rules]`; `enabled = false`
    there switches off. Raises `RuleError` for a file that is no rule, an id that stands twice, and a table that fits no
    rule.
    """
    ours = resource_folder("rules")
    known = RuleFiles([ours, *_installed(), *([folder] if folder else [])])
    built_in = built_in_profiles(ours)
    for name in profiles or {}:  # one that is not in use is read too: it may be chosen tomorrow
        resolve(name, profiles or {}, built_in, known)
    chosen = resolve(profile, profiles or {}, built_in, known)
    chosen.on |= {ident for ident, path in known.paths.items() if path.parent != ours}
    _switch(known, chosen, tables or {})
    read = read_overrides(overrides, known)
    asked = {ident for override in read for ident, options in override.rules.items() if options is not None}
    sources: dict[tuple[str, str], str] = {}
    rules = [
        _configured(known[ident], chosen, tables or {}, sources, everywhere=ident in chosen.on)
        for ident in chosen.on | asked
    ]
    return Catalogue(known, _in_order(rules), read, profile, sources, chosen.frameworks)


def load_rules(folders: Iterable[Path], tables: Tables | None = None) -> list[Rule]:
    """Every rule of the folders, whatever the profile, with the options of `[rules.<id>]` tables.

    Raises `RuleError` as `load_catalogue` does.
    """
    known = RuleFiles(folders)
    chosen = Profile("", set(known), {})
    _switch(known, chosen, tables or {})
    return _in_order([_configured(known[ident], chosen, tables or {}, {}) for ident in chosen.on])


def _switch(known: Mapping[str, Rule], chosen: Profile, tables: Tables) -> None:
    """Switch rules on and off as their tables say: to have one is to be on."""
    for ident, table in tables.items():
        if ident not in known:
            raise RuleError(f"auditor.toml, [rules.{ident}]: there is no such rule", did_you_mean(ident, known))
        enabled, _ = options_of(f"auditor.toml, [rules.{ident}]", known[ident], table)
        chosen.on = chosen.on - {ident} if enabled is False else chosen.on | {ident}


def _configured(
    rule: Rule,
    chosen: Profile,
    tables: Tables,
    sources: dict[tuple[str, str], str],
    *,
    everywhere: bool = True,
) -> Rule:
    """The rule with the options of the profile and of its own table; `sources` gets where each came from."""
    values, severity = dict(rule.values), rule.severity
    for name, (value, source) in chosen.options.get(rule.id, {}).items():
        values[name] = value
        sources[rule.id, name] = source
    if rule.id in tables:
        place = f"auditor.toml, [rules.{rule.id}]"
        _, read = options_of(place, rule, tables[rule.id])
        severity = severity_of(place, tables[rule.id], severity)
        values.update(read)
        sources.update({(rule.id, name): place for name in read})
    return msgspec.structs.replace(rule, values=values, severity=severity, everywhere=everywhere)


def _installed() -> list[Path]:
    """The folders of installed packages that bring rules."""
    folders = []
    for point in entry_points(group=ENTRY_POINTS):
        spec = importlib.util.find_spec(point.value.partition(":")[0])
        if spec is None or not spec.submodule_search_locations:
            raise RuleError(
                f"the entry point {point.name} of group {ENTRY_POINTS} names {point.value}, which is no package",
                "Name the package whose files are the rules.",
            )
        folders += [Path(location) for location in spec.submodule_search_locations]
    return folders


def _in_order(rules: list[Rule]) -> list[Rule]:
    if all(rule.subject == "waiver" for rule in rules):
        raise RuleError("no rule is switched on, so nothing would be judged", "Switch on at least one in auditor.toml.")
    return sorted(rules, key=lambda rule: (rule.severity.rank, rule.id))
