"""Whoever reaches Temporal polls as a build of their own, and pins journeys to it: they go on within a pass."""

from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentOptions, WorkerDeploymentVersion
from temporalio.api.enums.v1 import WorkerVersioningMode
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest, UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client
from temporalio.service import RPCError

from application.record.drift import Drift
from application.temporal.runs import find_run
from tests.faults.helpers import support
from tests.faults.reconciliation.ground import Ground
from workflows.care_journey import workflow_id

pytestmark = [pytest.mark.server, pytest.mark.soak, pytest.mark.timeout(300)]

THEIRS = WorkerDeploymentVersion(deployment_name="invented", build_id="nobody")


async def test_a_journey_that_is_pinned_to_a_strangers_build_is_taken_back(ground: Ground) -> None:
    ground = ground._replace(settings=ground.settings.model_copy(update={"task_queue": f"pinned-{uuid4()}"}))
    async with ground.at_work():
        [course] = await ground.begin(1)
        await poll(ground.client, ground.settings.task_queue)
        await pin(ground.client, course.id)
        run = await find_run(ground.client, course.id)
        assert run is not None
        assert run.build == "invented:nobody"
        assert (await ground.reconcile())[course.id] == (Drift.STRANDED, True)
        await course.send(support("invented: and now?"))
        assert course.id not in await ground.reconcile()


async def poll(client: Client, queue: str) -> None:
    """Ask for tasks as this build, until Temporal knows it."""
    request = PollWorkflowTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        identity="invented",
        deployment_options=WorkerDeploymentOptions(
            deployment_name=THEIRS.deployment_name,
            build_id=THEIRS.build_id,
            worker_versioning_mode=WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED,
        ),
    )
    with suppress(RPCError):  # there is no task for it
        await client.workflow_service.poll_workflow_task_queue(request, retry=False, timeout=timedelta(seconds=5))


async def pin(client: Client, journey_id: UUID) -> None:
    pinned = VersioningOverride.PinnedOverride(
        behavior=VersioningOverride.PINNED_OVERRIDE_BEHAVIOR_PINNED, version=THEIRS
    )
    request = UpdateWorkflowExecutionOptionsRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id(journey_id)),
        workflow_execution_options=WorkflowExecutionOptions(versioning_override=VersioningOverride(pinned=pinned)),
    )
    request.update_mask.paths.append("versioning_override")
    await client.workflow_service.update_workflow_execution_options(request, retry=True)
