"""Moments on the wall clock of a place, and the working time of a clinic there."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from workflows.journey.vocabulary.calendars import LAST_DAY, WorkingTime

WEEK = (1, 2, 3, 4, 5)


MINUTE = timedelta(minutes=1)


def working(zone: str, hours: str = "09:00-17:00", weekdays: tuple[int, ...] = WEEK, holidays: str = "") -> WorkingTime:
    begin, end = (time.fromisoformat(clock) for clock in hours.split("-"))
    days = tuple(date.fromisoformat(day) for day in holidays.split())
    return WorkingTime(zone=zone, weekdays=weekdays, hours=(begin, end), holidays=days, holidays_known_until=LAST_DAY)


def at(moment: str, zone: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))
