"""The people of an invented journey, and what they write, for demonstrations, tests and benchmarks.

Nobody here is real, and every text says so.
"""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5

from application.words.codes import say
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.rules import list_people_to_look_up
from workflows.journey.instruments import Instrument, definition_of
from workflows.journey.protocol import Protocol
from workflows.journey.setting import rules_of
from workflows.journey.vocabulary.actors import CLINICAL, Actor, CareTeamMember, Licence, Role
from workflows.journey.vocabulary.base import digest
from workflows.journey.vocabulary.signed_statement import Scope

HOME = "CA"
_NAMES = {
    Role.PATIENT: "Pat Invented",
    Role.COORDINATOR: "Cory Invented",
    Role.CLINICIAN: "Clio Invented, MD",
    Role.THERAPIST: "Thea Invented",
    Role.SESSION_MONITOR: "Moni Invented, RN",
    Role.OBSERVER: "Obie Invented",
    Role.ON_CALL_CLINICIAN: "Onno Invented, MD",
    Role.MEDICAL_DIRECTOR: "Dira Invented, MD",
    Role.OPS: "Otto Invented",
}


def _licence(role: Role) -> Licence | None:
    if role not in CLINICAL:
        return None
    number = f"INVENTED-{1 + CLINICAL.index(role):04}"
    return Licence(number=number, states=(HOME, "NY", "TX"), expires=date(2099, 12, 31))


HOUSEHOLD = (Role.PATIENT, Role.OBSERVER)
"""The people that each journey has for itself. All others are staff of the clinic."""
CLINIC = "demo-clinic"
SECOND_CLINIC = "night-clinic"
"""Another clinic of the same organisation. The invented staff work at both, and act for the first one."""

PEOPLE: Mapping[Role, Actor] = {
    role: Actor(
        id=f"demo-{role.value.replace('_', '-')}",
        role=role,
        name=name,
        licence=_licence(role),
        clinics=() if role in HOUSEHOLD else (CLINIC,),
    )
    for role, name in _NAMES.items()
}
"""One invented person per role, clinicians each with a licence of their own for the patient's state. The patient and
the observer here stand for those of the journey at hand: see `person_of`."""


ORGANISATION = "Invented Clinic"
LOG = "demonstration"
"""The log that a demonstration says it is of, where its real one is not known."""


def list_people() -> str:
    """Say as whom to sign in to the console: an invented person of each role, a line each."""
    by_link = "not needed: a link in a message lets them in; see the mailbox"
    shown = {say(role): by_link if role in HOUSEHOLD else f"{each.name} ({each.id})" for role, each in PEOPLE.items()}
    return "\n".join(f"  {role:<19} {who}" for role, who in shown.items())


def person_of(journey_id: UUID, role: Role) -> Actor:
    """Return the invented person of this journey in a role: its own patient and observer, and the clinic's staff."""
    person = PEOPLE[role]
    return person.model_copy(update={"id": f"{person.id}-{journey_id.hex[:8]}"}) if role in HOUSEHOLD else person


def scope_of(journey_id: UUID, state: str = HOME) -> Scope:
    """Return where and for whom signatures count in the demonstration journey of this id."""
    return Scope(
        organisation=ORGANISATION,
        log=LOG,
        demonstration=True,
        clinic=CLINIC,
        patient=person_of(journey_id, Role.PATIENT).id,
        state=state,
    )


SINCE = datetime(2026, 1, 1, tzinfo=UTC)
"""From when the invented staff work for the clinic."""
_SECONDS = (
    Actor(id="demo-coordinator-2", role=Role.COORDINATOR, name="Coco Invented", clinics=(CLINIC,)),
    Actor(
        id="demo-clinician-2",
        role=Role.CLINICIAN,
        name="Cleo Invented, MD",
        licence=Licence(number="INVENTED-0012", states=(HOME, "NY", "TX"), expires=date(2099, 12, 31)),
        clinics=(CLINIC,),
    ),
)
STAFF: tuple[Actor, ...] = (*(person for person in PEOPLE.values() if person.clinics), *_SECONDS)
"""All staff of the invented clinic: one person per role, a second coordinator and a second clinician."""


def member_of(person: Actor) -> CareTeamMember:
    """Return what the invented register says of somebody."""
    return CareTeamMember(
        id=person.id, role=person.role, clinics=(CLINIC, SECOND_CLINIC), licence=person.licence, since=SINCE
    )


def look_up(journey: Journey | None, body: c.CommandBody) -> tuple[CareTeamMember, ...]:
    """Return what the invented register says of the staff whom a command names."""
    named = list_people_to_look_up(journey, body)
    return tuple(member_of(person) for person in STAFF if person.id in named)


def profile(person: Actor, *clinics: str) -> str:
    """Return the profile of an invented person who works for these clinics, or else for their own."""
    works_for = clinics if clinics and person.clinics else person.clinics
    changed = person.model_copy(update={"clinics": works_for})
    return json.dumps(changed.model_dump(mode="json", exclude_none=True), indent=2) + "\n"


def invented(text: str) -> str:
    return f"Invented: {text}"


def command_of(journey_id: UUID, journey: Journey | None, role: Role, body: Any) -> c.Command:
    """Return what the invented person in this role asks of a journey, None if it has not begun. At the same version it
    has the same id."""
    version = 0 if journey is None else journey.version
    return c.Command(
        command_id=uuid5(journey_id, f"people:{version}"),
        actor=person_of(journey_id, role),
        body=body,
        named=look_up(journey, body),
    )


def referral(
    protocol: Protocol, journey_id: UUID, *, zone: str = "America/Los_Angeles", state: str = HOME
) -> c.Command:
    """Return the coordinator's command that starts a demonstration journey under this protocol."""
    body = c.StartPathway(
        journey_id=journey_id,
        organisation=ORGANISATION,
        log=LOG,
        code_key=digest(["codes", str(journey_id)]),
        clinic=CLINIC,
        patient=c.Patient(
            ref=person_of(journey_id, Role.PATIENT).id,
            born=date(1986, 4, 2),
            zone=zone,
            state=state,
            emergency_contact_ref=f"demo-contact-{journey_id.hex[:8]}",
            dispatch_address_ref=f"demo-address-{journey_id.hex[:8]}",
        ),
        pathway=protocol.pathway,
        reason=invented("referred because standard treatments did not help enough"),
        coordinator=PEOPLE[Role.COORDINATOR].id,
        clinician=PEOPLE[Role.CLINICIAN].id,
        protocol=protocol,
        demonstration=True,
    )
    return command_of(journey_id, None, Role.COORDINATOR, body)


def no_risk(instrument: Instrument = Instrument.C_SSRS) -> dict[str, bool]:
    """Return answers to a form of the C-SSRS of somebody without suicidal thoughts or behaviour."""
    return {question.key: False for question in definition_of(instrument).questions if not question.asked_if}


def plan(protocol: Protocol, at: datetime, *, maintenance: bool = False) -> c.Plan:
    """Make a plan with the largest dose that the protocol allows to begin with, for 70 kg: of a course, or of the
    maintenance after it.

    Raises:
        ValueError: the protocol sets no dose limits, so nobody can plan.
    """
    dose, sessions, rules, kept = protocol.dose, protocol.sessions, protocol.care_plan, protocol.maintenance
    components = dict.fromkeys((*rules.require_components, rules.therapy))
    if not (dose.starting_dose and dose.max_mg_per_kg and dose.max_doses_dispensed):
        raise ValueError("this protocol sets no dose limits")
    weight = 70.0
    return c.Plan(
        goals=(invented("fewer nights broken by bad dreams"), invented("able to use the bus again")),
        indication=invented("symptoms remain significant despite standard treatments"),
        components={name: invented(say(name)) for name in components},
        sections={name: invented(say(name)) for name in rules.sections},
        dose_mg=min(dose.starting_dose, dose.max_mg_per_kg * weight),
        route=sessions.route_allowed[0],
        weight=weight,
        weight_unit="kg",
        weighed_at=at,
        planned_sessions=sessions.planned + (kept.planned if maintenance else 0),
        spacing_hours=kept.target_spacing_hours if maintenance else sessions.target_spacing_hours,
        doses_dispensed=dose.max_doses_dispensed,
    )


def revision(journey: Journey, written: c.Plan, reason: str = "response") -> c.RecordPlan:
    """Return a change of plan, with what it rests on: every score and every session so far."""
    sessions = (f"session-{session.number}" for session in journey.sessions.values() if session.dosed_at is not None)
    return c.RecordPlan(
        plan=written,
        reason=reason,
        rationale=invented("adjusted on response and safety, by clinical judgement"),
        rests_on=c.PlanBasis(scores=tuple(m.version for m in journey.measurements), safety=tuple(sessions)),
    )


def checklist(journey: Journey, number: int, at: datetime) -> c.CheckSession:
    """Make a checklist with nothing wrong."""
    ref = person_of(journey.id, Role.OBSERVER).id
    observer = c.Observer(ref=ref, adult=True, physically_present=True, briefed=True)
    return c.CheckSession(
        session=number,
        items=dict.fromkeys(journey.protocol.sessions.checklist_in(journey.sessions[number].setting), True),
        vitals=vitals(at),
        observer=observer if rules_of(journey, number).observer == "adult" else None,
        reachable_clinician=journey.clinician,
        reachable_within_minutes=journey.protocol.sessions.clinician_reachable_minutes,
        location_state=journey.patient.state,
        location_confirmed=True,
    )


def vitals(at: datetime, systolic: int = 118, diastolic: int = 76) -> c.Vitals:
    return c.Vitals(systolic=systolic, diastolic=diastolic, heart_rate=72, oxygen=98, measured_at=at)


def observation(journey: Journey, number: int, minute: int, at: datetime) -> c.Observe:
    """Make an ordinary observation: blood pressure a little up, and some dissociation that is gone at the end."""
    settled = minute >= journey.protocol.sessions.minimum_minutes
    return c.Observe(
        session=number,
        minute=minute,
        consciousness="alert",
        breathing_normal=True,
        vomiting=False,
        vitals=vitals(at) if settled else vitals(at, 132, 84),
        cadss=(1, 0, 0, 0, 0, 0) if settled else (2, 2, 1, 1, 1, 0),
    )
