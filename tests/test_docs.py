"""The documentation is a contract: what it names exists, and what exists is named."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from cbr_auditor.catalogue import load_rules
from cbr_auditor.cli import _parser
from cbr_auditor.profile import built_in_profiles
from cbr_auditor.run import catalogue_of, waivers_of
from cbr_auditor.settings import Settings, load_settings
from docs import generate
from tests.fakes import NOW, make_backup

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RULES = load_rules([ROOT / "rules"])


@pytest.mark.parametrize("name", [*Settings.model_fields, "config"])
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"`AUDITOR_{name.upper()}`" in README


def test_the_readme_names_no_setting_that_is_none() -> None:
    known = {f"AUDITOR_{name.upper()}" for name in (*Settings.model_fields, "config")} | {"AUDITOR_"}
    assert set(re.findall(r"AUDITOR_[A-Z_]*", README)) <= known


def test_the_generated_pages_are_those_of_the_rules() -> None:
    made = generate.pages()
    assert {f"rules/{path.name}" for path in (ROOT / "docs" / "rules").glob("*.md")} == set(made) - {"controls.md"}
    for name, text in made.items():
        assert (ROOT / "docs" / name).read_text() == text, "call make docs"


def test_the_sample_has_every_rule_and_the_page_about_rules_the_one_that_it_shows() -> None:
    for path, text in generate.passages().items():
        assert path.read_text() == text, "call make docs"


def test_the_sample_with_its_marks_taken_away_is_accepted_and_says_the_defaults(tmp_path: Path) -> None:
    said = re.findall(r"^# (\[.*|\w+ = .*)$", generate.SAMPLE.read_text(), flags=re.MULTILINE)
    path = tmp_path / "auditor.toml"
    path.write_text("\n".join(said))
    variables = {"AUDITOR_CONFIG": str(path), "PRODUCTION_AK": "ak", "PRODUCTION_SK": "sk"}
    settings = load_settings({**variables, "AUDITOR_REGION": "eu-de"})
    waivers = waivers_of(settings, catalogue_of(settings), NOW)
    assert [waiver.rule for waiver in waivers.all] == ["backup-unencrypted"]
    assert [target.name for target in settings.targets] == ["production"]
    assert len(settings.overrides) == 2
    for name in ("fail_on", "server_disks", "requests", "timezone", "profile", "waiver_days"):
        assert getattr(settings, name) == Settings.model_fields[name].default
    for rule in load_rules([ROOT / "rules"], settings.rules):
        assert rule.values == {option.name: option.default for option in rule.options}


@pytest.mark.parametrize("name", built_in_profiles(ROOT / "rules"))
def test_the_readme_names_our_profiles(name: str) -> None:
    assert f"`{name}`" in README


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
    commands = re.findall(r"^\.venv/bin/cbr-auditor (.*)$", README, flags=re.MULTILINE)
    assert len(commands) >= 7
    for command in commands:
        arguments = _parser().parse_args(shlex.split(command, comments=True))
        assert isinstance(arguments, argparse.Namespace)


def test_every_exit_status_is_documented() -> None:
    table = README.partition("### Exit status and verdict")[2].partition("##")[0]
    assert re.findall(r"\| (\d) \|", table) == ["0", "0", "1", "2", "3", "4", "5"]


def test_every_file_that_a_page_links_to_exists() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in link:
                assert (page.parent / link).is_file(), f"{page.name}: {link}"
