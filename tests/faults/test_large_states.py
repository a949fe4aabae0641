"""Journeys whose state is larger than Temporal takes: handed over beside the history, and never without the record."""

import asyncio
import base64
import hashlib
from datetime import timedelta

import pytest
from temporalio.client import Client

from activities.blob_storage import storage_of
from activities.record.event_codec import load_events
from activities.record.store import Record
from application.temporal.journey_client import resume
from deploy.local.stack import Stack
from simulation.keys import Signers
from tests.faults.helpers import Course, at_work, blocked, command, reset, support
from tests.helpers import eventually, task_failures
from workflows import messages
from workflows.journey import commands as c
from workflows.temporal_plugin import with_storage

pytestmark = pytest.mark.server

NOISE = base64.b64encode(b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(16_000))).decode()


async def fill(course: Course, texts: int) -> None:
    """Give a journey a state of so many texts of 4,000 characters, which compress by a quarter."""
    sent = [command(support(NOISE[number * 4000 : (number + 1) * 4000])) for number in range(texts)]
    for some in range(0, texts, 8):
        await asyncio.gather(*(course.submit(one) for one in sent[some : some + 8]))


async def blobs(course: Course) -> int:
    async with course.record.connection() as connection:
        kept: int = await connection.fetchval(
            "SELECT count(*) FROM record.blob WHERE workflow_id = $1", course.handle.id
        )
    return kept


async def test_a_large_state_is_handed_on_read_back_and_reset(
    client: Client, record: Record, signers: Signers, task_queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "UPDATES_IN_RUN", 60)
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        await fill(course, 128)
        journey = await course.checked()
        assert len(journey.support) == 128
        runs = await course.runs()
        assert len(runs) >= 2
        assert await blobs(course) >= 1
        largest = max(event.ByteSize() for run in runs for event in run)
        assert largest < messages.PAYLOAD_BYTES / 2

        # All of it is read back by a reset, and handed anew when the run is lost.
        await reset(course)
        assert await course.checked() == journey
        await course.handle.terminate()
        # Whoever takes it up has a client of their own: the worker's storage is not the test's.
        await resume(
            with_storage(client, storage_of(record)), await load_events(record, course.id), task_queue=task_queue
        )
        assert await course.checked() == journey
        async with asyncio.timeout(10):
            await course.send(c.PlaceHold(reason="invented: after all that"))
        await course.checked()


@pytest.mark.faults
async def test_no_new_run_begins_while_the_record_cannot_be_reached(
    client: Client, record: Record, signers: Signers, task_queue: str, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "UPDATES_IN_RUN", 150)
    async with at_work(client, record, signers, task_queue):
        course = Course(client, record, signers, task_queue)
        await course.begin()
        await fill(course, 149)
        before = len(await course.runs())
        # The events can be recorded, and what is handed over cannot be kept.
        async with blocked(stack, "LOCK TABLE record.blob IN ACCESS EXCLUSIVE MODE"):
            await course.send(support(NOISE[-4000:]))

            async def refused() -> bool:
                [run, *_] = await course.runs()
                return bool(task_failures(run))

            await eventually(refused, within=timedelta(seconds=30))
            assert len(await course.runs()) == before
        journey = await course.recorded()
        assert len(journey.support) == 150
        await course.send(support("invented: and on"))
        assert len((await course.recorded()).support) == 151
        assert len(await course.runs()) == before + 1
