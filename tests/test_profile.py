from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.catalogue import RuleFiles, load_catalogue
from cbr_auditor.control import read_controls, split
from cbr_auditor.errors import RuleError
from cbr_auditor.profile import Profile, built_in_profiles, resolve
from cbr_auditor.rule_page import permissions
from tests.test_rule import EIGHT, GOOD

FOLDER = Path(__file__).parent.parent / "rules"
RULES = RuleFiles([FOLDER])
OURS = built_in_profiles(FOLDER)
FRAMEWORKS = {
    "iso27001": ("iso27001-2022",),
    "bsi-c5": ("bsi-c5-2020",),
    "grundschutz": ("grundschutz-2023",),
    "nis2": ("nis2-2024-2690", "nis2"),
    "dora": ("dora",),
    "gdpr": ("gdpr",),
    "nist": ("nist-csf-2.0", "nist-800-53r5"),
    "cis": ("cis-8.1",),
    "pci-dss": ("pci-dss-4.0.1",),
    "soc2": ("soc2-2017",),
}


def resolved(name: str, **tables: Any) -> Profile:
    return resolve(name, tables, OURS, RULES)


def values(profile: Profile, ident: str) -> dict[str, Any]:
    return {name: value for name, (value, _) in profile.options.get(ident, {}).items()}


@pytest.mark.parametrize("name", OURS)
def test_each_of_ours_resolves_and_has_a_title(name: str) -> None:
    profile = resolved(name)
    assert set(EIGHT) <= profile.on <= set(RULES)
    assert OURS[name]["title"]


@pytest.mark.parametrize("name", ["essential", "backups"])
def test_the_smallest_permission_is_enough(name: str) -> None:
    needed = {action for ident in resolved(name).on for action in permissions(RULES[ident])}
    assert needed == {"cbr:backups:list", "cbr:backups:get"}


def test_the_profile_of_backups_has_every_rule_that_the_smallest_permission_can_decide() -> None:
    smallest = {"cbr:backups:list", "cbr:backups:get"}
    assert resolved("backups").on == {ident for ident, rule in RULES.items() if smallest.issuperset(permissions(rule))}


def test_strict_is_every_rule() -> None:
    assert resolved("strict").on == set(RULES)


def test_there_is_a_profile_for_every_framework() -> None:
    assert {framework for names in FRAMEWORKS.values() for framework in names} == set(read_controls(FOLDER).frameworks)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_frameworks_profile_has_every_rule_behind_its_clauses(name: str) -> None:
    profile = resolved(name)
    behind = {
        ident for ident, rule in RULES.items() if {split(each)[0] for each in rule.controls} & set(FRAMEWORKS[name])
    }
    assert profile.frameworks == FRAMEWORKS[name]
    assert profile.on == behind | resolved("essential").on


def test_where_a_framework_names_a_figure_its_profile_has_it() -> None:
    assert values(resolved("cis"), "resource-rpo-breach") == {"max_age_hours": 170}
    assert values(resolved("cis"), "policy-infrequent") == {"max_gap_hours": 168}
    assert values(resolved("cis"), "restore-test-missing") == {"days": 92}
    assert values(resolved("bsi-c5"), "restore-test-missing") == {"days": 365}


def test_an_operators_profile_extends_changes_and_takes_out() -> None:
    profile = resolved(
        "shop",
        base={"extends": "essential", "rules": "resource-*", "options": {"resource-rpo-breach": {"max_age_hours": 4}}},
        shop={
            "extends": ["base", "cis"],
            "without": ["resource-single-*", "backup-not-automatic"],
            "options": {"resource-too-few-restore-points": {"min_points": 3}},
        },
    )
    assert "resource-rpo-breach" in profile.on
    assert not {"resource-single-vault", "backup-not-automatic"} & profile.on
    assert profile.options["resource-rpo-breach"]["max_age_hours"] == (170, "profile cis")
    assert profile.options["resource-too-few-restore-points"]["min_points"] == (3, "profile shop")
    assert profile.frameworks == ("cis-8.1",)


def test_the_own_frameworks_come_before_those_of_what_is_extended() -> None:
    assert resolved("bank", bank={"extends": "gdpr", "frameworks": ["dora", "nis2"]}).frameworks == (
        "dora",
        "nis2",
        "gdpr",
    )


@pytest.mark.parametrize(
    ("tables", "words", "mend"),
    [
        ({}, "there is no profile 'mine'", "Use one of"),
        ({"mine": {"extends": "esential"}}, r"\[profiles.mine\] extends: there is no profile 'esential'", "essential?"),
        ({"mine": {"extends": "mine"}}, r"\[profiles.mine\] extends itself", "Remove it"),
        ({"mine": {"extends": "b"}, "b": {"extends": ["cis", "mine"]}}, r"\[profiles.mine\] extends itself", "Remove"),
        ({"mine": {}, "strict": {}}, r"\[profiles.strict\]: this profile is ours", "another name"),
        ({"mine": {"rule": ["backup-error"]}}, "there is no key 'rule'", "rules?"),
        ({"mine": {"rules": ["backup-eror"]}}, "rules: no rule is named 'backup-eror'", "backup-error?"),
        ({"mine": {"rules": ["bakup-*"]}}, r"rules: no rule is named 'bakup-\*'", "Use one of|Did you mean"),
        ({"mine": {"without": ["backup-eror"]}}, "without: no rule is named", "backup-error?"),
        ({"mine": {"rules": 7}}, "rules = 7 is not valid", "a list of texts"),
        ({"mine": {"extends": [7]}}, r"extends = \[7\] is not valid", "a list of texts"),
        ({"mine": {"frameworks": ["nis"]}}, "frameworks: no rule is behind 'nis'", "nis2?"),
        ({"mine": {"options": {"backup-eror": {}}}}, "backup-eror]: there is no such rule", "backup-error?"),
        ({"mine": {"options": {"backup-stuck": {"hour": 3}}}}, "there is no key 'hour'", "hours?"),
        ({"mine": {"options": {"backup-stuck": {"enabled": True}}}}, "there is no key 'enabled'", "hours"),
        ({"mine": {"options": {"backup-stuck": {"hours": "3"}}}}, "hours = '3' is not valid", "a number"),
        ({"mine": {"options": {"backup-stuck": {"hours": -1}}}}, "hours = -1 is not valid", "a number"),
        ({"mine": {"options": {"backup-name-policy": {"pattern": "("}}}}, "no regular expression", "Mend the pattern"),
        ({"mine": {"options": []}}, "options is no table", "table of TOML"),
        ({"mine": 7}, r"\[profiles.mine\] is no table", "table of TOML"),
    ],
)
def test_what_is_wrong_is_refused_with_the_mend(tables: dict[str, Any], words: str, mend: str) -> None:
    with pytest.raises(RuleError, match=words) as caught:
        resolved("mine", **tables)
    assert mend.split("|", maxsplit=1)[0] in caught.value.mend or mend.rsplit("|", maxsplit=1)[-1] in caught.value.mend


def test_a_wrong_profile_is_refused_even_where_another_one_is_in_use() -> None:
    with pytest.raises(RuleError, match=r"\[profiles.mine\] extends: there is no profile 'strikt'"):
        load_catalogue(None, profiles={"mine": {"extends": "strikt"}})


def test_a_profiles_options_are_in_force_and_a_rules_own_table_wins() -> None:
    catalogue = load_catalogue(None, profile="cis", tables={"resource-rpo-breach": {"max_age_hours": 9}})
    rules = {rule.id: rule for rule in catalogue.rules}
    assert rules["resource-rpo-breach"].values["max_age_hours"] == 9
    assert rules["policy-infrequent"].values["max_gap_hours"] == 168
    assert catalogue.sources["policy-infrequent", "max_gap_hours"] == "profile cis"
    assert catalogue.frameworks == ("cis-8.1",)


def test_rules_that_are_off_are_known_by_their_clauses_and_an_operators_file_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "backup_cursed.py").write_text(GOOD.replace("()", '("ours:1",)'))
    catalogue = load_catalogue(tmp_path, tables={"backup-cursed": {"enabled": False}})
    assert catalogue.controls_off["resource-rpo-breach"] == RULES["resource-rpo-breach"].controls
    assert "backup-cursed" in catalogue.off
    assert "backup-cursed" not in catalogue.controls_off
