"""Worlds for journeys: the real server with skipped time, and one that continues as new early."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client

from application.temporal.namespace import (
    register_search_attributes,
)
from deploy.local.postgres import Database, Postgres
from deploy.local.temporal import TemporalServer
from simulation.keys import Signers
from tests.fixtures.workflow_cache import workflow_cache
from tests.workflow.courses import COURSES, Played
from tests.workflow.world import Case, EarlyServer, World, open_world
from workflows.temporal_plugin import CarePathwayPlugin, PathwayCodec


@pytest_asyncio.fixture(scope="session")
async def record_database(postgres: Postgres) -> AsyncIterator[Database]:
    """One record for all journeys of the session."""
    database = await postgres.fresh_database(template=postgres.database)
    yield database
    await postgres.drop_database(database)


@pytest_asyncio.fixture(scope="session")
async def real_world(
    temporal_server: TemporalServer, record_database: Database, signers: Signers, codec: PathwayCodec
) -> AsyncIterator[World]:
    """The real server, and a worker as in production."""
    client = await Client.connect(
        temporal_server.address, namespace=temporal_server.namespace, plugins=[CarePathwayPlugin(codec)]
    )
    await register_search_attributes(client)
    async with open_world(client, record_database, signers, task_queue=f"workflow-{uuid4()}") as world:
        yield world


@pytest_asyncio.fixture(scope="session")
async def early_world(
    tmp_path_factory: pytest.TempPathFactory, record_database: Database, signers: Signers, codec: PathwayCodec
) -> AsyncIterator[World]:
    """A real server that suggests to continue as new long before a run is long."""
    server = EarlyServer(tmp_path_factory.mktemp("early") / "temporal.log")
    try:
        await server.start()
        client = await Client.connect(server.address, namespace=server.namespace, plugins=[CarePathwayPlugin(codec)])
        await register_search_attributes(client)
        async with open_world(client, record_database, signers, task_queue=f"workflow-{uuid4()}") as world:
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
        task_queue=f"uncached-{uuid4()}",
        max_cached=0,
    ) as world:
        yield world


@pytest_asyncio.fixture(scope="session")
async def played(real_world: World, early_world: World, uncached_world: World) -> AsyncIterator[Played]:
    """Courses on real servers, by name. The first test to ask starts all of its tier: most of their time is waiting.

    Where every task is a replay, it is not. What a course costs grows there with the square of its runs, and on a busy
    machine the replay of a thousand events takes longer than a task may, and is begun again and again. So courses go
    one by one, and all on the server where runs are short."""
    worlds = {"real": real_world, "early": early_world, "uncached": uncached_world}
    if not workflow_cache():
        worlds = dict.fromkeys(worlds, early_world)

    async def play(name: str) -> Case:
        course = COURSES[name]
        case = await course.begin(worlds[course.world])
        await course.play(case)
        return case

    playing: dict[str, asyncio.Task[Case]] = {}

    async def wait(name: str) -> Case:
        tier = [each for each, course in COURSES.items() if course.soak == COURSES[name].soak]
        for each in tier if workflow_cache() else [name]:
            if each not in playing:
                playing[each] = asyncio.create_task(play(each), name=each)
        return await asyncio.shield(playing[name])

    yield wait
    for task in playing.values():
        task.cancel()
    await asyncio.gather(*playing.values(), return_exceptions=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks first for a played course waits for most of all of them. These tests come first, so that one process
    has them all: each that has any plays all courses."""
    asking = [item for item in items if "played" in getattr(item, "fixturenames", ())]
    for item in asking:
        item.add_marker(pytest.mark.timeout(300 if workflow_cache() else 1800))
    items[:] = [*asking, *(item for item in items if item not in asking)]
