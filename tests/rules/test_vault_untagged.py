import pytest

from cbr_auditor.rule import Unknown
from tests.rules.inventory import ABSENT, ask, make_vault

RULE = "vault-untagged"


def test_any_tag_will_do_where_no_key_is_named() -> None:
    assert ask(RULE, make_vault()) is None
    assert ask(RULE, make_vault(tags=[])) == "the vault has no tag"


def test_the_keys_that_are_named_must_be_there() -> None:
    assert ask(RULE, make_vault(), keys=["owner"]) is None
    assert ask(RULE, make_vault(), keys=["owner", "cost", "stage"]) == "the vault has no tag cost, stage"


def test_keys_are_told_apart_by_case() -> None:
    assert ask(RULE, make_vault(), keys=["Owner"]) == "the vault has no tag Owner"


@pytest.mark.parametrize("tag", [{"key": "owner"}, {"key": "owner", "value": None}, {"key": "owner", "value": ""}])
def test_a_tag_without_a_value_counts(tag: dict[str, object]) -> None:
    assert ask(RULE, make_vault(tags=[tag]), keys=["owner"]) is None


@pytest.mark.parametrize("tags", [None, ABSENT, "odd", [3], [{"key": []}], [{"value": "x"}]])
def test_tags_that_are_not_said_or_odd_are_unknown(tags: object) -> None:
    assert ask(RULE, make_vault(tags=tags)) == Unknown("tags")
    assert ask(RULE, make_vault(tags=tags), keys=["owner"]) == Unknown("tags")


def test_a_tag_that_is_there_is_enough_whatever_else_is_odd() -> None:
    assert ask(RULE, make_vault(tags=[3, {"key": "owner", "value": "x"}]), keys=["owner"]) is None
