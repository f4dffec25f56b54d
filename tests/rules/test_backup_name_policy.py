import pytest

from cbr_auditor.errors import RuleError
from cbr_auditor.rule import Unknown
from tests.fakes import make_backup
from tests.rules.conftest import Judge


@pytest.mark.parametrize("name", ["autobk_b629", "", None])
def test_without_a_pattern_no_name_is_wrong(judge: Judge, name: str | None) -> None:
    assert judge("backup-name-policy", make_backup(name=name)) is None


@pytest.mark.parametrize("name", ["autobk_b629", "my autobk_1"])
def test_a_name_in_which_the_pattern_is_found_is_right(judge: Judge, name: str) -> None:
    assert judge("backup-name-policy", make_backup(name=name), pattern="autobk_") is None


def test_the_ends_bind_the_pattern(judge: Judge) -> None:
    outcome = judge("backup-name-policy", make_backup(name="my autobk_1"), pattern="^autobk_")
    assert outcome == "the name does not fit ^autobk_"


@pytest.mark.parametrize("name", ["", "vor Upgrade", "AUTOBK_1"])
def test_other_names_are_found(judge: Judge, name: str) -> None:
    assert isinstance(judge("backup-name-policy", make_backup(name=name), pattern="autobk_"), str)


def test_without_a_name_it_is_unknown(judge: Judge) -> None:
    assert judge("backup-name-policy", make_backup(name=None), pattern="x") == Unknown("name")


def test_a_pattern_that_is_none_is_refused_at_start(judge: Judge) -> None:
    with pytest.raises(RuleError, match="regular expression"):
        judge("backup-name-policy", make_backup(), pattern="(")
