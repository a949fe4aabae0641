"""Opens a record: makes the connections to its database, with the limits that every statement has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from activities.connection_pool import create_pool
from activities.record.codec import PayloadCodec
from activities.record.errors import without_values
from activities.record.store import Record, Reopen


@asynccontextmanager
async def open_record(
    url: str,
    codec: PayloadCodec,
    *,
    log_id: int = 1,
    connections: int = 8,
    connect_timeout: timedelta = timedelta(seconds=5),
    reopen: Reopen | None = None,
) -> AsyncIterator[Record]:
    """Connect as the role that the address names, and close the connections at the end.

    A statement may wait 2 s for a lock and run 10 s. `reopen` opens the same record again in another process. Raises
    RecordUnavailable if there is no database there.
    """

    with without_values():
        pool = await create_pool(
            url,
            name="carepath",
            connections=connections,
            connect_timeout=connect_timeout,
            command_timeout=timedelta(seconds=12),
            server_settings={
                "default_transaction_isolation": "read committed",
                "lock_timeout": "2s",
                "statement_timeout": "10s",
            },
        )
    try:
        yield Record(pool, codec, log_id, reopen)
    finally:
        await pool.close()
