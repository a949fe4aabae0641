"""The activities that append a journey's events to the record, and compare a run with it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple, TypeAlias
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.notices import deliver
from activities.record.command_codec import decided_by, to_kept
from activities.record.errors import (
    AheadOfClock,
    Diverged,
    MoreIsKnown,
    NotAppendable,
    OtherHistory,
    OverLimit,
    PatientHasOpenJourney,
    SignatureOver,
    TwoPatients,
    UnreadableEvent,
    VersionConflict,
)
from activities.record.event_codec import from_stored, to_new
from activities.record.patients import (
    Parted,
    SeenElsewhere,
    concerns_patient,
    knows_all,
    look_elsewhere,
    must_look,
    opening_of,
    part,
)
from activities.record.recorded_journeys import RecordedJourney, RecordedJourneys
from activities.record.snapshots import keep_snapshot, load_folded
from activities.record.store import Record
from activities.record.stored import BEFORE_THE_FIRST, Appended, NewCommand, NewEvent, StoredEvent
from activities.record.verification.batches import (
    MOVES,
    Derived,
    NotDerivable,
    OtherRules,
    Unproven,
    counts_until,
    derive_batch,
    is_known_already,
    prove_recorded,
    prove_signed,
)
from activities.record.verification.builds import Builds
from activities.seen_registers import SeenRegisters
from activities.signatures.register_file import RegisterFile
from activities.signatures.sessions import ThisLog, needs_session, unproven_events
from activities.signatures.signer_registry import RegisterError
from activities.signatures.staff import claims_staff, staff_news, unknown_actors
from activities.signatures.verifying import is_ours
from workflows.journey.actors import CareTeamMember
from workflows.journey.aggregate import Journey, begin, evolve, fold
from workflows.journey.decided import DecidedBy, events_digest
from workflows.journey.events import Delegated, Event, PathwayStarted, PatientMerged, PatientUnmerged, SignedOff
from workflows.journey.notices import Notice, notices
from workflows.journey.receipts import CommandReceipt, add_receipts, receipts_of
from workflows.messages import (
    AHEAD,
    DIVERGED,
    LIMIT,
    NOT_TAKEN,
    OPEN_JOURNEY,
    OTHER_BUILD,
    TRY_AGAIN,
    UNPROVEN,
    UNPROVEN_RECORD,
    AnsweredBefore,
    Batch,
    Others,
    Recorded,
    RecordedState,
    StateDigest,
    append_to_record,
    catch_up_with_record,
    look_at_others,
    record_mark,
    state_digest,
)

log = structlog.get_logger("record")

NOTICES_AT_ONCE = 500
"""How many notices one statement delivers."""
ATTEMPTS = 6
"""How often a batch waits for a worker with the rules that decided it, within some ten seconds, or for the clock. After
that the run decides it again."""
CLOCK_WAIT = timedelta(minutes=1)
"""How long an attempt waits at most for the clock of the database."""
PROOF_KEPT = timedelta(minutes=2)
"""How long the proof of a journey is kept for an attempt that asks for it later. The next attempt comes sooner."""

_Proved: TypeAlias = tuple[UUID, bytes | None]
"""A journey, and the hash of what is proven of it."""
Tell: TypeAlias = Callable[[UUID], Awaitable[None]]
"""Has the run of a journey look at the patient's other journeys again. It may fail silently: reconciliation does it
again."""


FindAnswered: TypeAlias = Callable[[UUID, str], Awaitable[AnsweredBefore]]
"""Returns how updates of a journey were answered of which nothing happened, before a reset made the run of this id."""


async def _tell_nobody(_journey_id: UUID) -> None:
    """What a recorder does that has no Temporal."""


async def _find_none(_journey_id: UUID, _run_id: str) -> AnsweredBefore:
    """What a recorder finds that has no Temporal."""
    return AnsweredBefore()


def _refused(why: str, kind: str = DIVERGED) -> ApplicationError:
    return ApplicationError(f"{UNPROVEN}{why}", type=kind, non_retryable=True)


def _leave_to_others(batch: Batch) -> Recorded:
    """Have a batch tried again where the rules are that decided it; have the run decide it again if there is no such
    worker."""
    log.warning("record.other_build", journey_id=str(batch.journey_id))
    if _may_try_again():
        raise ApplicationError("other rules than this worker's decided it; nothing is lost", type=OTHER_BUILD)
    return _decide_again(batch)


def _wait_for_clock(batch: Batch, ahead: timedelta) -> Recorded:
    """Have a batch tried again when the database's clock has come to it; have the run decide it again if that takes
    long."""
    if ahead > CLOCK_WAIT:
        log.error("record.ahead_of_clock", journey_id=str(batch.journey_id), seconds=round(ahead.total_seconds()))
    if _may_try_again():
        raise ApplicationError(
            "it is dated ahead of the record's clock; nothing is lost",
            type=AHEAD,
            next_retry_delay=min(ahead, CLOCK_WAIT) + timedelta(milliseconds=1),
        )
    return _decide_again(batch)


def _may_try_again() -> bool:
    return activity.in_activity() and activity.info().attempt < ATTEMPTS


def _decide_again(batch: Batch) -> Recorded:
    """Answer that nothing of a batch is recorded: the run reads the record, and decides again."""
    return Recorded(version=batch.expected_version, position=0)


def _unreadable(event: UnreadableEvent) -> ApplicationError:
    """Quarantine a journey of which an event cannot be read: what it says might change all that is decided after it."""
    log.error("record.unreadable", journey_id=str(event.journey_id), version=event.version)
    return _refused(str(event))


def _second_identity(found: Sequence[Derived]) -> int | None:
    """Return the place of the second command that says who is who, if there are two. It is recorded by itself: which
    keys are whose is read from the record, where the first one has to be by then."""
    said = (
        place
        for place, derived in enumerate(found)
        if any(isinstance(event.body, PatientMerged | PatientUnmerged) for event in derived.events)
    )
    return next(islice(said, 1, None), None)


def _moves(derived: Derived) -> bool:
    return any(isinstance(event.body, MOVES) for event in derived.events)


def _first_in_the_way(found: Sequence[Derived]) -> int | None:
    """Return the place of the first command that moves care on, if there are others that do not: a hold, a report and
    an alarm are recorded without it. The run sees to it that those it has accepted meanwhile are."""
    return None if all(map(_moves, found)) else _first_that_moves(found)


def _first_that_moves(found: Sequence[Derived]) -> int:
    return next(place for place, each in enumerate(found) if _moves(each))


def _is_signed(derived: Derived) -> bool:
    return any(isinstance(event.body, PathwayStarted | SignedOff | Delegated) for event in derived.events)


def _claims(derived: Derived) -> bool:
    """Whether somebody says who they are, so that the register has to say whether it is so."""
    return any(claims_staff(event) or needs_session(event) or event.proof for event in derived.events)


def _needs_register(derived: Derived, *, proven: bool) -> bool:
    """Whether a command can be recorded only while the register is read, after a journey that is ``proven`` or not."""
    return _claims(derived) or _is_signed(derived) or (not proven and _moves(derived))


def _urgent_waits(batch: Batch) -> bool:
    """Whether something in a batch is not to wait until the register can be read: what anybody may send. The run
    decides it again without what it claims, and before what moves care on."""
    return any(each.decided.command.body.by_anybody and not each.decided.own for each in batch.commands)


class _UnknownSender(Unproven):
    """An event is said to be done by somebody whom the register does not know."""


class _Standing(NamedTuple):
    """What is recorded of a journey up to where a batch goes on, how that was read, and what is recorded after it."""

    before: RecordedJourney | None
    rows: tuple[tuple[StoredEvent, Event], ...] = ()
    later: tuple[tuple[StoredEvent, Event], ...] = ()


class RecordActivities:
    """Appends events to one record after deciding their commands again, and compares runs with it.

    ``log`` is that of the record, unless it is to be taken for another kind of log than one that allows these
    ``demonstrations``. ``builds`` derive what other rules decided, where there are patients. ``tell`` has a journey
    look at the patient's others; ``find_answered`` reads what was answered before a reset.
    """

    def __init__(
        self,
        record: Record,
        register: RegisterFile,
        *,
        demonstrations: bool = False,
        log: ThisLog | None = None,
        builds: Builds | None = None,
        tell: Tell = _tell_nobody,
        find_answered: FindAnswered = _find_none,
    ) -> None:
        self._tell, self._find_answered = tell, find_answered
        self._record = record
        self._register = register
        self._registers = SeenRegisters(record, register)
        self._demonstrations = demonstrations
        self._log = log
        self._builds = Builds(None) if builds is None else builds
        self._recorded = RecordedJourneys()
        self._proofs: dict[_Proved, asyncio.Task[None]] = {}

    @activity.defn(name=append_to_record.__name__)
    async def append(self, batch: Batch) -> Recorded:
        """Decide the commands of a batch again on the journey as recorded, record what they give once, then leave its
        notices. Every retry finds what an earlier attempt did.

        A command that is recorded already, whose signature has expired by now, or that rests on less than is known of
        the patient, is not recorded: the answer has the run read the record, and decide again. So it is from a command
        on that is not taken, or that says who is who after another one has: what comes before it is recorded.

        Raises:
            ApplicationError: not retryable, when the record holds other events for these versions, or one before them
                that cannot be read, or the patient has another open journey with the medicine, or the first command is
                not taken: the batch does not follow from it, or it claims a decision that nobody signed, or a sender
                whom nothing proves; or all of it moves care on, and what is recorded before is not proven. To be
                retried, when another journey of the patient went on in the meantime, or other rules decided the batch,
                or something before it that no build derives, or a clock that is ahead; and until the limit is higher,
                when the record takes no batch of this size.
            RegisterError: to be retried: what is signed is not recorded until the register can be read again.
        """
        try:
            return await self._decide_and_record(batch)
        except RegisterError:
            if _may_try_again() and not _urgent_waits(batch):
                raise
            # Whoever signed or sent something is looked up again. A hold is not to wait for that behind them.
            log.error("record.register_away", journey_id=str(batch.journey_id))
            return _decide_again(batch)

    async def _decide_and_record(self, batch: Batch) -> Recorded:
        if not batch.commands:
            raise _refused("there is nothing in it")
        known = self._recorded.take(batch.journey_id, batch.expected_version)
        if known is not None and known.receipts is not None:
            try:
                return await self._record_after(batch, _Standing(known))
            except (Unproven, UnreadableEvent, OtherHistory, Diverged, VersionConflict):
                # What this worker remembers is never the last word: the record is.
                log.warning("record.read_again", journey_id=str(batch.journey_id))
        try:
            return await self._record_after(batch, await self._read(batch))
        except Unproven as problem:
            if isinstance(problem, _UnknownSender):
                log.error("sender.unproven", journey_id=str(batch.journey_id))
            else:
                log.error("signoff.unproven", journey_id=str(batch.journey_id))
            if problem.command:
                return await self._decide_and_record(
                    batch.model_copy(update={"commands": batch.commands[: problem.command]})
                )
            unproven = UNPROVEN_RECORD if problem.command is None else NOT_TAKEN
            raise _refused(str(problem), unproven if batch.expected_version > 0 else DIVERGED) from None
        except UnreadableEvent as unreadable:
            raise _unreadable(unreadable) from None
        except (OtherHistory, Diverged, VersionConflict) as conflict:
            raise ApplicationError(str(conflict), type=DIVERGED, non_retryable=True) from None

    async def _record_after(self, batch: Batch, standing: _Standing) -> Recorded:
        """Record a batch after what is recorded of the journey.

        Raises:
            Unproven: the batch, or something before it on which it rests, does not follow, or nobody signed it.
            OtherHistory, Diverged, VersionConflict: the record has something else than was read.
        """
        before = standing.before
        if standing.later:
            return await self._answer_recorded(batch, standing)
        version = 0 if before is None else before.journey.version
        if version != batch.expected_version:
            raise VersionConflict(version)
        if before is not None and is_known_already(batch.commands, [before.receipts or {}]):
            log.warning("record.known_already", journey_id=str(batch.journey_id))
            return _decide_again(batch)
        same_rules = batch.by in (decided_by(), DecidedBy())
        try:
            found, after = derive_batch(batch.journey_id, batch.commands, before, same_rules=same_rules)
        except OtherRules:
            return _leave_to_others(batch)
        second = _second_identity(found)
        if second is not None:
            return await self._decide_and_record(batch.model_copy(update={"commands": batch.commands[:second]}))
        events = [event for derived in found for event in derived.events]
        self._require_allowed(events)
        try:
            after, valid_until = await self._prove_batch(batch, standing, found, after)
        except RegisterError:
            first = next(place for place, each in enumerate(found) if _needs_register(each, proven=after.proven))
            if not first:
                raise
            return await self._decide_and_record(batch.model_copy(update={"commands": batch.commands[:first]}))
        seen: SeenElsewhere | None = None
        if concerns_patient(events):
            state = None if before is None else before.journey
            seen = await look_elsewhere(self._record, state or begin(events[0]), self._recorded)
            if not knows_all(state, events, seen.elsewhere):
                log.warning("patient.more_is_known", journey_id=str(batch.journey_id))
                return Recorded(version=batch.expected_version, position=seen.position, elsewhere=seen.elsewhere)
        other = next((event.body.other for event in events if isinstance(event.body, PatientUnmerged)), None)
        parted = None if other is None else await part(self._record, after.journey, other, self._recorded)
        follows = None if before is None else before.journey_hash
        try:
            appended = await self._append(batch, found, after, seen, parted, follows, valid_until)
        except SignatureOver:
            log.warning("signoff.too_late", journey_id=str(batch.journey_id))
            return _decide_again(batch)
        except AheadOfClock as ahead:
            return _wait_for_clock(batch, ahead.by)
        self._recorded.keep(after._replace(journey_hash=appended.journey_hash))
        earlier = None if before is None else before.journey
        return await self._leave(earlier, events, after.journey, appended.position, appended.journey_hash)

    async def _prove_batch(
        self, batch: Batch, standing: _Standing, found: Sequence[Derived], after: RecordedJourney
    ) -> tuple[RecordedJourney, datetime | None]:
        """Prove who sent a batch, what is recorded before it if it moves care on, and all that is signed in it. Return
        the journey after it, and until when that may be recorded.

        Raises:
            Unproven: something of that does not hold.
            RegisterError: it cannot be said now.
        """
        await self._prove_staff(after.journey.clinic, found)
        if not after.proven and any(map(_moves, found)):
            try:
                await self._prove(batch, standing)
            except NotDerivable as problem:
                log.error("record.not_derivable", journey_id=str(batch.journey_id))
                if _may_try_again():
                    raise ApplicationError("what is recorded cannot be derived here", type=OTHER_BUILD) from None
                raise Unproven(str(problem), _first_that_moves(found)) from None
            except Unproven as problem:
                raise Unproven(str(problem), _first_in_the_way(found)) from None
            after = after._replace(proven=True)
        if not any(map(_is_signed, found)):
            return after, None
        register = await self._registers.current()
        prove_signed(standing.before, found, register)
        return after, counts_until([event for derived in found for event in derived.events], register)

    async def _prove(self, batch: Batch, standing: _Standing) -> None:
        """Prove what is recorded before a batch. Of a very long journey that takes longer than one attempt may: nobody
        else waits for it, and the next attempt takes the same proof, whether or not it is made by then.

        Raises:
            Unproven: it does not follow, or somebody did not sign.
        """

        async def prove() -> None:
            rows = standing.rows or (await self._read(batch)).rows
            commands = await self._record.commands(batch.journey_id, until_version=batch.expected_version)
            derived = None if self._demonstrations else await self._builds.derive([row for row, _ in rows], commands)
            await asyncio.to_thread(prove_recorded, rows, commands, await self._registers.current(), derived)

        what = (batch.journey_id, standing.before and standing.before.journey_hash)
        proof = self._proofs.get(what)
        if proof is None:
            proof = self._proofs[what] = asyncio.create_task(prove())
            loop, kept = asyncio.get_running_loop(), PROOF_KEPT.total_seconds()
            proof.add_done_callback(lambda made: loop.call_later(kept, self._drop_proof, what, made))
        # Whoever gives up waiting ends no proof.
        await asyncio.wait([proof])
        if self._proofs.get(what) is proof:
            del self._proofs[what]
        proof.result()

    def _drop_proof(self, what: _Proved, made: asyncio.Task[None]) -> None:
        """Forget a proof for which no attempt came back. One that failed is told at least in the log."""
        if self._proofs.get(what) is made:
            del self._proofs[what]
            if not made.cancelled() and (problem := made.exception()) is not None:
                log.error("record.proof_failed", journey_id=str(what[0]), error=type(problem).__name__)

    async def _leave(
        self, before: Journey | None, events: Sequence[Event], journey: Journey, position: int, journey_hash: bytes
    ) -> Recorded:
        """Leave the notices of recorded events, have the patient's other journeys look, and say what the run has to
        know."""
        leaving = [notice for event in events for notice in notices(event) if not notice.alarm]
        if leaving:
            await self._deliver(leaving, journey.clinic)
        # All together: each may take most of the time that an attempt has.
        await asyncio.gather(*map(self._tell, await must_look(self._record, before, events, journey)))
        told = None
        if any(isinstance(event.body, PathwayStarted | PatientMerged | PatientUnmerged) for event in events):
            seen = await look_elsewhere(self._record, journey, self._recorded)
            told = None if seen.elsewhere == journey.elsewhere else seen.elsewhere
            position = max(position, seen.position)
        last = events[-1].version
        return Recorded(version=last, position=position, elsewhere=told, mark=record_mark(last, journey_hash))

    async def _answer_recorded(self, batch: Batch, standing: _Standing) -> Recorded:
        """Answer a batch after whose beginning the journey goes on in the record: with what an earlier attempt
        recorded, all of it or its beginning, or have the run take in what is there.

        Raises:
            VersionConflict: something else is there.
        """
        later = list(standing.later)
        same: list[tuple[StoredEvent, Event]] = []
        for each in batch.commands:
            recorded, later = later[: each.events], later[each.events :]
            if not recorded:
                break
            if events_digest(event for _, event in recorded) != each.digest:
                same = []
                break
            same += recorded
        if same:
            [*_, (row, _)] = same
            events = [event for _, event in same]
            earlier = None if standing.before is None else standing.before.journey
            journey = fold(events, earlier)
            return await self._leave(earlier, events, journey, row.position, row.journey_hash)
        before = standing.before
        receipts = [receipts_of(event for _, event in standing.later), (before and before.receipts) or {}]
        if not is_known_already(batch.commands, receipts):
            raise VersionConflict(standing.later[-1][1].version)
        log.warning("record.known_already", journey_id=str(batch.journey_id))
        return _decide_again(batch)

    async def _append(
        self,
        batch: Batch,
        found: Sequence[Derived],
        after: RecordedJourney,
        seen: SeenElsewhere | None,
        parted: Parted | None,
        follows: bytes | None,
        valid_until: datetime | None,
    ) -> Appended:
        by = decided_by()
        rows: list[NewEvent] = []
        commands: list[NewCommand] = []
        for derived in found:
            kept = to_kept(derived.decided, by)
            rows += (to_new(event, kept.digest) for event in derived.events)
            commands.append(NewCommand(events=len(derived.events), payload=kept.payload))
        events = [event for derived in found for event in derived.events]
        starts = isinstance(events[0].body, PathwayStarted)
        try:
            return await self._record.append(
                batch.journey_id,
                batch.expected_version,
                rows,
                closes=after.journey.closed,
                opening=opening_of(self._record.patients, begin(events[0])) if starts else None,
                rests_on=None if seen is None else seen.position,
                merges=[
                    self._record.patients.of_ref(event.body.other)
                    for event in events
                    if isinstance(event.body, PatientMerged)
                ],
                parts=() if parted is None else parted.keys,
                parts_read=None if parted is None else parted.position,
                follows=follows,
                commands=commands,
                valid_until=valid_until,
            )
        except NotAppendable as conflict:
            raise ApplicationError(str(conflict), type=DIVERGED, non_retryable=True) from None
        except OverLimit as over:
            log.error(
                "record.over_limit",
                journey_id=str(batch.journey_id),
                counted=over.counted,
                actual=over.actual,
                most=over.most,
            )
            raise ApplicationError(f"not recorded yet: {over}; nothing is lost", type=LIMIT) from None
        except MoreIsKnown as more:
            raise ApplicationError(str(more), type=TRY_AGAIN) from None
        except (PatientHasOpenJourney, TwoPatients) as problem:
            raise ApplicationError(str(problem), type=OPEN_JOURNEY, non_retryable=True) from None

    async def _deliver(self, leaving: Sequence[Notice], clinic: str) -> None:
        now = datetime.now(UTC)
        await deliver(self._record, leaving, clinic=clinic, register=self._register, at=now)

    def _require_allowed(self, events: Sequence[Event]) -> None:
        if not self._demonstrations and any(
            isinstance(event.body, PathwayStarted) and event.illustrative for event in events
        ):
            raise _refused("demonstrations are not allowed here")

    async def _prove_staff(self, clinic: str, found: Sequence[Derived]) -> None:
        """Refuse what was done by somebody whom nothing proves, or whom the register does not know. It is read only for
        events that need it, so that a hold or a report never waits for it."""
        if not any(map(_claims, found)):
            return
        if self._log is None:
            self._log = ThisLog(await self._record.log_name(), self._demonstrations)
        register = await self._registers.current()
        first = found[0].events[0]
        if isinstance(first.body, PathwayStarted) and not is_ours(
            begin(first).scope, register.organisation, self._log.name
        ):
            raise Unproven("version 1: it was begun for another organisation or record", 0)
        for place, derived in enumerate(found):
            problem = next(unknown_actors(register, clinic, derived.events), None)
            problem = problem or next(unproven_events(register, self._log, clinic, derived.events), None)
            if problem is not None:
                raise _UnknownSender(problem, place)

    async def _read(self, batch: Batch) -> _Standing:
        """Read what is recorded of a journey, up to the last version of a batch."""
        journey, journey_hash = None, BEFORE_THE_FIRST
        receipts: dict[UUID, CommandReceipt] = {}
        rows: list[tuple[StoredEvent, Event]] = []
        later: list[tuple[StoredEvent, Event]] = []
        async for page in self._record.read(batch.journey_id, until_version=batch.last_version):
            for row in page:
                event = from_stored(row)
                if row.version > batch.expected_version:
                    later.append((row, event))
                    continue
                rows.append((row, event))
                journey = begin(event) if journey is None else evolve(journey, event)
                add_receipts(receipts, [event])
                journey_hash = row.journey_hash
            # Folding takes the processor: give other tasks of this loop their turn.
            await asyncio.sleep(0)
        before = None
        if journey is not None:
            before = RecordedJourney(journey, journey_hash, receipts, rows[-1][1].at)
        return _Standing(before, tuple(rows), tuple(later))

    @activity.defn(name=catch_up_with_record.__name__)
    async def catch_up(self, handed: StateDigest) -> RecordedState:
        """Return the state of a journey as recorded, if it differs from that of the run.

        The previous run may have ended between an append and its notices. They leave here at the latest.

        Raises:
            ApplicationError: not retryable, when an event cannot be read.
        """
        run_id = activity.info().workflow_run_id or ""
        answered = AnsweredBefore()
        if handed.reset:
            answered = await self._find_answered(handed.journey_id, run_id)
        handed = handed.model_copy(update={"reset": False})
        try:
            folded = await load_folded(self._record, handed.journey_id)
        except UnreadableEvent as unreadable:
            raise _unreadable(unreadable) from None
        if folded is None:
            return RecordedState(run_id=run_id, answered=answered)
        leaving = [notice for event in folded.since for notice in notices(event)]
        for first in range(0, len(leaving), NOTICES_AT_ONCE):
            await self._deliver(leaving[first : first + NOTICES_AT_ONCE], folded.state.journey.clinic)
        # After its notices have left: what a snapshot has is not looked at again.
        await keep_snapshot(self._record, folded)
        same = state_digest(folded.state.journey, folded.state.spelled) == handed
        mark = record_mark(folded.state.journey.version, folded.journey_hash)
        return RecordedState(state=None if same else folded.state, run_id=run_id, mark=mark, answered=answered)

    @activity.defn(name=look_at_others.__name__)
    async def look(self, journey_id: UUID) -> Others:
        """Return what the other journeys of a recorded journey's patient say.

        Raises:
            ApplicationError: to be retried, when nothing of the journey is recorded.
        """
        folded = await load_folded(self._record, journey_id)
        if folded is None:
            raise ApplicationError("nothing of this journey is recorded", type=TRY_AGAIN)
        seen = await look_elsewhere(self._record, folded.state.journey, self._recorded)
        staff = self._staff_news(folded.state.journey)
        return Others(elsewhere=seen.elsewhere, position=seen.position, staff=staff)

    def _staff_news(self, journey: Journey) -> tuple[CareTeamMember, ...]:
        """Return what the register says of those whose tasks a journey has and who work for its clinic no more, or
        again, where the journey does not know it."""
        try:
            register, now = self._register.current(), datetime.now(UTC)
        except RegisterError:
            return ()
        return staff_news(register, journey, now)
