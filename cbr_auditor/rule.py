"""What a rule is, and the one loader for all of them.

A rule is a module. Its file name is its id, its docstring the title, the reason and the advice; constants are its
metadata, keyword-only parameters of `check` its options. A rule imports nothing but this module.
"""

import difflib
import functools
import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from cbr_auditor.cbr.records import DOCUMENTED_STATUSES, Backup, Disk
from cbr_auditor.errors import RuleError
from cbr_auditor.resource import Resource

__all__ = [
    "DOCUMENTED_STATUSES",
    "Backup",
    "Disk",
    "Needs",
    "NoProblem",
    "Option",
    "Resource",
    "Rule",
    "Severity",
    "Unknown",
    "load_rules",
]


class Severity(Enum):
    """How bad a finding is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for critical, 4 for info."""
        return _RANKS[self]

    def reaches(self, other: "Severity") -> bool:
        """Whether this is as bad as `other`, or worse."""
        return self.rank <= other.rank


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Unknown(msgspec.Struct, frozen=True):
    """The rule cannot tell: `what` is missing, as in "cannot tell without extend_info.encrypted"."""

    what: str


class NoProblem(msgspec.Struct, frozen=True):
    """No problem, for a reason that the report counts."""

    reason: str


class Needs(Enum):
    """What the list does not show. A rule that gives one of these is asked again once it was fetched."""

    DISKS = "disks"
    """The disks of this server backup; fetched as `server_disks` says, then `backup.examined` is true."""
    REASON = "reason"
    """Why this backup failed; afterwards `backup.reason` is a text, empty where nobody knows."""


Outcome = str | Unknown | NoProblem | Needs | None


class Option(msgspec.Struct, frozen=True):
    """One option of a rule: a keyword-only parameter of its `check`."""

    name: str
    type: type
    default: Any
    value: Any


class Rule(msgspec.Struct, frozen=True):
    """A loaded rule with the options in force."""

    id: str
    title: str
    why: str
    advice: str
    severity: Severity
    controls: tuple[str, ...]
    reference: str
    since: str | None
    """The attribute of the backup that tells since when the problem stands."""
    soonest: str | None
    """The attribute by which findings are ordered, earliest first; newest backup first where None."""
    options: tuple[Option, ...]
    takes_resource: bool
    """Whether the rule must know the backup's siblings, and so is judged after the listing."""
    check: Callable[..., Outcome]
    """`check` with its options bound: takes a backup, and the resource where `takes_resource`."""
    candidate: Callable[[Backup], bool] | None
    """Whether a backup is worth keeping until its siblings are known; all are where None."""


_CONSTANTS = ("severity", "controls", "reference")
_SUBJECTS = {Backup: "backup"}


def load_rules(folders: Iterable[Path], tables: Mapping[str, Mapping[str, Any]] | None = None) -> list[Rule]:
    """Load every rule of the folders, worst severity first, with the options of auditor.toml's `[rules.<id>]` tables.

    A table may hold `enabled` (false leaves the rule out), `severity`, and the rule's own options.
    Raises `RuleError` for a file that is no rule, an id that stands twice, and a table that fits no rule.
    """
    tables = tables or {}
    paths: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise RuleError(f"the rules folder {folder} does not exist", "Check AUDITOR_RULES_FOLDER.")
        for path in sorted(folder.glob("[!_]*.py")):
            ident = path.stem.replace("_", "-")
            if ident in paths:
                raise RuleError(f"the rule {ident} stands twice: {paths[ident]} and {path}", "Rename one of them.")
            paths[ident] = path
    for ident in tables:
        if ident not in paths:
            raise RuleError(f"auditor.toml, [rules.{ident}]: there is no such rule", _did_you_mean(ident, paths))
    rules = [_load(ident, path, tables.get(ident, {})) for ident, path in paths.items()]
    chosen = [rule for rule in rules if tables.get(rule.id, {}).get("enabled", True)]
    if not chosen:
        raise RuleError("no rule is switched on, so nothing would be judged", "Switch on at least one in auditor.toml.")
    return sorted(chosen, key=lambda rule: (rule.severity.rank, rule.id))


def _load(ident: str, path: Path, table: Mapping[str, Any]) -> Rule:
    module = _execute(path)
    for name in (*_CONSTANTS, "check"):
        if not hasattr(module, name):
            raise RuleError(f"the rule {path} has no `{name}`", "Copy the shape of a rule beside it.")
    severity, controls = module.severity, module.controls
    if not isinstance(severity, Severity):
        raise RuleError(f"the rule {path} has severity = {severity!r}", "Use one of Severity's members.")
    if not isinstance(controls, tuple) or not all(
        isinstance(control, str) and control.isprintable() for control in controls
    ):
        raise RuleError(f"the rule {path} has controls = {controls!r}", "Use a tuple of texts.")
    title, why, advice = _page(path, module)
    takes_resource = _subjects(path, module)
    options = _options(ident, path, module, table)
    values = {option.name: option.value for option in options}
    changed = {option.name: option.value for option in options if option.value != option.default}
    candidate = getattr(module, "candidate", None)
    return Rule(
        id=ident,
        title=title,
        why=why,
        advice=advice,
        severity=_severity(ident, table, severity),
        controls=controls,
        reference=str(module.reference),
        since=_time_of(path, module, "since"),
        soonest=_time_of(path, module, "soonest"),
        options=options,
        takes_resource=takes_resource,
        check=functools.partial(module.check, **changed) if changed else module.check,
        candidate=_candidate(path, candidate, values),
    )


def _execute(path: Path) -> ModuleType:
    """Run the rule's file under a name of our own: PyPI has a package called `rules`, and dataclasses need it."""
    name = f"cbr_auditor.rules.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RuleError(f"the rule {path} cannot be loaded", "Check that it is a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as problem:
        del sys.modules[name]
        raise RuleError(
            f"the rule {path} cannot be loaded: {type(problem).__name__}: {problem}", "Mend the file."
        ) from problem
    return module


def _page(path: Path, module: ModuleType) -> tuple[str, str, str]:
    """Title, reason and advice: the docstring's first line, first paragraph and the rest."""
    lines = inspect.cleandoc(module.__doc__ or "").split("\n\n")
    title = " ".join(lines[0].split()).rstrip(".")
    paragraphs = [" ".join(paragraph.split()) for paragraph in lines[1:]]
    if len(paragraphs) == 1:
        why, _, advice = paragraphs[0].partition(". ")
        paragraphs = [f"{why}.", advice] if advice else paragraphs
    if not title or len(paragraphs) < 2:
        raise RuleError(
            f"the rule {path} has no complete docstring",
            "Give it a title, then why it matters, then what to do.",
        )
    return title, paragraphs[0], " ".join(paragraphs[1:])


def _subjects(path: Path, module: ModuleType) -> bool:
    """Whether the rule takes the resource too; refuses a first parameter that is no known subject."""
    try:
        hints = typing.get_type_hints(module.check)
    except (NameError, TypeError) as problem:
        raise RuleError(f"the rule {path} has a type that is not known: {problem}", "Import it.") from problem
    names = [
        name
        for name, parameter in inspect.signature(module.check).parameters.items()
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    subjects = [hints.get(name) for name in names]
    if subjects in ([Backup], [Backup, Resource]):
        return len(subjects) == 2
    raise RuleError(
        f"the rule {path} has check({', '.join(names)}), whose parameters are no subjects",
        "Write check(backup: Backup) or check(backup: Backup, resource: Resource), options behind a *.",
    )


def _time_of(path: Path, module: ModuleType, constant: str) -> str | None:
    value = getattr(module, constant, None)
    if value not in (None, "created_at", "updated_at", "expired_at"):
        raise RuleError(
            f"the rule {path} has {constant} = {value!r}", 'Use "created_at", "updated_at" or "expired_at".'
        )
    return value


def _options(ident: str, path: Path, module: ModuleType, table: Mapping[str, Any]) -> tuple[Option, ...]:
    hints = typing.get_type_hints(module.check)
    options: dict[str, Option] = {}
    for name, parameter in inspect.signature(module.check).parameters.items():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            if parameter.default is inspect.Parameter.empty:
                raise RuleError(f"the rule {path} has no default for its option {name}", "Give it one.")
            options[name] = Option(name, hints.get(name, str), parameter.default, parameter.default)
    for name, value in table.items():
        if name in {"enabled", "severity"}:
            continue
        place = f"auditor.toml, [rules.{ident}] {name} = {value!r}"
        if name not in options:
            mend = _did_you_mean(name, [*options, "enabled", "severity"])
            raise RuleError(f"{place}: the rule has no such option", mend)
        option = options[name]
        if not _fits(value, option.type):
            raise RuleError(f"{place} is not valid", f"Use {_TYPE_WORDS.get(option.type, option.type.__name__)}.")
        options[name] = Option(name, option.type, option.default, value)
    if not isinstance(table.get("enabled", True), bool):
        raise RuleError(f"auditor.toml, [rules.{ident}] enabled = {table['enabled']!r}", "Use true or false.")
    return tuple(options.values())


_LARGEST_NUMBER = 1_000_000  # days or hours that no calendar leaves
_TYPE_WORDS = {
    bool: "true or false",
    int: "a whole number from 0 to 1,000,000",
    float: "a number from 0 to 1,000,000",
    str: "a text",
}


def _fits(value: Any, wanted: type) -> bool:
    if wanted is bool or isinstance(value, bool):
        return wanted is bool and isinstance(value, bool)
    if wanted in (int, float):
        return isinstance(value, (int, float) if wanted is float else int) and 0 <= value <= _LARGEST_NUMBER
    return isinstance(value, wanted)


def _severity(ident: str, table: Mapping[str, Any], default: Severity) -> Severity:
    value = table.get("severity", default.value)
    try:
        return Severity(value)
    except ValueError:
        raise RuleError(
            f"auditor.toml, [rules.{ident}] severity = {value!r} is not valid",
            f"Use one of: {', '.join(severity.value for severity in Severity)}.",
        ) from None


def _candidate(path: Path, function: Any, values: Mapping[str, Any]) -> Callable[[Backup], bool] | None:
    if function is None:
        return None
    if not callable(function):
        raise RuleError(f"the rule {path} has candidate = {function!r}", "Make it a function of a backup.")
    names = inspect.signature(function).parameters
    missing = [name for name in list(names)[1:] if name not in values]
    if missing:
        raise RuleError(
            f"the rule {path} has candidate({', '.join(names)}), but check has no option {missing[0]}",
            "Use the same names.",
        )
    wanted = {name: value for name, value in values.items() if name in names}
    return functools.partial(function, **wanted) if wanted else typing.cast("Callable[[Backup], bool]", function)


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(names)}."
