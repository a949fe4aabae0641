"""Connections to a database of PostgreSQL, shared by the tasks of a process."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeAlias

import asyncpg

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"


async def create_pool(
    url: str,
    *,
    name: str,
    connections: int,
    connect_timeout: timedelta,
    command_timeout: timedelta,
    server_settings: Mapping[str, str],
    ready: int = 1,
) -> Pool:
    """Connect as the role that the address names, under a ``name`` that the database shows. ``ready`` connections are
    made at once, and up to ``connections`` when they are needed.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: there is no such database, or it lets nobody in.
    """

    async def keep(_connection: Any) -> None:
        """No session state is ever set: the driver's usual reset would cost every call a round trip."""

    return await asyncpg.create_pool(
        url,
        min_size=ready,
        max_size=connections,
        timeout=connect_timeout.total_seconds(),
        command_timeout=command_timeout.total_seconds(),
        reset=keep,
        server_settings={
            "application_name": name,
            "idle_in_transaction_session_timeout": "10s",
            **server_settings,
        },
    )


async def close_pool(pool: Pool) -> None:
    """Close all connections; end those that are still used after five seconds."""
    try:
        async with asyncio.timeout(5):
            await pool.close()
    except TimeoutError:
        pool.terminate()
