"""A database of its own for a benchmark, on the server that the others use."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from activities.privacy.key_store import KeyStore, open_key_store, prepare_key_store
from activities.privacy.master_keys import Keyring, make_keyring
from activities.record import Record, migrate, open_record, sealing
from deploy.local.postgres import Database, Postgres
from tests.fixtures.clear import open_clear
from tests.fixtures.everything import everything
from tests.record.helpers import Connection


@asynccontextmanager
async def fresh(postgres: Postgres, *, sealed: bool = False) -> AsyncIterator[tuple[Database, Record, Connection]]:
    """A migrated database, its record, in clear unless it is to be encrypted, and its owner."""
    database = await postgres.fresh_database()
    await migrate(database.owner_url, demonstration=True)
    owner = await asyncpg.connect(database.owner_url)
    async with AsyncExitStack() as exits:
        # One in clear can be opened again, so what takes several processes elsewhere takes them here too.
        opened = (
            open_record(everything(database), await sealing(await exits.enter_async_context(_keys(postgres))))
            if sealed
            else open_clear(everything(database))
        )
        yield database, await exits.enter_async_context(opened), owner
    await owner.close()
    await postgres.drop_database(database)


@asynccontextmanager
async def _keys(postgres: Postgres) -> AsyncIterator[KeyStore]:
    database = await postgres.fresh_database()
    await prepare_key_store(database.owner_url)
    with TemporaryDirectory() as directory:
        path = Path(directory) / "keyring.json"
        make_keyring(path)
        async with open_key_store(database.keys_url, Keyring(path)) as store:
            yield store
    await postgres.drop_database(database)
