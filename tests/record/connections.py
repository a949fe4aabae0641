"""Records whose connections are in a test's hands: somebody is killed, or somebody else acts, at a chosen point."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast
from uuid import UUID

from activities.connection_pool import Connection, ConnectionSource
from activities.record import Record
from tests.fixtures.clear import Clear

STATEMENTS = ("execute", "executemany", "fetch", "fetchrow", "fetchval", "copy_records_to_table")


def on(record: Record, connections: ConnectionSource) -> Record:
    """A record without keys, spoken to on other connections."""
    return Record(connections, Clear(), record.log_id)


class Through:
    """The connections of a record, for another one that does more with them."""

    def __init__(self, record: Record) -> None:
        self._record = record

    @asynccontextmanager
    async def acquire(self, *, timeout: float | None = None) -> AsyncIterator[Connection]:
        async with self._record.connection() as connection:
            yield connection


class Interrupted:
    """Connections of a record on which something happens before one of the statements sent, counted from 1."""

    def __init__(self, record: Record, before: int, happens: Callable[[Connection], Awaitable[object]]) -> None:
        self._record, self._left, self._happens = record, before, happens

    @property
    def happened(self) -> bool:
        return self._left <= 0

    @asynccontextmanager
    async def acquire(self, *, timeout: float | None = None) -> AsyncIterator[Connection]:
        async with self._record.connection() as connection:
            yield cast("Connection", _Counted(self, connection))

    async def sending(self, connection: Connection) -> None:
        self._left -= 1
        if self._left == 0:
            await self._happens(connection)


class Counting(Interrupted):
    """Connections of a record that count what is sent."""

    def __init__(self, record: Record) -> None:
        super().__init__(record, 0, _nothing)

    @property
    def sent(self) -> int:
        return -self._left


async def _nothing(_: Connection) -> None:
    pass


class _Counted:
    def __init__(self, source: Interrupted, connection: Connection) -> None:
        self._source, self._connection = source, connection

    def __getattr__(self, name: str) -> Any:
        its_own = getattr(self._connection, name)
        return partial(self._sent, its_own) if name in STATEMENTS else its_own

    async def _sent(self, statement: Callable[..., Awaitable[Any]], *arguments: Any, **options: Any) -> Any:
        await self._source.sending(self._connection)
        return await statement(*arguments, **options)


class One:
    """One connection, for whoever asks."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @asynccontextmanager
    async def acquire(self, *, timeout: float | None = None) -> AsyncIterator[Connection]:
        yield self._connection


def mortal(record: Record, killed_before: int) -> Record:
    return on(record, Interrupted(record, killed_before, partial(kill, record)))


async def kill(record: Record, connection: Connection) -> None:
    """End the server's side of a connection, and whatever transaction it is in."""
    async with record.connection() as other:
        await other.execute("SELECT pg_terminate_backend($1, 10000)", connection.get_server_pid())


class Transactions:
    """Connections of a record on which something happens before a transaction that is not within another one begins,
    or after it was committed."""

    def __init__(
        self,
        record: Record,
        before: Callable[[], Awaitable[object]] | None = None,
        after: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._record, self._before, self._after = record, before, after

    @asynccontextmanager
    async def acquire(self, *, timeout: float | None = None) -> AsyncIterator[Connection]:
        async with self._record.connection() as connection:
            yield cast("Connection", _Watched(self, connection))

    @asynccontextmanager
    async def transaction(self, connection: Connection, **options: Any) -> AsyncIterator[None]:
        outermost = not connection.is_in_transaction()
        if outermost and self._before is not None:
            await self._before()
        async with connection.transaction(**options):
            yield
        if outermost and self._after is not None:
            await self._after()


class _Watched:
    def __init__(self, source: Transactions, connection: Connection) -> None:
        self.transaction = partial(source.transaction, connection)
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Damaged(Clear):
    """Cannot read the payloads of some events."""

    def __init__(self, *events: UUID) -> None:
        self.damaged = set(events)

    def decode(self, journey_id: UUID, part_id: UUID, stored: bytes) -> bytes:
        if part_id in self.damaged:
            raise KeyError("what the patient said")
        return super().decode(journey_id, part_id, stored)
