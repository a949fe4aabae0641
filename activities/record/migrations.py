"""Brings a database's schema up to date: ordered plain SQL files, each applied once."""

from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

import asyncpg

_LOCK = 0x6361726570617468


class MigrationEdited(Exception):
    """A file that was already applied has changed since."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} was applied to this database with other content. "
            "Restore the file as it was and put the change into a new file with the next number."
        )


async def migrate(owner_url: str, schema: Traversable | None = None) -> list[str]:
    """Apply the migrations this database lacks, in order of their names, and return those names.

    Connects as the owner of the record, directly and not through a pooler, since the lock that makes
    concurrent starters take turns belongs to the session. Each file is one transaction.

    Raises MigrationEdited before anything is applied, and asyncpg's own errors otherwise: this is run by
    operators, and the schema holds no one's data.
    """
    folder = schema or files("activities.record") / "schema"
    scripts = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".sql")}
    connection = await asyncpg.connect(owner_url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute("CREATE SCHEMA IF NOT EXISTS record")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS record.migration "
            "(name text PRIMARY KEY, sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = {
            row["name"]: row["sha256"]
            for row in await connection.fetch("SELECT name, sha256 FROM record.migration ORDER BY name")
        }
        for name, digest in applied.items():
            # A name that is gone is a newer build's: an older one may still start during a roll-out.
            if name in scripts and sha256(scripts[name]).digest() != digest:
                raise MigrationEdited(name)
        pending = sorted(scripts.keys() - applied.keys())
        for name in pending:
            async with connection.transaction():
                await connection.execute(scripts[name].decode())
                await connection.execute(
                    "INSERT INTO record.migration (name, sha256) VALUES ($1, $2)",
                    name,
                    sha256(scripts[name]).digest(),
                )
        return pending
    finally:
        await connection.close()
