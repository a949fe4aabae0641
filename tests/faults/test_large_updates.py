"""Updates larger than Temporal takes, many at once: whoever sends them holds nobody else up."""

import asyncio
from contextlib import suppress
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.record.event_codec import load_journey
from activities.record.store import Record
from application.context import Context
from application.errors import Unavailable
from simulation.keys import Signers
from tests.faults.helpers import As, Course, at_work
from tests.faults.test_use_cases import act
from tests.helpers import eventually
from workflows.care_journey import workflow_id
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role

pytestmark = [pytest.mark.server, pytest.mark.faults]


async def send_update(course: Course, size: int) -> None:
    """Send an update of so many bytes, as anybody who reaches Temporal can. Return once it is answered."""
    payload = Payload(metadata={"encoding": b"json/plain"}, data=b'"' + b"x" * size + b'"')
    await course.client.workflow_service.update_workflow_execution(
        UpdateWorkflowExecutionRequest(
            namespace=course.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(course.id)),
            wait_policy=WaitPolicy(
                lifecycle_stage=UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED
            ),
            request=Request(
                meta=Meta(update_id=str(uuid4()), identity="invented"),
                input=Input(name="submit", args=Payloads(payloads=[payload])),
            ),
        ),
        retry=False,
    )


@pytest.mark.parametrize("size", [500_000, pytest.param(1_900_000, marks=pytest.mark.soak)])
async def test_a_hold_is_answered_in_a_flood_of_updates_that_are_too_large(
    as_: As, client: Client, record: Record, signers: Signers, task_queue: str, size: int
) -> None:
    async with at_work(client, record, signers, task_queue), as_(Role.COORDINATOR) as coordinator:
        course = Course(client, record, signers, task_queue)
        await course.begin()
        flooding = True

        async def flood() -> None:
            while flooding:
                with suppress(RPCError):
                    await send_update(course, size)
                await asyncio.sleep(0)

        senders = [asyncio.create_task(flood()) for _ in range(4)]
        try:
            await hold(coordinator, course)
        finally:
            flooding = False
            await asyncio.gather(*senders)
        await course.checked()


async def hold(coordinator: Context, course: Course) -> None:
    """Hold care, and wait until that is recorded, which may take longer than whoever asked waits for it."""
    try:
        await act(coordinator, course.id, c.PlaceHold(reason="invented: in the flood"))
    except Unavailable as told:
        if "accepted" not in str(told):
            raise

    async def held() -> bool:
        journey = await load_journey(course.record, course.id)
        return journey is not None and journey.held

    await eventually(held)


async def test_a_hold_that_no_worker_answers_is_accepted_and_happens(
    as_: As, client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    course, once = Course(client, record, signers, task_queue), uuid4()
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        await course.recorded()
    async with as_(Role.COORDINATOR) as coordinator:
        with pytest.raises(Unavailable, match="accepted, not yet recorded"):
            await act(coordinator, course.id, c.PlaceHold(reason="invented: nobody is there"), once)
    async with at_work(client, record, signers, task_queue):

        async def held() -> bool:
            return (await course.recorded()).held

        await eventually(held)
        assert once in await course.commands()
        await course.checked()
