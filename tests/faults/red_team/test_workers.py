"""Workers that are not ours, and what they answer for the record."""

from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs
from temporalio.api.command.v1 import Command, ScheduleActivityTaskCommandAttributes
from temporalio.api.common.v1 import ActivityType, WorkflowExecution
from temporalio.api.enums.v1 import CommandType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    PollWorkflowTaskQueueRequest,
    RespondWorkflowTaskCompletedRequest,
)
from temporalio.client import Client
from temporalio.converter import ActivitySerializationContext

from activities.record.event_codec import load_events
from activities.record.store import Record
from activities.record.verification.record import verify_record
from application.context import utc_now
from application.temporal.run_history import kept
from application.temporal.runs import find_run
from simulation.keys import Signers
from tests.faults.attackers import (
    asked,
    batch_of,
    blind_worker,
    decided,
    decision,
    forged,
    found_offline,
    held,
    lies_of,
    lying_worker,
    push,
    quarantined,
    send,
)
from tests.faults.helpers import Course, at_work, command, reset, support
from tests.faults.red_team.checks import counts
from tests.helpers import codec_of, eventually
from workflows.care_journey import workflow_id
from workflows.journey import commands as c
from workflows.journey.aggregate import fold
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.decided import Batch
from workflows.journey.folded import JourneyState
from workflows.messages import append_to_record
from workflows.temporal_plugin import data_converter

pytestmark = pytest.mark.server


@pytest.mark.faults
async def test_an_approval_a_blind_worker_let_pass_is_not_recorded(
    client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    """The real code, which checks no signature, takes a forgery in; replayed by an honest worker it is accepted too.
    What others said before it and after it is recorded all the same, and nobody has to set the journey back."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        await course.begin()
        before = await held(course)
        rows = await course.rows()
    forgery = forged(signers, course.id, decision(before, asked(before)), datetime.now(UTC))
    said = [command(support(f"invented: {word}")) for word in ("in a batch of its own", "before", "after")]
    async with blind_worker(client, task_queue):
        for each in (*said[:2], forgery, said[2]):
            assert await push(plain, course.id, each) is None, "it lets everything pass"
    with capture_logs() as logs:
        async with at_work(client, record, signers, task_queue, max_cached=0):

            async def settled() -> bool:
                known = await course.commands()
                kinds = [event.body.kind for event in await load_events(record, course.id)]
                return "command.refused" in kinds and all(each.command_id in known for each in said)

            # The forgery is judged again, and kept as what it is.
            await eventually(settled)
            journey = await course.recorded()
            assert (journey.sign_offs, journey.held) == (before.sign_offs, True)
            assert (await course.status()).health != "diverged"
            await counts(plain, course)
            assert (await course.rows())[: len(rows)] == rows
            assert await found_offline(record, signers, course.id) == set()
            # All of it is in the histories, should the record be lost.
            run = await find_run(client, course.id, now=utc_now())
            assert run is not None
            reached = 0
            for batch in [each.batch for each in await kept(client, run)]:
                if batch.expected_version <= reached:
                    reached = max(reached, batch.last_version)
            assert reached == (await course.recorded()).version
    assert {"event": "signoff.unproven", "journey_id": str(course.id), "log_level": "error"} in logs


@pytest.mark.faults
async def test_a_workflow_task_completed_by_hand_with_an_approval_records_nothing(
    client: Client, plain: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        await course.begin()
        before = await held(course)
        rows = await course.rows()
    forgery = forged(signers, course.id, decision(before, asked(before)), datetime.now(UTC))
    batch = batch_of(before, decided(before, forgery, datetime.now(UTC)), forgery)
    await complete_by_hand(plain, course, batch)
    with capture_logs() as logs:
        async with at_work(client, record, signers, task_queue, max_cached=0):

            async def refused() -> bool:
                return any(line["event"] == "signoff.unproven" for line in logs)

            await eventually(refused)
            assert await course.rows() == rows
            # No honest worker goes on from a history it did not write: the task fails for everybody to see.
            await eventually(lambda: _stuck(plain, course))
            await reset(course, task=-2)
            told = await course.send(support("invented: after the reset"))
            assert told.refusal is None
            await counts(plain, course)
            assert (await course.rows())[: len(rows)] == rows
            assert await found_offline(record, signers, course.id) == set()


async def complete_by_hand(plain: Client, course: Course, batch: Batch) -> None:
    """Take the journey's next workflow task, and answer it with an append of this batch."""
    await send(plain, course.id, "command", command(support("invented: wake up")))
    queue = TaskQueue(name=course.task_queue)
    task = await plain.workflow_service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(namespace=plain.namespace, task_queue=queue, identity="rogue"),
        retry=False,
    )
    assert task.workflow_execution.workflow_id == workflow_id(course.id)
    append = ScheduleActivityTaskCommandAttributes(
        activity_id="rogue", activity_type=ActivityType(name=append_to_record.__name__), task_queue=queue
    )
    # Even whoever has the keys, as a worker does that somebody has taken over.
    context = ActivitySerializationContext(
        namespace=plain.namespace,
        activity_id="rogue",
        activity_type=append_to_record.__name__,
        activity_task_queue=course.task_queue,
        workflow_id=workflow_id(course.id),
        workflow_type="CareJourney",
        is_local=False,
    )
    converter = data_converter(codec_of(course.client)).with_context(context)
    append.input.payloads.extend(await converter.encode([batch]))
    append.start_to_close_timeout.FromSeconds(15)
    append.schedule_to_close_timeout.FromSeconds(60)
    scheduled = Command(
        command_type=CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK, schedule_activity_task_command_attributes=append
    )
    await plain.workflow_service.respond_workflow_task_completed(
        RespondWorkflowTaskCompletedRequest(
            namespace=plain.namespace, task_token=task.task_token, commands=[scheduled], identity="rogue"
        ),
        retry=True,
    )


async def _stuck(plain: Client, course: Course) -> bool:
    """Whether Temporal shows a workflow task that fails again and again."""
    described = await plain.workflow_service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(
            namespace=plain.namespace, execution=WorkflowExecution(workflow_id=workflow_id(course.id))
        ),
        retry=True,
    )
    return described.pending_workflow_task.attempt > 1


async def test_a_worker_that_only_says_it_recorded_is_found_out(
    client: Client, record: Record, signers: Signers, task_queue: str
) -> None:
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        await course.begin()
        before, rows = await course.recorded(), await course.rows()
    async with lying_worker(client, task_queue):
        await course.send(c.PlaceHold(reason="invented: never recorded"))

        async def believed() -> bool:
            now = await course.status()
            return now.recorded == now.version > before.version

        await eventually(believed)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        assert await course.rows() == rows
        assert await push(client, course.id, command(support())) is None
        await quarantined(course)
        assert await course.rows() == rows


@pytest.mark.faults
@pytest.mark.parametrize("invented", ["a history elsewhere", "a state of the journey"])
async def test_nothing_is_recorded_of_what_a_worker_made_up(
    client: Client, record: Record, signers: Signers, task_queue: str, invented: str
) -> None:
    """It has the keys, and answers for the record. Its runs go on from what it says; what they decide then is decided
    again where it is recorded."""
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue, max_cached=0):
        await course.begin()
        before = await held(course)
        rows = await course.rows()
    if invented == "a history elsewhere":
        lies = lies_of(Elsewhere(unreadable=True), None)
    else:
        forgery = forged(signers, course.id, decision(before, asked(before)), datetime.now(UTC))
        released = fold(decided(before, forgery, datetime.now(UTC)), before)
        lies = lies_of(None, JourneyState(journey=released, receipts={}))
    async with lying_worker(client, task_queue, *lies):
        await course.handle.signal("command", command(support("invented: the worker that takes this lies")))

        async def believed() -> bool:
            journey = await course.status()
            return journey.version > before.version + 1

        await eventually(believed)
    async with at_work(client, record, signers, task_queue, max_cached=0):

        async def settled() -> bool:
            now = await course.status()
            return now.health == "diverged" or now.version == now.recorded

        await eventually(settled)
        if (await course.status()).health == "diverged":
            assert await course.rows() == rows
            await reset(course, task=-1)
        await counts(client, course)
        assert (await course.rows())[: len(rows)] == rows
        journey = await course.recorded()
        assert journey.elsewhere == before.elsewhere
        assert [signed.by for signed in journey.sign_offs] == ["demo-clinician"]
        assert (await verify_record(record, derive=True, journey_id=course.id)).findings == ()
        assert await found_offline(record, signers, course.id) == set()
