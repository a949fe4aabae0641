"""The state of a long journey as folded before, so that a new run is compared without folding all of its events.

A snapshot is made from recorded events by whoever compares, never from what a run says. It counts only for the code
that made it: with another release all events are folded once more.
"""

import asyncio
import zlib
from typing import NamedTuple
from uuid import UUID

from activities.record.event_codec import from_stored
from activities.record.source_digest import CORE, source_digest
from activities.record.store import Record, Snapshot
from workflows.journey.aggregate import fold
from workflows.journey.events import Event
from workflows.journey.folded import JourneyState
from workflows.journey.receipts import add_receipts

EVERY = 200
"""How many further events a snapshot waits for. Fewer are folded in milliseconds."""


class Folded(NamedTuple):
    """A journey as recorded, the hash of its last event, and the events that the last snapshot did not have."""

    state: JourneyState
    journey_hash: bytes
    since: tuple[Event, ...]


async def load_folded(record: Record, journey_id: UUID) -> Folded | None:
    """Return a journey as recorded; None when it is unknown.

    Raises:
        UnreadableEvent: one of these events cannot be read.
    """
    snapshot = await record.load_snapshot(journey_id, source_digest(CORE))
    known = None if snapshot is None else await asyncio.to_thread(_read, snapshot.content)
    journey_hash = b"" if snapshot is None else snapshot.journey_hash
    journey = None if known is None else known.journey
    receipts = {} if known is None else dict(known.receipts)
    since: list[Event] = []
    async for page in record.read(journey_id, after_version=0 if journey is None else journey.version):
        events = [from_stored(row) for row in page]
        journey = fold(events, journey)
        add_receipts(receipts, events)
        since += events
        journey_hash = page[-1].journey_hash
        # Folding takes the processor: give other tasks of this loop their turn.
        await asyncio.sleep(0)
    if journey is None:
        return None
    return Folded(JourneyState.model_construct(journey=journey, receipts=receipts), journey_hash, tuple(since))


def _written(state: JourneyState) -> bytes:
    return state.model_dump_json(exclude_none=True).encode()


def _read(content: bytes) -> JourneyState | None:
    try:
        return JourneyState.model_validate_json(zlib.decompress(content))
    except (ValueError, zlib.error):
        return None  # Whatever wrote it: the events say what is so.


async def keep_snapshot(record: Record, folded: Folded) -> None:
    """Keep a fold, if the journey has become long since the last one."""
    if len(folded.since) < EVERY:
        return
    journey = folded.state.journey
    # In the order in which it came about, unlike the canonical spelling: lists that people sign are made in it.
    content = await asyncio.to_thread(lambda: zlib.compress(_written(folded.state), 1))
    await record.keep_snapshot(Snapshot(journey.id, journey.version, folded.journey_hash, source_digest(CORE), content))
