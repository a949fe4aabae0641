"""A record to check."""

from collections.abc import AsyncIterator

import pytest

from activities.record import Record, migrate, open_record
from deploy.local.postgres import Database


@pytest.fixture
async def record(database: Database) -> AsyncIterator[Record]:
    await migrate(database.owner_url)
    async with open_record(database.app_url) as opened:
        yield opened
