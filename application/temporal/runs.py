"""The runs of journeys as Temporal itself has them: listed, described and moved on by raw calls.

The SDK's own calls fail on a paused run, and on every page of a list that holds one. None of these asks a worker: after
Temporal's database was put back, a worker's memory is of a time that no longer is.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid4

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import EventType, TaskQueueType, WorkflowExecutionStatus, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import VersioningOverride, WorkflowExecutionInfo, WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryReverseRequest,
    ListWorkflowExecutionsRequest,
    ResetWorkflowExecutionRequest,
    SignalWorkflowExecutionRequest,
    UnpauseWorkflowExecutionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.privacy.errors import KeysUnavailable
from application.errors import Unavailable
from application.temporal.journey_client import ANCHORS, handle_of, register_search_attributes, schedule_anchors
from application.temporal.journeys import REGISTERED, KeptBatch, Run, Taken, UnderWay
from application.temporal.squatters import TYPE, read_opening, squatter_in
from workflows.authenticity import Foreign
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey.commands import Command, KeepUnreadable
from workflows.messages import (
    ATTEMPT,
    DIVERGED,
    UNDECIDED,
    UNPROVEN,
    Batch,
    JourneyInput,
    Recorded,
    RecordedState,
    append_to_record,
    mark_version,
)
from workflows.search_attributes import CLINIC, HEALTH, PATHWAY, RECORDED, SEARCH_ATTRIBUTES, STAGE
from workflows.signals import Signal, Signals, in_short, read_signal, take_signal
from workflows.temporal_plugin import in_history

ALL = f"WorkflowType = '{TYPE}'"
OPEN = f"{ALL} AND CloseTime IS NULL"
"""Every open run, paused ones too: those are not listed as running."""
PAGE = 1000
ANSWER = timedelta(seconds=10)
"""How long one call to Temporal may take."""
LONG_HISTORY = 20_000
"""From this many events on, a run is not set back but begun anew: Temporal ends runs at 51,200."""
LARGE_HISTORY = 25_000_000
"""From this many bytes on, too: Temporal ends runs at 50 MB, unless it is told otherwise."""
POLLS = timedelta(minutes=2)
"""A worker that has not polled for this long is gone. One poll lasts up to 70 seconds."""
STUCK = 3
"""After so many failed attempts a task counts as stuck."""
TAIL = 5
"""How many pages of a history are read from its end."""
NOT_REPLAYED = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
DEPLOYMENT = "care-pathway"

_BATCH: Any = Batch | Foreign
_RECORDED: Any = Recorded | Foreign
_RECORDED_STATE: Any = RecordedState | Foreign
_INPUT: Any = JourneyInput | Foreign
RunState = Literal["running", "paused", "ended", "completed"]


def _unavailable() -> Unavailable:
    return Unavailable("Temporal did not answer", "Run it again")


async def list_runs(client: Client, *, query: str = OPEN, task_queue: str | None = None) -> AsyncIterator[Run]:
    """List runs of journeys, all open ones unless asked for others, without waking any. On another than the
    ``task_queue`` none is a journey's own.

    Raises:
        Unavailable: Temporal did not list them.
    """
    token = b""
    while True:
        request = ListWorkflowExecutionsRequest(
            namespace=client.namespace, page_size=PAGE, next_page_token=token, query=query
        )
        try:
            page = await client.workflow_service.list_workflow_executions(request, retry=True, timeout=3 * ANSWER)
        except RPCError:
            raise Unavailable("Temporal did not list the journeys", "Run it again") from None
        for info in page.executions:
            run = _run(info, task_queue)
            if run is not None:
                yield run
        token = page.next_page_token
        if not token:
            return


async def find_run(client: Client, journey_id: UUID, *, task_queue: str | None = None) -> Run | None:
    """Return the latest run of a journey; None when Temporal knows none. Its mark is the newest that its history has.
    On another than the ``task_queue`` it is not the journey's own.

    Raises:
        Unavailable: Temporal did not answer.
    """
    request = DescribeWorkflowExecutionRequest(
        namespace=client.namespace, execution=WorkflowExecution(workflow_id=workflow_id(journey_id))
    )
    try:
        described = await client.workflow_service.describe_workflow_execution(request, retry=True, timeout=ANSWER)
        run = _run(described.workflow_execution_info, task_queue)
        if run is None:
            return None
        pending = described.pending_workflow_task
        attempt = pending.attempt if described.HasField("pending_workflow_task") else 0
        if run.squatter is not None:
            opening = await read_opening(client, journey_id, task_queue=task_queue)
            return run if opening is None else run._replace(squatter=opening.squatter or run.squatter)
        answer = await _newest_answer(client, run)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise _unavailable() from None
    except KeysUnavailable as error:
        raise Unavailable(str(error), "Run it again") from None
    return run._replace(
        mark=max(run.mark, answer.mark, key=mark_version),
        stuck=run.stuck or attempt >= STUCK,
        conflict=answer.conflict,
        unreplayable=answer.unreplayable,
    )


def _run(info: WorkflowExecutionInfo, task_queue: str | None) -> Run | None:
    _, _, opaque = info.execution.workflow_id.partition("/")
    try:
        journey_id = UUID(opaque)
    except ValueError:
        return None
    shown = info.search_attributes.indexed_fields
    clinic, pathway, stage = (_keyword(shown, key.name) for key in (CLINIC, PATHWAY, STAGE))
    mark = _keyword(shown, RECORDED.name) or ""
    pinned = _keyword(shown, "TemporalWorkflowVersioningBehavior") == "Pinned"
    return Run(
        journey_id=journey_id,
        run_id=info.execution.run_id,
        state=_state(info.status),
        began=info.start_time.ToDatetime(tzinfo=UTC),
        mark=mark,
        health=_keyword(shown, HEALTH.name),
        shown=None if not mark_version(mark) or not (clinic and pathway and stage) else (clinic, pathway, stage),
        build=_keyword(shown, "TemporalWorkerDeploymentVersion") if pinned else None,
        stuck="TemporalReportedProblems" in shown,
        long=info.history_length >= LONG_HISTORY or info.history_size_bytes >= LARGE_HISTORY,
        squatter=squatter_in(info, task_queue=task_queue),
    )


def _state(status: Any) -> RunState:
    match status:
        case WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING:
            return "running"
        case WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED:
            return "paused"
        case WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED:
            return "completed"
    return "ended"


def _keyword(shown: Mapping[str, Payload], name: str) -> str | None:
    try:
        value = json.loads(shown[name].data) if name in shown else None
    except ValueError:
        return None
    return value if isinstance(value, str) else None


class _Answer(NamedTuple):
    """The newest answer of the record in a run's history: its mark, nothing if the end of the history has none; whether
    the record had something else since; and whether the history does not replay."""

    mark: str
    conflict: bool
    unreplayable: bool


async def _newest_answer(client: Client, run: Run) -> _Answer:
    conflict = unreplayable = completed = False
    converter = in_history(client, workflow_id(run.journey_id))
    async for event in newest_events(client, run, pages=TAIL):
        completed |= event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        unreplayable |= not completed and event.workflow_task_failed_event_attributes.cause == NOT_REPLAYED
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
            failed = await converter.decode_failure(event.activity_task_failed_event_attributes.failure)
            if isinstance(failed, ApplicationError) and failed.type == DIVERGED:
                conflict |= not failed.message.startswith(UNPROVEN)
        for payload in event.activity_task_completed_event_attributes.result.payloads:
            for kind in (_RECORDED, _RECORDED_STATE):
                try:
                    [answer] = await converter.decode([payload], [kind])
                except KeysUnavailable:
                    raise
                except Exception:  # noqa: S112 - another activity's answer, or one that nobody with the keys gave
                    continue
                if not isinstance(answer, Foreign) and answer.mark:
                    return _Answer(answer.mark, conflict, unreplayable)
    return _Answer("", conflict, unreplayable)


async def taken(client: Client, run: Run) -> tuple[Taken, ...]:
    """Return all that a run had accepted of people, or was handed undecided by the one before it, the oldest first,
    without what it answered with a failure. In a quarantine a failure only says that it was not decided yet.

    Raises:
        Unavailable: its history cannot be read.
    """
    accepted: list[tuple[str, str, Sequence[Payload]]] = []
    failed: set[str] = set()
    handed: Sequence[Payload] = ()
    handle = client.get_workflow_handle(workflow_id(run.journey_id), run_id=run.run_id)
    try:
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                handed = event.workflow_execution_started_event_attributes.input.payloads
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                signal = event.workflow_execution_signaled_event_attributes
                if signal.signal_name not in (CareJourney.show.__name__, CareJourney.look.__name__):
                    accepted.append((signal.signal_name, "", signal.input.payloads))
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
                update = event.workflow_execution_update_accepted_event_attributes.accepted_request
                accepted.append(("command", update.meta.update_id, update.input.args.payloads))
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
                done = event.workflow_execution_update_completed_event_attributes
                if done.outcome.HasField("failure") and done.outcome.failure.application_failure_info.type != UNDECIDED:
                    failed.add(done.meta.update_id)
        converter = in_history(client, workflow_id(run.journey_id))
        found = [] if run.squatter else [*_undecided(await converter.decode(handed, [_INPUT]))]
        for name, update_id, payloads in accepted:
            if update_id and update_id in failed:
                continue
            raw = await converter.decode(payloads, [RawValue] * len(payloads))
            # What is too large is there in short, as it is kept: in full it might end the next run, too.
            sent = take_signal(name, raw, waiting=Signals())
            found.append(Taken(read_signal(sent), sent))
    except (RPCError, RuntimeError, ValueError, KeysUnavailable):
        raise Unavailable("the history of the run cannot be read", "Run it again") from None
    return tuple(found)


def _undecided(given: Sequence[JourneyInput | Foreign]) -> Iterator[Taken]:
    """Return what waited when a run began, to be decided by it."""
    for handed in given:
        if isinstance(handed, JourneyInput):
            for signal in handed.signals:
                yield Taken(read_signal(signal), signal)
            for waited in handed.unchecked:
                content = waited.command.model_dump_json().encode()
                yield Taken(
                    waited.command,
                    Signal(
                        name="command",
                        contents=(content,),
                        size=len(content),
                        authentic=waited.authentic,
                        rank=waited.rank,
                        sender=waited.sender,
                    ),
                )


def handed_over(taken: Sequence[Taken]) -> tuple[Signal, ...]:
    """Return what another run had taken, for a run to begin with: what the service let in as commands in full, and of
    everything else only size and digest once it would take the room of all others."""
    signals = Signals()
    for each in taken:
        let_in = each.signal.authentic and isinstance(each.read, Command)
        whole = let_in or signals.has_room(each.signal)
        signals.add(each.signal if whole else in_short(each.signal))
    return tuple(signals.waiting)


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
        if error.status != RPCStatusCode.NOT_FOUND:
            raise _unavailable() from None


async def under_way(client: Client, run: Run) -> UnderWay | None:
    """Return what a run that is over may still be recording; None when all that it asked of the record was answered.

    Raises:
        Unavailable: its history cannot be read.
    """
    answered: set[int] = set()
    over: datetime | None = None
    try:
        async for event in newest_events(client, run, pages=TAIL):
            over = over or event.event_time.ToDatetime(tzinfo=UTC)
            for done in (event.activity_task_completed_event_attributes, event.activity_task_failed_event_attributes):
                answered.add(done.scheduled_event_id)
            scheduled = event.activity_task_scheduled_event_attributes
            if scheduled.activity_type.name == append_to_record.__name__:
                if event.event_id in answered:
                    return None
                converter = in_history(client, workflow_id(run.journey_id))
                batch: Batch | Foreign
                [batch] = await converter.decode(scheduled.input.payloads, [_BATCH])
                if isinstance(batch, Foreign):
                    continue  # Nobody with the keys made it, so nothing of it is recorded.
                return UnderWay(batch.last_version, over + ATTEMPT)
    except (RPCError, RuntimeError, ValueError, KeysUnavailable):
        raise Unavailable("the history of the run cannot be read", "Run it again") from None
    return None


async def kept(client: Client, run: Run) -> tuple[KeptBatch, ...]:
    """Return the batches that the record took of a run, as its history says, each as far as it was recorded.

    Raises:
        Unavailable: its history cannot be read.
    """
    handed: dict[int, Sequence[Payload]] = {}
    found = []
    converter = in_history(client, workflow_id(run.journey_id))
    handle = client.get_workflow_handle(workflow_id(run.journey_id), run_id=run.run_id)
    try:
        async for event in handle.fetch_history_events():
            scheduled = event.activity_task_scheduled_event_attributes
            completed = event.activity_task_completed_event_attributes
            if scheduled.activity_type.name == append_to_record.__name__:
                handed[event.event_id] = scheduled.input.payloads
            elif completed.scheduled_event_id in handed:
                [batch] = await converter.decode(handed.pop(completed.scheduled_event_id), [_BATCH])
                [answer] = await converter.decode(completed.result.payloads, [_RECORDED])
                if isinstance(batch, Foreign) or isinstance(answer, Foreign):
                    continue  # Nobody with the keys made it.
                recorded = batch.until(answer.version)
                if recorded.commands:
                    found.append(KeptBatch(event.event_time.ToDatetime(tzinfo=UTC), recorded))
    except (RPCError, RuntimeError, ValueError, KeysUnavailable):
        raise Unavailable("the history of a run cannot be read", "Run it again") from None
    return tuple(found)


async def hand_in(client: Client, journey_id: UUID, taken: Taken) -> None:
    """Hand in again, as a signal, what another run had accepted.

    Raises:
        Unavailable: Temporal did not take it.
    """
    name, contents = taken.signal.name, taken.signal.contents
    if isinstance(taken.read, KeepUnreadable) and not contents:
        contents = (taken.read.content.encode(),)
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
    except (RPCError, KeysUnavailable):
        raise _unavailable() from None


async def newest_events(client: Client, run: Run, *, pages: int) -> AsyncIterator[HistoryEvent]:
    """Read a run's history from its end, up to a number of pages."""
    token = b""
    for _ in range(pages):
        request = GetWorkflowExecutionHistoryReverseRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id(run.journey_id), run_id=run.run_id),
            maximum_page_size=100,
            next_page_token=token,
        )
        page = await client.workflow_service.get_workflow_execution_history_reverse(request, retry=True, timeout=ANSWER)
        for event in page.history.events:
            yield event
        token = page.next_page_token
        if not token:
            return


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
                return True
    except RPCError:
        raise Unavailable("Temporal did not reset the run", "Run it again") from None
    return False


async def show(client: Client, journey_id: UUID) -> None:
    """Have a run show anew how it stands.

    Raises:
        Unavailable: Temporal did not take it.
    """
    try:
        await handle_of(client, journey_id).signal(CareJourney.show, rpc_timeout=ANSWER)
    except RPCError:
        raise _unavailable() from None


async def look(client: Client, journey_id: UUID) -> None:
    """Have a run look at the patient's other journeys again.

    Raises:
        Unavailable: Temporal did not take it.
    """
    try:
        await handle_of(client, journey_id).signal(CareJourney.look, rpc_timeout=ANSWER)
    except RPCError:
        raise _unavailable() from None


async def unpause(client: Client, run: Run) -> None:
    """Let a paused run go on.

    Raises:
        Unavailable: Temporal did not do it.
    """
    request = UnpauseWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_id=workflow_id(run.journey_id),
        run_id=run.run_id,
        reason="reconciliation: something is overdue",
        identity=client.identity,
        request_id=str(uuid4()),
    )
    try:
        await client.workflow_service.unpause_workflow_execution(request, timeout=ANSWER, retry=True)
    except RPCError:
        raise _unavailable() from None


async def polled_builds(client: Client, task_queue: str) -> frozenset[str]:
    """Return the builds of the workers that poll this queue; an empty name stands for those without one.

    Raises:
        Unavailable: Temporal did not answer.
    """
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    try:
        described = await client.workflow_service.describe_task_queue(request, retry=True, timeout=ANSWER)
    except RPCError:
        raise _unavailable() from None
    since = datetime.now(UTC) - POLLS
    return frozenset(
        f"{poller.deployment_options.deployment_name}:{poller.deployment_options.build_id}".strip(":")
        for poller in described.pollers
        if poller.last_access_time.ToDatetime(tzinfo=UTC) >= since
    )


async def move(client: Client, run: Run, polled: frozenset[str]) -> bool:
    """Move a run to the current build; False when no worker of that polls, or there is none.

    Raises:
        Unavailable: Temporal did not do it.
    """
    try:
        deployment = await client.workflow_service.describe_worker_deployment(
            DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=DEPLOYMENT),
            timeout=ANSWER,
            retry=True,
        )
        current = deployment.worker_deployment_info.routing_config.current_deployment_version
        if f"{current.deployment_name}:{current.build_id}" not in polled:
            return False
        target = WorkerDeploymentVersion(deployment_name=current.deployment_name, build_id=current.build_id)
        override = VersioningOverride(one_time=VersioningOverride.OneTimeOverride(target_deployment_version=target))
        request = UpdateWorkflowExecutionOptionsRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(run.journey_id), run_id=run.run_id),
            workflow_execution_options=WorkflowExecutionOptions(versioning_override=override),
        )
        request.update_mask.paths.append("versioning_override")
        await client.workflow_service.update_workflow_execution_options(request, timeout=ANSWER, retry=True)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return False
        raise _unavailable() from None
    return True


async def keep_up(client: Client, *, anchors_every: timedelta | None, task_queue: str) -> tuple[str, ...]:
    """Register search attributes that are missing, and make or restart the schedule of anchors, where they are wanted.
    Return what had to be mended.

    Raises:
        Unavailable: Temporal did not answer.
        SearchAttributesUnusable: one exists with another type, or is missing and may not be added.
    """
    mended = []
    try:
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace),
            timeout=ANSWER,
            retry=True,
        )
        missing = [key.name for key in SEARCH_ATTRIBUTES if key.name not in known.custom_attributes]
        if missing:
            await register_search_attributes(client)
            mended.append(f"{REGISTERED}: {', '.join(missing)}")
        if anchors_every is not None:
            schedule = client.get_schedule_handle(ANCHORS)
            try:
                paused = (await schedule.describe(rpc_timeout=ANSWER)).schedule.state.paused
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise
                await schedule_anchors(client, every=anchors_every, task_queue=task_queue)
                mended.append(f"schedule made: {ANCHORS}")
            else:
                if paused:
                    await schedule.unpause(note="reconciliation: anchors are wanted")
                    mended.append(f"schedule unpaused: {ANCHORS}")
    except RPCError:
        raise _unavailable() from None
    return tuple(mended)
