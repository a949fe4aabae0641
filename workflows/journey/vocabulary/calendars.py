"""Local time: zones that must exist, ages, quiet hours, and the working time of a clinic.

It turns local rules into UTC instants once. The instant is then kept in an event and never computed again. Elapsed
intervals (doses, check-ins) do not use this module: they are counted in UTC.
"""

import re
from bisect import bisect_left
from calendar import isleap
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from itertools import count
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from workflows.journey.vocabulary.base import InputModel, Whole

AREAS = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip
"""The continents and oceans that IANA names its places by (tzdata, "Theory and pragmatics": Area/Location)."""

_PART = re.compile(r"[A-Za-z0-9_+-]+")


@cache
def zone_info(name: str) -> ZoneInfo:
    """Return the rules of an IANA zone, from the zone data pinned with this build and never from the machine's: whoever
    reads a moment in a zone, and on whatever machine, reads the same.

    Raises:
        ZoneInfoNotFoundError: there is no such zone.
    """
    parts = name.split("/")
    if all(map(_PART.fullmatch, parts)):
        with suppress(OSError, ValueError), files("tzdata").joinpath("zoneinfo", *parts).open("rb") as rules:
            return ZoneInfo.from_file(rules, key=name)
    raise ZoneInfoNotFoundError("there is no such time zone")


def _known_zone(name: str) -> str:
    """A zone is a place in an area: `UTC`, `Etc/GMT-9`, `EST5EDT` and `US/Pacific` name none."""
    try:
        zone_info(name)
    except ZoneInfoNotFoundError:
        raise ValueError("not an IANA time zone; write for example America/Los_Angeles") from None
    area, _, place = name.partition("/")
    if area not in AREAS or not place:
        raise ValueError("name the place, for example America/Los_Angeles; UTC and offsets are not places")
    return name


Zone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known_zone)]
"""An IANA zone with a place. A missing zone is an error, never UTC."""


FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
"""The days that this service speaks of. Nobody alive was born before them, and nothing is planned for after them."""
_FIRST, END = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""No moment is spoken of from ``END`` on. What lasts as long as a day can say, is over then or later."""


class _Spelled:
    """Has a time read from one spelling alone: pydantic reads digits as seconds since 1970 otherwise, also where it is
    strict. A value that is a time already is taken."""

    def __init__(self, kind: type[date] | type[time], spelling: str, said: str, shown_as: str) -> None:
        self.kind, self.spelling, self.said, self.shown_as = kind, spelling, said, shown_as

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        value = handler(source)
        spelling = core_schema.str_schema(pattern=self.spelling, strict=True)
        parsed = core_schema.no_info_plain_validator_function(self.kind.fromisoformat)
        spelled = core_schema.chain_schema([spelling, parsed, value])
        made = core_schema.chain_schema([core_schema.is_instance_schema(self.kind), value])
        either = core_schema.union_schema([made, spelled], mode="left_to_right")
        return core_schema.custom_error_schema(
            core_schema.json_or_python_schema(json_schema=spelled, python_schema=either),
            custom_error_type=f"{self.shown_as}_spelling",
            custom_error_message=self.said,
        )

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": self.shown_as}


def _in_utc(moment: datetime) -> datetime:
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(_OUTSIDE) from None
    if not _FIRST <= moment < END:
        raise ValueError(_OUTSIDE)
    return moment


def _in_range(day: date) -> date:
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(_OUTSIDE)
    return day


_OUTSIDE = f"must be from {FIRST_DAY.year} to {LAST_DAY.year}"

Instant = Annotated[
    AwareDatetime,
    _Spelled(
        datetime,
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})$",
        "must be a time with its offset, as 2026-11-23T17:00:00-08:00",
        "date-time",
    ),
    AfterValidator(_in_utc),
]
"""A moment, written as ISO 8601 has it with its offset, and kept in UTC."""
Day = Annotated[
    date,
    _Spelled(date, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "must be a date, as 2026-11-23", "date"),
    AfterValidator(_in_range),
]
"""A day of the calendar, written as ISO 8601 has it. Whose day it is, the zone beside it says."""


def _plain(clock: time) -> time:
    if clock.tzinfo is not None or clock.second or clock.microsecond:
        raise ValueError(_NO_CLOCK)
    return clock


_NO_CLOCK = 'must be a time of day to the minute, like "09:00"'
Clock = Annotated[time, _Spelled(time, r"^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$", _NO_CLOCK, "time"), AfterValidator(_plain)]
"""A local time of day, to the minute. The zone stands beside it."""


class QuietHours(InputModel):
    """Local wall-clock times between which routine messages do not reach a patient."""

    start: Clock
    """When they begin, on the patient's wall clock."""
    end: Clock
    """When they end, on the patient's wall clock; after midnight where it is before ``start``."""


def _rising(hours: tuple[time, time]) -> tuple[time, time]:
    if hours[0] >= hours[1]:
        raise ValueError("a working day must begin before it ends, on the same day, written [begin, end]")
    return hours


DayHours = Annotated[tuple[Clock, Clock], AfterValidator(_rising)]
"""From when to when of a local day, [begin, end]; the end is not part of it."""


class WorkingTime(InputModel):
    """When a clinic works: the same ``hours`` [begin, end] of its own wall clock on every working day.

    ``weekdays`` are ISO numbers, Monday 1 to Sunday 7; ``holidays`` are local days on which nobody works.
    There is always a next working day: at least one weekday, and no end of days.

    Holidays are listed up to and including the local day ``holidays_known_until``. After it every one of the
    ``weekdays`` counts as a working day, so that a deadline comes rather early than late; the sentence that says why
    something is awaited says so too.
    """

    zone: Zone
    """Where the clinic is."""
    weekdays: Annotated[tuple[Annotated[Whole, Field(ge=1, le=7)], ...], Field(min_length=1, max_length=7)]
    """Working days, Monday 1 to Sunday 7."""
    hours: DayHours
    """When a working day begins and ends, on the clinic's wall clock."""
    holidays: Annotated[tuple[Day, ...], Field(max_length=500)] = ()
    """Local days on which nobody works."""
    holidays_known_until: Day
    """The last local day up to which ``holidays`` names every one."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if any(day > self.holidays_known_until for day in self.holidays):
            raise ValueError("a holiday is listed after holidays_known_until: is every other one up to it, too?")
        return self

    @property
    def week(self) -> timedelta:
        """The working time of a week without holidays or clock changes."""
        begin, end = (timedelta(hours=clock.hour, minutes=clock.minute) for clock in self.hours)
        return (end - begin) * sum(1 for day in range(1, 8) if day in self.weekdays)


def holidays_known_at(moment: datetime, working: WorkingTime) -> bool:
    """Whether the clinic's holidays are listed up to and including the local day of ``moment``."""
    return local(moment, working.zone).date() <= working.holidays_known_until


def local(moment: datetime, zone: str) -> datetime:
    """The moment on the wall clock of ``zone``, with its offset."""
    return moment.astimezone(zone_info(zone))


def format_moment(moment: datetime, zone: str) -> str:
    """Format a moment in ``zone``, with the name of the zone."""
    return f"{local(moment, zone):%Y-%m-%d %H:%M} {zone}"


def age_on(born: date, moment: datetime, zone: str) -> int:
    """Full years on the local day of ``moment``. Somebody born on 29 February has their birthday on 1 March."""
    today = local(moment, zone).date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def birthday(born: date, years: int, zone: str) -> datetime:
    """Return the beginning (UTC) of the local day on which somebody is ``years`` old."""
    year = born.year + years
    leapling = (born.month, born.day) == (2, 29) and not isleap(year)
    day = date(year, 3, 1) if leapling else date(year, born.month, born.day)
    return day_begins(day, zone)


def is_within(moment: datetime, zone: str, hours: DayHours, weekdays: Collection[int]) -> bool:
    """Whether the wall clock of ``zone`` stands within these hours (begin included, end not) of one of these days of
    the week, Monday 1 to Sunday 7."""
    here = local(moment, zone)
    return hours[0] <= here.time() < hours[1] and here.isoweekday() in weekdays


def is_quiet(moment: datetime, zone: str, quiet: QuietHours) -> bool:
    """Whether the wall clock of ``zone`` stands in the quiet hours (start included, end not; may pass midnight)."""
    clock = local(moment, zone).time()
    if quiet.start <= quiet.end:
        return quiet.start <= clock < quiet.end
    return clock >= quiet.start or clock < quiet.end


def after_quiet_hours(moment: datetime, zone: str, quiet: QuietHours) -> datetime:
    """The moment itself, or the end of the quiet hours it falls into, as a UTC instant.

    An end that a clock change skips becomes the first moment after the gap; one that happens twice becomes
    its first occurrence that is not before ``moment``.
    """
    if not is_quiet(moment, zone, quiet):
        return moment
    here = local(moment, zone)
    day = here.date() if here.time() < quiet.end else here.date() + timedelta(days=1)
    candidates = [_at(day, quiet.end, zone, fold) for fold in (0, 1)]
    return next((end for end in candidates if end >= moment), candidates[-1])


def add_working_time(start: datetime, amount: timedelta, working: WorkingTime) -> datetime:
    """The first moment (UTC) within the clinic's hours by which ``amount`` of working time has passed since ``start``.

    The clinic opens when its wall clock first shows the beginning of the hours on a working day, or a later
    time if a clock change skips that one, and closes when it first shows their end likewise. In between every
    minute counts that really passes: a day with a skipped hour is an hour shorter, one with a repeated hour an
    hour longer. An amount used up exactly when the clinic closes ends then, not at the next opening; nothing
    is counted before the first opening, so that an amount of 0 outside the hours ends at that opening.

    Raises:
        ValueError: the amount is negative.
    """
    if amount < timedelta():
        raise ValueError("working time runs forward")
    for opens, closes in _open_from(start, working):
        if amount <= closes - opens:
            return opens + amount
        amount -= closes - opens
    raise AssertionError("working days do not end")


def working_time_between(start: datetime, end: datetime, working: WorkingTime) -> timedelta:
    """The working time that passes from ``start`` to ``end``, counted as in `add_working_time`; 0 if that is before."""
    passed = timedelta()
    for opens, closes in _open_from(start, working):
        if opens >= end:
            break
        passed += min(closes, end) - opens
    return passed


def _open_from(start: datetime, working: WorkingTime) -> Iterator[tuple[datetime, datetime]]:
    """From when to when (UTC) the clinic is open, day by day without end, as far as it is not before ``start``."""
    start, today = start.astimezone(UTC), local(start, working.zone).date()
    # A day whose end is skipped together with midnight closes when the next day has begun.
    for days in count(-1):
        day = today + timedelta(days=days)
        if day.isoweekday() not in working.weekdays or day in working.holidays:
            continue
        opens, closes = (_at(day, clock, working.zone) for clock in working.hours)
        # A clock change may skip a whole working day, which then opens and closes at the same moment.
        if opens < closes and start <= closes:
            yield max(opens, start), closes


def day_begins(day: date, zone: str) -> datetime:
    """Return the moment (UTC) at which a day begins in a zone."""
    return _at(day, time(), zone)


@lru_cache(maxsize=4096)
def _at(day: date, clock: time, zone: str, fold: int = 0) -> datetime:
    """The moment (UTC) at which the wall clock of ``zone`` shows this, or the first one after the gap that skips it.

    Where a clock change makes it happen twice, ``fold`` 0 is the first and 1 the second time.
    """
    shown = datetime.combine(day, clock)
    # In a gap, fold 1 reads the time with the offset after it and lands before the gap; fold 0 lands after it.
    first, second = (shown.replace(tzinfo=zone_info(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return second if fold else first

    def reached(seconds: int) -> bool:
        return local(second + timedelta(seconds=seconds), zone).replace(tzinfo=None) >= shown

    gap = range(int((first - second).total_seconds()))
    return second + timedelta(seconds=bisect_left(gap, True, key=reached))
