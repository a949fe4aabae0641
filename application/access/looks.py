"""Who looked at one journey: the looks as they are kept, and each emergency access with what was looked at by it."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import ClassVar, NamedTuple
from uuid import UUID

from activities.record import Record
from activities.record.access_log import (
    AccessLogEntry,
    list_access,
    list_broken_glass,
    list_looks_by,
    second_id_of,
)
from application.caches.histories import History
from application.context import Context
from application.reading.access_log import Query, name_readers
from application.reading.history import read_journey
from workflows.journey.aggregate import Journey
from workflows.journey.always.access.model import Access
from workflows.journey.events import GlassBroken


class ListLooks(Query):
    """Who looked at a journey, or what one person looked at. ``before`` is the last look of the page before."""

    name: ClassVar[str] = "access list"

    journey_id: UUID | None = None
    by: str | None = None
    before: UUID | None = None
    limit: int = 50


class EmergencyAccess(NamedTuple):
    """An emergency access: since when and until when (UTC) somebody might look, their reason, and their looks by it,
    the oldest first; ``more``: there are further looks. ``until`` is None where the access log does not say."""

    access: Access
    at: datetime
    reason: str
    until: datetime | None
    looks: tuple[AccessLogEntry, ...]
    more: bool


class LookPage(NamedTuple):
    """Who looked at a journey, the latest first, and every emergency access, the oldest first. ``next`` is where the
    next page goes on; None where there is none."""

    journey: Journey
    looks: tuple[AccessLogEntry, ...]
    accesses: tuple[EmergencyAccess, ...]
    next: UUID | None


async def show_looks(context: Context, query: ListLooks, journey_id: UUID) -> LookPage:
    """Show who looked at a journey. It is a look, too.

    Raises:
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at.
    """
    record = await context.record()
    kept = await list_access(record, journey_id=journey_id, before=query.before, limit=query.limit + 1)
    history = await read_journey(context, query, journey_id)
    entries = name_readers(kept[: query.limit], record.patients, (history.journey,))
    accesses = [each async for each in _accesses(record, history, query.limit, context.as_seen)]
    return LookPage(
        history.journey, entries, tuple(accesses), entries[-1].entry_id if len(kept) > query.limit else None
    )


async def _accesses(
    record: Record, history: History, most: int, again: AccessLogEntry | None
) -> AsyncIterator[EmergencyAccess]:
    """Return every emergency access of which a journey was told, each with at most so many looks. Shown
    ``again``, later looks are left out."""
    journey = history.journey
    broken = await list_broken_glass(record, journey.id)
    kept = {command: each for each in broken for command in (each.entry_id, second_id_of(journey, each.entry_id))}
    for event in history.events:
        if not isinstance(event.body, GlassBroken) or event.body.access not in journey.accesses:
            continue
        access, entry = journey.accesses[event.body.access], kept.get(event.command_id)
        if entry is None or entry.reader_id != access.by:
            since, until, reason = event.at, None, event.body.reason
        else:
            # The journey may have been told later than they looked, and of another reason than they gave.
            since, until, reason = entry.clock, entry.until, entry.reason or event.body.reason
        ends = until if again is None else min(until or again.clock, again.clock)
        looks = await list_looks_by(record, journey.id, access.by, since, ends, limit=most + 1)
        yield EmergencyAccess(access, since, reason, until, looks[:most], len(looks) > most)
