from datetime import timedelta

import pytest

from cbr_auditor.cbr.records import ReplicationRecord
from cbr_auditor.rule import Unknown
from tests.fakes import NOW
from tests.rules.inventory import VAULT_ID, ask, make_vault
from tests.rules.siblings import aged, of

RULE = "resource-single-vault"


def test_a_resource_whose_good_backups_are_in_one_vault_is_found() -> None:
    assert ask(RULE, of(aged(1, vault_id="v1"), aged(2, vault_id="v1"))) == "all 2 good backups are in vault v1"
    assert ask(RULE, of(aged(1, vault_id="v1"))) == "its only good backup is in vault v1"


def test_one_in_another_vault_is_enough_if_it_is_good() -> None:
    assert ask(RULE, of(aged(1, vault_id="v1"), aged(2, vault_id="v2"))) is None
    for bad in ({"status": "error"}, {"status": "deleting"}, {"expired_at": NOW - timedelta(hours=1)}):
        assert isinstance(ask(RULE, of(aged(1, vault_id="v1"), aged(2, vault_id="v2", **bad))), str)


@pytest.mark.parametrize(("status", "enough"), [("success", True), ("fail", False), ("replicating", False)])
def test_a_copy_in_another_region_is_enough_if_it_is_done(status: str, enough: bool) -> None:
    copied = aged(1, replication_records=[ReplicationRecord(status, "eu-nl")])
    assert (ask(RULE, of(copied, aged(2))) is None) is enough


def test_a_backup_that_does_not_name_its_vault_makes_it_unknown() -> None:
    assert ask(RULE, of(aged(1), aged(2, vault_id=None))) == Unknown("vault_id of a good backup")
    assert ask(RULE, of(aged(1, vault_id=None))) == Unknown("vault_id of a good backup")
    assert ask(RULE, of(aged(1, vault_id="v1"), aged(2, vault_id="v2"), aged(3, vault_id=None))) is None


def test_where_others_may_exist_unseen_it_is_unknown() -> None:
    assert ask(RULE, of(aged(1), unseen="the rest")) == Unknown("the rest")


def test_a_resource_without_good_backups_is_anothers_business() -> None:
    assert ask(RULE, of()) is None
    assert ask(RULE, of(aged(1, status="error"))) is None


def test_copies_from_another_region_are_the_second_place_themselves() -> None:
    copies = make_vault(billing={"protect_type": "replication"})
    assert ask(RULE, of(aged(1, vault_id=VAULT_ID), vaults=(copies,))) is None
    assert isinstance(ask(RULE, of(aged(1, vault_id=VAULT_ID), vaults=(copies, make_vault()))), str)


def test_the_vault_has_its_name_where_that_is_known() -> None:
    assert ask(RULE, of(aged(1, vault_id=VAULT_ID), vaults=(make_vault(),))) == (
        "its only good backup is in vault vault-prod"
    )
