import pytest

from cbr_auditor.cbr.records import SERVER, Backup, Disk
from cbr_auditor.rule import Needs, Unknown
from tests.fakes import make_backup
from tests.rules.conftest import Judge


def server(*statuses: str | None, unknown: str | None = None, status: str = "available") -> Backup:
    disks = [Disk(id=f"d{n}", resource_name=f"vol-{n}", status=value) for n, value in enumerate(statuses)]
    return make_backup(resource_type=SERVER, status=status, children=disks, examined=True, disks_unknown=unknown)


def test_a_failed_disk_of_an_available_backup_is_found_and_named(judge: Judge) -> None:
    outcome = judge("backup-disk-failed", server("available", "error", None, "error"))
    assert outcome == "2 of 4 disks failed: vol-1, vol-3"


def test_a_disk_without_a_name_is_named_by_its_id(judge: Judge) -> None:
    backup = server("error")
    backup.children = [Disk(id="d0", status="error")]
    assert judge("backup-disk-failed", backup) == "1 of 1 disks failed: d0"


@pytest.mark.parametrize("statuses", [("available",), ("available", "restoring", "waiting_restore")])
def test_disks_that_can_be_restored_are_fine(judge: Judge, statuses: tuple[str, ...]) -> None:
    assert judge("backup-disk-failed", server(*statuses)) is None


@pytest.mark.parametrize("status", ["protecting", "deleting", "waiting_delete", "waiting_protect", "melting"])
def test_a_disk_that_changes_has_not_failed_and_is_not_fine_either(judge: Judge, status: str) -> None:
    outcome = judge("backup-disk-failed", server("available", status))
    assert outcome == Unknown(f"the status of every disk ({status})")


def test_a_disk_without_a_status_and_a_backup_without_disks_are_unknown(judge: Judge) -> None:
    assert judge("backup-disk-failed", server("available", None)) == Unknown("the status of every disk (none)")
    assert judge("backup-disk-failed", server()) == Unknown("the status of every disk (the detail shows none)")


def test_the_disks_have_to_be_looked_at(judge: Judge) -> None:
    assert judge("backup-disk-failed", make_backup(resource_type=SERVER)) is Needs.DISKS


def test_why_they_could_not_be_is_said(judge: Judge) -> None:
    outcome = judge("backup-disk-failed", server("error", unknown="it answered 404"))
    assert outcome == Unknown("the server's disks (it answered 404)")


@pytest.mark.parametrize("status", ["error", "protecting", "deleting", "waiting_delete", "restoring", "melting"])
def test_a_backup_that_is_not_available_is_not_judged(judge: Judge, status: str) -> None:
    assert judge("backup-disk-failed", server("error", status=status)) is None


@pytest.mark.parametrize("kind", ["OS::Cinder::Volume", "OS::Sfs::Turbo", None])
def test_other_backups_have_no_disks(judge: Judge, kind: str | None) -> None:
    assert judge("backup-disk-failed", make_backup(resource_type=kind)) is None
