import pytest

from cbr_auditor.rule import Unknown
from tests.rules.inventory import ABSENT, ask, make_policy

RULE = "policy-disabled"
TWO = [{"vault_id": "v1"}, {"vault_id": "v2"}]


def test_a_policy_that_is_on_is_fine() -> None:
    assert ask(RULE, make_policy()) is None


@pytest.mark.parametrize("value", [False, "false", 0])
def test_one_that_is_off_is_found(value: object) -> None:
    assert ask(RULE, make_policy(enabled=value)) == "the policy is off, so 1 vault gets no backups by it"


def test_it_says_how_many_vaults_go_without_what() -> None:
    policy = make_policy(enabled=False, operation_type="replication", associated_vaults=TWO)
    assert ask(RULE, policy) == "the policy is off, so 2 vaults get no copies by it"


def test_one_that_is_bound_to_nothing_is_another_rules_business() -> None:
    assert ask(RULE, make_policy(enabled=False, associated_vaults=[])) is None
    assert ask(RULE, make_policy(enabled=None, associated_vaults=[])) is None


@pytest.mark.parametrize("value", [None, ABSENT, "perhaps", []])
def test_one_that_does_not_say_is_unknown(value: object) -> None:
    assert ask(RULE, make_policy(enabled=value)) == Unknown("enabled")


@pytest.mark.parametrize("vaults", [None, ABSENT, "odd", [3], [{}], [{"vault_id": None}]])
def test_one_that_is_off_and_may_be_bound_is_unknown(vaults: object) -> None:
    assert ask(RULE, make_policy(enabled=False, associated_vaults=vaults)) == Unknown("associated_vaults")
    assert ask(RULE, make_policy(enabled=True, associated_vaults=vaults)) is None
