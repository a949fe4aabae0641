"""What the record knows of a patient beyond one journey, and the proof that a journey rests on all of it.

A rule about the patient is judged by the journey, from what is in its own events. Here is proved, when they are
recorded, that this is what the patient's other journeys say: first by content, then, under the lock of the log, that
none of them has gone on since. Who knew too little is told, and nothing is recorded.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from activities.privacy.patient_keys import PatientKeys
from activities.record.errors import RecordFault, RecordUnavailable
from activities.record.event_codec import load_journey
from activities.record.recorded_journeys import RecordedJourney, RecordedJourneys
from activities.record.store import Opening, Record
from workflows.journey.aggregate import Journey, evolve, fold
from workflows.journey.always.patient.model import Elsewhere, HistoryTakenIn
from workflows.journey.always.patient.rules import rests_on_patient, see_elsewhere
from workflows.journey.events import Event, PatientMerged
from workflows.journey.vocabulary import Patient


class SeenElsewhere(NamedTuple):
    """What the other journeys of a patient say up to a position of the record."""

    elsewhere: Elsewhere
    position: int


def opening_of(patients: PatientKeys, journey: Journey) -> Opening:
    """Return what the record keeps of a journey's beginning: the keys of its patient, and its medicine."""
    keys = patient_keys(patients, journey.clinic, journey.patient)
    return Opening(patient_keys=keys, medicine=journey.protocol.dose.medicine)


def patient_keys(patients: PatientKeys, clinic: str, patient: Patient) -> tuple[bytes, ...]:
    """Return the keys of a patient: of their reference, and of the clinic's own number for them if it gave one."""
    number = () if patient.number is None else (patients.of_number(clinic, patient.number),)
    return (patients.of_ref(patient.ref), *number)


def known_as(patients: PatientKeys, journey: Journey) -> frozenset[bytes]:
    """Return all keys by which a journey knows its patient: its own, and those that were merged into them."""
    merged = (patients.of_ref(merge.other) for merge in journey.merges.values() if merge.merged)
    return frozenset((*patient_keys(patients, journey.clinic, journey.patient), *merged))


def of_patient(patients: PatientKeys, journeys: Iterable[Journey], key: bytes) -> tuple[Journey, ...]:
    """Return those of these journeys that are of the patient with this key, by what they say of it themselves."""
    known = [(each, known_as(patients, each)) for each in journeys]
    keys = {key}
    while more := {k for _, theirs in known if keys & theirs for k in theirs} - keys:
        keys |= more
    return tuple(each for each, _ in known if keys & {*patient_keys(patients, each.clinic, each.patient)})


async def look_elsewhere(record: Record, journey: Journey, known: RecordedJourneys | None = None) -> SeenElsewhere:
    """Read what the other journeys of a journey's patient say, up to the present end of the record. Those that are
    known as they are there need not be read again."""
    known = known or RecordedJourneys()
    patient = await record.patient_journeys(record.patients.of_ref(journey.patient.ref))
    others: list[Journey] = []
    unreadable = False
    for journey_id, (version, journey_hash) in patient.reached.items():
        if journey_id == journey.id:
            continue
        other = known.find(journey_id, journey_hash)
        if other is None:
            try:
                other = await load_journey(record, journey_id, until_version=version)
            except (RecordUnavailable, RecordFault):
                raise
            except Exception:  # a row that only a superuser can have written can be wrong in any way
                unreadable = True
                continue
            if other is not None:
                known.keep(RecordedJourney(other, journey_hash))
        if other is not None:
            others.append(other)
    said = see_elsewhere(others, journey.protocol.dose.medicine, unreadable=unreadable)
    return SeenElsewhere(said, patient.position)


async def must_look(record: Record, before: Journey | None, events: Sequence[Event], after: Journey) -> frozenset[UUID]:
    """Return the patient's other open journeys that do not know what these events, between these states, have changed
    of what a journey says to others."""
    merged = any(isinstance(event.body, PatientMerged) for event in events)
    medicine = after.protocol.dose.medicine
    said = see_elsewhere([] if before is None else [before], medicine)
    if not merged and said == see_elsewhere([after], medicine):
        return frozenset()
    patient = await record.patient_journeys(record.patients.of_ref(after.patient.ref))
    return patient.open - {after.id}


def concerns_patient(events: Sequence[Event]) -> bool:
    """Whether any of these events rests on what is known of the patient, or says what that is."""
    return any(rests_on_patient(event.body) or isinstance(event.body, HistoryTakenIn) for event in events)


def knows_all(before: Journey | None, events: Sequence[Event], elsewhere: Elsewhere) -> bool:
    """Whether these events, after that state, rest on exactly this, and say nothing else."""
    journey = before
    for event in events:
        rests = rests_on_patient(event.body) and (journey is None or journey.elsewhere != elsewhere)
        if rests or (isinstance(event.body, HistoryTakenIn) and event.body.elsewhere != elsewhere):
            return False
        journey = fold([event]) if journey is None else evolve(journey, event)
    return True
