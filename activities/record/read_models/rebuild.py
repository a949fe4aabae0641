"""Rebuilds the read models while people work from them.

A new generation is folded from the record in bulk up to a fixed position, then catches up like live projection, and
then replaces the live one in one short transaction. The replaced one stays until the next build, for those still
reading it.
"""

import asyncio
import gc
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from multiprocessing.queues import SimpleQueue
from uuid import UUID

import asyncpg
import structlog

from activities.connection_pool import Connection
from activities.record.locks import HeldElsewhere, alone
from activities.record.read_models.projection import Unapplied, diff_states
from activities.record.read_models.projector import BATCH, PAGE, StateCache, advance, fold_journeys
from activities.record.read_models.row_types import RowDiff
from activities.record.read_models.rows import DEFINITION
from activities.record.read_models.snapshots import StateSnapshot, is_due, keep, snapshot_of
from activities.record.read_models.tables import UNSTORABLE, fill, mark_poisoned, store
from activities.record.store import Record, Reopen
from activities.record.stored import StoredEvent

log = structlog.get_logger(__name__)

FEW = 500
"""For up to this many journeys, starting another process is not worth it."""


class BeingRebuilt(Exception):
    """Another process is building a generation of this database."""

    def __init__(self) -> None:
        super().__init__("the read models are being rebuilt already; wait until that is done")


class BuildFailed(Exception):
    """A process that built a part of a generation ended early; ``code`` says how. The live generation goes on."""

    def __init__(self, code: str) -> None:
        super().__init__(f"a part of the read models could not be built ({code}); what was shown before still is")
        self.code = code


async def rebuild(record: Record, processes: int | None = None) -> int:
    """Build all read models anew, show them instead of the live ones, and return their generation.

    Readers and projectors go on meanwhile. ``processes`` share the work: by default one for each processor, and none
    for few journeys.

    Raises:
        BeingRebuilt: another process is at it.
        BuildFailed: one of the processes ended early.
    """
    async with _exclusively(record) as connection:
        return await _build(connection, record, processes)


async def rebuild_if_outdated(record: Record) -> int | None:
    """As `rebuild`, if what is live is outdated; None, and nothing is done, if it is not.

    Raises:
        BeingRebuilt: another process is at it.
        BuildFailed: one of the processes ended early.
    """
    async with _exclusively(record) as connection:
        # Another process may have built it while this one waited for the lock.
        return await _build(connection, record) if await is_outdated(record) else None


async def is_outdated(record: Record) -> bool:
    """Whether the live generation has an older definition. One with a newer definition is left to newer workers."""
    async with record.connection() as connection:
        return bool(
            await connection.fetchval(
                "SELECT definition < $2 FROM read_model.generation WHERE log_id = $1 AND status = 'live'",
                record.log_id,
                DEFINITION,
            )
        )


async def _build(connection: Connection, record: Record, processes: int | None = None) -> int:
    for leftover in await _generations(connection, "building"):
        await connection.execute("SELECT read_model.drop_generation($1)", leftover)
    earlier = await _generations(connection, "retired")
    generation = await connection.fetchval("SELECT read_model.begin_generation($1, $2)", record.log_id, DEFINITION)
    log.info("read_models.rebuilding", generation=generation, definition=DEFINITION)
    until = await connection.fetchval(
        "SELECT coalesce(max(position), 0) FROM record.journey_event WHERE log_id = $1", record.log_id
    )
    if processes is None:
        many = await connection.fetchval(
            "SELECT count(*) > $2 FROM record.journey WHERE log_id = $1", record.log_id, FEW
        )
        processes = (os.cpu_count() or 1) if many else 0
    if processes and record.reopen is not None:
        await _build_in_processes(record.reopen, generation, until, processes)
    else:
        await _build_share(record, generation, until, 0, 1)
    await connection.execute("SELECT read_model.filled($1, $2)", generation, until)
    await _publish(connection, record, generation)
    for old in earlier:
        # Somebody may still read it, as verification does; then the next build drops it.
        with suppress(asyncpg.LockNotAvailableError):
            await connection.execute("SELECT read_model.drop_generation($1)", old)
    log.info("read_models.rebuilt", generation=generation)
    return int(generation)


async def _build_in_processes(reopen: Reopen, generation: int, until: int, processes: int) -> None:
    """Fold all journeys in several processes, each of which reads and writes its own share."""
    spawn = multiprocessing.get_context("spawn")
    failures: SimpleQueue[str] = spawn.SimpleQueue()
    children = [
        spawn.Process(target=_child, args=(failures, reopen, generation, until, which, processes), daemon=True)
        for which in range(processes)
    ]
    try:
        for child in children:
            child.start()
        await asyncio.gather(*(asyncio.to_thread(child.join) for child in children))
    finally:
        for child in children:
            child.terminate()
    if not failures.empty():
        raise BuildFailed(failures.get())
    for child in children:
        if child.exitcode:
            raise BuildFailed(f"exit code {child.exitcode}")


def _child(
    failures: "SimpleQueue[str]", reopen: Reopen, generation: int, until: int, which: int, processes: int
) -> None:
    # The parent ends this process, also on Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Folding leaves no reference cycles, and garbage collection takes a tenth of its time.
    gc.disable()

    async def fold() -> None:
        async with reopen() as record:
            await _build_share(record, generation, until, which, processes)

    try:
        asyncio.run(fold())
    except Exception as error:
        # Only the name: the text of an error may quote data.
        failures.put(getattr(error, "code", type(error).__name__))


async def _build_share(record: Record, generation: int, until: int, which: int, processes: int) -> None:
    """Fold a share of the pages of journeys up to a position, and put the rows into the tables of a generation."""
    async with record.connection() as connection:
        number = 0
        async for journeys in _pages(connection, record):
            if number % processes == which:
                await _fold(connection, record, generation, journeys, until)
            number += 1


async def _fold(connection: Connection, record: Record, generation: int, journeys: Sequence[UUID], until: int) -> None:
    changes: list[tuple[RowDiff, StoredEvent]] = []
    stopped: list[Unapplied] = []
    packed: list[StateSnapshot] = []
    for folded in (await fold_journeys(connection, record, journeys, until=until)).values():
        new, unshown = diff_states(None, folded.state, folded.first)
        stuck = unshown or folded.stopped
        if stuck is not None:
            stopped.append(stuck)
        if new is not None:
            changes.append((new, folded.first))
        if folded.state is not None and stuck is None and is_due(folded.state, 0):
            packed.append(snapshot_of(folded.state, folded.last.journey_hash))
    try:
        async with connection.transaction():
            await fill(connection, generation, (row for new, _ in changes for row in new.new))
    except UNSTORABLE:
        stopped += await store(connection, generation, changes)
    await keep(connection, record, generation, packed)
    if stopped:
        await mark_poisoned(connection, generation, stopped)


async def _publish(connection: Connection, record: Record, generation: int) -> None:
    """Let a generation catch up with the live one, and show it instead."""
    cache = StateCache()

    async def catch_up(within: int) -> None:
        while await connection.fetchval(
            "SELECT next.position + $2 < live.position FROM read_model.generation next, read_model.generation live "
            "WHERE next.id = $1 AND live.status = 'live'",
            generation,
            within,
        ):
            await advance(record, cache, generation=generation)

    await catch_up(BATCH)
    published = False
    while not published:
        # Readers held the lock for too long. They come first; try again.
        with suppress(asyncpg.LockNotAvailableError):
            async with connection.transaction():
                # The live one stands still while the last few events are applied; otherwise catching up might never
                # end.
                await connection.execute("SELECT read_model.hold_live($1)", record.log_id)
                await catch_up(0)
                published = await connection.fetchval("SELECT read_model.publish($1)", generation)


async def _pages(connection: Connection, record: Record) -> AsyncIterator[list[UUID]]:
    """Yield all journeys in pages. No snapshot is held from one page to the next."""
    after = UUID(int=0)
    while page := await connection.fetch(
        "SELECT journey_id FROM record.journey WHERE log_id = $1 AND journey_id > $2 ORDER BY journey_id LIMIT $3",
        record.log_id,
        after,
        PAGE,
    ):
        after = page[-1]["journey_id"]
        yield [row["journey_id"] for row in page]


async def _generations(connection: Connection, status: str) -> list[int]:
    """Return the generations that have a status."""
    rows = await connection.fetch("SELECT id FROM read_model.generation WHERE status = $1", status)
    return [row["id"] for row in rows]


@asynccontextmanager
async def _exclusively(record: Record) -> AsyncIterator[Connection]:
    """Open a connection for building and swapping generations, while no other process does."""
    try:
        async with alone(record, "read_model.rebuild_alone"), record.connection() as connection:
            yield connection
    except HeldElsewhere:
        raise BeingRebuilt from None
