"""Warn of what is right in a protocol now, and will not be for as long as a journey lasts."""

from collections.abc import Iterator
from datetime import date, timedelta

from workflows.journey.protocol import Protocol


def find_warnings(protocol: Protocol, today: date) -> tuple[str, ...]:
    """Warn of what is right now, but will not be until a journey that starts today has ended.

    ``today`` is the clinic's local day.
    """
    return (*_holiday_warnings(protocol, today), *_permission_warnings(protocol, today))


def _permission_warnings(protocol: Protocol, today: date) -> Iterator[str]:
    """Warn of a permission that ends before a course that starts today would."""
    ends = protocol.permissions.remote_prescribing_last_day
    if today > ends:
        yield (
            f"the permission to prescribe without a visit in person ended on {ends}: no session is planned or released "
            "any more; set its last day as the rule in force says, and have the protocol signed anew"
        )
    elif today + timedelta(days=protocol.sessions.course_max_days) > ends:
        yield (
            f"the permission to prescribe without a visit in person ends on {ends}, before a course that starts today "
            "does: from then on no session is planned or released"
        )


def _holiday_warnings(protocol: Protocol, today: date) -> tuple[str, ...]:
    known = protocol.working_time.holidays_known_until
    lasts = timedelta(days=protocol.sessions.course_max_days, weeks=protocol.follow_up.weeks[-1])
    if today > known:
        return (f"its list of holidays ended on {known}: nobody is started on it, add those of {today.year}",)
    if today + lasts > known:
        return (
            f"its list of holidays ends on {known}, before a journey that starts today does: add those of "
            f"{(known + timedelta(days=1)).year}",
        )
    return ()
