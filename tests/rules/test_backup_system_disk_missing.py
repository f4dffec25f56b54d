from datetime import timedelta
from typing import Any

import pytest

from cbr_auditor.cbr.records import SERVER, Backup
from cbr_auditor.rule import Unknown
from tests.fakes import NOW, make_backup
from tests.rules.conftest import Judge, load

FOUND = "the server's newest backup does not contain its system disk"


def server(**changes: Any) -> Backup:
    return make_backup(**{"resource_type": SERVER, "contain_system_disk": False, **changes})


def test_a_servers_newest_backup_without_its_system_disk_is_found(judge: Judge) -> None:
    assert judge("backup-system-disk-missing", server()) == FOUND
    assert judge("backup-system-disk-missing", server(contain_system_disk=True)) is None


def test_only_the_newest_available_one_is_judged(judge: Judge) -> None:
    newer = server(id="newer", created_at=NOW, contain_system_disk=True)
    assert judge("backup-system-disk-missing", server(), newer) is None
    newer.status = "error"
    assert judge("backup-system-disk-missing", server(), newer) == FOUND
    older = server(id="older", created_at=NOW - timedelta(days=2), contain_system_disk=True)
    assert judge("backup-system-disk-missing", server(), older) == FOUND


@pytest.mark.parametrize("kind", ["OS::Cinder::Volume", "OS::Sfs::Turbo", None])
def test_other_backups_have_no_system_disk(judge: Judge, kind: str | None) -> None:
    assert judge("backup-system-disk-missing", server(resource_type=kind)) is None


@pytest.mark.parametrize("status", ["error", "deleting", "protecting", "restoring", "melting"])
def test_what_is_not_available_is_not_judged(judge: Judge, status: str) -> None:
    assert judge("backup-system-disk-missing", server(status=status)) is None


def test_a_backup_that_does_not_say_is_unknown(judge: Judge) -> None:
    outcome = judge("backup-system-disk-missing", server(contain_system_disk=None))
    assert outcome == Unknown("extend_info.contain_system_disk")


def test_without_their_ages_nobody_knows_the_newest(judge: Judge) -> None:
    outcome = judge("backup-system-disk-missing", server(created_at=None))
    assert outcome == Unknown("created_at of the server's backups")


def test_where_a_newer_one_may_exist_unseen_it_is_unknown(judge: Judge) -> None:
    assert judge("backup-system-disk-missing", server(), unseen="the rest") == Unknown("the rest")
    assert judge("backup-system-disk-missing", server(contain_system_disk=True), unseen="the rest") is None


def test_only_what_the_rule_can_speak_of_waits_for_its_siblings() -> None:
    candidate = load("backup-system-disk-missing").candidate
    assert candidate is not None
    assert candidate(server())
    assert candidate(server(contain_system_disk=None))
    assert not candidate(server(contain_system_disk=True))
