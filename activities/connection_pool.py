"""Connections to a database of PostgreSQL, shared by the tasks of a process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from typing import Protocol, TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


class ConnectionSource(Protocol):
    """Where connections come from."""

    def acquire(self, *, timeout: float | None = None) -> AbstractAsyncContextManager[Connection]:
        """A connection for as long as it is open; ``timeout``, in seconds, is how long to wait for one."""


class ConnectionPool:
    """Lends connections, each to one task at a time. Made by `create_pool`."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", broken_off: set[int]) -> None:
        self._pool, self._broken_off = pool, broken_off

    @asynccontextmanager
    async def acquire(self, *, timeout: float | None = None) -> AsyncIterator[Connection]:
        """Lend a connection for as long as this is open; ``timeout``, in seconds, is how long to wait for one.

        Whatever ends its use, also a cancellation, the next one finds no transaction and no lock of it. So an error is
        not to be caught within, unless another statement follows.
        """
        connection = await self._pool.acquire(timeout=timeout)
        server = connection.get_server_pid()
        try:
            yield connection
        except BaseException:
            self._broken_off.add(server)
            # One that cannot be made as new is closed. What broke off its use is told.
            with suppress(Exception):
                await self._pool.release(connection)
            raise
        await self._pool.release(connection)

    async def close(self) -> None:
        """Close all connections; end those that are still used after five seconds."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()


async def create_pool(
    url: str,
    *,
    name: str,
    connections: int,
    connect_timeout: timedelta,
    command_timeout: timedelta,
    server_settings: Mapping[str, str],
    ready: int = 1,
) -> ConnectionPool:
    """Connect as the role that the address names, under a ``name`` that the database shows. ``ready`` connections are
    made at once, and up to ``connections`` when they are needed.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: there is no such database, or it lets nobody in.
    """
    broken_off: set[int] = set()

    async def reset(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """End what the driver may have left open. It prepares a statement first, and runs it with a second message: if
        that is not sent, the server waits for it in a transaction that neither of the two shows, and keeps its locks.
        An empty statement ends that. No session state is ever set, and asking always would cost every call a round
        trip."""
        if (server := connection.get_server_pid()) in broken_off:
            broken_off.discard(server)
            await connection.execute("")

    pool = await asyncpg.create_pool(
        url,
        min_size=ready,
        max_size=connections,
        timeout=connect_timeout.total_seconds(),
        command_timeout=command_timeout.total_seconds(),
        reset=reset,
        server_settings={
            "application_name": name,
            "idle_in_transaction_session_timeout": "10s",
            **server_settings,
        },
    )
    return ConnectionPool(pool, broken_off)
