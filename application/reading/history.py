"""Reads a journey from the record, for whoever may look at it."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import takewhile
from uuid import UUID

from activities.record import KeyAway, StoredEvent
from activities.record.access_log import Purpose
from activities.record.event_codec import apply_stored
from application.caches.histories import History, ReadSoFar, read_events
from application.context import Context
from application.errors import FromOutside, InvalidInput, NotAllowed, NotFound
from application.input.numbers import number_in
from application.reading.access_log import Query, has_broken_glass, is_theirs, keep_look, may_see
from workflows.journey.aggregate import Journey, evolve, fold
from workflows.journey.always.care_team.rules import WHAT_ANYBODY_MAY
from workflows.journey.events import Event, FactAmended
from workflows.journey.vocabulary.actors import Role

MOMENT = "A version of the journey, or a time with its offset (2026-11-23T17:00:00Z)."


async def read_journey(context: Context, query: Query, journey_id: UUID, *, participants: bool = False) -> History:
    """Record who looks at a journey, and return the journey. With ``participants``, whoever has a part in it may look
    too: an observer, who may not see the rest.

    Raises:
        NotFound: there is no such journey.
        NotAllowed: the person may not look at it. The attempt is recorded.
        Fault: an event of it cannot be read.
    """
    return (await _looked_at(context, query, journey_id, participants=participants)).require_whole()


async def read_so_far(context: Context, query: Query, journey_id: UUID) -> ReadSoFar:
    """As `read_journey`, also when an event cannot be read, but for that with which it begins: it says whose it is.

    Raises:
        NotFound, NotAllowed: as `read_journey`.
        Fault: its beginning cannot be read.
    """
    return await _looked_at(context, query, journey_id)


async def read_stored(context: Context, query: Query, journey_id: UUID) -> tuple[StoredEvent, ...]:
    """Return the rows of a journey, including those that cannot be read as events.

    Raises:
        NotFound, NotAllowed, Fault: as `read_so_far`.
    """
    return (await read_so_far(context, query, journey_id)).stored


async def read_to_act(context: Context, query: Query, journey_id: UUID) -> ReadSoFar:
    """As `read_so_far`, for what somebody does about a journey beside its own commands: who broke the glass looks, and
    does nothing.

    Raises:
        NotFound, NotAllowed, Fault: as `read_so_far`, or they have no part in the journey.
    """
    read = await read_so_far(context, query, journey_id)
    if read.journey is None or not is_theirs(context, read.journey):
        raise NotAllowed(
            "you have no part in this journey: emergency access lets you look",
            WHAT_ANYBODY_MAY,
            state="Nothing was changed.",
        )
    return read


async def read_journeys(context: Context, query: Query, journey_ids: Iterable[UUID]) -> tuple[Journey, ...]:
    """Record the look, and return those of these journeys that the person may look at and that can be read."""
    read: list[ReadSoFar] = []
    for journey_id in journey_ids:
        with suppress(KeyAway):
            read.append(await _load(context, journey_id))
    theirs = [(each.journey, each.position) for each in read if each.journey is not None]
    theirs = [(journey, position) for journey, position in theirs if may_see(context, journey)]
    position = max((position for _, position in theirs), default=0)
    await keep_look(context, query, [journey.id for journey, _ in theirs], position)
    return tuple(journey for journey, _ in theirs)


async def load_history(context: Context, journey_id: UUID) -> History:
    """Load a journey for a use that shows nothing of it: access is not checked, and nothing is recorded.

    Raises:
        NotFound: there is no such journey.
        Fault: an event of it cannot be read.
    """
    found = await _load(context, journey_id)
    if not found.stored:
        raise no_such_journey(journey_id)
    return found.require_whole()


async def load_journey(context: Context, journey_id: UUID) -> Journey:
    """Load the state of a journey, as `load_history` does."""
    return (await load_history(context, journey_id)).journey


async def follow(context: Context, journey: Journey) -> Journey:
    """Return a journey that was read before, with the events recorded since."""
    stored = await (await context.record()).load(journey.id, after_version=journey.version)
    for each in stored:
        _, journey = apply_stored(each, journey)
    return journey


def no_such_journey(journey_id: UUID) -> NotFound:
    """Return the error for an id under which nothing is recorded."""
    return NotFound(
        "there is no journey of this id",
        "See `pathway list`; ids look like 00000000-0000-0000-0000-000000000000",
        ids={"journey_id": str(journey_id)},
    )


def as_known(events: Sequence[Event], moment: str, *, now: datetime, corrected: bool = False) -> Journey:
    """Return a journey as it was known at a moment; with ``corrected``, including later corrections of it.

    What was *known* at a moment is what the journey had decided by then; it does not matter when that was recorded.
    What was *true* at that moment, as far as is known today, also takes in corrections that were made later.

    Raises:
        InvalidInput: it is neither a version nor a time, or it is still to come.
        NotFound: the journey had not begun.
    """
    version = _version_at(events, moment, now)
    known = [event for event in events if event.version <= version]
    if not known:
        raise NotFound("the journey had not begun then", "Give a later moment")
    journey = fold(known)
    if not corrected:
        return journey
    for event in events:
        if event.version > version and isinstance(event.body, FactAmended) and event.body.version <= version:
            journey = evolve(journey, event)
    return journey.model_copy(update={"version": version})


def _version_at(events: Sequence[Event], moment: str, now: datetime) -> int:
    try:
        if (version := number_in(moment)) is not None:
            if version > len(events):
                raise _still_to_come(events)
            return version
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None:
            raise ValueError
    except ValueError:
        raise InvalidInput("this is neither a version nor a time with its offset", f"Give one: {MOMENT}") from None
    if at > now:
        raise _still_to_come(events)
    # Up to the first event that was decided later. An event after that one is excluded even if its time is earlier.
    return max((event.version for event in takewhile(lambda event: event.at <= at, events)), default=0)


def _still_to_come(events: Sequence[Event]) -> InvalidInput:
    return InvalidInput(
        "this version or time is still to come",
        f"The journey is at version {len(events)}; leave it out for how things stand now. {MOMENT}",
    )


async def _looked_at(context: Context, query: Query, journey_id: UUID, *, participants: bool = False) -> ReadSoFar:
    found = await _load(context, journey_id)
    if not found.stored:
        raise no_such_journey(journey_id)
    asked = is_theirs if participants else may_see
    may = found.journey is not None and asked(context, found.journey)
    broke = not may and (context.as_seen is not None or await has_broken_glass(context, journey_id))
    purpose = Purpose.BREAK_THE_GLASS if broke else context.purpose
    await keep_look(context, query, [journey_id], found.position, shown=may or broke, purpose=purpose)
    if found.journey is None and not broke:
        found.require_whole()
    if not may and not broke and context.person.role == Role.OBSERVER:
        raise NotAllowed(
            "no session that is still to come or runs names you as the adult who stays: yours is over, or is somebody "
            "else's now",
            "You need do nothing. You can report harm and ask for help as before; call us about anything else",
            state="That you tried is kept. Nothing else happened.",
        )
    if not may and not broke:
        raise FromOutside(
            "this journey is of a clinic you do not work for, and its plan of care does not name you",
            f"Ask its clinic; in an emergency: `access break-glass {journey_id}`",
            state="That you tried is kept. Nothing else happened.",
        )
    return found


async def _load(context: Context, journey_id: UUID) -> ReadSoFar:
    record = await context.record()
    if context.up_to is None:
        return await context.histories.load(record, journey_id)
    return await read_events([each for each in await record.load(journey_id) if each.position <= context.up_to])
