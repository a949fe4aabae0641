"""The runs of journeys as Temporal itself has them: listed and described by raw calls.

The SDK's own calls fail on a paused run, and on every page of a list that holds one. None of these asks a worker: after
Temporal's database was put back, a worker's memory is of a time that no longer is.
"""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionRequest, ListWorkflowExecutionsRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.privacy.errors import KeysUnavailable
from activities.record.reconciliation import mark_version
from application.temporal.calls import ANSWER, failed_call, is_not_there
from application.temporal.journeys import Run, RunState
from application.temporal.run_history import newest_answer
from application.temporal.squatters import TYPE, read_opening, squatter_in
from workflows.care_journey import workflow_id
from workflows.search_attributes import CLINIC, HEALTH, PATHWAY, RECORDED, STAGE

ALL = f"WorkflowType = '{TYPE}'"
OPEN = f"{ALL} AND CloseTime IS NULL"
"""Every open run, paused ones too: those are not listed as running."""
PAGE = 1000
LONG_HISTORY = 20_000
"""From this many events on, a run is not set back but begun anew: Temporal ends runs at 51,200."""
LARGE_HISTORY = 25_000_000
"""From this many bytes on, too: Temporal ends runs at 50 MB, unless it is told otherwise."""
STUCK = 3
"""After so many failed attempts a task counts as stuck."""
WAITED = timedelta(minutes=5)
"""So does one that no worker has answered for this long: who polls may be nobody of ours, or take it and keep it."""
UNSAID = 5
"""From this attempt of a task on nobody is going to say why it fails, if nobody did: a worker says it of a first
attempt alone. Where that one had no answer, or was refused, the later ones end in silence, also if the history does not
replay. So it is, too, where a worker said that it was too slow for one task of a run, and answers no later one."""


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
        except RPCError as error:
            raise failed_call(error, "Temporal did not list the journeys") from None
        for info in page.executions:
            run = _run(info, task_queue)
            if run is not None:
                yield run
        token = page.next_page_token
        if not token:
            return


async def find_run(client: Client, journey_id: UUID, *, now: datetime, task_queue: str | None = None) -> Run | None:
    """Return the latest run of a journey as it is at a moment (UTC); None when Temporal knows none. Its mark is the
    newest that its history has. On another than the ``task_queue`` it is not the journey's own.

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
        waits = described.HasField("pending_workflow_task")
        attempt = pending.attempt if waits else 0
        waited = now - pending.original_scheduled_time.ToDatetime(tzinfo=UTC) if waits else timedelta()
        run = await as_opened(client, run, task_queue=task_queue)
        if run.squatter is not None:
            return run
        answer = await newest_answer(client, run)
    except RPCError as error:
        if is_not_there(error):
            return None
        raise failed_call(error) from None
    except KeysUnavailable as error:
        raise failed_call(error) from None
    # A message makes the next attempt a first one for Temporal, and each such is in the history.
    attempt = max(attempt, answer.failed + 1) if waits else 0
    return run._replace(
        mark=max(run.mark, answer.mark, key=mark_version),
        stuck=run.stuck or attempt >= STUCK or waited > WAITED,
        conflict=answer.conflict,
        unreplayable=answer.unreplayable or (answer.unsaid and attempt >= UNSAID),
    )


async def as_opened(client: Client, run: Run, *, task_queue: str | None) -> Run:
    """Return a run with what is wrong with it by how it was opened, which no list shows: also of our type and on our
    task queue it may be somebody else's.

    Raises:
        Unavailable: Temporal did not answer, or the keys cannot be had.
    """
    opening = await read_opening(client, run.journey_id, task_queue=task_queue, run_id=run.run_id)
    return run if opening is None else run._replace(squatter=opening.squatter or run.squatter)


def _run(info: WorkflowExecutionInfo, task_queue: str | None) -> Run | None:
    _, _, opaque = info.execution.workflow_id.partition("/")
    try:
        journey_id = UUID(opaque)
    except ValueError:
        return None
    if info.execution.workflow_id != workflow_id(journey_id):
        return None  # Its name is only like that of a journey: in the list it would stand in the journey's place.
    shown = info.search_attributes.indexed_fields
    clinic, pathway, stage = (_keyword(shown, key.name) for key in (CLINIC, PATHWAY, STAGE))
    mark = _keyword(shown, RECORDED.name) or ""
    pinned = _keyword(shown, "TemporalWorkflowVersioningBehavior") == "Pinned"
    state = _state(info.status)
    return Run(
        journey_id=journey_id,
        run_id=info.execution.run_id,
        state=state,
        began=info.execution_time.ToDatetime(tzinfo=UTC),
        mark=mark,
        health=_keyword(shown, HEALTH.name),
        shown=None if not mark_version(mark) or not (clinic and pathway and stage) else (clinic, pathway, stage),
        build=_keyword(shown, "TemporalWorkerDeploymentVersion") if pinned else None,
        stuck="TemporalReportedProblems" in shown,
        long=info.history_length >= LONG_HISTORY or info.history_size_bytes >= LARGE_HISTORY,
        squatter=squatter_in(info, task_queue=task_queue),
        activity_paused=state == "running" and "TemporalPauseInfo" in shown,
    )


def _state(status: Any) -> RunState:
    match status:
        case WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING:
            return "running"
        case WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_PAUSED:
            return "paused"
        case WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED:
            return "completed"
        case WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED:
            return "failed"
    return "ended"


def _keyword(shown: Mapping[str, Payload], name: str) -> str | None:
    try:
        value = json.loads(shown[name].data) if name in shown else None
    except ValueError:
        return None
    return value if isinstance(value, str) else None
