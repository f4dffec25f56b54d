"""Writes what is made from the code: pages, and passages of others. `make docs` calls it, and a test compares."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cbr_auditor.assessment import source
from cbr_auditor.catalogue import RuleFiles
from cbr_auditor.control import Controls, read_controls
from cbr_auditor.profile import Profile, built_in_profiles, resolve
from cbr_auditor.rule import Rule
from cbr_auditor.rule_page import index, page, permissions, shown

DOCS = Path(__file__).resolve().parent
SAMPLE = DOCS.parent / "auditor.sample.toml"
WRITING = DOCS / "writing-rules.md"
PERMISSIONS = DOCS / "permissions.md"
_ABOUT_CONTROLS = """# Controls

Made from `rules/controls.toml` and the rules' own files. A rule names the clauses that it supports evidence for. Titles
are in our own words; the clauses' texts are their publishers'. Every run writes `controls.html` and, in `report.json`,
`frameworks`: each clause, the rules behind it, what they found, and what was not assessed.

| result | what it means |
|---|---|
| `findings` | rules behind the clause found problems, of any severity, or leave them to another rule |
| `undecided` | none was found, and some checks could not be decided or crashed |
| `not_assessed` | no rule behind the clause was on and had anything to judge |
| `waived` | a waiver accepts every finding |
| `partly_assessed` | what was assessed shows no problem, and not everything was: the clause says what is missing |
| `no_finding` | every rule behind the clause was on, saw everything, decided everything and found nothing |

The worst wins. No clause is fulfilled by a report alone: documents, people and other systems are not looked at. A rule
of your own may name a control that is not in the table, as `ours:4.2`: it is shown as it stands, behind the others.
"""
_SHOWN_RULE = "sample-rules/acme_backup_rules/resource_without_owner.py"


def pages() -> dict[str, str]:
    """Every generated page, by its path under docs/."""
    folder = DOCS.parent / "rules"
    rules = RuleFiles([folder])
    tables = built_in_profiles(folder)
    profiles = {name: resolve(name, {}, tables, rules) for name in tables}
    on = {name: sorted(profile.on) for name, profile in profiles.items()}
    controls = read_controls(folder)
    return {
        "controls.md": "\n".join((*_controls(controls, rules.values()), *_profiles(tables, profiles))),
        "rules/README.md": index(rules.values(), on),
        **{f"rules/{ident}.md": page(rule, on, controls) for ident, rule in rules.items()},
    }


def _controls(controls: Controls, rules: Iterable[Rule]) -> Iterator[str]:
    behind: dict[str, list[str]] = {}
    for rule in rules:
        for control in rule.controls:
            behind.setdefault(control, []).append(f"[{rule.id}](rules/{rule.id}.md)")
    yield _ABOUT_CONTROLS
    for ident, framework in controls.frameworks.items():
        yield f"## {framework.name}\n"
        note = f" {framework.note}" if framework.note else ""
        yield f"`{ident}`: {source(framework)}. Ids as in {framework.verified}.{note}\n"
        yield "| clause | title | about | rules |\n|---|---|---|---|"
        for clause, known in framework.clauses.items():
            named = ", ".join(behind.get(f"{ident}:{clause}", ())) or f"not assessed. {known.unassessed}".strip()
            yield f"| `{clause}` | {known.title} | {controls.codes[known.code]} | {named} |"
        yield ""


def _profiles(tables: Mapping[str, Any], profiles: Mapping[str, Profile]) -> Iterator[str]:
    yield "## Profiles\n"
    yield "A profile that is about a framework switches on every rule behind its clauses, and what it extends.\n"
    yield "| profile | title | rules | options of its own |\n|---|---|---|---|"
    for name, profile in profiles.items():
        options = [
            f"`{ident}` {option} = {shown(value)}"
            for ident, values in sorted(profile.options.items())
            for option, (value, _) in values.items()
        ]
        yield f"| `{name}` | {tables[name]['title']} | {len(profile.on)} | {', '.join(options)} |"
    yield ""


def passages() -> dict[Path, str]:
    """The files that have a generated passage, with it."""
    rules = RuleFiles([DOCS.parent / "rules"])
    shown_rule = "```python\n" + (DOCS / _SHOWN_RULE).read_text(encoding="utf-8") + "```\n"
    return {
        SAMPLE: _filled(SAMPLE, "# <rules>\n", "\n".join(_tables(rules.values())) + "\n", "# </rules>\n"),
        WRITING: _filled(WRITING, "<!-- sample -->\n", shown_rule, "<!-- end -->\n"),
        PERMISSIONS: _filled(
            PERMISSIONS, "<!-- permissions -->\n", "\n".join(_permissions(rules)) + "\n", "<!-- end -->\n"
        ),
    }


def _filled(path: Path, begin: str, passage: str, end: str) -> str:
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    return before + begin + passage + end + rest.partition(end)[2]


def _permissions(rules: RuleFiles) -> Iterator[str]:
    needed: dict[str, list[str]] = {}
    for ident, rule in rules.items():
        for action in permissions(rule):
            needed.setdefault(action, []).append(f"[{ident}](rules/{ident}.md)")
    on = resolve("essential", {}, built_in_profiles(DOCS.parent / "rules"), rules).on
    smallest = {action for ident in on for action in permissions(rules[ident])}
    yield "## The smallest\n\nFor the profile `essential`, which is on unless you choose another.\n"
    yield _policy(action for action in needed if action in smallest)
    yield "## For every rule\n"
    yield _policy(needed)
    yield "## Which rule needs what\n\n| action | rules |\n|---|---|"
    for action, names in needed.items():
        told = ", ".join(names) if len(names) * 2 < len(rules) else f"all but those about waivers ({len(names)})"
        yield f"| `{action}` | {told} |"


def _policy(actions: Iterable[str]) -> str:
    policy = {"Version": "1.1", "Statement": [{"Effect": "Allow", "Action": list(actions)}]}
    return f"```json\n{json.dumps(policy, indent=2)}\n```\n"


def _tables(rules: Iterable[Rule]) -> Iterable[str]:
    for rule in rules:
        yield f"\n# [rules.{rule.id}]"
        yield f'# severity = "{rule.severity.value}"'
        yield from (f"# {option.name} = {shown(option.default)}" for option in rule.options)


def main() -> None:
    """Write the pages, and remove those of rules that are gone."""
    for path, text in passages().items():
        path.write_text(text, encoding="utf-8")
    made = pages()
    for path in (DOCS / "rules").glob("*.md"):
        if f"rules/{path.name}" not in made:
            path.unlink()
    for name, text in made.items():
        path = DOCS / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
