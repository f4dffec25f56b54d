import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbr_auditor.deploy.schedule import check_schedule, schedule_type

ZONE = "CRON_TZ=Europe/Berlin "


@pytest.mark.parametrize(
    "schedule",
    [
        "CRON_TZ=Europe/Berlin 0 0 12 * * *",  # these five are the user guide's own examples
        "CRON_TZ=Europe/Berlin 0 26,29,33 * * * *",
        "CRON_TZ=Europe/Berlin 0 30 12 ? * MON-FRI",
        "CRON_TZ=Europe/Berlin 0 0/5 12-14 ? * MON-FRI",
        "CRON_TZ=Europe/Berlin 0 0 12 ? JAN,FEB,MAR,APR *",
        "CRON_TZ=UTC 59 59 23 31 12",
        "CRON_TZ=Asia/Shanghai 0 0 7 1 1 0",
        "CRON_TZ=Europe/Berlin */10 0-30/5 7 ? jan-mar Sat,sun",
        "@every 30m",
        "@every 1.5h",
        "@every 2h30m",
        "1m",
        "60m",
        "24h",
        "30d",
    ],
)
def test_a_schedule_of_the_user_guide_is_taken(schedule: str) -> None:
    assert check_schedule(schedule) == schedule


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ("0 0 7 * * *", "needs its time zone in front"),
        ("", "needs its time zone in front"),
        ("CRON_TZ=Europe/Bonn 0 0 7 * * *", "'Europe/Bonn' is no time zone"),
        ("CRON_TZ=../etc/passwd 0 0 7 * * *", "is no time zone"),
        ("CRON_TZ= 0 0 7 * * *", "is no time zone"),
        (ZONE + "0 7 * * ", "is not within"),
        (ZONE + "0 7 * *", "5 or 6 fields"),
        (ZONE + "0 0 7 * * * *", "5 or 6 fields"),
        (ZONE + "0  0 7 * * *", "5 or 6 fields"),
        (ZONE + "60 0 7 * * *", "the second '60' is not within 0 to 59"),
        (ZONE + "0 60 7 * * *", "the minute '60'"),
        (ZONE + "0 0 24 * * *", "the hour '24'"),
        (ZONE + "0 0 7 0 * *", "the day of month '0' is not within 1 to 31"),
        (ZONE + "0 0 7 32 * *", "the day of month '32'"),
        (ZONE + "0 0 7 * 13 *", "the month '13'"),
        (ZONE + "0 0 7 * * 7", "the day of week '7'"),
        (ZONE + "0 0 7 * * MOO", "the day of week 'MOO'"),
        (ZONE + "0 0 ? * * *", "the hour '?'"),
        (ZONE + "0 0 9-7 * * *", "the hour '9-7'"),
        (ZONE + "0 0 1-2-3 * * *", "the hour '1-2-3'"),
        (ZONE + "0 0/0 7 * * *", "no step"),
        (ZONE + "0 0/ 7 * * *", "no step"),
        (ZONE + "0 0, 7 * * *", "the minute ''"),
        (ZONE + "0 0 ٣ * * *", "the hour"),
        ("@every 5", "@every 1h30m"),
        ("@every", "needs its time zone"),
        ("0m", "a rate is"),
        ("61m", "a rate is"),
        ("25h", "a rate is"),
        ("31d", "a rate is"),
    ],
)
def test_any_other_is_refused_with_the_reason(schedule: str, says: str) -> None:
    with pytest.raises(ValueError) as refused:
        check_schedule(schedule)
    assert says in str(refused.value)


@given(st.text(max_size=60) | st.text("0123456789*/,-? ").map(lambda text: ZONE + text))
def test_whatever_is_written_is_taken_as_it_is_or_refused(schedule: str) -> None:
    with contextlib.suppress(ValueError):
        assert check_schedule(schedule) == schedule


def test_rates_and_cron_expressions_are_told_apart_as_the_api_does() -> None:
    assert [schedule_type(text) for text in ("3m", "@every 3m", ZONE + "0 0 7 * * *")] == ["Rate", "Cron", "Cron"]
