"""What is done to the runs of journeys, by raw calls: the SDK's own calls fail on a paused run."""

from collections.abc import Callable
from uuid import UUID, uuid4

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    ResetWorkflowExecutionRequest,
    SignalWorkflowExecutionRequest,
    UnpauseActivityRequest,
    UnpauseWorkflowExecutionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.service import RPCError

from activities.privacy.errors import KeysUnavailable
from application.temporal.calls import ANSWER, failed_call, is_not_there
from application.temporal.journey_client import handle_of
from application.temporal.journeys import DEPLOYMENT, PolledBuilds, Run, Taken
from application.temporal.run_history import newest_events
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey.commands import Command, KeepUnreadable
from workflows.signals import HANDED_IN


async def end(client: Client, run: Run) -> None:
    """End a run if it is open, and no later one: that may be what another pass has begun meanwhile. Where it is not the
    journey's own, whatever runs under the id is ended, since it may go on in new runs.

    Raises:
        Unavailable: Temporal did not do it.
    """
    this = run.run_id if run.squatter is None or run.ended else None
    handle = client.get_workflow_handle(workflow_id(run.journey_id), run_id=this)
    try:
        await handle.terminate(reason="reconciliation: begin anew from the record", rpc_timeout=ANSWER)
    except RPCError as error:
        if not is_not_there(error):
            raise failed_call(error) from None


async def hand_in(client: Client, journey_id: UUID, taken: Taken) -> None:
    """Hand in again, as a signal, what another run had accepted.

    Raises:
        Unavailable: Temporal did not take it.
    """
    name, contents = taken.signal.name, taken.signal.contents
    if isinstance(taken.read, KeepUnreadable) and not contents:
        contents = (taken.read.content.encode(),)
    elif isinstance(taken.read, Command) and taken.signal.authentic:
        name, contents = HANDED_IN, (taken.signal.model_dump_json().encode(),)
    payloads = [Payload(metadata={"encoding": b"json/plain"}, data=content) for content in contents]
    try:
        if taken.signal.authentic:
            values = [RawValue(payload) for payload in payloads]
            await handle_of(client, journey_id).signal(name, args=values, rpc_timeout=ANSWER)
            return
        execution = WorkflowExecution(workflow_id=workflow_id(journey_id))
        by_hand = SignalWorkflowExecutionRequest(
            namespace=client.namespace, workflow_execution=execution, signal_name=name, request_id=str(uuid4())
        )
        by_hand.input.payloads.extend(payloads)
        await client.workflow_service.signal_workflow_execution(by_hand, timeout=ANSWER, retry=True)
    except (RPCError, KeysUnavailable) as error:
        raise failed_call(error) from None


async def hand_in_command(client: Client, journey_id: UUID, command: Command) -> None:
    """Hand in a command that anybody may send as a signal.

    Raises:
        Unavailable: Temporal did not take it, or no run is there to take it.
    """
    try:
        await handle_of(client, journey_id).signal("command", command, rpc_timeout=ANSWER)
    except (RPCError, KeysUnavailable) as error:
        raise failed_call(error) from None


async def set_back(client: Client, run: Run) -> bool:
    """Set a run back to its last completed task, whether or not it is open. False: it has none.

    Raises:
        Unavailable: Temporal did not do it.
    """
    try:
        async for event in newest_events(client, run, pages=50):
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                await client.workflow_service.reset_workflow_execution(
                    ResetWorkflowExecutionRequest(
                        namespace=client.namespace,
                        workflow_execution=WorkflowExecution(
                            workflow_id=workflow_id(run.journey_id), run_id=run.run_id
                        ),
                        reason="reconciliation: go on from the record",
                        workflow_task_finish_event_id=event.event_id,
                        request_id=str(uuid4()),
                    ),
                    timeout=ANSWER,
                    retry=True,
                )
                # Where nothing is handed in again, the run does not hear of the reset until something wakes it.
                await show(client, run.journey_id)
                return True
    except RPCError as error:
        raise failed_call(error, "Temporal did not reset the run") from None
    return False


async def show(client: Client, journey_id: UUID) -> None:
    """Have a run show anew how it stands.

    Raises:
        Unavailable: Temporal did not take it.
    """
    await _signal(client, journey_id, CareJourney.show)


async def look(client: Client, journey_id: UUID) -> None:
    """Have a run look at the patient's other journeys again.

    Raises:
        Unavailable: Temporal did not take it.
    """
    await _signal(client, journey_id, CareJourney.look)


async def _signal(client: Client, journey_id: UUID, signal: Callable[[CareJourney], None]) -> None:
    try:
        await handle_of(client, journey_id).signal(signal, rpc_timeout=ANSWER)
    except RPCError as error:
        raise failed_call(error) from None


async def unpause(client: Client, run: Run) -> None:
    """Let a paused run go on; of one that runs, its paused activities.

    Raises:
        Unavailable: Temporal did not do it.
    """
    execution = WorkflowExecution(workflow_id=workflow_id(run.journey_id), run_id=run.run_id)
    activities = UnpauseActivityRequest(
        namespace=client.namespace, execution=execution, identity=client.identity, unpause_all=True
    )
    request = UnpauseWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_id=execution.workflow_id,
        run_id=run.run_id,
        reason="reconciliation: something is overdue",
        identity=client.identity,
        request_id=str(uuid4()),
    )
    try:
        if run.activity_paused:
            await client.workflow_service.unpause_activity(activities, timeout=ANSWER, retry=True)
        else:
            await client.workflow_service.unpause_workflow_execution(request, timeout=ANSWER, retry=True)
    except RPCError as error:
        raise failed_call(error) from None


async def move(client: Client, run: Run, polled: PolledBuilds) -> bool:
    """Move a run to the current build, or to workers without one; False when none of ours is that, or it is there
    already, or runs go to a stranger's build: there the next run of a moved one would be again.

    Raises:
        Unavailable: Temporal did not do it.
    """
    if polled.strangers:
        return False
    try:
        current = await _current_build(client)
        name, options = f"{current.deployment_name}:{current.build_id}", WorkflowExecutionOptions()
        if name in polled.ours and name != run.build:
            options.versioning_override.one_time.target_deployment_version.CopyFrom(current)
        elif "" not in polled.ours or run.build is None:
            return False
        # Without an override a run is where it was before somebody pinned it to a build.
        request = UpdateWorkflowExecutionOptionsRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(run.journey_id), run_id=run.run_id),
            workflow_execution_options=options,
        )
        request.update_mask.paths.append("versioning_override")
        await client.workflow_service.update_workflow_execution_options(request, timeout=ANSWER, retry=True)
    except RPCError as error:
        if is_not_there(error):
            return False
        raise failed_call(error) from None
    return True


async def _current_build(client: Client) -> WorkerDeploymentVersion:
    """Return the build that journeys go on with; one without a name where there is none."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=DEPLOYMENT)
    try:
        deployment = await client.workflow_service.describe_worker_deployment(request, timeout=ANSWER, retry=True)
    except RPCError as error:
        if is_not_there(error):
            return WorkerDeploymentVersion()
        raise
    current = deployment.worker_deployment_info.routing_config.current_deployment_version
    return WorkerDeploymentVersion(deployment_name=current.deployment_name, build_id=current.build_id)
