import pytest

from cbr_auditor.rule import Unknown
from tests.rules.inventory import ABSENT, ask, make_vault, member_row

RULE = "vault-resource-error"


@pytest.mark.parametrize("status", ["available", "protecting", "restoring", "removing", "deleted"])
def test_resources_that_are_well_or_gone_are_fine(status: str) -> None:
    assert ask(RULE, make_vault(resources=[member_row(protect_status=status)])) is None


def test_one_in_error_is_named() -> None:
    members = [member_row(), member_row(id="b", name="db-1", protect_status="error")]
    assert ask(RULE, make_vault(resources=members)) == "the vault cannot protect db-1"


def test_many_are_counted() -> None:
    members = [member_row(id=str(number), name=None, protect_status="error") for number in range(7)]
    assert ask(RULE, make_vault(resources=members)) == "the vault cannot protect 0, 1, 2, 3, 4 and 2 more"


@pytest.mark.parametrize("status", [None, ABSENT, "melting", {}])
def test_a_status_that_is_not_said_or_not_known_is_unknown(status: object) -> None:
    vault = make_vault(resources=[member_row(protect_status=status)])
    assert ask(RULE, vault) == Unknown("a protect_status that is known of web-1")


def test_a_vault_that_takes_copies_says_nothing_of_its_resources() -> None:
    vault = make_vault(resources=[member_row(protect_status=None)], billing={"protect_type": "replication"})
    assert ask(RULE, vault) is None


@pytest.mark.parametrize("resources", [None, ABSENT, "odd", [member_row(), 3]])
def test_resources_that_cannot_be_read_are_unknown(resources: object) -> None:
    assert ask(RULE, make_vault(resources=resources)) == Unknown("resources")


def test_an_error_is_told_even_where_something_else_cannot_be_read() -> None:
    vault = make_vault(resources=[3, member_row(protect_status="error")])
    assert ask(RULE, vault) == "the vault cannot protect web-1"


def test_an_empty_vault_is_fine() -> None:
    assert ask(RULE, make_vault(resources=[])) is None
