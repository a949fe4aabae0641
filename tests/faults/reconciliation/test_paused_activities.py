"""Temporal's button to pause one activity: what it was to record, or to tell, is recorded and told all the same."""

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflowservice.v1 import PauseActivityRequest

from application.record.drift import Drift
from application.temporal.runs import list_runs
from tests.faults.helpers import support
from tests.faults.reconciliation.ground import Ground
from tests.helpers import eventually
from workflows.care_journey import workflow_id
from workflows.messages import append_to_record

pytestmark = pytest.mark.server


async def test_an_append_that_somebody_paused_is_unpaused(working: Ground) -> None:
    """Ops look at pending activities in an outage. One that is paused then is not tried again when it is over."""
    ground = working
    [course] = await ground.begin(1)

    async def pending(state: PendingActivityState.ValueType) -> bool:
        described = (await course.handle.describe()).raw_description
        found = [(one.activity_type.name, one.state) for one in described.pending_activities]
        return found == [(append_to_record.__name__, state)]

    async def listed() -> bool:
        return any([run.activity_paused async for run in list_runs(ground.client) if run.journey_id == course.id])

    await ground.stack.postgres.stop("immediate")
    await course.send(support("invented: accepted, and then paused"))
    await eventually(lambda: pending(PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED))
    await ground.client.workflow_service.pause_activity(
        PauseActivityRequest(
            namespace=ground.client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id(course.id)),
            type=append_to_record.__name__,
            identity="somebody",
        ),
        retry=True,
    )
    await eventually(lambda: pending(PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED))
    await ground.stack.postgres.start()
    await eventually(listed)
    assert (await ground.reconcile())[course.id] == (Drift.PAUSED, True)
    await course.checked()
    assert course.id not in await ground.reconcile()
