"""`python -m tests.record.list_schema`: list anew what the schema's files make."""

import asyncio
import tempfile
from pathlib import Path

import asyncpg

from activities.record import migrate
from activities.record.schema_objects import LISTED, find_objects
from deploy.local.postgres import Postgres


async def listed(owner_url: str) -> str:
    """Return the objects of the schema in a database, each with its digest on a line."""
    connection = await asyncpg.connect(owner_url)
    try:
        found = await find_objects(connection)
    finally:
        await connection.close()
    return "".join(f"{name} {found[name]}\n" for name in sorted(found))


async def write_anew(directory: Path) -> None:
    postgres = Postgres(directory / "data", directory / "postgres.log", durable=False)
    try:
        await postgres.start()
        await migrate(postgres.owner_url, demonstration=True)
        LISTED.write_text(await listed(postgres.owner_url))
    finally:
        await postgres.stop("immediate")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(write_anew(Path(temporary)))
