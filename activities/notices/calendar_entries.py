"""Appointments as entries of a calendar (iCalendar, RFC 5545): when, and nothing of what for.

One appointment has one UID for good. Its SEQUENCE is the version of the event that says how it is now, so that what
arrives late takes nothing back. Times are in UTC, which every program reads the same.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple
from uuid import uuid5

from icalendar import Calendar
from icalendar import Event as Entry

from activities.notices.wording import Service
from workflows.journey.events import Event
from workflows.journey.views.appointments import Appointment, appointments
from workflows.journey.vocabulary.texts import show_hidden


class CalendarFile(NamedTuple):
    """A file of entries: to be added or moved (``PUBLISH``), or taken away (``CANCEL``)."""

    method: Literal["PUBLISH", "CANCEL"]
    content: bytes


def calendar_files(event: Event, service: Service, later: Iterable[Event] = ()) -> tuple[CalendarFile, ...]:
    """Return the files for a message about the appointments of an event; always the same bytes for the same events.

    What events ``later`` in its journey tell comes with messages of their own, and may have come already: a calendar
    that was told of a cancellation first knows nothing of it when the appointment comes, and would show that.
    """
    told_later = {each.name for after in later for each in appointments(after)}
    told = [each for each in appointments(event) if each.name not in told_later]
    given = [each for each in told if each.starts is not None]
    gone = [each for each in told if each.starts is None]
    files = []
    if given:
        files.append(CalendarFile("PUBLISH", _file(event, given, "PUBLISH", service)))
    if gone:
        files.append(CalendarFile("CANCEL", _file(event, gone, "CANCEL", service)))
    return tuple(files)


def _file(event: Event, told: list[Appointment], method: str, service: Service) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//appointments//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    for each in told:
        entry = Entry()
        entry.add("uid", str(uuid5(event.journey_id, f"appointment:{each.name}")))
        entry.add("sequence", event.version)
        entry.add("dtstamp", event.at)
        if each.starts is not None:
            entry.add("dtstart", each.starts)
        entry.add("summary", show_hidden(f"{service.sender}: appointment"))
        if service.call is not None:
            entry.add("description", show_hidden(f"To call: {service.call}"))
        entry.add("status", "CONFIRMED" if each.starts is not None else "CANCELLED")
        entry.add("class", "PRIVATE")
        calendar.add_component(entry)
    content: bytes = calendar.to_ical()
    return content
