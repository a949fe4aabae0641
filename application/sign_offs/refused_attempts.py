"""List refused attempts to sign, to release a session or to record a dose, as they are recorded."""

from collections.abc import AsyncIterator
from typing import ClassVar, NamedTuple
from uuid import UUID

from activities.record import StoredEvent
from activities.record.event_codec import from_stored
from application.access_log import Query, require_staff
from application.context import Context
from application.history import read_journeys, read_stored
from workflows.journey.decide import ATTEMPTS
from workflows.journey.events import CommandRefused, Event

PAGE = 500
LOOKED_BACK = 50_000
"""How many of the latest events are searched for attempts."""


class ListAttempts(Query):
    """Attempts in one journey, or the latest in all journeys that the person may look at."""

    name: ClassVar[str] = "signoff attempts"

    journey_id: UUID | None = None
    limit: int = 50


class RefusedAttempt(NamedTuple):
    """An attempt that was refused, and its position in the record."""

    position: int
    event: Event
    body: CommandRefused


class Attempts(NamedTuple):
    """Attempts, the oldest first; whether there are ``more``, and how many events were searched, if not all."""

    attempts: tuple[RefusedAttempt, ...]
    more: bool
    looked_through: int | None


async def list_attempts(context: Context, query: ListAttempts) -> Attempts:
    """Attempts that were refused, as far as the person may look at their journeys.

    Raises:
        NotAllowed: they are not of the staff.
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at.
    """
    require_staff(context, "what was refused")
    if query.journey_id is not None:
        stored = await read_stored(context, query, query.journey_id)
        whole = [attempt for each in stored if (attempt := _attempt(each)) is not None]
        return Attempts(tuple(whole[-query.limit :]), len(whole) > query.limit, None)
    seen = [attempt async for attempt in _latest(context, query.limit + 1)]
    journeys = await read_journeys(context, query, dict.fromkeys(attempt.event.journey_id for attempt in seen))
    ids = [journey.id for journey in journeys]
    found = [attempt for attempt in seen[: query.limit][::-1] if attempt.event.journey_id in ids]
    return Attempts(tuple(found), len(seen) > query.limit, LOOKED_BACK)


async def _latest(context: Context, most: int) -> AsyncIterator[RefusedAttempt]:
    """Return the latest attempts in the record, the newest first."""
    record = await context.record()
    head = await record.log_head()
    after = end = min(0 if head is None else head[0], context.up_to if context.up_to is not None else 2**63)
    while after > max(0, end - LOOKED_BACK):
        after = max(0, after - PAGE)
        for stored in reversed(await record.tail(after, limit=PAGE)):
            attempt = _attempt(stored)
            # Events may have been added since the end was read. Each event is taken once, with its own page.
            if attempt is not None and stored.position <= min(after + PAGE, end):
                yield attempt
                most -= 1
                if not most:
                    return


def _attempt(stored: StoredEvent) -> RefusedAttempt | None:
    if stored.event_type != "command.refused":
        return None
    try:
        event = from_stored(stored)
    except ValueError:  # `record verify` finds it
        return None
    if not isinstance(event.body, CommandRefused) or event.body.command_kind not in ATTEMPTS:
        return None
    return RefusedAttempt(stored.position, event, event.body)
