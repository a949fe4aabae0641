"""Writes `working_time.csv`: deadlines in working time, found by walking through time minute by minute.

    python tests/journey/vocabulary/golden/make_working_time.py

Slow, and on purpose nothing like the service: it knows no working days with a beginning and an end, builds no
local times and uses no `fold`. It only asks, for one UTC minute after the other, what the wall clock shows:

- A minute is worked if the latest time that clock has shown so far is on a working day and within the hours.
  "The latest so far" is what makes a clinic open once and close once on a day whose clock is set back.
- A deadline is the end of the minute in which the last of the amount is worked. An amount of 0 is over at once
  where the clinic works or has closed this minute, and otherwise when it next opens.

All clock changes are in the past, where zone databases agree.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count, islice
from pathlib import Path
from zoneinfo import ZoneInfo

FILE = Path(__file__).with_name("working_time.csv")
COLUMNS = (
    "case", "zone", "weekdays", "begin", "end", "holidays", "start_local", "start_utc", "amount_minutes",
    "expected_utc",
)  # fmt: skip

MINUTE = timedelta(minutes=1)
WEEK, ALL = "1 2 3 4 5", "1 2 3 4 5 6 7"
CHANGING = {
    "America/Los_Angeles": 2024,
    "America/New_York": 2024,
    "America/St_Johns": 2024,  # half an hour beside the hour
    "America/Havana": 2024,  # at midnight
    "America/Nuuk": 2024,  # an hour before midnight
    "America/Santiago": 2023,  # southern, at midnight
    "America/Sao_Paulo": 2018,  # southern, the last summer time there was
    "Europe/London": 2024,
    "Europe/Berlin": 2024,
    "Europe/Dublin": 2024,  # winter time is the exception in its rules
    "Africa/Cairo": 2024,  # on Fridays
    "Africa/Casablanca": 2024,  # back for Ramadan
    "Asia/Beirut": 2024,
    "Australia/Adelaide": 2024,  # southern, half an hour beside the hour
    "Australia/Lord_Howe": 2024,  # southern, changes by half an hour
    "Pacific/Auckland": 2024,
    "Pacific/Chatham": 2024,  # three quarters of an hour beside the hour
}
"""Zones that change their clocks twice in this year."""
STEADY = ("Asia/Kolkata", "Asia/Kathmandu", "Asia/Tokyo", "America/Phoenix", "Pacific/Kiritimati")


def worked(
    zone: str, weekdays: str, begin: str, end: str, holidays: str, since: datetime
) -> Iterator[tuple[datetime, bool]]:
    """Every UTC minute from ``since`` on, and whether the clinic works in it."""
    shown = datetime.combine(since, datetime.min.time()) - timedelta(days=4)
    for minutes in count(-36 * 60):
        moment = since + minutes * MINUTE
        shown = max(shown, moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None))
        working_day = str(shown.isoweekday()) in weekdays.split() and shown.date().isoformat() not in holidays.split()
        # The minute before `since` tells whether the clinic closes at that moment.
        if minutes >= -1:
            yield moment, working_day and begin <= shown.strftime("%H:%M") < end


def deadline(zone: str, weekdays: str, begin: str, end: str, holidays: str, start: datetime, amount: int) -> datetime:
    """When ``amount`` minutes of working time have passed since ``start`` (UTC, to the minute)."""
    before = False
    for moment, now in worked(zone, weekdays, begin, end, holidays, start):
        if moment >= start:
            if amount == 0 and (now or before):
                return moment
            amount -= now and amount > 0
            if amount == 0 and now:
                return moment + MINUTE
        before = now
    raise AssertionError


def changes(zone: str, year: int) -> list[datetime]:
    """The first two moments of the year (UTC, all on a quarter of an hour) from which the zone has another offset."""
    there, first = ZoneInfo(zone), datetime(year, 1, 1, tzinfo=UTC)
    quarters = (first + 15 * n * MINUTE for n in range(366 * 24 * 4))
    other = (q for q in quarters if q.astimezone(there).utcoffset() != (q - MINUTE).astimezone(there).utcoffset())
    return list(islice(other, 2))


def at(zone: str, day: date, clock: str) -> datetime:
    """The first UTC minute at which the wall clock shows this (a time that is not skipped)."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    while f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" != f"{day} {clock}":
        moment += MINUTE
    return moment


def around_a_change(zone: str, change: datetime) -> Iterator[tuple[str, str, str, str, str, datetime, int]]:
    before = (change - MINUTE).astimezone(ZoneInfo(zone)).replace(tzinfo=None) + MINUTE
    after = change.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    forward = after > before
    edge = "skipped" if forward else "repeated"
    # A time of day that the change skips or repeats, and the day it is on.
    inside = min(before, after) + abs(after - before) / 2
    day, clock = inside.date(), inside.strftime("%H:%M")
    friday = day - timedelta(days=(day.isoweekday() - 5) % 7 or 7)
    monday = friday + timedelta(days=3)
    yield f"weekend, {edge}", WEEK, "09:00", "17:00", "", at(zone, friday, "16:00"), 120
    yield f"weekend and a holiday, {edge}", WEEK, "09:00", "17:00", f"{monday}", at(zone, friday, "16:00"), 120
    yield f"through the change, {edge}", ALL, "00:00", "23:59", "", change - timedelta(hours=2), 420
    yield f"to the minute of the change, {edge}", ALL, "00:00", "23:59", "", change - timedelta(hours=2), 120
    if clock < "22:00":
        yield f"opening {edge}", ALL, clock, "23:00", "", change - timedelta(hours=5), 90
    if clock > "00:30":
        opens = "00:10" if clock < "04:00" else "20:00"
        yield f"closing {edge}", ALL, opens, clock, "", change - timedelta(hours=5), 200
        yield f"closing {edge}, whole days", ALL, opens, clock, "", change - timedelta(hours=30), 900
        yield f"closing {edge}, holiday", ALL, opens, clock, f"{day}", change - timedelta(hours=30), 400
    yield f"asked in the hour {edge}", ALL, "00:00", "23:30", "", change + timedelta(minutes=10), 1440


def in_a_year(zone: str, year: int) -> Iterator[tuple[str, str, str, str, str, datetime, int]]:
    """Deadlines without a clock change. The first Wednesday of June is nobody's holiday here unless it is named."""
    june = date(year, 6, 1)
    wednesday = june + timedelta(days=(3 - june.isoweekday()) % 7)
    new_year, eve = date(year + 1, 1, 1), date(year, 12, 31)
    thursday, friday, saturday = (wednesday + timedelta(days=n) for n in (1, 2, 3))
    plain = (WEEK, "09:00", "17:00", "")
    yield "one working day from the middle of a day", *plain, at(zone, wednesday, "12:30"), 480
    yield "to closing time", *plain, at(zone, wednesday, "09:00"), 480
    yield "nothing, out of hours", *plain, at(zone, saturday, "12:00"), 0
    yield "before a holiday", WEEK, "08:30", "12:15", f"{thursday} {friday}", at(zone, wednesday, "12:15"), 1
    yield "year end", WEEK, "09:00", "17:00", f"{new_year}", at(zone, eve, "16:59"), 481


def table() -> Iterator[dict[str, str]]:
    """Every row, in the order of the file."""
    for zone, year in {**CHANGING, **dict.fromkeys(STEADY, 2024)}.items():
        rows = list(in_a_year(zone, year))
        if zone in CHANGING:
            rows += [row for change in changes(zone, year) for row in around_a_change(zone, change)]
        for case, weekdays, begin, end, holidays, start, amount in rows:
            yield _row(case, zone, weekdays, begin, end, holidays, start, amount)
    # Samoa skipped Friday 30 December 2011 as a whole.
    apia, thursday = "Pacific/Apia", date(2011, 12, 29)
    for clock, amount in (("08:00", 480), ("16:00", 60), ("16:00", 61), ("17:00", 0), ("17:01", 0), ("12:00", 900)):
        start = at(apia, thursday, clock)
        yield _row("a skipped day", apia, "1 2 3 4 5", "09:00", "17:00", "2012-01-02", start, amount)


def _row(
    case: str, zone: str, weekdays: str, begin: str, end: str, holidays: str, start: datetime, amount: int
) -> dict[str, str]:
    expected = deadline(zone, weekdays, begin, end, holidays, start, amount)
    values = (
        case, zone, weekdays, begin, end, holidays, start.astimezone(ZoneInfo(zone)).isoformat(), start.isoformat(),
        str(amount), expected.isoformat(),
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


if __name__ == "__main__":
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table())
