import pytest

from cbr_auditor.cbr.records import SERVER, Backup, Disk, ExtendInfo
from cbr_auditor.rule import Needs, Unknown
from tests.fakes import make_backup
from tests.rules.conftest import Judge

KINDS = ["OS::Cinder::Volume", "OS::Sfs::Turbo"]


def server(own: bool | None, *disks: bool | None, unknown: str | None = None) -> Backup:
    children = [
        Disk(id=f"d{number}", resource_name=f"vol-{number}", extend_info=ExtendInfo(encrypted=value))
        for number, value in enumerate(disks)
    ]
    return make_backup(resource_type=SERVER, encrypted=own, children=children, examined=True, disks_unknown=unknown)


@pytest.mark.parametrize("kind", [*KINDS, SERVER, None, "OS::Native::Server"])
def test_the_own_key_false_is_found_for_every_type(judge: Judge, kind: str | None) -> None:
    backup = make_backup(resource_type=kind, encrypted=False)
    assert judge("backup-unencrypted", backup) == "the backup is not encrypted"


@pytest.mark.parametrize("kind", KINDS)
def test_an_encrypted_disk_or_file_system_is_fine(judge: Judge, kind: str) -> None:
    assert judge("backup-unencrypted", make_backup(resource_type=kind)) is None


@pytest.mark.parametrize("kind", [*KINDS, None])
def test_a_missing_key_is_unknown(judge: Judge, kind: str | None) -> None:
    backup = make_backup(resource_type=kind, encrypted=None)
    assert judge("backup-unencrypted", backup) == Unknown("extend_info.encrypted")


@pytest.mark.parametrize("own", [True, None])
def test_a_server_needs_its_disks(judge: Judge, own: bool | None) -> None:
    backup = make_backup(resource_type=SERVER, encrypted=own)
    assert judge("backup-unencrypted", backup) == Needs.DISKS


@pytest.mark.parametrize("own", [True, None])
def test_one_plain_disk_is_found_and_named(judge: Judge, own: bool | None) -> None:
    outcome = judge("backup-unencrypted", server(own, True, False, None))
    assert outcome == "1 of 3 disks are not encrypted: vol-1"


@pytest.mark.parametrize("own", [True, None])
def test_a_server_whose_disks_are_all_encrypted_is_fine(judge: Judge, own: bool | None) -> None:
    assert judge("backup-unencrypted", server(own, True, True)) is None


@pytest.mark.parametrize("disks", [(), (None,), (True, None)])
def test_disks_that_do_not_tell_are_unknown(judge: Judge, disks: tuple[bool | None, ...]) -> None:
    assert isinstance(judge("backup-unencrypted", server(None, *disks)), Unknown)


@pytest.mark.parametrize("disks", [(), (None,), (True, None)])
def test_disks_that_do_not_tell_leave_the_own_key_its_word(judge: Judge, disks: tuple[bool | None, ...]) -> None:
    assert judge("backup-unencrypted", server(True, *disks)) is None


@pytest.mark.parametrize("own", [True, None])
def test_a_detail_that_failed_is_unknown_and_says_why(judge: Judge, own: bool | None) -> None:
    outcome = judge("backup-unencrypted", server(own, unknown="it answered 404"))
    assert outcome == Unknown("the server's disks (it answered 404)")
