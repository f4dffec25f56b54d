from datetime import timedelta

from cbr_auditor.rule import NoProblem
from tests.fakes import NOW
from tests.rules.inventory import ask
from tests.rules.waivers import make_waiver

RULE = "waiver-stale"


def test_a_waiver_that_matched_nothing_is_found_with_its_owner() -> None:
    outcome = ask(RULE, make_waiver(decided=True))
    assert outcome == "the waiver of backup-error of erp-*, db-1 matched no finding (owner: dba@example.com)"


def test_one_that_matched_is_needed() -> None:
    assert ask(RULE, make_waiver(decided=True, matched=1)) is None


def test_where_not_everything_was_seen_nobody_can_say() -> None:
    assert ask(RULE, make_waiver()) == NoProblem("not everything was seen that it could match")
    assert ask(RULE, make_waiver(matched=1)) is None


def test_one_that_has_expired_is_anothers_business() -> None:
    today = NOW.date()
    assert ask(RULE, make_waiver(decided=True, expires=today - timedelta(days=1))) is None
    assert isinstance(ask(RULE, make_waiver(decided=True, expires=today)), str)
