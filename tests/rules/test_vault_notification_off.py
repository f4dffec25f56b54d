import pytest

from cbr_auditor.rule import NoProblem, Unknown
from tests.rules.inventory import ABSENT, ask, make_vault

RULE = "vault-notification-off"


def test_one_that_notifies_is_fine() -> None:
    assert ask(RULE, make_vault(smn_notify=True)) is None


@pytest.mark.parametrize("value", [False, "false", 0])
def test_one_that_does_not_is_found(value: object) -> None:
    assert (
        ask(RULE, make_vault(smn_notify=value)) == "the vault does not notify of failures, or that it is getting full"
    )


@pytest.mark.parametrize("value", [ABSENT, None])
def test_a_cloud_without_the_setting_is_no_problem_and_counted(value: object) -> None:
    assert ask(RULE, make_vault(smn_notify=value)) == NoProblem("this cloud has no such setting")


@pytest.mark.parametrize("value", ["loudly", [], 2])
def test_an_odd_value_is_unknown(value: object) -> None:
    assert ask(RULE, make_vault(smn_notify=value)) == Unknown("smn_notify")
