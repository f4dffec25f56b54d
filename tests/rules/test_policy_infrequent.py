from typing import Any

import pytest

from cbr_auditor.rule import Unknown
from tests.rules.inventory import ABSENT, NIGHTLY, ask, make_policy, patterns

RULE = "policy-infrequent"
UNTOLD = Unknown("enabled, associated_vaults and operation_type, which tell whether it runs, and what for")


def test_a_nightly_policy_is_fine() -> None:
    assert ask(RULE, make_policy()) is None
    assert ask(RULE, make_policy(**patterns("FREQ=DAILY;INTERVAL=1;BYHOUR=22;BYMINUTE=00"))) is None


@pytest.mark.parametrize(
    ("texts", "hours"),
    [
        (["FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=22;BYMINUTE=00"], 72),
        (["FREQ=WEEKLY;BYDAY=SU;BYHOUR=22;BYMINUTE=00"], 168),
        (["FREQ=DAILY;INTERVAL=2;BYHOUR=22;BYMINUTE=00"], 48),
        (["FREQ=DAILY;INTERVAL=30;BYHOUR=22;BYMINUTE=00"], 720),
        (["FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=22;BYMINUTE=00"], 336),
        (["FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=0", "FREQ=WEEKLY;BYDAY=TH;BYHOUR=13;BYMINUTE=30"], 84.5),
        (["FREQ=DAILY;INTERVAL=100;BYHOUR=22;BYMINUTE=00"], 92 * 24),
    ],
)
def test_the_longest_gap_counts(texts: list[str], hours: float) -> None:
    policy = make_policy(**patterns(*texts))
    assert ask(RULE, policy) == f"up to {hours:g} hours pass between two runs, more than 24"
    assert ask(RULE, policy, max_gap_hours=hours) is None


def test_several_patterns_fill_each_others_gaps() -> None:
    texts = [f"FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR={hour};BYMINUTE=00" for hour in (0, 6, 12, 18)]
    assert ask(RULE, make_policy(**patterns(*texts)), max_gap_hours=6) is None
    assert ask(RULE, make_policy(**patterns(*texts[1:])), max_gap_hours=6) == (
        "up to 12 hours pass between two runs, more than 6"
    )


def test_a_policy_that_begins_in_the_future_is_judged_by_its_pattern() -> None:
    assert ask(RULE, make_policy(**patterns(NIGHTLY, start="9999-12-31 23:00:00"))) is None


@pytest.mark.parametrize(
    "changes",
    [{"enabled": False}, {"associated_vaults": []}, {"operation_type": "replication"}],
    ids=["off", "unbound", "copies"],
)
def test_what_does_not_run_or_copies_is_not_judged(changes: dict[str, Any]) -> None:
    assert ask(RULE, make_policy(**patterns("nonsense"), **changes)) is None


@pytest.mark.parametrize(
    "changes",
    [{"enabled": None}, {"associated_vaults": ABSENT}, {"operation_type": None}],
    ids=["enabled", "bound", "kind"],
)
def test_where_it_is_not_known_to_run_a_failure_is_unknown(changes: dict[str, Any]) -> None:
    assert ask(RULE, make_policy(**patterns("FREQ=WEEKLY;BYDAY=SU;BYHOUR=22;BYMINUTE=0"), **changes)) == UNTOLD
    assert ask(RULE, make_policy(**changes)) is None


@pytest.mark.parametrize("pattern", [None, ABSENT, [], "", 7])
def test_no_pattern_is_unknown(pattern: object) -> None:
    policy = make_policy(trigger={"properties": {"pattern": pattern}})
    assert ask(RULE, policy) == Unknown("trigger.properties.pattern")
    assert ask(RULE, make_policy(trigger=ABSENT)) == Unknown("trigger.properties.pattern")


def test_a_pattern_that_cannot_be_read_is_unknown_and_named() -> None:
    outcome = ask(RULE, make_policy(**patterns(NIGHTLY, "FREQ=FORTNIGHTLY")))
    assert outcome == Unknown("a trigger.properties.pattern that can be read (it is 'FREQ=FORTNIGHTLY')")


def test_an_element_that_is_no_text_is_unknown() -> None:
    policy = make_policy(trigger={"properties": {"pattern": [NIGHTLY, 7]}})
    assert ask(RULE, policy) == Unknown("a trigger.properties.pattern that can be read")
