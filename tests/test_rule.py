from pathlib import Path

import pytest

from cbr_auditor.catalogue import load_rules
from cbr_auditor.errors import RuleError
from cbr_auditor.rule import Severity
from tests.fakes import make_backup

OURS = Path(__file__).parent.parent / "rules"
EIGHT = {
    "backup-error": Severity.HIGH,
    "backup-expiring": Severity.MEDIUM,
    "backup-overdue": Severity.MEDIUM,
    "backup-unencrypted": Severity.HIGH,
    "backup-not-automatic": Severity.LOW,
    "backup-without-expiry": Severity.INFO,
    "backup-unknown-status": Severity.LOW,
    "backup-stuck": Severity.MEDIUM,
}
GOOD = '''"""Backup is cursed.

It brings bad luck. Burn it.
"""
from cbr_auditor.rule import Backup, Severity

severity = Severity.LOW
controls = ()
reference = "folklore"

def check(backup: Backup, *, days: int = 13, name: str = "x") -> str | None:
    return f"cursed for {days} days" if backup.name == name else None
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "backup_cursed.py").write_text(GOOD)
    return tmp_path


def test_the_first_eight_rules_have_their_public_ids_and_severities() -> None:
    rules = {rule.id: rule.severity for rule in load_rules([OURS])}
    assert EIGHT.items() <= rules.items()


def test_every_rule_of_ours_has_a_page_and_a_source() -> None:
    for rule in load_rules([OURS]):
        assert rule.title
        assert rule.why.endswith(".")
        assert rule.advice.endswith(".")
        assert rule.reference


def test_a_rule_is_its_file(folder: Path) -> None:
    (rule,) = load_rules([folder])
    assert rule.id == "backup-cursed"
    assert (rule.title, rule.why, rule.advice) == ("Backup is cursed", "It brings bad luck.", "Burn it.")
    assert rule.check(make_backup(name="x")) == "cursed for 13 days"
    assert dict(rule.values) == {"days": 13, "name": "x"}


def test_options_and_severity_come_from_the_table(folder: Path) -> None:
    (rule,) = load_rules([folder], {"backup-cursed": {"days": 7, "severity": "critical"}})
    assert rule.check(make_backup(name="x")) == "cursed for 7 days"
    assert rule.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("ident", "option", "value", "mend"),
    [
        ("task-failed", "statuses", ["faild"], "Did you mean failed?"),
        ("task-failed", "types", ["restore", "vault_delet"], "Did you mean vault_delete?"),
        ("resource-not-replicated", "types", ["OS::Nova::Sever"], "Did you mean OS::Nova::Server?"),
    ],
)
def test_a_text_that_an_option_does_not_allow_is_refused(ident: str, option: str, value: list[str], mend: str) -> None:
    with pytest.raises(RuleError, match="is not allowed") as caught:
        load_rules([OURS], {ident: {option: value}})
    assert caught.value.mend == mend


def test_one_text_may_be_bound_to_choices_too(folder: Path) -> None:
    text = GOOD.replace("from cbr_auditor.rule", "from typing import Literal\nfrom cbr_auditor.rule", 1)
    assert 'name: str = "x"' in text
    (folder / "backup_cursed.py").write_text(text.replace('name: str = "x"', 'name: Literal["x", "y"] = "x"'))
    (rule,) = load_rules([folder], {"backup-cursed": {"name": "y"}})
    assert rule.values["name"] == "y"
    with pytest.raises(RuleError, match="name = 'z': 'z' is not allowed"):
        load_rules([folder], {"backup-cursed": {"name": "z"}})


def test_a_rule_can_be_switched_off(folder: Path) -> None:
    rules = load_rules([folder, OURS], {"backup-cursed": {"enabled": False}})
    assert "backup-cursed" not in {rule.id for rule in rules}


def test_an_audit_without_any_rule_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="no rule is switched on"):
        load_rules([folder], {"backup-cursed": {"enabled": False}})
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(RuleError, match="no rule is switched on"):
        load_rules([empty])


def test_a_file_that_begins_with_an_underscore_is_no_rule(folder: Path) -> None:
    (folder / "__init__.py").write_text("")
    (folder / "_shared.py").write_text("x = 1")
    assert [rule.id for rule in load_rules([folder])] == ["backup-cursed"]


def test_rules_of_several_folders_stand_worst_first(folder: Path) -> None:
    rules = load_rules([folder, OURS])
    assert [rule.severity.rank for rule in rules] == sorted(rule.severity.rank for rule in rules)
    assert "backup-cursed" in {rule.id for rule in rules}


def test_an_id_that_stands_twice_is_refused(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "backup_cursed.py").write_text(GOOD)
    with pytest.raises(RuleError, match="stands twice"):
        load_rules([folder, other])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"backup-eror": {}}, ["[rules.backup-eror]", "Did you mean backup-error?"]),
        ({"backup-cursed": {"day": 3}}, ["day", "Did you mean days?"]),
        ({"backup-cursed": {"days": "3"}}, ["days = '3'", "whole number"]),
        ({"backup-cursed": {"days": 1.5}}, ["days = 1.5", "whole number"]),
        ({"backup-cursed": {"days": True}}, ["days = True"]),
        ({"backup-cursed": {"days": -1}}, ["days = -1", "0 to 1,000,000"]),
        ({"backup-cursed": {"name": 3}}, ["name = 3", "a text"]),
        ({"backup-cursed": {"severity": "bad"}}, ["'bad'", "critical"]),
        ({"backup-cursed": {"enabled": "no"}}, ["enabled", "true or false"]),
        ({"backup-stuck": {"hours": float("inf")}}, ["hours"]),
    ],
)
def test_a_table_that_fits_no_rule_is_refused(
    folder: Path, table: dict[str, dict[str, object]], words: list[str]
) -> None:
    with pytest.raises(RuleError) as caught:
        load_rules([folder, OURS], table)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("severity = Severity.LOW", "", ["severity"]),
        ("severity = Severity.LOW", "severity = 'low'", ["severity"]),
        ("controls = ()", "", ["controls"]),
        ("controls = ()", "controls = ['a']", ["controls"]),
        ('reference = "folklore"', "", ["reference"]),
        ("def check", "def chek", ["check"]),
        ("backup: Backup", "backup", ["subjects"]),
        ("backup: Backup", "backup: int", ["subjects"]),
        ("backup: Backup", "backup: Bakup", ["cannot be loaded"]),
        ("days: int = 13", "days: int", ["default", "days"]),
        ("It brings bad luck. Burn it.", "", ["docstring"]),
        ("It brings bad luck. Burn it.", "It brings bad luck.", ["docstring"]),
        ("import Backup", "import Bakcup", ["cannot be loaded"]),
        ("severity =", "raise SystemExit(0)\nseverity =", ["cannot be loaded", "SystemExit"]),
        ("severity =", "since = 'create_at'\nseverity =", ["since", "created_at"]),
        ("severity =", "soonest = 'name'\nseverity =", ["soonest", "created_at"]),
        ("severity =", "newest_only = True\nseverity =", ["newest_only", "check(backup, resource)"]),
        ("severity =", "newest_only = 1\nseverity =", ["newest_only = 1"]),
        ("severity =", "candidate = 5\nseverity =", ["candidate"]),
    ],
)
def test_a_file_that_is_no_rule_is_refused_by_name(tmp_path: Path, old: str, new: str, words: list[str]) -> None:
    (tmp_path / "backup_cursed.py").write_text(GOOD.replace(old, new))
    with pytest.raises(RuleError) as caught:
        load_rules([tmp_path])
    for word in ("backup_cursed.py", *words):
        assert word in str(caught.value)


def test_a_rule_with_a_dataclass_and_postponed_annotations_loads(tmp_path: Path) -> None:
    text = GOOD.replace(
        "from cbr_auditor.rule",
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom cbr_auditor.rule",
    )
    (tmp_path / "backup_cursed.py").write_text(text + "\n@dataclass\nclass Limit:\n    days: int\n")
    assert [rule.id for rule in load_rules([tmp_path])] == ["backup-cursed"]
