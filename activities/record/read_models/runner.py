"""Keeps the read models up with the record for as long as it is wanted.

The log is the truth and polling finds it; notifications only make that sooner. What is live and of an older
definition than this build's is built anew, by one of all runners; until then lists stand where it stands.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import asyncpg
import structlog

from activities.record.read_models.projector import StateCache, advance
from activities.record.read_models.rebuild import BeingRebuilt, BuildFailed, is_outdated, rebuild_if_outdated
from activities.record.store import Record, RecordFault, RecordUnavailable

log = structlog.get_logger(__name__)

CHANNEL = "record"
"""What the record notifies on, once for an append."""
POLL = timedelta(milliseconds=250)
"""How long a lost notification may cost."""
AGAIN = timedelta(seconds=1)
"""How long to wait after an outage."""


async def run(record: Record, stop: asyncio.Event, *, poll: timedelta = POLL, again: timedelta = AGAIN) -> None:
    """Project until told to stop. Outages are waited out; nothing is lost by them, nor by ending this anywhere."""
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
                # Care goes on without its lists; the checkpoint has not moved, and the next build may get past it.
                log.error("read_models.failed", error=type(defect).__name__)
            # A notification from before is no reason to try again at once.
            wake.clear()
            if not stop.is_set():
                await _pause(wake, again)
    finally:
        stopping.cancel()


@asynccontextmanager
async def running(record: Record) -> AsyncIterator[None]:
    """Project in the background for as long as this is open."""
    stop = asyncio.Event()
    projecting = asyncio.create_task(run(record, stop))
    try:
        yield
    finally:
        stop.set()
        await projecting


async def _listen(record: Record, cache: StateCache, stop: asyncio.Event, wake: asyncio.Event, poll: timedelta) -> None:
    """Project for as long as one connection for notifications lasts."""

    def hint(*_: object) -> None:
        wake.set()

    async with record.connection() as listening:
        await listening.add_listener(CHANNEL, hint)
        try:
            while not stop.is_set() and not listening.is_closed():
                wake.clear()
                while await advance(record, cache) and not stop.is_set():
                    pass
                if not stop.is_set() and await is_outdated(record):
                    await _rebuild(record, stop)
                if not stop.is_set():
                    await _pause(wake, poll)
        finally:
            with suppress(asyncpg.InterfaceError):
                await listening.remove_listener(CHANNEL, hint)


async def _rebuild(record: Record, stop: asyncio.Event) -> None:
    """Build anew what is outdated, unless another runner is at it. Told to stop, what was begun is left."""
    building, stopping = asyncio.create_task(rebuild_if_outdated(record)), asyncio.create_task(stop.wait())
    # Also when this is cancelled, and with it what waits for the end.
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
