"""Updates the read models from the record, batch by batch, each in one transaction with its checkpoint.

The checkpoint is moved by compare-and-set, so any number of runners may try: one makes progress and the others pass. An
event that cannot be applied makes its journey stale. It is never skipped, and it stops no other journey. Nothing here
has an effect outside these tables, so everything may be repeated.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

import asyncpg
import structlog

from activities.connection_pool import Connection
from activities.record.errors import RecordFault, RecordUnavailable, UnreadableEvent
from activities.record.event_codec import from_stored
from activities.record.polling import poll
from activities.record.read_models.projection import Unapplied, apply_events, diff_states, unapplied
from activities.record.read_models.row_types import RowDiff
from activities.record.read_models.rows import DEFINITION, ProjectionState, trim
from activities.record.read_models.snapshots import StateSnapshot, find, is_due, keep, snapshot_of, unpack
from activities.record.read_models.tables import UNSTORABLE, clear, mark_poisoned, store, write
from activities.record.store import Record
from activities.record.stored import EVENT_COLUMNS, StoredEvent
from workflows.journey.protocol import Protocol

log = structlog.get_logger(__name__)

BATCH = 500
"""How many events one transaction applies at most."""
PART = 1000
"""How many events of a journey are read at a time."""
LAST_POSITION = 2**63 - 1
PAGE = 50
"""For how many journeys events are loaded at a time."""


class NotYetProjected(Exception):
    """The read models did not reach the position in the given time. They may reach it later."""

    def __init__(self) -> None:
        super().__init__("the read models have not reached this position yet")


class StateCache:
    """Keeps the states of the journeys that were projected last in memory, and the protocols they pin.

    An entry is correct even if its transaction fails: it is the fold of the record up to a version, and is used only
    for the version after it.
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._states: OrderedDict[UUID, ProjectionState] = OrderedDict()
        self.protocols: dict[str, Protocol] = {}
        self.snapshots: OrderedDict[UUID, int] = OrderedDict()
        """Of which version the last known snapshot of a journey is."""

    def get(self, journey_id: UUID, version: int) -> ProjectionState | None:
        """Return the state of a journey at exactly this version, if it is known."""
        state = self._states.get(journey_id)
        return state if state is not None and state.journey.version == version else None

    def put(self, state: ProjectionState) -> None:
        self._states[state.journey.id] = trim(state)
        self._states.move_to_end(state.journey.id)
        while len(self._states) > self._most:
            self._states.popitem(last=False)

    def put_snapshot(self, snapshot: StateSnapshot) -> None:
        self.snapshots[snapshot.journey_id] = snapshot.version
        self.snapshots.move_to_end(snapshot.journey_id)
        while len(self.snapshots) > self._most:
            self.snapshots.popitem(last=False)


async def advance(record: Record, cache: StateCache, *, generation: int | None = None, limit: int = BATCH) -> int:
    """Apply the next events of the log to the live generation, or to a given one, and return how many.

    0 when there are none, when another runner is applying them, or when the live generation has another definition.
    """
    async with record.connection() as connection:
        found = await connection.fetchrow(
            "SELECT id, position FROM read_model.generation "
            "WHERE log_id = $1 AND definition = $2 AND (id = $3 OR $3 IS NULL AND status = 'live')",
            record.log_id,
            DEFINITION,
            generation,
        )
        if found is None:
            return 0
        batch = await connection.fetch(
            f"SELECT {EVENT_COLUMNS} FROM record.journey_event "
            "WHERE log_id = $1 AND position > $2 ORDER BY position LIMIT $3",
            record.log_id,
            found["position"],
            limit,
        )
        if not batch:
            return 0
        async with connection.transaction():
            # The lock spares other runners from folding the same events in vain. The comparison ensures that a late
            # runner applies nothing twice.
            moved = await connection.fetchval(
                "SELECT read_model.move_checkpoint($1, $2, $3, $4)",
                found["id"],
                found["position"],
                batch[-1]["position"],
                generation is None,
            )
            if not moved:
                return 0
            await _apply_batch(record, connection, cache, found["id"], found["position"], batch)
            await connection.execute(
                "SELECT read_model.end_claims($1, $2)",
                found["id"],
                list({row["journey_id"] for row in batch}),
            )
    return len(batch)


async def retry(record: Record, journey_id: UUID) -> str | None:
    """Apply a stale journey anew. Return the reason code if it is still stale, and None if it goes on.

    Raises:
        RecordUnavailable: projectors were too busy. Ask again.
    """
    async with record.connection() as connection, connection.transaction():
        live = await connection.fetchrow(
            "SELECT id, position FROM read_model.hold_live($1) WHERE definition = $2",
            record.log_id,
            DEFINITION,
        )
        if live is None:
            return None
        poisoned = f"read_model_{live['id']:d}.poisoned"
        if not await connection.fetchval(f"SELECT count(*) FROM {poisoned} WHERE journey_id = $1", journey_id):
            return None
        folded = (await fold_journeys(connection, record, [journey_id], until=live["position"]))[journey_id]
        new, unshown = diff_states(None, folded.state, folded.first)
        stopped = unshown or folded.stopped
        if stopped is None and new is not None:
            try:
                async with connection.transaction():
                    await clear(connection, live["id"], journey_id)
                    await write(connection, live["id"], [new])
            except UNSTORABLE as error:
                stopped = unapplied(folded.first, error)
        if stopped is not None:
            await mark_poisoned(connection, live["id"], [stopped])
            return stopped.code
        await connection.execute(f"DELETE FROM {poisoned} WHERE journey_id = $1", journey_id)
    log.info("read_models.resumed", journey_id=str(journey_id))
    return None


async def retry_unreadable(record: Record) -> None:
    """Apply journeys anew of which an event could not be read, and now can: the keyring lacked a key, or a payload was
    put right. Of very many it takes some.

    Raises:
        RecordUnavailable: projectors were too busy. Ask again.
    """
    async with record.connection() as connection:
        live = await connection.fetchval(
            "SELECT id FROM read_model.generation WHERE log_id = $1 AND definition = $2 AND status = 'live'",
            *(record.log_id, DEFINITION),
        )
        if live is None:
            return
        rows = await connection.fetch(
            f"SELECT {EVENT_COLUMNS} FROM record.journey_event WHERE log_id = $1 AND (journey_id, version) IN (SELECT "
            f"journey_id, version FROM read_model_{live:d}.poisoned WHERE code = $2 ORDER BY random() LIMIT $3)",
            *(record.log_id, UnreadableEvent.__name__, PAGE),
        )
    for stored in await record.decoded(rows, waits=False):
        try:
            from_stored(stored)
            await retry(record, stored.journey_id)
        except UnreadableEvent:
            continue
        except (RecordUnavailable, RecordFault):
            raise
        except Exception as defect:  # one journey keeps no other from going on
            log.error("read_models.not_resumed", journey_id=str(stored.journey_id), error=type(defect).__name__)


async def wait_for(record: Record, position: int, timeout: timedelta) -> int:
    """Wait until the read models are true up to a position, and return the position they have reached.

    A stale journey does not delay this: its rows say that they are stale.

    Raises:
        NotYetProjected: `timeout` has passed.
    """

    async def reached() -> int | None:
        async with record.connection() as connection:
            found = await connection.fetchval(
                "SELECT position FROM read_model.generation WHERE log_id = $1 AND status = 'live' AND position >= $2",
                record.log_id,
                position,
            )
            return None if found is None else int(found)

    found = await poll(reached, timeout)
    if found is None:
        raise NotYetProjected
    return found


async def _apply_batch(
    record: Record,
    connection: Connection,
    cache: StateCache,
    generation: int,
    position: int,
    batch: Sequence[asyncpg.Record],
) -> None:
    """Apply the events after a position that the generation has reached."""
    known = await connection.fetch(f"SELECT journey_id FROM read_model_{generation:d}.poisoned")
    stale = {row["journey_id"] for row in known}
    ordered = await group_by_journey(record, sorted(batch, key=itemgetter("journey_id", "version")))
    fresh = [events for events in ordered if events[0].journey_id not in stale]
    changes: list[tuple[RowDiff, StoredEvent]] = []
    stopped: list[Unapplied] = []
    packed: list[StateSnapshot] = []
    for page in (fresh[start : start + PAGE] for start in range(0, len(fresh), PAGE)):
        firsts = [events[0] for events in page]
        reached = await _states_before(record, connection, cache, generation, firsts, position)
        for events in page:
            first = events[0]
            before, stuck = reached[first.journey_id]
            if stuck is None:
                after, stuck = apply_events(before, events)
                changed, unshown = diff_states(before, after, first)
                stuck = unshown or stuck
                if changed is not None and after is not None:
                    changes.append((changed, first))
                    cache.put(after)
                    last, due = events[-1], is_due(after, cache.snapshots.get(first.journey_id, 0))
                    if due and stuck is None:
                        packed.append(snapshot_of(after, last.journey_hash))
                        cache.put_snapshot(packed[-1])
            if stuck is not None:
                stopped.append(stuck)
            # Folding takes the processor: give other tasks of this loop their turn.
            await asyncio.sleep(0)
    stopped += await store(connection, generation, changes)
    if packed:
        await keep(connection, record, generation, packed)
    if stopped:
        await mark_poisoned(connection, generation, stopped)
    for each in stopped:
        log.error("read_models.poisoned", journey_id=str(each.journey_id), version=each.version, code=each.code)


async def _states_before(
    record: Record,
    connection: Connection,
    cache: StateCache,
    generation: int,
    firsts: Sequence[StoredEvent],
    position: int,
) -> dict[UUID, tuple[ProjectionState | None, Unapplied | None]]:
    """Return the states that these events continue, up to a position, and what could not be applied to them. They come
    from the cache, from a snapshot and what followed it, or from the first event on."""
    found: dict[UUID, tuple[ProjectionState | None, Unapplied | None]] = {
        first.journey_id: (cache.get(first.journey_id, first.version - 1), None) for first in firsts
    }
    cold = [first.journey_id for first in firsts if first.version > 1 and found[first.journey_id][0] is None]
    if cold:
        for snapshot in await find(connection, record, generation, cold, position):
            state = await _unpacked(record, connection, cache, snapshot)
            if state is not None:
                found[state.journey.id] = state, None
                cache.put_snapshot(snapshot)
            await asyncio.sleep(0)
        known = {journey_id: state for journey_id, (state, _) in found.items() if state is not None}
        for journey_id, folded in (await fold_journeys(connection, record, cold, until=position, known=known)).items():
            found[journey_id] = folded.state, folded.stopped
    return found


async def _unpacked(
    record: Record, connection: Connection, cache: StateCache, snapshot: StateSnapshot
) -> ProjectionState | None:
    """The state in a snapshot, with the protocol that its journey began with; None where it cannot be used."""
    state = unpack(snapshot, cache.protocols)
    if state is not None:
        return state
    # Perhaps its protocol is not known yet. Thousands of journeys pin the same few.
    for events in await load_journeys(connection, record, {snapshot.journey_id: 0}, until=LAST_POSITION, most=1):
        opened, _ = apply_events(None, events)
        if opened is not None:
            cache.protocols[opened.journey.protocol.digest] = opened.journey.protocol
    return unpack(snapshot, cache.protocols)


class FoldedEvents(NamedTuple):
    """The state of a journey after its events from a first to a last one, and the first that could not be applied."""

    first: StoredEvent
    last: StoredEvent
    state: ProjectionState | None
    stopped: Unapplied | None


async def fold_journeys(
    connection: Connection,
    record: Record,
    journeys: Iterable[UUID],
    *,
    until: int,
    known: Mapping[UUID, ProjectionState] = MappingProxyType({}),
) -> dict[UUID, FoldedEvents]:
    """Fold journeys up to a position, each from its first event on or from a known state. Those without events left to
    fold are left out. However long a journey is, it is read in parts."""
    folded: dict[UUID, FoldedEvents] = {}
    after = {each: known[each].journey.version if each in known else 0 for each in journeys}
    while after:
        going_on: dict[UUID, int] = {}
        for events in await load_journeys(connection, record, after, until=until, most=PART):
            journey_id = events[0].journey_id
            earlier = folded.get(journey_id)
            before = known.get(journey_id) if earlier is None else earlier.state
            state, stopped = apply_events(before, events)
            first = events[0] if earlier is None else earlier.first
            folded[journey_id] = FoldedEvents(first, events[-1], state, stopped)
            if stopped is None and len(events) == PART:
                going_on[journey_id] = events[-1].version
            # Folding takes the processor: give other tasks of this loop their turn.
            await asyncio.sleep(0)
        after = going_on
    return folded


async def load_journeys(
    connection: Connection, record: Record, after: Mapping[UUID, int], *, until: int, most: int
) -> Iterator[list[StoredEvent]]:
    """Yield events of these journeys after a version of each and up to a position: a list of at most so many for each
    journey that has any."""
    events = await connection.fetch(
        f"SELECT {EVENT_COLUMNS} FROM unnest($2::uuid[], $3::int[]) AS wanted (id, after) CROSS JOIN LATERAL "
        "(SELECT * FROM record.journey_event WHERE log_id = $1 AND journey_id = wanted.id AND version > wanted.after "
        "AND position <= $4 ORDER BY version LIMIT $5) AS e ORDER BY journey_id, version",
        record.log_id,
        list(after),
        list(after.values()),
        until,
        most,
    )
    return await group_by_journey(record, events)


async def group_by_journey(record: Record, rows: Sequence[asyncpg.Record]) -> Iterator[list[StoredEvent]]:
    """Group rows of the log, which come in order of journeys and versions, by journey."""
    decode = await record.decoder(rows, waits=False)
    return ([decode(row) for row in of_one] for _, of_one in groupby(rows, itemgetter("journey_id")))
