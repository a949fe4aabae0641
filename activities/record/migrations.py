"""Makes a database's schema, and brings it up to date.

The schema stands in `schema/`, one object in a file: `roles`, `tables`, `functions`, `triggers` and `views`, which make
a new database in this order. `migrations` are ordered plain SQL that turn an older database into what those files say;
functions need no migration text, since their files are applied again.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

import asyncpg

_OBJECTS = ("roles", "tables", "functions", "triggers", "views")
_MIGRATIONS, _REPEATABLE = "migrations/", "functions/"

# Whoever may connect is named here, and nobody else is let in. How long a statement may run, wait for a lock, and a
# transaction stay open is said for all of them: the login of a person takes over no settings of the role that it is a
# member of. It keeps an accident short; a session or a role may set it otherwise, so nothing rests on it: what is
# locked at all is said in the functions. No object of the schema says any of this: a dump that is restored into a
# database which was made for it has none of it.
_BRIEF = {"statement_timeout": "10s", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "10s"}
_KEEP_BRIEF = " ".join(
    f"EXECUTE format('ALTER DATABASE %I SET {name} = ''{most}''', current_database());" for name, most in _BRIEF.items()
)
_CLOSE = f"""
DO $$ BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO carepath_recorder, carepath_projector, carepath_reader, '
                   'carepath_console, carepath_watchdog', current_database());
    {_KEEP_BRIEF}
END $$
"""


class MigrationEdited(Exception):
    """A file differs from the one this database was made from, and no new migration makes the change."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not what this database was made from. "
            "Restore the file as it was, or add a migration with the next number that makes the change."
        )


async def migrate(owner_url: str, schema: Traversable | None = None, *, demonstration: bool) -> list[str]:
    """Apply what this database lacks, all of it or nothing, and return the names of the files in their order.

    A new database is made from the files of its objects, and has every migration by that. It gets one log, which says
    for good whether it is of a ``demonstration``; an older one has its own. A database that has migrations this build
    does not know is a newer build's, and is left as it is: an older build may start during a roll-out. Each time the
    database is closed to everybody but the roles of the service, and what anybody does in it kept short.

    Connects as the owner of the record. Concurrent starters take turns.

    Raises:
        MigrationEdited: a file has changed without a new migration.
        asyncpg.PostgresError: as it is; this is run by operators, and the schema holds no one's data.
    """
    scripts = dict(read_scripts(schema))
    # It may have to wait for another starter, and to change a large table.
    connection = await asyncpg.connect(owner_url, server_settings=dict.fromkeys(_BRIEF, "0"))
    try:
        await _make_list(connection)
        async with connection.transaction():
            await connection.execute("LOCK TABLE record.schema_file")
            rows = await connection.fetch("SELECT name, sha256 FROM record.schema_file")
            applied = {row["name"]: row["sha256"] for row in rows}
            for name in (pending := _pending(scripts, applied)):
                await connection.execute(scripts[name].decode())
            if not applied:
                await connection.execute("INSERT INTO record.log (log_id, demonstration) VALUES (1, $1)", demonstration)
            if pending:
                await connection.executemany(
                    "INSERT INTO record.schema_file AS f (name, sha256) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE "
                    "SET sha256 = excluded.sha256, applied_at = now() WHERE f.sha256 <> excluded.sha256",
                    [(name, sha256(script).digest()) for name, script in scripts.items()],
                )
            await connection.execute(_CLOSE)
        return pending
    finally:
        await connection.close()


async def _make_list(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Make the table of the files that were applied. Whoever comes second finds it: `IF NOT EXISTS` alone fails for two
    at once."""
    while True:
        try:
            async with connection.transaction():
                await connection.execute("CREATE SCHEMA IF NOT EXISTS record")
                await connection.execute(
                    "CREATE TABLE IF NOT EXISTS record.schema_file "
                    "(name text PRIMARY KEY, sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
                )
        except asyncpg.UniqueViolationError:
            continue
        return


def read_scripts(schema: Traversable | None = None) -> Iterator[tuple[str, bytes]]:
    """The files by their names, `tables/record.journey.sql`, in the order in which they make a new database."""
    schema = schema or files("activities.record") / "schema"
    for folder in (*_OBJECTS, _MIGRATIONS.rstrip("/")):
        found = schema / folder
        if found.is_dir():  # a folder without a file is not in a package
            for file in sorted(found.iterdir(), key=lambda file: file.name):
                if file.name.endswith(".sql"):
                    yield f"{folder}/{file.name}", file.read_bytes()


def _pending(scripts: Mapping[str, bytes], applied: Mapping[str, bytes]) -> list[str]:
    """The files to apply now, in their order."""
    if not applied:
        return [name for name in scripts if not name.startswith(_MIGRATIONS)]
    if any(name.startswith(_MIGRATIONS) and name not in scripts for name in applied):
        return []
    changed = [name for name, script in scripts.items() if applied.get(name) != sha256(script).digest()]
    new = [name for name in changed if name.startswith(_MIGRATIONS) and name not in applied]
    edited = [name for name in changed if name not in new]
    if any(name.startswith(_MIGRATIONS) for name in edited) or (edited and not new):
        raise MigrationEdited(edited[0])
    return [*new, *(name for name in edited if name.startswith(_REPEATABLE))]
