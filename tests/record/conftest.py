"""A database with the record's schema, the record on it, and connections behind the record's back."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from activities.record import Record, migrate, open_record
from deploy.local.postgres import Database
from tests.record.helpers import Connection


@pytest.fixture
async def migrated(database: Database) -> Database:
    await migrate(database.owner_url)
    return database


@pytest.fixture
async def record(migrated: Database) -> AsyncIterator[Record]:
    async with open_record(migrated.app_url) as opened:
        yield opened


@pytest.fixture
async def app(migrated: Database) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(migrated.app_url)
    yield connection
    await connection.close()


@pytest.fixture
async def owner(migrated: Database) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(migrated.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def admin(migrated: Database) -> AsyncIterator[Connection]:
    """The superuser, who can do what the record forbids to everyone else."""
    connection = await asyncpg.connect(migrated.admin_url)
    yield connection
    await connection.close()
