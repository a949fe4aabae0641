"""The activities that append a journey's events to the record, and compare a run with it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.append_outcomes import (
    decide_again,
    leave_to_others,
    quarantine,
    refused,
    wait_for_clock,
    wait_for_register,
)
from activities.batch_proofs import BatchProofs, UnknownSender, needs_register
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
from activities.record.event_codec import to_new
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
from activities.record.reconciliation import record_mark
from activities.record.recorded_journeys import RecordedJourney, RecordedJourneys
from activities.record.snapshots import keep_snapshot, load_folded
from activities.record.store import Record
from activities.record.stored import Appended, NewCommand, NewEvent
from activities.record.verification.batches import (
    Derived,
    OtherRules,
    Unproven,
    derive_batch,
    is_known_already,
    second_identity,
)
from activities.record.verification.builds import Builds
from activities.record.watching import now as time_of
from activities.seen_registers import SeenRegisters
from activities.signatures.register_file import RegisterFile
from activities.signatures.sessions import ThisLog
from activities.signatures.signer_registry import RegisterError
from activities.signatures.staff import staff_news
from activities.signs_of_life import showing_life
from activities.standing import Standing, read_standing, recorded_of
from workflows.journey.aggregate import Journey, begin, fold
from workflows.journey.decided import Batch, DecidedBy
from workflows.journey.events import Event, MergeProposed, PathwayStarted, PatientMerged, PatientUnmerged
from workflows.journey.receipts import receipts_of
from workflows.journey.views.notices import Notice, notices
from workflows.journey.vocabulary.actors import CareTeamMember
from workflows.messages import (
    DIVERGED,
    LIMIT,
    NOT_TAKEN,
    OPEN_JOURNEY,
    TRY_AGAIN,
    UNPROVEN_RECORD,
    AnsweredBefore,
    Others,
    Recorded,
    RecordedState,
    StateDigest,
    append_to_record,
    catch_up_with_record,
    look_at_others,
    state_digest,
)

log = structlog.get_logger("record")

NOTICES_AT_ONCE = 500
"""How many notices one statement delivers."""
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


class RecordActivities:
    """Appends events to one record after deciding their commands again, and compares runs with it.

    ``log`` is that of the record, unless it is to be taken for another kind of log than one that allows these
    ``demonstrations``. ``builds`` derive what other rules decided, where there are patients. ``tell`` has a journey
    look at the patient's others; ``find_answered`` reads what was answered before a reset. ``journeys`` are those that
    this process has read or written last.
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
        journeys: RecordedJourneys | None = None,
    ) -> None:
        self._tell, self._find_answered = tell, find_answered
        self._record = record
        self._register = register
        self._demonstrations = demonstrations
        self._recorded = RecordedJourneys() if journeys is None else journeys
        self._proofs = BatchProofs(
            record, SeenRegisters(record, register), builds or Builds(None), log, demonstrations=demonstrations
        )

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
                retried, when another journey of the patient went on meanwhile, or the register cannot be read, or a
                clock is ahead, or other rules decided the batch or something before it; and until the limit is higher.
        """
        try:
            return await self._decide_and_record(batch)
        except RegisterError as error:
            return wait_for_register(batch, error)

    async def _decide_and_record(self, batch: Batch) -> Recorded:
        if not batch.commands:
            raise refused("there is nothing in it")
        known = self._recorded.take(batch.journey_id, batch.expected_version)
        if known is not None and known.receipts is not None:
            try:
                return await self._record_after(batch, Standing(known))
            except (Unproven, UnreadableEvent, OtherHistory, Diverged, VersionConflict):
                # What this worker remembers is never the last word: the record is.
                log.warning("record.read_again", journey_id=str(batch.journey_id))
        try:
            return await self._record_after(batch, await read_standing(self._record, batch))
        except Unproven as problem:
            if isinstance(problem, UnknownSender):
                log.error("sender.unproven", journey_id=str(batch.journey_id))
            else:
                log.error("signoff.unproven", journey_id=str(batch.journey_id))
            if problem.command:
                return await self._decide_and_record(
                    batch.model_copy(update={"commands": batch.commands[: problem.command]})
                )
            unproven = UNPROVEN_RECORD if problem.command is None else NOT_TAKEN
            raise refused(str(problem), unproven if batch.expected_version > 0 else DIVERGED) from None
        except UnreadableEvent as unreadable:
            raise quarantine(unreadable) from None
        except (OtherHistory, Diverged, VersionConflict) as conflict:
            raise ApplicationError(str(conflict), type=DIVERGED, non_retryable=True) from None

    async def _record_after(self, batch: Batch, standing: Standing) -> Recorded:
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
            return decide_again(batch)
        same_rules = batch.by in (decided_by(), DecidedBy())
        try:
            found, after = derive_batch(batch.journey_id, batch.commands, before, same_rules=same_rules)
        except OtherRules:
            return leave_to_others(batch)
        second = second_identity(found)
        if second is not None:
            return await self._decide_and_record(batch.model_copy(update={"commands": batch.commands[:second]}))
        events = [event for derived in found for event in derived.events]
        self._require_allowed(events)
        try:
            after, valid_until = await self._proofs.prove(batch, standing, found, after)
        except RegisterError:
            first = next(place for place, each in enumerate(found) if needs_register(each, proven=after.proven))
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
            return decide_again(batch)
        except AheadOfClock as ahead:
            return wait_for_clock(batch, ahead.by)
        self._recorded.keep(after._replace(journey_hash=appended.journey_hash))
        earlier = None if before is None else before.journey
        return await self._leave(earlier, events, after.journey, appended.position, appended.journey_hash)

    async def _leave(
        self, before: Journey | None, events: Sequence[Event], journey: Journey, position: int, journey_hash: bytes
    ) -> Recorded:
        """Leave the notices of recorded events, have the patient's other journeys look, and say what the run has to
        know. Most alarms have left before; not where events are recorded again that a record lost."""
        leaving = [notice for event in events for notice in notices(event)]
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

    async def _answer_recorded(self, batch: Batch, standing: Standing) -> Recorded:
        """Answer a batch after whose beginning the journey goes on in the record: with what an earlier attempt
        recorded, all of it or its beginning, or have the run take in what is there.

        Raises:
            VersionConflict: something else is there.
        """
        same = recorded_of(batch, standing)
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
        return decide_again(batch)

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
                asked=[
                    self._record.patients.of_ref(event.body.other)
                    for event in events
                    if isinstance(event.body, MergeProposed)
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
        await deliver(self._record, leaving, clinic=clinic, register=self._register)

    def _require_allowed(self, events: Sequence[Event]) -> None:
        if not self._demonstrations and any(
            isinstance(event.body, PathwayStarted) and event.illustrative for event in events
        ):
            raise refused("demonstrations are not allowed here")

    @activity.defn(name=catch_up_with_record.__name__)
    async def catch_up(self, handed: StateDigest) -> RecordedState:
        """Return the state of a journey as recorded, if it differs from that of the run.

        The previous run may have ended between an append and its notices. They leave here at the latest, also those
        of what was recorded before an event that cannot be read.

        Raises:
            ApplicationError: not retryable, when an event cannot be read.
        """
        async with showing_life():
            return await self._read_back(handed)

    async def _read_back(self, handed: StateDigest) -> RecordedState:
        run_id = activity.info().workflow_run_id or ""
        try:
            answered = await self._find_answered(handed.journey_id, run_id) if handed.reset else AnsweredBefore()
            folded = await load_folded(self._record, handed.journey_id)
        except UnreadableEvent as unreadable:
            raise quarantine(unreadable) from None
        if folded is None:
            return RecordedState(run_id=run_id, answered=answered)
        answered = answered.beside(folded.state.receipts.values())
        leaving = [notice for event in folded.since for notice in notices(event)]
        for first in range(0, len(leaving), NOTICES_AT_ONCE):
            await self._deliver(leaving[first : first + NOTICES_AT_ONCE], folded.state.journey.clinic)
        if folded.unreadable is not None:
            raise quarantine(folded.unreadable)
        # After its notices have left: what a snapshot has is not looked at again.
        await keep_snapshot(self._record, folded)
        same = state_digest(folded.state.journey, folded.state.spelled) == handed.model_copy(update={"reset": False})
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
        folded.require_whole()
        seen = await look_elsewhere(self._record, folded.state.journey, self._recorded)
        staff = self._staff_news(folded.state.journey, await time_of(self._record))
        return Others(elsewhere=seen.elsewhere, position=seen.position, staff=staff)

    def _staff_news(self, journey: Journey, at: datetime) -> tuple[CareTeamMember, ...]:
        """Return what the register says of those whose tasks a journey has and who work for its clinic no more, or
        again, where the journey does not know it."""
        try:
            register = self._register.current()
        except RegisterError:
            return ()
        return staff_news(register, journey, at)
