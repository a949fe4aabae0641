"""Times as people write them: what a wall clock shows. Where clocks change, one hour is skipped and another comes
twice: nobody is taken to mean one of the two."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from workflows.journey.vocabulary.calendars import day_begins


class NoOneHour(ValueError):
    """A clock change skips this hour, or repeats it. It says so, and what to write."""


def read_wall_clock(shown: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which the wall clock of a zone shows this, with its offset. What has an offset of its own is
    that moment.

    Raises:
        NoOneHour: it shows this at no one moment.
        OverflowError: the calendar ends before.
    """
    if shown.tzinfo is not None:
        shown.astimezone(UTC)
        return shown
    first, second = (shown.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != shown:
        raise NoOneHour("is an hour that the clock change of this day skips")
    if first.utcoffset() != second.utcoffset():
        raise NoOneHour(
            f"is an hour that comes twice on this day: write its offset, such as {shown.isoformat()}{_offset(first)}"
        )
    return first


def read_moment(given: str, zone: ZoneInfo) -> datetime:
    """Return the moment that somebody in a zone wrote: a day for its beginning, or a time.

    Raises:
        NoOneHour, OverflowError: as `read_wall_clock`.
        ValueError: it is none.
    """
    try:
        return day_begins(date.fromisoformat(given), zone.key)
    except ValueError:
        return read_wall_clock(datetime.fromisoformat(given), zone)


def write_wall_clock(moment: datetime, zone: ZoneInfo) -> str:
    """Write a moment to the minute as the wall clock of a zone shows it; with its offset in an hour that comes twice,
    so that it can be read again."""
    shown = moment.astimezone(zone)
    twice = shown.replace(fold=0).utcoffset() != shown.replace(fold=1).utcoffset()
    return f"{shown:%Y-%m-%d %H:%M}{_offset(shown) if twice else ''}"


def _offset(moment: datetime) -> str:
    written = f"{moment:%z}"
    return f"{written[:3]}:{written[3:5]}"
