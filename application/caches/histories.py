"""What is recorded of a journey, parsed and folded; and what this process read of it lately, so that a look reads only
what was recorded since."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from activities.record import Record, StoredEvent, UnreadableEvent
from activities.record.event_codec import apply_stored
from application.errors import unreadable_event
from workflows.journey.aggregate import Journey
from workflows.journey.events import Event

PORTION = 25
"""How many events are read and folded in one go: some milliseconds."""
MOST: Final = 5_000
"""How many events are kept at most, of all journeys together. Each takes 7 KB, and 13 µs whenever all memory is looked
through for garbage."""


class History(NamedTuple):
    """A journey's events, oldest first, and its state after them, true up to ``position`` of the record. ``stored`` are
    the rows that they were read from."""

    events: tuple[Event, ...]
    journey: Journey
    position: int
    stored: tuple[StoredEvent, ...]

    @property
    def late(self) -> frozenset[int]:
        """The versions of those that were recorded late."""
        return frozenset(stored.version for stored in self.stored if stored.late)


class ReadSoFar(NamedTuple):
    """What is stored of a journey, and the events up to the first that cannot be read, with the state after them.
    ``journey`` is None if its opening cannot be read."""

    stored: tuple[StoredEvent, ...]
    events: tuple[Event, ...]
    journey: Journey | None

    @property
    def position(self) -> int:
        """The position of the record up to which it is true; 0 where there is nothing."""
        return self.stored[-1].position if self.stored else 0

    @property
    def whole(self) -> History | None:
        """All of it; None if an event cannot be read: the state before that is not where the journey stands."""
        if self.journey is None or len(self.events) < len(self.stored):
            return None
        return History(self.events, self.journey, self.position, self.stored)

    def require_whole(self) -> History:
        """Return all of it.

        Raises:
            Fault: an event cannot be read.
        """
        whole = self.whole
        if whole is None:
            first = self.stored[len(self.events)]
            raise unreadable_event(UnreadableEvent(first.journey_id, first.version))
        return whole


NOTHING: Final = ReadSoFar((), (), None)


class Histories:
    """The journeys that were read lately, at most so many events of all of them; one that is longer is not kept, and
    drives out no other. A look reads the last event that is kept once more, with those recorded since: if that is
    another one, or its key is gone, everything is read anew. What was read before is not asked for again, so what an
    administrator alters there is not shown."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept = OrderedDict[UUID, ReadSoFar]()
        self._events = 0

    async def load(self, record: Record, journey_id: UUID) -> ReadSoFar:
        """Return what is recorded of a journey.

        Raises:
            RecordUnavailable, RecordFault: the record cannot be reached.
        """
        kept = self._kept.get(journey_id, NOTHING)
        last = kept.stored[-1:]
        stored = await record.load(journey_id, after_version=last[0].version - 1 if last else 0)
        if stored[: len(last)] != last:
            kept, last, stored = NOTHING, (), await record.load(journey_id)
        found = await read_events(stored[len(last) :], kept)
        self._keep(journey_id, found)
        return found

    def _keep(self, journey_id: UUID, found: ReadSoFar) -> None:
        self._drop(self._kept.pop(journey_id, NOTHING))
        if found.whole is None or len(found.stored) > self._most:
            return
        self._kept[journey_id] = found
        self._events += len(found.stored)
        while self._events > self._most:
            self._drop(self._kept.popitem(last=False)[1])

    def _drop(self, found: ReadSoFar) -> None:
        self._events -= len(found.stored)


async def read_events(stored: Sequence[StoredEvent], before: ReadSoFar = NOTHING) -> ReadSoFar:
    """Read events, after those that were read ``before``, up to the first that cannot be read, so that it does not keep
    people from those before it. It takes the processor: every `PORTION` events other tasks of this loop have their
    turn."""
    if not stored:
        return before
    events: list[Event] = []
    journey = before.journey
    for count, each in enumerate(stored, 1):
        if count % PORTION == 0:
            await asyncio.sleep(0)
        try:
            event, journey = apply_stored(each, journey)
        except UnreadableEvent:  # `record verify` says what is wrong with it
            break
        events.append(event)
    return ReadSoFar((*before.stored, *stored), (*before.events, *events), journey)
