"""A time that a wall clock shows never or twice is taken for no moment, and what is written can be read again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.input.wall_clock import NoOneHour, read_moment, read_wall_clock, write_wall_clock
from workflows.journey.vocabulary.calendars import local, zone_info

ZONES = ("America/Los_Angeles", "Australia/Lord_Howe", "America/Havana", "Asia/Kolkata", "Europe/London")


@given(
    zone=st.sampled_from(ZONES),
    minutes=st.integers(0, 2 * 366 * 24 * 60),
)
def test_what_is_written_is_read_as_the_same_minute(zone: str, minutes: int) -> None:
    minute = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    moment = minute + timedelta(seconds=59)
    written = write_wall_clock(moment, zone_info(zone))
    assert read_wall_clock(datetime.fromisoformat(written), zone_info(zone)) == minute
    assert written.startswith(f"{local(moment, zone):%Y-%m-%d %H:%M}")


@pytest.mark.parametrize("minutes", range(-60, 150, 7))
@pytest.mark.parametrize("began", ["2026-11-01T09:00+00:00", "2026-03-08T10:00+00:00"], ids=["back", "forward"])
def test_around_a_clock_change_too(began: str, minutes: int) -> None:
    moment, zone = datetime.fromisoformat(began) - timedelta(minutes=minutes), zone_info("America/Los_Angeles")
    assert read_wall_clock(datetime.fromisoformat(write_wall_clock(moment, zone)), zone) == moment


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("2026-03-08 02:30", "skips"),
        ("2026-11-01 01:30", "comes twice on this day: write its offset, such as 2026-11-01T01:30:00-07:00"),
    ],
)
def test_an_hour_that_is_none_or_two_is_refused_with_what_to_write(given: str, said: str) -> None:
    with pytest.raises(NoOneHour, match=said):
        read_moment(given, zone_info("America/Los_Angeles"))


def test_a_day_is_its_beginning_also_where_no_clock_shows_midnight() -> None:
    assert read_moment("2026-03-08", zone_info("America/Havana")) == datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert read_moment("2026-11-01", zone_info("America/Havana")) == datetime(2026, 11, 1, 4, tzinfo=UTC)
    with pytest.raises(ValueError, match="Invalid isoformat"):
        read_moment("soon", zone_info("America/Havana"))
