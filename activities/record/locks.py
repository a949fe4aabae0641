"""Being the only process that does something, for as long as it takes. What is locked is a row that only functions of
the database can lock, and only for those who may call them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import asyncpg

from activities.record.errors import RecordUnavailable
from activities.record.store import Record

Lock: TypeAlias = Literal["record.reconcile_alone", "read_model.rebuild_alone"]
"""The function that takes it."""
_ALIVE = 2.0
"""Seconds between two signs of life of whoever has the lock. The database takes it from one who is silent for ten."""


class HeldElsewhere(Exception):
    """Another process holds the lock at this moment."""


@asynccontextmanager
async def alone(record: Record, lock: Lock) -> AsyncIterator[None]:
    """Be the only process within, over all of them. Whoever holds this and stands still loses it after ten seconds, so
    that a frozen worker keeps nobody from the work; what it does is then given up when it wakes.

    Raises:
        HeldElsewhere: another process does it.
        RecordUnavailable: the lock was lost on the way; what was done is done.
    """
    holder = asyncio.current_task()
    lost = False

    async def stay_alive() -> None:
        nonlocal lost
        try:
            while True:
                await asyncio.sleep(_ALIVE)
                await connection.fetchval("SELECT 1")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            lost = True
            if holder is not None:
                holder.cancel()

    async with record.connection() as connection, connection.transaction():
        if not await connection.fetchval(f"SELECT {lock}($1)", record.log_id):
            raise HeldElsewhere
        living = asyncio.create_task(stay_alive())
        try:
            yield
        except asyncio.CancelledError:
            if not lost:
                raise
            if holder is not None:
                holder.uncancel()
            raise RecordUnavailable("lock lost") from None
        finally:
            living.cancel()
            # Unlike awaiting it, this raises nothing of its own: a cancellation of the holder is not lost in it.
            await asyncio.wait([living])
