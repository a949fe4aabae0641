"""Worlds for journeys: the real server with skipped time, one that continues as new early, the Java test server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.plugin import SimplePlugin
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner

from application.journey_client import _indexed as indexed
from application.journey_client import register_search_attributes
from deploy.local.postgres import Database, Postgres
from deploy.local.temporal import TemporalServer
from simulation.keys import Signers
from tests.workflow.courses import COURSES
from tests.workflow.world import Case, EarlyServer, World, open_world
from workflows import care_journey
from workflows.temporal_plugin import CarePathwayPlugin

Played = Callable[[str], Awaitable[Case]]


@pytest_asyncio.fixture(scope="session")
async def record_database(postgres: Postgres) -> AsyncIterator[Database]:
    """One record for all journeys of the session."""
    database = await postgres.fresh_database()
    yield database
    await postgres.drop_database(database)


@pytest_asyncio.fixture(scope="session")
async def real_world(
    temporal_server: TemporalServer, record_database: Database, signers: Signers
) -> AsyncIterator[World]:
    """The real server, and a worker as in production."""
    client = await Client.connect(
        temporal_server.address, namespace=temporal_server.namespace, plugins=[CarePathwayPlugin()]
    )
    await register_search_attributes(client)
    async with open_world(client, record_database, signers, task_queue="workflow-tests") as world:
        yield world


@pytest_asyncio.fixture(scope="session")
async def early_world(
    tmp_path_factory: pytest.TempPathFactory, record_database: Database, signers: Signers
) -> AsyncIterator[World]:
    """A real server that suggests to continue as new long before a run is long."""
    server = EarlyServer(tmp_path_factory.mktemp("early") / "temporal.log")
    try:
        await server.start()
        client = await Client.connect(server.address, namespace=server.namespace, plugins=[CarePathwayPlugin()])
        await register_search_attributes(client)
        async with open_world(client, record_database, signers, task_queue="workflow-tests") as world:
            yield world
    finally:
        await server.stop()


@pytest_asyncio.fixture(scope="session")
async def uncached_world(real_world: World) -> AsyncIterator[World]:
    """The real server, and a worker that forgets every journey at once: each task is a replay from the start."""
    async with open_world(
        real_world.client,
        real_world.database,
        real_world.signers,
        task_queue="uncached-workflow-tests",
        max_cached=0,
    ) as world:
        yield world


@pytest_asyncio.fixture
async def skipping_world(
    time_skipping_env: WorkflowEnvironment,
    record_database: Database,
    signers: Signers,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[World]:
    """The Java test server, whose clock breaks when a run continues as new: here every journey is one run."""
    # Without the sandbox, because there the workflow has a copy of its module, which a test cannot reach.
    monkeypatch.setattr(care_journey, "LONG_RUN", 1_000_000)
    unsandboxed = SimplePlugin("unsandboxed", workflow_runner=lambda _: UnsandboxedWorkflowRunner())
    config = time_skipping_env.client.service_client.config
    client = await Client.connect(config.target_host, plugins=[CarePathwayPlugin(), unsandboxed])
    # That server cannot list them, as our own registration does to check their types.
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=client.namespace,
            search_attributes={key.name: indexed(key.indexed_value_type) for key in care_journey.SEARCH_ATTRIBUTES},
        )
    )
    async with open_world(client, record_database, signers, task_queue="workflow-tests") as world:
        world.env = time_skipping_env
        # That server loses its way when a timer fires in the very moment in which it is cancelled, which
        # deadlines do that lie milliseconds apart.
        world.send = Case.signal_in_turn
        yield world


@pytest_asyncio.fixture(scope="session")
async def played(real_world: World, early_world: World, uncached_world: World) -> AsyncIterator[Played]:
    """Courses on real servers, by name. The first test to ask starts them all: most of their time is waiting."""

    worlds = {"real": real_world, "early": early_world, "uncached": uncached_world}

    async def play(name: str) -> Case:
        course = COURSES[name]
        case = await course.begin(worlds[course.world])
        await course.play(case)
        return case

    playing = {name: asyncio.create_task(play(name), name=name) for name in COURSES}

    async def wait(name: str) -> Case:
        return await asyncio.shield(playing[name])

    yield wait
    for task in playing.values():
        task.cancel()
    await asyncio.gather(*playing.values(), return_exceptions=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test asks first for a played course waits for most of all of them."""
    for item in items:
        if "played" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(300))
