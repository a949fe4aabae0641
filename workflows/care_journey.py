"""The durable shell around one journey: it receives, keeps time and records. It holds no medicine.

Deciding never awaits: `_decide` goes from a command to its events without a pause, so that no two decisions interleave.
Whatever waits is a coroutine of its own (the record, the clock, signals, signatures, the patient's other journeys, the
way to a new run, what is shown), so that none delays another. An outage of the record, for example, keeps no alarm
from leaving.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from temporalio import workflow
from temporalio.common import RawValue, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError

from workflows import messages as m
from workflows.authenticity import Foreign
from workflows.fairness import Rank, in_turn, without
from workflows.journey.actors import CLOCK
from workflows.journey.aggregate import Journey, fold
from workflows.journey.always.safety.model import FURTHER
from workflows.journey.codes import code_of
from workflows.journey.command_ids import own_id
from workflows.journey.commands import (
    Command,
    KeepCancellation,
    KeepUnreadable,
    PassDeadline,
    ReleaseSession,
    TakeInHistory,
)
from workflows.journey.decide import decide
from workflows.journey.decided import Decided, DecidedBy, refuse_by_hand
from workflows.journey.events import Event
from workflows.journey.notices import notices
from workflows.journey.obligations import due_steps, next_deadline, obligations
from workflows.journey.receipts import command_digest
from workflows.journey.refusals import Refusal
from workflows.journey.requirements import Obligation
from workflows.journey.summary import Status, TimelineEntry, details, status, timeline
from workflows.ledger import Ledger
from workflows.search_attributes import RECORDED, current_search_attributes, fixed_search_attributes

LONG_RUN = 500
"""From this many history events on, the next stage boundary starts a new run, so that a wake-up replays little."""
PORTIONS_AT_ONCE = 5
"""How many commands of the clock one workflow task decides, where very much is due at once. People come in between."""
MESSAGES_AT_ONCE = 20
"""How many signals are read in one workflow task. Temporal ends a task after two seconds and starts it again."""
MOMENTARY = timedelta(milliseconds=1)
"""A pause that lets in what has arrived."""
CHECKED_AT_ONCE = 4
"""How many updates may wait for the check of a signature. Temporal allows ten at once, so a hold never waits for
them."""
CONFIRMED = (ReleaseSession,)
"""Commands whose senders are answered only once they are recorded: until then, what is known of the patient elsewhere
may still undo them."""
MARKED_EVERY = timedelta(minutes=1)
"""How often at most a run says in its search attributes how far it is recorded. Nothing wakes it for that alone."""
DIVERGED_HEALTH = "diverged"
NEAR_LIMIT_HEALTH = "near_limit"

Given = TypeVar("Given")
Result = TypeVar("Result")


def workflow_id(journey_id: UUID) -> str:
    """Return the Temporal id of a journey. It is opaque and never changes."""
    return f"journey/{journey_id}"


@workflow.defn(name="CareJourney")
class CareJourney:
    """One patient's journey through one pathway."""

    @workflow.init
    def __init__(self, given: m.JourneyInput | Foreign) -> None:
        self._alarms: list[asyncio.Task[bool]] = []
        self._strangers_turn = asyncio.Semaphore(m.STRANGERS_ALARMS)
        refused = m.FOREIGN_START if isinstance(given, Foreign) else None
        given = m.JourneyInput() if isinstance(given, Foreign) else given
        self._signals = m.Signals(given.signals)
        self._unchecked: list[m.Unchecked] = list(given.unchecked)
        self._strangers: set[str] = {*given.strangers}
        self._untold = False
        self._checking = 0
        self._unconfirmed: dict[UUID, m.Receipt] = {}
        self._told: m.Recorded | None = None
        self._unreadable, self._further = given.unreadable, given.further
        self._handed: m.StateDigest | None = None
        self._state_bytes = self._updates = self._received = 0
        self._start_refusal: Refusal | None = refused
        self._caught_up, self._caught_up_in = False, ""
        self._mark, self._asked_to_show = "", False
        self._asked_to_look, self._looking = given.look, False
        self._set_back, self._times_set_back = False, 0
        self._not_taken: set[UUID] = set()
        self._left_out: UUID | None = None
        self._new_run_due = self._draining = self._cancelled = False
        workflow.register_random_seed_callback(self._notice_reset)
        # Here and not in `run`: handlers may run before it, and a reset then opens the same journey again.
        if given.journey is not None:
            self._ledger = Ledger(given.journey, given.receipts, given.journey.version)
            if given.handed is not None:
                self._handed, self._state_bytes = given.handed
        elif given.start is not None:
            decided = Decided(command=given.start, at=workflow.now())
            opened = decide(None, decided.command, decided.at)
            if isinstance(opened, Refusal):
                self._start_refusal = opened
            else:
                self._ledger = Ledger(fold(opened), {}, 0)
                self._ledger.queue(opened, decided)
                self._raise_alarms(opened)

    @workflow.run
    async def run(self, given: m.JourneyInput | Foreign) -> m.JourneyResult:  # noqa: ARG002 - the same as __init__ takes
        """Wait until the journey has ended and all of it is recorded, or until another run goes on with it.

        Raises:
            ApplicationError: the start was refused; there is no journey.
        """
        if self._start_refusal is not None:
            raise _refused(self._start_refusal)
        waiting = (
            self._follow_record(),
            self._keep_time(),
            self._read_signals(),
            self._check_signals(),
            self._drain(),
            self._look_at_others(),
            self._show(),
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
                    task.result()  # Only a bug ends one. It fails this task, and is retried until a fix.
            if self._may_leave and self._is_done:
                journey = self._ledger.journey
                return m.JourneyResult(outcome=str(journey.outcome), version=journey.version)
            if self._may_leave:
                self._begin_new_run()

    async def _keep_cancellation(self) -> None:
        """Record that somebody cancelled this run, and change nothing else. The run stays cancelled, so a new one goes
        on."""
        self._cancelled = self._new_run_due = True
        await self._until_decidable()
        reason = (workflow.cancellation_reason() or "")[:1000]
        if len(self._ledger.journey.unhandled) < m.MESSAGES_KEPT:
            what = f"cancellation:{workflow.info().original_execution_run_id}"
            self._decide_own(what, KeepCancellation(reason=reason))
        else:
            self._count(m.unreadable("cancellation", reason), len(reason))

    @workflow.update(description="Send a command (JSON: command_id, actor, body) and get its receipt")
    async def submit(self, given: Command | Foreign) -> m.Receipt:
        self._updates += 1
        self._look_for_reset()
        await self._until_decidable()
        command, authentic = _read_update(given)
        if not authentic and (by_hand := refuse_by_hand(command)) is not None:
            self._read(m.kept_by_hand(command), len(command.model_dump_json()))
            raise _refused(by_hand, command)
        if command.body.by_anybody and not authentic:
            return self._hear_stranger(command, len(command.model_dump_json()))
        if command.body.by_anybody and self._ledger.needs_proof(command):
            command = await self._as_proven(command)
        refusal = await self._check_now(command) if self._ledger.must_be_checked(command) else None
        receipt = self._decide(command, refusal, authentic=authentic)
        if receipt.refusal == m.QUARANTINED:
            raise _undecided(command)
        if receipt.refusal is not None or not isinstance(command.body, CONFIRMED):
            return receipt
        return await self._confirm(command, receipt)

    @submit.validator
    def validate_submit(self, given: Command | Foreign) -> None:
        """Refuse what can be refused at once. A refusal here leaves nothing in history."""
        command, authentic = _read_update(given)
        if self._start_refusal is not None:
            raise _refused(self._start_refusal, command)
        if self._may_be_set_back:
            return  # It was accepted before the reset and is applied again: it is decided after the record was read.
        if self._draining:
            raise _try_again("a new run is about to begin", command)
        if not authentic and refuse_by_hand(command) is not None:
            return  # It is kept, and refused.
        if self._ledger.outbox.full and not (command.body.by_anybody or command.body.fact):
            raise _try_again("too much waits for the record", command)
        # Whoever signs nothing genuine leaves half of the places to the others.
        places = CHECKED_AT_ONCE if authentic else CHECKED_AT_ONCE // 2
        if self._ledger.must_be_checked(command) and self._checking >= places:
            raise _try_again("other signatures are being checked", command)
        if isinstance(command.body, CONFIRMED) and len(self._unconfirmed) >= CHECKED_AT_ONCE:
            raise _try_again("other releases are being recorded", command)
        if self._ledger.diverged and command.command_id in self._ledger.receipts:
            raise _undecided(command)
        refusal = self._ledger.refusal(command, workflow.now()) or self._refuse_unknown(command)
        if refusal is not None:
            raise _refused(refusal, command)

    def _refuse_unknown(self, command: Command) -> Refusal | None:
        """Say why the register does not let this command in. Only for a validator: it looks at the register as it is
        now, so it would not replay. What it lets in is proven again where it is recorded.

        Raises:
            ApplicationError: the register cannot be read now; nothing happened.
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
            raise _not_checked(command) from None
        return refusal

    @workflow.signal(dynamic=True, description="A command as a signal: `command` or `sign_off`, payload as JSON")
    def receive(self, name: str, payload: Sequence[RawValue]) -> None:
        """Take any signal as it is. The SDK would drop what does not parse; here it is kept."""
        self._received += 1
        signal = m.take_signal(name, payload, waiting=self._signals)
        if self._signals.is_crowded(signal):
            # Decided on later: the record may have to be read first.
            self._further, self._untold = self._further.and_one(m.kept_in_short(signal), signal.size), True
        else:
            self._signals.add(signal)

    @workflow.signal(description="Show anew how this run stands: its search attributes, and what is overdue")
    def show(self) -> None:
        """Wake up. Reconciliation asks this of a run that seems to stand still or to have been put back: unlike a
        query, it is not answered from a worker's memory, and the answer stays in the run."""
        self._received += 1
        self._asked_to_show = True

    @workflow.signal(description="Take in anew what the patient's other journeys say. It says nothing itself")
    def look(self) -> None:
        """Another journey of the patient went on: the record says how. Whoever sends this can say nothing by it."""
        self._received += 1
        self._asked_to_look = True

    @workflow.query(description="Stage, health, version, what is recorded, who is awaited until when")
    def status(self) -> Status:
        now = status(self._ledger.journey, self._ledger.outbox.recorded)
        if self._ledger.diverged:
            return now.model_copy(update={"health": DIVERGED_HEALTH})
        # Only in place of the word that asks nothing of anybody.
        near = now.health == "open" and self._near_limits
        return now.model_copy(update={"health": NEAR_LIMIT_HEALTH}) if near else now

    @workflow.query(description="Everything the journey waits for: what, of whom, since, due, next step")
    def obligations(self) -> tuple[Obligation, ...]:
        return obligations(self._ledger.journey)

    @workflow.query(description="What was due and when it was done")
    def timeline(self) -> tuple[TimelineEntry, ...]:
        return timeline(self._ledger.journey)

    # Deciding

    def _decide(
        self, command: Command, refusal: Refusal | None = None, *, authentic: bool, unanswered: bool = False
    ) -> m.Receipt:
        """Decide a command, and apply what follows from it."""
        decided = Decided(
            command=command, at=workflow.now(), refusal=refusal, unanswered=unanswered, authentic=authentic
        )
        receipt, events = self._ledger.decide(decided)
        if command.command_id in self._unconfirmed:
            self._unconfirmed[command.command_id] = receipt
        beyond = not events and self._ledger.beyond_bound(command, unanswered=unanswered)
        self._apply(events, decided)
        if receipt.refusal is not None and receipt.refusal != m.QUARANTINED:
            content = command.model_dump_json(exclude={"proof"})
            message = m.unreadable(f"refused: {command.body.kind}", f"{receipt.refusal}\n{content}")
            if beyond:
                self._count(message, len(content))
            elif events and unanswered and command.body.by_hand:
                # Nobody answers, and it may be about safety: people look at what was wrong with it.
                self._read(message, len(content))
        return receipt

    def _hear_stranger(
        self, command: Command, size: int, *, unanswered: bool = False, accepted: bool = False
    ) -> m.Receipt:
        """Decide what anybody may send and somebody sent without the keys, unless so much of it is open that one more
        is only counted, if it was not ``accepted`` before. It holds nobody else up: who sent it is not looked up, and
        its alarms leave in turn."""
        journey = self._ledger.journey
        self._strangers.intersection_update(journey.waiting)
        known = accepted or command.command_id in self._ledger.receipts
        if len(self._strangers) >= m.STRANGERS_OPEN and not known:
            content = command.model_dump_json(exclude={"proof"})
            self._count(m.unreadable(f"one too many: {command.body.kind}", content), size)
            return m.Receipt(version=self._ledger.journey.version, refusal=m.COUNTED, answers=command_digest(command))
        receipt = self._decide(_unproven(command), authentic=False, unanswered=unanswered)
        self._strangers.update(each for each in self._ledger.journey.waiting if each not in journey.waiting)
        return receipt

    async def _confirm(self, command: Command, receipt: m.Receipt) -> m.Receipt:
        """Wait until a command is recorded, or until it is recorded that it was refused after all, because more became
        known of the patient."""
        self._unconfirmed[command.command_id] = receipt

        def answer() -> m.Receipt:
            return self._unconfirmed.get(command.command_id, receipt)

        def settled() -> bool:
            nonlocal receipt
            receipt = answer()  # kept: another update with this id may be answered first
            undecided = any(waits.command.command_id == command.command_id for waits in self._unchecked)
            return self._caught_up and not undecided and receipt.version <= self._ledger.outbox.recorded

        try:
            await workflow.wait_condition(lambda: settled() or self._ledger.diverged)
            if not settled():
                raise _undecided(command)
            return answer()
        finally:
            self._unconfirmed.pop(command.command_id, None)

    def _decide_own(self, what: str, body: PassDeadline | KeepUnreadable | KeepCancellation | TakeInHistory) -> None:
        """Decide a command of the workflow itself, under an id that is derived from what it is about."""
        self._decide_again(Command(command_id=own_id(self._ledger.journey.id, what), actor=CLOCK, body=body))

    def _decide_again(self, own: Command) -> None:
        decided = Decided(command=own, at=workflow.now(), own=True)
        receipt, events = self._ledger.decide(decided)
        if receipt.refusal is not None:
            self._tell_refused(own, receipt.refusal)
        else:
            self._apply(events, decided)

    def _tell_refused(self, own: Command, refusal: Refusal) -> None:
        """Hold care and tell ops that a command of the service's own was refused, once until they have looked. It is
        never as it should be: an alarm may not leave."""
        name = f"refused: {own.body.kind}"
        workflow.logger.error("journey.own_command_refused", extra={"kind": own.body.kind, "code": refusal.code.value})
        told = any(kept.name == name for kept in self._ledger.journey.unhandled)
        if not told and not isinstance(own.body, KeepUnreadable):
            self._keep(m.unreadable(name, f"The service refused a command of its own. {refusal}"))

    def _apply(self, events: tuple[Event, ...], decided: Decided) -> None:
        """Apply decided events, and take the first portion of the deadlines that have come with them."""
        if not events:
            return
        stage = self._ledger.journey.stage
        self._ledger.apply(events, decided)
        self._raise_alarms(events, stranger=decided.command.body.by_anybody and not decided.authentic)
        if self._ledger.journey.stage != stage:
            workflow.logger.info("journey.stage_entered", extra={"stage": self._ledger.journey.stage.value})
            self._new_run_due |= workflow.info().get_current_history_length() >= LONG_RUN
        if not isinstance(decided.command.body, PassDeadline):
            self._pass_deadlines(portions=1)

    def _raise_alarms(self, events: tuple[Event, ...], *, stranger: bool = False) -> None:
        """Alarms leave at once, even if the record is down; those of who has not the keys a few at a time."""
        alarms = tuple(notice for event in events for notice in notices(event) if notice.alarm)
        self._alarms = [raised for raised in self._alarms if not raised.done()]
        if alarms:
            alarm = m.Alarm(clinic=self._ledger.journey.clinic, notices=alarms)
            leaving = self._raise_in_turn(alarm) if stranger else _ask(m.raise_alarm, alarm, "alarm")
            self._alarms.append(asyncio.create_task(leaving))

    async def _raise_in_turn(self, alarm: m.Alarm) -> bool:
        async with self._strangers_turn:
            return await _ask(m.raise_alarm, alarm, "alarm")

    # Signatures

    async def _as_proven(self, command: Command) -> Command:
        """Return what anybody may send, without the clinics of its sender unless the register knows them: it counts
        all the same, and is marked. Nobody is kept waiting for a register that cannot be read."""
        try:
            result = await workflow.execute_activity(
                m.verify_signature,
                self._ledger.presented(command, workflow.now()),
                activity_id=_new_activity_id(),
                schedule_to_close_timeout=m.MOMENT,
                retry_policy=m.ONCE,
                summary="look up the sender",
            )
            proven = isinstance(result, m.SignatureResult) and result.refusal is None
        except ActivityError:
            proven = False
        await self._until_decidable()
        return command if proven else _unproven(command)

    async def _check_now(self, command: Command) -> Refusal | None:
        """Check a signature once, while somebody waits for the answer. The command can be decided right after.

        Raises:
            ApplicationError: it cannot be checked at this moment; nothing happened.
        """
        self._checking += 1
        try:
            presented = self._ledger.presented(command, workflow.now())
            result = await workflow.execute_activity(
                m.verify_signature,
                presented,
                activity_id=_new_activity_id(),
                schedule_to_close_timeout=m.MOMENT,
                retry_policy=m.ONCE,
                summary="check a signature",
            )
            await self._until_decidable()
        except ActivityError:
            raise _not_checked(command) from None
        finally:
            self._checking -= 1
        if not isinstance(result, m.SignatureResult):
            raise _not_checked(command)
        if result.refusal is None and not self._ledger.counts_still(presented, workflow.now()):
            raise _not_checked(command)
        return result.refusal

    async def _check_signals(self) -> None:
        """Check signed commands that came as signals, one after the other. Nobody waits, so it tries until it
        succeeds."""
        while True:
            await workflow.wait_condition(lambda: bool(self._unchecked) and not self._set_back)
            waited, refusal = in_turn(self._unchecked)[0], None
            command = waited.command
            if self._ledger.must_be_checked(command) or self._ledger.needs_proof(command):
                presented = self._ledger.presented(command, workflow.now())
                result = await _ask(m.verify_signature, presented, "check a signature")
                await self._until_decidable()
                refusal = result.refusal
                if refusal is None and not self._ledger.counts_still(presented, workflow.now()):
                    continue
            self._unchecked = without(self._unchecked, [waited])
            self._decide(command, refusal, authentic=waited.authentic, unanswered=True)

    # Signals

    async def _read_signals(self) -> None:
        """Read signals, the urgent ones first and each sender in turn, some at a time. What is left when a new run
        begins goes with it. While too much waits for the record, only what is urgent is read."""
        while True:
            await workflow.wait_condition(
                lambda: bool(self._readable or self._untold) and not self._set_back and not self._draining
            )
            self._look_for_reset()
            await self._until_decidable()
            signals = in_turn(self._readable)[:MESSAGES_AT_ONCE]
            self._signals.remove(signals)
            for signal in signals:
                self._read(m.read_signal(signal), signal.size, authentic=signal.authentic)
            if self._untold:
                self._untold = False
                self._tell_further()
            if self._readable:
                await workflow.sleep(MOMENTARY, summary="read on")

    @property
    def _readable(self) -> list[m.Signal]:
        if not self._ledger.outbox.full:
            return self._signals.waiting
        return [signal for signal in self._signals.waiting if signal.rank == Rank.URGENT]

    def _read(
        self, message: Command | KeepUnreadable, size: int = 0, *, authentic: bool = False, accepted: bool = False
    ) -> None:
        """Take in a message. One that was ``accepted`` before is decided, however many others wait."""
        if isinstance(message, Command) and message.body.by_anybody:
            # At once, and so without a look at the register: a signal proves nobody.
            if authentic:
                self._decide(_unproven(message), authentic=True, unanswered=True)
            else:
                self._hear_stranger(message, size, unanswered=True, accepted=accepted)
        elif isinstance(message, Command) and (
            self._ledger.must_be_checked(message) or self._ledger.needs_proof(message)
        ):
            one = m.Unchecked(command=message, authentic=authentic, size=size)
            if m.is_crowded(self._unchecked, one) and not accepted:
                content = message.model_dump_json(exclude={"proof"})
                self._count(m.unreadable(f"not checked: {message.body.kind}", content), size)
            else:
                self._unchecked.append(one)
        elif isinstance(message, Command):
            self._decide(message, authentic=authentic, unanswered=True)
        elif len(self._ledger.journey.unhandled) < m.MESSAGES_KEPT:
            self._keep(message)
        else:
            self._count(message, size)

    def _count(self, message: KeepUnreadable, size: int) -> None:
        """Count a message that finds no more room, and tell ops and hold care: at once where nothing tells them, and
        again and again while it goes on."""
        self._further = self._further.and_one(message, size)
        self._tell_further()

    def _tell_further(self) -> None:
        if self._further.told or not any(kept.name == FURTHER for kept in self._ledger.journey.unhandled):
            self._keep(m.further_messages(self._further))

    def _keep(self, message: KeepUnreadable) -> None:
        # The id has its number: after a reset it is found recorded, and a second message like it is another one.
        said = code_of(self._ledger.journey.code_key, [message.name, message.content])
        what = f"unreadable:{self._unreadable}:{said}"
        self._decide_own(what, message)
        self._unreadable += 1

    # The record

    async def _follow_record(self) -> None:
        """Catch up with the record, then record events, oldest first, one batch at a time."""
        while True:
            if not self._caught_up:
                await self._catch_up()
            await workflow.wait_condition(lambda: not self._caught_up or self._ledger.may_be_recorded)
            # Last of all that a task brings about: a worker that replays may hear of an update before the end of an
            # earlier append, or after it, and must ask Temporal for the same things in the same order.
            await workflow.wait_condition(lambda: True)
            if self._caught_up:
                await self._append()

    async def _append(self) -> None:
        # Not the same in a replay on another build, and nothing that is asked of Temporal depends on it.
        by = workflow.extern_functions().get(m.DECIDED_BY, DecidedBy)()
        batch = self._ledger.outbox.next_batch(self._ledger.journey.id, by)
        try:
            what = f"record versions {batch.expected_version + 1} to {batch.last_version}"
            recorded = await _ask(m.append_to_record, batch, what)
        except ActivityError as failed:
            if isinstance(failed.cause, ApplicationError) and failed.cause.type == m.OPEN_JOURNEY:
                raise _refused(m.ALREADY_OPEN) from None
            not_taken = isinstance(failed.cause, ApplicationError) and failed.cause.type == m.NOT_TAKEN
            if not_taken and self._goes_on_without(batch.commands[0].decided):
                return
            # The record holds other events for these versions, or these claim a decision nobody signed. Nothing is
            # overwritten; ops decide, and a reset of the journey is how they tell it to go on from its record.
            if self._caught_up:
                self._ledger.diverged = True
                workflow.logger.error("journey.diverged")
        else:
            self._ledger.outbox.mark_recorded(recorded.version)
            if recorded.version < batch.last_version:
                # It is recorded already, or came too late, or rests on less than is known of the patient. All that
                # was decided since is decided again, after what is recorded.
                self._told, self._caught_up = recorded, False
            else:
                self._mark = recorded.mark
                self._take_in(recorded)

    def _goes_on_without(self, decided: Decided) -> bool:
        """Whether all that waits is decided again after what is recorded, because the record did not take the first of
        it. Who sent that one, and its signature, are checked again; if it is still not taken then, it is left out. For
        ops are what the record refuses of the service's own, and that a command is left out."""
        command_id = decided.command.command_id
        if command_id in self._not_taken:
            if decided.own or decided.refusal is not None:
                return False
            self._left_out = command_id
        self._not_taken.add(command_id)
        self._told, self._caught_up = None, False
        return True

    def _leave_out(self, decided: Decided) -> None:
        """Keep that a command was accepted and is not recorded, for its sender and for ops, and hold care."""
        command = decided.command
        refused = decided.model_copy(update={"at": workflow.now(), "refusal": m.LEFT_OUT, "unanswered": True})
        receipt, events = self._ledger.decide(refused)
        if command.command_id in self._unconfirmed:
            self._unconfirmed[command.command_id] = receipt
        self._apply(events, refused)
        content = command.model_dump_json(exclude={"proof"})
        self._read(m.unreadable(f"not recorded: {command.body.kind}", content), len(content))

    async def _look_at_others(self) -> None:
        """Take in what the patient's other journeys say when one of them has gone on, so that nothing here goes on
        without it: also a session that was released already is held."""
        while True:
            await workflow.wait_condition(
                lambda: (
                    self._asked_to_look and self._caught_up and not self._set_back and self._ledger.outbox.recorded > 0
                )
            )
            self._asked_to_look, self._looking = False, True
            known = self._ledger.journey.elsewhere
            others = await _ask(m.look_at_others, self._ledger.journey.id, "look at the patient's other journeys")
            await self._until_decidable()
            if self._ledger.journey.elsewhere == known:
                self._take_in(others)
            else:
                self._asked_to_look = True  # The answer may be older than what became known meanwhile.
            self._looking = False
            # However fast the others go on, this one takes it in at its own pace.
            await workflow.sleep(m.MOMENT, summary="look again")

    def _take_in(self, told: m.Recorded | m.Others, *, undone: bool = False) -> None:
        """Take in what the patient's other journeys say, up to a position of the record."""
        if told.elsewhere is not None:
            body = TakeInHistory(elsewhere=told.elsewhere, position=told.position, undone=undone)
            said = code_of(self._ledger.journey.code_key, body.model_dump(mode="json"))
            self._decide_own(f"history:{said}", body)

    async def _catch_up(self) -> None:
        """Compare the state of this run with the record, which is authoritative: anybody may have started the run with
        any state, and a reset sets it back. Commands that the record does not have are decided again after it."""
        handed, self._handed = self._handed or m.StateDigest(journey_id=self._ledger.journey.id), None
        before = self._times_set_back
        try:
            read = await _ask(m.catch_up_with_record, handed, "catch up with the record", within=m.READ_BACK)
        except ActivityError:
            # The record has an event that nobody can read. Whatever this run was handed, it decides nothing more; what
            # is due and whom it calls go on, until ops have mended the record or its keys and reset the journey.
            if self._times_set_back == before:
                self._ledger.diverged = True
                workflow.logger.error("journey.diverged")
                await workflow.wait_condition(lambda: self._times_set_back != before)
            return
        if self._times_set_back != before:
            return  # This answers what was asked before the reset.
        told, self._told = self._told, None
        self._caught_up, self._caught_up_in, self._mark = True, read.run_id, read.mark
        self._set_back = self._ledger.diverged = False
        if read.state is not None:
            workflow.logger.warning("journey.read_back")
            decided = self._ledger.restart(read.state)
            again = [each for each in decided if not (each.own and isinstance(each.command.body, TakeInHistory))]
            # What was taken in is older than what the record has now, so that is looked up.
            self._asked_to_look |= len(again) < len(decided)
            if told is not None:
                self._take_in(told, undone=bool(again))
            left_out, self._left_out = self._left_out, None
            for each in again:
                command = each.command
                if command.command_id == left_out:
                    self._leave_out(each)
                elif each.own:
                    self._decide_again(command)
                elif each.refusal is not None:
                    # Whoever sent it was told that it is refused, and it stays refused.
                    refused = each.model_copy(update={"at": workflow.now()})
                    self._apply(self._ledger.decide(refused)[1], refused)
                else:
                    self._read(command, len(command.model_dump_json()), authentic=each.authentic, accepted=True)

    # Resets

    def _notice_reset(self, _seed: int = 0) -> None:
        """A reset has set this run back to an earlier state. Called by the SDK, and in a replay at the same place."""
        self._set_back, self._caught_up, self._handed = True, False, None
        self._times_set_back += 1

    def _look_for_reset(self) -> None:
        """Notice a reset that applies messages again: they come before the SDK reports it.

        The part of the history that a reset copies has no such marker, and the first task of the run's own writes it.
        """
        task = f"reset-{workflow.info().get_current_history_length()}"
        if self._may_be_set_back and not self._set_back and workflow.patched(task):
            self._notice_reset()

    @property
    def _may_be_set_back(self) -> bool:
        """Whether this run is a reset of another one, and has not caught up with the record itself."""
        info = workflow.info()
        return info.run_id not in (info.original_execution_run_id, self._caught_up_in)

    async def _until_decidable(self) -> None:
        if self._set_back:
            await workflow.wait_condition(lambda: not self._set_back)

    # Time

    async def _keep_time(self) -> None:
        """Pass every deadline when it comes, with one timer for the earliest."""
        # What is done according to the record has no deadline. Longer than a moment no alarm waits to learn that.
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._caught_up, timeout=m.MOMENT, timeout_summary="the record")
        while True:
            await self._until_decidable()
            if self._pass_deadlines():
                await workflow.sleep(MOMENTARY, summary="pass further deadlines")
            else:
                await self._until_deadline(next_deadline(self._ledger.journey))

    def _pass_deadlines(self, portions: int = PORTIONS_AT_ONCE) -> bool:
        """Pass what is due, one portion after the other. Return whether this task has done enough and more is left."""
        for _ in range(portions):
            deadline, version = next_deadline(self._ledger.journey), self._ledger.journey.version
            if deadline is None or deadline > workflow.now():
                return False
            for name in (f"deadline:{version}", f"deadline:{version}:again"):
                if self._ledger.journey.version == version:
                    self._decide_own(name, PassDeadline())
            if self._ledger.journey.version == version:
                workflow.logger.error("journey.deadline_not_passed", extra={"version": version})
                return False
        return True

    async def _until_deadline(self, deadline: datetime | None) -> None:
        """Return once the deadline has come, or another one is the earliest."""
        due = () if deadline is None else due_steps(self._ledger.journey, deadline)
        ahead = None if deadline is None or deadline <= workflow.now() else deadline - workflow.now()
        # What is due and could not be passed is tried again, also if nobody comes by.
        overdue = m.TRIED_AGAIN if deadline is not None and ahead is None else None
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: (
                    self._set_back
                    or next_deadline(self._ledger.journey) != deadline
                    # Whatever wakes the run passes what is overdue, also if its timer was lost.
                    or (ahead is not None and deadline is not None and deadline <= workflow.now())
                ),
                timeout=ahead or overdue,
                timeout_summary=next((waiting.what for waiting in due), "the end of a cover"),
            )

    # New runs

    @property
    def _new_run_is_due(self) -> bool:
        """Whether this run has a reason to end: a stage, a newer build, or that it has become long in any way."""
        info = workflow.info()
        return (
            self._new_run_due
            or info.is_continue_as_new_suggested()
            or info.is_target_worker_deployment_version_changed()
            or self._updates >= m.UPDATES_IN_RUN
            or self._received >= m.SIGNALS_IN_RUN
            or info.get_current_history_length() >= m.EVENTS_IN_RUN
            or info.get_current_history_size() >= m.BYTES_IN_RUN
        )

    @property
    def _is_done(self) -> bool:
        """Whether the journey is over, and nobody asks anything of it."""
        return self._ledger.over and not (self._signals.waiting or self._unchecked or self._asked_to_look)

    @property
    def _may_leave(self) -> bool:
        """Whether nothing is in progress, and this run has a reason to end. Signals that wait, and a look that is asked
        for, go with a new run."""
        under_way = self._ledger.outbox or not self._caught_up or not all(alarm.done() for alarm in self._alarms)
        if under_way or self._untold or self._looking or not workflow.all_handlers_finished():
            return False
        return self._new_run_is_due or self._is_done

    async def _drain(self) -> None:
        """Let nothing in for a moment when a new run is due and the end of an append did not bring it, or a run that is
        never idle would never end. While the record cannot be reached there is no such end, and nobody is kept out."""
        while True:
            await workflow.wait_condition(lambda: self._new_run_is_due and self._caught_up)
            before = self._ledger.outbox.recorded
            await workflow.wait_condition(
                lambda: self._ledger.outbox.recorded > before and not self._may_leave  # noqa: B023 - of this round
            )
            self._draining = True
            await workflow.sleep(m.MOMENT, summary="make way for a new run")
            self._draining = False
            await workflow.sleep(m.MOMENT, summary="take commands again")

    def _begin_new_run(self) -> None:
        ledger = self._ledger
        handed = m.JourneyInput(
            journey=ledger.journey,
            receipts=ledger.receipts,
            unreadable=self._unreadable,
            further=self._further,
            signals=tuple(self._signals.waiting),
            unchecked=tuple(self._unchecked),
            strangers=tuple(sorted(self._strangers)),
            look=self._asked_to_look,
        )
        moved = workflow.info().is_target_worker_deployment_version_changed()
        upgrade = workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE if moved else None
        workflow.continue_as_new(handed, initial_versioning_behavior=upgrade)

    # What is shown

    async def _show(self) -> None:
        """Keep the Temporal UI up to date, and tell ops of limits. It costs one command when something changed."""
        shown: tuple[SearchAttributeUpdate[Any], ...] = ()
        told: set[str] = set()
        marked, marked_at = workflow.info().typed_search_attributes.get(RECORDED, ""), None
        while True:
            journey, diverged, near = self._ledger.journey, self._ledger.diverged, self._near_limits
            for what, used in near.items():
                if what not in told:
                    told.add(what)
                    half = m.NEAR_LIMIT[what]
                    workflow.logger.warning("journey.near_limit", extra={"limit": what, "used": used, "half": half})
            workflow.set_current_details(details(journey) + "".join(map(_near_limit, near)))
            attributes = current_search_attributes(self.status())
            changed = tuple(each for each in attributes if each not in shown)
            if self._asked_to_show:
                changed = attributes + fixed_search_attributes(journey.protocol.pathway, journey.clinic)
            if self._mark and (self._asked_to_show or self._mark_is_due(marked, marked_at)):
                marked, marked_at = self._mark, workflow.now()
                changed += (RECORDED.value_set(marked),)
            if changed:
                workflow.upsert_search_attributes(changed)
            shown, self._asked_to_show = attributes, False
            await workflow.wait_condition(
                lambda: (  # asked in this round
                    self._differs(journey, diverged, near)  # noqa: B023
                    or self._asked_to_show
                    or self._mark_is_due(marked, marked_at)  # noqa: B023
                )
            )

    def _differs(self, journey: Journey, diverged: bool, near: Mapping[str, int]) -> bool:
        ledger = self._ledger
        return ledger.journey is not journey or ledger.diverged != diverged or self._near_limits.keys() != near.keys()

    @property
    def _near_limits(self) -> dict[str, int]:
        """The limits of which this run has used half, and how much."""
        info = workflow.info()
        used = {
            "updates": self._updates,
            "events": info.get_current_history_length(),
            "bytes": info.get_current_history_size(),
            "state": self._state_bytes,
        }
        return {what: count for what, count in used.items() if count >= m.NEAR_LIMIT[what]}

    def _mark_is_due(self, marked: str, at: datetime | None) -> bool:
        return self._mark not in ("", marked) and (at is None or workflow.now() - at >= MARKED_EVERY)


async def _ask(
    activity: Callable[[Given], Awaitable[Result | Foreign]],
    given: Given,
    summary: str,
    *,
    within: timedelta = m.ATTEMPT,
) -> Result:
    """Ask an activity until it succeeds. During an outage everybody sees it as pending. An answer or a failure of
    somebody without the keys is not believed: it is asked again.

    The id is of this activity alone, and bound to its answer, so that no other answer can stand in for it.
    """
    while True:
        try:
            answer = await workflow.execute_activity(
                activity,
                given,
                activity_id=_new_activity_id(),
                start_to_close_timeout=within,
                retry_policy=m.RETRY,
                summary=summary,
            )
        except ActivityError as failed:
            if isinstance(failed.cause, ApplicationError) and failed.cause.type != m.NOT_AUTHENTIC:
                raise
        else:
            if answer is not None and not isinstance(answer, Foreign):
                return answer
        workflow.logger.error("journey.foreign_answer", extra={"activity": summary})
        await workflow.sleep(m.MOMENT, summary="ask again")


def _new_activity_id() -> str:
    """Return an id that no other activity has. It stands in the history, and with each of its payloads."""
    return workflow.uuid4().hex[:16]


def _read_update(given: Command | Foreign) -> tuple[Command, bool]:
    try:
        return m.read_update(given)
    except ValueError:
        raise _refused(m.NOT_READ) from None


def _near_limit(what: str) -> str:
    return f"\n\n**Half of a limit is used: {what}.** Tell ops; see docs/how-to/when-something-is-wrong.md"


def _unproven(command: Command) -> Command:
    return command.model_copy(update={"actor": command.actor.model_copy(update={"clinics": ()}), "proof": None})


def _undecided(command: Command) -> ApplicationError:
    what = "this journey is quarantined: what it had accepted before is decided again once ops have looked"
    return ApplicationError(what, command_digest(command), type=m.UNDECIDED, non_retryable=True)


def _not_checked(command: Command) -> ApplicationError:
    what = "the signature cannot be checked now; nothing happened"
    return ApplicationError(what, command_digest(command), type=m.NOT_CHECKED)


def _try_again(why: str, command: Command) -> ApplicationError:
    return ApplicationError(f"{why}; nothing happened", command_digest(command), type=m.TRY_AGAIN)


def _refused(refusal: Refusal, command: Command | None = None) -> ApplicationError:
    """Return the refusal as an answer to a command, if there is one that could be read: like every answer, with its
    digest."""
    answers = () if command is None else (command_digest(command),)
    details = (refusal.model_dump(mode="json"), *answers)
    return ApplicationError(str(refusal), *details, type=refusal.code.value, non_retryable=True)
