from pathlib import Path

import msgspec
import pytest

from cbr_auditor.catalogue import load_rules
from cbr_auditor.control import UNLISTED, read_controls, split

OURS = Path(__file__).parent.parent / "rules"
CONTROLS = read_controls(OURS)
NAMED = {control: rule.id for rule in load_rules([OURS]) for control in rule.controls}


def test_the_frameworks_are_those_that_are_promised() -> None:
    assert set(CONTROLS.frameworks) == {
        "iso27001-2022",
        "bsi-c5-2020",
        "grundschutz-2023",
        "nis2",
        "nis2-2024-2690",
        "dora",
        "gdpr",
        "nist-csf-2.0",
        "nist-800-53r5",
        "cis-8.1",
        "pci-dss-4.0.1",
        "soc2-2017",
    }


def test_every_control_of_our_rules_is_in_the_table() -> None:
    assert not {control: rule for control, rule in NAMED.items() if CONTROLS.find(control) is None}


@pytest.mark.parametrize("ident", CONTROLS.frameworks)
def test_a_clause_has_a_rule_behind_it_or_says_why_it_has_none(ident: str) -> None:
    for name, clause in CONTROLS.frameworks[ident].clauses.items():
        assert (f"{ident}:{name}" in NAMED) != bool(clause.unassessed), name
        assert clause.code in CONTROLS.codes
        assert clause.title[:1].isupper()
        assert not clause.title.endswith(".")
        assert clause.unassessed.endswith(".") or not clause.unassessed


def test_every_code_and_source_is_used_and_named() -> None:
    frameworks = CONTROLS.frameworks.values()
    assert {clause.code for framework in frameworks for clause in framework.clauses.values()} == set(CONTROLS.codes)
    for framework in frameworks:
        assert framework.publisher
        assert framework.document
        assert framework.edition
        assert framework.verified


@pytest.mark.parametrize("control", ["iso27001-2022:A.8.16", "gdpr:5(1)(e)", "nist-800-53r5:CP-9(c)"])
def test_an_id_that_nobody_looked_up_is_not_in_the_table(control: str) -> None:
    assert CONTROLS.find(control) is None


def test_a_control_is_said_with_its_framework_and_title() -> None:
    assert CONTROLS.title("cis-8.1:11.5") == "CIS v8.1: Recovery is tested every quarter or more often"
    assert CONTROLS.title("ours:4.2") == CONTROLS.title("4.2") == UNLISTED


@pytest.mark.parametrize(
    ("control", "expected"),
    [("gdpr:32(1)(a)", ("gdpr", "32(1)(a)")), ("ours:a:b", ("ours", "a:b")), ("4.2", ("", "4.2"))],
)
def test_a_control_is_a_framework_and_a_clause(control: str, expected: tuple[str, str]) -> None:
    assert split(control) == expected


def test_a_misspelt_key_of_the_table_is_refused(tmp_path: Path) -> None:
    text = (OURS / "controls.toml").read_text()
    (tmp_path / "controls.toml").write_text(text.replace("unassessed =", "unasessed =", 1))
    with pytest.raises(msgspec.ValidationError, match="unasessed"):
        read_controls(tmp_path)
