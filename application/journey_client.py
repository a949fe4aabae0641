"""How anything outside talks to a journey: start it, send it a command."""

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleSpec,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    SearchAttributeIndexedValueType,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from application.journeys import Running
from workflows.care_journey import (
    HANDOVER_BYTES,
    MOVING_ON,
    SEARCH_ATTRIBUTES,
    CareJourney,
    initial_search_attributes,
    workflow_id,
)
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import Command, StartPathway
from workflows.journey.events import Event
from workflows.journey.protocol import Pathway
from workflows.journey.receipts import command_digest, receipts_of
from workflows.journey.refusals import Refusal
from workflows.journey.stage import Stage
from workflows.messages import REFUSED, Attempt, JourneyInput, JourneyResult, Receipt
from workflows.record_anchor import AnchorRecord

ANCHORS = "record-anchors"
"""The id of the schedule by which the record is anchored."""


class Rejected(Exception):
    """The journey refused the command. Nothing changed, beyond the attempt being kept where it matters."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class NoSuchJourney(Exception):
    """No journey runs under this id: it never did, or it has ended."""


class Unavailable(Exception):
    """Temporal or its workers did not answer in time. The command may have arrived; send it again as it is."""


class _MovingOn(Exception):
    """The journey begins a new run, or is being read back: asked again, it answers."""


class TooLarge(Exception):
    """The state of a journey does not fit into the start of a run."""


class SearchAttributeMismatch(Exception):
    """A search attribute exists with another type. Temporal would silently keep it so."""


async def start(client: Client, command: Command, *, task_queue: str) -> None:
    """Start the journey of a `pathway.start` command. Starting it again, running or ended, changes nothing.

    Raises:
        Unavailable: Temporal cannot be reached; start again with the same command.
    """
    body = command.body
    if not isinstance(body, StartPathway):
        raise TypeError("only pathway.start starts a journey")
    try:
        await client.start_workflow(
            CareJourney.run,
            JourneyInput(start=command),
            id=workflow_id(body.journey_id),
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=initial_search_attributes(Stage.EVALUATION, body.pathway, body.clinic),
            static_summary=_summary(body.pathway, body.clinic),
        )
    except WorkflowAlreadyStartedError:
        return
    except RPCError as error:
        raise Unavailable("Temporal did not take the start") from error


def handle_of(client: Client, journey_id: UUID) -> WorkflowHandle[CareJourney, JourneyResult]:
    """A journey on Temporal: whatever run of it is the latest."""
    return client.get_workflow_handle_for(CareJourney.run, workflow_id(journey_id))


def _summary(pathway: Pathway, clinic: str) -> str:
    return f"{pathway} pathway · {clinic}"


async def submit(
    client: Client, journey_id: UUID, command: Command, *, timeout: timedelta = timedelta(seconds=15)
) -> Receipt:
    """Send a command to a journey and return its receipt once it is accepted (durable in Temporal).

    Sending the same command again is safe, and gives the same receipt.

    Raises:
        Rejected: the journey refused it.
        NoSuchJourney: nothing runs under this id.
        Unavailable: no answer; whether it arrived is not known.
    """
    # Temporal answers a known update id without asking the journey, which would refuse other content.
    update_id = f"{command.command_id}/{command_digest(command)}"
    until = monotonic() + timeout.total_seconds()
    attempt = 1
    while True:
        try:
            return await _send(client, journey_id, command, f"{update_id}/{attempt}", timeout)
        except _MovingOn:
            if monotonic() > until:
                raise Unavailable("the journey was moving on; send the same command again") from None
        await asyncio.sleep(min(0.05 * attempt, 1))
        attempt += 1


async def reopen(
    client: Client,
    recorded: Sequence[Event],
    command: Command,
    *,
    task_queue: str,
    timeout: timedelta = timedelta(seconds=15),
) -> Receipt:
    """Send a command to a journey that has ended: it runs on from its recorded events for as long as it waits then.

    Raises:
        Rejected, Unavailable: as `submit`.
        TooLarge: as `resume`.
    """
    journey = fold(recorded)
    again = WithStartWorkflowOperation(
        CareJourney.run,
        _handed(journey, recorded),
        id=workflow_id(journey.id),
        task_queue=task_queue,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=initial_search_attributes(journey.stage, journey.protocol.pathway, journey.clinic),
        static_summary=_summary(journey.protocol.pathway, journey.clinic),
    )
    asked = client.execute_update_with_start_workflow(
        CareJourney.submit,
        command,
        start_workflow_operation=again,
        id=f"{command.command_id}/{command_digest(command)}",
        rpc_timeout=timeout,
    )
    try:
        return await _answered(asked)
    except _MovingOn:
        raise Unavailable("the journey was moving on; send the same command again") from None


async def _send(client: Client, journey_id: UUID, command: Command, update_id: str, timeout: timedelta) -> Receipt:
    handle = handle_of(client, journey_id)
    return await _answered(handle.execute_update(CareJourney.submit, command, id=update_id, rpc_timeout=timeout))


async def _answered(asked: Awaitable[Receipt]) -> Receipt:
    """The receipt of an update, or what became of it instead."""
    try:
        receipt = await asked
    except WorkflowUpdateFailedError as failed:
        raise _rejection(failed) from None
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        raise Unavailable("no worker answered in time") from None
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            raise NoSuchJourney("no journey runs under this id") from None
        raise Unavailable("Temporal did not take the command") from error
    if receipt.refusal is not None:
        raise Rejected(receipt.refusal)
    return receipt


def _rejection(failed: WorkflowUpdateFailedError) -> Exception:
    cause = failed.cause
    if isinstance(cause, ApplicationError) and cause.details:
        return Rejected(Refusal.model_validate(cause.details[0]))
    if isinstance(cause, ApplicationError) and cause.type in ("AcceptedUpdateCompletedWorkflow", MOVING_ON):
        return _MovingOn()
    return Unavailable("the journey could not read the command")


async def look(client: Client, journey_id: UUID, *, timeout: timedelta = timedelta(seconds=10)) -> Running | None:
    """A journey as Temporal has it; None when it knows none of this id.

    Raises:
        Unavailable: Temporal cannot be reached.
    """
    handle = handle_of(client, journey_id)
    try:
        if (await handle.describe()).status != WorkflowExecutionStatus.RUNNING:
            return Running(runs=False)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise Unavailable("Temporal did not answer") from error
    try:
        now = await handle.query(CareJourney.status, rpc_timeout=timeout)
    except (RPCError, WorkflowQueryFailedError):
        return Running(runs=True)
    return Running(runs=True, version=now.version, recorded=now.recorded, health=now.health)


async def resume(client: Client, recorded: Sequence[Event], *, task_queue: str) -> None:
    """Run a journey on from its recorded events: one that Temporal has lost, ended, or knows less of than the record.

    What runs under its id is terminated. Nothing that is recorded happens again: events and notices have their ids.

    Raises:
        Unavailable: Temporal did not take it; ask again.
        TooLarge: its state is more than one run can be handed.
    """
    journey = fold(recorded)
    handed = _handed(journey, recorded)
    try:
        await client.start_workflow(
            CareJourney.run,
            handed,
            id=workflow_id(journey.id),
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.TERMINATE_EXISTING,
            search_attributes=initial_search_attributes(journey.stage, journey.protocol.pathway, journey.clinic),
            static_summary=_summary(journey.protocol.pathway, journey.clinic),
        )
    except RPCError as error:
        raise Unavailable("Temporal did not take the journey") from error


def _handed(journey: Journey, recorded: Sequence[Event]) -> JourneyInput:
    """What a run that goes on from a recorded state is started with.

    Raises:
        TooLarge: it does not fit.
    """
    handed = JourneyInput(
        journey=journey,
        receipts=receipts_of(recorded),
        recorded=journey.version,
        unreadable=len(journey.messages),
    )
    if len(handed.model_dump_json().encode()) > HANDOVER_BYTES:
        raise TooLarge("its state is larger than a run can be handed; reset its last run instead")
    return handed


async def report_refused(client: Client, journey_id: UUID, attempt: Attempt) -> None:
    """Have a journey keep an attempt to sign that was refused before it reached it. For workers, at best effort:
    nothing rests on it but that people see it."""
    handle = client.get_workflow_handle(workflow_id(journey_id))
    await handle.signal(REFUSED, attempt)


async def schedule_anchors(client: Client, *, every: timedelta, task_queue: str) -> None:
    """Have Temporal start an anchor every so often. One that is scheduled stays as it is."""
    try:
        await client.create_schedule(
            ANCHORS,
            Schedule(
                action=ScheduleActionStartWorkflow(AnchorRecord.run, id="anchor", task_queue=task_queue),
                spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
            ),
            trigger_immediately=True,
        )
    except ScheduleAlreadyRunningError:
        return


async def register_search_attributes(client: Client) -> None:
    """Make the search attributes known to the namespace; safe to repeat.

    Raises:
        SearchAttributeMismatch: one exists with another type.
    """
    wanted = {key.name: _indexed(key.indexed_value_type) for key in SEARCH_ATTRIBUTES}
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(namespace=client.namespace, search_attributes=wanted)
    )
    known = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    for name, kind in wanted.items():
        if known.custom_attributes.get(name) != kind:
            raise SearchAttributeMismatch(
                f"search attribute {name} exists with another type; ask ops to remove it, then start again"
            )


def _indexed(kind: SearchAttributeIndexedValueType) -> Any:
    return {
        SearchAttributeIndexedValueType.KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
        SearchAttributeIndexedValueType.DATETIME: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
    }[kind]
