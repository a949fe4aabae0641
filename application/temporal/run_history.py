"""What the history of a run holds: what it had accepted of people, what it gave to the record, and with what answer."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import EventType, TimeoutType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.privacy.errors import KeysUnavailable
from application.temporal.calls import ANSWER, failed_call
from application.temporal.journeys import KeptBatch, Run, Taken, UnderWay
from workflows.authenticity import Foreign, contents_of
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey.commands import Command
from workflows.journey.decided import Batch
from workflows.journey.vocabulary.refusals import Refusal
from workflows.messages import (
    ATTEMPT,
    COUNTED,
    DIVERGED,
    UNDECIDED,
    UNPROVEN,
    JourneyInput,
    Receipt,
    Recorded,
    RecordedState,
    append_to_record,
)
from workflows.signals import (
    Further,
    Signal,
    Signals,
    as_signal,
    keep_further,
    keep_in_short,
    read_signal,
    shorten_signal,
    take_signal,
)
from workflows.temporal_plugin import in_history

TAIL = 5
"""How many pages of a history are read from its end."""
NOT_REPLAYED = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR
NO_CAUSE = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED
NO_ANSWER = TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE
NO_FAILURE = (
    NO_CAUSE,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW,
)
"""What Temporal writes of a task of which no worker said that it fails."""

_BATCH: Any = Batch | Foreign
_RECEIPT: Any = Receipt | Foreign
_RECORDED: Any = Recorded | Foreign
_RECORDED_STATE: Any = RecordedState | Foreign
_INPUT: Any = JourneyInput | Foreign


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


class NewestAnswer(NamedTuple):
    """The newest answer of the record in a run's history: its mark, nothing if the end of the history has none; whether
    the record had something else since. And whether the history does not replay, as far as a worker said so; or
    whether since the last completed task no worker said why the newest failed, and how many tasks since then ``failed``
    or had no answer, as far as the history says so."""

    mark: str
    conflict: bool
    unreplayable: bool
    unsaid: bool
    failed: int


async def newest_answer(client: Client, run: Run) -> NewestAnswer:
    """Return what the end of a run's history says of the record."""
    mark, conflict, completed = "", False, False
    causes: list[int] = []
    converter = in_history(client, workflow_id(run.journey_id))
    async for event in newest_events(client, run, pages=TAIL):
        completed |= event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        if not completed and event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            causes.append(event.workflow_task_failed_event_attributes.cause)
        elif not completed and event.workflow_task_timed_out_event_attributes.timeout_type == NO_ANSWER:
            causes.append(NO_CAUSE)
        if not mark:
            mark, differed = await _read_answer(converter, event)
            conflict |= differed
        if mark and completed:
            break
    unsaid = all(cause in NO_FAILURE for cause in causes[:1])
    failed = sum(cause == NO_CAUSE or cause not in NO_FAILURE for cause in causes)
    return NewestAnswer(mark, conflict, NOT_REPLAYED in causes, unsaid, failed)


async def _read_answer(converter: DataConverter, event: HistoryEvent) -> tuple[str, bool]:
    """Return the mark in an answer of the record, nothing if an event is none, and whether the record had something
    else."""
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
        failed = await converter.decode_failure(event.activity_task_failed_event_attributes.failure)
        differed = isinstance(failed, ApplicationError) and failed.type == DIVERGED
        return "", differed and not str(getattr(failed, "message", "")).startswith(UNPROVEN)
    for payload in event.activity_task_completed_event_attributes.result.payloads:
        for kind in (_RECORDED, _RECORDED_STATE):
            try:
                [answer] = await converter.decode([payload], [kind])
            except KeysUnavailable:
                raise
            except Exception:  # noqa: S112 - another activity's answer, or one that nobody with the keys gave
                continue
            if not isinstance(answer, Foreign) and answer.mark:
                return answer.mark, False
    return "", False


async def taken(client: Client, run: Run) -> tuple[Taken, ...]:
    """Return all that a run had accepted of people, or was handed undecided by the one before it, the oldest first,
    without what it answered with a failure. In a quarantine a failure only says that it was not decided yet. What it
    answered with a refusal says so.

    Raises:
        Unavailable: its history cannot be read.
    """
    return await taken_by(client, run.journey_id, run.run_id, handed_too=not run.squatter)


async def taken_by(client: Client, journey_id: UUID, run_id: str, *, handed_too: bool = True) -> tuple[Taken, ...]:
    """Return the same of the run of this id, without what it was handed if that is not wanted.

    Raises:
        Unavailable: its history cannot be read.
    """
    accepted: list[tuple[str, str, Sequence[Payload], datetime]] = []
    admitted: set[str] = set()
    failed: set[str] = set()
    refused: dict[str, Refusal | None] = {}
    handed: Sequence[Payload] = ()
    handle = client.get_workflow_handle(workflow_id(journey_id), run_id=run_id)
    converter = in_history(client, workflow_id(journey_id))
    try:
        async for event in handle.fetch_history_events():
            at = event.event_time.ToDatetime(tzinfo=UTC)
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                handed = event.workflow_execution_started_event_attributes.input.payloads
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                signal = event.workflow_execution_signaled_event_attributes
                if signal.signal_name not in (CareJourney.show.__name__, CareJourney.look.__name__):
                    accepted.append((signal.signal_name, "", signal.input.payloads, at))
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ADMITTED:
                # A reset has applied it again. That it is accepted then says no more what it is.
                update = event.workflow_execution_update_admitted_event_attributes.request
                accepted.append(("command", update.meta.update_id, update.input.args.payloads, at))
                admitted.add(update.meta.update_id)
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
                update = event.workflow_execution_update_accepted_event_attributes.accepted_request
                if event.workflow_execution_update_accepted_event_attributes.protocol_instance_id not in admitted:
                    accepted.append(("command", update.meta.update_id, update.input.args.payloads, at))
            elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
                done = event.workflow_execution_update_completed_event_attributes
                if done.outcome.HasField("failure") and done.outcome.failure.application_failure_info.type != UNDECIDED:
                    failed.add(done.meta.update_id)
                refused[done.meta.update_id] = await refusal_in(converter, done.outcome.success)
        found = [*_undecided(await converter.decode(handed, [_INPUT]))] if handed_too else []
        for name, update_id, payloads, at in accepted:
            if update_id and update_id in failed:
                continue
            contents, authentic = contents_of(await converter.decode(payloads, [RawValue] * len(payloads)))
            # What is too large is there in short, as it is kept: in full it might end the next run, too.
            sent = take_signal(name, contents, authentic=authentic, waiting=Signals())
            sent = sent.model_copy(update={"told": refused.get(update_id), "taken_at": sent.taken_at or at})
            found.append(Taken(read_signal(sent), sent))
    except (RPCError, RuntimeError, ValueError, KeysUnavailable) as error:
        raise failed_call(error, "the history of the run cannot be read") from None
    return tuple(found)


async def refusal_in(converter: DataConverter, answer: Payloads) -> Refusal | None:
    """Return the refusal that an update was answered with; None where it is none, or where it was only counted."""
    receipt = await receipt_in(converter, answer)
    return None if receipt is None or receipt.refusal == COUNTED else receipt.refusal


async def receipt_in(converter: DataConverter, answer: Payloads) -> Receipt | None:
    """Return the receipt that an update was answered with; None where it is none that the service gave."""
    for payload in answer.payloads:
        [receipt] = await converter.decode([payload], [_RECEIPT])
        if isinstance(receipt, Receipt):
            return receipt
    return None


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
                        taken_at=waited.taken_at,
                    ),
                )


def handed_over(taken: Sequence[Taken]) -> tuple[Signal, ...]:
    """Return what another run had taken, for a run to begin with, bounded as in a run: what the service let in as
    commands in full, and of everything else only size and digest once it would take the room of all others. What is
    beyond the number that may wait is counted, and told by one message that stands first."""
    signals, further = Signals(), Further()
    for each in taken:
        signal = each.signal
        if signal.authentic and isinstance(each.read, Command):
            signals.add(signal)
        elif signals.is_crowded(signal):
            further = further.and_one(keep_in_short(signal), signal.size)
        else:
            signals.add(signal if signals.has_room(signal) else shorten_signal(signal))
    return (*([as_signal(keep_further(further))] if further.count else []), *signals.waiting)


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
                return UnderWay(batch.last_version, over, ATTEMPT)
    except (RPCError, RuntimeError, ValueError, KeysUnavailable) as error:
        raise failed_call(error, "the history of the run cannot be read") from None
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
    except (RPCError, RuntimeError, ValueError, KeysUnavailable) as error:
        raise failed_call(error, "the history of a run cannot be read") from None
    return tuple(found)
