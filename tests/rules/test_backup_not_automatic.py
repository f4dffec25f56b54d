from cbr_auditor.rule import Unknown
from tests.fakes import make_backup
from tests.rules.conftest import Judge


def test_a_manual_backup_is_found(judge: Judge) -> None:
    assert isinstance(judge("backup-not-automatic", make_backup(auto_trigger=False)), str)


def test_an_automatic_one_is_fine(judge: Judge) -> None:
    assert judge("backup-not-automatic", make_backup(auto_trigger=True)) is None


def test_a_missing_key_or_object_is_unknown(judge: Judge) -> None:
    assert judge("backup-not-automatic", make_backup(auto_trigger=None)) == Unknown("extend_info.auto_trigger")
