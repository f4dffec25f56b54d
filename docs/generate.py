"""Writes the pages that are made from the code: docs/rules/. `make docs` calls it, and a test compares."""

from pathlib import Path

from cbr_auditor.catalogue import RuleFiles
from cbr_auditor.profile import built_in_profiles, resolve
from cbr_auditor.rule_page import index, page

DOCS = Path(__file__).resolve().parent


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


def main() -> None:
    """Write the pages, and remove those of rules that are gone."""
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
