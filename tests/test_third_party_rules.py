"""Rules that are not ours: from a folder, and from a package that is really installed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cbr_auditor.catalogue import load_catalogue
from cbr_auditor.errors import RuleError, SettingsError
from cbr_auditor.rule_template import write_rule
from cbr_auditor.subject import NOUNS
from tests.test_cli import ROOT, call

SAMPLE = ROOT / "docs" / "sample-rules"
RULE = SAMPLE / "acme_backup_rules" / "resource_without_owner.py"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip installed the sample package, without any network."""
    folder = tmp_path_factory.mktemp("site-packages")
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(folder), str(SAMPLE)],
        check=True,
        timeout=60,
        env={**os.environ, "PIP_FIND_LINKS": ""},
    )
    return folder


def test_an_installed_packages_rule_is_on_and_finds(installed: Path, tmp_path: Path) -> None:
    result = call("demo", "--out", str(tmp_path), cwd=tmp_path, PYTHONPATH=f"{ROOT}{os.pathsep}{installed}")
    assert result.returncode == 0, result.stderr
    findings = re.findall(r"^sha256:\w+,resource-without-owner,low,fail,.*$", _csv(tmp_path), flags=re.MULTILINE)
    assert any("gitlab-01 begins with no team" in line for line in findings)
    assert not any("erp-app-01" in line for line in findings)


def test_its_page_and_its_line_in_the_table_come_from_its_file(installed: Path, tmp_path: Path) -> None:
    path = f"{ROOT}{os.pathsep}{installed}"
    table = call("rules", cwd=tmp_path, PYTHONPATH=path).stdout
    assert re.search(
        r"^on +resource-without-owner +low +Resource's name does not say whose it is$", table, re.MULTILINE
    )
    page = call("rules", "resource-without-owner", cwd=tmp_path, PYTHONPATH=path).stdout
    assert "acme:OPS-3" in page
    assert '`teams` | `["erp", "web"]`' in page


def test_it_takes_options_and_is_switched_off_like_ours(installed: Path, tmp_path: Path) -> None:
    path = f"{ROOT}{os.pathsep}{installed}"
    (tmp_path / "auditor.toml").write_text('[rules.resource-without-owner]\nteams = ["gitlab"]\n')
    assert (
        'teams = ["gitlab"]: auditor.toml'
        in call("rules", RULE.stem.replace("_", "-"), cwd=tmp_path, PYTHONPATH=path).stdout
    )
    (tmp_path / "auditor.toml").write_text("[rules.resource-without-owner]\nenabled = false\n")
    assert "Switched off" in call("rules", "resource-without-owner", cwd=tmp_path, PYTHONPATH=path).stdout


def test_a_dropped_in_folders_rule_is_on(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / RULE.name).write_text(RULE.read_text())
    (tmp_path / "auditor.toml").write_text('rules_folder = "ours"\n')
    assert "resource-without-owner: " not in call("check", cwd=tmp_path, AUDITOR_PROJECT_ID="p").stderr
    assert re.search(r"^on +resource-without-owner", call("rules", cwd=tmp_path).stdout, re.MULTILINE)


def test_the_same_id_twice_is_refused_with_both_files(installed: Path, tmp_path: Path) -> None:
    (tmp_path / RULE.name).write_text(RULE.read_text())
    result = call(
        "rules", cwd=tmp_path, PYTHONPATH=f"{ROOT}{os.pathsep}{installed}", AUDITOR_RULES_FOLDER=str(tmp_path)
    )
    assert result.returncode == 2
    assert str(installed / "acme_backup_rules" / RULE.name) in result.stderr
    assert str(tmp_path / RULE.name) in result.stderr


def test_ours_cannot_be_replaced_by_a_file_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "backup_error.py").write_text((ROOT / "rules" / "backup_error.py").read_text())
    with pytest.raises(RuleError, match="the rule backup-error stands twice"):
        load_catalogue(tmp_path)


def test_a_new_rule_of_any_subject_comes_with_a_test_that_passes_and_can_be_shown(tmp_path: Path) -> None:
    folder, stems = tmp_path / "mine", [f"{noun}_foo" for noun in NOUNS.values() if noun != "waiver"]
    for stem in stems:
        assert [path.stem for path in write_rule(stem.replace("_", "-"), folder)] == [stem, f"test_{stem}"]
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert f"{2 * len(stems)} passed" in tested.stdout, tested.stdout
    linted = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--select", "E,F,I,W", "--line-length", "120", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout
    shown = call("rules", *(stem.replace("_", "-") for stem in stems), cwd=tmp_path, AUDITOR_RULES_FOLDER=str(folder))
    assert shown.stdout.count("## In force here\n\nOn, severity medium") == len(stems)


@pytest.mark.parametrize(
    ("ident", "words"),
    [
        ("foo", "Begin it with one of: backup-"),
        ("server-foo", "Begin it with one of: backup-"),
        ("resource_foo", "Begin it with one of"),
        ("../resource-foo", "Begin it with one of"),
        ("resource-rpo-breach", "the id resource-rpo-breach is one of ours"),
        ("resource-vanished", "the id resource-vanished is one of ours"),
    ],
)
def test_a_new_rules_id_begins_with_its_subject_and_is_none_of_ours(ident: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words):
        write_rule(ident, tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_a_new_rule_never_overwrites(tmp_path: Path) -> None:
    for status in (0, 2):
        assert call("rules", "new", "vault-foo", "--folder", str(tmp_path), cwd=tmp_path).returncode == status


def _csv(folder: Path) -> str:
    return (folder / "findings.csv").read_text("utf-8-sig")
