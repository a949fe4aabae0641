"""A build with a bug: the tasks of its journeys fail, and a mended build gets none of a run that is pinned to it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from application.record.drift import Drift
from application.temporal.journeys import Run
from application.temporal.runs import list_runs
from tests.faults.helpers import command, support
from tests.faults.reconciliation.book import as_the_book_says
from tests.faults.reconciliation.ground import Ground
from tests.helpers import eventually
from workflows.care_journey import CareJourney

pytestmark = [pytest.mark.server, pytest.mark.soak]


@workflow.defn(name=CareJourney.__name__)
class Broken:
    """The same workflow, with a bug."""

    @workflow.run
    async def run(self, _: Any) -> None:
        raise ZeroDivisionError


async def test_a_journey_whose_tasks_fail_moves_to_the_mended_build(ground: Ground) -> None:
    """Also while the other one runs on."""
    queue = f"builds-{uuid4()}"
    ground = ground._replace(settings=ground.settings.model_copy(update={"task_queue": queue}))
    async with ground.at_work(build_id="broken"):
        await as_the_book_says(ground, "worker deployment set-current-version", build="broken")
        [course] = await ground.begin(1)
    version = WorkerDeploymentVersion(deployment_name="care-pathway", build_id="broken")
    broken = Worker(
        ground.client,
        task_queue=queue,
        workflows=[Broken],
        workflow_runner=UnsandboxedWorkflowRunner(),
        deployment_config=WorkerDeploymentConfig(
            version=version, use_worker_versioning=True, default_versioning_behavior=VersioningBehavior.PINNED
        ),
    )

    async def shown() -> list[Run]:
        return [run async for run in list_runs(ground.client) if run.stuck and run.journey_id == course.id]

    async with broken, ground.at_work(build_id="mended"):
        await course.handle.signal("command", command(support("invented: before it is mended")))
        await eventually(shown, timedelta(minutes=3))
        assert (await ground.reconcile())[course.id] == (Drift.SILENT, False)
        await as_the_book_says(ground, "worker deployment set-current-version", build="mended")
        assert (await ground.reconcile())[course.id][0] == Drift.SILENT
        await course.send(support("invented: on the mended build"))
        assert len((await course.recorded()).support) == 3
