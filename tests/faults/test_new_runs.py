"""Journeys that continue as new while people go on sending, and builds that replace each other under them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentRequest, SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.record.event_codec import load_events
from activities.record.store import Record
from application.temporal.journey_client import (
    resume,
    submit,
)
from application.temporal.namespace import (
    register_search_attributes,
)
from deploy.local.stack import Stack
from deploy.local.temporal import TemporalServer
from simulation.keys import Signers
from tests.faults.helpers import PATIENCE, Course, at_work, command, signal, support
from tests.helpers import codec_of, eventually
from workflows.journey import commands as c
from workflows.temporal_plugin import CarePathwayPlugin, PathwayCodec

pytestmark = pytest.mark.server

DEPLOYMENT = "care-pathway"


class ShortRuns(TemporalServer):
    """A server that suggests a new run after sixty events."""

    def _command(self) -> list[str | Path]:
        return [*super()._command(), "--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=60"]


@pytest.fixture
async def short_runs(tmp_path: Path, codec: PathwayCodec) -> AsyncIterator[Client]:
    server = ShortRuns(tmp_path / "temporal.log", headless=True, time_skipping=True)
    try:
        await server.start()
        client = await Client.connect(server.address, plugins=[CarePathwayPlugin(codec)])
        await register_search_attributes(client)
        yield client
    finally:
        await server.stop()


@pytest.mark.faults
async def test_a_stream_of_commands_runs_through_many_runs(
    short_runs: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """Every command happens once, whichever run it met and however often it had to be sent."""
    course = Course(short_runs, record, signers, task_queue)
    sent = [command(support(f"invented: {number}")) for number in range(60)]

    async def ask(number: int) -> None:
        if number % 5 == 0:
            await signal(course, "command", sent[number].model_dump_json().encode())
        receipt = await course.submit(sent[number])
        if number % 3 == 0:
            assert await course.submit(sent[number]) == receipt

    async with at_work(short_runs, record, signers, task_queue):
        await course.begin()
        # In waves: while commands never stop coming a run goes on. When they pause, the next one begins, and
        # the next wave meets it as it does.
        for wave in range(0, len(sent), 10):
            await asyncio.gather(*(ask(number) for number in range(wave, wave + 10)))
            await record.wait_for(course.id, max(one.version for one in course.receipts.values()), PATIENCE)
        assert len(await course.runs()) >= 3
        # The same commands once more, by now in another run than the one that took them.
        for early in sent[:10]:
            assert course.receipts[early.command_id] == await course.submit(early)
        journey = await course.checked()
        assert len(journey.support) == len(sent)
        kinds = [event.body.kind for event in await load_events(record, course.id)]
        assert kinds.count("support.requested") == len(sent)
        await course.send(support("invented: and one more"))
        await course.checked()


def builds(history: list[HistoryEvent]) -> set[str]:
    """The builds that completed this run's tasks."""
    return {
        event.workflow_task_completed_event_attributes.deployment_version.build_id
        for event in history
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    }


async def make_current(client: Client, build_id: str) -> None:
    """Send new journeys, and those that continue as new, to this build; wait until that holds."""

    async def set_current() -> bool:
        try:
            await client.workflow_service.set_worker_deployment_current_version(
                SetWorkerDeploymentCurrentVersionRequest(
                    namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=build_id
                ),
                retry=True,
            )
        except RPCError:
            return False  # its worker has not been heard of yet
        described = await client.workflow_service.describe_worker_deployment(
            DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=DEPLOYMENT),
            retry=True,
        )
        routing = described.worker_deployment_info.routing_config
        return routing.current_deployment_version.build_id == build_id

    await eventually(set_current)


@pytest.mark.faults
async def test_a_journey_moves_to_the_newer_build_when_something_wakes_it(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    plugin = CarePathwayPlugin(codec_of(client))
    own = await Client.connect(client.service_client.config.target_host, plugins=[plugin])
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, build_id="1"):
        await make_current(client, "1")
        await course.begin()
        await course.send(support())
        async with at_work(own, record, signers, task_queue, build_id="2"):
            # The newer build is there, and not current: nobody moves.
            await course.send(support())
            await course.recorded()
            # Until Temporal has told all of itself what is current, a run may hand over to another on the same build.
            stayed = [builds(run) for run in await course.runs()]
            assert all(build == {"1"} for build in stayed)
            await make_current(client, "2")

            async def moved() -> bool:
                # Whatever wakes it: here a command, whose receipt it owes whichever build gives it.
                await course.send(support())
                return len(await course.runs()) == len(stayed) + 1

            await eventually(moved)
            await course.send(support())
            journey = await course.checked()
            assert len(journey.support) == len(course.receipts)
            assert [builds(run) for run in await course.runs()] == [{"2"}, *stayed]
    # And it needs the older build no longer.
    async with at_work(own, record, signers, task_queue, build_id="2"):
        await course.send(support())
        await course.checked()


async def test_a_run_that_cannot_read_the_record_yet_answers_people(
    client: Client, record: Record, signers: Signers, task_queue: str, stack: Stack
) -> None:
    """An old duplicate gets the answer it had, a hold holds at once, and both are recorded once."""
    course = Course(client, record, signers, task_queue)
    asked = command(support("invented: asked before"))
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        receipt = await course.submit(asked)
        before = (await course.recorded()).version
        events = await load_events(record, course.id)
        await stack.postgres.stop("immediate")
        await resume(client, events, task_queue=task_queue)

        assert await submit(client, course.id, asked) == receipt
        assert (await course.send(c.PlaceHold(reason="invented: stop"))).version > before
        assert (await course.status()).health == "held"

        await stack.postgres.start()
        journey = await course.checked()
    assert journey.held
    assert len(journey.support) == 1
