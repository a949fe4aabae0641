"""Servers shared by the whole session, and a safe end for processes that ran a Temporal worker."""

import atexit
import os
import sys
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from deploy.local.postgres import Database, Postgres
from deploy.local.temporal import TemporalServer
from simulation.keys import Signers, invent

_finished = pytest.StashKey[pytest.Session]()


@pytest_asyncio.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """One PostgreSQL for the session. Tests that stop or kill a server start their own."""
    directory = tmp_path_factory.mktemp("postgres")
    server = Postgres(directory / "data", directory / "postgres.log")
    try:
        await server.start()
        yield server
    finally:
        await server.stop("immediate")
        server.remove_data()


@pytest_asyncio.fixture
async def database(postgres: Postgres) -> AsyncIterator[Database]:
    """An empty database for one test: nothing is migrated yet."""
    fresh = await postgres.fresh_database()
    yield fresh
    await postgres.drop_database(fresh)


@pytest_asyncio.fixture(scope="session")
async def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    """One real Temporal server for the session, on which single workflows can skip time.

    Isolate tests by workflow id and task queue. Tests that stop or kill a server start their own.
    """
    directory = tmp_path_factory.mktemp("temporal")
    server = TemporalServer(directory / "temporal.log", time_skipping=True, headless=True)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


@pytest_asyncio.fixture(scope="session")
async def temporal_client(temporal_server: TemporalServer) -> Client:
    """A plain client of that server: no codec, no plugin."""
    return await Client.connect(temporal_server.address, namespace=temporal_server.namespace)


@pytest.fixture(scope="session")
def signers(tmp_path_factory: pytest.TempPathFactory) -> Signers:
    """The invented clinicians with their keys, and the register they are enrolled in."""
    return invent(tmp_path_factory.mktemp("signers"))


@pytest_asyncio.fixture
async def time_skipping_env() -> AsyncIterator[WorkflowEnvironment]:
    """The Java test server, for tests of timers alone: fast, but its clock breaks on continue-as-new.

    One per test, because its clock is shared by everything on it and a stuck workflow stops it for all.
    """
    program = Path(sysconfig.get_path("scripts")) / "temporal-test-server"
    async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=str(program)) as env:
        yield env


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_finished] = session


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave without the interpreter's own shutdown once everything has been reported.

    A process that ran a Temporal worker crashes there about one time in five, after the tests have passed
    (https://github.com/temporalio/sdk-python/issues/300). An unfinished session ends as usual.
    """
    session = config.stash.get(_finished, None)
    if session is None:
        return
    atexit._run_exitfuncs()  # pytest's own clean-up of temporary directories is among them
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(session.exitstatus))
