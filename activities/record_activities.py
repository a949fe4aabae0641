"""The activities that append a journey's events to the record, and compare a run with it."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.notices import deliver
from activities.record.event_codec import from_stored, to_new
from activities.record.patients import SeenElsewhere, concerns_patient, knows_all, look_elsewhere, opening_of
from activities.record.recorded_journeys import Proven, RecordedJourney, RecordedJourneys, follow
from activities.record.snapshots import keep_snapshot, load_folded
from activities.record.store import (
    BEFORE_THE_FIRST,
    Appended,
    Diverged,
    MoreIsKnown,
    NotAppendable,
    OtherHistory,
    OverLimit,
    PatientHasOpenJourney,
    Record,
    TwoPatients,
    VersionConflict,
    patient_key,
)
from activities.record.verification.batches import NEEDS_PROOF, Unproven, prove
from activities.seen_registers import SeenRegisters
from activities.signatures.sessions import ThisLog, needs_session, unproven_events
from activities.signatures.signer_registry import RegisterFile
from activities.signatures.staff import claims_staff, unknown_actors
from workflows.journey.aggregate import begin
from workflows.journey.events import PathwayStarted, PatientMerged
from workflows.journey.notices import Notice, notices
from workflows.messages import (
    DIVERGED,
    LIMIT,
    OPEN_JOURNEY,
    TRY_AGAIN,
    UNPROVEN,
    Batch,
    Recorded,
    RecordedState,
    StateDigest,
    append_to_record,
    catch_up_with_record,
    record_mark,
    state_digest,
)

log = structlog.get_logger("record")

NOTICES_AT_ONCE = 500
"""How many notices one statement delivers."""


def _refused(why: str) -> ApplicationError:
    return ApplicationError(f"{UNPROVEN}{why}", type=DIVERGED, non_retryable=True)


class _UnknownSender(Unproven):
    """An event is said to be done by somebody whom the register does not know."""


class RecordActivities:
    """Appends events to one record after verifying them with this register, and compares runs with it.

    ``log`` is that of the record, unless it is to be taken for another kind of log than one that allows these
    ``demonstrations``.
    """

    def __init__(
        self, record: Record, register: RegisterFile, *, demonstrations: bool = False, log: ThisLog | None = None
    ) -> None:
        self._record = record
        self._register = register
        self._registers = SeenRegisters(record, register)
        self._demonstrations = demonstrations
        self._log = log
        self._recorded = RecordedJourneys()

    @activity.defn(name=append_to_record.__name__)
    async def append(self, batch: Batch) -> Recorded:
        """Record a batch once, then leave its notices. Every retry finds what an earlier attempt did.

        What rests on less than is known of the patient is not recorded; what else is known is the answer.

        Raises:
            ApplicationError: not retryable, when the record holds other events for these versions, or the journey
                claims a decision that nobody signed, or the patient has another open journey with the medicine. To be
                retried, when another journey of the patient went on in the meantime.
                To be retried until the limit is higher, when the record takes no batch of this size.
            RegisterError: nothing signed can be recorded until the register is readable again.
        """
        for number, event in enumerate(batch.events, start=1):
            if (event.journey_id, event.version) != (batch.journey_id, batch.expected_version + number):
                raise _refused("an event is another journey's, or out of order")
            if isinstance(event.body, PathwayStarted) and event.illustrative and not self._demonstrations:
                raise _refused("demonstrations are not allowed here")
        known = self._recorded.take(batch.journey_id, batch.expected_version)
        if known is not None:
            try:
                return await self._record_after(batch, known)
            except (Unproven, OtherHistory):
                # What this worker remembers is never the last word: the record is.
                log.warning("record.read_again", journey_id=str(batch.journey_id))
        try:
            return await self._record_after(batch, None)
        except Unproven as problem:
            if isinstance(problem, _UnknownSender):
                log.error("sender.unproven", journey_id=str(batch.journey_id))
            else:
                log.error("signoff.unproven", journey_id=str(batch.journey_id))
            raise _refused(str(problem)) from None

    async def _record_after(self, batch: Batch, known: RecordedJourney | None) -> Recorded:
        """Record a batch after what is known of the journey; if that is nothing, after what the record says, read if
        the batch needs it.

        Raises:
            Unproven: the batch, or something before it, claims what nobody decided.
            OtherHistory: the record's journey is not the one that was known.
        """
        await self._prove_staff(batch, known)
        rests = concerns_patient(batch.events)
        before = None if known is None else known.proven
        follows = None if known is None else known.journey_hash
        after: Proven | None = None
        seen: SeenElsewhere | None = None
        if rests or any(event.body.kind in NEEDS_PROOF for event in batch.events):
            goes_on = False
            if before is None:
                before, follows, goes_on = await self._prove_recorded(batch)
            after = prove(batch.events, await self._registers.current(), before)
            # A retry finds what an earlier attempt recorded, whatever became known since.
            if rests and not goes_on:
                state = None if before is None else before.journey
                seen = await look_elsewhere(self._record, state or begin(batch.events[0]), self._recorded)
                if not knows_all(state, batch.events, seen.elsewhere):
                    log.warning("patient.more_is_known", journey_id=str(batch.journey_id))
                    return Recorded(version=batch.expected_version, position=seen.position, elsewhere=seen.elsewhere)
        elif before is not None:
            after = reduce(follow, batch.events, before)
        appended = await self._append(batch, seen, follows)
        if after is not None:
            self._recorded.keep(RecordedJourney(after.journey, appended.journey_hash, after))
        leaving = [notice for event in batch.events for notice in notices(event) if not notice.alarm]
        if leaving:
            await self._deliver(leaving, await self._clinic_of(batch, after))
        position, told = appended.position, None
        if any(isinstance(event.body, PathwayStarted | PatientMerged) for event in batch.events):
            assert after is not None
            seen = await look_elsewhere(self._record, after.journey, self._recorded)
            told = None if seen.elsewhere == after.journey.elsewhere else seen.elsewhere
            position = max(position, seen.position)
        mark = record_mark(appended.last_version, appended.journey_hash)
        return Recorded(version=batch.events[-1].version, position=position, elsewhere=told, mark=mark)

    async def _append(self, batch: Batch, seen: SeenElsewhere | None, follows: bytes | None) -> Appended:
        first = batch.events[0]
        try:
            appended = await self._record.append(
                batch.journey_id,
                batch.expected_version,
                [to_new(event) for event in batch.events],
                closes=batch.closes,
                opening=opening_of(begin(first)) if isinstance(first.body, PathwayStarted) else None,
                rests_on=None if seen is None else seen.position,
                merges=[
                    patient_key(event.body.other) for event in batch.events if isinstance(event.body, PatientMerged)
                ],
                follows=follows,
            )
        except (Diverged, VersionConflict, NotAppendable) as conflict:
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
        if appended.last_version != batch.events[-1].version:
            raise ApplicationError("the record has these events at other versions", type=DIVERGED, non_retryable=True)
        return appended

    async def _deliver(self, leaving: Sequence[Notice], clinic: str) -> None:
        now = datetime.now(UTC)
        await deliver(self._record, leaving, clinic=clinic, register=self._register, at=now)

    async def _prove_staff(self, batch: Batch, known: RecordedJourney | None) -> None:
        """Refuse what was done by somebody whom nothing proves, or whom the register does not know. It is read only for
        events that need it, so that a hold or a report never waits for it."""
        if not any(claims_staff(event) or needs_session(event) or event.proof for event in batch.events):
            return
        clinic = await self._clinic_of(batch, None if known is None else known.proven)
        if self._log is None:
            self._log = ThisLog(await self._record.log_name(), self._demonstrations)
        register = await self._registers.current()
        problem = next(unknown_actors(register, clinic, batch.events), None)
        problem = problem or next(unproven_events(register, self._log, clinic, batch.events), None)
        if problem is not None:
            raise _UnknownSender(problem)

    async def _clinic_of(self, batch: Batch, proven: Proven | None) -> str:
        if proven is not None:
            return proven.journey.clinic
        opening = batch.events[0]
        if not isinstance(opening.body, PathwayStarted):
            stored = await self._record.load_opening(batch.journey_id)
            if stored is None:
                raise _refused("nothing was started")
            try:
                opening = from_stored(stored)
            except ValueError:
                raise _refused("the journey's record holds a row that is no event") from None
        assert isinstance(opening.body, PathwayStarted)
        return opening.body.clinic

    async def _prove_recorded(self, batch: Batch) -> tuple[Proven | None, bytes, bool]:
        """Prove what is recorded of a journey before a batch. Return that, its hash, and whether the journey goes on
        after it."""
        proven, journey_hash, register = None, BEFORE_THE_FIRST, await self._registers.current()
        async for page in self._record.read(batch.journey_id):
            for row in page:
                if row.version > batch.expected_version:
                    return proven, journey_hash, True
                try:
                    event = from_stored(row)
                except ValueError:
                    raise _refused("the journey's record holds a row that is no event") from None
                proven = prove([event], register, proven, recorded=batch.expected_version)
                journey_hash = row.journey_hash
            # Proving takes the processor: give other tasks of this loop their turn.
            await asyncio.sleep(0)
        return proven, journey_hash, False

    @activity.defn(name=catch_up_with_record.__name__)
    async def catch_up(self, handed: StateDigest) -> RecordedState:
        """Return the state of a journey as recorded, if it differs from that of the run.

        The previous run may have ended between an append and its notices. They leave here at the latest.
        """
        run_id = activity.info().workflow_run_id or ""
        folded = await load_folded(self._record, handed.journey_id)
        if folded is None:
            return RecordedState(run_id=run_id)
        leaving = [notice for event in folded.since for notice in notices(event)]
        for first in range(0, len(leaving), NOTICES_AT_ONCE):
            await self._deliver(leaving[first : first + NOTICES_AT_ONCE], folded.state.journey.clinic)
        # After its notices have left: what a snapshot has is not looked at again.
        await keep_snapshot(self._record, folded)
        same = state_digest(folded.state.journey, folded.state.spelled) == handed
        mark = record_mark(folded.state.journey.version, folded.journey_hash)
        return RecordedState(state=None if same else folded.state, run_id=run_id, mark=mark)
