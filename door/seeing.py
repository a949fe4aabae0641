"""Services as they were when somebody looked: what was recorded by then, and the clock of then."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from activities.record import Record, StoredEvent
from door.outcomes import ExitCode, Problem
from door.services import Gateway, Services

if TYPE_CHECKING:
    from activities.record.readings import NewReading, Reading
    from deploy.settings import Settings


class AsSeen(Services):
    """What a reading was given. Who asks again was let in and kept before; here nothing is kept, and nothing sent."""

    def __init__(self, now: Services, reading: "Reading") -> None:
        self._now, self._reading = now, reading

    def settings(self) -> "Settings":
        return self._now.settings()

    def settings_without_servers(self) -> "Settings":
        return self._now.settings_without_servers()

    @asynccontextmanager
    async def record(self) -> AsyncIterator[Record]:
        async with self._now.record() as record:
            yield _UpTo(record, self._reading.position)

    async def keep_reading(self, record: Record, reading: "NewReading") -> None:
        """Nobody looks for the first time."""

    async def broke_glass(self, record: Record, journey_id: UUID, reader_id: str) -> bool:  # noqa: ARG002
        return True

    def gateway(self) -> AbstractAsyncContextManager[Gateway]:
        raise Problem(ExitCode.USAGE, "Temporal does not know how things were", "See `pathway show --at`")

    def now(self) -> datetime:
        return self._reading.clock


class _UpTo(Record):
    """A record that ends at a position, for what reads events."""

    def __init__(self, record: Record, position: int) -> None:
        self._record, self._position = record, position

    async def load(self, journey_id: UUID, *, after_version: int = 0) -> tuple[StoredEvent, ...]:
        return self._known(await self._record.load(journey_id, after_version=after_version))

    async def tail(self, after_position: int, *, limit: int = 500) -> tuple[StoredEvent, ...]:
        return self._known(await self._record.tail(after_position, limit=limit))

    async def log_head(self) -> tuple[int, bytes] | None:
        log_hash = await self._record.log_hash(self._position)
        return None if log_hash is None else (self._position, log_hash)

    def _known(self, events: tuple[StoredEvent, ...]) -> tuple[StoredEvent, ...]:
        return tuple(event for event in events if event.position <= self._position)
