"""Local time: zones that must exist, ages, and quiet hours.

Everything here turns local rules into UTC instants once; the instant is then kept in an event and never
recomputed. Elapsed intervals (doses, check-ins) never pass through here: they are counted in UTC.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, StringConstraints

from workflows.journey.protocol import QuietHours


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not an IANA time zone; write for example America/Los_Angeles") from None
    if "/" not in name:
        raise ValueError("name the place, for example America/Los_Angeles; offsets and UTC are not where people live")
    return name


Zone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_known_zone)]
"""An IANA zone with a place. A missing zone is an error, never UTC."""


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the calendar") from None


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A moment with its offset, kept in UTC."""


def local(moment: datetime, zone: str) -> datetime:
    """The moment on the wall clock of ``zone``, with its offset."""
    return moment.astimezone(ZoneInfo(zone))


def age_on(born: date, moment: datetime, zone: str) -> int:
    """Full years on the local day of ``moment``. Somebody born on 29 February has their birthday on 1 March."""
    today = local(moment, zone).date()
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


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


def _at(day: date, clock: time, zone: str, fold: int) -> datetime:
    wall = datetime.combine(day, clock, ZoneInfo(zone)).replace(fold=fold)
    instant = wall.astimezone(UTC)
    skipped = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != wall.replace(tzinfo=None)
    if skipped:
        # In a gap, fold=0 reads the wall time with the offset before it, which lands after the gap.
        return wall.replace(fold=0).astimezone(UTC)
    return instant
