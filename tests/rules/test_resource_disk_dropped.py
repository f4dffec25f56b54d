from typing import Any

import pytest

from cbr_auditor.cbr.records import SERVER
from cbr_auditor.resource import Resource
from cbr_auditor.rule import Needs, NoProblem, Unknown
from tests.rules.inventory import ask
from tests.rules.siblings import aged, of

RULE = "resource-disk-dropped"


def server(newest: int | None, previous: int | None, *, unknown: str | None = None, **changes: Any) -> Resource:
    """A server with two good backups that hold so many disks."""
    resource = of(aged(7), aged(31), **{"type": SERVER, **changes})
    resource.newest_disks, resource.previous_disks, resource.disks_unknown = newest, previous, unknown
    return resource


def test_fewer_disks_than_in_the_backup_before_are_found() -> None:
    assert ask(RULE, server(2, 3)) == "the newest good backup holds 2 disks, the one before held 3"
    assert ask(RULE, server(1, 2)) == "the newest good backup holds 1 disk, the one before held 2"


@pytest.mark.parametrize(("newest", "previous"), [(1, 1), (3, 3), (3, 2)])
def test_as_many_or_more_are_not(newest: int, previous: int) -> None:
    assert ask(RULE, server(newest, previous)) is None


@pytest.mark.parametrize(("newest", "previous"), [(None, None), (None, 2), (2, None)])
def test_the_disks_of_both_have_to_be_looked_at(newest: int | None, previous: int | None) -> None:
    assert ask(RULE, server(newest, previous)) is Needs.DISKS


def test_why_they_could_not_be_is_said() -> None:
    outcome = ask(RULE, server(None, 2, unknown="it answered 404"))
    assert outcome == Unknown("the disks of its two newest backups (it answered 404)")


def test_backups_in_two_vaults_are_not_compared() -> None:
    resource = of(aged(7, vault_id="v1"), aged(31, vault_id="v2"), type=SERVER)
    assert isinstance(ask(RULE, resource), NoProblem)


@pytest.mark.parametrize("kind", ["OS::Cinder::Volume", "OS::Sfs::Turbo"])
def test_other_resources_have_no_disks(kind: str) -> None:
    assert ask(RULE, server(1, 2, type=kind)) is None


@pytest.mark.parametrize("backups", [[], [aged(7)], [aged(7), aged(31, status="error")]])
def test_one_good_backup_has_none_before_it(backups: list[Any]) -> None:
    assert ask(RULE, of(*backups, type=SERVER)) is None


def test_where_a_newer_one_may_exist_unseen_it_is_unknown() -> None:
    assert ask(RULE, server(2, 3, unseen="the rest")) == Unknown("the rest")
    assert ask(RULE, server(3, 3, unseen="the rest")) is None
