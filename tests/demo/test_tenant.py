import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.catalogue import load_rules
from cbr_auditor.cbr.auth import TokenAuth
from cbr_auditor.cbr.client import CbrClient
from cbr_auditor.cbr.listing import Listing
from cbr_auditor.cbr.loose import read_time
from cbr_auditor.cbr.reading import as_backup
from cbr_auditor.cbr.records import Backup
from cbr_auditor.clock import Deadline
from cbr_auditor.demo.endpoint import CbrEndpoint
from cbr_auditor.demo.tenant import Tenant, demo_tenant
from cbr_auditor.rule import DOCUMENTED_STATUSES, Unknown
from tests.fakes import NOW, FakeClock
from tests.test_rule import EIGHT

RECORDED = Path(__file__).parents[1] / "data" / "backups-list_hwc-apidef_explicit-nulls.json"
RULES = Path(__file__).parents[2] / "rules"
MOMENTS = [
    NOW,
    datetime(2026, 11, 23, 0, 30, tzinfo=timezone.utc),
    datetime(2026, 11, 23, 1, 0, tzinfo=timezone.utc),
    datetime(2027, 1, 1, 3, 59, 59, 999_999, tzinfo=timezone.utc),
    datetime(2027, 3, 28, 4, 0, tzinfo=timezone(timedelta(hours=2))),
    datetime(2028, 2, 29, 23, 59, tzinfo=timezone.utc),
]


@pytest.fixture
def tenant() -> Tenant:
    return demo_tenant(NOW)


@pytest.fixture
def rows(tenant: Tenant) -> list[dict[str, Any]]:
    return tenant.backups


def made_by_hand(row: dict[str, Any]) -> bool:
    return row["extend_info"] is not None and row["extend_info"].get("auto_trigger") is False


def left(row: dict[str, Any], now: datetime = NOW) -> timedelta | None:
    """How long the backup is still kept; None where its end is absent or no time."""
    end = read_time(row.get("expired_at"))
    return None if end is None else end - now


def client_of(tenant: Tenant, endpoint: CbrEndpoint, clock: FakeClock) -> CbrClient:
    return CbrClient(endpoint.url, tenant.project_id, TokenAuth(tenant.token), Deadline(clock, 840))


@pytest.mark.parametrize("now", MOMENTS)
def test_the_tenant_has_about_200_backups_of_30_resources_and_one_that_cannot_be_read(
    now: datetime, clock: FakeClock
) -> None:
    tenant = demo_tenant(now)
    with tenant.serve() as endpoint:
        client = client_of(tenant, endpoint, clock)
        listing = Listing(lambda offset: client.ask_page(offset, {}))
        backups = [backup for page in listing.backups() for backup in page]
        client.close()
    assert listing.state.ended
    assert listing.state.unreadable == 1
    assert listing.state.reported_count == len(backups) + 1 == len(tenant.backups) == 200
    assert len({backup.resource_id for backup in backups}) == 30
    assert clock.slept == []


@pytest.mark.parametrize("largest_page", [7, 60])
def test_the_tenant_reads_the_same_in_pages_of_any_size(tenant: Tenant, largest_page: int, clock: FakeClock) -> None:
    with CbrEndpoint(
        tenant.backups, project_id=tenant.project_id, token=tenant.token, largest_page=largest_page
    ) as endpoint:
        client = client_of(tenant, endpoint, clock)
        listing = Listing(lambda offset: client.ask_page(offset, {}))
        ids = [backup.id for page in listing.backups() for backup in page]
        client.close()
    assert listing.state.ended
    assert listing.state.unreadable == 1
    assert sorted(ids) == sorted(row["id"] for row in tenant.backups if row["id"])


def test_the_same_moment_gives_the_same_tenant_and_nothing_is_shared(tenant: Tenant) -> None:
    again = demo_tenant(NOW.astimezone(timezone(timedelta(hours=-5))))
    assert again == tenant
    again.backups[0]["extend_info"]["auto_trigger"] = "changed"
    assert demo_tenant(NOW) == tenant


def test_an_automatic_backup_keeps_its_id_from_day_to_day(rows: list[dict[str, Any]]) -> None:
    def ids(backups: list[dict[str, Any]]) -> set[str]:
        return {row["id"] for row in backups if row["name"].startswith("autobk_")}

    tomorrow = ids(demo_tenant(NOW + timedelta(days=1)).backups)
    next_week = ids(demo_tenant(NOW + timedelta(days=7)).backups)
    assert len(tomorrow & ids(rows)) >= 60  # of what is backed up every night
    assert len(next_week & ids(rows)) >= 100  # and every week


def test_a_row_has_every_key_that_recorded_rows_have(tenant: Tenant) -> None:
    server, disk = json.loads(RECORDED.read_text(encoding="utf-8"))["backups"]
    lacking = []
    for row in tenant.backups:
        recorded = {"OS::Nova::Server": server, "OS::Cinder::Volume": disk}.get(row["resource_type"], server)
        lacking += [(row["resource_name"], key) for key in recorded.keys() - row.keys()]
        if row["extend_info"] is not None and row["resource_type"] != "OS::Sfs::Turbo":
            keys = recorded["extend_info"].keys() - row["extend_info"].keys()
            lacking += [(row["resource_name"], key) for key in keys]
    assert sorted(lacking) == [("print-srv-01", "auto_trigger"), ("transfer-edi", "expired_at")]


def test_a_vault_holds_resources_of_one_type_as_cbr_demands(rows: list[dict[str, Any]]) -> None:
    types: dict[str, set[str]] = {}
    for row in rows:
        types.setdefault(row["vault_id"], set()).add(row["resource_type"])
    assert len(types) == 5
    assert all(len(held) == 1 for held in types.values())
    assert {kind for held in types.values() for kind in held} == {
        "OS::Nova::Server",
        "OS::Cinder::Volume",
        "OS::Sfs::Turbo",
    }


def test_ids_are_unique_and_a_nights_run_of_a_vault_is_one_checkpoint(rows: list[dict[str, Any]]) -> None:
    ids = [row["id"] for row in rows]
    assert len(set(ids)) == len(ids)
    runs = {(row["vault_id"], row["created_at"][:10], row["checkpoint_id"]) for row in rows if not made_by_hand(row)}
    assert len({checkpoint for _, _, checkpoint in runs}) == len({(vault, day) for vault, day, _ in runs}) == len(runs)


@pytest.mark.parametrize("now", MOMENTS)
def test_policies_run_at_one_and_nothing_was_made_in_the_future(now: datetime) -> None:
    for row in demo_tenant(now).backups:
        made = read_time(row["created_at"])
        assert made is not None
        assert made < now
        assert read_time(row["updated_at"]) < now  # type: ignore[operator]  # None would fail the test too
        if row["name"].startswith("autobk_"):
            assert made.hour == 1
            assert made.minute < 10


def test_most_times_are_naive_and_some_have_an_offset_or_z(rows: list[dict[str, Any]]) -> None:
    forms = Counter(
        "offset" if time.endswith("+00:00") else "Z" if time.endswith("Z") else f"naive {len(time)}"
        for time in (row["created_at"] for row in rows)
    )
    assert forms == {"naive 26": 182, "offset": 14, "Z": 4}


def test_one_server_failed_three_nights_running_and_another_ones_only_backup_failed(rows: list[dict[str, Any]]) -> None:
    failed = [row for row in rows if row["status"] == "error"]
    assert [(row["resource_name"], row["created_at"][:10]) for row in failed] == [
        ("erp-db-01", "2026-11-23"),
        ("erp-db-01", "2026-11-22"),
        ("erp-db-01", "2026-11-21"),
        ("proxy-dmz-01", "2026-11-21"),
    ]
    assert [row["resource_name"] for row in rows].count("proxy-dmz-01") == 1


def test_the_last_good_copy_of_a_disk_ends_within_three_days(rows: list[dict[str, Any]]) -> None:
    copies = [row for row in rows if row["resource_name"] == "legacy-crm-data"]
    assert len(copies) == 3
    newest = max(copies, key=lambda row: row["created_at"])
    assert max(copies, key=lambda row: row["expired_at"]) is newest
    assert timedelta(days=1, hours=12) < (left(newest) or timedelta()) < timedelta(days=3)


def test_a_manual_backup_has_an_end_and_many_ends_are_superseded(rows: list[dict[str, Any]]) -> None:
    soon = [row for row in rows if timedelta(0) <= (left(row) or timedelta(-1)) < timedelta(days=7)]
    assert [row["resource_name"] for row in soon if made_by_hand(row)] == ["erp-app-01"]
    assert len(soon) > 50


@pytest.mark.parametrize("now", MOMENTS)
def test_one_backup_is_overdue_by_five_days_and_others_only_by_hours(now: datetime) -> None:
    late = {
        row["resource_name"]: -rest.total_seconds() / 3600
        for row in demo_tenant(now).backups
        if (rest := left(row, now)) is not None and rest < timedelta(0)
    }
    assert late.pop("intranet-01") == 5 * 24 + 2
    assert late["gitlab-01"] == 20
    assert max(late.values()) < 48


def test_a_disk_a_file_system_and_servers_are_not_encrypted(tenant: Tenant) -> None:
    plain = {
        (row["resource_type"], row["resource_name"])
        for row in tenant.backups
        if row["extend_info"] and row["extend_info"].get("encrypted") is False
    }
    assert plain == {
        ("OS::Cinder::Volume", "migration-scratch"),
        ("OS::Sfs::Turbo", "fileshare-azubi"),
        ("OS::Nova::Server", "build-agent-07"),
    }
    disks = {
        detail["resource_name"]: [disk["extend_info"]["encrypted"] for disk in detail["children"]]
        for detail in tenant.details.values()
        if detail is not None
    }
    assert disks["web-shop-02"] == [True, True, False]
    assert all(all(flags) for name, flags in disks.items() if name != "web-shop-02")


def test_disks_and_file_systems_always_say_whether_they_are_encrypted_servers_do_not(
    rows: list[dict[str, Any]],
) -> None:
    for row in rows:
        says = "encrypted" in (row["extend_info"] or {})
        if row["resource_name"] != "build-agent-07":
            assert says == (row["resource_type"] != "OS::Nova::Server")


def test_details_show_disks_with_names_and_one_that_boots_where_it_was_not_left_out(
    tenant: Tenant, clock: FakeClock
) -> None:
    servers = {row["id"] for row in tenant.backups if row["resource_type"] == "OS::Nova::Server"}
    assert servers - {None} <= tenant.details.keys()
    details = [detail for detail in tenant.details.values() if detail is not None]
    for detail in details:
        bootable = [disk["extend_info"]["bootable"] for disk in detail["children"]].count(True)
        assert bootable == int((detail["extend_info"] or {}).get("contain_system_disk", True))
        assert {disk["parent_id"] for disk in detail["children"]} == {detail["id"]}
        assert len({disk["resource_name"] for disk in detail["children"]}) == len(detail["children"])
        assert sum(disk["resource_size"] for disk in detail["children"]) == int(detail["resource_size"])
    with tenant.serve() as endpoint:
        client = client_of(tenant, endpoint, clock)
        backup = client.ask_backup(
            next(detail["id"] for detail in details if detail["resource_name"] == "web-shop-02")
        ).take()
        client.close()
    assert [disk.label for disk in backup.children or []] == [
        "web-shop-02-system",
        "web-shop-02-data-01",
        "web-shop-02-data-02",
    ]


def test_the_newest_backup_of_one_server_is_gone_when_its_disks_are_asked_for(tenant: Tenant) -> None:
    gone = [ident for ident, detail in tenant.details.items() if detail is None]
    copies = [row for row in tenant.backups if row["resource_name"] == "vpn-gw-01"]
    assert gone == [max(copies, key=lambda row: row["created_at"])["id"]]


def test_some_rows_do_not_say_who_made_them(rows: list[dict[str, Any]]) -> None:
    infos = [row["extend_info"] for row in rows]
    assert infos.count(None) == 1
    assert [info for info in infos if info is not None and "auto_trigger" not in info] != []
    assert [info for info in infos if info is not None and info.get("auto_trigger", "") is None] != []
    assert sum(made_by_hand(row) for row in rows) == 7


def test_automatic_backups_without_an_end_have_null_or_no_key(rows: list[dict[str, Any]]) -> None:
    endless = [row for row in rows if not made_by_hand(row) and row.get("expired_at") is None]
    assert sorted("expired_at" in row for row in endless) == [False, True]


def test_one_status_is_not_documented_two_backups_are_stuck_and_one_moves(rows: list[dict[str, Any]]) -> None:
    assert [row["status"] for row in rows if row["status"] not in DOCUMENTED_STATUSES] == ["restore_failed"]
    still = {
        (row["resource_name"], row["status"]): NOW - (read_time(row["updated_at"]) or NOW)
        for row in rows
        if row["status"] in {"protecting", "waiting_delete"}
    }
    assert still.pop(("sap-hana-prd", "protecting")) == timedelta(minutes=10)
    assert still["wsus-01", "waiting_delete"] == timedelta(hours=30, minutes=20)
    assert timedelta(days=3) < still["ad-dc-01", "protecting"] < timedelta(days=4)


def test_some_fields_are_odd_an_end_that_is_no_time_and_numbers_as_texts(rows: list[dict[str, Any]]) -> None:
    assert [row["expired_at"] for row in rows if row.get("expired_at") and left(row) is None] == ["0000-00-00 00:00:00"]
    texts = [row for row in rows if isinstance(row["resource_size"], str)]
    assert [row["extend_info"]["auto_trigger"] for row in texts] == ["true"]
    assert [row["resource_name"] for row in rows if row["id"] is None] == ["lizenz-srv-01"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<!channel> @all *bold* [x](http://evil.example)",
        '=HYPERLINK("http://evil.example","x")',
        "\u202e",
        "🚀",
        "Übergabe (größeres",
    ],
)
def test_hostile_and_foreign_names_are_there(rows: list[dict[str, Any]], text: str) -> None:
    assert any(text in row["name"] for row in rows)


def listed(tenant: Tenant, clock: FakeClock) -> Iterator[Backup]:
    """Every backup, the server ones with their disks, as the rules are shown them."""
    with tenant.serve() as endpoint:
        client = client_of(tenant, endpoint, clock)
        for page in Listing(lambda offset: client.ask_page(offset, {})).backups():
            for backup in map(as_backup, page):
                backup.listed_at = NOW
                backup.examined = True
                if tenant.details.get(backup.id):
                    backup.children = client.ask_backup(backup.id).take().children
                yield backup
        client.close()


def test_the_rules_find_what_was_put_in_and_most_of_the_tenant_is_healthy(tenant: Tenant, clock: FakeClock) -> None:
    backups = list(listed(tenant, clock))
    found: dict[str, set[str | None]] = {}
    doubted: dict[str, set[str | None]] = {}
    troubled = set()
    for rule in load_rules([RULES]):
        if rule.takes_resource or rule.id not in EIGHT:
            continue
        for backup in backups:
            outcome = rule.check(backup)
            if isinstance(outcome, Unknown):
                doubted.setdefault(rule.id, set()).add(backup.resource_name)
            elif outcome is not None and backup.status != "error":
                assert isinstance(outcome, str)
                found.setdefault(rule.id, set()).add(backup.resource_name)
                troubled.add(backup.id)
    assert found == {
        "backup-unencrypted": {"migration-scratch", "fileshare-azubi", "build-agent-07", "web-shop-02"},
        "backup-overdue": {"intranet-01"},
        "backup-stuck": {"ad-dc-01", "wsus-01"},
        "backup-not-automatic": {
            "erp-app-01",
            "migration-scratch",
            "build-agent-07",
            "sap-hana-prd",
            "web-shop-01",
            "fileshare-hr",
        },
        "backup-unknown-status": {"crm-app-01"},
        "backup-without-expiry": {"transfer-edi"},
    }
    assert doubted["backup-unencrypted"] == {"vpn-gw-01"}
    assert doubted["backup-overdue"] == {"oracle-lvs-data"}
    assert doubted["backup-not-automatic"] == {"print-srv-01", "monitoring-01"}
    assert len(troubled) < 0.1 * len(backups)
