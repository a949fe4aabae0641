"""The durable shell around one journey: it receives, keeps time and records. It holds no medicine.

Handlers never await. They decide, fold and put events into the outbox, so that no two of them can
interleave. `run` has the only waiting point; everything it starts (recording, alarms, the timer) is started
without waiting and looked after there, so that nothing, an outage of the record included, keeps an alarm
from leaving.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
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

from workflows.effects import ALARM, APPEND, ATTEMPT, LOAD, RETRY, Alarm, Batch, Loaded, Recorded
from workflows.journey.commands import COMMAND_LIMIT, Command, KeepUnreadable, PassDeadline, StartPathway
from workflows.journey.decide import decide, keep_refusal
from workflows.journey.events import Event, PathwayClosed
from workflows.journey.journey import Journey, fold
from workflows.journey.model import Fact
from workflows.journey.notices import Notice, notices
from workflows.journey.obligations import Obligation, next_deadline, obligations
from workflows.journey.overview import Entry, Status, details, health, status, timeline
from workflows.journey.people import CLOCK, Role
from workflows.journey.refusals import Code, Refusal
from workflows.journey.stage import Stage

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
DIVERGED_HEALTH = "diverged"


def workflow_id(journey_id: UUID) -> str:
    """The Temporal id of a journey: opaque, and the same for ever."""
    return f"journey/{journey_id}"


def initial_search_attributes(start: StartPathway) -> TypedSearchAttributes:
    """The search attributes a journey starts with; given at the start they cost nothing."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(STAGE, Stage.EVALUATION.value),
            SearchAttributePair(PATHWAY, start.condition.value),
            SearchAttributePair(CLINIC, start.clinic),
        ]
    )


class Begin(Fact):
    """How a run begins: with the command that starts the journey, or where the previous run left off."""

    start: Command | None = None
    journey: Journey | None = None
    recorded: int = 0


class Receipt(Fact):
    """The answer to a command: the version of the journey after it, or why it was refused and kept."""

    version: int
    refusal: Refusal | None = None


class Ending(Fact):
    """How a journey ended, and its last version, recorded."""

    outcome: str
    version: int


@workflow.defn(name="CareJourney")
class CareJourney:
    """One patient's journey through one pathway."""

    @workflow.init
    def __init__(self, begin: Begin) -> None:
        self._outbox: list[Event] = []
        self._alarms: list[Notice] = []
        self._inbox: list[tuple[str, Sequence[RawValue]]] = []
        self._unrecorded: list[tuple[int, Command]] = []
        self._recording: workflow.ActivityHandle[Recorded] | None = None
        self._loading: workflow.ActivityHandle[Loaded] | None = None
        self._alarming: list[workflow.ActivityHandle[None]] = []
        self._timer: asyncio.Task[None] | None = None
        self._armed_for: datetime | None = None
        self._shown: list[object] = []
        self._recorded = begin.recorded
        self._diverged = False
        self._crossed = False
        self._unstarted: Refusal | None = None
        if begin.journey is not None:
            self._journey = begin.journey
        elif begin.start is not None:
            # Here and not in `run`: handlers may run before it, and a reset then opens the same journey again.
            opened = decide(None, begin.start, workflow.now())
            if isinstance(opened, Refusal):
                self._unstarted = opened
            else:
                self._journey = fold(opened)
                self._send(opened)

    @workflow.run
    async def run(self, begin: Begin) -> Ending:  # noqa: ARG002 - the same as __init__ takes
        """Record, keep time and wait, until the journey has ended and all of it is recorded.

        Raises:
            ApplicationError: the start was refused; there is no journey.
        """
        if self._unstarted is not None:
            raise _refused(self._unstarted)
        while True:
            self._read_inbox()
            self._pass_deadline()
            self._settle()
            self._dispatch()
            if not self._busy:
                if self._journey.closed:
                    return Ending(outcome=str(self._journey.outcome), version=self._journey.version)
                if self._continues:
                    self._continue()
                self._crossed = False
            self._arm()
            self._show()
            await workflow.wait_condition(self._stirred)

    @workflow.update(description="Send a command (JSON: command_id, actor, body) and get its receipt")
    def submit(self, command: Command) -> Receipt:
        return self._accept(command)

    @submit.validator
    def _check(self, command: Command) -> None:
        """Refuse with nothing written to history, unless the attempt itself belongs in the record."""
        if self._unstarted is not None:
            raise _refused(self._unstarted)
        refusal = self._screen(command)
        if refusal is None:
            decided = decide(self._journey, command, workflow.now())
            if not isinstance(decided, Refusal) or keep_refusal(self._journey, command, decided, workflow.now()):
                return
            refusal = decided
        raise _refused(refusal)

    @workflow.signal(dynamic=True, description="A command as a signal: `command` or `sign_off`, payload as JSON")
    def receive(self, name: str, payload: Sequence[RawValue]) -> None:
        """Take any signal as it comes. The SDK would drop what does not parse; this keeps it."""
        self._inbox.append((name, payload))

    @workflow.query(description="Stage, health, version, what is recorded, who is awaited until when")
    def status(self) -> Status:
        return status(self._journey, self._recorded)

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
                code=Code.NOT_ALLOWED,
                reason="nobody acts as the clock",
                remedy="Use your own profile",
                field="actor.role",
            )
        if len(command.model_dump_json()) > COMMAND_LIMIT:
            return Refusal(
                code=Code.OUT_OF_LIMITS,
                reason=f"a command takes at most {COMMAND_LIMIT} bytes",
                remedy="Send less text; documents belong elsewhere, by reference",
            )
        if self._diverged:
            return Refusal(
                code=Code.HELD,
                reason="this journey is quarantined: its record says something else",
                remedy="Tell ops; nothing was overwritten",
            )
        return None

    def _accept(self, command: Command, *, unanswered: bool = False) -> Receipt:
        """Decide a command and take in what follows."""
        at = workflow.now()
        decided = self._screen(command) or decide(self._journey, command, at)
        refusal = decided if isinstance(decided, Refusal) else None
        if isinstance(decided, Refusal):
            decided = keep_refusal(self._journey, command, decided, at, unanswered=unanswered)
        self._take(decided)
        if decided:
            self._unrecorded.append((self._journey.version, command))
        if refusal is not None:
            return Receipt(version=self._journey.version, refusal=refusal)
        receipt = self._journey.commands.get(str(command.command_id))
        return Receipt(version=self._journey.version if receipt is None else receipt.version)

    def _take(self, events: tuple[Event, ...]) -> None:
        if events:
            stage = self._journey.stage
            self._journey = fold(events, self._journey)
            if self._journey.stage != stage:
                self._crossed = True
                workflow.logger.info("journey.stage_entered", extra={"stage": self._journey.stage.value})
            self._send(events)

    def _send(self, events: tuple[Event, ...]) -> None:
        self._outbox.extend(events)
        self._alarms.extend(notice for event in events for notice in notices(event) if notice.alarm)

    def _read_inbox(self) -> None:
        while self._inbox:
            name, payload = self._inbox.pop(0)
            command = _readable(name, payload)
            if command is not None:
                self._accept(command, unanswered=True)
            elif len(self._journey.messages) < UNREADABLE_KEPT:
                self._by_clock("unreadable", KeepUnreadable(name=name[:200] or "unnamed", content=_text(payload)))

    def _pass_deadline(self) -> None:
        deadline = next_deadline(self._journey)
        if deadline is not None and deadline <= workflow.now():
            self._by_clock("deadline", PassDeadline())

    def _by_clock(self, what: str, body: PassDeadline | KeepUnreadable) -> None:
        command_id = uuid5(self._journey.id, f"{what}:{self._journey.version}")
        decided = decide(self._journey, Command(command_id=command_id, actor=CLOCK, body=body), workflow.now())
        if not isinstance(decided, Refusal):
            self._take(decided)

    def _settle(self) -> None:
        """Look at what has finished."""
        if self._recording is not None and self._recording.done():
            try:
                self._recorded = self._recording.result().version
                self._outbox = [event for event in self._outbox if event.version > self._recorded]
                self._unrecorded = [(v, command) for v, command in self._unrecorded if v > self._recorded]
            except ActivityError:
                self._conflict()
            self._recording = None
        if self._loading is not None and self._loading.done():
            self._adopt(self._loading.result().events)
            self._loading = None
        self._alarming = [alarm for alarm in self._alarming if not alarm.done()]

    def _conflict(self) -> None:
        """The record holds other events for these versions.

        After a reset that is as it should be: the same commands were decided again, at a later time, and what
        was recorded first stands. Without one it must never happen: nothing is overwritten, and ops decide.
        """
        info = workflow.info()
        if info.original_execution_run_id not in (None, info.run_id):
            self._loading = workflow.start_activity(
                LOAD,
                self._journey.id,
                result_type=Loaded,
                start_to_close_timeout=ATTEMPT,
                retry_policy=RETRY,
                summary="read the journey back after a reset",
            )
        else:
            self._diverged = True
            workflow.logger.error("journey.diverged")

    def _adopt(self, recorded: tuple[Event, ...]) -> None:
        """Go on from what is recorded; commands the record does not know are decided anew on top of it."""
        again = [command for _, command in self._unrecorded]
        self._journey = fold(recorded)
        self._recorded = self._journey.version
        self._outbox, self._unrecorded, self._alarms = [], [], []
        for command in again:
            if str(command.command_id) not in self._journey.commands:
                self._accept(command, unanswered=True)

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
            batch = tuple(self._outbox)
            self._recording = workflow.start_activity(
                APPEND,
                Batch(
                    journey_id=self._journey.id,
                    expected_version=self._recorded,
                    events=batch,
                    notices=tuple(n for event in batch for n in notices(event) if not n.alarm),
                    closes=isinstance(batch[-1].body, PathwayClosed),
                ),
                result_type=Recorded,
                start_to_close_timeout=ATTEMPT,
                retry_policy=RETRY,
                summary=f"record versions {batch[0].version} to {batch[-1].version}",
            )

    @property
    def _may_record(self) -> bool:
        return bool(self._outbox) and not (self._recording or self._loading or self._diverged)

    @property
    def _busy(self) -> bool:
        return bool(self._outbox or self._alarms or self._alarming or self._recording or self._loading or self._inbox)

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
        moved = workflow.info().is_target_worker_deployment_version_changed()
        workflow.continue_as_new(
            Begin(journey=self._journey, recorded=self._recorded),
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
            first = next(o for o in obligations(self._journey) if o.next_step == deadline)
            delay = max(deadline - workflow.now(), timedelta())
            self._timer = asyncio.create_task(_sleep(delay, first.what))

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
        return bool(
            self._inbox
            or self._alarms
            or self._may_record
            or (self._loading is not None and self._loading.done())
            or (self._recording is not None and self._recording.done())
            or any(alarm.done() for alarm in self._alarming)
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


def _text(payload: Sequence[RawValue]) -> str:
    return "\n".join(raw.payload.data.decode(errors="replace") for raw in payload)[:16_000]
