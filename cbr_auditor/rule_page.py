"""What people read about rules: a page a rule, and a table of all. Everything in it comes from the rule's own file."""

import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from cbr_auditor.control import Controls
from cbr_auditor.report import SUBJECT_NOUNS
from cbr_auditor.rule import Needs, Option, Rule
from cbr_auditor.rule_table import OPTION_WORDS

_ACTIONS = {"vaults": "cbr:vaults:list", "policies": "cbr:policies:list"}


def permissions(rule: Rule) -> list[str]:
    """The IAM actions that the rule needs, as the cloud names them."""
    actions = [] if rule.subject == "waiver" else ["cbr:backups:list"]
    if Needs in _returned(rule):
        actions.append("cbr:backups:get")
    actions += [_ACTIONS[name] for name in rule.lists]
    if rule.tasks is not None:
        actions.append("cbr:tasks:list")
    return actions


def _returned(rule: Rule) -> tuple[Any, ...]:
    hint = typing.get_type_hints(rule.function).get("return")
    return typing.get_args(hint) if isinstance(hint, types.UnionType) or typing.get_args(hint) else (hint,)


def page(rule: Rule, profiles: Mapping[str, Iterable[str]], controls: Controls) -> str:
    """The rule's page as Markdown. `profiles` names the rules that each profile switches on."""
    lines = [f"# {rule.id}", "", f"**{rule.title}.** {rule.why}", ""]
    judges = SUBJECT_NOUNS[rule.subject][1]
    lines += [f"Severity {rule.severity.value}. Judges {judges}. {_on(rule, profiles)}", ""]
    lines += ["## What to do", "", rule.advice, ""]
    for name in ("Console", "API", "Terraform"):
        if name in rule.sections:
            lines += [f"**{name}.** {rule.sections[name]}", ""]
    lines += ["## When it fails", "", _docstring(rule), ""]
    if rule.supersedes:
        lines += [f"What it reports is not reported again as {_listed(rule.supersedes)}.", ""]
    lines += ["## Options", "", *_options(rule), ""]
    lines += ["## Data and permissions", "", f"{rule.reference}.", ""]
    actions = permissions(rule)
    lines += [f"Needs {_listed(actions)}." if actions else "Needs no permission.", ""]
    if "Limits" in rule.sections:
        limits = rule.sections["Limits"]
        lines += ["## Limits of the data", "", f"{limits[:1].upper()}{limits[1:]}", ""]
    if rule.controls:
        clauses = [f"- `{control}` {controls.title(control)}" for control in rule.controls]
        lines += ["## Controls", "", "Supports evidence for:", "", *clauses, ""]
    return "\n".join(lines).rstrip() + "\n"


def _on(rule: Rule, profiles: Mapping[str, Iterable[str]]) -> str:
    names = [name for name, rules in profiles.items() if rule.id in rules]
    return f"On in {'the profile' if len(names) == 1 else 'the profiles'} {', '.join(names)}." if names else "Off."


def _docstring(rule: Rule) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (rule.function.__doc__ or "").split("\n\n")).strip()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _options(rule: Rule) -> list[str]:
    if not rule.options:
        return ["None but `enabled` and `severity`, which every rule has."]
    rows = [f"| `{option.name}` | `{shown(option.default)}` | {_takes(option)} |" for option in rule.options]
    return ["| option | default | what it takes |", "|---|---|---|", *rows]


def _takes(option: Option) -> str:
    words = OPTION_WORDS[option.type]
    return f"{words}: {_listed(option.choices)}" if option.choices else words


def shown(value: Any) -> str:
    """An option's value as auditor.toml writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, re.Pattern):
        return f'"{value.pattern}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(f'"{text}"' for text in value) + "]"
    return f'"{value}"' if isinstance(value, str) else f"{value}"


def index(rules: Iterable[Rule], profiles: Mapping[str, Iterable[str]]) -> str:
    """The table of all rules as Markdown, by subject, worst severity first."""
    lines = [
        "# Rules",
        "",
        "Made from the rules' own files. `essential` needs `cbr:backups:list` and `cbr:backups:get` alone.",
        "",
    ]
    every = sorted(rules, key=lambda rule: (rule.severity.rank, rule.id))
    for subject, (_, nouns) in SUBJECT_NOUNS.items():
        found = [rule for rule in every if rule.subject == subject]
        if not found:
            continue
        lines += [f"## {nouns.capitalize()}", "", "| rule | what it finds | severity | profiles |", "|---|---|---|---|"]
        for rule in found:
            names = ", ".join(name for name, on in profiles.items() if rule.id in on)
            lines.append(f"| [{rule.id}]({rule.id}.md) | {rule.title} | {rule.severity.value} | {names} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
