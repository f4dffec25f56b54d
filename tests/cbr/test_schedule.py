import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.cbr.schedule import WINDOW, Schedule
from tests.fakes import NOW

UTC = timezone.utc
START = datetime(2025, 5, 24, 9, 41, 28, tzinfo=UTC)  # a Saturday
NIGHTLY = "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=14;BYMINUTE=00"
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


def newest(*patterns: str, until: datetime = NOW, start: datetime | None = START) -> datetime | None:
    schedule = Schedule(patterns, start)
    assert schedule.problem is None
    return schedule.newest_run(until)


def problem(*patterns: str, start: datetime | None = START) -> str | None:
    schedule = Schedule(patterns, start)
    assert schedule.newest_run(NOW) is None
    assert schedule.longest_gap(NOW) is None
    return schedule.problem


def test_hours_are_in_utc_and_seconds_are_none() -> None:
    assert newest(NIGHTLY) == datetime(2026, 11, 22, 14, tzinfo=UTC)


def test_a_run_at_the_very_moment_counts() -> None:
    noon = datetime(2026, 11, 22, 14, tzinfo=UTC)
    assert newest(NIGHTLY, until=noon) == noon
    assert newest(NIGHTLY, until=noon - timedelta(microseconds=1)) == noon - timedelta(days=1)


def test_weeks_and_days_of_an_interval_count_from_the_start() -> None:
    assert newest("FREQ=DAILY;INTERVAL=3;BYHOUR=1;BYMINUTE=30") == datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
    assert newest("FREQ=DAILY;INTERVAL=3;BYHOUR=1;BYMINUTE=30", start=START + timedelta(days=1)) == datetime(
        2026, 11, 22, 1, 30, tzinfo=UTC
    )
    assert newest("FREQ=WEEKLY;INTERVAL=2;BYDAY=WE;BYHOUR=1;BYMINUTE=0") == datetime(2026, 11, 18, 1, tzinfo=UTC)
    assert newest("FREQ=WEEKLY;INTERVAL=2;BYDAY=WE;BYHOUR=1;BYMINUTE=0", start=START + timedelta(days=7)) == datetime(
        2026, 11, 11, 1, tzinfo=UTC
    )


def test_several_patterns_run_at_the_newest_of_their_times() -> None:
    assert newest(NIGHTLY, "FREQ=DAILY;BYHOUR=3;BYMINUTE=15") == datetime(2026, 11, 23, 3, 15, tzinfo=UTC)


def test_what_a_pattern_does_not_say_follows_from_the_start() -> None:
    assert newest("FREQ=WEEKLY") == datetime(2026, 11, 21, 9, 41, tzinfo=UTC)
    assert problem("FREQ=WEEKLY;BYHOUR=1;BYMINUTE=0", start=None) == "trigger.properties.start_time"
    assert problem("FREQ=DAILY;INTERVAL=2;BYHOUR=1;BYMINUTE=0", start=None) == "trigger.properties.start_time"


def test_a_pattern_that_says_all_needs_no_start() -> None:
    assert newest(NIGHTLY, start=None) == datetime(2026, 11, 22, 14, tzinfo=UTC)
    assert newest("FREQ=DAILY;BYHOUR=14;BYMINUTE=0", start=None) == datetime(2026, 11, 22, 14, tzinfo=UTC)


def test_nothing_ran_before_the_policy_began() -> None:
    assert newest(NIGHTLY, start=NOW - timedelta(hours=1)) is None
    assert newest(NIGHTLY, start=NOW + timedelta(days=400)) is None
    assert newest(NIGHTLY, start=datetime(2026, 11, 22, 13, 59, 59, tzinfo=UTC)) is not None
    assert newest(NIGHTLY, start=datetime(2026, 11, 22, 14, 0, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "text", ["RRULE:" + NIGHTLY, NIGHTLY.lower(), NIGHTLY + ";", " FREQ = DAILY ; BYHOUR = 14 ; BYMINUTE=0"]
)
def test_spellings_that_mean_the_same_are_read(text: str) -> None:
    assert newest(text) == datetime(2026, 11, 22, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "FREQ",
        "FREQ=",
        "FREQ=MONTHLY;BYHOUR=1",
        "FREQ=SECONDLY",
        "BYHOUR=1;BYMINUTE=0",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;BYHOUR=-1",
        "FREQ=DAILY;BYHOUR=x",
        "FREQ=DAILY;BYMINUTE=60",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;INTERVAL=1000",
        "FREQ=DAILY;INTERVAL=99999999999999999999999999999999",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;BYDAY=+1MO",
        "FREQ=DAILY;COUNT=3",
        "FREQ=DAILY;UNTIL=20200101T000000Z",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY\nFREQ=WEEKLY",
        "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=0,30",
        "FREQ=DAILY;BYHOUR=\u0661",
        "\x00",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;BYHOUR=1" * 1000,
    ],
)
def test_what_cbr_does_not_document_is_a_problem_that_names_it(text: str) -> None:
    found = problem(NIGHTLY, text)
    assert found is not None
    assert found.startswith("a trigger.properties.pattern that can be read (it is '")
    assert found.isprintable()
    assert len(found) < 200


def test_no_pattern_and_too_many_are_problems() -> None:
    assert Schedule(None, START).problem == Schedule((), START).problem == "trigger.properties.pattern"
    many = [f"FREQ=DAILY;BYHOUR={number % 24};BYMINUTE={number // 24}" for number in range(25)]
    assert "25" in (problem(*many) or "")
    assert Schedule(tuple(many[:24]), START).problem is None


def test_a_pattern_that_never_comes_true_ends_soon() -> None:
    schedule = Schedule(("FREQ=DAILY;INTERVAL=7;BYDAY=MO;BYHOUR=1;BYMINUTE=0",), START)
    assert schedule.newest_run(NOW) is None
    assert schedule.longest_gap(NOW) == WINDOW


@given(
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    hours=st.sets(st.integers(0, 23), min_size=1, max_size=4),
    minute=st.integers(0, 59),
    began=st.datetimes(datetime(1, 1, 1), datetime(2026, 11, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_the_newest_run_is_the_one_that_counting_by_hand_finds(
    days: set[str], hours: set[int], minute: int, began: datetime
) -> None:
    text = f"FREQ=WEEKLY;BYDAY={','.join(sorted(days))};BYHOUR={','.join(map(str, sorted(hours)))};BYMINUTE={minute}"
    time = NOW.replace(minute=minute)
    while time > NOW or time.hour not in hours or DAYS[time.weekday()] not in days:
        time -= timedelta(hours=1)
    assert newest(text, start=began) == time


@given(interval=st.integers(1, 30), began=st.datetimes(datetime(1, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_longest_gap_of_an_interval_is_the_interval_whenever_it_began(interval: int, began: datetime) -> None:
    schedule = Schedule((f"FREQ=DAILY;INTERVAL={interval};BYHOUR=1;BYMINUTE=0",), began)
    assert schedule.longest_gap(NOW) == timedelta(days=interval)


def test_reading_policies_does_not_load_dateutil() -> None:
    code = "import sys, cbr_auditor.audit; sys.exit('dateutil' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
