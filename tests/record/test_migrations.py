"""The schema: made from the files of its objects, and brought up to date by migrations, each applied once."""

import asyncio
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import asyncpg
import pytest

from activities.record import MigrationEdited, migrate
from deploy.local.postgres import Database

LOCK = "functions/record.lock_row.sql"


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    """A copy of the schema, to change."""
    with as_file(files("activities.record") / "schema") as shipped:
        copy = Path(shutil.copytree(shipped, tmp_path / "schema"))
    (copy / "migrations").mkdir(exist_ok=True)
    return copy


async def _names(database: Database) -> set[str]:
    connection = await asyncpg.connect(database.owner_url)
    try:
        return {row["name"] for row in await connection.fetch("SELECT name FROM record.schema_file")}
    finally:
        await connection.close()


async def _has(database: Database, table: str) -> bool:
    connection = await asyncpg.connect(database.owner_url)
    try:
        return bool(await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table))
    finally:
        await connection.close()


def _add(file: Path, text: str) -> None:
    file.write_text((file.read_text() if file.exists() else "") + text)


async def test_made_in_order_once(database: Database) -> None:
    applied = await migrate(database.owner_url, demonstration=True)
    folders = list(dict.fromkeys(name.partition("/")[0] for name in applied))
    assert folders == ["roles", "tables", "functions", "triggers", "views"]
    assert await migrate(database.owner_url, demonstration=True) == []
    assert await _names(database) >= {*applied}


async def test_a_database_that_was_restored_is_closed_to_everybody_again(database: Database) -> None:
    """A database that is made anew for a dump lets everybody connect."""
    await migrate(database.owner_url, demonstration=True)
    owner = await asyncpg.connect(database.owner_url)
    try:
        await owner.execute(f'GRANT ALL ON DATABASE "{database.name}" TO PUBLIC')
        await migrate(database.owner_url, demonstration=True)
        assert not await owner.fetchval("SELECT has_database_privilege('public', current_database(), 'CONNECT, TEMP')")
        assert await owner.fetchval("SELECT has_database_privilege('carepath_reader', current_database(), 'CONNECT')")
    finally:
        await owner.close()


@pytest.mark.parametrize("demonstration", [True, False])
async def test_whether_a_log_is_of_a_demonstration_is_said_once(database: Database, demonstration: bool) -> None:
    await migrate(database.owner_url, demonstration=demonstration)
    await migrate(database.owner_url, demonstration=not demonstration)
    connection = await asyncpg.connect(database.owner_url)
    try:
        assert await connection.fetchval("SELECT demonstration FROM record.log") is demonstration
        for change in ("UPDATE record.log SET demonstration = NOT demonstration", "DELETE FROM record.log"):
            with pytest.raises(asyncpg.PostgresError, match="append-only"):
                await connection.execute(change)
    finally:
        await connection.close()


async def test_three_starters_make_it_once(database: Database) -> None:
    answers = await asyncio.gather(*(migrate(database.owner_url, demonstration=True) for _ in range(3)))
    assert sorted(map(bool, answers)) == [False, False, True]


async def test_a_new_database_needs_no_migration(database: Database, schema: Path) -> None:
    _add(schema / "tables" / "record.later.sql", "CREATE TABLE record.later (n int);")
    _add(schema / "migrations" / "0001_later.sql", "CREATE TABLE record.later (n int);")
    assert "migrations/0001_later.sql" not in await migrate(database.owner_url, schema, demonstration=True)
    assert await migrate(database.owner_url, schema, demonstration=True) == []
    assert await _has(database, "record.later")


async def test_an_older_database_is_brought_up_to_date(database: Database, schema: Path) -> None:
    await migrate(database.owner_url, schema, demonstration=True)
    _add(schema / "tables" / "record.later.sql", "CREATE TABLE record.later (n int, m int);")
    _add(schema / LOCK, "-- and more\n")
    _add(schema / "migrations" / "0001_later.sql", "CREATE TABLE record.later (n int);")
    _add(schema / "migrations" / "0002_more.sql", "ALTER TABLE record.later ADD COLUMN m int;")
    assert await migrate(database.owner_url, schema, demonstration=True) == [
        "migrations/0001_later.sql",
        "migrations/0002_more.sql",
        LOCK,
    ]
    assert await migrate(database.owner_url, schema, demonstration=True) == []
    assert await _has(database, "record.later")


@pytest.mark.parametrize("name", [LOCK, "tables/record.journey.sql", "triggers/hint.sql", "tables/record.later.sql"])
async def test_a_change_without_a_migration_is_refused_by_name(database: Database, schema: Path, name: str) -> None:
    await migrate(database.owner_url, schema, demonstration=True)
    _add(schema / name, "-- one more thing\n")
    with pytest.raises(MigrationEdited, match=rf"{name} .* add a migration"):
        await migrate(database.owner_url, schema, demonstration=True)


async def test_an_edited_migration_is_refused_and_nothing_is_applied(database: Database, schema: Path) -> None:
    _add(schema / "migrations" / "0001_first.sql", "SELECT 1;")
    await migrate(database.owner_url, schema, demonstration=True)
    _add(schema / "migrations" / "0001_first.sql", "-- one more thing\n")
    _add(schema / "migrations" / "0002_later.sql", "CREATE TABLE record.later (n int);")
    with pytest.raises(MigrationEdited, match="0001_first"):
        await migrate(database.owner_url, schema, demonstration=True)
    assert not await _has(database, "record.later")


async def test_a_failing_file_leaves_no_trace_and_can_be_mended(database: Database, schema: Path) -> None:
    await migrate(database.owner_url, schema, demonstration=True)
    before = await _names(database)
    _add(schema / "migrations" / "0001_later.sql", "CREATE TABLE record.later (n int);")
    broken = schema / "migrations" / "0002_broken.sql"
    broken.write_text("CREATE TABLE record.broken (n int); SELECT 1/0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(database.owner_url, schema, demonstration=True)
    assert await _names(database) == before
    assert not await _has(database, "record.later")

    broken.write_text("CREATE TABLE record.broken (n int)")
    assert await migrate(database.owner_url, schema, demonstration=True) == [
        "migrations/0001_later.sql",
        "migrations/0002_broken.sql",
    ]


async def test_an_older_build_leaves_a_newer_database_as_it_is(database: Database, schema: Path) -> None:
    later = schema / "migrations" / "0001_later.sql"
    _add(later, "CREATE TABLE record.later (n int);")
    await migrate(database.owner_url, schema, demonstration=True)
    later.unlink()
    _add(schema / LOCK, "-- as it was\n")
    assert await migrate(database.owner_url, schema, demonstration=True) == []
