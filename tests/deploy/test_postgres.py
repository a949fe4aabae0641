"""The local PostgreSQL keeps what it acknowledged, over stops and kills."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import asyncpg
import psutil
import pytest
import pytest_asyncio

from deploy.local.postgres import Database, Postgres
from deploy.local.process import StackError

pytestmark = pytest.mark.server


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """One for all these tests, in a directory that nobody else may enter."""
    closed = tmp_path_factory.mktemp("postgres") / "closed"
    closed.mkdir(mode=0o700)
    server = Postgres(closed / "data", closed.with_name("postgres.log"))
    await server.start()
    yield server
    await server.stop("immediate")
    server.remove_data()


@pytest.fixture
async def own(server: Postgres) -> AsyncIterator[Postgres]:
    """That server, which runs before each test."""
    yield server
    if not server.running:
        await server.start()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.mark.parametrize("how", ["smart", "fast", "immediate", "kill"])
async def test_a_restart_keeps_data_and_port(own: Postgres, how: Literal["smart", "fast", "immediate", "kill"]) -> None:
    url = own.owner_url
    await _execute(url, "DROP TABLE IF EXISTS kept; CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
    processes = [psutil.Process(own.pid), *psutil.Process(own.pid).children()]
    await (own.kill() if how == "kill" else own.stop(how))
    assert not any(process.is_running() for process in processes)
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncpg.connect(url)
    await own.start()
    assert own.owner_url == url
    assert await _value(url, "SELECT n FROM kept") == 7


async def test_the_server_is_durable_and_discreet(own: Postgres) -> None:
    wanted = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_statement": "none",
        "TimeZone": "UTC",
    }
    for name, value in wanted.items():
        assert await _value(own.admin_url, f"SHOW {name}") == value


async def test_a_failing_statement_leaves_no_values_in_the_log(postgres: Postgres, database: Database) -> None:
    await _execute(database.owner_url, "CREATE TABLE once (id text PRIMARY KEY)")
    insert = "INSERT INTO once VALUES ('patient-name-in-clear')"
    await _execute(database.owner_url, insert)
    with pytest.raises(asyncpg.UniqueViolationError):
        await _execute(database.owner_url, insert)
    log = postgres.log_path.read_text()
    assert "duplicate key" in log
    assert "patient-name-in-clear" not in log


async def test_the_owner_is_no_superuser_and_owns_its_database(database: Database) -> None:
    query = (
        "SELECT rolname || ' ' || rolsuper FROM pg_roles JOIN pg_database ON datdba = pg_roles.oid "
        "WHERE datname = current_database() AND rolname = current_user"
    )
    assert await _value(database.owner_url, query) == "carepath_owner false"


async def test_fresh_databases_are_empty_and_separate(postgres: Postgres, database: Database) -> None:
    await _execute(database.owner_url, "CREATE TABLE mine (n int)")
    other = await postgres.fresh_database()
    query = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
    assert await _value(database.owner_url, query) == 1
    assert await _value(other.owner_url, query) == 0
    await postgres.drop_database(other)


async def test_its_data_is_in_its_place_though_nobody_else_may_enter_there(own: Postgres) -> None:
    """Run by root it is another account's: that, too, has its data in a directory, or a home, that only root enters."""
    closed = own.data_directory.parent
    assert (closed.name, closed.stat().st_mode & 0o077) == ("closed", 0)
    assert (closed / "data" / "PG_VERSION").exists()


async def test_two_servers_never_share_data(own: Postgres, tmp_path: Path) -> None:
    second = Postgres(own.data_directory, tmp_path / "second.log")
    with pytest.raises(StackError, match="Another PostgreSQL"):
        await second.start()
    assert own.running


async def test_a_stale_lock_that_names_another_process_is_no_obstacle(own: Postgres) -> None:
    await own.kill()
    lock = own.data_directory / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join(["1", *lines[1:]]) + "\n")
    await own.start()
    assert await _value(own.owner_url, "SELECT 1") == 1


async def test_another_server_on_the_port_is_not_taken_for_ours(own: Postgres, tmp_path: Path) -> None:
    second = Postgres(tmp_path / "other", tmp_path / "other.log", port=own.port)
    with pytest.raises(StackError, match=f"port {own.port}"):
        await second.start()
    assert not second.running
    assert own.running


async def test_a_failed_start_says_why_and_where_the_log_is(own: Postgres) -> None:
    await own.stop()
    version = own.data_directory / "PG_VERSION"
    right = version.read_text()
    version.write_text("9\n")
    try:
        with pytest.raises(StackError, match="said last") as caught:
            await own.start()
    finally:
        version.write_text(right)
    assert caught.value.step == "start PostgreSQL"
    assert caught.value.log_path == own.log_path
    assert not own.running
