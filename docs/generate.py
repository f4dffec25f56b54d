"""Writes what is made from the code: docs/rules/, the sample's rules. `make docs` calls it, and a test compares."""

from collections.abc import Iterable
from pathlib import Path

from cbr_auditor.catalogue import RuleFiles
from cbr_auditor.profile import built_in_profiles, resolve
from cbr_auditor.rule import Rule
from cbr_auditor.rule_page import index, page, shown

DOCS = Path(__file__).resolve().parent
SAMPLE = DOCS.parent / "auditor.sample.toml"
_BEGIN, _END = "# <rules>\n", "# </rules>\n"


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


def sample() -> str:
    """auditor.sample.toml with every rule and its options."""
    before, _, rest = SAMPLE.read_text(encoding="utf-8").partition(_BEGIN)
    rules = RuleFiles([DOCS.parent / "rules"])
    return before + _BEGIN + "\n".join(_tables(rules.values())) + "\n" + _END + rest.partition(_END)[2]


def _tables(rules: Iterable[Rule]) -> Iterable[str]:
    for rule in rules:
        yield f"\n# [rules.{rule.id}]"
        yield f'# severity = "{rule.severity.value}"'
        yield from (f"# {option.name} = {shown(option.default)}" for option in rule.options)


def main() -> None:
    """Write the pages, and remove those of rules that are gone."""
    SAMPLE.write_text(sample(), encoding="utf-8")
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
