import pytest

from cbr_auditor.rule import Unknown
from tests.rules.inventory import ABSENT, ask, make_policy

RULE = "policy-unused"


def test_a_policy_that_is_bound_is_fine() -> None:
    assert ask(RULE, make_policy()) is None


@pytest.mark.parametrize("enabled", [True, False, None])
def test_one_that_is_bound_to_nothing_is_found_whether_it_is_on_or_not(enabled: object) -> None:
    assert ask(RULE, make_policy(associated_vaults=[], enabled=enabled)) == "the policy is bound to no vault"


@pytest.mark.parametrize("vaults", [None, ABSENT, "odd", [3], [{}], [{"vault_id": []}]])
def test_one_that_does_not_say_is_unknown(vaults: object) -> None:
    assert ask(RULE, make_policy(associated_vaults=vaults)) == Unknown("associated_vaults")


def test_one_vault_that_can_be_read_is_enough() -> None:
    assert ask(RULE, make_policy(associated_vaults=[3, {"vault_id": "v"}])) is None
