"""Whoever reaches Temporal polls as a build of their own, and has journeys go there: pinned to it, they go on within a
pass; where it is the current one, that is told, with what to run."""

from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentOptions, WorkerDeploymentVersion
from temporalio.api.enums.v1 import WorkerVersioningMode
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    PollWorkflowTaskQueueRequest,
    SetWorkerDeploymentCurrentVersionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from application.context import utc_now
from application.errors import UseCaseError
from application.record.drift import Drift
from application.record.reconcile import reconcile
from application.temporal.journey_client import submit
from application.temporal.runs import find_run
from tests.faults.helpers import command, support
from tests.faults.reconciliation.book import as_the_book_says, run_line
from tests.faults.reconciliation.ground import Ground
from tests.helpers import eventually
from workflows.care_journey import workflow_id

pytestmark = [pytest.mark.server, pytest.mark.faults, pytest.mark.timeout(300)]

THEIRS = WorkerDeploymentVersion(deployment_name="invented", build_id="nobody")


@pytest.mark.soak
async def test_a_journey_that_is_pinned_to_a_strangers_build_is_taken_back(ground: Ground) -> None:
    ground = ground._replace(settings=ground.settings.model_copy(update={"task_queue": f"pinned-{uuid4()}"}))
    async with ground.at_work():
        [course] = await ground.begin(1)
        await poll(ground.client, ground.settings.task_queue, THEIRS)
        await pin(ground.client, course.id)
        run = await find_run(ground.client, course.id, now=utc_now())
        assert run is not None
        assert run.build == "invented:nobody"
        assert (await ground.reconcile())[course.id] == (Drift.STRANDED, True)
        await course.send(support("invented: and now?"))
        assert course.id not in await ground.reconcile()


@pytest.mark.parametrize("name", ["care-pathway", pytest.param("invented", marks=pytest.mark.soak)])
async def test_a_strangers_build_that_is_made_the_current_one_is_told_with_what_to_run(
    ground: Ground, name: str
) -> None:
    """Under the name of the service or another one: what wakes goes there, and no worker of ours has it any more."""
    ground = ground._replace(
        settings=ground.settings.model_copy(update={"task_queue": f"taken-{uuid4()}", "build_id": "ours"})
    )
    theirs = WorkerDeploymentVersion(deployment_name=name, build_id=f"theirs-{uuid4()}")
    async with ground.at_work(build_id="ours"):
        await as_the_book_says(ground, "worker deployment set-current-version", build="ours")
        [course] = await ground.begin(1)
        for queue in (ground.settings.task_queue, f"another-{uuid4()}"):
            await poll(ground.client, queue, theirs)
        await make_current(ground.client, theirs)

        async def taken() -> bool:
            with suppress(UseCaseError):
                await submit(ground.client, course.id, command(support()), timeout=timedelta(seconds=2))
            run = await find_run(ground.client, course.id, now=utc_now())
            return run is not None and run.build is None

        await eventually(taken)
        async with ground.context() as context:
            done = await reconcile(context, repair=True)
        [found] = [each for each in done.found if each.journey_id == course.id]
        assert (found.drift, found.repaired) == (Drift.STRANDED, False)
        for line in done.to_run:
            await run_line(ground, line)
        await course.send(support("invented: and now?"))
        assert course.id not in await ground.reconcile()
        await make_current(ground.client, WorkerDeploymentVersion(deployment_name="care-pathway"))


async def make_current(client: Client, version: WorkerDeploymentVersion) -> None:
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace,
        deployment_name=version.deployment_name,
        build_id=version.build_id,
        ignore_missing_task_queues=True,
        identity="invented",
    )

    async def done() -> bool:
        try:
            await client.workflow_service.set_worker_deployment_current_version(request, retry=True)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:  # it is not known yet
                raise
            return False
        return True

    await eventually(done)


async def poll(client: Client, queue: str, version: WorkerDeploymentVersion) -> None:
    """Ask for tasks as this build, until Temporal knows it."""
    request = PollWorkflowTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        identity="invented",
        deployment_options=WorkerDeploymentOptions(
            deployment_name=version.deployment_name,
            build_id=version.build_id,
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
