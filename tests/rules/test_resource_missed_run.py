from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.cbr.policies import Policy
from cbr_auditor.rule import NoProblem, Resource, Unknown
from tests.fakes import NOW, make_backup
from tests.rules.inventory import (
    ABSENT,
    NIGHTLY,
    VAULT_ID,
    ask,
    make_policy,
    make_resource,
    make_vault,
    member_row,
    patterns,
)

RULE = "resource-missed-run"
FAILS = "policy nightly should have run on 2026-11-22 at 22:00 UTC, and left no backup"
# NOW is 06:00: the newest run of the nightly policy was eight hours ago.


def resource(*hours: float, policy: Policy | None = None, vault: dict[str, Any] | None = None, **more: Any) -> Resource:
    return make_resource(*hours, vaults=[make_vault(policy or make_policy(), **(vault or {}))], **more)


@pytest.mark.parametrize("status", ["available", "error", "protecting", "waiting_protect", "deleting", "melting"])
def test_a_backup_of_any_status_since_the_run_is_enough(status: str) -> None:
    assert ask(RULE, resource(7.9, status=status)) is None


def test_a_run_without_any_backup_is_found() -> None:
    assert ask(RULE, resource(32)) == FAILS
    assert ask(RULE, resource()) == FAILS


def test_backups_that_the_vault_counts_but_the_list_does_not_show_make_it_unknown() -> None:
    counted = {"resources": [member_row(backup_count=2)]}
    assert ask(RULE, resource(vault=counted)) == Unknown(
        "the backups of it that its vault counts, but the list does not show"
    )
    assert ask(RULE, resource(32, vault=counted)) == FAILS


@pytest.mark.parametrize(("minutes", "found"), [(4, False), (5, False), (5.1, True)])
def test_clocks_may_differ_by_five_minutes(minutes: float, found: bool) -> None:
    assert isinstance(ask(RULE, resource(8 + minutes / 60)), str) is found


def test_a_backup_by_hand_is_not_the_run() -> None:
    assert ask(RULE, resource(1, auto_trigger=False)) == FAILS


@pytest.mark.parametrize(("hours", "run"), [(8, "2026-11-22"), (8.1, "2026-11-21")])
def test_a_run_is_given_time(hours: float, run: str) -> None:
    outcome = ask(RULE, resource(56), grace_hours=hours)
    assert outcome == f"policy nightly should have run on {run} at 22:00 UTC, and left no backup"


def test_the_run_before_is_enough_while_the_newest_is_given_time() -> None:
    assert ask(RULE, resource(31), grace_hours=9) is None


@pytest.mark.parametrize("changes", [{"enabled": False}, {"operation_type": "replication"}], ids=["off", "copies"])
def test_policies_that_do_not_back_up_are_not_expected_to(changes: dict[str, Any]) -> None:
    assert ask(RULE, resource(99, policy=make_policy(**changes))) is None


def test_without_a_policy_nothing_is_missed() -> None:
    assert ask(RULE, make_resource(99, vaults=[make_vault()])) is None
    assert ask(RULE, make_resource(99)) is None


@pytest.mark.parametrize("status", ["deleted", "removing"])
def test_a_source_that_is_gone_is_not_backed_up(status: str) -> None:
    assert ask(RULE, resource(99, vault={"resources": [member_row(protect_status=status)]})) is None


def test_a_vault_that_takes_copies_runs_nothing() -> None:
    assert ask(RULE, resource(99, vault={"billing": {"protect_type": "replication"}})) is None


def test_a_vault_or_a_policy_that_is_younger_than_the_run_missed_nothing() -> None:
    young = (NOW - timedelta(hours=7)).isoformat()
    assert ask(RULE, resource(99, vault={"created_at": young})) == NoProblem("its vault is younger than the run")
    assert ask(RULE, resource(99, policy=make_policy(**patterns(NIGHTLY, start=young)))) is None


@pytest.mark.parametrize("created", [None, ABSENT, "yesterday"])
def test_a_vault_of_unknown_age_is_old(created: object) -> None:
    assert ask(RULE, resource(99, vault={"created_at": created})) == FAILS


def test_a_backup_that_would_have_expired_since_is_not_missed() -> None:
    weekly = patterns("FREQ=WEEKLY;BYDAY=MO;BYHOUR=22;BYMINUTE=0")  # six days and eight hours ago

    def keeping(days: object) -> Policy:
        return make_policy(operation_definition={"retention_duration_days": days}, **weekly)

    assert ask(RULE, resource(999, policy=keeping(6))) == NoProblem("the backup of the run would have expired since")
    for days in (7, -1, None, ABSENT, "long"):
        assert isinstance(ask(RULE, resource(999, policy=keeping(days))), str)


def test_backups_in_another_vault_do_not_count_as_this_vaults_run() -> None:
    assert ask(RULE, resource(7, vault_id="another")) == FAILS
    assert ask(RULE, resource(7, vault_id=None)) is None


def test_each_vault_has_its_own_runs() -> None:
    second = make_vault(make_policy(name="second", associated_vaults=[{"vault_id": "v2"}]), id="v2")
    both = make_resource(7, vaults=[make_vault(make_policy()), second])
    assert ask(RULE, both) == "policy second should have run on 2026-11-22 at 22:00 UTC, and left no backup"
    both.add(make_backup(id="x", vault_id="v2", created_at=NOW - timedelta(hours=7)))
    assert ask(RULE, both) is None


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"enabled": None}, "enabled and operation_type of policy nightly"),
        ({"operation_type": ABSENT}, "enabled and operation_type of policy nightly"),
        (
            patterns("FREQ=HOURLY"),
            "a trigger.properties.pattern that can be read (it is 'FREQ=HOURLY'), of policy nightly",
        ),
        ({"trigger": None}, "trigger.properties.pattern, of policy nightly"),
        (
            {"trigger": {"properties": {"pattern": [NIGHTLY, 3]}}},
            "a trigger.properties.pattern that can be read, of policy nightly",
        ),
    ],
)
def test_a_policy_that_does_not_say_when_it_runs_is_unknown_and_named(changes: dict[str, Any], missing: str) -> None:
    assert ask(RULE, resource(99, policy=make_policy(**changes))) == Unknown(missing)


def test_what_may_exist_unseen_is_unknown() -> None:
    assert ask(RULE, resource(99, unseen="half of them")) == Unknown("half of them")
    assert ask(RULE, resource(7, unseen="half of them")) is None


def test_policies_that_were_not_seen_are_unknown_where_no_run_was_missed() -> None:
    unseen = make_resource(7, vaults=[make_vault(make_policy(), unseen="some policies")])
    assert ask(RULE, unseen) == Unknown("some policies")
    assert ask(RULE, make_resource(99, vaults=[make_vault(make_policy(), unseen="some policies")])) == FAILS


def test_a_backup_without_a_time_may_be_the_runs() -> None:
    undated = resource(99)
    undated.add(make_backup(id="x", created_at=None))
    assert ask(RULE, undated) == Unknown("created_at of a backup")


def test_a_backup_that_does_not_say_who_made_it_may_be_the_runs() -> None:
    assert ask(RULE, resource(7, auto_trigger=None)) == Unknown("extend_info.auto_trigger of some of its backups")
    assert ask(RULE, resource(99, auto_trigger=None)) == FAILS


@given(hours=st.lists(st.floats(0, 2000), max_size=8), more=st.floats(0, 2000))
def test_one_more_automatic_backup_never_makes_a_run_missed(hours: list[float], more: float) -> None:
    before = ask(RULE, resource(*hours))
    after = ask(RULE, resource(*hours, more))
    assert after is None or after == before


@given(hours=st.permutations([1.0, 7.0, 9.0, 31.0, 99.0]))
def test_the_order_of_backups_changes_nothing(hours: list[float]) -> None:
    assert resource(*hours).newest_automatic_in(VAULT_ID) == NOW - timedelta(hours=1)
