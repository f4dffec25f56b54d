"""Writes what is made from the code: pages, and passages of others. `make docs` calls it, and a test compares."""

from collections.abc import Iterable
from pathlib import Path

from cbr_auditor.catalogue import RuleFiles
from cbr_auditor.profile import built_in_profiles, resolve
from cbr_auditor.rule import Rule
from cbr_auditor.rule_page import index, page, shown

DOCS = Path(__file__).resolve().parent
SAMPLE = DOCS.parent / "auditor.sample.toml"
WRITING = DOCS / "writing-rules.md"
_SHOWN_RULE = "sample-rules/acme_backup_rules/resource_without_owner.py"


def pages() -> dict[str, str]:
    """Every generated page, by its path under docs/."""
    folder = DOCS.parent / "rules"
    rules = RuleFiles([folder])
    tables = built_in_profiles(folder)
    profiles = {name: sorted(resolve(name, {}, tables, rules).on) for name in tables}
    return {
        "rules/README.md": index(rules.values(), profiles),
        **{f"rules/{ident}.md": page(rule, profiles) for ident, rule in rules.items()},
    }


def passages() -> dict[Path, str]:
    """The files that have a generated passage, with it."""
    rules = RuleFiles([DOCS.parent / "rules"])
    shown_rule = "```python\n" + (DOCS / _SHOWN_RULE).read_text(encoding="utf-8") + "```\n"
    return {
        SAMPLE: _filled(SAMPLE, "# <rules>\n", "\n".join(_tables(rules.values())) + "\n", "# </rules>\n"),
        WRITING: _filled(WRITING, "<!-- sample -->\n", shown_rule, "<!-- end -->\n"),
    }


def _filled(path: Path, begin: str, passage: str, end: str) -> str:
    before, _, rest = path.read_text(encoding="utf-8").partition(begin)
    return before + begin + passage + end + rest.partition(end)[2]


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
