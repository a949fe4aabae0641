"""What was answered before a reset, which hands in again all that a run had taken since, or some of it."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import structlog
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError

from activities.record import Record
from activities.record.event_codec import load_events
from application.temporal.calls import failed_call, is_not_there
from application.temporal.journeys import Taken, not_recorded
from application.temporal.run_control import hand_in
from application.temporal.run_history import receipt_in, taken_by
from workflows.care_journey import workflow_id
from workflows.journey.commands import Command
from workflows.journey.vocabulary.refusals import Refusal
from workflows.messages import COUNTED, NOT_CHECKED, AnsweredBefore
from workflows.temporal_plugin import in_history

log = structlog.get_logger("reset")

RUNS = 200
"""How many runs are read at most. All that a reset hands in goes to one run, which Temporal lets take only as much as a
few of them had taken."""


async def find_answered(client: Client, journey_id: UUID, run_id: str) -> AnsweredBefore:
    """Return which updates were answered that they cannot be checked, or that they are refused, in the runs from which
    a reset has made this one, and in those that had come after these; and when those were accepted first whose senders
    were told so. Of a run that Temporal no longer has nothing is handed in.

    Raises:
        Unavailable: a history cannot be read.
    """
    unchecked, refused, taken = list[str](), list[tuple[str, Refusal]](), dict[str, datetime]()
    accepted: dict[tuple[str, int], datetime] = {}
    converter = in_history(client, workflow_id(journey_id))
    async for this, event in _events_before(client, journey_id, run_id):
        if event.HasField("workflow_execution_update_accepted_event_attributes"):
            accepted[this, event.event_id] = event.event_time.ToDatetime(tzinfo=UTC)
        answered = event.workflow_execution_update_completed_event_attributes
        if answered.outcome.failure.application_failure_info.type == NOT_CHECKED:
            unchecked.append(answered.meta.update_id)
        receipt = await receipt_in(converter, answered.outcome.success)
        if receipt is None or receipt.refusal == COUNTED:
            continue
        if receipt.refusal is not None:
            refused.append((answered.meta.update_id, receipt.refusal))
        elif (at := accepted.get((this, answered.accepted_event_id))) is not None:
            taken[receipt.answers] = min(at, taken.get(receipt.answers, at))
    return AnsweredBefore(unchecked=tuple(unchecked), refused=tuple(refused), taken=tuple(taken.items()))


async def _events_before(client: Client, journey_id: UUID, run_id: str) -> AsyncIterator[tuple[str, HistoryEvent]]:
    """Read the histories of a run, of those from which a reset has made it, and of those that had come after these."""
    runs = [run_id]
    for this in runs:
        handle = client.get_workflow_handle(workflow_id(journey_id), run_id=this)
        try:
            async for event in handle.fetch_history_events():
                further = (
                    event.workflow_task_failed_event_attributes.base_run_id,
                    event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id,
                )
                runs += [each for each in further if each and each not in runs and len(runs) < RUNS]
                yield this, event
        except RPCError as error:
            if not is_not_there(error):
                raise failed_call(error, "the history of a run cannot be read") from None


async def hand_in_dropped(client: Client, record: Record, journey_id: UUID, run_id: str) -> None:
    """Hand in again what the runs before a reset had accepted and the reset has not applied again, as far as it is not
    recorded: somebody had it leave that out (`--reapply-exclude`). Asked again, it finds it handed in. What its sender
    was told is refused stays left out, unless anybody may send it: nothing happened, and nothing may happen later.

    Raises:
        Unavailable: a history cannot be read, or Temporal did not take it.
        RecordUnavailable, RecordFault, UnreadableEvent: the record cannot be read.
    """
    before = [this async for this, _ in _events_before(client, journey_id, run_id) if this != run_id]
    has = Counter(map(_content, await taken_by(client, journey_id, run_id)))
    events = await load_events(record, journey_id)
    dropped: list[Taken] = []
    for this in dict.fromkeys(before):
        # A run has what the one before it had: of all that say the same, it is owed as often as one of them had it.
        had = Counter[str]()
        for each in not_recorded(await taken_by(client, journey_id, this), events):
            command = each.read if isinstance(each.read, Command) else None
            if each.signal.told is not None and not (command and command.body.by_anybody):
                continue
            content = _content(each)
            had[content] = 1 if command else had[content] + 1
            if has[content] < had[content]:
                has[content] += 1
                dropped.append(each)
    for each in dropped:
        await hand_in(client, journey_id, each)
    if dropped:
        log.warning("journey.handed_in_again", journey_id=str(journey_id), counted=len(dropped))


def _content(taken: Taken) -> str:
    """Return by what something taken is known: a command by its id, since it happens once."""
    return str(taken.read.command_id) if isinstance(taken.read, Command) else taken.read.content
