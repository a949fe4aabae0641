"""Temporal's own database is lost while journeys are open: they go on from the record, and nothing happens twice."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from temporalio.client import Client

from activities.record.event_codec import load_journey
from activities.record.reconciliation import mark_version
from application.context import utc_now
from application.temporal.journey_client import (
    submit,
)
from application.temporal.namespace import (
    register_search_attributes,
)
from application.temporal.runs import find_run
from simulation.stack import StaffedStack
from tests.faults.helpers import Course, at_work, call_cli, command, support
from tests.fixtures.everything import everything, open_stack
from tests.helpers import eventually
from workflows.journey.aggregate import Journey
from workflows.journey.commands import PlaceHold
from workflows.journey.vocabulary.actors import Role
from workflows.temporal_plugin import CarePathwayPlugin, PathwayCodec


async def connected(stack: StaffedStack, codec: PathwayCodec) -> Client:
    client = await Client.connect(
        stack.temporal.address, namespace=stack.temporal.namespace, plugins=[CarePathwayPlugin(codec)]
    )
    await register_search_attributes(client)
    return client


async def reconcile(stack: StaffedStack, *options: str) -> tuple[int, Any]:
    return await call_cli(stack, "record", "reconcile", *options)


async def notices(stack: StaffedStack) -> Counter[str]:
    connection = await asyncpg.connect(everything(stack.postgres))
    try:
        return Counter(str(row["notice_id"]) for row in await connection.fetch("SELECT notice_id FROM record.notice"))
    finally:
        await connection.close()


@pytest.mark.server
@pytest.mark.timeout(300)
@pytest.mark.parametrize("count", [3, pytest.param(100, marks=pytest.mark.soak)])
async def test_open_journeys_outlive_temporals_database(tmp_path: Path, count: int) -> None:
    async with (
        open_stack(tmp_path, keep_data=False, time_skipping=True, headless=True) as stack,
        stack.open_record(everything(stack.postgres)) as record,
        stack.codec() as codec,
    ):
        client = await connected(stack, codec)
        courses = [Course(client, record, stack.signers, "care-pathway") for _ in range(count)]
        async with at_work(client, record, stack.signers, "care-pathway"):
            for n in range(0, count, 10):
                await asyncio.gather(*(course.begin() for course in courses[n : n + 10]))
                await asyncio.gather(*(course.send(support()) for course in courses[n : n + 10]))
                await asyncio.gather(*(course.send(PlaceHold(reason="invented")) for course in courses[n : n + 10 : 5]))
            before = {course.id: await course.recorded() for course in courses}
        told = await notices(stack)

        await stack.temporal.stop()
        for file in (tmp_path / "temporal").iterdir():
            file.unlink()
        await stack.temporal.start()

        client = await connected(stack, codec)
        code, found = await reconcile(stack)
        assert (code, found["open_journeys"]) == (7, count)
        assert Counter(finding["drift"] for finding in found["findings"]) == {"lost": count}
        assert {UUID(finding["journey_id"]) for finding in found["findings"]} == before.keys()
        async with at_work(client, record, stack.signers, "care-pathway"):
            code, found = await reconcile(stack, "--repair")
            assert (code, len(found["findings"])) == (0, count)
            code, found = await reconcile(stack)
            assert (code, found["open_journeys"], found["findings"]) == (0, count, [])
            for journey_id, journey in before.items():
                await eventually(lambda: _marked(client, journey))  # noqa: B023 - of this round
                assert await load_journey(record, journey_id) == journey
            assert await notices(stack) == told
            lost = courses[0]
            receipt = await submit(
                client, lost.id, command(support("invented: after the loss"), Role.PATIENT, of=lost.id)
            )
            await record.wait_for(lost.id, receipt.version, timedelta(seconds=30))
            again = next(iter(lost.receipts))
            assert again in await lost.commands()


async def _marked(client: Client, journey: Journey) -> bool:
    """Whether the run says that all of the journey is recorded."""
    run = await find_run(client, journey.id, now=utc_now())
    return run is not None and mark_version(run.mark) == journey.version
