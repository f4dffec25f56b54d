import json
from pathlib import Path
from typing import Any

import pytest

from cbr_auditor.cbr.vaults import Vault, read_vaults
from cbr_auditor.rule import Unknown
from tests.rules.inventory import ABSENT, ask, make_vault, member_row

RULE = "vault-excluded-disk"
DATA = Path(__file__).parent.parent / "data"


def vault(**extra: Any) -> Vault:
    return make_vault(resources=[member_row(extra_info=extra or {})])


@pytest.mark.parametrize("extra", [{}, {"exclude_volumes": []}, {"exclude_volumes": None}])
def test_a_vault_that_leaves_nothing_out_is_fine(extra: dict[str, object]) -> None:
    assert ask(RULE, vault(**extra)) is None
    assert ask(RULE, make_vault(resources=[member_row(extra_info=ABSENT)])) is None


def test_a_disk_that_is_left_out_is_named_with_its_server() -> None:
    assert ask(RULE, vault(exclude_volumes=["d1"])) == "the vault leaves out disk d1 of web-1"
    assert ask(RULE, vault(exclude_volumes=[{"id": "d1", "name": "data"}])) == (
        "the vault leaves out disk data of web-1"
    )


def test_the_documented_example_is_found() -> None:
    row = json.loads((DATA / "vault-create_otc-docs_exclude-volumes.json").read_bytes())["vault"]
    (found,) = read_vaults(json.dumps({"vaults": [row]}).encode()).rows
    assert isinstance(found, Vault)
    assert ask(RULE, found) == (
        "the vault leaves out disk 1855eb9a-2b5e-4938-a9f0-aea08b6f9243 of ecs-b977-0002, "
        "5a51e8b3-2f65-4045-896f-f8ffae14b064 of ecs-b977-0002"
    )


def test_many_are_counted() -> None:
    outcome = ask(RULE, vault(exclude_volumes=[f"d{number}" for number in range(8)]))
    assert outcome == (
        "the vault leaves out disk d0 of web-1, d1 of web-1, d2 of web-1, d3 of web-1, d4 of web-1 and 3 more"
    )


def test_disks_that_are_allowed_by_id_or_name_may_be_left_out() -> None:
    left_out = vault(exclude_volumes=["d1", {"id": "d2", "name": "scratch"}])
    assert ask(RULE, left_out, allowed=["d1", "scratch"]) is None
    assert ask(RULE, left_out, allowed=["d1"]) == "the vault leaves out disk scratch of web-1"


def test_disks_of_a_server_that_is_gone_do_not_count() -> None:
    gone = member_row(protect_status="deleted", extra_info={"exclude_volumes": ["d1"]})
    assert ask(RULE, make_vault(resources=[gone])) is None


def test_a_list_of_the_only_disks_is_unknown_unless_it_is_said_to_be_enough() -> None:
    chosen = vault(include_volumes=[{"id": "d1", "os_version": "x"}])
    assert ask(RULE, chosen) == Unknown("all disks of web-1, of which the vault names those that it backs up")
    assert ask(RULE, chosen, included_is_enough=True) is None


@pytest.mark.parametrize(
    "resources",
    [
        None,
        ABSENT,
        [7],
        [member_row(extra_info={"exclude_volumes": "all"})],
        [member_row(extra_info={"exclude_volumes": [None]})],
        [member_row(extra_info=[1])],
    ],
)
def test_what_cannot_be_read_is_unknown(resources: object) -> None:
    assert ask(RULE, make_vault(resources=resources)) == Unknown("resources and their extra_info.exclude_volumes")


def test_a_vault_that_takes_copies_is_not_judged() -> None:
    assert ask(RULE, make_vault(resources=None, billing={"protect_type": "replication"})) is None
