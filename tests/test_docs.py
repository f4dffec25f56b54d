"""The documentation is a contract: what it names exists, and what exists is named."""

import argparse
import re
from pathlib import Path

import pytest

from cbr_auditor.cli import _parser
from cbr_auditor.rule import Rule, load_rules
from cbr_auditor.settings import Settings
from tests.fakes import make_backup

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RULES = load_rules([ROOT / "rules"])


@pytest.mark.parametrize("name", [*Settings.model_fields, "config"])
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"`AUDITOR_{name.upper()}`" in README


def test_the_readme_names_no_setting_that_is_none() -> None:
    known = {f"AUDITOR_{name.upper()}" for name in (*Settings.model_fields, "config")} | {"AUDITOR_"}
    assert set(re.findall(r"AUDITOR_[A-Z_]*", README)) <= known


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_in_the_readme_and_its_options_in_the_sample(rule: Rule) -> None:
    assert f"| `{rule.id}` | {rule.severity.value} |" in README
    sample = (ROOT / "auditor.sample.toml").read_text()
    table = sample.partition(f"[rules.{rule.id}]")[2].partition("# [")[0]
    for option in rule.options:
        assert f"# {option.name} = {str(option.value).lower().removesuffix('.0')}" in table


def test_the_readmes_rule_is_a_rule(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    (tmp_path / "backup_name.py").write_text(code)
    (rule,) = load_rules([tmp_path], {"backup-name": {"prefix": "daily_"}})
    assert rule.check(make_backup(name="autobk_1")) == "the name does not start with daily_"
    assert rule.check(make_backup(name="daily_1")) is None


def test_the_readmes_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w[\w-]*)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
    commands = re.findall(r"cbr-auditor (run|demo|invoke)((?: --?[\w-]+(?: [\w./]+)?)*)", README)
    assert len(commands) >= 2
    for command, options in commands:
        arguments = _parser().parse_args([command, *options.split()])
        assert isinstance(arguments, argparse.Namespace)


def test_every_exit_status_is_documented() -> None:
    table = README.partition("### Exit status and verdict")[2].partition("##")[0]
    assert re.findall(r"\| (\d) \|", table) == ["0", "0", "1", "2", "3", "4", "5"]


def test_every_file_that_a_page_links_to_exists() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in link:
                assert (page.parent / link).is_file(), f"{page.name}: {link}"
