"""Resets of runs that have as many updates as the shell lets them have."""

import asyncio
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.service import RPCError

from application.temporal.namespace import (
    register_search_attributes,
)
from tests.benchmarks.stage import QUEUE, servers
from tests.faults.helpers import Course, at_work, command, reset, run_cli, support
from workflows import messages

pytestmark = [pytest.mark.server, pytest.mark.soak, pytest.mark.timeout(900)]

SENT = 2_200
UPDATE = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED


async def test_a_reset_of_a_run_with_as_many_updates_as_it_takes_loses_none(tmp_path: Path) -> None:
    """A run leaves long before it has as many updates as Temporal gives it, so any of its resets is safe."""
    async with servers(tmp_path) as own:
        await register_search_attributes(own.client)
        course = Course(own.client, own.record, own.stack.signers, QUEUE)

        async def send(many: int) -> None:
            waiting = iter([command(support(f"invented: {uuid4()}")) for _ in range(many)])

            async def some() -> None:
                for one in waiting:
                    await course.submit(one)

            await asyncio.gather(*(some() for _ in range(8)))

        async def updates() -> list[int]:
            return [sum(event.event_type == UPDATE for event in run) for run in await course.runs()]

        async def tasks() -> int:
            [run, *_] = await course.runs()
            return sum(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED for event in run)

        async with at_work(own.client, own.record, own.stack.signers, QUEUE):
            await course.begin()
            await send(SENT)
            assert len((await course.checked()).support) == SENT
            first_run = (await course.runs())[-1][
                0
            ].workflow_execution_started_event_attributes.original_execution_run_id
            assert max(await updates()) < messages.NEAR_LIMIT["updates"]
            await send(messages.UPDATES_IN_RUN - 5 - (await updates())[0])
            journey, rows = await course.checked(), await course.rows()
            # The last first: what a reset copies grows shorter with each.
            for part in (1, 0.6, 0.3, 0):
                await reset(course, task=min(int(part * await tasks()), await tasks() - 1))
                assert await course.checked() == journey
                assert await course.rows() == rows
            await course.send(support("invented: after all that"))
            journey, rows = await course.checked(), await course.rows()

            # The one that the book advises against, and how it says to go on from there.
            handle = own.client.get_workflow_handle(course.handle.id, run_id=first_run)
            finished = [
                event.event_id
                async for event in handle.fetch_history_events()
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
            ]
            with suppress(RPCError):
                await own.client.workflow_service.reset_workflow_execution(
                    ResetWorkflowExecutionRequest(
                        namespace=own.client.namespace,
                        workflow_execution=WorkflowExecution(workflow_id=course.handle.id, run_id=first_run),
                        reason="a test",
                        workflow_task_finish_event_id=finished[0],
                        request_id=str(uuid4()),
                    ),
                    retry=True,
                )
            with suppress(RPCError):
                await course.handle.terminate("invented: its run is ended")
            _, said = await run_cli(own.stack, "record", "reconcile", "--repair")
            assert [(UUID(each["journey_id"]), each["repaired"]) for each in said["findings"]] == [(course.id, True)]
            assert await course.recorded() == journey
            assert await course.rows() == rows
            await course.send(support("invented: and it goes on"))
            await course.recorded()
