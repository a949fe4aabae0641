"""Keeps the read models up to date with the record until it is stopped.

Polling the log finds every event; notifications only make it faster. If the live generation has an older definition
than this build, one of all runners builds a new one; until then lists stand still.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from time import monotonic

import asyncpg
import structlog

from activities.record.errors import RecordFault, RecordUnavailable
from activities.record.read_models.projector import BATCH, StateCache, advance, retry_unreadable
from activities.record.read_models.rebuild import BeingRebuilt, BuildFailed, is_outdated, rebuild_if_outdated
from activities.record.store import Record

log = structlog.get_logger(__name__)

CHANNEL = "record"
"""The channel on which the record notifies, once for each append."""
POLL = timedelta(milliseconds=250)
"""How long a lost notification may delay an update."""
AGAIN = timedelta(seconds=1)
"""How long to wait after an outage."""
UNREADABLE = timedelta(seconds=15)
"""How often it looks whether what could not be read can be."""


async def run(record: Record, stop: asyncio.Event, *, poll: timedelta = POLL, again: timedelta = AGAIN) -> None:
    """Project until told to stop. It waits for the end of outages. Nothing is lost, wherever it is stopped."""
    cache, wake = StateCache(), asyncio.Event()
    stopping = asyncio.create_task(stop.wait())
    stopping.add_done_callback(lambda _: wake.set())
    try:
        while not stop.is_set():
            try:
                await _listen(record, cache, stop, wake, poll)
            except (RecordUnavailable, RecordFault, BuildFailed) as outage:
                log.warning("read_models.waiting", code=outage.code)
            except Exception as defect:
                # Care goes on without its lists. The checkpoint has not moved, and a later build may be able to apply
                # the event.
                log.error("read_models.failed", error=type(defect).__name__)
            # An old notification must not make it try again at once.
            wake.clear()
            if not stop.is_set():
                await _pause(wake, again)
    finally:
        stopping.cancel()


@asynccontextmanager
async def running(record: Record) -> AsyncIterator[None]:
    """Project in the background while the context is open."""
    stop = asyncio.Event()
    projecting = asyncio.create_task(run(record, stop))
    try:
        yield
    finally:
        stop.set()
        await projecting


async def _listen(record: Record, cache: StateCache, stop: asyncio.Event, wake: asyncio.Event, poll: timedelta) -> None:
    """Project while one connection for notifications lasts."""

    def hint(*_: object) -> None:
        wake.set()

    looked = monotonic()
    async with record.connection() as listening:
        await listening.add_listener(CHANNEL, hint)
        try:
            while not stop.is_set() and not listening.is_closed():
                wake.clear()
                # What comes after a batch that is not full wakes this again.
                while (applied := await advance(record, cache)) == BATCH and not stop.is_set():
                    pass
                if not applied and not stop.is_set() and await is_outdated(record):
                    await _rebuild(record, stop)
                if not stop.is_set() and monotonic() - looked > UNREADABLE.total_seconds():
                    await retry_unreadable(record)
                    looked = monotonic()
                if not stop.is_set():
                    await _pause(wake, poll)
        finally:
            with suppress(asyncpg.InterfaceError):
                await listening.remove_listener(CHANNEL, hint)


async def _rebuild(record: Record, stop: asyncio.Event) -> None:
    """Build a new generation if the live one is outdated and no other runner is building. When told to stop, leave it
    unfinished."""
    building, stopping = asyncio.create_task(rebuild_if_outdated(record)), asyncio.create_task(stop.wait())
    # Also when this task is cancelled, and the waiting task with it.
    stopping.add_done_callback(lambda _: building.cancel())
    try:
        await asyncio.wait((building,))
    finally:
        stopping.cancel()
    if not building.cancelled():
        with suppress(BeingRebuilt):
            building.result()


async def _pause(wake: asyncio.Event, most: timedelta) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(most.total_seconds()):
            await wake.wait()
