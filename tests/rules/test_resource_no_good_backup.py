import pytest

from cbr_auditor.rule import NoProblem, Unknown
from tests.rules.inventory import ask
from tests.rules.siblings import aged, of

RULE = "resource-no-good-backup"


def test_a_resource_of_which_every_backup_failed_is_found() -> None:
    assert ask(RULE, of(aged(1, status="error"))) == "its only backup failed"
    assert ask(RULE, of(aged(1, status="error"), aged(25, status="error"))) == "all of its 2 backups failed"


@pytest.mark.parametrize("status", ["deleting", "waiting_delete"])
def test_what_is_being_deleted_does_not_help_and_is_not_said_to_have_failed(status: str) -> None:
    outcome = ask(RULE, of(aged(1, status="error"), aged(2, status=status), aged(3, status=status)))
    assert outcome == "1 of its 3 backups failed, and none is available"


@pytest.mark.parametrize("status", ["available", "restoring", "waiting_restore"])
def test_one_that_can_be_restored_is_enough(status: str) -> None:
    assert ask(RULE, of(aged(1, status="error"), aged(900, status=status))) is None


@pytest.mark.parametrize("status", ["protecting", "waiting_protect"])
def test_one_that_is_being_made_may_become_good(status: str) -> None:
    outcome = ask(RULE, of(aged(25, status="error"), aged(1, status=status)))
    assert outcome == NoProblem("a backup is being made")


def test_without_a_failure_it_is_anothers_business() -> None:
    assert ask(RULE, of()) is None
    assert ask(RULE, of(aged(1, status="deleting"))) is None


def test_a_status_that_is_not_documented_makes_it_unknown() -> None:
    outcome = ask(RULE, of(aged(1, status="error"), aged(2, status="melting")))
    assert outcome == Unknown("a status that is documented")


def test_where_a_good_one_may_exist_unseen_it_is_unknown() -> None:
    assert ask(RULE, of(aged(1, status="error"), unseen="the rest")) == Unknown("the rest")
    assert ask(RULE, of(aged(1, status="error"), aged(2), unseen="the rest")) is None
