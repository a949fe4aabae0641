"""What the record knows of a patient beyond one journey, and the proof that a journey rests on all of it.

A rule about the patient is judged by the journey, from what is in its own events. Here is proved, when they are
recorded, that this is what the patient's other journeys say: first by content, then, under the lock of the log, that
none of them has gone on since. Who knew too little is told, and nothing is recorded.
"""

from collections.abc import Container, Iterable, Sequence, Set
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog

from activities.privacy.patient_keys import PatientKeys
from activities.record import patient_index
from activities.record.errors import KeyAway, MoreIsKnown, UnreadableEvent
from activities.record.event_codec import load_journey
from activities.record.recorded_journeys import RecordedJourney, RecordedJourneys
from activities.record.store import Record
from activities.record.stored import Opening
from workflows.journey.aggregate import Journey, evolve, fold
from workflows.journey.always.patient.elsewhere import find_asked, see_elsewhere
from workflows.journey.always.patient.model import Elsewhere, HistoryTakenIn
from workflows.journey.always.patient.rules import rests_on_patient
from workflows.journey.events import Event, PatientMerged, PatientUnmerged
from workflows.journey.vocabulary.clinical import Patient

log = structlog.get_logger("record")


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


class Said(NamedTuple):
    """What a journey says of who its patient is: the keys of their references, with those that were merged into them;
    the clinic's number, if it gave one; the keys of whom two people signed to be somebody else; and the keys of whom
    somebody said that they are this patient. They are sorted by when the journeys began."""

    began: tuple[datetime, UUID]
    refs: tuple[bytes, ...]
    number: bytes | None
    others: tuple[bytes, ...]
    asked: tuple[bytes, ...]


def said_of_patient(patients: PatientKeys, journey: Journey, still: Container[str] = ()) -> Said:
    """Return what a journey says of who its patient is. ``still`` are references that count although their merge was
    undone."""
    own, *number = patient_keys(patients, journey.clinic, journey.patient)
    merged = [each.other for each in journey.merges.values() if each.merged or (each.undone and each.other in still)]
    undone = [each.other for each in journey.merges.values() if each.undone and each.other not in merged]
    return Said(
        began=(journey.started_at, journey.id),
        refs=(own, *map(patients.of_ref, merged)),
        number=number[0] if number else None,
        others=tuple(map(patients.of_ref, undone)),
        asked=tuple(patients.of_ref(each.other) for each in journey.merges.values() if each.proposed),
    )


def tell_apart(said: Iterable[Said]) -> dict[bytes, bytes]:
    """Return of each key one that stands for its patient, by what all these journeys say. Who was signed to be
    somebody else is one by no number of a clinic: that of two such patients, which a journey named while they counted
    as one, is whose journey named it first."""
    every = sorted(said)
    group: dict[bytes, bytes] = {}

    def root(key: bytes) -> bytes:
        while group.setdefault(key, key) != key:
            key = group[key]
        return key

    for each in every:
        for key in each.refs:
            group[root(key)] = root(each.refs[0])
    two = [(each.refs[0], other) for each in every for other in each.others]
    for each in every:
        if each.number is not None:
            named, own = root(each.number), root(each.refs[0])
            if not any({root(one), root(other)} == {named, own} for one, other in two):
                group[named] = own
    return {key: root(key) for key in [*group]}


def of_patient(
    patients: PatientKeys, journeys: Iterable[Journey], key: bytes, still: Container[str] = ()
) -> tuple[Journey, ...]:
    """Return those of these journeys that are of the patient with this key, by what they say of it themselves.
    ``still`` as in `said_of_patient`."""
    every = tuple(journeys)
    keys = keys_of_one(patients, every, key, still)
    return tuple(each for each in every if patients.of_ref(each.patient.ref) in keys)


def keys_of_one(
    patients: PatientKeys, journeys: Iterable[Journey], key: bytes, still: Container[str] = ()
) -> set[bytes]:
    """Return all keys of the patient with this one, by what these journeys say. ``still`` as in `said_of_patient`."""
    stands_for = tell_apart(said_of_patient(patients, each, still) for each in journeys)
    return {key, *(each for each, stands in stands_for.items() if stands == stands_for.get(key))}


def is_asked_for(patients: PatientKeys, journeys: Iterable[Journey], keys: Container[bytes]) -> bool:
    """Whether it is to be decided in one of these journeys if the patient with these keys is its own one."""
    asked = (patients.of_ref(merge.other) for each in journeys for merge in find_asked(each))
    return any(key in keys for key in asked)


async def look_elsewhere(record: Record, journey: Journey, known: RecordedJourneys | None = None) -> SeenElsewhere:
    """Read what the other journeys of a journey's patient say, up to the present end of the record. Those that are
    known as they are there need not be read again. Which they are say the journeys themselves; the record's index adds
    to them, and takes none away: it lies beside the log, and whoever has a worker's database role can alter it."""
    key = record.patients.of_ref(journey.patient.ref)
    patient = await patient_index.patient_journeys(record, key, ever=True)
    others, unreadable = await _read_others(record, journey, patient, known or RecordedJourneys())
    keys: Set[bytes] = keys_of_one(record.patients, (journey, *others), key)
    if any(record.patients.of_ref(each.patient.ref) not in keys for each in others):
        keys |= await patient_index.keys_beside(record, key)
    asked = is_asked_for(record.patients, others, keys)
    others = [each for each in others if record.patients.of_ref(each.patient.ref) in keys]
    medicine = journey.protocol.dose.medicine
    said = see_elsewhere(others, medicine, journey.clinic, unreadable=unreadable, asked=asked)
    return SeenElsewhere(said, patient.position)


class Parted(NamedTuple):
    """All keys of a patient who was taken for another one, up to a position of the record. None where the two are one
    for another reason, too."""

    keys: tuple[bytes, ...]
    position: int


async def part(record: Record, journey: Journey, other: str, known: RecordedJourneys | None = None) -> Parted:
    """Find the keys of another patient, with whom a journey's is one no more. As long as a journey of either cannot be
    read, they are kept as one, and that is logged: who takes them apart must know by what they are. Reconciliation
    tries it again (`find_unparted`)."""
    patient = await patient_index.patient_journeys(record, record.patients.of_ref(journey.patient.ref), ever=True)
    others, unreadable = await _read_others(record, journey, patient, known or RecordedJourneys())
    first = record.patients.of_ref(other)
    keys = keys_of_one(record.patients, (journey, *others), first)
    if unreadable or record.patients.of_ref(journey.patient.ref) in keys:
        log.error("patient.not_parted", journey_id=str(journey.id))
        return Parted((), patient.position)
    return Parted((first, *sorted(keys - {first})), patient.position)


async def find_unparted(record: Record) -> tuple[UUID, ...]:
    """Return the journeys in which a merge was undone, and whose patient the record still counts as one with the other
    one, or of which that cannot be said because they cannot be read."""
    return tuple(
        [
            journey_id
            for journey_id in await patient_index.find_unmerged(record)
            if await _still_one(record, journey_id) != ()
        ]
    )


async def find_uninformed(record: Record, informed: dict[UUID, bytes]) -> tuple[UUID, ...]:
    """Return the open journeys of patients who were taken apart that do not know what the others say now: whoever took
    them apart may have ended before they could look. That leaves no event by which it would be seen.

    ``informed`` are those that knew it when they were looked at last, and what was recorded of their patients then.
    They are read again only if that has changed.
    """
    once_merged = await patient_index.find_once_merged(record)
    found = []
    for journey_id, reached in once_merged.items():
        if informed.get(journey_id) == reached:
            continue
        knows = await _knows_others(record, journey_id)
        if knows:
            informed[journey_id] = reached
        elif knows is False:
            found.append(journey_id)
    for gone in informed.keys() - once_merged.keys():
        del informed[gone]
    return tuple(found)


async def _knows_others(record: Record, journey_id: UUID) -> bool | None:
    """Whether a journey knows what the others of its patient say; None where not all of them can be read, and it knows
    no better."""
    try:
        journey = await load_journey(record, journey_id)
    except (UnreadableEvent, KeyAway):
        return None
    if journey is None:
        return None
    try:
        said = (await look_elsewhere(record, journey)).elsewhere
    except KeyAway:
        return None
    if said != journey.elsewhere:
        return False
    return None if said.unreadable else True


async def _still_one(record: Record, journey_id: UUID) -> tuple[str, ...] | None:
    """Return the references that were signed to be somebody else's, and count as the patient's all the same. None where
    the journey cannot be read."""
    try:
        journey = await load_journey(record, journey_id)
    except (UnreadableEvent, KeyAway):
        return None
    if journey is None:
        return ()
    beside = await patient_index.keys_beside(record, record.patients.of_ref(journey.patient.ref))
    merged = [merge.other for merge in journey.merges.values() if merge.merged]
    undone = dict.fromkeys(merge.other for merge in journey.merges.values() if merge.undone)
    return tuple(each for each in undone if each not in merged and record.patients.of_ref(each) in beside)


async def part_again(record: Record, journey_id: UUID) -> frozenset[UUID]:
    """Take patients apart whose merge was undone in this journey while that could not be done, each for itself. Return
    the open journeys of all of them, which have to look anew; none where nobody could be taken apart."""
    others = await _still_one(record, journey_id)
    journey = await load_journey(record, journey_id) if others else None
    if journey is None:
        return frozenset()
    apart = False
    for other in others or ():
        parted = await part(record, journey, other)
        if parted.keys:
            with suppress(MoreIsKnown):
                await patient_index.part_again(record, journey_id, journey.version, parted.keys, parted.position)
                apart = True
    if not apart:
        return frozenset()
    return (await patient_index.patient_journeys(record, record.patients.of_ref(journey.patient.ref), ever=True)).open


async def _read_others(
    record: Record, journey: Journey, patient: patient_index.PatientJourneys, known: RecordedJourneys
) -> tuple[list[Journey], bool]:
    """Read these journeys but this one, and tell whether one of them cannot be read."""
    others: list[Journey] = []
    unreadable = False
    for journey_id, (version, journey_hash) in patient.reached.items():
        if journey_id == journey.id:
            continue
        other = known.find(journey_id, journey_hash)
        if other is None:
            try:
                other = await load_journey(record, journey_id, until_version=version)
            except UnreadableEvent:
                unreadable = True
                continue
            if other is not None:
                known.keep(RecordedJourney(other, journey_hash))
        if other is not None:
            others.append(other)
    return others, unreadable


async def must_look(record: Record, before: Journey | None, events: Sequence[Event], after: Journey) -> frozenset[UUID]:
    """Return the patient's other open journeys that do not know what these events, between these states, have changed
    of what a journey says to others, also of whoever was ever taken for the patient: each says itself who it is of."""
    merged = any(isinstance(event.body, PatientUnmerged | PatientMerged) for event in events)
    medicine = after.protocol.dose.medicine
    said = see_elsewhere([] if before is None else [before], medicine, after.clinic)
    if not merged and said == see_elsewhere([after], medicine, after.clinic):
        return frozenset()
    patient = await patient_index.patient_journeys(record, record.patients.of_ref(after.patient.ref), ever=True)
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
