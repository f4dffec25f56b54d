"""Other options, or silence, for some resources, vaults or projects: as auditor.toml says it and as a run does it."""

from typing import Any

import pytest

from cbr_auditor.catalogue import load_catalogue
from cbr_auditor.cbr.vaults import Vault
from cbr_auditor.errors import RuleError
from cbr_auditor.plan import Plans
from cbr_auditor.subject import Identity
from tests.fakes import PROJECT

DB = Identity("r1", "erp-db-01", resource_id="r1", resource_name="erp-db-01", resource_type="OS::Nova::Server")
WEB = Identity("r2", "web-01", resource_id="r2", resource_name="web-01", resource_type="OS::Cinder::Volume")
GOLD = Vault(id="v1", name="vault-gold", tags={"tier": "gold", "owner": None})
PLAIN = Vault(id="v2", name="vault-plain", tags=None)
RPO = "resource-rpo-breach"


def plans(*overrides: dict[str, Any], profile: str = "strict", vaults: tuple[Vault, ...] = (GOLD, PLAIN)) -> Plans:
    catalogue = load_catalogue(None, profile=profile, overrides=overrides)
    return Plans(catalogue.rules, catalogue.overrides, PROJECT, {vault.id: vault for vault in vaults})


def rpo(made: Plans, who: Identity, *vault_ids: str) -> float | None:
    """The age that the rule allows for this subject; None where it is off."""
    for index, values in made.for_subject(who, vault_ids).values.items():
        if made.rules[index].id == RPO:
            hours: float = values["max_age_hours"]
            return hours
    return None


def hours(value: float, **selectors: Any) -> dict[str, Any]:
    return {**selectors, "rules": {RPO: {"max_age_hours": value}}}


@pytest.mark.parametrize(
    ("selectors", "db", "web"),
    [
        ({"resource": "erp-*"}, 4, 26),
        ({"resource": ["nothing", "r2"]}, 26, 4),
        ({"resource": "ERP-*"}, 26, 26),
        ({"resource": "db"}, 26, 26),
        ({"resource_type": "OS::Nova::Server"}, 4, 26),
        ({"project_id": PROJECT}, 4, 4),
        ({"project_id": "another"}, 26, 26),
        ({"vault": "v1"}, 4, 26),
        ({"vault": "vault-*"}, 4, 4),
        ({"vault_tag": "tier=gold"}, 4, 26),
        ({"vault_tag": "tier=g*"}, 4, 26),
        ({"vault_tag": "tier=silver"}, 26, 26),
        ({"vault_tag": "owner"}, 4, 26),
        ({"vault_tag": "owner="}, 4, 26),
        ({"vault": "v1", "resource": "web-*"}, 26, 26),
    ],
)
def test_every_selector_that_it_has_must_fit(selectors: dict[str, Any], db: float, web: float) -> None:
    made = plans(hours(4, **selectors))
    assert rpo(made, DB, "v1") == db
    assert rpo(made, WEB, "v2") == web


def test_a_resource_in_several_vaults_is_selected_by_any_of_them() -> None:
    assert rpo(plans(hours(4, vault_tag="tier=gold")), DB, "v2", "v1") == 4


def test_the_last_one_that_fits_wins_option_by_option() -> None:
    made = plans(hours(4, resource="erp-*"), hours(8, resource="*-db-*"))
    assert rpo(made, DB) == 8


def test_off_is_off_for_every_rule_and_a_later_override_does_not_wake_it_by_itself() -> None:
    made = plans({"resource": "erp-*", "enabled": False})
    assert made.for_subject(DB).values == {}
    assert rpo(made, WEB) == 26


def test_one_rule_may_be_off_for_some() -> None:
    made = plans({"resource": "erp-*", "rules": {RPO: {"enabled": False}}})
    assert rpo(made, DB) is None
    assert rpo(made, WEB) == 26
    assert len(made.for_subject(DB).values) == len(made.for_subject(WEB).values) - 1


def test_a_rule_that_only_an_override_asks_for_is_on_there_alone() -> None:
    made = plans(hours(4, resource="erp-*"), profile="essential")
    assert rpo(made, DB) == 4
    assert rpo(made, WEB) is None


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"resource": "x"}, "says nothing about any rule"),
        ({"rules": {RPO: {"max_age_hours": 4}}}, "selects nothing"),
        ({"resource": "x", "enabled": True}, "Use enabled = false"),
        ({"resource": "x", "enabled": False, "rules": {RPO: {}}}, "enabled = false and rules"),
        ({"resorce": "x", "enabled": False}, "Did you mean resource?"),
        ({"resource": 7, "enabled": False}, "Use a text, or a list of texts"),
        ({"resource_type": "OS::Nova::Sever", "enabled": False}, "Did you mean OS::Nova::Server?"),
        ({"resource_type": ["OS::Nova::*"], "enabled": False}, "no resource_type 'OS::Nova::*'"),
        ({"resource": "x", "rules": {"resource-rpo": {}}}, f"Did you mean {RPO}?"),
        ({"resource": "x", "rules": {RPO: {"max_age": 4}}}, "Did you mean max_age_hours?"),
        ({"resource": "x", "rules": {RPO: {"max_age_hours": "4"}}}, "Use a number from 0"),
        ({"resource": "x", "rules": {RPO: {"max_age_hours": True}}}, "Use a number from 0"),
        ({"resource": "x", "rules": {"backup-name-policy": {"pattern": "("}}}, "Mend the pattern"),
        ({"resource": "x", "rules": {RPO: {"severity": "low"}}}, "A rule has one severity"),
        ({"resource": "x", "rules": {RPO: 4}}, "is no table"),
        ("resource", "is no table"),
    ],
)
def test_a_wrong_one_is_refused_at_start_with_its_place_and_the_mend(table: Any, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        load_catalogue(None, overrides=[{"resource": "y", "enabled": False}, table])
    assert "[[overrides]] 2" in str(caught.value)
    assert words in str(caught.value)


def test_what_is_no_list_of_tables_is_refused() -> None:
    with pytest.raises(RuleError, match=r"Write each under \[\[overrides\]\]"):
        load_catalogue(None, overrides={"resource": "x"})  # type: ignore[arg-type]


def test_vaults_are_listed_only_for_an_override_that_needs_their_names_or_tags() -> None:
    def needs(**selectors: Any) -> bool:
        (override,) = load_catalogue(None, overrides=[{**selectors, "enabled": False}]).overrides
        return override.lists_vaults

    assert needs(vault="vault-*")
    assert needs(vault_tag="tier")
    assert not needs(vault="cca85ea5-00a4-418d-9222-bd83985bc515")
    assert not needs(resource="erp-*")
