import pytest

from cbr_auditor.rule import NoProblem, Unknown
from tests.rules.inventory import ask, make_vault, member_row
from tests.rules.siblings import aged, of

RULE = "resource-manual-only"


def test_a_resource_that_is_only_backed_up_by_hand_is_found() -> None:
    assert ask(RULE, of(aged(1, auto_trigger=False))) == "its only backup was made by hand"
    outcome = ask(RULE, of(aged(1, auto_trigger=False), aged(2, auto_trigger=False, status="error")))
    assert outcome == "all of its 2 backups were made by hand"


@pytest.mark.parametrize("status", ["available", "error", "protecting"])
def test_one_automatic_backup_of_any_status_is_enough(status: str) -> None:
    assert ask(RULE, of(aged(1, auto_trigger=False), aged(900, auto_trigger=True, status=status))) is None
    assert ask(RULE, of(aged(1, auto_trigger=None), aged(900), unseen="the rest")) is None


@pytest.mark.parametrize("said", [(None,), (False, None), (None, None)])
def test_backups_that_do_not_say_make_it_unknown(said: tuple[bool | None, ...]) -> None:
    backups = [aged(number, auto_trigger=value) for number, value in enumerate(said)]
    assert ask(RULE, of(*backups)) == Unknown("extend_info.auto_trigger of some of its backups")


def test_where_an_automatic_one_may_exist_unseen_it_is_unknown() -> None:
    assert ask(RULE, of(aged(1, auto_trigger=False), unseen="the rest")) == Unknown("the rest")


def test_a_resource_without_backups_is_not_judged() -> None:
    assert ask(RULE, of()) is None
    assert ask(RULE, of(unseen="the rest")) is None


def test_one_whose_source_is_gone_is_passed_and_counted() -> None:
    gone = (make_vault(resources=[member_row(id="r", protect_status="deleted")]),)
    there = make_vault(resources=[member_row(id="r")])
    assert isinstance(ask(RULE, of(aged(1, auto_trigger=False), vaults=gone)), NoProblem)
    assert isinstance(ask(RULE, of(aged(1, auto_trigger=False), vaults=gone, unseen="the rest")), NoProblem)
    for vaults in ((there,), (*gone, there), ()):
        assert isinstance(ask(RULE, of(aged(1, auto_trigger=False), vaults=vaults)), str)
