"""Proves that what a journey took in of its patient's other journeys is what those say.

The journeys of a patient are judged together, in the order of the log: at each moment by what was recorded then.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

from activities.privacy.patient_keys import PatientKeys
from activities.record.patients import Said, is_asked_for, keys_of_one, of_patient, tell_apart
from activities.record.verification.chains import Connection, RecordFinding
from workflows.journey.aggregate import Journey, begin, evolve
from workflows.journey.always.patient.elsewhere import see_elsewhere
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.always.patient.rules import rests_on_patient
from workflows.journey.events import Event, HistoryTakenIn, PathwayStarted

Difference: TypeAlias = Literal[
    "history_differs", "rests_on_less", "history_unread", "second_journey", "patient_differs", "patient_invented"
]
"""What may be wrong between the journeys of one patient."""
UNDONE_TRIED = 8
"""Of how many undone merges each may have counted or not. Patients have one, if any."""


def _differs(position: int, journey_id: UUID | None, version: int | None, difference: Difference) -> RecordFinding:
    return RecordFinding(position, journey_id, version, difference)


class KnownPatient(NamedTuple):
    """Who a journey says that its patient is, and where its last event is."""

    journey_id: UUID
    position: int
    said: Said


class Placed(NamedTuple):
    """An event, and its place in the log; None is one that cannot be read."""

    position: int
    event: Event | None


async def journeys_by_patient(connection: Connection, log_id: int) -> list[list[UUID]]:
    """Return the journeys of each patient who has several, or had while somebody else was taken for them, as the record
    tells patients apart."""
    rows = await connection.fetch(
        "SELECT array_agg(j.journey_id ORDER BY j.journey_id) AS journeys FROM record.journey j "
        "JOIN record.patient p ON p.log_id = j.log_id AND p.patient_key = j.patient_key "
        "WHERE j.log_id = $1 GROUP BY p.ever_known_as HAVING count(*) > 1",
        log_id,
    )
    return [row["journeys"] for row in rows]


async def find_mistaken(connection: Connection, log_id: int, known: Iterable[KnownPatient]) -> list[RecordFinding]:
    """Find journeys whose patients the record keeps apart although their events say they are one, or the other way
    round; and keys of patients of whom no event says anything, but for those of journeys that are not ``known``: what
    nobody can read may have said it."""
    rows = await connection.fetch("SELECT patient_key, known_as FROM record.patient WHERE log_id = $1", log_id)
    kept = {row["patient_key"]: row["known_as"] for row in rows}
    every = list(known)
    group = tell_apart(each.said for each in every)
    said: dict[bytes, set[bytes | None]] = {}
    found: list[RecordFinding] = []
    for each in every:
        stands = group[each.said.refs[0]]
        number = [] if each.said.number is None or group[each.said.number] != stands else [each.said.number]
        names = {kept.get(key) for key in (*each.said.refs, *number)}
        one = said.setdefault(stands, names)
        if len(names) != 1 or None in names or names != one:
            found.append(_differs(each.position, each.journey_id, None, "patient_differs"))
    apart: defaultdict[bytes | None, set[bytes]] = defaultdict(set)
    for key in group:
        apart[kept.get(key)].add(group[key])
    mixed = {name for name, roots in apart.items() if len(roots) > 1}
    found += (
        _differs(each.position, each.journey_id, None, "patient_differs")
        for each in every
        if kept.get(each.said.refs[0]) in mixed
    )
    heads = await connection.fetch("SELECT journey_id, patient_key FROM record.journey WHERE log_id = $1", log_id)
    read = {each.journey_id for each in every}
    unread = {kept.get(head["patient_key"]) for head in heads if head["journey_id"] not in read}
    said_of = {*group, *(key for each in every for key in (*each.said.others, *each.said.asked))}
    found += (
        _differs(0, None, None, "patient_invented")
        for key, name in kept.items()
        if key not in said_of and name not in unread
    )
    return found


def check_patient(patients: PatientKeys, journeys: Mapping[UUID, Sequence[Placed]]) -> Iterator[RecordFinding]:
    """Find where a journey of a patient rests on something else than the patient's other journeys said then. They are
    given from their beginnings. What one of them said that cannot be read is no difference: that it could not be
    checked is said once of each journey."""
    past = {journey_id: _states(events) for journey_id, events in journeys.items()}
    ends = {journey_id: events[len(past[journey_id][1]) :] for journey_id, events in journeys.items()}
    unread = {journey_id: left[0].position for journey_id, left in ends.items() if left}
    for journey_id, events in journeys.items():
        _, states = past[journey_id]
        first_unread = min((position for other, position in unread.items() if other != journey_id), default=None)
        for number, (position, event) in enumerate(events[: len(states)]):
            if event is None:
                break
            body, before = event.body, states[number - 1] if number else None
            place = (position, journey_id, event.version)
            at = body.position if isinstance(body, HistoryTakenIn) else position
            if not (isinstance(body, HistoryTakenIn | PathwayStarted) or rests_on_patient(body)):
                continue
            if first_unread is not None and first_unread <= at:
                yield _differs(*place, "history_unread")
                break
            said = _said_by_others(patients, past, journey_id, at)
            if isinstance(body, PathwayStarted):
                if next(said).same_medicine_open:
                    yield _differs(*place, "second_journey")
            elif isinstance(body, HistoryTakenIn):
                if body.elsewhere not in said:
                    yield _differs(*place, "history_differs")
            elif before is None or before.elsewhere not in said:
                yield _differs(*place, "rests_on_less")


def _states(events: Sequence[Placed]) -> tuple[list[int], list[Journey]]:
    """Return the states of a journey after each of its events, with their positions, as far as they can be read."""
    states: list[Journey] = []
    for _, event in events:
        if event is None:
            break
        try:
            states.append(evolve(states[-1], event) if states else begin(event))
        except Exception:
            break
    return [placed.position for placed in events[: len(states)]], states


def _said_by_others(
    patients: PatientKeys, past: Mapping[UUID, tuple[list[int], list[Journey]]], journey_id: UUID, at: int
) -> Iterator[Elsewhere]:
    """What the other journeys of the patient said at a position of the log; then also with those of somebody who was
    taken for the patient and signed not to be: the record counts the two as one until it can take them apart."""
    then = [
        states[bisect_right(positions, at) - 1] for positions, states in past.values() if states and positions[0] <= at
    ]
    opening = past[journey_id][1][0]
    key, medicine = patients.of_ref(opening.patient.ref), opening.protocol.dose.medicine
    undone = dict.fromkeys(merge.other for each in then for merge in each.merges.values() if merge.undone)
    known = [*undone][-UNDONE_TRIED:]
    for many in range(len(known) + 1):
        for still in combinations(known, many):
            others = (each for each in of_patient(patients, then, key, still) if each.id != journey_id)
            beside = (each for each in then if each.id != journey_id)
            asked = is_asked_for(patients, beside, keys_of_one(patients, then, key, still))
            yield see_elsewhere(others, medicine, opening.clinic, asked=asked)
