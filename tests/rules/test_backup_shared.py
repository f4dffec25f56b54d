from cbr_auditor.rule import Unknown
from tests.fakes import PROJECT, make_backup
from tests.rules.conftest import Judge

OTHER = "fcf6cb26c3bf4402869792207ad3dce4"


def test_a_backup_of_the_audited_project_is_ours(judge: Judge) -> None:
    assert judge("backup-shared", make_backup(project_id=PROJECT, listed_in=PROJECT)) is None


def test_one_of_another_project_is_found(judge: Judge) -> None:
    outcome = judge("backup-shared", make_backup(project_id=OTHER, listed_in=PROJECT))
    assert outcome == f"the backup belongs to project {OTHER}"


def test_allowed_projects_are_left_alone(judge: Judge) -> None:
    backup = make_backup(project_id=OTHER, listed_in=PROJECT)
    assert judge("backup-shared", backup, allowed_projects=[OTHER]) is None
    assert isinstance(judge("backup-shared", backup, allowed_projects=[PROJECT, ""]), str)


def test_without_a_project_it_is_unknown(judge: Judge) -> None:
    assert judge("backup-shared", make_backup(project_id=None, listed_in=PROJECT)) == Unknown("project_id")
