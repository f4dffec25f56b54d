import pytest

from cbr_auditor.rule import NoProblem, Unknown
from tests.rules.inventory import ABSENT, ask, make_vault

RULE = "vault-status"


def test_an_available_vault_is_fine() -> None:
    assert ask(RULE, make_vault()) is None


@pytest.mark.parametrize("status", ["error", "frozen", "deleting"])
def test_one_that_is_not_is_found(status: str) -> None:
    assert ask(RULE, make_vault(billing={"status": status})) == f"the vault's status is {status}"


def test_the_scene_of_freezing_is_told() -> None:
    frozen = {"status": "frozen", "frozen_scene": "arrears"}
    assert ask(RULE, make_vault(billing=frozen)) == "the vault's status is frozen (arrears)"
    assert ask(RULE, make_vault(billing={"frozen_scene": "arrears"})) == "the vault is frozen (arrears)"


@pytest.mark.parametrize("scene", [None, ABSENT, ""])
def test_no_scene_is_no_freezing(scene: object) -> None:
    assert ask(RULE, make_vault(billing={"frozen_scene": scene})) is None


def test_a_change_of_capacity_passes() -> None:
    assert ask(RULE, make_vault(billing={"status": "lock"})) == NoProblem("its capacity is being changed")


@pytest.mark.parametrize("status", [None, ABSENT, [], {}])
def test_a_status_that_is_not_said_is_unknown(status: object) -> None:
    assert ask(RULE, make_vault(billing={"status": status})) == Unknown("billing.status")


def test_a_status_that_nobody_documents_is_unknown_and_named() -> None:
    assert ask(RULE, make_vault(billing={"status": "melting"})) == Unknown("a billing.status that is known (melting)")


def test_a_scene_that_cannot_be_read_is_unknown() -> None:
    assert ask(RULE, make_vault(billing={"frozen_scene": ["x"]})) == Unknown("billing.frozen_scene")
