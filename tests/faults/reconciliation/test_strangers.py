"""What whoever reaches Temporal does beside the journeys, and to the queue on which they run."""

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import asyncpg
import pytest
from temporalio.api.command.v1 import Command
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import CommandType, EventType, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    PollWorkflowTaskQueueRequest,
    RespondWorkflowTaskCompletedRequest,
    UpdateTaskQueueConfigRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.record.event_codec import load_events
from activities.record.reconciliation import Pass, keep_pass
from application.context import utc_now
from application.record.drift import Drift
from application.temporal import runs
from application.temporal.journey_client import reopen, start
from application.temporal.runs import find_run, list_runs
from application.temporal.squatters import Squatted
from application.temporal.upkeep import keep_up
from simulation.people import referral
from tests.faults.helpers import PROTOCOLS, Course, command, support
from tests.faults.reconciliation.ground import Ground
from tests.faults.test_resets import reset_without_messages
from tests.helpers import eventually
from workflows.care_journey import workflow_id
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.search_attributes import STAGE

ACCEPTED = (EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,)
A_DAY_AGO = Pass(datetime.now(UTC) - timedelta(days=1), datetime.now(UTC), "invented", 0, 0, 0, 0, 0, None)
COMPLETED = (EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,)

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


async def test_what_is_named_like_a_journey_stands_in_no_list_in_its_place(working: Ground) -> None:
    [course] = await working.begin(1)
    plain = await Client.connect(working.stack.temporal.address)
    names = (f"invented/{course.id}", workflow_id(course.id).upper(), f"journey/{course.id.hex}")
    squats = [await plain.start_workflow("CareJourney", {}, id=name, task_queue="nobody") for name in names]
    own = (await course.handle.describe()).run_id
    assert [run.run_id async for run in list_runs(working.client) if run.journey_id == course.id] == [own]
    for squat in squats:
        await squat.terminate("a test")


@pytest.mark.faults
async def test_a_journey_that_has_ended_is_taken_up_again_whatever_somebody_started_in_its_place(
    working: Ground,
) -> None:
    [course] = await working.begin(1)
    await course.send(c.Withdraw(), by=Role.PATIENT)
    await course.recorded()
    await course.play()
    await course.handle.result()
    plain = await Client.connect(working.stack.temporal.address)
    await plain.start_workflow("CareJourney", {}, id=workflow_id(course.id), task_queue="nobody")
    help_me = command(support("invented: I need help"), Role.PATIENT, of=course.id)
    with pytest.raises(Squatted):
        await send_after_the_end(working, course, help_me)
    assert (await working.reconcile())[course.id] == (Drift.SQUATTED, True)
    await send_after_the_end(working, course, help_me)
    assert help_me.command_id in await course.commands()
    assert course.id not in await working.reconcile()


async def send_after_the_end(ground: Ground, course: Course, sent: c.Command) -> None:
    recorded = await load_events(ground.record, course.id)
    queue = ground.settings.task_queue
    receipt = await reopen(ground.client, recorded, sent, task_queue=queue, timeout=timedelta(seconds=5))
    await ground.record.wait_for(course.id, receipt.version, timedelta(seconds=60))


async def test_a_rate_limit_of_the_task_queue_is_lifted(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = f"limited-{uuid4()}"
    limit = UpdateTaskQueueConfigRequest(
        namespace=ground.client.namespace,
        identity="invented",
        task_queue=queue,
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )

    async def kept_up() -> tuple[str, ...]:
        return await keep_up(ground.client, anchors_every=None, task_queue=queue, now=utc_now())

    for update in (limit.update_queue_rate_limit, limit.update_fairness_key_rate_limit_default):
        update.rate_limit.requests_per_second = 0
        update.reason = "invented"
    assert await kept_up() == ()
    await ground.client.workflow_service.update_task_queue_config(limit, retry=True)

    async def refuse(*_: object, **__: object) -> None:
        raise RPCError("Request unauthorized.", RPCStatusCode.PERMISSION_DENIED, b"")

    with monkeypatch.context() as unauthorized:
        unauthorized.setattr(ground.client.workflow_service, "update_task_queue_config", refuse)
        assert await kept_up() == ()
    assert await kept_up() == (f"rate limit lifted: {queue}",)
    assert await kept_up() == ()


@pytest.mark.faults
async def test_a_run_that_was_reset_without_its_messages_goes_on_from_the_record(working: Ground) -> None:
    """Set back to just before a command, it hears nothing of the reset, and stands still at what it had been."""
    [course] = await working.begin(1)
    await course.send(support("invented: and more"))
    state = await course.recorded()
    history = (await course.runs())[0]
    accepted = [event.event_id for event in history if event.event_type in ACCEPTED]
    completed = [event.event_id for event in history if event.event_type in COMPLETED]
    await reset_without_messages(course, max(task for task in completed if task < accepted[-1]))
    drift = (await working.reconcile()).get(course.id, (Drift.BEHIND, True))
    assert drift == (Drift.BEHIND, True)
    assert await course.checked() == state


@pytest.mark.faults
async def test_what_somebody_had_a_journey_show_is_put_right_within_a_day(ground: Ground) -> None:
    """What it shows in the list is in clear: who completes a task of it by hand has it say what they like."""
    ground = ground._replace(settings=ground.settings.model_copy(update={"task_queue": f"by-hand-{uuid4()}"}))
    async with ground.at_work(max_cached=0):
        [course] = await ground.begin(1)
        state, true = await course.recorded(), await eventually(partial(shown, ground, course))
    await show_by_hand(course)
    async with ground.at_work(max_cached=0):
        assert course.id not in await ground.reconcile()
        assert await shown(ground, course) != true
        await keep_pass(ground.record, A_DAY_AGO)
        await ground.reconcile()
        await forget_passes(ground)

        async def right() -> bool:
            return bool(await shown(ground, course) == true)

        await eventually(right)
        assert course.id not in await ground.reconcile()
        assert await course.checked() == state


async def test_a_journey_whose_task_nobody_answers_is_told(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who copies how a build polled that has stopped is taken for it, and takes tasks, or lets them wait."""
    journey_id, queue = uuid4(), f"nobody-{uuid4()}"
    await start(ground.client, referral(PROTOCOLS["PTSD"], journey_id), task_queue=queue)

    async def stuck() -> bool:
        run = await find_run(ground.client, journey_id, task_queue=queue, now=utc_now())
        assert run is not None
        return run.stuck

    assert not await stuck()
    monkeypatch.setattr(runs, "WAITED", timedelta())
    assert await stuck()
    await ground.client.get_workflow_handle(workflow_id(journey_id)).terminate("the end of this test")


async def shown(ground: Ground, course: Course) -> tuple[str, str, str] | None:
    """What the list is to show of it: the list itself may be a moment behind."""
    run = await find_run(ground.client, course.id, now=utc_now())
    assert run is not None
    return run.shown


async def forget_passes(ground: Ground) -> None:
    """Else every journey of a later test would be told to show how it stands, too."""
    owner = await asyncpg.connect(ground.stack.postgres.owner_url)
    try:
        await owner.execute("DELETE FROM record.reconciliation")
    finally:
        await owner.close()


async def show_by_hand(course: Course) -> None:
    """Take the journey's next workflow task, and answer it with what its list entry shall say."""
    service, namespace = course.client.workflow_service, course.client.namespace
    await course.handle.signal("show")
    task = await service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(
            namespace=namespace, task_queue=TaskQueue(name=course.task_queue), identity="invented"
        ),
        retry=False,
    )
    assert task.workflow_execution.workflow_id == workflow_id(course.id)
    said = Payload(metadata={"encoding": b"json/plain", "type": b"Keyword"}, data=b'"invented"')
    upsert = Command(command_type=CommandType.COMMAND_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
    fields = upsert.upsert_workflow_search_attributes_command_attributes.search_attributes.indexed_fields
    fields[STAGE.name].CopyFrom(said)
    await service.respond_workflow_task_completed(
        RespondWorkflowTaskCompletedRequest(
            namespace=namespace, task_token=task.task_token, commands=[upsert], identity="invented"
        ),
        retry=True,
    )
