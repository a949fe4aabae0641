"""Migrations: in order, once, and never behind the back of a database that has them."""

import asyncio
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import asyncpg
import pytest

from activities.record import MigrationEdited, migrate
from deploy.local.postgres import Database


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    """A copy of the migrations, to change."""
    with as_file(files("activities.record") / "schema") as shipped:
        return Path(shutil.copytree(shipped, tmp_path / "schema"))


async def _names(database: Database) -> list[str]:
    connection = await asyncpg.connect(database.owner_url)
    try:
        return [row["name"] for row in await connection.fetch("SELECT name FROM record.migration ORDER BY name")]
    finally:
        await connection.close()


async def test_applied_in_order_once(database: Database) -> None:
    applied = await migrate(database.owner_url)
    assert [int(name[:4]) for name in applied] == list(range(1, len(applied) + 1))
    assert await migrate(database.owner_url) == []
    assert await _names(database) == applied


async def test_three_starters_apply_once(database: Database) -> None:
    answers = await asyncio.gather(*(migrate(database.owner_url) for _ in range(3)))
    assert sorted(map(len, answers)) == [0, 0, len(await _names(database))]


async def test_an_edited_file_is_refused_by_name_and_nothing_is_applied(database: Database, schema: Path) -> None:
    await migrate(database.owner_url, schema)
    before = await _names(database)
    edited = schema / before[2]
    edited.write_text(edited.read_text() + "-- one more thing\n")
    (schema / "9000_later.sql").write_text("CREATE TABLE record.later (n int)")

    with pytest.raises(MigrationEdited, match=rf"{edited.name} .* new file"):
        await migrate(database.owner_url, schema)

    assert await _names(database) == before


async def test_a_failing_file_leaves_no_trace_and_can_be_mended(database: Database, schema: Path) -> None:
    later, broken = schema / "9000_later.sql", schema / "9001_broken.sql"
    later.write_text("CREATE TABLE record.later (n int)")
    broken.write_text("CREATE TABLE record.broken (n int); SELECT 1/0")

    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(database.owner_url, schema)
    assert later.name in await _names(database)
    assert broken.name not in await _names(database)

    broken.write_text("CREATE TABLE record.broken (n int)")
    assert await migrate(database.owner_url, schema) == [broken.name]


async def test_an_older_build_starts_on_a_newer_database(database: Database, schema: Path) -> None:
    later = schema / "9000_later.sql"
    later.write_text("CREATE TABLE record.later (n int)")
    await migrate(database.owner_url, schema)
    later.unlink()
    assert await migrate(database.owner_url, schema) == []
