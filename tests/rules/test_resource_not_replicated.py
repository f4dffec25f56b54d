from datetime import timedelta
from typing import Any

import pytest

from cbr_auditor.cbr.policies import Policy
from cbr_auditor.cbr.records import RESOURCE_TYPES, ReplicationRecord
from cbr_auditor.rule import NoProblem, Resource, Unknown
from tests.fakes import NOW, make_backup
from tests.rules.conftest import load
from tests.rules.inventory import ABSENT, ask, make_policy, make_resource, make_vault

RULE = "resource-not-replicated"
RECORDS = Unknown("replication_records, which show_replication = true under [listing] may bring")
NONE_BOUND = "no replication policy copies its backups to another region"


def copy(status: str = "success", region: str | None = "eu-nl") -> ReplicationRecord:
    return ReplicationRecord(status=status, destination_region=region)


def copying(**changes: Any) -> Policy:
    definition = {"destination_region": "eu-nl", "destination_project_id": "p"}
    return make_policy(operation_type="replication", operation_definition=definition, **changes)


def copied(*pairs: tuple[float, list[ReplicationRecord] | None], **more: Any) -> Resource:
    """A server with a backup of each age that has these replication records."""
    resource = make_resource(vaults=more.pop("vaults", [make_vault()]), **more)
    for number, (hours, records) in enumerate(pairs):
        created = NOW - timedelta(hours=hours)
        resource.add(make_backup(id=f"b{number}", created_at=created, replication_records=records))
    return resource


def test_a_newest_backup_that_was_copied_is_fine() -> None:
    assert ask(RULE, copied((7, [copy()]))) is None


@pytest.mark.parametrize(("hours", "found"), [(55, False), (55.1, True)])
def test_the_copy_may_be_two_days_behind(hours: float, found: bool) -> None:
    outcome = ask(RULE, copied((7, []), (hours, [copy()])))
    text = "the newest backup that was copied to another region is 48 hours older than its newest one"
    assert outcome == (text if found else None)


def test_max_lag_hours_moves_the_boundary() -> None:
    resource = copied((7, []), (31, [copy()]))
    assert ask(RULE, resource, max_lag_hours=24) is None
    assert isinstance(ask(RULE, resource, max_lag_hours=23), str)


@pytest.mark.parametrize("status", ["fail", "skip", "replicating", "waiting_replicate", "melting"])
def test_only_a_copy_that_is_done_counts(status: str) -> None:
    assert ask(RULE, copied((7, [copy(status)]))) == "none of its 1 good backups was copied to another region"


def test_only_the_regions_that_are_named_count() -> None:
    resource = copied((7, [copy(region="eu-de")]))
    assert ask(RULE, resource, regions=["eu-de", "eu-nl"]) is None
    assert ask(RULE, resource, regions=["eu-nl"]) == "none of its 1 good backups was copied to eu-nl"


def test_a_list_that_shows_records_tells_that_there_are_none() -> None:
    resource = copied((7, []), (8, []), asks_replication=True)
    assert ask(RULE, resource) == "none of its 2 good backups was copied to another region"


@pytest.mark.parametrize("records", [None, []])
def test_without_records_the_policies_tell_what_they_can(records: list[ReplicationRecord] | None) -> None:
    assert ask(RULE, copied((7, records))) == NONE_BOUND
    assert ask(RULE, copied((7, records), vaults=[make_vault(make_policy())])) == NONE_BOUND
    assert ask(RULE, copied((7, records), vaults=[make_vault(make_policy(), copying())])) == RECORDS


def test_a_cloud_that_has_no_records_though_they_were_asked_for_is_judged_by_policies() -> None:
    resource = copied((7, None), vaults=[make_vault(copying())], asks_replication=True)
    assert ask(RULE, resource) == RECORDS


def test_a_policy_is_enough_only_where_that_is_said() -> None:
    resource = copied((7, None), vaults=[make_vault(copying())])
    enough = NoProblem("a replication policy is bound; whether it copies is not listed")
    assert ask(RULE, resource, policy_suffices=True) == enough
    assert ask(RULE, copied((7, None)), policy_suffices=True) == NONE_BOUND


def test_a_policy_that_is_off_or_leads_elsewhere_copies_nothing() -> None:
    assert ask(RULE, copied((7, None), vaults=[make_vault(copying(enabled=False))])) == NONE_BOUND
    resource = copied((7, None), vaults=[make_vault(copying())])
    assert ask(RULE, resource, regions=["eu-ch2"]) == "no replication policy copies its backups to eu-ch2"
    assert ask(RULE, resource, regions=["eu-nl"], policy_suffices=True) != RECORDS


@pytest.mark.parametrize("changes", [{"enabled": None}, {"operation_type": ABSENT}])
def test_a_policy_that_does_not_say_whether_it_copies_is_unknown(changes: dict[str, Any]) -> None:
    vault = make_vault(make_policy(**{"operation_type": "replication", **changes}))
    outcome = ask(RULE, copied((7, None), vaults=[vault]), policy_suffices=True)
    assert outcome == Unknown("enabled and operation_type of its vault's policies")


def test_what_was_not_seen_is_unknown() -> None:
    assert ask(RULE, copied((7, []), unseen="half of them")) == Unknown("half of them")
    vault = make_vault(unseen="some policies")
    assert ask(RULE, copied((7, None), vaults=[vault])) == Unknown("some policies")
    assert ask(RULE, copied((7, None), vaults=[])) == Unknown("the vault that it is in")


def test_without_a_good_backup_there_is_nothing_to_copy() -> None:
    assert ask(RULE, make_resource(vaults=[make_vault()])) is None
    assert ask(RULE, make_resource(7, vaults=[make_vault()], status="error")) is None


def test_what_is_itself_a_copy_is_not_judged() -> None:
    vault = make_vault(billing={"protect_type": "replication"})
    assert ask(RULE, copied((7, None), vaults=[vault])) is None
    assert ask(RULE, copied((7, None), vaults=[vault, make_vault(id="v2")])) == NONE_BOUND


def test_only_types_that_can_be_copied_are_judged() -> None:
    disk = copied((7, None))
    disk.type = "OS::Cinder::Volume"
    assert ask(RULE, disk) is None
    assert ask(RULE, disk, types=["OS::Cinder::Volume"]) == NONE_BOUND


def test_its_types_are_those_that_a_protected_resource_may_have() -> None:
    (types,) = [option for option in load(RULE).options if option.name == "types"]
    assert set(types.choices) == RESOURCE_TYPES
