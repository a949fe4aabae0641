"""The door in this process on a real record, with Temporal down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from activities.record import NewEvent, Record, open_record
from activities.record.verification.anchors import write_anchor
from deploy.local.postgres import Database
from tests.door.helpers import Memory
from tests.journey.play import JOURNEY
from tests.record.read_models.courses import catch_up
from tests.signatures.recorded import keep
from tests.signatures.room import ORGANISATION


class OnRecord(Memory):
    """Services whose record is a real one; Temporal is down."""

    def __init__(self, database: Database, register: Path | None) -> None:
        super().__init__()
        self.url, self.down = database.app_url, True
        self.set(database_url=SecretStr(self.url), register_file=register)
        self.set(organisation_key=ORGANISATION.public_key.hex())

    def set(self, **settings: Any) -> None:
        self._settings = self._settings.model_copy(update=settings)

    @asynccontextmanager
    async def record(self) -> AsyncIterator[Record]:
        async with open_record(self.url) as record:
            yield record

    def kept(self, made: list[NewEvent], journey_id: UUID = JOURNEY, *, after: int = 0) -> None:
        async def now() -> None:
            async with self.record() as record:
                await keep(record, made, journey_id, after=after)

        asyncio.run(now())

    def projected(self) -> None:
        """Bring the lists up with the record."""

        async def now() -> None:
            async with self.record() as record:
                await catch_up(record)

        asyncio.run(now())

    def anchored(self, key: Ed25519PrivateKey) -> None:
        """Write an anchor to where the settings say."""
        directory = self.settings().anchors_dir
        assert directory is not None

        async def now() -> None:
            async with self.record() as record:
                await write_anchor(record, directory, key)

        asyncio.run(now())


def as_superuser(database: Database, statement: str) -> None:
    async def now() -> None:
        connection = await asyncpg.connect(database.admin_url)
        await connection.execute(
            "ALTER TABLE record.journey_event DISABLE TRIGGER append_only;"
            f"{statement};"
            "ALTER TABLE record.journey_event ENABLE ALWAYS TRIGGER append_only"
        )
        await connection.close()

    asyncio.run(now())
