"""What is remembered of a resource: the right thing, whatever the order in which its backups come."""

import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.cbr.records import DOCUMENTED_STATUSES, SERVER, Backup, ReplicationRecord
from cbr_auditor.cbr.vaults import Vault, VaultResource
from cbr_auditor.resource import MOST_FAILURES, Resource, RestorePoint
from tests.fakes import NOW, make_backup
from tests.rules.siblings import aged, of

FOREVER = timedelta(days=9999)

hours = st.integers(-48, 48)  # few enough that two often coincide
records = st.lists(
    st.builds(
        ReplicationRecord,
        status=st.sampled_from(["success", "fail"]),
        destination_region=st.sampled_from(["a", "b", None]),
    ),
    max_size=2,
)


@st.composite
def backups(draw: st.DrawFn) -> Backup:
    created, expired = draw(st.none() | hours), draw(st.none() | hours)
    return make_backup(
        id=f"{draw(st.integers(0, 2**32)):08x}",
        status=draw(st.sampled_from(["available"] * 6 + sorted(DOCUMENTED_STATUSES) + ["melting"])),
        created_at=None if created is None else NOW - timedelta(hours=created),
        expired_at=None if expired is None else NOW + timedelta(hours=expired),
        auto_trigger=draw(st.sampled_from([True, False, None])),
        vault_id=draw(st.sampled_from(["v1", "v2", None])),
        resource_name=draw(st.sampled_from(["erp-db", "erp-db-old", None])),
        resource_size=draw(st.sampled_from([40, 80, None])),
        unreadable=draw(st.sampled_from([(), ("expired_at",)])),
        replication_records=draw(st.none() | records),
    )


many = st.lists(backups(), max_size=12, unique_by=lambda backup: backup.id)


def remembered(resource: Resource) -> dict[str, Any]:
    """Everything, with what has no order in one."""
    fields = {name: getattr(resource, name) for name in resource.__struct_fields__}
    unordered = {"automatic_at": dict(resource.automatic_at), "replicated_to": dict(resource.replicated_to)}
    return {**fields, **unordered, "lasting": sorted(resource.lasting)}


@given(many, st.integers(0, 2**16))
def test_the_order_in_which_backups_come_does_not_matter(some: list[Backup], seed: int) -> None:
    shuffled = random.Random(seed).sample(some, len(some))
    assert remembered(of(*some)) == remembered(of(*shuffled))


def is_good(backup: Backup) -> bool:
    unclear = "expired_at" in backup.unreadable
    return backup.status == "available" and (unclear or backup.expired_at is None or backup.expired_at > NOW)


@given(many)
def test_what_is_counted_is_what_is_there(some: list[Backup]) -> None:
    resource = of(*some)
    statuses = [backup.status for backup in some]
    assert resource.backups == len(some)
    assert resource.available == statuses.count("available")
    assert resource.good == sum(map(is_good, some))
    assert resource.failed == statuses.count("error")
    assert resource.unfinished == sum(status in {"protecting", "waiting_protect"} for status in statuses)
    assert resource.restoring == sum(status in {"restoring", "waiting_restore"} for status in statuses)
    assert resource.strange == statuses.count("melting")
    assert resource.undated == sum(backup.created_at is None for backup in some)
    assert resource.automatic == sum(backup.auto_trigger is True for backup in some)
    assert resource.manual == sum(backup.auto_trigger is False for backup in some)
    assert resource.vault_ids == tuple(sorted({b.vault_id for b in some if is_good(b) and b.vault_id}))
    assert resource.vaultless == sum(is_good(backup) and backup.vault_id is None for backup in some)


@given(many)
def test_the_newest_ones_are_known(some: list[Backup]) -> None:
    resource = of(*some)
    dated = sorted((b for b in some if b.created_at is not None), key=lambda b: (b.created_at, b.id), reverse=True)
    times = [backup.created_at for backup in dated]
    available = [backup for backup in dated if backup.status == "available"]
    good = [backup for backup in dated if is_good(backup)]
    points = [RestorePoint(b.created_at or NOW, b.id, b.resource_size, b.vault_id) for b in good]
    failed = [backup.created_at for backup in dated if backup.status == "error"]
    assert resource.newest_at == next(iter(times), None)
    assert resource.newest_available == next((backup.id for backup in available), None)
    assert resource.newest_available_at == next((backup.created_at for backup in available), None)
    assert resource.newest_good == next(iter(points), None)
    assert resource.previous_good == next(iter(points[1:]), None)
    assert resource.oldest_good_at == (points[-1].created_at if points else None)
    assert resource.failures == tuple(failed[:MOST_FAILURES])


@given(many)
def test_which_backups_are_outlasted_is_known(some: list[Backup]) -> None:
    resource = of(*some)
    kept = [
        (b.created_at, b.expired_at or NOW + FOREVER)
        for b in some
        if b.status == "available" and b.created_at and "expired_at" not in b.unreadable
    ]
    for backup in some:
        created, expires = backup.created_at, backup.expired_at
        expected = created is not None and expires is not None and any(c > created and e > expires for c, e in kept)
        assert resource.outlasts(backup) is expected


def test_only_the_newest_twenty_failures_are_remembered() -> None:
    resource = of(*(aged(number, status="error") for number in range(30)))
    assert resource.failures == tuple(NOW - timedelta(hours=number) for number in range(20))
    assert (resource.failed, resource.failures_since_good) == (30, 20)


def test_a_healthy_resource_takes_little_memory_however_many_backups_it_has() -> None:
    resource = of(*(aged(number, expired_at=NOW + timedelta(hours=900 - number)) for number in range(800, 0, -1)))
    assert resource.backups == 800
    assert len(resource.lasting) == 1


def test_until_when_the_longest_kept_good_backup_lasts() -> None:
    assert of().lasts_until is None
    ends = NOW + timedelta(days=3)
    assert of(aged(7, expired_at=ends), aged(31, expired_at=NOW + timedelta(days=1))).lasts_until == ends
    forever = of(aged(7, expired_at=None)).lasts_until
    assert forever is not None
    assert forever - NOW > FOREVER


def test_a_usable_backup_is_available_or_being_restored_from() -> None:
    assert of().newest_usable_at is None
    assert of(aged(7), aged(3, status="restoring")).newest_usable_at == NOW - timedelta(hours=3)
    assert of(aged(2), aged(3, status="waiting_restore")).newest_usable_at == NOW - timedelta(hours=2)


def test_it_is_called_by_its_newest_name() -> None:
    renamed = [aged(9, resource_name="old"), aged(3, resource_name="new", status="error"), aged(1, resource_name=None)]
    assert of(*renamed).name == "new"
    assert of(*reversed(renamed)).name == "new"
    assert of(aged(9, resource_name=None), name="of the vault").name == "of the vault"


def test_its_type_is_that_of_the_first_backup_that_says_one() -> None:
    resource = of(aged(9, resource_type=None), aged(3, resource_type=SERVER))
    assert resource.type == SERVER
    assert resource.is_server
    assert not of(aged(1)).is_server


@pytest.mark.parametrize("asked", [True, False])
def test_copies_are_known_where_the_list_shows_them(asked: bool) -> None:
    assert of(aged(1, replication_records=[]), asks_replication=asked).shows_replication is asked
    assert of(aged(1, replication_records=None), asks_replication=asked).shows_replication is False
    copied = [ReplicationRecord("success", "eu-nl"), ReplicationRecord("fail", "eu-ch2")]
    resource = of(aged(9, replication_records=copied), aged(1), asks_replication=asked)
    assert resource.shows_replication
    assert resource.replicated_at == NOW - timedelta(hours=9)
    assert dict(resource.replicated_to) == {"eu-nl": NOW - timedelta(hours=9)}


def test_the_newest_automatic_backup_is_known_by_vault() -> None:
    resource = of(aged(9, vault_id="v1"), aged(5, vault_id="v1", status="error"), aged(7, vault_id="v2"))
    resource.add(aged(1, vault_id="v1", auto_trigger=False))
    assert resource.newest_automatic_in("v1") == NOW - timedelta(hours=5)
    assert resource.newest_automatic_in("v2") == NOW - timedelta(hours=7)
    assert resource.newest_automatic_in("v3") is None
    resource.add(aged(2, vault_id=None))
    assert resource.newest_automatic_in("v3") == NOW - timedelta(hours=2)


def test_vaults_that_take_copies_or_lose_it_do_not_back_it_up() -> None:
    def vault(ident: str, kind: str | None = "backup", status: str | None = "available", member: str = "r") -> Vault:
        return Vault(id=ident, protect_type=kind, resources=[VaultResource(id=member, protect_status=status)])

    vaults = (
        vault("backs up"),
        vault("does not say", None, None),
        vault("takes copies", "replication"),
        vault("source is gone", status="deleted"),
        vault("is leaving", status="removing"),
        vault("has another", member="another"),
    )
    resource = of(vaults=vaults)
    assert [vault.id for vault, _ in resource.memberships] == ["backs up", "does not say"]
