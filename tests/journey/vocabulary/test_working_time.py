"""Working time against a golden table, rows worked out by hand, and laws; and the zones there are."""

import csv
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tests.examples import examples
from tests.journey.clinic_times import MINUTE, WEEK, at, working
from tests.journey.vocabulary.golden.make_working_time import CHANGING, COLUMNS, FILE, STEADY, deadline, table
from workflows.journey.vocabulary.calendars import (
    LAST_DAY,
    QuietHours,
    WorkingTime,
    Zone,
    add_working_time,
    after_quiet_hours,
    holidays_known_at,
    local,
    working_time_between,
)

ROWS = list(csv.DictReader(FILE.read_text(encoding="utf-8").splitlines()))


def places() -> frozenset[str]:
    """What the time-zone database itself lists as places, each with the country it lies in."""
    lines = files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8").splitlines()
    return frozenset(line.split("\t")[2] for line in lines if line and not line.startswith("#"))


PLACES = places()


# The golden table
@pytest.mark.parametrize("zone", sorted({row["zone"] for row in ROWS}))
def test_the_golden_table(zone: str) -> None:
    for row in (row for row in ROWS if row["zone"] == zone):
        weekdays = tuple(int(day) for day in row["weekdays"].split())
        calendar = working(zone, f"{row['begin']}-{row['end']}", weekdays, row["holidays"])
        start, expected = datetime.fromisoformat(row["start_utc"]), datetime.fromisoformat(row["expected_utc"])
        amount = timedelta(minutes=int(row["amount_minutes"]))
        assert datetime.fromisoformat(row["start_local"]) == start
        assert add_working_time(start, amount, calendar) == expected, row
        assert working_time_between(start, expected, calendar) == amount, row


def test_the_golden_table_covers_what_it_should() -> None:
    assert tuple(ROWS[0]) == COLUMNS
    assert len(ROWS) >= 200
    assert {row["zone"] for row in ROWS} == {*CHANGING, *STEADY, "Pacific/Apia"}
    for edge in ("skipped", "repeated"):
        through = [row["zone"] for row in ROWS if row["case"] == f"through the change, {edge}"]
        assert through == list(CHANGING)
    assert len(CHANGING) >= 12
    assert sum(bool(row["holidays"]) for row in ROWS) >= 50


@pytest.mark.soak
def test_the_golden_table_is_what_its_script_writes() -> None:
    assert list(table()) == ROWS


# Rows worked out by hand: zone, hours, weekdays, holidays, start and end on the wall clock there, minutes.
BY_HAND = {
    # Los Angeles, Friday 8 March 2024. The clock goes from 02:00 to 03:00 on Sunday, when nobody works: one hour
    # is left on Friday and one is worked on Monday, which begins an hour sooner in UTC.
    "a weekend with a skipped hour": (
        "America/Los_Angeles", "09:00-17:00", WEEK, "", "2024-03-08T16:00-08:00", 120, "2024-03-11T10:00-07:00",
    ),
    # New York, Sunday 10 March 2024: from 01:00 EST to 04:00 EDT are two hours, not three.
    "a skipped hour while the clinic works": (
        "America/New_York", "00:00-12:00", (7,), "", "2024-03-10T01:00-05:00", 120, "2024-03-10T04:00-04:00",
    ),
    # Berlin, Sunday 27 October 2024: 02:00 to 03:00 comes twice. 01:30 CEST to 03:00 CET are two hours and a half.
    "a repeated hour while the clinic works": (
        "Europe/Berlin", "00:00-12:00", (7,), "", "2024-10-27T01:30+02:00", 150, "2024-10-27T03:00+01:00",
    ),
    # London, Sunday 31 March 2024: 01:00 becomes 02:00, so a clinic of 01:30 opens at 02:00 BST.
    "opening time is skipped": (
        "Europe/London", "01:30-12:00", (7,), "", "2024-03-30T12:00+00:00", 10, "2024-03-31T02:10+01:00",
    ),
    # London, Sunday 27 October 2024: it closes the first time the clock shows 01:30 (BST), having worked 90 minutes
    # since midnight. The 91st is worked next Sunday, 3 November, in GMT.
    "closing time comes twice": (
        "Europe/London", "00:00-01:30", (7,), "", "2024-10-27T00:00+01:00", 91, "2024-11-03T00:01+00:00",
    ),
    # Lord Howe, Sunday 6 October 2024: 02:00 becomes 02:30. From 01:00 to 04:00 are two hours and a half.
    "half an hour is skipped": (
        "Australia/Lord_Howe", "00:00-12:00", (7,), "", "2024-10-06T01:00+10:30", 150, "2024-10-06T04:00+11:00",
    ),
    # Adelaide, Thursday 28 March 2024, before Good Friday and Easter Monday: 30 minutes on Thursday, none until
    # Tuesday 2 April. Summer time ends only on 7 April.
    "around Easter": (
        "Australia/Adelaide", "08:30-17:30", WEEK, "2024-03-29 2024-04-01", "2024-03-28T17:00+10:30", 60,
        "2024-04-02T09:00+10:30",
    ),
    # Kathmandu works Sunday to Friday. Friday 17:00 + 2 hours: one on Friday to 18:00, one from Sunday 10:00.
    "a week from Sunday to Friday": (
        "Asia/Kathmandu", "10:00-18:00", (7, 1, 2, 3, 4, 5), "", "2024-06-07T17:00+05:45", 120,
        "2024-06-09T11:00+05:45",
    ),
    # Tokyo, Monday 30 December 2024, closed from 31 December to 3 January (a Friday): the 481st minute is the first
    # of Monday 6 January.
    "year end": (
        "Asia/Tokyo", "09:00-17:00", WEEK, "2024-12-31 2025-01-01 2025-01-02 2025-01-03", "2024-12-30T09:00+09:00",
        481, "2025-01-06T09:01+09:00",
    ),
    # The same, one minute less: over when the clinic closes on Monday, not when it opens a week later.
    "exactly at closing time": (
        "Asia/Tokyo", "09:00-17:00", WEEK, "2024-12-31 2025-01-01 2025-01-02 2025-01-03", "2024-12-30T09:00+09:00",
        480, "2024-12-30T17:00+09:00",
    ),
    "nothing, at closing time": (
        "Asia/Tokyo", "09:00-17:00", WEEK, "", "2024-06-07T17:00+09:00", 0, "2024-06-07T17:00+09:00",
    ),
    "nothing, on a Saturday": (
        "Asia/Tokyo", "09:00-17:00", WEEK, "", "2024-06-08T12:00+09:00", 0, "2024-06-10T09:00+09:00",
    ),
    # Havana, Sunday 10 March 2024: midnight becomes 01:00. From Saturday 23:00 on the clinic has 59 minutes until
    # 23:59, and works again from the first moment of Sunday, 01:00.
    "midnight is skipped": (
        "America/Havana", "00:00-23:59", (6, 7), "", "2024-03-09T23:00-05:00", 60, "2024-03-10T01:01-04:00",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_rows_worked_out_by_hand(name: str) -> None:
    zone, hours, weekdays, holidays, start, minutes, expected = BY_HAND[name]
    calendar = working(zone, hours, weekdays, holidays)
    for moment in (start, expected):
        there = datetime.fromisoformat(moment)
        assert there.utcoffset() == there.astimezone(ZoneInfo(zone)).utcoffset(), "the zone has another offset then"
    found = add_working_time(datetime.fromisoformat(start), timedelta(minutes=minutes), calendar)
    assert found == datetime.fromisoformat(expected)
    assert found.tzinfo is UTC


# Laws
ZONES = st.sampled_from(sorted({*CHANGING, *STEADY, "Pacific/Apia", "Antarctica/Troll"}))


FIRST = datetime(2024, 1, 1, tzinfo=UTC)


STARTS = st.integers(0, 366 * 24 * 60).map(lambda minutes: FIRST + minutes * MINUTE)


AMOUNTS = st.integers(0, 5000).map(lambda minutes: minutes * MINUTE)


@st.composite
def calendars(draw: st.DrawFn, *, shortest: int = 30) -> WorkingTime:
    begin = draw(st.integers(0, 23 * 60 + 59 - shortest))
    end = draw(st.integers(begin + shortest, 23 * 60 + 59))
    days = draw(st.lists(st.integers(0, 366), max_size=20, unique=True))
    return WorkingTime(
        zone=draw(ZONES),
        weekdays=tuple(draw(st.lists(st.integers(1, 7), min_size=1, max_size=7, unique=True))),
        hours=(time(*divmod(begin, 60)), time(*divmod(end, 60))),
        holidays=tuple((FIRST + timedelta(days=day)).date() for day in days),
        holidays_known_until=LAST_DAY,
    )


@examples(2.5)
@given(calendars(), STARTS, AMOUNTS, AMOUNTS)
def test_what_is_added_is_what_passes_and_adding_twice_is_adding_both(
    calendar: WorkingTime, start: datetime, amount: timedelta, more: timedelta
) -> None:
    ends = add_working_time(start, amount, calendar)
    assert ends >= start
    assert working_time_between(start, ends, calendar) == amount
    assert add_working_time(ends, more, calendar) == add_working_time(start, amount + more, calendar)
    # It is the first such moment: a second earlier something was still missing, unless nothing was asked for.
    if amount:
        assert working_time_between(start, ends - timedelta(seconds=1), calendar) < amount


@examples(2.5)
@given(calendars(), STARTS, STARTS, AMOUNTS, AMOUNTS)
def test_later_or_more_never_ends_earlier(
    calendar: WorkingTime, one_start: datetime, other: datetime, amount: timedelta, more: timedelta
) -> None:
    early, late = sorted((one_start, other))
    assert add_working_time(early, amount, calendar) <= add_working_time(late, amount, calendar)
    assert add_working_time(early, amount, calendar) <= add_working_time(early, amount + more, calendar)
    passed = working_time_between(early, late, calendar)
    assert timedelta() <= passed <= late - early
    assert working_time_between(late, early, calendar) == timedelta()
    between = early + (late - early) / 2
    assert passed == working_time_between(early, between, calendar) + working_time_between(between, late, calendar)


@examples(2.5)
@given(calendars(), STARTS, AMOUNTS)
def test_a_deadline_is_never_out_of_hours(calendar: WorkingTime, start: datetime, amount: timedelta) -> None:
    ends = add_working_time(start, amount, calendar)
    shown = [local(moment, calendar.zone) for moment in (ends, ends - timedelta(microseconds=1))]
    offsets = [local(ends + timedelta(hours=hours), calendar.zone).utcoffset() for hours in (-24, 24)]
    assume(offsets[0] == offsets[1])
    begin, end = calendar.hours
    # The moment itself is in the hours, or it is their very end.
    assert any(
        day.isoweekday() in calendar.weekdays and day.date() not in calendar.holidays and begin <= day.time() < end
        for day in shown
    )


@given(calendars(shortest=240), STARTS, st.integers(0, 900))
def test_walking_minute_by_minute_comes_to_the_same(calendar: WorkingTime, start: datetime, minutes: int) -> None:
    begin, end = (f"{clock:%H:%M}" for clock in calendar.hours)
    weekdays, holidays = " ".join(map(str, calendar.weekdays)), " ".join(map(str, calendar.holidays))
    walked = deadline(calendar.zone, weekdays, begin, end, holidays, start, minutes)
    assert add_working_time(start, minutes * MINUTE, calendar) == walked


@examples(2.5)
@given(calendars(), STARTS, AMOUNTS, st.integers(0, 366))
def test_holidays_nobody_listed_make_nothing_late(
    calendar: WorkingTime, start: datetime, amount: timedelta, days: int
) -> None:
    """A deadline over days whose holidays are not known is never later than it will be once they are."""
    until = (FIRST + timedelta(days=days)).date()
    listed = tuple(day for day in calendar.holidays if day <= until)
    short = calendar.model_copy(update={"holidays": listed, "holidays_known_until": until})
    early, late = add_working_time(start, amount, short), add_working_time(start, amount, calendar)
    assert early <= late
    if holidays_known_at(early, short):
        assert early == late


def test_working_time_of_the_worst_calendar_ends_within_years() -> None:
    mondays = tuple(date(2024, 1, 1) + timedelta(weeks=n) for n in range(500))
    calendar = WorkingTime(
        zone="Europe/London",
        weekdays=(1,),
        hours=(time(2), time(2, 1)),
        holidays=mondays,
        holidays_known_until=LAST_DAY,
    )
    assert calendar.week == MINUTE
    assert local(add_working_time(FIRST, 52 * MINUTE, calendar), calendar.zone).year == 2034
    with pytest.raises(ValueError, match="forward"):
        add_working_time(FIRST, -MINUTE, calendar)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"zone": "UTC"}, "name the place"),
        ({"zone": "Etc/UTC"}, "name the place"),
        ({"zone": "Mars/Olympus"}, "not an IANA time zone"),
        ({"weekdays": []}, "at least 1"),
        ({"weekdays": [0]}, "greater than or equal to 1"),
        ({"weekdays": [8]}, "less than or equal to 7"),
        ({"hours": ["17:00", "09:00"]}, "begin before it ends"),
        ({"hours": ["09:00", "09:00"]}, "begin before it ends"),
        ({"hours": ["09:00Z", "17:00"]}, "to the minute"),
        ({"hours": ["09:00", "17:00:30"]}, "to the minute"),
        ({"hours": ["09:00"]}, "required"),
        ({"holidays": ["2024-02-30"]}, "date"),
        ({"holydays": []}, "not permitted"),
        ({"holidays": ["2024-07-01", "2025-01-01"]}, "after holidays_known_until"),
    ],
)
def test_calendars_that_are_refused(changed: dict[str, Any], words: str) -> None:
    given = {"zone": "Europe/London", "weekdays": [1], "hours": ["09:00", "17:00"]}
    given |= {"holidays_known_until": "2024-12-31", **changed}
    with pytest.raises(ValidationError, match=words):
        WorkingTime.model_validate(given)


def is_a_zone(name: str) -> bool:
    try:
        return TypeAdapter(Zone).validate_python(name) == name
    except ValidationError:
        return False


def test_of_all_zones_there_are_only_places_pass() -> None:
    """Every place the database lists, and other names in the same areas. No offset, rule, country or stand-in."""
    areas = {place.partition("/")[0] for place in PLACES}
    everything = available_timezones()
    assert everything >= PLACES
    assert {name for name in everything if is_a_zone(name)} == {
        name for name in everything if name.partition("/")[0] in areas
    }


@pytest.mark.parametrize(
    "name", ["America", "America/", "America/../Etc/UTC", "/Etc/UTC", "europe/berlin ", "posixrules"]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Zone).validate_python(name)


def test_quiet_hours_that_end_in_a_gap_end_after_it() -> None:
    zone, quiet = "America/New_York", QuietHours(start=time(21), end=time(2, 30))
    # On 10 March 2024, 02:00 becomes 03:00.
    assert after_quiet_hours(at("2024-03-10T01:00", zone), zone, quiet) == at("2024-03-10T03:00", zone)
    # On 3 November 2024, 01:00 to 02:00 comes twice.
    early = QuietHours(start=time(21), end=time(1, 30))
    first = datetime(2024, 11, 3, 5, 30, tzinfo=UTC)
    assert after_quiet_hours(first - MINUTE, zone, early) == first
    assert after_quiet_hours(first + 40 * MINUTE, zone, early) == first + 60 * MINUTE
