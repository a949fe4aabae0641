"""Verifies journeys, each from its beginning."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

from activities.privacy.patient_keys import PatientKeys
from activities.record.patients import said_of_patient
from activities.record.read_models.rows import ProjectionState, apply
from activities.record.store import Record
from activities.record.stored import Log, StoredEvent
from activities.record.verification.chains import (
    Connection,
    DatabaseRow,
    RecordFinding,
    journey_findings,
    read_journeys,
)
from activities.record.verification.commands import read_commands
from activities.record.verification.derivation import derive_again, readable_event
from activities.record.verification.left_notices import Told, find_lost_notices
from activities.record.verification.nonces import Use
from activities.record.verification.patients import KnownPatient
from activities.record.verification.shown_rows import Live, find_differing
from activities.record.verification.sign_offs import check_event, check_session, is_sign_off, nonce
from activities.record.verification.times import check_times
from activities.record.verification.verify_export import Keys
from workflows.journey.aggregate import Journey, begin, evolve
from workflows.journey.decided import DecidedBy
from workflows.journey.events import Event


class JourneyFindings(NamedTuple):
    """What was found in some journeys, how much was checked, and the signatures that are used in them."""

    findings: tuple[RecordFinding, ...] = ()
    events: int = 0
    position: int = 0
    illustrative: int = 0
    sign_offs: int = 0
    used: tuple[Use, ...] = ()
    patients: tuple[KnownPatient, ...] = ()
    derived: int = 0
    others: tuple[tuple[DecidedBy, int], ...] = ()
    underived: tuple[UUID, ...] = ()
    late: int = 0


def verify_journey(
    history: Sequence[StoredEvent], keys: Keys | None, until: int = 0, *, log: Log | None = None
) -> tuple[JourneyFindings, Journey | None, ProjectionState | None]:
    """Check one journey of this log, given in order of version. Return what is wrong with its sign-offs and with the
    proofs of who acted, its state after all that can be read, and its state for the read models up to a position, as
    far as events can be applied.

    A row that cannot be read counts as not having happened, and the rows after it are judged without it.
    """
    journey: Journey | None = None
    state: ProjectionState | None = None
    shown: ProjectionState | None = None
    found: list[RecordFinding] = []
    used: list[Use] = []
    proven: set[str] = set()
    sign_offs = 0
    for number, stored in enumerate(history):
        event, before = readable_event(stored), journey
        try:
            if event is not None and (journey is not None or number == 0):
                journey, state = _apply_event(journey, state, event, stored)
        except Exception:
            event = None
        state = None if event is None else state
        if state is not None and stored.position <= until:
            shown = state
        place = (stored.position, stored.journey_id, stored.version)
        if keys is None:
            if event is None:
                found.append(RecordFinding(*place, "unreadable"))
            continue
        found += (RecordFinding(*place, reason) for reason in check_event(before, stored, event, keys, log))
        found += (
            RecordFinding(*place, reason) for reason in check_session(before, stored, keys, proven, log and log.name)
        )
        sign_offs += is_sign_off(stored, event)
        if (number_used := nonce(stored, event)) is not None:
            used.append(Use(*place, number_used))
    judged = JourneyFindings(
        findings=tuple(found),
        events=len(history),
        position=max((stored.position for stored in history), default=0),
        illustrative=int(journey is not None and journey.illustrative),
        sign_offs=sign_offs,
        used=tuple(used),
    )
    return judged, journey, shown


def _apply_event(
    journey: Journey | None, state: ProjectionState | None, event: Event, stored: StoredEvent
) -> tuple[Journey, ProjectionState | None]:
    """Apply one more event to a journey and to its state for read models. When the latter fails, the journey goes on
    without it."""
    if state is not None or journey is None:
        with suppress(Exception):
            state = apply(state, event, stored.position, stored.recorded_at)
            return state.journey, state
    return begin(event) if journey is None else evolve(journey, event), None


async def judge_journeys(
    record: Record,
    connection: Connection,
    journeys: Sequence[UUID],
    keys: Keys | None,
    live: Live | None,
    derive: bool,
    demonstration: bool,
) -> JourneyFindings:
    """Run all checks on some journeys; not that of times in a ``demonstration``, where they may be invented."""
    found: list[RecordFinding] = []
    judged: list[JourneyFindings] = []
    states: dict[UUID, ProjectionState | None] = {}
    log = None if keys is None else await record.log()
    patients: list[KnownPatient] = []
    told: dict[UUID, Told] = {}
    sealed: dict[UUID, tuple[bytes, Sequence[bytes]]] = {}
    heads: dict[UUID, int] = {}
    derived, others, late, underived = 0, Counter[DecidedBy](), 0, list[UUID]()
    commands = await read_commands(connection, record, journeys) if derive else {}
    for journey_id, events, head in await read_journeys(connection, record.log_id, journeys):
        found += journey_findings(journey_id, events, head)
        if demonstration and keys is None and live is None and not derive:
            judged.append(
                JourneyFindings(events=len(events), position=max((row["position"] for row in events), default=0))
            )
            continue
        history = await record.decoded(events, waits=False)
        one, journey, states[journey_id] = verify_journey(history, keys, 0 if live is None else live.position, log=log)
        judged.append(one)
        late += sum(stored.late for stored in history)
        if not demonstration:
            timed = ((each, reason) for each in history if each.readable for reason in check_times(each))
            found += (RecordFinding(each.position, journey_id, each.version, reason) for each, reason in timed)
        if derive:
            derivation = derive_again(history, commands.get(journey_id, ()))
            found += (
                RecordFinding(fault.position, journey_id, fault.version, fault.reason) for fault in derivation.faults
            )
            derived += derivation.derived
            others.update(derivation.others)
            underived += [journey_id] if derivation.others else []
            told[journey_id] = Told(history, derivation.by_others)
        if head is not None and head["patient_key"] is not None and journey is not None:
            sealed[journey_id] = record.patients.of_ref(journey.patient.ref), [row["payload"] for row in events]
            heads[journey_id] = head["last_position"]
            patients.append(KnownPatient(journey.id, head["last_position"], said_of_patient(record.patients, journey)))
        if head is not None and journey is not None and _differs(record.patients, head, journey):
            found.append(RecordFinding(head["last_position"], journey_id, journey.version, "head_differs"))
    for misplaced in await record.find_misplaced(sealed):
        found.append(RecordFinding(heads[misplaced], misplaced, None, "key_of_another"))
    if told:
        found += await find_lost_notices(connection, record, told)
    if live is not None:
        found += await find_differing(connection, live, states)
    return JourneyFindings(
        findings=(*found, *(finding for one in judged for finding in one.findings)),
        events=sum(one.events for one in judged),
        position=max((one.position for one in judged), default=0),
        illustrative=sum(one.illustrative for one in judged),
        sign_offs=sum(one.sign_offs for one in judged),
        used=tuple(use for one in judged for use in one.used),
        patients=tuple(patients),
        derived=derived,
        others=tuple(others.items()),
        underived=tuple(underived),
        late=late,
    )


def _differs(patients: PatientKeys, head: DatabaseRow, journey: Journey) -> bool:
    """Whether a head contradicts its events about the patient, or whether the journey is over. One that was not
    opened with its patient's keys has no patient in its head."""
    said = {
        "status": "closed" if journey.closed else "open",
        "medicine": journey.protocol.dose.medicine,
        "patient_key": patients.of_ref(journey.patient.ref),
    }
    return any(head[name] not in (None, value) for name, value in said.items())
