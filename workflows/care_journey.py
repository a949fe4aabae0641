"""The durable shell around one journey: it receives, keeps time and records. It holds no medicine.

Handlers never await. They decide, fold and put events into the outbox, so that no two of them can
interleave. `run` has the only waiting point; everything it starts (recording, alarms, the timer) is started
without waiting and looked after there, so that nothing, an outage of the record included, keeps an alarm
from leaving.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID, uuid5

from temporalio import workflow
from temporalio.common import (
    RawValue,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
)
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError

from workflows.journey.actors import CLOCK, Role
from workflows.journey.aggregate import Journey, fold
from workflows.journey.base import digest
from workflows.journey.commands import COMMAND_LIMIT, SIGNED, Command, KeepUnreadable, PassDeadline
from workflows.journey.decide import decide, keep_refusal
from workflows.journey.events import Event, PathwayClosed
from workflows.journey.notices import Notice, notices
from workflows.journey.obligations import next_deadline, obligations
from workflows.journey.protocol import Pathway
from workflows.journey.receipts import add_receipts, answer_repeated, receipts_of
from workflows.journey.refusals import Refusal, RefusalCode
from workflows.journey.requirements import Obligation
from workflows.journey.stage import Stage
from workflows.journey.summary import Entry, Status, details, health, status, timeline
from workflows.messages import (
    ALARM,
    APPEND,
    ATTEMPT,
    CHECK,
    COMPARE,
    LOAD,
    PAYLOAD_BYTES,
    REFUSED,
    RETRY,
    VERIFY,
    Alarm,
    Attempt,
    Batch,
    EventPage,
    JourneyInput,
    JourneyResult,
    Load,
    Receipt,
    Recorded,
    SignatureCheck,
    SignatureResult,
    StateDigest,
    state_digest,
)

STAGE = SearchAttributeKey.for_keyword("JourneyStage")
PATHWAY = SearchAttributeKey.for_keyword("JourneyPathway")
AWAITS = SearchAttributeKey.for_keyword("JourneyAwaits")
HEALTH = SearchAttributeKey.for_keyword("JourneyHealth")
CLINIC = SearchAttributeKey.for_keyword("JourneyClinic")
DUE = SearchAttributeKey.for_datetime("JourneyDue")
SEARCH_ATTRIBUTES: tuple[SearchAttributeKey[Any], ...] = (STAGE, PATHWAY, AWAITS, HEALTH, CLINIC, DUE)
"""Never encrypted, seen by whoever may list workflows: where a journey stands, never whose it is."""

LONG_RUN = 500
"""Events of history from which the next stage boundary starts a new run, so that a wake-up replays little."""
UNREADABLE_KEPT = 100
"""Unreadable messages one journey keeps. Its first one already holds care and has a task for ops."""
BATCH_EVENTS = 200
"""How many events one append takes. The record takes more."""
MESSAGES_AT_ONCE = 20
"""How many signals are read in one task, which Temporal ends after two seconds, and begins anew with all of them."""
BREATH = timedelta(milliseconds=1)
HANDOVER_BYTES = 2_000_000
"""What one run can hand to the next. A journey of more text than that stays in the run it is in."""
DIVERGED_HEALTH = "diverged"
MOVING_ON = "MovingOn"
"""The journey cannot take a command at this moment. Nothing is wrong with it: it may be sent again as it is."""


def workflow_id(journey_id: UUID) -> str:
    """The Temporal id of a journey: opaque, and the same for ever."""
    return f"journey/{journey_id}"


def initial_search_attributes(stage: Stage, pathway: Pathway, clinic: str) -> TypedSearchAttributes:
    """The search attributes a journey starts with; given at the start they cost nothing."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(STAGE, stage.value),
            SearchAttributePair(PATHWAY, pathway),
            SearchAttributePair(CLINIC, clinic),
        ]
    )


@workflow.defn(name="CareJourney")
class CareJourney:
    """One patient's journey through one pathway."""

    @workflow.init
    def __init__(self, begin: JourneyInput) -> None:
        self._decided: tuple[tuple[Journey, Command, datetime], tuple[Event, ...] | Refusal] | None = None
        self._outbox: list[Event] = []
        self._alarms: list[Notice] = []
        self._inbox: list[tuple[str, Sequence[RawValue]]] = []
        self._breath: asyncio.Task[None] | None = None
        self._unrecorded: list[tuple[int, Command]] = []
        self._recording: workflow.ActivityHandle[Recorded] | None = None
        self._loading: workflow.ActivityHandle[EventPage] | None = None
        self._alarming: list[workflow.ActivityHandle[None]] = []
        self._verifying: list[tuple[Command, workflow.ActivityHandle[SignatureResult]]] = []
        self._timer: asyncio.Task[None] | None = None
        self._armed_for: datetime | None = None
        self._shown: list[object] = []
        self._recorded = begin.recorded
        self._receipts = dict(begin.receipts)
        self._unreadable = begin.unreadable
        self._diverged = False
        self._reread_in: str | None = None
        self._rereading = False
        self._loaded: list[Event] = []
        self._put_off: list[Command] = []
        self._crossed = False
        self._unstarted: Refusal | None = None
        self._comparing: workflow.ActivityHandle[bool] | None = None
        self._handed: StateDigest | None = None
        if begin.journey is not None:
            self._journey = begin.journey
            # Here and not in `run`: a handler that runs before it takes the state on.
            self._handed = StateDigest(
                journey_id=begin.journey.id, version=begin.recorded, digest=state_digest(begin.journey, begin.receipts)
            )
        elif begin.start is not None:
            # Here and not in `run`: handlers may run before it, and a reset then opens the same journey again.
            opened = decide(None, begin.start, workflow.now())
            if isinstance(opened, Refusal):
                self._unstarted = opened
            else:
                self._journey = fold(opened)
                add_receipts(self._receipts, opened)
                self._send(opened)

    @workflow.run
    async def run(self, begin: JourneyInput) -> JourneyResult:  # noqa: ARG002 - the same as __init__ takes
        """Record, keep time and wait, until the journey has ended and all of it is recorded.

        Raises:
            ApplicationError: the start was refused; there is no journey.
        """
        if self._unstarted is not None:
            raise _refused(self._unstarted)
        if self._handed is not None:
            self._compare(self._handed)
        while True:
            self._settle()
            if self._set_back:
                self._reread()
            else:
                self._read_inbox()
                self._pass_deadline()
            self._dispatch()
            if not self._busy:
                if self._journey.closed and not self._journey.waiting:
                    return JourneyResult(outcome=str(self._journey.outcome), version=self._journey.version)
                if self._continues:
                    self._continue()
                self._crossed = False
            if not self._rereading:
                self._arm()
            self._show()
            await workflow.wait_condition(self._stirred)

    @workflow.update(description="Send a command (JSON: command_id, actor, body) and get its receipt")
    def submit(self, command: Command) -> Receipt:
        if self._set_back:
            # Kept, for whoever was answered before the reset; whoever sends it only now asks again.
            self._put_off.append(command)
            raise ApplicationError("the journey is being read back after a reset", type=MOVING_ON)
        return self._accept(command)

    @submit.validator
    def _check(self, command: Command) -> None:
        """Refuse with nothing written to history, unless the attempt itself belongs in the record."""
        if self._unstarted is not None:
            raise _refused(self._unstarted)
        if self._rereading and self._loading is not None:
            raise ApplicationError("the journey is being read back after a reset", type=MOVING_ON)
        if self._may_be_set_back:
            # Accepted before the reset, and now brought in again: it is decided on top of the record.
            return
        refusal = self._screen(command) or self._signature_refusal(command)
        if refusal is None:
            decided = self._decide(command)
            now = workflow.now()
            if not isinstance(decided, Refusal) or keep_refusal(self._journey, self._receipts, command, decided, now):
                return
            refusal = decided
        raise _refused(refusal)

    @workflow.signal(dynamic=True, description="A command as a signal: `command` or `sign_off`, payload as JSON")
    def receive(self, name: str, payload: Sequence[RawValue]) -> None:
        """Take any signal as it comes. The SDK would drop what does not parse; this keeps it."""
        self._inbox.append((name, payload))

    @workflow.query(description="Stage, health, version, what is recorded, who is awaited until when")
    def status(self) -> Status:
        now = status(self._journey, self._recorded)
        return now.model_copy(update={"health": DIVERGED_HEALTH}) if self._diverged else now

    @workflow.query(description="Everything the journey waits for: what, of whom, since, due, next step")
    def obligations(self) -> tuple[Obligation, ...]:
        return obligations(self._journey)

    @workflow.query(description="What was due and when it was done")
    def timeline(self) -> tuple[Entry, ...]:
        return timeline(self._journey)

    def _screen(self, command: Command) -> Refusal | None:
        """What the shell refuses before the journey is asked."""
        if command.actor.role == Role.SYSTEM:
            return Refusal(
                code=RefusalCode.NOT_ALLOWED,
                reason="nobody acts as the clock",
                remedy="Use your own profile",
                field="actor.role",
            )
        if len(command.model_dump_json().encode()) > COMMAND_LIMIT:
            return Refusal(
                code=RefusalCode.OUT_OF_LIMITS,
                reason=f"a command takes at most {COMMAND_LIMIT} bytes",
                remedy="Send less text; documents belong elsewhere, by reference",
            )
        if self._diverged:
            return Refusal(
                code=RefusalCode.HELD,
                reason="this journey is quarantined: its record says something else",
                remedy="Tell ops; nothing was overwritten",
            )
        return None

    def _signed(self, command: Command) -> bool:
        """Whether a command comes with a signature to be checked: a decision that was not taken in before."""
        body = command.body
        known = command.command_id in self._receipts
        return isinstance(body, SIGNED) and body.signature is not None and not known

    def _presented(self, command: Command) -> SignatureCheck:
        return SignatureCheck(
            journey_id=self._journey.id, state=self._journey.patient.state, command=command, at=workflow.now()
        )

    def _signature_refusal(self, command: Command) -> Refusal | None:
        """Why a signature does not count now. For the validator alone: what it was then, no replay could tell."""
        if not self._signed(command):
            return None
        refusal: Refusal | None = workflow.extern_functions()[CHECK](self._presented(command))
        return refusal

    def _decide(self, command: Command) -> tuple[Event, ...] | Refusal:
        """Decide a command now, unless it was before. The handler finds what its validator has just decided; a
        replay, which runs no validators, decides the same anew."""
        repeated = answer_repeated(self._receipts, command)
        if repeated is not None:
            return repeated if isinstance(repeated, Refusal) else ()
        asked = (self._journey, command, workflow.now())
        if self._decided is None or self._decided[0] != asked:
            self._decided = (asked, decide(*asked))
        return self._decided[1]

    def _accept(self, command: Command, *, unanswered: bool = False, verdict: Refusal | None = None) -> Receipt:
        """Decide a command, unless its signature was refused, and take in what follows."""
        at = workflow.now()
        decided = verdict or self._screen(command) or self._decide(command)
        self._decided = None
        refusal = decided if isinstance(decided, Refusal) else None
        if isinstance(decided, Refusal):
            decided = keep_refusal(self._journey, self._receipts, command, decided, at, unanswered=unanswered)
        self._take(decided)
        if decided:
            self._unrecorded.append((self._journey.version, command))
        if refusal is not None:
            return Receipt(version=self._journey.version, refusal=refusal)
        receipt = self._receipts.get(command.command_id)
        return Receipt(version=self._journey.version if receipt is None else receipt.version)

    def _take(self, events: tuple[Event, ...]) -> None:
        if events:
            stage = self._journey.stage
            self._journey = fold(events, self._journey)
            add_receipts(self._receipts, events)
            if self._journey.stage != stage:
                self._crossed = True
                workflow.logger.info("journey.stage_entered", extra={"stage": self._journey.stage.value})
            self._send(events)

    def _send(self, events: tuple[Event, ...]) -> None:
        self._outbox.extend(events)
        self._alarms.extend(notice for event in events for notice in notices(event) if notice.alarm)

    def _take_verified(self) -> None:
        verified = [(command, verifying.result()) for command, verifying in self._verifying if verifying.done()]
        self._verifying = [(command, verifying) for command, verifying in self._verifying if not verifying.done()]
        for command, verdict in verified:
            self._accept(command, unanswered=True, verdict=verdict.refusal)

    def _read_inbox(self) -> None:
        self._take_verified()
        if self._breath is not None and not self._breath.done():
            return
        for _ in range(MESSAGES_AT_ONCE):
            if not self._inbox:
                return
            name, payload = self._inbox.pop(0)
            command = _readable(name, payload)
            attempt = _refused_before(name, payload)
            if attempt is not None:
                self._accept(attempt.command, unanswered=True, verdict=attempt.refusal)
            elif command is not None and self._signed(command):
                self._verify(command)
            elif command is not None:
                self._accept(command, unanswered=True)
            elif len(self._journey.messages) < UNREADABLE_KEPT:
                body = KeepUnreadable(name=name.strip()[:200] or "unnamed", content=_text(payload))
                # By its place among all that came: a reset finds it kept, and a second one like it is another.
                self._by_clock(f"unreadable:{self._unreadable}:{digest([body.name, body.content])}", body)
                self._unreadable += 1
        if self._inbox:
            self._breath = asyncio.create_task(_sleep(BREATH, "read on"))

    def _verify(self, command: Command) -> None:
        verifying = workflow.start_local_activity(
            VERIFY,
            self._presented(command),
            result_type=SignatureResult,
            start_to_close_timeout=ATTEMPT,
            retry_policy=RETRY,
            # While the register cannot be read it is tried again by a timer: in the task, it would hold up a hold.
            local_retry_threshold=timedelta(milliseconds=1),
            summary="verify a sign-off",
        )
        self._verifying.append((command, verifying))

    def _pass_deadline(self) -> None:
        deadline = next_deadline(self._journey)
        if deadline is not None and deadline <= workflow.now():
            self._by_clock(f"deadline:{self._journey.version}", PassDeadline())

    def _by_clock(self, what: str, body: PassDeadline | KeepUnreadable) -> None:
        self._take_by_clock(Command(command_id=uuid5(self._journey.id, what), actor=CLOCK, body=body))

    def _take_by_clock(self, command: Command) -> None:
        decided = self._decide(command)
        self._decided = None
        if not isinstance(decided, Refusal) and decided:
            self._take(decided)
            if isinstance(command.body, KeepUnreadable):
                self._unrecorded.append((self._journey.version, command))

    def _settle(self) -> None:
        """Look at what has finished."""
        if self._comparing is not None and self._comparing.done():
            if not self._comparing.result():
                # Made up by whoever started this run, or told otherwise by the build before: the record is the journey.
                self._rereading = True
                workflow.logger.warning("journey.handed_otherwise_than_recorded")
            self._comparing = None
        if self._recording is not None and self._recording.done():
            try:
                self._recorded = max(self._recorded, self._recording.result().version)
                self._outbox = [event for event in self._outbox if event.version > self._recorded]
                self._unrecorded = [(v, command) for v, command in self._unrecorded if v > self._recorded]
            except ActivityError:
                # The record holds other events for these versions, or these claim a decision nobody signed. Nothing
                # is overwritten; ops decide, and a reset of the journey is how they tell it to go on from its record.
                self._diverged = True
                workflow.logger.error("journey.diverged")
            self._recording = None
        if self._loading is not None and self._loading.done():
            loaded = self._loading.result()
            self._loading = None
            self._loaded += loaded.events
            if not loaded.more:
                self._reread_in = loaded.run_id
                self._adopt(tuple(self._loaded))
                self._loaded = []
        self._alarming = [alarm for alarm in self._alarming if not alarm.done()]

    @property
    def _may_be_set_back(self) -> bool:
        """Whether this run is a reset of another whose record has not been read back yet.

        Only for what is not replayed: the events copied from the other run are replayed with it true.
        """
        info = workflow.info()
        return info.original_execution_run_id not in (None, info.run_id, "") and self._reread_in != info.run_id

    @property
    def _set_back(self) -> bool:
        """Whether a reset has set this run back: its state is what it was, and its record is ahead.

        A reset leaves no trace that a workflow could see while it replays what was copied from before the
        reset. So this asks for a marker of the task it is in: the copied tasks have none, and the first task
        of the run's own writes one.
        """
        if not self._rereading and self._may_be_set_back:
            self._rereading = workflow.patched(f"reset-{workflow.info().get_current_history_length()}")
        return self._rereading

    def _reread(self) -> None:
        if self._loading is None:
            self._loading = workflow.start_activity(
                LOAD,
                Load(journey_id=self._journey.id, after_version=self._loaded[-1].version if self._loaded else 0),
                result_type=EventPage,
                start_to_close_timeout=ATTEMPT,
                retry_policy=RETRY,
                summary="read the journey back after a reset",
            )

    def _adopt(self, recorded: tuple[Event, ...]) -> None:
        """Go on from what is recorded; what the record does not know is decided anew on top of it."""
        again = [command for _, command in self._unrecorded] + self._put_off
        self._rereading, self._diverged = False, False
        self._put_off = []
        if recorded:
            self._journey = fold(recorded)
            self._receipts = receipts_of(recorded)
            self._recorded = self._journey.version
            self._outbox, self._unrecorded, self._alarms = [], [], []
        for command in again:
            if command.actor == CLOCK:
                self._take_by_clock(command)
            elif self._signed(command):
                # Whoever sent it during the reset was not asked by a validator.
                self._verify(command)
            else:
                self._accept(command, unanswered=True)

    def _compare(self, handed: StateDigest) -> None:
        """Have the state this run was handed compared with the record: anybody may have started it. Nothing is
        recorded on top of another state than the recorded one, which is read back instead."""
        self._comparing = workflow.start_activity(
            COMPARE,
            handed,
            result_type=bool,
            start_to_close_timeout=ATTEMPT,
            retry_policy=RETRY,
            summary="compare with the record",
        )

    def _dispatch(self) -> None:
        """Start what can be started: alarms at once, one batch for the record at a time."""
        if self._alarms:
            self._alarming.append(
                workflow.start_activity(
                    ALARM,
                    Alarm(notices=tuple(self._alarms)),
                    result_type=type(None),
                    start_to_close_timeout=ATTEMPT,
                    retry_policy=RETRY,
                    summary="alarm",
                )
            )
            self._alarms = []
        if self._may_record:
            batch = self._batch()
            self._recording = workflow.start_activity(
                APPEND,
                Batch(
                    journey_id=self._journey.id,
                    expected_version=self._recorded,
                    events=batch,
                    closes=isinstance(batch[-1].body, PathwayClosed),
                ),
                result_type=Recorded,
                start_to_close_timeout=ATTEMPT,
                retry_policy=RETRY,
                summary=f"record versions {batch[0].version} to {batch[-1].version}",
            )

    def _batch(self) -> tuple[Event, ...]:
        """The oldest events of the outbox, as many as one append takes; those of one command stay together."""
        batch: list[Event] = []
        size = 0
        for _, group in groupby(self._outbox, key=lambda event: event.command_id):
            together = list(group)
            size += sum(len(event.model_dump_json().encode()) for event in together)
            if batch and (len(batch) + len(together) > BATCH_EVENTS or size > PAYLOAD_BYTES):
                break
            batch += together
        return tuple(batch)

    @property
    def _may_record(self) -> bool:
        return bool(self._outbox) and not (self._recording or self._comparing or self._rereading or self._diverged)

    @property
    def _busy(self) -> bool:
        under_way = self._recording or self._comparing or self._rereading or self._verifying
        return bool(self._outbox or self._alarms or self._alarming or under_way or self._inbox)

    @property
    def _continues(self) -> bool:
        info = workflow.info()
        if not workflow.all_handlers_finished():
            return False
        return (
            info.is_continue_as_new_suggested()
            or info.is_target_worker_deployment_version_changed()
            or (self._crossed and info.get_current_history_length() >= LONG_RUN)
        )

    def _continue(self) -> None:
        handed = JourneyInput(
            journey=self._journey, receipts=self._receipts, recorded=self._recorded, unreadable=self._unreadable
        )
        if len(handed.model_dump_json().encode()) > HANDOVER_BYTES:
            return
        moved = workflow.info().is_target_worker_deployment_version_changed()
        workflow.continue_as_new(
            handed,
            initial_versioning_behavior=(workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE if moved else None),
        )

    def _arm(self) -> None:
        """Keep one timer, for the earliest deadline."""
        deadline = next_deadline(self._journey)
        if deadline == self._armed_for and (self._timer is None or not self._timer.done()):
            return
        if self._timer is not None and not self._timer.done():
            self._timer.cancel()
        self._armed_for, self._timer = deadline, None
        if deadline is not None:
            due = (o.what for o in obligations(self._journey) if o.next_step == deadline)
            delay = max(deadline - workflow.now(), timedelta())
            self._timer = asyncio.create_task(_sleep(delay, next(due, "the end of a cover")))

    def _show(self) -> None:
        """Bring the Temporal UI up to date, at the price of one command when something changed."""
        now = status(self._journey, self._recorded)
        well = DIVERGED_HEALTH if self._diverged else health(self._journey)
        shown: list[object] = [now.stage, now.awaits, well, now.due]
        workflow.set_current_details(details(self._journey))
        if shown == self._shown:
            return
        self._shown = shown
        workflow.upsert_search_attributes(
            [
                STAGE.value_set(now.stage.value),
                HEALTH.value_set(well),
                AWAITS.value_unset() if now.awaits is None else AWAITS.value_set(now.awaits),
                DUE.value_unset() if now.due is None else DUE.value_set(now.due),
            ]
        )

    def _stirred(self) -> bool:
        finished = (
            (self._loading is not None and self._loading.done())
            or (self._recording is not None and self._recording.done())
            or (self._comparing is not None and self._comparing.done())
            or any(alarm.done() for alarm in self._alarming)
        )
        if self._set_back:
            return finished or self._loading is None
        return finished or bool(
            (self._inbox and (self._breath is None or self._breath.done()))
            or self._alarms
            or any(verifying.done() for _, verifying in self._verifying)
            or self._may_record
            or (self._timer is not None and self._timer.done())
            or next_deadline(self._journey) != self._armed_for
        )


async def _sleep(delay: timedelta, summary: str) -> None:
    try:
        await workflow.sleep(delay, summary=summary)
    except (asyncio.CancelledError, CancelledError):
        return


def _refused(refusal: Refusal) -> ApplicationError:
    return ApplicationError(str(refusal), refusal.model_dump(mode="json"), type=refusal.code.value, non_retryable=True)


def _readable(name: str, payload: Sequence[RawValue]) -> Command | None:
    """The command in a signal, or None if it is not one."""
    if name not in ("command", "sign_off") or len(payload) != 1 or len(payload[0].payload.data) > COMMAND_LIMIT:
        return None
    try:
        return Command.model_validate_json(payload[0].payload.data)
    except ValueError:
        return None


def _refused_before(name: str, payload: Sequence[RawValue]) -> Attempt | None:
    """The attempt a worker reports, or None if the signal is something else."""
    if name != REFUSED or len(payload) != 1 or len(payload[0].payload.data) > 2 * COMMAND_LIMIT:
        return None
    try:
        attempt = Attempt.model_validate_json(payload[0].payload.data)
    except ValueError:
        return None
    # Anybody can send this. It may keep an attempt, and say nothing else about a decision that is still to come.
    return attempt if attempt.refusal.code == RefusalCode.SIGNATURE else None


def _text(payload: Sequence[RawValue]) -> str:
    return "\n".join(raw.payload.data.decode(errors="replace") for raw in payload)[:16_000]
