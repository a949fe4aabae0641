"""Journeys as recorded, as far as this process has read, proved or written them.

What is kept spares reading a journey from its beginning at every append. It is never believed by itself: it is used for
exactly the version and the hash that the record has, which an append compares once more under the lock.
"""

from collections import OrderedDict
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from workflows.journey.aggregate import Journey
from workflows.journey.receipts import CommandReceipt


class RecordedJourney(NamedTuple):
    """A journey after its recorded events up to a version, whose ``journey_hash`` stands for all of them.

    ``receipts`` are those of its commands, None where they were not read, and ``at`` is when its last event was decided
    (UTC). ``proven`` says whether it was found to follow from its commands, as far as these rules decided it, and every
    signature in it to count.
    """

    journey: Journey
    journey_hash: bytes
    receipts: dict[UUID, CommandReceipt] | None = None
    at: datetime | None = None
    proven: bool = False


class RecordedJourneys:
    """Keeps the journeys that were used last: at most so many, and of at most so many events together. However long a
    journey is, it takes no more than half of that room: two short ones do not drive it out, which would have it read
    from its beginning at every append.

    A journey takes up to about 2 KB for an event. Each is kept once, at the version it was kept at last.
    """

    def __init__(self, most_journeys: int = 256, most_events: int = 30_000) -> None:
        self._most_journeys, self._most_events = most_journeys, most_events
        self._kept: OrderedDict[UUID, RecordedJourney] = OrderedDict()
        self._events = 0

    def take(self, journey_id: UUID, version: int) -> RecordedJourney | None:
        """Return a journey at exactly this version, and forget it: whoever goes on keeps it again afterwards."""
        kept = self._kept.get(journey_id)
        if kept is None or kept.journey.version != version:
            return None
        return self._forget(journey_id)

    def latest(self, journey_id: UUID) -> RecordedJourney | None:
        """Return a journey as it was kept last."""
        return self._kept.get(journey_id)

    def find(self, journey_id: UUID, journey_hash: bytes) -> Journey | None:
        """Return a journey whose recorded events have exactly this hash."""
        kept = self._kept.get(journey_id)
        if kept is None or kept.journey_hash != journey_hash:
            return None
        self._kept.move_to_end(journey_id)
        return kept.journey

    def keep(self, recorded: RecordedJourney) -> None:
        """Keep a journey in the place of what was kept of it, and forget those that were not used for longest."""
        journey = recorded.journey
        if journey.id in self._kept:
            self._forget(journey.id)
        self._kept[journey.id] = recorded
        self._events += self._room(journey)
        while len(self._kept) > self._most_journeys or self._events > self._most_events:
            self._forget(next(iter(self._kept)))

    def _forget(self, journey_id: UUID) -> RecordedJourney:
        forgotten = self._kept.pop(journey_id)
        self._events -= self._room(forgotten.journey)
        return forgotten

    def _room(self, journey: Journey) -> int:
        return min(journey.version, self._most_events // 2)
