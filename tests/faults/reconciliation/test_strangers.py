"""What whoever reaches Temporal does beside the journeys, and to the queue on which they run."""

from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.api.enums.v1 import EventType, TaskQueueType
from temporalio.api.workflowservice.v1 import UpdateTaskQueueConfigRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.record.event_codec import load_events
from application.record.drift import Drift
from application.temporal.journey_client import reopen
from application.temporal.runs import list_runs
from application.temporal.squatters import Squatted
from application.temporal.upkeep import keep_up
from tests.faults.helpers import Course, command, support
from tests.faults.reconciliation.ground import Ground
from tests.faults.test_resets import reset_without_messages
from workflows.care_journey import workflow_id
from workflows.journey import commands as c
from workflows.journey.actors import Role

ACCEPTED = (EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,)
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
    for update in (limit.update_queue_rate_limit, limit.update_fairness_key_rate_limit_default):
        update.rate_limit.requests_per_second = 0
        update.reason = "invented"
    assert await keep_up(ground.client, anchors_every=None, task_queue=queue) == ()
    await ground.client.workflow_service.update_task_queue_config(limit, retry=True)

    async def refuse(*_: object, **__: object) -> None:
        raise RPCError("Request unauthorized.", RPCStatusCode.PERMISSION_DENIED, b"")

    with monkeypatch.context() as unauthorized:
        unauthorized.setattr(ground.client.workflow_service, "update_task_queue_config", refuse)
        assert await keep_up(ground.client, anchors_every=None, task_queue=queue) == ()
    assert await keep_up(ground.client, anchors_every=None, task_queue=queue) == (f"rate limit lifted: {queue}",)
    assert await keep_up(ground.client, anchors_every=None, task_queue=queue) == ()


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
