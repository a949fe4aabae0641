"""Who looked at one journey: the looks as they are kept, and each emergency access with what was looked at by it."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from activities.record.access_log import MOST, AccessLogEntry, Purpose, list_access
from application.access.show_again import ListLooks
from application.access_log import name_readers
from application.context import Context
from application.history import read_journey
from workflows.journey.aggregate import Journey
from workflows.journey.always.access.model import Access
from workflows.journey.events import GlassBroken


class EmergencyAccess(NamedTuple):
    """An emergency access: since when and until when (UTC) somebody might look, their reason, and their looks by it,
    the latest first. ``until`` is None where the access log does not say."""

    access: Access
    at: datetime
    reason: str
    until: datetime | None
    looks: tuple[AccessLogEntry, ...]


class Looks(NamedTuple):
    """Who looked at a journey, the latest first, and every emergency access, the oldest first. ``more``: there are
    further looks."""

    journey: Journey
    looks: tuple[AccessLogEntry, ...]
    accesses: tuple[EmergencyAccess, ...]
    more: bool


async def show_looks(context: Context, query: ListLooks, journey_id: UUID) -> Looks:
    """Show who looked at a journey. It is a look, too.

    Raises:
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at.
    """
    record = await context.record()
    kept = await list_access(record, journey_id=journey_id, limit=MOST)
    history = await read_journey(context, query, journey_id)
    entries = name_readers(kept, record.patients, (history.journey,))
    broken = {entry.entry_id: entry for entry in entries if entry.until is not None}
    accesses = []
    for event in history.events:
        if isinstance(event.body, GlassBroken) and event.body.access in history.journey.accesses:
            entry = broken.get(event.command_id)
            # The journey may have been told later than they looked.
            since, until = (event.at, None) if entry is None else (entry.clock, entry.until)
            looks = tuple(each for each in entries if _by(each, event.actor_id, since, until))
            access = history.journey.accesses[event.body.access]
            accesses.append(EmergencyAccess(access, since, event.body.reason, until, looks))
    return Looks(history.journey, entries[: query.limit], tuple(accesses), len(entries) > query.limit)


def _by(look: AccessLogEntry, person: str, since: datetime, until: datetime | None) -> bool:
    """Whether a look was made by an emergency access, and is not the access itself."""
    within = since <= look.clock and (until is None or look.clock < until)
    return within and look.until is None and (look.reader_id, look.purpose) == (person, Purpose.BREAK_THE_GLASS)
