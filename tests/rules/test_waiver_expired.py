from datetime import date, timedelta

import pytest

from cbr_auditor.rule import Outcome
from tests.fakes import NOW
from tests.rules.inventory import ask
from tests.rules.waivers import make_waiver


def judge(days: int, **changes: object) -> Outcome:
    return ask("waiver-expired", make_waiver(expires=NOW.date() + timedelta(days=days), **changes))


def test_the_day_after_its_last_one_it_is_found_with_its_owner() -> None:
    assert judge(-1) == "the waiver of backup-error of erp-*, db-1 ended on 2026-11-22 (owner: dba@example.com)"
    assert isinstance(judge(-400), str)


@pytest.mark.parametrize("days", [0, 1, 365])
def test_until_its_last_day_it_is_in_force(days: int) -> None:
    assert judge(days) is None


@pytest.mark.parametrize("changes", [{"matched": 3, "decided": True}, {"matched": 0, "decided": False}])
def test_it_does_not_matter_what_it_matched(changes: dict[str, object]) -> None:
    assert isinstance(judge(-1, **changes), str)


def test_days_are_those_of_utc() -> None:
    waiver = make_waiver(expires=date(2026, 11, 23))
    waiver.listed_at = NOW.replace(hour=23, minute=59)
    assert ask("waiver-expired", waiver) is None
    waiver.listed_at = NOW.replace(day=24, hour=0, minute=0)
    assert isinstance(ask("waiver-expired", waiver), str)
