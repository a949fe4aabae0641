"""How anything outside talks to a journey: start it, send it a command."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from time import monotonic
from typing import cast
from uuid import UUID, uuid4

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import UpdateMethodMultiParam

from activities.privacy.errors import KeysUnavailable
from application.errors import NOTHING_HAPPENED, UNKNOWN_STATE, NotFound, Refused, Unavailable, kept_as_said
from application.temporal.calls import ANSWER, failed_call, is_not_there
from application.temporal.squatters import OpeningUnread, Squatted, read_opening
from workflows.authenticity import Foreign
from workflows.care_journey import CareJourney, workflow_id
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import Command, StartPathway
from workflows.journey.decided import TOO_OLD
from workflows.journey.events import Event
from workflows.journey.protocol import Pathway
from workflows.journey.receipts import command_digest, receipts_of
from workflows.journey.vocabulary.refusals import Refusal
from workflows.journey.vocabulary.stage import Stage
from workflows.messages import NOT_CHECKED, QUARANTINED, TRY_AGAIN, UNDECIDED, JourneyInput, JourneyResult, Receipt
from workflows.search_attributes import initial_search_attributes
from workflows.signals import Signal
from workflows.temporal_plugin import SERVERS_FAILURE, NotAuthentic, assign_keys, stand_in

SUBMIT = cast("UpdateMethodMultiParam[[CareJourney, Command | Foreign], Receipt]", CareJourney.submit)
"""The update by which commands come. The SDK types one with a description as if it answered with a coroutine."""


_BUSY = (RPCStatusCode.ABORTED, RPCStatusCode.RESOURCE_EXHAUSTED)
_GOES_ON = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW)
_STANDS = (*_GOES_ON, WorkflowExecutionStatus.COMPLETED)
_MOVING = "the journey exists, and was beginning a new run"
_ENDED = "the journey exists, and Temporal has ended its run: tell ops, who take it up again from the record"
NOT_THE_ANSWER = "what came is the answer to another command: tell ops that somebody may be answering for the journey"
ENROLLED = "Nothing was sent to Temporal, and nothing has begun. An enrolment is kept."
UNCHANGED = "Nothing changed."
KEPT = f"{UNCHANGED} The attempt is kept in the record as refused."


class SignatureUnchecked(Unavailable):
    """A signature could not be checked at this moment. Nothing happened; send the same command again."""


class NotTaken(Exception):
    """The journey begins a new run, or is busy: asked again, it answers."""


async def start(client: Client, command: Command, *, task_queue: str, delay: timedelta | None = None) -> Command | None:
    """Start the journey of a `pathway.start` command that is not recorded yet. Starting it again, while it runs or once
    it is complete, changes nothing: return the command that had opened it, if one had.

    It begins once ``delay`` has passed: demonstrations then skip that time. It begins also where something else under
    its id has ended, or somebody ended it in Temporal.

    Raises:
        Squatted: something else runs under its id.
        Unavailable: Temporal cannot be reached; start again with the same command.
    """
    body = command.body
    if not isinstance(body, StartPathway):
        raise TypeError("only pathway.start starts a journey")
    reuse = WorkflowIDReusePolicy.REJECT_DUPLICATE
    while True:
        try:
            await assign_keys(client, body.journey_id, body.patient.ref)
            await client.start_workflow(
                CareJourney.run,
                JourneyInput(start=command),
                id=workflow_id(body.journey_id),
                task_queue=task_queue,
                start_delay=delay,
                id_reuse_policy=reuse,
                search_attributes=initial_search_attributes(Stage.EVALUATION, body.pathway, body.clinic),
                static_summary=_summary(body.pathway, body.clinic),
                rpc_timeout=ANSWER,
            )
        except WorkflowAlreadyStartedError:
            pass
        except RPCError as error:
            raise _failed(command, error, "Temporal did not take the start") from error
        except KeysUnavailable as error:
            raise _not_sent(command, error) from None
        else:
            return None
        opening = await read_opening(client, body.journey_id, task_queue=task_queue)
        ours = opening is not None and opening.squatter in (None, "asleep" if delay else None)
        status = await _status(handle_of(client, body.journey_id))
        if opening is not None and ours and status in _STANDS:
            return opening.start
        if status == WorkflowExecutionStatus.RUNNING:
            raise Squatted(body.journey_id, (opening and opening.squatter) or "foreign")
        # It has ended: somebody else's, or one of this journey that was ended before it was recorded.
        reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE


def handle_of(client: Client, journey_id: UUID) -> WorkflowHandle[CareJourney, JourneyResult]:
    """A journey on Temporal: whatever run of it is the latest."""
    return client.get_workflow_handle_for(CareJourney.run, workflow_id(journey_id))


def _summary(pathway: Pathway, clinic: str) -> str:
    return f"{pathway} pathway · {clinic}"


async def submit(
    client: Client,
    journey_id: UUID,
    command: Command,
    *,
    task_queue: str | None = None,
    timeout: timedelta = timedelta(seconds=15),
) -> Receipt:
    """Send a command to a journey and return its receipt once it is accepted (durable in Temporal).

    Sending the same command again is safe, and gives the same receipt.

    Where no run takes it at this moment, but Temporal knows of one that ended otherwise than a journey does, another
    one is about to begin: it is asked until the timeout. On another than the ``task_queue`` none is the journey.

    Raises:
        Squatted: something else runs under its id.
        Refused: the journey refused it.
        NotFound: Temporal knows no journey of this id, or it has come to its end.
        SignatureUnchecked: its signature cannot be checked now; nothing happened.
        Unavailable: no answer; whether it arrived is not known.
    """
    handle, first = handle_of(client, journey_id), await _update_id(client, command)
    update_id = first

    async def ask(within: timedelta) -> Receipt:
        nonlocal update_id
        try:
            return await _answer(
                handle, command, handle.execute_update(SUBMIT, command, id=update_id, rpc_timeout=within)
            )
        except (SignatureUnchecked, Refused) as answered:
            if update_id != first or (isinstance(answered, Refused) and answered.refusal != TOO_OLD):
                raise
            # It may be the answer of an earlier time, or to what was sent then: Temporal keeps both under its id.
            update_id = f"{update_id}/{uuid4()}"
            raise NotTaken("it was answered what was sent earlier") from None

    return await _until_answered(client, journey_id, command, ask, timeout, task_queue)


async def _until_answered(
    client: Client,
    journey_id: UUID,
    command: Command,
    ask: Callable[[timedelta], Awaitable[Receipt]],
    timeout: timedelta,
    task_queue: str | None,
) -> Receipt:
    """Ask until there is an answer, each time for as long as is left.

    Raises:
        Squatted: there is none, because something else runs under the id of the journey.
    """
    try:
        return await _asked_again(command, ask, timeout)
    except Unavailable as unanswered:
        try:
            await _require_own(client, journey_id, task_queue)
        except OpeningUnread as unread:
            raise _unanswered(command, unread.reason) from None
        except Unavailable:
            raise unanswered from None
        raise


async def _asked_again(command: Command, ask: Callable[[timedelta], Awaitable[Receipt]], timeout: timedelta) -> Receipt:
    until = monotonic() + timeout.total_seconds()
    pause = 0.05
    while True:
        try:
            return await ask(timedelta(seconds=max(until - monotonic(), 1)))
        except NotTaken as again:
            if monotonic() > until:
                raise _unanswered(command, str(again)) from None
        await asyncio.sleep(pause)
        pause = min(2 * pause, 1)


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
        Refused, SignatureUnchecked, Unavailable: as `submit`.
    """
    journey, update_id = fold(recorded), await _update_id(client, command)
    await _assign(client, journey)

    async def ask(within: timedelta) -> Receipt:
        again = WithStartWorkflowOperation(
            CareJourney.run,
            _make_input(journey, recorded),
            id=workflow_id(journey.id),
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=initial_search_attributes(journey.stage, journey.protocol.pathway, journey.clinic),
            static_summary=_summary(journey.protocol.pathway, journey.clinic),
        )
        asked = client.execute_update_with_start_workflow(
            SUBMIT,
            command,
            start_workflow_operation=again,
            id=update_id,
            rpc_timeout=within,
        )
        try:
            return await _answer(handle_of(client, journey.id), command, asked)
        except NotFound:
            # The run that was asked came to its end meanwhile.
            raise NotTaken("the journey was coming to its end") from None

    try:
        return await _until_answered(client, journey.id, command, ask, timeout, task_queue)
    except SignatureUnchecked:
        return await submit(client, journey.id, command, task_queue=task_queue, timeout=timeout)


async def _update_id(client: Client, command: Command) -> str:
    """Of the same content the same. Temporal answers a known one without asking the journey, which would refuse other
    content under the same command id. Five times in a history, it stands for the content in short; an answer has all of
    the digest. Temporal shows it to people who may not read the content.

    Raises:
        Unavailable: the keys cannot be had now.
    """
    try:
        stands_in = await stand_in(client, command_digest(command).encode())
    except KeysUnavailable as error:
        raise _not_sent(command, error) from None
    return f"{command.command_id}/{stands_in[:12]}"


async def _answer(
    handle: WorkflowHandle[CareJourney, JourneyResult], command: Command, asked: Awaitable[Receipt]
) -> Receipt:
    """The receipt of an update, or what became of it instead."""
    try:
        receipt = await asked
    except WorkflowUpdateFailedError as failed:
        raise failure_of(command, failed) from None
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        this = asyncio.current_task()
        if this is not None and this.cancelling():
            raise asyncio.CancelledError from None  # Nobody waits any more: the SDK says it as if no answer had come.
        raise _unanswered(command, "no answer came in time from Temporal or its workers") from None
    except (KeysUnavailable, NotAuthentic) as error:
        raise _unanswered(command, str(error)) from None
    except RPCError as error:
        if error.status in _BUSY:
            raise NotTaken("Temporal was busy with this journey") from None
        if error.status == RPCStatusCode.FAILED_PRECONDITION:
            # As after an outage of the keys, until Temporal tries the next time.
            raise NotTaken("no worker could go on with this journey a moment ago; see its tasks in Temporal") from None
        if not is_not_there(error):
            raise _failed(command, error, "Temporal did not take the command", sure=False) from error
        # The run that was asked may have ended because another one goes on: after a hand-over, a reset, or when it was
        # taken up again from the record.
        status = await _status(handle)
        if status not in (None, WorkflowExecutionStatus.COMPLETED):
            raise NotTaken(_MOVING if status in _GOES_ON else _ENDED) from None
        raise NotFound("no journey runs under this id", "See `pathway list`", ids=_ids(command)) from None
    if receipt.answers != command_digest(command):
        raise _unanswered(command, NOT_THE_ANSWER)
    if receipt.refusal is not None:
        raise _refused(command, receipt.refusal)
    return receipt


def failure_of(command: Command, failed: WorkflowUpdateFailedError) -> Exception:
    """Return what a failure says. One of the journey's own names the command it answers; whether anything happened is
    not known from any other."""
    cause = failed.cause
    if not isinstance(cause, ApplicationError):
        return _unanswered(command, "the journey could not read the command")
    if cause.type == SERVERS_FAILURE:
        return NotTaken("the journey was busy")
    *said, answers = cause.details or (None,)
    if answers != command_digest(command):
        return _unanswered(command, NOT_THE_ANSWER)
    if cause.type == TRY_AGAIN:
        return NotTaken("the journey was busy")
    if cause.type == NOT_CHECKED:
        return SignatureUnchecked(cause.message, _again(command), ids=_ids(command))
    if cause.type == UNDECIDED or not said:
        return _unanswered(command, cause.message)
    return _refused(command, Refusal.model_validate(said[0]))


def _refused(command: Command, refusal: Refusal) -> Refused:
    if refusal.kept:
        return kept_as_said(refusal, command.command_id)
    kept = command.body.attempts_kept and refusal != QUARANTINED
    return Refused(refusal, state=KEPT if kept else UNCHANGED, ids=_ids(command))


def _unanswered(command: Command, reason: str) -> Unavailable:
    return Unavailable(reason, _again(command), state=UNKNOWN_STATE, ids=_ids(command))


def _failed(command: Command, error: Exception, otherwise: str, *, sure: bool = True) -> Unavailable:
    """Return the error of a command that Temporal did not take, as far as that is known."""
    told = failed_call(error, otherwise, state=UNKNOWN_STATE, again=_again(command), sure=sure)
    return Unavailable(told.reason, told.remedy, state=told.state, ids=_ids(command))


def _not_sent(command: Command, keys: KeysUnavailable) -> Unavailable:
    """Return the error of a command for which the keys could not be had: it never left."""
    state = ENROLLED if isinstance(command.body, StartPathway) else NOTHING_HAPPENED
    return Unavailable(str(keys), _again(command), state=state, ids=_ids(command))


def _again(command: Command) -> str:
    return f"Run it again with --command-id {command.command_id}: however often it arrives, it happens once"


def _ids(command: Command) -> dict[str, str]:
    return {"command_id": str(command.command_id)}


async def _status(handle: WorkflowHandle[CareJourney, JourneyResult]) -> WorkflowExecutionStatus | None:
    """The status of the latest run of a journey; None when Temporal knows of no run.

    Raises:
        Unavailable: Temporal cannot be reached.
    """
    try:
        return (await handle.describe(rpc_timeout=ANSWER)).status
    except RPCError as error:
        if is_not_there(error):
            return None
        raise failed_call(error) from error
    except ValueError:  # The SDK knows no paused workflows.
        return WorkflowExecutionStatus.RUNNING


async def resume(client: Client, recorded: Sequence[Event], *, task_queue: str, signals: Sequence[Signal] = ()) -> bool:
    """Run a journey on from its recorded events: one that Temporal has lost, ended, or knows less of than the record.
    The ``signals`` are read as if they had come.

    One that runs stays as it is: False. Nothing that is recorded happens again: events and notices have their ids.

    Raises:
        Squatted: something else runs under its id.
        Unavailable: Temporal did not take it, or the record cannot keep a large state; ask again.
    """
    # In a thread: of a long journey it takes seconds.
    journey = await asyncio.to_thread(fold, recorded)
    await _assign(client, journey)
    handed = await asyncio.to_thread(_make_input, journey, recorded)
    handed = handed.model_copy(update={"signals": tuple(signals)})
    try:
        await client.start_workflow(
            CareJourney.run,
            handed,
            id=workflow_id(journey.id),
            task_queue=task_queue,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            search_attributes=initial_search_attributes(journey.stage, journey.protocol.pathway, journey.clinic),
            static_summary=_summary(journey.protocol.pathway, journey.clinic),
            rpc_timeout=ANSWER,
        )
    except WorkflowAlreadyStartedError:
        await _require_own(client, journey.id, task_queue)
        return False
    except RPCError as error:
        raise failed_call(error, "Temporal did not take the journey") from error
    except KeysUnavailable as error:
        raise failed_call(error) from None
    return True


async def _require_own(client: Client, journey_id: UUID, task_queue: str | None) -> None:
    """Require that what runs under the id of a journey is this journey.

    Raises:
        Squatted: it is not.
    """
    opening = await read_opening(client, journey_id, task_queue=task_queue)
    if opening is not None and opening.squatter is not None:
        raise Squatted(journey_id, opening.squatter)


async def _assign(client: Client, journey: Journey) -> None:
    try:
        await assign_keys(client, journey.id, journey.patient.ref)
    except KeysUnavailable as error:
        raise failed_call(error, state=NOTHING_HAPPENED) from None


def _make_input(journey: Journey, recorded: Sequence[Event]) -> JourneyInput:
    """What a run that goes on from a recorded state is started with."""
    return JourneyInput(journey=journey, receipts=receipts_of(recorded), unreadable=len(journey.messages))
