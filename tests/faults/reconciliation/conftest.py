"""One stack for all tests of reconciliation: every open journey of it is compared."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from temporalio.client import Client

from application.settings import Settings
from application.temporal.namespace import (
    register_search_attributes,
)
from deploy.local import stack as local
from tests.faults.reconciliation.ground import Ground, PausingServer
from tests.fixtures.everything import everything, open_stack
from workflows.temporal_plugin import CarePathwayPlugin


@pytest_asyncio.fixture(scope="session")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    directory = tmp_path_factory.mktemp("reconciliation")
    async with AsyncExitStack() as exits:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(local, "TemporalServer", PausingServer)
            stack = await exits.enter_async_context(
                open_stack(directory, keep_data=False, time_skipping=True, headless=True)
            )
            for name, value in stack.worker_env.items():
                patch.setenv(name, value)
            settings = Settings(build_id=None)
        record = await exits.enter_async_context(stack.open_record(everything(stack.postgres)))
        codec = await exits.enter_async_context(stack.codec())
        address, namespace = stack.temporal.address, stack.temporal.namespace
        client = await Client.connect(address, namespace=namespace, plugins=[CarePathwayPlugin(codec)])
        await register_search_attributes(client)
        yield Ground(stack, client, record, settings, set())


@pytest.fixture(autouse=True)
async def _left(ground: Ground) -> None:
    ground.left.clear()
    ground.left.update(await ground.reconcile(repair=False))


@pytest.fixture
async def working(ground: Ground) -> AsyncIterator[Ground]:
    """The stack with a worker at work."""
    async with ground.at_work():
        yield ground
