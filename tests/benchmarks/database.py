"""A database of its own for a benchmark, on the server that the others use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from activities.record import Record, migrate, open_record
from deploy.local.postgres import Database, Postgres
from tests.fixtures.everything import everything

if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection


@asynccontextmanager
async def fresh(postgres: Postgres) -> AsyncIterator[tuple[Database, Record, Connection]]:
    """A migrated database, its record, and its owner."""
    database = await postgres.fresh_database()
    await migrate(database.owner_url, demonstration=True)
    owner = await asyncpg.connect(database.owner_url)
    async with open_record(everything(database)) as record:
        yield database, record, owner
    await owner.close()
    await postgres.drop_database(database)
