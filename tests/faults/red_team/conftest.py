"""Attacks on sign-offs, as an administrator of Temporal and as the superuser of the database.

Each test shows three things of an attack: it changed nothing, or verifying the record finds it; it is visible
afterwards; and everything else goes on: the worker is alive, and an honest decision counts.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.record.store import Record
from deploy.local.stack import Stack
from simulation.keys import Signers
from tests.faults.attackers import Office, found_offline, office_on
from tests.faults.helpers import Course, at_work, support
from workflows.temporal_plugin import CarePathwayPlugin, PathwayCodec


@pytest.fixture
async def plain(stack: Stack, codec: PathwayCodec) -> Client:
    """A client of somebody who has even the keys, such as a worker that was taken over. What is sent without them is in
    `test_keys`."""
    return await Client.connect(
        stack.temporal.address, namespace=stack.temporal.namespace, plugins=[CarePathwayPlugin(codec)]
    )


@pytest.fixture
async def course(client: Client, record: Record, signers: Signers, task_queue: str) -> AsyncIterator[Course]:
    """A journey that has begun. Whatever is done to it, it hears the next command and agrees with its record."""
    begun = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await begun.begin()
        yield begun
        await begun.send(support("invented: are you still there?"))
        await begun.checked()
        assert await found_offline(record, signers, begun.id) == set()


@pytest.fixture
async def office(stack: Stack, tmp_path: Path) -> AsyncIterator[Office]:
    """A clinic of its own, whose register a test may change."""
    async with office_on(stack, tmp_path / "own") as own:
        yield own
