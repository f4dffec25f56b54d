import pytest

from cbr_auditor.rule import NoProblem, Unknown
from tests.rules.inventory import ABSENT, ask, make_policy, make_vault, member_row

RULE = "vault-without-policy"
BOUND = "no backup policy is bound to the vault, which has"


def test_a_vault_with_a_backup_policy_is_fine() -> None:
    assert ask(RULE, make_vault(make_policy())) is None


def test_a_vault_without_one_is_found_with_how_much_is_in_it() -> None:
    assert ask(RULE, make_vault()) == f"{BOUND} 1 resource"
    assert ask(RULE, make_vault(resources=[member_row(), member_row(id="b")])) == f"{BOUND} 2 resources"


def test_a_replication_policy_backs_nothing_up() -> None:
    assert ask(RULE, make_vault(make_policy(operation_type="replication"))) == f"{BOUND} 1 resource"


def test_a_policy_that_is_off_is_another_rules_business() -> None:
    assert ask(RULE, make_vault(make_policy(enabled=False))) is None


@pytest.mark.parametrize("kind", ["replication", "hybrid"])
def test_a_vault_that_takes_copies_needs_none(kind: str) -> None:
    assert ask(RULE, make_vault(billing={"protect_type": kind})) is None


def test_an_empty_vault_is_counted_but_no_problem() -> None:
    assert ask(RULE, make_vault(resources=[])) == NoProblem("nothing is in it")


def test_an_empty_vault_that_resources_join_on_their_own_is_found() -> None:
    assert ask(RULE, make_vault(resources=[], auto_bind=True)) == f"{BOUND} 0 resources"


@pytest.mark.parametrize("resources", [None, ABSENT, "odd", [7]])
def test_a_vault_that_does_not_say_what_is_in_it_is_judged(resources: object) -> None:
    assert ask(RULE, make_vault(resources=resources)) == f"{BOUND} 0 resources"


@pytest.mark.parametrize("kind", [None, ABSENT, []])
def test_a_kind_of_vault_that_is_not_said_is_unknown(kind: object) -> None:
    assert ask(RULE, make_vault(billing={"protect_type": kind})) == Unknown("billing.protect_type")


def test_policies_that_were_not_seen_make_it_unknown_and_not_a_failure() -> None:
    assert ask(RULE, make_vault(unseen="the policies that could not be read")) == Unknown(
        "the policies that could not be read"
    )
    assert ask(RULE, make_vault(make_policy(), unseen="x")) is None


def test_a_bound_policy_of_unknown_kind_makes_it_unknown() -> None:
    vault = make_vault(make_policy(operation_type=None))
    assert ask(RULE, vault) == Unknown("operation_type of a policy that is bound to it")
