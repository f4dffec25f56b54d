import pytest

from cbr_auditor.rule import NoProblem, Unknown
from tests.rules.inventory import ABSENT, ask, make_vault

RULE = "vault-not-locked"
FAILS = "the vault is not locked: its backups can be deleted before they expire"


@pytest.mark.parametrize("value", [True, "true", 1])
def test_a_locked_vault_is_fine(value: object) -> None:
    assert ask(RULE, make_vault(locked=value)) is None


@pytest.mark.parametrize("value", [False, "false", 0])
def test_one_that_is_not_is_found(value: object) -> None:
    assert ask(RULE, make_vault(locked=value)) == FAILS


@pytest.mark.parametrize("value", [ABSENT, None, "perhaps", {}])
def test_one_that_does_not_say_is_unknown(value: object) -> None:
    assert ask(RULE, make_vault(locked=value)) == Unknown("locked")


def test_a_change_of_capacity_is_no_lock() -> None:
    assert ask(RULE, make_vault(locked=False, billing={"status": "lock"})) == FAILS


@pytest.mark.parametrize("locked", [False, ABSENT])
def test_an_empty_vault_has_nothing_to_protect(locked: object) -> None:
    assert ask(RULE, make_vault(locked=locked, resources=[], billing={"used": 0})) == NoProblem("nothing is in it")


def test_a_vault_without_members_that_still_holds_backups_is_judged() -> None:
    assert ask(RULE, make_vault(locked=False, resources=[])) == FAILS
    assert ask(RULE, make_vault(locked=False, resources=[], billing={"used": None})) == FAILS
