"""Somebody who has the task queue answers for a journey, with answers of the journey itself that they have seen."""

from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.record.store import Record
from application.errors import Refused, Unavailable
from application.temporal.journey_client import _failure, submit
from application.temporal.squatters import Squatted
from simulation.keys import Signers
from tests.faults.helpers import Course, at_work, command, support
from workflows.care_journey import workflow_id
from workflows.journey import commands as c
from workflows.journey.actors import Role
from workflows.journey.receipts import command_digest
from workflows.messages import ALREADY_OPEN

pytestmark = pytest.mark.server

SEEN: list[Payload] = []
"""What the parrot has seen last."""


@workflow.defn(name="CareJourney")
class Parrot:
    """It says again what it has seen."""

    @workflow.run
    async def run(self, _: RawValue) -> None:
        """Go on for ever."""
        await workflow.wait_condition(lambda: False)

    @workflow.update(name="submit")
    async def submit(self, _: RawValue) -> RawValue:
        """Answer with what was an answer before."""
        return RawValue(SEEN[-1])


async def test_an_old_answer_of_the_same_journey_is_no_answer(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    course, first, second = Course(client, record, signers, task_queue), command(support()), command(support())
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        assert (await course.submit(first)).answers == command_digest(first)
        await course.recorded()
    SEEN.extend(
        event.workflow_execution_update_completed_event_attributes.outcome.success.payloads[0]
        for event in (await course.runs())[0]
        if event.HasField("workflow_execution_update_completed_event_attributes")
    )
    await course.handle.terminate()
    plain = await Client.connect(client.service_client.config.target_host, namespace=client.namespace)
    own = f"parrot-{uuid4()}"
    async with Worker(plain, task_queue=own, workflows=[Parrot], workflow_runner=UnsandboxedWorkflowRunner()):
        parrot = await plain.start_workflow("CareJourney", "x", id=workflow_id(course.id), task_queue=own)
        await submit(client, course.id, first, timeout=timedelta(seconds=5))  # it is the answer to this one
        changed = first.model_copy(update={"body": support("invented: something else")})
        for sent in (second, changed, command(c.PlaceHold(reason="invented"), Role.CLINICIAN)):
            # A squatter, perhaps: whether it arrived is not known, or it is known that it did not.
            with pytest.raises((Unavailable, Squatted)):
                await submit(client, course.id, sent, timeout=timedelta(seconds=5))
        await parrot.terminate()


def test_a_refusal_of_another_command_is_no_answer() -> None:
    sent, other = command(support()), command(support())
    refusal = ALREADY_OPEN.model_dump(mode="json")

    def told(*details: object) -> Exception:
        return _failure(sent, WorkflowUpdateFailedError(ApplicationError("refused", *details)))

    assert isinstance(told(refusal, command_digest(sent)), Refused)
    for details in ((refusal,), (refusal, command_digest(other)), (refusal, ""), (refusal, None)):
        assert isinstance(told(*details), Unavailable), details
