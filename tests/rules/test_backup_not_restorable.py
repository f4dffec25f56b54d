import pytest

from cbr_auditor.cbr.records import SERVER
from cbr_auditor.rule import Unknown
from tests.fakes import make_backup
from tests.rules.conftest import Judge

DISK, TURBO = "OS::Cinder::Volume", "OS::Sfs::Turbo"


@pytest.mark.parametrize("kind", [SERVER, DISK, TURBO, None])
def test_what_only_makes_new_resources_is_found(judge: Judge, kind: str | None) -> None:
    outcome = judge("backup-not-restorable", make_backup(resource_type=kind, supported_restore_mode="na"))
    assert outcome == "it can only be used to create new resources (supported_restore_mode is na)"


@pytest.mark.parametrize("mode", ["backup", "snapshot"])
def test_the_other_modes_are_fine(judge: Judge, mode: str) -> None:
    assert judge("backup-not-restorable", make_backup(resource_type=SERVER, supported_restore_mode=mode)) is None


def test_a_mode_that_is_not_documented_is_unknown(judge: Judge) -> None:
    outcome = judge("backup-not-restorable", make_backup(supported_restore_mode="magic"))
    assert outcome == Unknown("a restore mode that is documented (it is magic)")


def test_a_server_that_does_not_say_is_unknown(judge: Judge) -> None:
    outcome = judge("backup-not-restorable", make_backup(resource_type=SERVER))
    assert outcome == Unknown("extend_info.supported_restore_mode")


@pytest.mark.parametrize("kind", [DISK, TURBO])
def test_disks_and_file_systems_do_not_say(judge: Judge, kind: str) -> None:
    assert judge("backup-not-restorable", make_backup(resource_type=kind)) is None


@pytest.mark.parametrize("status", ["error", "protecting", "deleting", "restoring", "melting"])
@pytest.mark.parametrize("mode", ["na", None])
def test_a_backup_that_is_not_available_is_not_judged(judge: Judge, status: str, mode: str | None) -> None:
    backup = make_backup(resource_type=SERVER, status=status, supported_restore_mode=mode)
    assert judge("backup-not-restorable", backup) is None
