"""Working time against a golden table, rows worked out by hand, and laws; then the deadlines made of it."""

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
from tests.journey.golden.make_working_time import CHANGING, COLUMNS, FILE, STEADY, deadline, table
from tests.journey.play import Play, after, before, one, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import CLOCK, Role
from workflows.journey.calendars import (
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
from workflows.journey.notices import notices
from workflows.journey.protocol import EscalationPolicy, Protocol, SignOffKind
from workflows.journey.refusals import Refusal
from workflows.journey.summary import describe_wait

with FILE.open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))


def places() -> frozenset[str]:
    """What the time-zone database itself lists as places, each with the country it lies in."""
    lines = files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8").splitlines()
    return frozenset(line.split("\t")[2] for line in lines if line and not line.startswith("#"))


PLACES = places()
WEEK = (1, 2, 3, 4, 5)
MINUTE = timedelta(minutes=1)


def working(zone: str, hours: str = "09:00-17:00", weekdays: tuple[int, ...] = WEEK, holidays: str = "") -> WorkingTime:
    begin, end = (time.fromisoformat(clock) for clock in hours.split("-"))
    days = tuple(date.fromisoformat(day) for day in holidays.split())
    return WorkingTime(zone=zone, weekdays=weekdays, hours=(begin, end), holidays=days, holidays_known_until=LAST_DAY)


def at(moment: str, zone: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))


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


# Deadlines. START is Monday 23 November 2026, 09:00 in Los Angeles; Thursday the 26th is a holiday.

LA = "America/Los_Angeles"


def times(*moments: str) -> tuple[datetime, ...]:
    return tuple(at(moment, LA).astimezone(UTC) for moment in moments)


def test_two_business_days_and_their_steps() -> None:
    play = before("signoff.sign", 2)
    request = play.request(SignOffKind.ELIGIBILITY)
    assert (request.since, *request.steps) == times(
        "2026-11-23T09:00", "2026-11-23T17:00", "2026-11-24T13:48", "2026-11-24T17:00", "2026-11-25T17:00"
    )
    assert request.due == request.steps[2]


def test_business_days_leave_out_the_holiday_and_the_weekend() -> None:
    play = before("plan.record").later(days=2, hours=4)
    play.do(next(move[1].body for move in after("plan.record").moves))
    plan = play.request(SignOffKind.PLAN)
    # Three days from Wednesday 13:00: half of Wednesday, Friday, Monday, Tuesday until 13:00. Another day and a half
    # are over when the clinic closes on Wednesday.
    assert plan.since == times("2026-11-25T13:00")[0]
    assert plan.steps == times("2026-11-27T17:00", "2026-11-30T16:12", "2026-12-01T13:00", "2026-12-02T17:00")


def test_a_task_and_the_signature_under_it_have_clocks_of_their_own() -> None:
    play = before("signoff.sign", 1)
    request = play.request(SignOffKind.EVALUATION)
    assert request.escalation_policy == "sign_in_2_days"
    assert request.due == times("2026-11-24T17:00")[0]


@pytest.mark.parametrize(("grade", "minutes"), [(2, 24 * 60), (3, 4 * 60), (4, 4 * 60)])
def test_adverse_events_do_not_wait_for_opening_hours(grade: int, minutes: int) -> None:
    play = before("signoff.sign", 2).later(days=5, hours=3)
    play.do(c.ReportAdverseEvent(what="invented", grade=grade, serious=False, onset=play.at))
    review = next(w for w in play.journey.waiting.values() if w.kind in ("adverse_event", "serious_adverse_event"))
    assert review.due == play.at + timedelta(minutes=minutes)
    release = next(w for w in play.journey.waiting.values() if w.kind.endswith("hold_release"))
    assert release.due == times("2026-11-30T17:00")[0]


def test_a_thousand_redeliveries_give_one_event_and_one_notice_per_step() -> None:
    play = before("signoff.sign", 2)
    request = play.request(SignOffKind.ELIGIBILITY)
    escalated: list[e.Event] = []
    for number, moment in enumerate(request.steps):
        play.at = moment - timedelta(microseconds=1)
        assert not [body for body in play.clock() if isinstance(body, e.ObligationEscalated)]
        play.at = moment
        timer = play.command(c.PassDeadline(), CLOCK)
        for delivery in range(1000):
            play.at += timedelta(seconds=delivery % 2)
            decided = play.take(timer if delivery % 3 else play.command(c.PassDeadline(), CLOCK))
            assert not isinstance(decided, Refusal)
            escalated += [event for event in decided if isinstance(event.body, e.ObligationEscalated)]
        assert play.journey.waiting[request.id].taken == number + 1
    bodies = [event.body for event in escalated if isinstance(event.body, e.ObligationEscalated)]
    assert [(body.obligation, body.step, body.action.value, body.to.value) for body in bodies] == [
        (request.id, 0, "remind", "clinician"),
        (request.id, 1, "remind", "clinician"),
        (request.id, 2, "reassign", "coordinator"),
        (request.id, 3, "escalate", "medical_director"),
    ]
    assert [len(notices(event)) for event in escalated] == [1, 1, 1, 1]
    assert play.request(SignOffKind.ELIGIBILITY) == request.model_copy(update={"taken": 4})
    assert not any(signed.kind == SignOffKind.ELIGIBILITY for signed in play.journey.sign_offs)
    assert play.wait(days=365) == []


# Paused clocks


def hold(play: Play) -> None:
    play.do(c.PlaceHold(reason="invented"), Role.COORDINATOR)


def release(play: Play) -> None:
    held = next(hold.id for hold in play.journey.holds.values() if not hold.released)
    play.sign(SignOffKind.HOLD_RELEASE, held)


def last_update(play: Play) -> e.ObligationsUpdated:
    return [event.body for event in play.events if isinstance(event.body, e.ObligationsUpdated)][-1]


def test_a_hold_pauses_the_clock_by_name_and_its_release_lets_it_go_on() -> None:
    play = before("signoff.sign", 2)
    request = play.request(SignOffKind.ELIGIBILITY)
    play.wait(hours=10)
    hold(play)
    [closed] = last_update(play).closed
    assert (closed.id, closed.because, closed.reason) == (request.id, "held", "paused by hold-1 (placed_by_hand)")
    assert play.waits_for("eligibility") is None
    # Held from Monday evening, with a working day left, until Wednesday 11:00: due on Friday, Thursday is a holiday.
    play.wait(days=1, hours=16)
    release(play)
    again = play.request(SignOffKind.ELIGIBILITY)
    assert (again.id, again.since, again.taken) == (request.id, request.since, 1)
    assert again.steps == (
        request.steps[0],
        *times("2026-11-25T15:48", "2026-11-27T11:00", "2026-11-30T11:00"),
    )
    assert again.due == again.steps[2]
    assert play.journey.paused == {}
    assert one([b for b in play.wait(hours=5) if isinstance(b, e.ObligationEscalated)], e.ObligationEscalated).step == 1


def test_a_clock_stands_still_until_the_last_hold_is_released() -> None:
    play = before("signoff.sign", 2)
    due = play.request(SignOffKind.ELIGIBILITY).deadline
    hold(play)
    play.wait(hours=1)
    hold(play)
    assert last_update(play).closed == ()
    play.wait(hours=1)
    release(play)
    assert play.waits_for("eligibility") is None
    play.wait(hours=1)
    release(play)
    again = play.request(SignOffKind.ELIGIBILITY)
    left = play.journey.protocol.working_time
    assert working_time_between(play.at, again.deadline, left) == timedelta(hours=16)
    assert again.deadline == add_working_time(due, timedelta(hours=3), left)


def test_elapsed_clocks_are_paused_too_and_appointments_are_not() -> None:
    play = after("session.schedule")
    [told] = [w for w in play.journey.waiting.values() if w.kind == "instructions"]
    hold(play)
    assert {closed.because for closed in last_update(play).closed} == {"held"}
    play.wait(hours=2)
    release(play)
    assert play.journey.waiting[told.id] == told
    play = before("plan.record")
    owed = play.waits_for("planning")
    assert owed is not None
    play.wait(hours=40)
    hold(play)
    play.wait(days=30)
    release(play)
    again = play.waits_for("planning")
    assert again is not None
    assert again.deadline == owed.deadline + timedelta(days=30)
    assert again.taken == 1


def test_only_what_is_still_awaited_is_paused() -> None:
    play = before("plan.record")
    hold(play)
    assert {kept.obligation.kind for kept in play.journey.paused.values()} == {"planning", "education"}
    assert all(kept.at == play.at for kept in play.journey.paused.values())
    # What ends a wait may hold care as well: that wait is done, not paused.
    play = before("session.dose")
    dose = next(move[1].body for move in after("session.dose").moves).model_dump()
    play.do(c.RecordDose.model_validate(dose | {"deviation": "invented"}), Role.SESSION_MONITOR)
    assert play.journey.held
    assert {closed.id: closed.because for closed in last_update(play).closed}["dose:1"] == "done"
    assert "dose:1" not in play.journey.paused


def test_working_time_is_refused_with_quiet_hours_and_where_it_would_not_end() -> None:
    step = {"percent": 100, "action": "escalate", "to": "medical_director"}
    with pytest.raises(ValidationError, match="patient's"):
        EscalationPolicy.model_validate({"due_minutes": 1, "steps": [step], "clock": "working", "quiet_hours": True})
    protocol = started().journey.protocol.model_dump(mode="json")
    protocol["working_time"]["hours"] = ["09:00", "09:01"]
    with pytest.raises(ValidationError, match=r"more than a year of the clinic's working time: .*sign_in_1_day"):
        Protocol.model_validate(protocol)


# Holidays that run out. Those of the shipped protocols are known until 31 December 2027.

LAST_KNOWN = datetime(2027, 12, 31, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "beyond"),
    [
        ("2027-12-20T09:00", False),
        ("2027-12-30T09:00", True),
        ("2028-02-29T09:00", True),
    ],
)
def test_a_deadline_over_unknown_holidays_says_so(start: str, beyond: bool) -> None:
    play = started(at=at(start, LA)).go_on(lambda journey: any(w.sign_off for w in journey.waiting.values()))
    request = play.request(SignOffKind.EVALUATION)
    said = "its list ends there" in describe_wait(request, play.journey)
    assert said == beyond
    assert said == any(step > at("2028-01-01T00:00", LA) for step in request.steps)
    policies = play.journey.protocol.escalation_policies
    others = [w for w in play.journey.waiting.values() if policies[w.escalation_policy].clock == "elapsed"]
    assert not any("its list ends there" in describe_wait(waiting, play.journey) for waiting in others)
