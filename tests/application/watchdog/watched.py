"""Journeys that a watchdog looks at, and the watchdog while it does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from activities.notices import deliver
from activities.notices.contacts import Contacts
from activities.notices.delivering import Sender, see_to
from activities.record import Record
from activities.record.reconciliation import Pass, keep_pass
from activities.record.watching import last_look
from application.watchdog.settings import WatchdogSettings
from application.watchdog.watch import watch
from tests.cli.helpers import invented
from tests.fixtures.keys import unconnected
from tests.helpers import eventually
from tests.journey.play import Play, started
from tests.record.read_models.courses import put, renamed
from workflows.journey.events import Event
from workflows.journey.views.notices import Notice, notices

MINUTE = timedelta(minutes=1)
LONG_AGO = timedelta(days=6)
"""An evaluation that was asked for so long ago should have been reminded of."""


@asynccontextmanager
async def watching(settings: WatchdogSettings, **changes: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(watch(settings.model_copy(update=changes)))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def looks(record: Record, count: int) -> None:
    """Wait for so many more looks of the watchdog at everything."""
    for _ in range(count):
        before = await last_look(record)

        async def again(before: Any = before) -> bool:
            after = await last_look(record)
            return after is not None and (before is None or after.looked_at > before.looked_at)

        await eventually(again)


async def put_queued(record: Record, events: Sequence[Event]) -> list[Notice]:
    """Record events and queue their notices, as workers do."""
    await put(record, events)
    told = [notice for event in events for notice in notices(event)]
    await deliver(record, told, clinic="some-clinic", register=None)
    return told


async def put_told(record: Record, events: Sequence[Event]) -> None:
    """Record events and deliver their notices."""
    sender = Sender(record, invented().register, Contacts(record, unconnected()))
    for notice in await put_queued(record, events):
        await see_to(sender, record.patients.of_notice(notice))


class Waiting:
    """A journey that was referred some time ago and in which nothing happened since."""

    def __init__(self, record: Record, ago: timedelta) -> None:
        self.record, self.id = record, uuid4()
        self.play: Play = started("ANXIETY", at=datetime.now(UTC) - ago)
        self.kept = 0

    async def put(self, put: Callable[[Record, Sequence[Event]], Any] = put_told) -> None:
        """Record what happened since the last time."""
        events = renamed(self.play.events[self.kept :], self.id)
        self.kept = len(self.play.events)
        await put(self.record, events)

    async def go_on(self) -> None:
        """Take all steps that were missed."""
        self.play.at = datetime.now(UTC)
        self.play.clock()
        await self.put()


async def put_waiting(record: Record, ago: timedelta) -> Waiting:
    """Record such a journey, of which everybody was told."""
    waiting = Waiting(record, ago)
    await waiting.put()
    return waiting


async def keep_clean_pass(record: Record, **changes: Any) -> None:
    clean = Pass(datetime.now(UTC), datetime.now(UTC), "some-build", 1, 0, 0, 0, 0, None)
    await keep_pass(record, clean._replace(**changes))
