"""What holds for every tenant, whatever is in it."""

import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cbr_auditor.catalogue import load_catalogue
from cbr_auditor.cbr.records import Backup, Disk, ExtendInfo
from cbr_auditor.finding import Finding
from cbr_auditor.judge import Judge
from cbr_auditor.plan import Plans
from cbr_auditor.recorder import Recorder
from cbr_auditor.spool import BackupSpool, FindingSpool
from tests.fakes import NOW, PROJECT, asking, make_backup

RULES = [rule for rule in load_catalogue(None, profile="strict").rules if rule.subject in {"backup", "resource"}]
RULES = [rule for rule in RULES if not rule.lists]
SERVER, DISK = "OS::Nova::Server", "OS::Cinder::Volume"
DISKS = [
    Disk("d1", status="available", extend_info=ExtendInfo(encrypted=True, bootable=True)),
    Disk("d2", status="error"),
]

hours = st.integers(-40 * 24, 40 * 24)
resources = st.sampled_from([("r1", "erp-db", SERVER), ("r2", "disk", DISK), ("r3", "files", "OS::Sfs::Turbo")])


@st.composite
def backups(draw: st.DrawFn) -> Backup:
    """Any backup that a list may hold: of few resources, in any state, some of its keys missing."""
    ident, name, kind = draw(resources)
    expired = draw(st.none() | hours)
    unreadable = draw(st.sampled_from([(), (), (), ("expired_at",), ("created_at",)]))
    created = draw(st.none() | st.integers(0, 40 * 24))
    changes: dict[str, Any] = {
        "status": draw(
            st.sampled_from(["available", "available", "available", "error", "protecting", "deleting", "odd"])
        ),
        "resource_id": draw(st.sampled_from([ident, ident, ident, ident, None])),
        "resource_name": name,
        "resource_type": kind,
        "created_at": None if created is None or unreadable == ("created_at",) else NOW - timedelta(hours=created),
        "updated_at": draw(st.none() | st.just(NOW - timedelta(hours=30))),
        "expired_at": None if expired is None or unreadable == ("expired_at",) else NOW + timedelta(hours=expired),
        "auto_trigger": draw(st.sampled_from([True, True, False, None])),
        "encrypted": draw(st.sampled_from([True, False, None])),
        "vault_id": draw(st.sampled_from(["v1", "v2", None])),
        "unreadable": unreadable,
    }
    return make_backup(id=f"{draw(st.integers(0, 2**32)):08x}", **changes)


tenants = st.lists(backups(), max_size=12, unique_by=lambda backup: backup.id)


def found(pages: Sequence[Sequence[Backup]]) -> list[Finding]:
    """What the rules find in these pages, in the report's order."""
    details = {backup.id: msgspec.structs.replace(backup, children=DISKS) for page in pages for backup in page}
    with TemporaryDirectory() as name:
        findings = FindingSpool(Path(name), run=3)
        recorder = Recorder(RULES, project_id=PROJECT, region="eu-de", findings=findings)
        judge = Judge(recorder, Plans(RULES, (), PROJECT, {}), now=NOW, waiting=BackupSpool(Path(name) / "waiting"))
        for page in pages:
            judge.take([msgspec.structs.replace(backup) for backup in page])
        judge.finish(
            asking(lambda ident: msgspec.structs.replace(details[ident])),
            dict,
            unseen=lambda resource: None,
            in_flight=2,
        )
        assert not any(tally.error_examples for tally in recorder.tallies)
        return list(findings)


@settings(max_examples=60, deadline=None)
@given(tenant=tenants, seed=st.integers(0, 2**16), size=st.integers(1, 12))
def test_the_order_of_records_and_pages_never_changes_what_is_found(tenant: list[Backup], seed: int, size: int) -> None:
    shuffled = random.Random(seed).sample(tenant, len(tenant))
    pages = [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
    assert found(pages) == found([tenant])


@settings(max_examples=60, deadline=None)
@given(tenant=tenants, resource=resources, age=st.integers(0, 26 * 60))
def test_one_more_healthy_backup_never_adds_a_finding_about_its_resource(
    tenant: list[Backup], resource: tuple[str, str, str], age: int
) -> None:
    ident, name, kind = resource
    healthy = make_backup(
        id="ffffffff-healthy",
        resource_id=ident,
        resource_name=name,
        resource_type=kind,
        created_at=NOW - timedelta(minutes=age),
        updated_at=NOW - timedelta(minutes=age),
        expired_at=NOW + timedelta(days=60),
    )
    rules = {"resource-rpo-breach", "resource-no-good-backup", "resource-repeated-failures", "resource-manual-only"}

    def failing(found: list[Finding]) -> set[tuple[str, str | None]]:
        return {(finding.rule, finding.resource_id) for finding in found if finding.rule in rules}

    assert failing(found([[*tenant, healthy]])) <= failing(found([tenant]))


@settings(max_examples=60, deadline=None)
@given(tenant=tenants)
def test_one_problem_is_one_finding_and_a_finding_has_one_id(tenant: list[Backup]) -> None:
    ids = [finding.id for finding in found([tenant])]
    assert len(set(ids)) == len(ids)
    for finding in (every := found([tenant])):
        if finding.rule == "resource-no-good-backup" and finding.outcome == "fail":
            others = {
                other.rule
                for other in every
                if other.subject == "resource" and other.resource_id == finding.resource_id
            }
            assert others.isdisjoint({"resource-rpo-breach", "resource-too-few-restore-points"})
