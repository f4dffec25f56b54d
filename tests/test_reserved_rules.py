"""Ids that are kept for rules of ours to come."""

from pathlib import Path

import pytest

from cbr_auditor.catalogue import RESERVED, RuleFiles, load_catalogue
from cbr_auditor.errors import RuleError
from cbr_auditor.layout import resource_folder
from tests.test_rule import GOOD


@pytest.mark.parametrize("ident", sorted(RESERVED))
def test_an_operators_rule_of_a_reserved_id_is_refused_with_its_file(tmp_path: Path, ident: str) -> None:
    path = tmp_path / f"{ident.replace('-', '_')}.py"
    path.write_text(GOOD)
    with pytest.raises(RuleError, match=ident) as caught:
        load_catalogue(tmp_path)
    assert str(path) in str(caught.value)
    assert caught.value.mend == "Give its file another name."


def test_no_rule_of_ours_has_a_reserved_id_yet() -> None:
    assert RESERVED.isdisjoint(RuleFiles([resource_folder("rules")]))


def test_the_reserved_ids_are_those_that_need_earlier_runs() -> None:
    assert {
        "resource-vanished",
        "resource-backup-count-drop",
        "backup-deleted-early",
        "backup-retention-shortened",
    } == RESERVED
