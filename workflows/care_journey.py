"""The durable shell around one journey: it receives, keeps time and records. It holds no medicine.

Deciding never awaits: a `Decider` goes from a command to its events without a pause, so that no two decisions
interleave. Whatever waits is a coroutine of its own (the record, the clock, signals, signatures, the patient's other
journeys, the way to a new run, what is shown), so that none delays another. An outage of the record, for example, keeps
no alarm from leaving. They stand in `workflows.shell`.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import FailureError

from workflows import messages as m
from workflows.authenticity import Foreign
from workflows.journey.commands import Command, ReleaseSession
from workflows.journey.decided import refuse_by_hand, stay_refused
from workflows.journey.obligations import obligations
from workflows.journey.receipts import command_digest
from workflows.journey.requirements import Obligation
from workflows.journey.views.summary import Status, TimelineEntry, timeline
from workflows.journey.vocabulary.refusals import Refusal
from workflows.shell.activity_calls import check_once
from workflows.shell.alarms import Alarms
from workflows.shell.answers import NotChecked, TryAgain, Undecided, UpdateRefused
from workflows.shell.decider import Decider, without_claims
from workflows.shell.display import Display
from workflows.shell.inbox import Inbox
from workflows.shell.ledger import Ledger
from workflows.shell.other_journeys import OtherJourneys
from workflows.shell.recorder import Recorder
from workflows.shell.run_limits import RunLimits
from workflows.shell.signal_reader import check_signals, read_signals
from workflows.shell.timekeeper import keep_time
from workflows.signals import keep_by_hand

CHECKED_AT_ONCE = 4
"""How many updates may wait for the check of a signature. Temporal allows ten at once, so a hold never waits for
them."""
CONFIRMED = (ReleaseSession,)
"""Commands whose senders are answered only once they are recorded: until then, what is known of the patient elsewhere
may still undo them."""


def workflow_id(journey_id: UUID) -> str:
    """Return the Temporal id of a journey. It is opaque and never changes."""
    return f"journey/{journey_id}"


@workflow.defn(name="CareJourney")
class CareJourney:
    """One patient's journey through one pathway."""

    @workflow.init
    def __init__(self, given: m.JourneyInput | Foreign) -> None:
        # Here and not in `run`: handlers may run before it, and a reset then opens the same journey again.
        self._start_refusal: Refusal | None = m.FOREIGN_START if isinstance(given, Foreign) else None
        given = m.JourneyInput() if isinstance(given, Foreign) else given
        self._inbox, self._alarms = Inbox(given), Alarms()
        self._limits = RunLimits(given.handed.size if given.handed else 0)
        self._checking, self._cancelled = 0, False
        if given.journey is not None:
            self._set_up(given, Ledger(given.journey, given.receipts, given.journey.version))
        elif given.start is not None:
            begun = Ledger.begin(given.start, workflow.now(), workflow.info().workflow_start_time)
            if isinstance(begun, Refusal):
                self._start_refusal = begun
            else:
                ledger, opened = begun
                self._set_up(given, ledger)
                self._alarms.send(ledger.journey.clinic, opened)

    def _set_up(self, given: m.JourneyInput, ledger: Ledger) -> None:
        self._ledger = ledger
        self._decider = Decider(
            ledger, self._inbox, self._alarms, self._limits, strangers=given.strangers, kept=given.unreadable
        )
        self._recorder = Recorder(self._decider, given.handed.digest if given.handed else None)
        self._others = OtherJourneys(self._decider, self._recorder)
        self._display = Display(ledger, self._inbox, self._recorder, self._limits)
        workflow.register_random_seed_callback(self._recorder.notice_reset)

    @workflow.run
    async def run(self, given: m.JourneyInput | Foreign) -> m.JourneyResult:  # noqa: ARG002 - the same as __init__ takes
        """Wait until the journey has ended and all of it is recorded, or until another run goes on with it.

        Raises:
            ApplicationError: the start was refused; there is no journey.
        """
        if self._start_refusal is not None:
            raise UpdateRefused(self._start_refusal)
        waiting = (
            self._recorder.follow_record(),
            keep_time(self._decider, self._recorder),
            read_signals(self._decider, self._recorder, self._limits),
            check_signals(self._decider, self._recorder),
            self._drain(),
            self._others.look_when_asked(),
            self._display.keep_up_to_date(),
        )
        work = [asyncio.create_task(coroutine) for coroutine in waiting]
        while True:
            try:
                await workflow.wait_condition(lambda: self._may_leave or any(task.done() for task in work))
            except asyncio.CancelledError:
                if self._cancelled or workflow.cancellation_reason() is None:
                    raise  # The worker drops this run from its memory.
                await self._keep_cancellation()
            for task in work:
                if task.done():
                    _raise_from(task)
            if self._may_leave and self._is_done:
                journey = self._ledger.journey
                return m.JourneyResult(outcome=str(journey.outcome), version=journey.version)
            if self._may_leave:
                self._begin_new_run()

    # Commands, by update

    @workflow.update(description="Send a command (JSON: command_id, actor, body) and get its receipt")
    async def submit(self, given: Command | Foreign) -> m.Receipt:
        self._limits.updates += 1
        self._recorder.look_for_reset()
        command, authentic = _read_update(given)
        await self._until_decidable(command)
        if not authentic and (by_hand := refuse_by_hand(command)) is not None:
            self._decider.read(keep_by_hand(command), len(command.model_dump_json()))
            raise UpdateRefused(by_hand, command)
        if command.body.by_anybody and not authentic:
            return self._decider.hear_stranger(command, len(command.model_dump_json()))
        if command.body.by_anybody and self._ledger.needs_proof(command):
            command = await self._as_proven(command)
        refusal = self._refused_before(command)
        if refusal is None and self._ledger.must_be_checked(command):
            refusal = await self._check_now(command)
        receipt = self._decider.decide(command, refusal, authentic=authentic, taken_at=self._taken_before(command))
        if receipt.refusal == m.QUARANTINED:
            raise Undecided(command)
        if receipt.refusal is not None or not isinstance(command.body, CONFIRMED):
            return receipt
        return await self._confirm(command, receipt)

    @submit.validator
    def validate_submit(self, given: Command | Foreign) -> None:
        """Refuse what can be refused at once. A refusal here leaves nothing in history."""
        command, authentic = _read_update(given)
        if self._start_refusal is not None:
            raise UpdateRefused(self._start_refusal, command)
        if self._recorder.may_be_set_back:
            return  # It was accepted before the reset and is applied again: it is decided after the record was read.
        if self._limits.draining:
            raise TryAgain("a new run is about to begin", command)
        if not authentic and refuse_by_hand(command) is not None:
            return  # It is kept, and refused.
        if self._ledger.outbox.full and not (command.body.by_anybody or command.body.fact):
            raise TryAgain("too much waits for the record", command)
        # Senders without the keys of the service get half of the places at most.
        places = CHECKED_AT_ONCE if authentic else CHECKED_AT_ONCE // 2
        if self._ledger.must_be_checked(command) and self._checking >= places:
            raise TryAgain("other signatures are being checked", command)
        if isinstance(command.body, CONFIRMED) and len(self._decider.unconfirmed) >= CHECKED_AT_ONCE:
            raise TryAgain("other releases are being recorded", command)
        if self._ledger.diverged and command.command_id in self._ledger.receipts:
            raise Undecided(command)
        refusal = self._ledger.refusal(command, workflow.now()) or self._refuse_unknown(command)
        if refusal is not None:
            raise UpdateRefused(refusal, command)

    def _refuse_unknown(self, command: Command) -> Refusal | None:
        """Return why the register does not let this command in, if it does not. For the validator alone: it reads the
        register as it is now, and so gives something else in a replay. What it lets in is proven again where it is
        recorded.

        Raises:
            NotChecked: the register cannot be read now; nothing happened.
        """
        look = workflow.extern_functions().get(m.REFUSE_UNKNOWN)
        # What is signed is checked with its signature, so that the attempt is kept.
        if look is None or command.body.by_anybody or self._ledger.must_be_checked(command):
            return None
        if not self._ledger.needs_proof(command):
            return None
        try:
            refusal: Refusal | None = look(self._ledger.presented(command, workflow.now()))
        except RuntimeError:
            raise NotChecked(command) from None
        return refusal

    async def _until_decidable(self, command: Command) -> None:
        """Wait until the run knows where it stands.

        Raises:
            NotChecked: a reset applies this update again, and before the reset it was answered that it cannot be
                checked and that nothing happened. It must not happen now either.
        """
        await self._recorder.until_decidable()
        update = workflow.current_update_info()
        if update is not None and update.id in self._recorder.unchecked:
            raise NotChecked(command)

    def _refused_before(self, command: Command) -> Refusal | None:
        """Return the refusal that a command was answered with before a reset handed it in again. What anybody may send
        is decided as it comes: it was kept as it was said, and is only ever on the safe side."""
        update = workflow.current_update_info()
        told = None if update is None else self._recorder.refused.get(update.id)
        return None if told is None or command.body.by_anybody else stay_refused(told)

    def _taken_before(self, command: Command) -> datetime | None:
        """Return when a command was accepted (UTC) that a reset hands in again, if that is not recorded."""
        taken = self._recorder.taken
        return taken.get(command_digest(command)) if taken else None

    async def _as_proven(self, command: Command) -> Command:
        """Return what anybody may send, without the clinics of its sender unless the register knows them: it counts
        all the same, and is marked. Nobody is kept waiting for a register that cannot be read."""
        result = await check_once(self._ledger.presented(command, workflow.now()))
        await self._recorder.until_decidable()
        return command if result is not None and result.refusal is None else without_claims(command)

    async def _check_now(self, command: Command) -> Refusal | None:
        """Check a signature once, while somebody waits for the answer. The command can be decided right after.

        Raises:
            NotChecked: it cannot be checked at this moment; nothing happened.
        """
        self._checking += 1
        try:
            presented = self._ledger.presented(command, workflow.now())
            result = await check_once(presented)
            await self._until_decidable(command)
        finally:
            self._checking -= 1
        if result is None:
            raise NotChecked(command)
        if result.refusal is None and not self._ledger.still_counts(presented, workflow.now()):
            raise NotChecked(command)
        return result.refusal

    async def _confirm(self, command: Command, receipt: m.Receipt) -> m.Receipt:
        """Wait until a command is recorded, or until it is recorded that it was refused after all, because more became
        known of the patient."""
        unconfirmed = self._decider.unconfirmed
        unconfirmed[command.command_id] = receipt

        def answer() -> m.Receipt:
            return unconfirmed.get(command.command_id, receipt)

        def settled() -> bool:
            nonlocal receipt
            receipt = answer()  # kept: another update with this id may be answered first
            undecided = any(waits.command.command_id == command.command_id for waits in self._inbox.unchecked)
            return self._recorder.caught_up and not undecided and receipt.version <= self._ledger.outbox.recorded

        try:
            await workflow.wait_condition(lambda: settled() or self._ledger.diverged)
            if not settled():
                raise Undecided(command)
            return answer()
        finally:
            unconfirmed.pop(command.command_id, None)

    # What comes by signal

    @workflow.signal(dynamic=True, description="A command as a signal: `command` or `sign_off`, payload as JSON")
    def receive(self, name: str, payload: Sequence[RawValue]) -> None:
        """Take any signal as it is. The SDK would drop what does not parse; here it is kept."""
        self._limits.signals += 1
        self._inbox.receive(name, payload)

    @workflow.signal(description="Show anew how this run stands: its search attributes, and what is overdue")
    def show(self, *_: Any) -> None:
        """Wake up. Reconciliation asks this of a run that seems to stand still or to have been put back: unlike a
        query, it is not answered from a worker's memory, and the answer stays in the run. Whatever comes with it says
        nothing: a handler that does not take it fails every task of the run."""
        self._limits.signals += 1
        self._inbox.show = self._inbox.news = True

    @workflow.signal(description="Take in anew what the patient's other journeys say. It says nothing itself")
    def look(self, *_: Any) -> None:
        """Another journey of the patient went on: the record says how. Whoever sends this can say nothing by it."""
        self._limits.signals += 1
        self._inbox.look = True

    # Queries

    @workflow.query(description="Stage, health, version, what is recorded, who is awaited until when")
    def status(self) -> Status:
        self._require_begun()
        return self._display.status()

    @workflow.query(description="Everything the journey waits for: what, of whom, since, due, next step")
    def obligations(self) -> tuple[Obligation, ...]:
        self._require_begun()
        return obligations(self._ledger.journey)

    @workflow.query(description="What was due and when it was done")
    def timeline(self) -> tuple[TimelineEntry, ...]:
        self._require_begun()
        return timeline(self._ledger.journey)

    def _require_begun(self) -> None:
        """Say why there is no journey, to whoever asks for one whose start was refused.

        Raises:
            UpdateRefused: so it was.
        """
        if self._start_refusal is not None:
            raise UpdateRefused(self._start_refusal)

    # The end of a run

    @property
    def _is_done(self) -> bool:
        """Whether the journey is over, nobody asks anything of it, and no alarm of it waits to be tried again."""
        return self._ledger.over and self._inbox.empty and not self._alarms.failed

    @property
    def _may_leave(self) -> bool:
        """Whether nothing is in progress, and this run has a reason to end. Signals that wait, and a look that is asked
        for, go with a new run."""
        if self._ledger.outbox or not self._recorder.caught_up or not self._alarms.delivered:
            return False
        if self._inbox.untold or self._others.looking or not workflow.all_handlers_finished():
            return False
        return self._limits.new_run_due or self._is_done

    async def _drain(self) -> None:
        """Take no commands for a moment when a new run is due, and did not begin after an append: a run that is never
        idle would never end. While the record cannot be reached no append ends, and nobody is kept out."""
        limits, outbox = self._limits, self._ledger.outbox
        while True:
            await workflow.wait_condition(lambda: limits.new_run_due and self._recorder.caught_up)
            before = outbox.recorded
            await workflow.wait_condition(
                lambda: outbox.recorded > before and not self._may_leave  # noqa: B023 - of this round
            )
            limits.draining = True
            await workflow.sleep(m.MOMENT, summary="make way for a new run")
            limits.draining = False
            await workflow.sleep(m.MOMENT, summary="take commands again")

    async def _keep_cancellation(self) -> None:
        """Record that somebody cancelled this run, and change nothing else. The run stays cancelled, so a new one goes
        on."""
        self._cancelled = True
        self._limits.ask_for_new_run()
        await self._recorder.until_decidable()
        reason = (workflow.cancellation_reason() or "")[:1000]
        self._decider.keep_cancellation(workflow.info().original_execution_run_id, reason)

    def _begin_new_run(self) -> None:
        handed = m.JourneyInput(
            journey=self._ledger.journey,
            receipts=self._ledger.receipts,
            unreadable=self._decider.kept,
            further=self._inbox.further,
            signals=tuple(self._inbox.signals.waiting),
            unchecked=tuple(self._inbox.unchecked),
            strangers=tuple(sorted(self._decider.strangers)),
            look=self._inbox.look,
        )
        moved = workflow.info().is_target_worker_deployment_version_changed()
        upgrade = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE if moved else None
        workflow.continue_as_new(handed, initial_versioning_behavior=upgrade)


def _raise_from(ended: asyncio.Task[None]) -> NoReturn:
    """Raise the error that ended one of the run's coroutines. Only a bug does that: it fails this workflow task, which
    is retried until a fix.

    Raises:
        UpdateRefused: the whole journey is refused. Nothing else may end a journey, as a time-out or the failure of an
            activity would: these are raised as a bug.
    """
    error = ended.exception() or RuntimeError("it is never done")
    if isinstance(error, FailureError | TimeoutError) and not isinstance(error, UpdateRefused):
        raise RuntimeError("this was to be caught where it was raised") from error
    raise error


def _read_update(given: Command | Foreign) -> tuple[Command, bool]:
    try:
        return m.read_update(given)
    except ValueError:
        raise UpdateRefused(m.NOT_READ) from None
