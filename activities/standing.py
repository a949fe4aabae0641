"""What is recorded of a journey, as far as appending a batch to it has to know."""

import asyncio
from typing import NamedTuple
from uuid import UUID

from activities.record.event_codec import apply_stored, from_stored
from activities.record.recorded_journeys import RecordedJourney
from activities.record.store import Record
from activities.record.stored import BEFORE_THE_FIRST, StoredEvent
from workflows.journey.decided import Batch, events_digest
from workflows.journey.events import Event
from workflows.journey.receipts import CommandReceipt, add_receipts


class Standing(NamedTuple):
    """What is recorded of a journey up to where a batch goes on, how that was read, and what is recorded after it."""

    before: RecordedJourney | None
    rows: tuple[tuple[StoredEvent, Event], ...] = ()
    later: tuple[tuple[StoredEvent, Event], ...] = ()


async def read_standing(record: Record, batch: Batch) -> Standing:
    """Read what is recorded of a journey, up to the last version of a batch.

    Raises:
        UnreadableEvent: one of its events cannot be read, or does not follow there.
    """
    journey, journey_hash = None, BEFORE_THE_FIRST
    receipts: dict[UUID, CommandReceipt] = {}
    rows: list[tuple[StoredEvent, Event]] = []
    later: list[tuple[StoredEvent, Event]] = []
    async for page in record.read(batch.journey_id, until_version=batch.last_version):
        for row in page:
            if row.version > batch.expected_version:
                later.append((row, from_stored(row)))
                continue
            event, journey = apply_stored(row, journey)
            rows.append((row, event))
            add_receipts(receipts, [event])
            journey_hash = row.journey_hash
        # Folding takes the processor: give other tasks of this loop their turn.
        await asyncio.sleep(0)
    before = None
    if journey is not None:
        before = RecordedJourney(journey, journey_hash, receipts, rows[-1][1].at)
    return Standing(before, tuple(rows), tuple(later))


def recorded_of(batch: Batch, standing: Standing) -> list[tuple[StoredEvent, Event]]:
    """Return the events with which an earlier attempt recorded a batch, or its first commands; none where something
    else is recorded after what the batch follows."""
    later = list(standing.later)
    same: list[tuple[StoredEvent, Event]] = []
    for each in batch.commands:
        recorded, later = later[: each.events], later[each.events :]
        if not recorded:
            break
        if events_digest(event for _, event in recorded) != each.digest:
            return []
        same += recorded
    return same
