"""The activities that append a journey's events to the record, and read them back."""

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.notices import deliver
from activities.record.event_codec import from_stored, load_events, to_new
from activities.record.store import Diverged, NotAppendable, Record, VersionConflict
from activities.record.verification.batches import NEEDS_PROOF, find_unproven
from activities.signatures.signer_registry import RegisterFile
from activities.signatures.staff import claims_staff, unknown_actors
from workflows.journey.aggregate import fold
from workflows.journey.events import Event, PathwayStarted
from workflows.journey.notices import notices
from workflows.journey.receipts import receipts_of
from workflows.messages import (
    DIVERGED,
    PAYLOAD_BYTES,
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

        Raises:
            ApplicationError: not retryable, when the record holds other events for these versions, or the journey
                claims a decision that nobody signed.
            RegisterError: nothing signed can be recorded until the register is readable again.
        """
        for number, event in enumerate(batch.events, start=1):
            if (event.journey_id, event.version) != (batch.journey_id, batch.expected_version + number):
                raise _refused("an event is another journey's, or out of order")
            if isinstance(event.body, PathwayStarted) and event.illustrative and not self._demonstrations:
                raise _refused("demonstrations are not allowed here")
        await self._prove_staff(batch)
        if any(event.body.kind in NEEDS_PROOF for event in batch.events):
            await self._prove(batch)
        try:
            appended = await self._record.append(
                batch.journey_id,
                batch.expected_version,
                [to_new(event) for event in batch.events],
                closes=batch.closes,
            )
        except (Diverged, VersionConflict, NotAppendable) as conflict:
            raise ApplicationError(str(conflict), type=DIVERGED, non_retryable=True) from None
        if appended.last_version != batch.events[-1].version:
            raise ApplicationError("the record has these events at other versions", type=DIVERGED, non_retryable=True)
        await deliver(self._record, [n for event in batch.events for n in notices(event) if not n.alarm])
        return Recorded(version=batch.events[-1].version, position=appended.position)

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

    async def _prove(self, batch: Batch) -> None:
        try:
            recorded = await load_events(self._record, batch.journey_id)
        except ValueError:
            raise _refused("the journey's record holds a row that is no event") from None
        before = [event for event in recorded if event.version <= batch.expected_version]
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
        await deliver(self._record, [notice for event in page for notice in notices(event)])
        return EventPage(events=tuple(page), more=len(page) < len(recorded), run_id=run_id)
