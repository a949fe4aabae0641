"""The activities that append a journey's events to the record, and read them back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.notices import deliver
from activities.record.event_codec import from_stored, load_events, to_new
from activities.record.patients import SeenElsewhere, concerns_patient, knows_all, look_elsewhere, opening_of
from activities.record.store import (
    Diverged,
    MoreIsKnown,
    NotAppendable,
    OverLimit,
    PatientHasOpenJourney,
    Record,
    TwoPatients,
    VersionConflict,
    patient_key,
)
from activities.record.verification.batches import NEEDS_PROOF, find_unproven
from activities.signatures.signer_registry import RegisterFile
from activities.signatures.staff import claims_staff, unknown_actors
from workflows.journey.aggregate import begin, fold
from workflows.journey.events import Event, PathwayStarted, PatientMerged
from workflows.journey.notices import Notice, notices
from workflows.journey.receipts import receipts_of
from workflows.messages import (
    DIVERGED,
    LIMIT,
    OPEN_JOURNEY,
    PAYLOAD_BYTES,
    TRY_AGAIN,
    Batch,
    EventPage,
    Recorded,
    StateDigest,
    append_to_record,
    catch_up_with_record,
    state_digest,
)

log = structlog.get_logger("record")


def _refused(why: str) -> ApplicationError:
    return ApplicationError(f"not recorded: {why}", type=DIVERGED, non_retryable=True)


class RecordActivities:
    """Appends events to one record after verifying them with this register, and reads what is recorded."""

    def __init__(self, record: Record, register: RegisterFile, *, demonstrations: bool = False) -> None:
        self._record = record
        self._register = register
        self._demonstrations = demonstrations

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
        await self._prove_staff(batch)
        rests = concerns_patient(batch.events)
        seen: SeenElsewhere | None = None
        if rests or any(event.body.kind in NEEDS_PROOF for event in batch.events):
            recorded = await self._load(batch.journey_id)
            before = [event for event in recorded if event.version <= batch.expected_version]
            self._prove(before, batch)
            # A retry finds what an earlier attempt recorded, whatever became known since.
            if rests and len(before) == len(recorded):
                state = fold(before) if before else None
                seen = await look_elsewhere(self._record, state or begin(batch.events[0]))
                if not knows_all(state, batch.events, seen.elsewhere):
                    log.warning("patient.more_is_known", journey_id=str(batch.journey_id))
                    return Recorded(version=batch.expected_version, position=seen.position, elsewhere=seen.elsewhere)
        position = await self._append(batch, seen)
        leaving = [notice for event in batch.events for notice in notices(event) if not notice.alarm]
        if leaving:
            await self._deliver(leaving, await self._clinic_of(batch))
        told = None
        if any(isinstance(event.body, PathwayStarted | PatientMerged) for event in batch.events):
            journey = fold(await self._load(batch.journey_id))
            seen = await look_elsewhere(self._record, journey)
            told = None if seen.elsewhere == journey.elsewhere else seen.elsewhere
            position = max(position, seen.position)
        return Recorded(version=batch.events[-1].version, position=position, elsewhere=told)

    async def _append(self, batch: Batch, seen: SeenElsewhere | None) -> int:
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
        return appended.position

    async def _deliver(self, leaving: Sequence[Notice], clinic: str) -> None:
        now = datetime.now(UTC)
        await deliver(self._record, leaving, clinic=clinic, register=self._register, at=now)

    async def _prove_staff(self, batch: Batch) -> None:
        """Refuse what staff did whom the register does not know. It is read only for events that need it, so that a
        hold or a report never waits for it."""
        if not any(claims_staff(event) for event in batch.events):
            return
        clinic = await self._clinic_of(batch)
        problem = next(unknown_actors(self._register.current(), clinic, batch.events), None)
        if problem is not None:
            log.error("sender.unproven", journey_id=str(batch.journey_id))
            raise _refused(problem)

    async def _clinic_of(self, batch: Batch) -> str:
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

    async def _load(self, journey_id: UUID) -> tuple[Event, ...]:
        try:
            return await load_events(self._record, journey_id)
        except ValueError:
            raise _refused("the journey's record holds a row that is no event") from None

    def _prove(self, before: Sequence[Event], batch: Batch) -> None:
        problem = find_unproven((*before, *batch.events), self._register.current(), recorded=len(before))
        if problem is not None:
            log.error("signoff.unproven", journey_id=str(batch.journey_id))
            raise _refused(problem)

    @activity.defn(name=catch_up_with_record.__name__)
    async def catch_up(self, handed: StateDigest) -> EventPage:
        """Return what is recorded of a journey, from its beginning and in pages, if it differs from the state of the
        run.

        The previous run may have ended between an append and its notices. They leave here at the latest.
        """
        run_id = activity.info().workflow_run_id or ""
        stored = await self._record.load(handed.journey_id, after_version=handed.after_version)
        recorded = [from_stored(row) for row in stored]
        if recorded and not handed.after_version and state_digest(fold(recorded), receipts_of(recorded)) == handed:
            return EventPage(run_id=run_id)
        size = 0
        page: list[Event] = []
        for row, event in zip(stored, recorded, strict=True):
            size += len(row.payload)
            if page and size > PAYLOAD_BYTES:
                break
            page.append(event)
        if recorded and isinstance(recorded[0].body, PathwayStarted):
            clinic = recorded[0].body.clinic
            await self._deliver([notice for event in page for notice in notices(event)], clinic)
        return EventPage(events=tuple(page), more=len(page) < len(recorded), run_id=run_id)
