"""Worlds with a register and anchors, for proofs; Temporal is down."""

import asyncio
from pathlib import Path
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.record import NewEvent, Record
from activities.record.verification.anchors import write_anchor
from deploy.local.postgres import Database
from tests.cli.helpers import OPS, World
from tests.journey.play import JOURNEY
from tests.signatures.recorded import keep
from tests.signatures.room import ORGANISATION


class ProofWorld(World):
    """A world in which everything but Temporal can be verified."""

    def __init__(self, database: Database, register: Path | None) -> None:
        super().__init__(database, profile=OPS, register_file=register, organisation_key=ORGANISATION.public_key.hex())
        self.down = True

    def kept(self, made: list[NewEvent], journey_id: UUID = JOURNEY, *, after: int = 0) -> None:
        async def now(record: Record) -> None:
            await keep(record, made, journey_id, after=after)

        self.on_record(now)

    def anchored(self, key: Ed25519PrivateKey) -> None:
        """Write an anchor to where the settings say."""
        directory = self.settings.anchors_dir
        assert directory is not None

        async def now(record: Record) -> None:
            await write_anchor(record, directory, key)

        self.on_record(now)


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
