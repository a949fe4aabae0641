"""Worlds for journeys: the real server with skipped time, one that continues as new early, the Java test server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner

from deploy.local.postgres import Database, Postgres
from deploy.local.temporal import TemporalServer
from tests.workflow.world import World, open_world, task_failures
from workflows import care_journey
from workflows.client import register_search_attributes
from workflows.plugin import CarePathwayPlugin
from temporalio.plugin import SimplePlugin


@pytest_asyncio.fixture(scope="session")
async def real_world(temporal_server: TemporalServer, postgres: Postgres) -> AsyncIterator[World]:
    """The real server, a worker as in production, and one record for all journeys of the session."""
    client = await Client.connect(
        temporal_server.address, namespace=temporal_server.namespace, plugins=[CarePathwayPlugin()]
    )
    await register_search_attributes(client)
    database = await postgres.fresh_database()
    async with open_world(client, database, task_queue="workflow-tests") as world:
        yield world
    await postgres.drop_database(database)
