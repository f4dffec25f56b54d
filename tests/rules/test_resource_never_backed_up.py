from datetime import timedelta
from typing import Any

import pytest

from cbr_auditor.cbr.vaults import Vault
from cbr_auditor.rule import NoProblem, Unknown
from tests.fakes import NOW
from tests.rules.inventory import ABSENT, ask, make_resource, make_vault, member_row

RULE = "resource-never-backed-up"
FAILS = "it is in vault vault-prod, but has no backup"


def vault_of(**member: Any) -> Vault:
    return make_vault(resources=[member_row(**member)])


def test_a_member_of_a_vault_without_any_backup_is_found() -> None:
    assert ask(RULE, make_resource(vaults=[make_vault()])) == FAILS


@pytest.mark.parametrize("status", ["available", "error", "protecting"])
def test_a_backup_of_any_status_is_enough(status: str) -> None:
    assert ask(RULE, make_resource(7, vaults=[make_vault()], status=status)) is None


def test_what_is_in_no_vault_is_not_known() -> None:
    assert ask(RULE, make_resource()) is None


@pytest.mark.parametrize("status", ["deleted", "removing"])
def test_a_member_whose_source_is_gone_is_not_judged(status: str) -> None:
    assert ask(RULE, make_resource(vaults=[vault_of(protect_status=status)])) is None


@pytest.mark.parametrize("status", [None, ABSENT, "error", "melting"])
def test_any_other_status_changes_nothing(status: object) -> None:
    assert ask(RULE, make_resource(vaults=[vault_of(protect_status=status)])) == FAILS


@pytest.mark.parametrize("kind", ["replication", "hybrid"])
def test_a_vault_that_takes_copies_backs_nothing_up(kind: str) -> None:
    assert ask(RULE, make_resource(vaults=[make_vault(billing={"protect_type": kind})])) is None


def test_a_vault_of_unknown_kind_makes_it_unknown() -> None:
    unsaid = make_vault(billing={"protect_type": None})
    assert ask(RULE, make_resource(vaults=[unsaid])) == Unknown("billing.protect_type of its vault")
    assert isinstance(ask(RULE, make_resource(vaults=[unsaid, make_vault(name="other")])), str)


@pytest.mark.parametrize(("hours", "new"), [(1, True), (26, True), (26.01, False), (1000, False)])
def test_a_vault_is_left_alone_for_a_day(hours: float, new: bool) -> None:
    vault = make_vault(created_at=(NOW - timedelta(hours=hours)).isoformat())
    assert ask(RULE, make_resource(vaults=[vault])) == (NoProblem("its vault is new") if new else FAILS)


def test_grace_hours_moves_the_boundary() -> None:
    vault = make_vault(created_at=(NOW - timedelta(hours=5)).isoformat())
    assert ask(RULE, make_resource(vaults=[vault]), grace_hours=4.9) == FAILS


@pytest.mark.parametrize("created", [None, ABSENT, "yesterday"])
def test_a_vault_of_unknown_age_is_not_new(created: object) -> None:
    assert ask(RULE, make_resource(vaults=[make_vault(created_at=created)])) == FAILS


def test_backups_that_may_exist_unseen_make_it_unknown() -> None:
    assert ask(RULE, make_resource(vaults=[make_vault()], unseen="half of them")) == Unknown("half of them")


def test_backups_that_only_the_vault_knows_make_it_unknown() -> None:
    assert ask(RULE, make_resource(vaults=[vault_of(backup_count=3)])) == Unknown(
        "the backups of it that its vault counts (3), but the list does not show"
    )


@pytest.mark.parametrize("count", [0, None, ABSENT, "many"])
def test_a_vault_that_counts_none_is_no_doubt(count: object) -> None:
    assert ask(RULE, make_resource(vaults=[vault_of(backup_count=count)])) == FAILS


def test_all_its_vaults_are_named() -> None:
    vaults = [make_vault(), make_vault(id="v2", name=None)]
    assert ask(RULE, make_resource(vaults=vaults)) == "it is in vault vault-prod and v2, but has no backup"
