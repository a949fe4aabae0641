"""Record again what runs had handed to a record, by the activity that recorded it."""

from collections.abc import Iterable
from uuid import UUID

import structlog
from temporalio.exceptions import ApplicationError

from activities.record import Record, TwoPatients, patient_index
from activities.record.patients import opening_of
from activities.record_activities import RecordActivities
from activities.signatures.register_file import RegisterFile
from application.temporal.journeys import KeptBatch
from workflows.journey.aggregate import begin
from workflows.journey.decided import Batch, derive

log = structlog.get_logger("recover")


async def record_again(record: Record, register: RegisterFile, kept: Iterable[KeptBatch]) -> dict[UUID, str]:
    """Record batches in the order in which they were recorded before, over all journeys: what one journey was decided
    on is then known again of the others. Return why a journey could not go on."""
    recording = RecordActivities(record, register, demonstrations=(await record.log()).demonstration)
    problems: dict[UUID, str] = {}
    for each in sorted(kept, key=lambda each: each.at):
        batch = each.batch
        if batch.journey_id in problems:
            continue
        try:
            await _enrol_again(record, batch)
            told = await recording.append(batch)
            if told.version < batch.last_version:
                problems[batch.journey_id] = (
                    "it rests on what the record does not know of the patient's other journeys, or other rules than "
                    "these decided it"
                )
        except ApplicationError as refused:
            problems[batch.journey_id] = f"the record does not take it: {refused.message}"
        except TwoPatients:
            problems[batch.journey_id] = "its patient is known as two"
        else:
            log.info("recover.recorded", journey_id=str(batch.journey_id), version=batch.last_version)
    return problems


async def _enrol_again(record: Record, batch: Batch) -> None:
    [first, *_] = batch.commands
    opened = derive(None, {}, first.decided)
    if opened:
        journey = begin(opened[0])
        await patient_index.enrol(
            record,
            opening_of(record.patients, journey),
            pathway=journey.protocol.pathway,
            # The request itself is in no event: the command that it gave stands for it.
            request_id=first.decided.command.command_id,
            journey_id=batch.journey_id,
        )
