"""List refused attempts to sign, to witness a consent or to release a session, as they are recorded."""

from collections.abc import AsyncIterator
from typing import ClassVar, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

from activities.record import KeyAway, Record, StoredEvent, UnreadableEvent
from activities.record.event_codec import from_stored
from activities.record.read_models import Refusals, refusals
from application.context import Context
from application.reading.access_log import Query, keep_look, require_staff
from application.reading.history import read_stored
from workflows.journey.decide import ATTEMPTS
from workflows.journey.events import CommandRefused, Event, PathwayStarted

Unread: TypeAlias = Literal["unread"]
UNREAD: Final[Unread] = "unread"
PAGE = 100
"""How many refusals are read at a time: not all of them are attempts."""


class ListAttempts(Query):
    """Attempts in one journey, or the latest in all journeys of the person's clinics."""

    name: ClassVar[str] = "signoff attempts"

    journey_id: UUID | None = None
    limit: int = 50


class RefusedAttempt(NamedTuple):
    """An attempt that was refused, and its position in the record."""

    position: int
    event: Event
    body: CommandRefused


class Attempts(NamedTuple):
    """Attempts, the oldest first, and whether there are ``more``. Of ``unread`` refusals beside them it cannot be said
    what was tried: their key is away, or they were altered. If it cannot even be read whose their journey is, they are
    counted for everybody."""

    attempts: tuple[RefusedAttempt, ...]
    more: bool
    unread: int = 0


async def list_attempts(context: Context, query: ListAttempts) -> Attempts:
    """Attempts that were refused, as far as the person may look at their journeys.

    Raises:
        NotAllowed: they are not of the staff.
        NotFound, NotAllowed: there is no such journey, or it is not theirs to look at.
    """
    require_staff(context, "what was refused")
    if query.journey_id is not None:
        stored = await read_stored(context, query, query.journey_id)
        read = [_attempt(each) for each in stored]
        whole = [each for each in read if isinstance(each, RefusedAttempt)]
        return Attempts(tuple(whole[-query.limit :]), len(whole) > query.limit, read.count(UNREAD))
    record = await context.record()
    head = await record.log_head()
    position = 0 if head is None else head[0] if context.up_to is None else context.up_to
    latest = [each async for each in _latest(context, position, query.limit + 1)]
    found = [each for each in latest if isinstance(each, RefusedAttempt)]
    shown = found[: query.limit][::-1]
    await keep_look(context, query, [*dict.fromkeys(attempt.event.journey_id for attempt in shown)], position)
    return Attempts(tuple(shown), len(found) > query.limit, len(latest) - len(found))


async def _latest(context: Context, position: int, most: int) -> AsyncIterator[RefusedAttempt | Unread]:
    """Return the latest attempts up to a position, the newest first, in the journeys of the person's clinics; at an
    earlier look, in those that it showed. Beside them each refusal that cannot be read."""
    record, again = await context.record(), context.as_seen
    clinics = context.person.clinics if again is None else None
    journeys = None if again is None else again.journeys
    owners: dict[UUID, str | None] = {}
    page: Refusals | None = None
    while page is None or len(page.rows) == PAGE:
        page = await refusals(record, up_to=position, clinics=clinics, journeys=journeys, limit=PAGE)
        for stored in page.rows:
            position, journey_id = stored.position - 1, stored.journey_id
            attempt = _attempt(stored)
            if attempt is not None and clinics is not None and journey_id in page.unlisted:
                if journey_id not in owners:
                    owners[journey_id] = await _clinic_of(record, journey_id)
                owner = owners[journey_id]
                if owner not in clinics and (owner is not None or attempt is not UNREAD):
                    continue
            if attempt is None:
                continue
            yield attempt
            most -= isinstance(attempt, RefusedAttempt)
            if not most:
                return


async def _clinic_of(record: Record, journey_id: UUID) -> str | None:
    """Return the clinic of a journey that no list shows yet, by its opening; None if that cannot be read."""
    try:
        async for page in record.read(journey_id, until_version=1):
            opening = from_stored(page[0]).body
            return opening.clinic if isinstance(opening, PathwayStarted) else None
    except (UnreadableEvent, KeyAway):  # `record verify` finds it
        return None
    return None


def _attempt(stored: StoredEvent) -> RefusedAttempt | Unread | None:
    """Return the attempt that a row is, if it is one, or that it is a refusal which cannot be read."""
    if stored.event_type != "command.refused":
        return None
    try:
        event = from_stored(stored)
    except UnreadableEvent:
        return UNREAD
    if not isinstance(event.body, CommandRefused) or event.body.command_kind not in ATTEMPTS:
        return None
    return RefusedAttempt(stored.position, event, event.body)
