import pytest

from cbr_auditor.rule import NoProblem, Unknown
from tests.rules.inventory import ABSENT, ask, make_vault

RULE = "vault-capacity"


def test_what_is_used_is_in_mb_and_the_size_in_gb() -> None:
    assert ask(RULE, make_vault(billing={"used": 17048, "size": 100})) is None
    assert ask(RULE, make_vault(billing={"used": 90 * 1024, "size": 100})) == "90 % of the vault's 100 GB are used"


@pytest.mark.parametrize(("used", "found"), [(80 * 1024 - 1, False), (80 * 1024, True), (200 * 1024, True)])
def test_from_80_percent_on_it_is_found(used: int, found: bool) -> None:
    assert isinstance(ask(RULE, make_vault(billing={"used": used, "size": 100})), str) is found


def test_percent_moves_the_boundary() -> None:
    vault = make_vault(billing={"used": 50 * 1024, "size": 100})
    assert ask(RULE, vault) is None
    assert isinstance(ask(RULE, vault, percent=50), str)
    assert ask(RULE, vault, percent=50.1) is None


def test_one_that_expands_by_itself_is_no_problem() -> None:
    full = {"used": 99 * 1024, "size": 100}
    assert ask(RULE, make_vault(billing=full, auto_expand=True)) == NoProblem("it expands by itself")
    assert isinstance(ask(RULE, make_vault(billing=full, auto_expand=None)), str)


@pytest.mark.parametrize(
    ("billing", "missing"),
    [
        ({"used": None}, "billing.used"),
        ({"used": ABSENT}, "billing.used"),
        ({"used": "much"}, "billing.used"),
        ({"size": None}, "billing.size"),
        ({"size": 0}, "billing.size"),
        ({"size": -5}, "billing.size"),
        ({"size": "NaN"}, "billing.size"),
    ],
)
def test_what_is_not_said_or_odd_is_unknown(billing: dict[str, object], missing: str) -> None:
    assert ask(RULE, make_vault(billing=billing)) == Unknown(missing)


def test_numbers_as_texts_are_read() -> None:
    assert isinstance(ask(RULE, make_vault(billing={"used": "99000", "size": "100"})), str)


def test_without_any_billing_it_is_unknown() -> None:
    assert ask(RULE, make_vault(billing=ABSENT)) == Unknown("billing.used")
