"""Floods larger than the history of one run may be, on servers of their own: nothing that was acknowledged is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from activities.record.event_codec import load_journey
from application.temporal.namespace import (
    register_search_attributes,
)
from deploy.local import temporal
from tests.benchmarks.stage import QUEUE, Servers, servers
from tests.faults.helpers import Course, at_work, run_cli, signal
from tests.faults.test_floods import accounted, accounted_for
from tests.helpers import eventually
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role

pytestmark = [pytest.mark.server, pytest.mark.soak, pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with servers(tmp_path_factory.mktemp("large")) as running:
        await register_search_attributes(running.client)
        yield running


def begun(own: Servers) -> Course:
    return Course(own.client, own.record, own.stack.signers, QUEUE)


async def reconciled(own: Servers) -> dict[UUID, tuple[str, bool]]:
    """What one pass of reconciliation finds and mends, as ops run it."""
    _, said = await run_cli(own.stack, "record", "reconcile", "--repair")
    return {UUID(each["journey_id"]): (each["drift"], each["repaired"]) for each in said["findings"]}


async def flood_at_once(course: Course, contents: list[bytes]) -> int:
    """Send signals together, five seconds' worth. Return how many Temporal acknowledged."""
    turn = asyncio.Semaphore(6)

    async def sent(content: bytes) -> bool:
        async with turn:
            with suppress(RPCError):
                await signal(course, "noise", content)
                return True
        return False

    return sum(await asyncio.gather(*map(sent, contents)))


async def is_told(course: Course) -> None:
    """Care is held, and ops have a task for each message or for the number of them."""
    journey = await course.recorded()
    assert journey.held
    assert {each.kind for each in journey.waiting.values() if each.owner == Role.OPS} >= {"unreadable_message"}


async def test_a_flood_of_large_messages_ends_no_run(own: Servers) -> None:
    """28 of 1.9 MB are refused before they cost. Of 132 of the largest that are taken, 50 MB, a hundred are kept in
    short, and the others counted, which is recorded at 1, 2, 4, ..., 32."""
    course = begun(own)
    async with at_work(own.client, own.record, own.stack.signers, QUEUE):
        await course.begin()
        too_large = [bytes([65 + number]) * 1_900_000 for number in range(28)]
        taken = await flood_at_once(course, [*too_large, *(b"%d " % n + b"x" * 380_000 for n in range(132))])
        assert taken == 132
        async with asyncio.timeout(20):
            await course.send(c.PlaceHold(reason="invented: after the flood"))

        async def all_there() -> bool:
            return await accounted_for(course) == taken

        await eventually(all_there, timedelta(seconds=60))
        assert (await course.handle.describe()).status == WorkflowExecutionStatus.RUNNING
        await is_told(course)


async def test_a_flood_that_ends_a_run_loses_nothing_that_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody has set the limits of the server: 28 signals of 1.9 MB are more than a history may have. The next
    pass of reconciliation begins the journey anew, and hands in again, in short, what it had not recorded."""
    monkeypatch.setattr(temporal, "LIMITS", {})
    async with servers(tmp_path) as own:
        await register_search_attributes(own.client)
        course = begun(own)
        async with at_work(own.client, own.record, own.stack.signers, QUEUE):
            await course.begin()
            said = [bytes([65 + number]) * 1_900_000 for number in range(28)]
            taken = await flood_at_once(course, said)
            assert taken > 0

            async def all_there() -> bool:
                await reconciled(own)
                journey = await load_journey(own.record, course.id)
                return journey is not None and accounted(journey) >= taken

            await eventually(all_there, timedelta(seconds=90))
            await is_told(course)
            known = {message.content for message in (await course.recorded()).messages.values()}
            for content in said:
                digest = sha256(content).hexdigest()
                assert sum(digest in one for one in known) <= 1
            async with asyncio.timeout(10):
                await course.send(c.PlaceHold(reason="invented: it goes on"))
