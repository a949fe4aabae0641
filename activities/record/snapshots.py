"""The state of a long journey as folded before, so that a new run is compared without folding all of its events.

A snapshot is made from recorded events by whoever compares, never from what a run says. It counts only for the code
that made it: with another release all events are folded once more.
"""

import asyncio
import zlib
from typing import NamedTuple
from uuid import UUID, uuid5

from activities.record.codec import PayloadUnreadable
from activities.record.errors import UnreadableEvent
from activities.record.event_codec import apply_stored
from activities.record.recorded_journeys import RecordedJourney, RecordedJourneys
from activities.record.source_digest import CORE, source_digest
from activities.record.store import Record
from workflows.journey.aggregate import Journey
from workflows.journey.events import Event
from workflows.journey.folded import JourneyState
from workflows.journey.receipts import add_receipts

EVERY = 200
"""How many further events a snapshot waits for. Fewer are folded in milliseconds."""


class Snapshot(NamedTuple):
    """A fold of a journey up to a version, whose hash stands for its events, by code of this digest."""

    journey_id: UUID
    version: int
    journey_hash: bytes
    code: bytes
    content: bytes

    @property
    def content_id(self) -> UUID:
        """The id under which its content is encoded, as that of an event is under the event's."""
        return uuid5(self.journey_id, f"snapshot:{self.version}")


class Folded(NamedTuple):
    """A journey as recorded, the hash of its last event, and the events that the last snapshot did not have.
    ``unreadable`` is the first row that cannot be read, or does not follow: all the rest is what was before it."""

    state: JourneyState
    journey_hash: bytes
    since: tuple[Event, ...]
    unreadable: UnreadableEvent | None = None

    def require_whole(self) -> "Folded":
        """Return it, if it is the whole journey.

        Raises:
            UnreadableEvent: there is a row that cannot be read.
        """
        if self.unreadable is not None:
            raise self.unreadable
        return self


async def load_folded(record: Record, journey_id: UUID) -> Folded | None:
    """Return a journey as recorded, up to the first row that cannot be read; None when it is unknown.

    Raises:
        UnreadableEvent: the first row of it cannot be read.
    """
    snapshot = await load_snapshot(record, journey_id, source_digest(CORE))
    known = None if snapshot is None else await asyncio.to_thread(_read, snapshot.content)
    journey_hash = b"" if snapshot is None else snapshot.journey_hash
    journey = None if known is None else known.journey
    receipts = {} if known is None else dict(known.receipts)
    since: list[Event] = []
    unreadable: UnreadableEvent | None = None
    async for page in record.read(journey_id, after_version=0 if journey is None else journey.version):
        for row in page:
            try:
                event, journey = apply_stored(row, journey)
            except UnreadableEvent as problem:
                unreadable = problem
                break
            since.append(event)
            journey_hash = row.journey_hash
        if unreadable is not None:
            break
        # Folding takes the processor: give other tasks of this loop their turn.
        await asyncio.sleep(0)
    if journey is None:
        if unreadable is not None:
            raise unreadable
        return None
    add_receipts(receipts, since)
    state = JourneyState.model_construct(journey=journey, receipts=receipts)
    return Folded(state, journey_hash, tuple(since), unreadable)


async def load_current(record: Record, journey_id: UUID, kept: RecordedJourneys) -> Journey | None:
    """Return a journey as recorded, from where it was ``kept`` on; None when it is unknown.

    Raises:
        UnreadableEvent: one of these events cannot be read, or does not follow there.
    """
    known = kept.latest(journey_id)
    current = None if known is None else await _go_on(record, known)
    if current is None:
        folded = await load_folded(record, journey_id)
        if folded is None:
            return None
        folded.require_whole()
        current = RecordedJourney(folded.state.journey, folded.journey_hash)
    # An append may have kept it meanwhile, with more than is read here.
    if current is not known and kept.latest(journey_id) is known:
        kept.keep(current)
    return current.journey


async def _go_on(record: Record, known: RecordedJourney) -> RecordedJourney | None:
    """Return a journey with what was recorded of it since, the same if that is nothing; None if the record has other
    events up to there."""
    journey, journey_hash = known.journey, b""
    async for page in record.read(journey.id, after_version=known.journey.version - 1):
        first = not journey_hash
        if first and (page[0].version, page[0].journey_hash) != (known.journey.version, known.journey_hash):
            return None
        for row in page[1:] if first else page:
            _, journey = apply_stored(row, journey)
        journey_hash = page[-1].journey_hash
        await asyncio.sleep(0)
    if not journey_hash:
        return None
    return known if journey is known.journey else RecordedJourney(journey, journey_hash)


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
    await _keep(record, Snapshot(journey.id, journey.version, folded.journey_hash, source_digest(CORE), content))


async def _keep(record: Record, snapshot: Snapshot) -> None:
    """Keep a fold of a journey in the place of an earlier one."""
    content = await record.seal(snapshot.journey_id, snapshot.content_id, snapshot.content)
    async with record.connection() as connection:
        await connection.execute(
            "SELECT record.keep_snapshot($1, $2, $3, $4, $5, $6)",
            record.log_id,
            snapshot.journey_id,
            snapshot.version,
            snapshot.journey_hash,
            snapshot.code,
            content,
        )


async def load_snapshot(record: Record, journey_id: UUID, code: bytes) -> Snapshot | None:
    """Return the last fold of a journey that code of this digest made, and whose events the journey has; None when
    there is none."""
    async with record.connection() as connection:
        row = await connection.fetchrow(
            "SELECT s.journey_id, s.version, s.journey_hash, s.code, s.content FROM record.snapshot s "
            "JOIN record.journey_event e ON e.log_id = s.log_id AND e.journey_id = s.journey_id "
            "AND e.version = s.version AND e.journey_hash = s.journey_hash "
            "WHERE s.log_id = $1 AND s.journey_id = $2 AND s.code = $3",
            record.log_id,
            journey_id,
            code,
        )
    if row is None:
        return None
    kept = Snapshot(**dict(row))
    unseal = await record.unsealer([kept.content])
    try:
        return kept._replace(content=unseal(journey_id, kept.content_id, kept.content))
    except PayloadUnreadable:
        return None  # The events say what is so.
