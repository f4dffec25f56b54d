"""What a rule is, and how one file becomes one.

A rule is a module. Its file name is its id, its docstring the title, the reason and the advice; constants are its
metadata, keyword-only parameters of `check` its options. A rule imports nothing but this module.
"""

import functools
import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from cbr_auditor.cbr.policies import Policy
from cbr_auditor.cbr.records import DOCUMENTED_STATUSES, Backup, Disk
from cbr_auditor.cbr.tasks import Task
from cbr_auditor.cbr.vaults import Vault, VaultResource
from cbr_auditor.errors import RuleError
from cbr_auditor.option import Option, read_options
from cbr_auditor.resource import Resource
from cbr_auditor.subject import NOUNS, Target
from cbr_auditor.waiver import Waiver

__all__ = [
    "DOCUMENTED_STATUSES",
    "Backup",
    "Disk",
    "Needs",
    "NoProblem",
    "Option",
    "Outcome",
    "Policy",
    "Resource",
    "Rule",
    "Severity",
    "Target",
    "Task",
    "Unknown",
    "Vault",
    "VaultResource",
    "Waiver",
    "load_rule",
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
    """The disks of this server backup; fetched as `server_disks` says, then `backup.examined` is true.

    From a rule about a resource: those of its newest and its previous good backup, for `resource.newest_disks`.
    """
    REASON = "reason"
    """Why this backup failed; afterwards `backup.reason` is a text, empty where nobody knows."""


Outcome = str | Unknown | NoProblem | Needs | None


class Rule(msgspec.Struct, frozen=True):
    """A loaded rule with the options in force everywhere."""

    id: str
    title: str
    why: str
    advice: str
    severity: Severity
    controls: tuple[str, ...]
    reference: str
    subject: str
    """What it judges: `backup`, `resource`, `vault`, `policy`, `task`, `target` or `waiver`."""
    path: Path
    """Its file."""
    since: str | None
    """The attribute of the subject that tells since when the problem stands."""
    soonest: str | None
    """The attribute by which findings are ordered, earliest first; newest first where None."""
    lists: tuple[str, ...]
    """What must be listed besides backups: `vaults`, `policies`."""
    tasks: Mapping[str, str] | None
    """The tasks that it asks for, as filters of `GET /operation-logs`; its option `days` or `hours` says since when."""
    supersedes: tuple[str, ...]
    """Rules that do not repeat what this one found: of a resource, its backups, or the task that made a backup."""
    options: tuple[Option, ...]
    values: Mapping[str, Any]
    """The options' values in force, by name."""
    takes_resource: bool
    """Whether a rule about backups must know the backup's siblings, and so is judged after the listing."""
    newest_only: bool
    """Whether such a rule finds nothing in any but a resource's newest available backup."""
    function: Callable[..., Outcome]
    """The module's own `check`."""
    screen: Callable[..., bool] | None
    """The module's own `candidate`: whether a backup is worth keeping until its siblings are known; all are where None.
    """
    sections: Mapping[str, str] = {}
    """The docstring's paragraphs that begin with `Console:`, `API:`, `Terraform:` or `Limits:`, by that word."""
    everywhere: bool = True
    """False where only an override switches it on."""

    @property
    def check(self) -> Callable[..., Outcome]:
        """`check` with its options bound: takes the subject, and the resource where `takes_resource`."""
        return self.bound(self.values)

    @property
    def candidate(self) -> Callable[[Backup], bool] | None:
        """`candidate` with its options bound."""
        return self.bound_candidate(self.values)

    def bound(self, values: Mapping[str, Any]) -> Callable[..., Outcome]:
        """`check` with these values of its options."""
        defaults = {option.name: option.default for option in self.options}
        changed = {name: value for name, value in values.items() if value != defaults[name]}
        return functools.partial(self.function, **changed) if changed else self.function

    def bound_candidate(self, values: Mapping[str, Any]) -> Callable[[Backup], bool] | None:
        """`candidate` with these values of its options."""
        if self.screen is None:
            return None
        names = inspect.signature(self.screen).parameters
        wanted = {name: value for name, value in values.items() if name in names}
        return functools.partial(self.screen, **wanted) if wanted else self.screen


_CONSTANTS = ("severity", "controls", "reference")
_LISTS = {"vaults", "policies"}
SECTIONS = ("Console", "API", "Terraform", "Limits")
"""What a rule's page may say besides: how to mend it by hand, by request, as code; what the data cannot tell."""
_TIMES = {"created_at", "updated_at", "expired_at", "started_at", "ended_at", "newest_available_at", "newest_at"}


def load_rule(path: Path) -> Rule:
    """The rule of a file, with its options at their defaults. Raises `RuleError` for a file that is no rule."""
    module = _execute(path)
    for name in (*_CONSTANTS, "check"):
        if not hasattr(module, name):
            raise RuleError(f"the rule {path} has no `{name}`", "Copy the shape of a rule beside it.")
    severity = module.severity
    if not isinstance(severity, Severity):
        raise RuleError(f"the rule {path} has severity = {severity!r}", "Use one of Severity's members.")
    title, why, advice, sections = _page(path, module)
    subject, takes_resource = _subjects(path, module)
    options = read_options(path, module.check)
    candidate = getattr(module, "candidate", None)
    _check_candidate(path, candidate, {option.name for option in options})
    return Rule(
        id=path.stem.replace("_", "-"),
        title=title,
        why=why,
        advice=advice,
        severity=severity,
        controls=_texts(path, module, "controls"),
        reference=str(module.reference),
        subject=subject,
        path=path,
        since=_time_of(path, module, "since"),
        soonest=_time_of(path, module, "soonest"),
        lists=_lists(path, module, subject),
        tasks=_tasks(path, module, subject, {option.name for option in options}),
        supersedes=_texts(path, module, "supersedes"),
        options=options,
        values={option.name: option.default for option in options},
        takes_resource=takes_resource,
        newest_only=_newest_only(path, module, takes_resource=takes_resource),
        function=module.check,
        screen=candidate,
        sections=sections,
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


def _page(path: Path, module: ModuleType) -> tuple[str, str, str, dict[str, str]]:
    """Title, reason and advice (the docstring's first line, first paragraph, the others), and the named sections."""
    lines = inspect.cleandoc(module.__doc__ or "").split("\n\n")
    title = " ".join(lines[0].split()).rstrip(".")
    paragraphs, sections = [], {}
    for text in (" ".join(paragraph.split()) for paragraph in lines[1:]):
        name, colon, rest = text.partition(": ")
        if colon and name in SECTIONS:
            sections[name] = rest
        else:
            paragraphs.append(text)
    if len(paragraphs) == 1:
        why, _, advice = paragraphs[0].partition(". ")
        paragraphs = [f"{why}.", advice] if advice else paragraphs
    if not title or len(paragraphs) < 2:
        raise RuleError(
            f"the rule {path} has no complete docstring",
            "Give it a title, then why it matters, then what to do.",
        )
    return title, paragraphs[0], " ".join(paragraphs[1:]), sections


def _subjects(path: Path, module: ModuleType) -> tuple[str, bool]:
    """What the rule judges, and whether it takes the resource too; refuses a first parameter that is no subject."""
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
    if subjects == [Backup, Resource]:
        return "backup", True
    if len(subjects) == 1 and subjects[0] in NOUNS:
        return NOUNS[subjects[0]], False
    raise RuleError(
        f"the rule {path} has check({', '.join(names)}), whose parameters are no subjects",
        "Write check(backup: Backup), check(backup: Backup, resource: Resource), check(resource: Resource), "
        "check(vault: Vault), check(policy: Policy), check(task: Task) or check(target: Target), options behind a *.",
    )


def _texts(path: Path, module: ModuleType, constant: str) -> tuple[str, ...]:
    value = getattr(module, constant, ())
    if not isinstance(value, tuple) or not all(isinstance(text, str) and text.isprintable() for text in value):
        raise RuleError(f"the rule {path} has {constant} = {value!r}", "Use a tuple of texts.")
    return value


def _newest_only(path: Path, module: ModuleType, *, takes_resource: bool) -> bool:
    value = getattr(module, "newest_only", False)
    if not isinstance(value, bool) or (value and not takes_resource):
        raise RuleError(
            f"the rule {path} has newest_only = {value!r}", "Use it in a rule with check(backup, resource), as True."
        )
    return value


def _time_of(path: Path, module: ModuleType, constant: str) -> str | None:
    value = getattr(module, constant, None)
    if value is not None and value not in _TIMES:
        raise RuleError(f"the rule {path} has {constant} = {value!r}", f"Use one of: {', '.join(sorted(_TIMES))}.")
    return value


def _lists(path: Path, module: ModuleType, subject: str) -> tuple[str, ...]:
    named = _texts(path, module, "lists")
    if not _LISTS.issuperset(named):
        raise RuleError(f"the rule {path} has lists = {named!r}", f"Use {' and '.join(sorted(_LISTS))} only.")
    own = {"vault": "vaults", "policy": "policies"}.get(subject)
    return tuple(dict.fromkeys([*([own] if own else []), *named]))


def _tasks(path: Path, module: ModuleType, subject: str, options: set[str]) -> Mapping[str, str] | None:
    filters = getattr(module, "tasks", None)
    if filters is None and subject == "task":
        raise RuleError(f"the rule {path} judges tasks but asks for none", 'Add tasks = {"status": "failed"}, or {}.')
    if filters is None:
        return None
    if not isinstance(filters, dict) or not {"operation_type", "status"}.issuperset(filters):
        raise RuleError(f"the rule {path} has tasks = {filters!r}", "Filter by operation_type and status only.")
    if not {"days", "hours"} & options:
        raise RuleError(f"the rule {path} asks for tasks but has no option days or hours", "Add one to its check.")
    return filters


def _check_candidate(path: Path, function: Any, options: set[str]) -> None:
    if function is None:
        return
    if not callable(function):
        raise RuleError(f"the rule {path} has candidate = {function!r}", "Make it a function of a backup.")
    names = inspect.signature(function).parameters
    missing = [name for name in list(names)[1:] if name not in options]
    if missing:
        raise RuleError(
            f"the rule {path} has candidate({', '.join(names)}), but check has no option {missing[0]}",
            "Use the same names.",
        )
