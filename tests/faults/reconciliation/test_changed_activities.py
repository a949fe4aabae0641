"""Temporal's command to change the options of an activity: what it was to record is recorded all the same."""

from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.activity.v1 import ActivityOptions
from temporalio.api.common.v1 import RetryPolicy, WorkflowExecution
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import UpdateActivityOptionsRequest

from application.temporal.journey_client import submit
from tests.faults.helpers import Course, command, support
from tests.faults.reconciliation.ground import Ground, knows
from tests.helpers import eventually
from workflows import messages
from workflows.care_journey import workflow_id

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(300)]


async def awaited(course: Course) -> dict[str, str]:
    """The activities that are under way: of which type each is, by its id."""
    described = (await course.handle.describe()).raw_description
    return {each.activity_id: each.activity_type.name for each in described.pending_activities}


async def change(course: Course, activity: str, options: ActivityOptions, *fields: str) -> None:
    await course.client.workflow_service.update_activity_options(
        UpdateActivityOptionsRequest(
            namespace=course.client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id(course.id)),
            id=activity,
            activity_options=options,
            update_mask=FieldMask(paths=fields),
        ),
        retry=True,
    )


HUNDRED_HOURS = Duration(seconds=360_000)
MOVED = ActivityOptions(task_queue=TaskQueue(name="nobody"))
WAITS = ActivityOptions(retry_policy=RetryPolicy(initial_interval=HUNDRED_HOURS, maximum_interval=HUNDRED_HOURS))
HURRIED = ActivityOptions(start_to_close_timeout=Duration(nanos=1_000_000))
INTERVALS = ("retry_policy.initial_interval", "retry_policy.maximum_interval")
CHANGED: dict[str, tuple[ActivityOptions, *tuple[str, ...]]] = {
    "moved": (MOVED, "task_queue.name"),
    "told to wait": (WAITS, *INTERVALS),
    "given no time": (HURRIED, "start_to_close_timeout"),
}


async def test_an_activity_whose_options_were_changed_is_asked_for_anew(
    working: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = working
    monkeypatch.setattr(messages, "PATIENCE", timedelta(seconds=6))
    courses = dict(zip(CHANGED, await ground.begin(len(CHANGED)), strict=True))
    sent = {name: command(support(f"invented: {name}")) for name in CHANGED}
    await ground.stack.postgres.stop("immediate")
    for name, course in courses.items():
        await submit(ground.client, course.id, sent[name])
        [waiting] = await eventually(lambda: awaited(course))  # noqa: B023 - of this round
        await change(course, waiting, *CHANGED[name])
    await ground.stack.postgres.start()
    for name, course in courses.items():
        await eventually(lambda: knows(course, sent[name].command_id))  # noqa: B023 - of this round
    assert await ground.reconcile() == {}
