"""One local stack for all fault tests. Each test leaves both servers running for the next one."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client

from activities.record.store import Record
from application.temporal.journey_client import register_search_attributes
from deploy.local.stack import Stack
from simulation.keys import Signers
from tests.faults.helpers import answers, findings
from tests.fixtures.everything import everything, open_stack
from tests.helpers import eventually
from workflows.temporal_plugin import CarePathwayPlugin, PathwayCodec


@pytest_asyncio.fixture(scope="session")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """Both servers, on files that survive their kills."""
    directory = tmp_path_factory.mktemp("faults")
    async with open_stack(directory, keep_data=False, time_skipping=True, headless=True) as stack:
        client = await Client.connect(stack.temporal.address)
        await register_search_attributes(client)
        yield stack


@pytest.fixture
async def stack(ground: Stack) -> AsyncIterator[Stack]:
    """The stack, all of it running before and after; whatever a test does, the log must verify."""
    yield ground
    for server in (ground.postgres, ground.temporal):
        if not server.running:
            await server.start()
    await eventually(lambda: answers(ground))
    assert await findings(ground) == ()


@pytest.fixture(scope="session")
def signers(ground: Stack) -> Signers:
    """Those whom the workers of this stack know."""
    return ground.signers


@pytest_asyncio.fixture(scope="session")
async def codec(ground: Stack) -> AsyncIterator[PathwayCodec]:
    """What the workers of this stack encrypt with."""
    async with ground.codec() as opened:
        yield opened


@pytest.fixture
async def client(stack: Stack, codec: PathwayCodec) -> Client:
    return await Client.connect(
        stack.temporal.address, namespace=stack.temporal.namespace, plugins=[CarePathwayPlugin(codec)]
    )


@pytest.fixture
async def record(stack: Stack) -> AsyncIterator[Record]:
    async with stack.open_record(everything(stack.postgres)) as opened:
        yield opened


@pytest.fixture
def task_queue() -> str:
    return f"faults-{uuid4()}"
