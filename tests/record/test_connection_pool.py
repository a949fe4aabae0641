"""Whatever breaks off the use of a connection, whoever has it next finds it as if it were new."""

import asyncio
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeAlias
from uuid import uuid4

import asyncpg
import pytest

from activities.record import Record, RecordFault
from activities.record.locks import alone
from activities.record.verification.chains import snapshot
from deploy.local.postgres import Database
from tests.fixtures.clear import open_clear
from tests.fixtures.everything import everything
from tests.record.helpers import Connection, events

Use: TypeAlias = Callable[[Record], Coroutine[Any, Any, object]]


@types.coroutine
def _cancelled(work: Coroutine[Any, Any, object], at: int, answered: bool) -> Generator[Any, None, bool]:
    """Do some work, cancelled at one of its waits, counted from 1: as it begins, or once what it waits for is there.
    Return whether it came to an end before that wait."""
    problem: BaseException | None = None
    for wait in count(1):
        try:
            awaited = work.send(None) if problem is None else work.throw(problem)
        except StopIteration:
            return wait <= at
        problem = None
        if wait == at and not answered and awaited is not None:
            awaited.cancel()
        try:
            yield awaited
        except BaseException as raised:
            problem = raised
        if wait == at and problem is None:
            problem = asyncio.CancelledError()
    raise AssertionError("unreachable")


async def _read(record: Record) -> None:
    await record.head(uuid4())


async def _append(record: Record) -> None:
    await record.append(uuid4(), 0, events(1))


async def _read_in_a_transaction(record: Record) -> None:
    async with record.connection() as connection, connection.transaction():
        await connection.fetch("SELECT version FROM record.journey WHERE log_id = $1", record.log_id)


async def _lock(record: Record) -> None:
    async with alone(record, "read_model.rebuild_alone"):
        pass


async def _read_in_a_snapshot(record: Record) -> None:
    async with record.connection() as connection, snapshot(connection):
        await connection.fetch("SELECT version FROM record.journey WHERE log_id = $1", record.log_id)


@asynccontextmanager
async def _as_new(database: Database, admin: Connection) -> AsyncIterator[Record]:
    """Open a record with a single connection, and look at that connection afterwards, as its next user."""
    async with open_clear(everything(database), connections=1) as record:
        yield record
        async with record.connection() as connection:
            locks = "SELECT count(*) FROM pg_locks WHERE pid = $1"
            assert await admin.fetchval(locks, connection.get_server_pid()) == 0
        await _read_in_a_snapshot(record)


@pytest.mark.usefixtures("types_asked_anew")
@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("use", [_read, _append, _read_in_a_transaction, _read_in_a_snapshot, _lock])
async def test_a_use_is_cancelled_at_any_wait(migrated: Database, admin: Connection, use: Use, answered: bool) -> None:
    for at in count(1):
        async with _as_new(migrated, admin) as record:
            try:
                ended: bool = await _cancelled(use(record), at, answered)
            except asyncio.CancelledError:
                continue
            assert ended, "the cancellation was lost"
            break


async def test_the_driver_refuses_an_argument(migrated: Database, admin: Connection) -> None:
    async with _as_new(migrated, admin) as record:
        with pytest.raises(RecordFault):
            async with record.connection() as connection:
                await connection.fetch("SELECT $1::text", "\ud800")


async def test_a_lost_connection_hides_nothing_of_what_went_wrong(migrated: Database) -> None:
    async def kill(server: int) -> None:
        admin = await asyncpg.connect(migrated.admin_url)
        await admin.execute("SELECT pg_terminate_backend($1, 10000)", server)
        await admin.close()

    async def fail_on_a_lost_connection(record: Record) -> None:
        async with record.connection() as connection:
            with ThreadPoolExecutor() as elsewhere:
                # This loop stands still meanwhile, so that the driver does not see it.
                elsewhere.submit(asyncio.run, kill(connection.get_server_pid())).result()
            raise ZeroDivisionError

    async with open_clear(everything(migrated), connections=1) as record:
        with pytest.raises(ZeroDivisionError):
            await fail_on_a_lost_connection(record)
        await _read_in_a_snapshot(record)
