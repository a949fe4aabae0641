"""The people of an invented journey: what each of them does next, for demonstrations, tests and benchmarks.

Nobody here is real, and every text says so. Pure and deterministic: the same journey at the same moment gives
the same move, under the same command id, so a move that is sent twice happens once.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from workflows.journey import commands as c
from workflows.journey.actors import CLINICAL, Actor, CareTeamMember, Licence, Role
from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.rules import looked_up_for
from workflows.journey.always.holds.rules import release_obstacles
from workflows.journey.always.medicines.rules import medicine_obstacles
from workflows.journey.always.permissions.rules import REMOTE, last_day
from workflows.journey.always.safety.suicide_risk import levels_to_sign, settling_obstacles
from workflows.journey.always.supply.rules import balance
from workflows.journey.authorization import authors, cosigners
from workflows.journey.evidence import half_signed
from workflows.journey.instruments import C_SSRS_FORMS, Instrument, definition_of
from workflows.journey.obligations import obligations
from workflows.journey.protocol import Protocol, SignOffKind
from workflows.journey.requirements import Obligation
from workflows.journey.setting import rules_of, setting_of
from workflows.journey.signed_statement import Scope
from workflows.journey.stage import Stage
from workflows.journey.stages.evaluation.model import BASELINE, scheduled_instruments
from workflows.journey.stages.screening.rules import contradiction
from workflows.journey.stages.sessions.dose_gate import dose_gate, outside_hours
from workflows.journey.stages.sessions.dosing import dose_deviations, expected_doses_left
from workflows.journey.stages.sessions.observing import contradictions
from workflows.journey.stages.sessions.validity import BASELINE_OF
from workflows.journey.vocabulary import AT_HOME

NextMove = c.Command | datetime
"""What happens next: a command to send now, or the moment until which nobody has anything to do."""

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
    named = looked_up_for(journey, body)
    return tuple(member_of(person) for person in STAFF if person.id in named)


def profile(person: Actor, *clinics: str) -> str:
    """Return the profile of an invented person who works for these clinics, or else for their own."""
    works_for = clinics if clinics and person.clinics else person.clinics
    changed = person.model_copy(update={"clinics": works_for})
    return json.dumps(changed.model_dump(mode="json", exclude_none=True), indent=2) + "\n"


Action = tuple[Role, c.CommandBody]


@dataclass(frozen=True)
class Situation:
    """An obligation of a journey at a moment."""

    journey: Journey
    waiting: Obligation
    at: datetime
    unwell: bool

    @property
    def subject(self) -> str:
        assert self.waiting.subject is not None
        return self.waiting.subject


def referral(
    protocol: Protocol, journey_id: UUID, *, zone: str = "America/Los_Angeles", state: str = HOME
) -> c.Command:
    """Return the coordinator's command that starts a demonstration journey under this protocol."""
    body = c.StartPathway(
        journey_id=journey_id,
        organisation=ORGANISATION,
        log=LOG,
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
        reason=_invented("referred because standard treatments did not help enough"),
        coordinator=PEOPLE[Role.COORDINATOR].id,
        clinician=PEOPLE[Role.CLINICIAN].id,
        protocol=protocol,
        demonstration=True,
    )
    return _command(journey_id, None, Role.COORDINATOR, body)


def next_move(
    journey: Journey, at: datetime, *, late: Collection[str] = (), unwell: Collection[str] = ()
) -> NextMove | None:
    """Return the next thing somebody does, the moment to wait for, or None when nobody has anything left to do.

    A closed journey may still have something to do: emergency access is reviewed.

    Obligations named in ``late``, by subject ("check-in-1-24h") or kind ("plan"), are done only once their escalation
    policy has held care or is used up. At check-ins named in ``unwell`` the patient feels unwell. Holds, reviews and
    crises that follow are done as usual.
    """
    if _may_leave(journey):
        return _command(journey.id, journey, Role.CLINICIAN, _discharge())
    waits = []
    for waiting in obligations(journey):
        if (waiting.subject in late or waiting.kind in late) and not _escalated(journey, waiting):
            waits.append(waiting.next_step)
            continue
        act = _sign if waiting.sign_off is not None else ACTIONS[waiting.kind]
        action = act(Situation(journey, waiting, at, waiting.subject in unwell))
        if isinstance(action, tuple):
            return _command(journey.id, journey, *action)
        waits.append(action)
    return min((moment for moment in waits if moment is not None and moment > at), default=None)


def _command(journey_id: UUID, journey: Journey | None, role: Role, body: Any) -> c.Command:
    version = 0 if journey is None else journey.version
    return c.Command(
        command_id=uuid5(journey_id, f"people:{version}"),
        actor=person_of(journey_id, role),
        body=body,
        named=look_up(journey, body),
    )


def _escalated(journey: Journey, waiting: Obligation) -> bool:
    return waiting.taken >= len(waiting.steps) or any(hold.source == waiting.id for hold in journey.holds.values())


def _may_leave(journey: Journey) -> bool:
    """Whether the clinician proposes the discharge: once the first visit after the fixed weeks is done."""
    fixed = tuple(f"follow-up-week-{week}" for week in journey.protocol.follow_up.weeks)
    return (
        journey.stage == Stage.FOLLOW_UP
        and journey.discharge is None
        and journey.closing is None
        and any(k.type == "follow_up_visit" and k.done_at and k.id not in fixed for k in journey.contacts.values())
    )


def _discharge() -> c.ProposeDischarge:
    return c.ProposeDischarge(
        summary=_invented("symptoms lower and stable through follow-up"),
        ongoing_support=_invented("weekly psychotherapy goes on; the clinic can be called"),
    )


def _invented(text: str) -> str:
    return f"Invented: {text}"


# Before treatment


def _evaluate(situation: Situation) -> Action | None:
    found, protocol = situation.journey.evaluation, situation.journey.protocol
    tried = protocol.eligibility.prior_treatments
    if not found.sections:
        return Role.CLINICIAN, c.RecordEvaluation(
            sections={name: _invented(_spoken(name)) for name in protocol.eligibility.evaluation_sections},
            function={name: _invented(f"{_spoken(name)} worse on most days") for name in protocol.eligibility.function},
            symptoms=dict.fromkeys(protocol.symptoms.names, 6),
            symptoms_since=situation.at.date() - timedelta(days=900),
            prior_treatments=tuple(
                c.PriorTreatment(type=kind, what=_invented(_spoken(kind)), duration="12 weeks", response="partial")
                for kind in (*tried.require_all_of, *tried.require_any_of, *tried.record)
            ),
            location=_at_home(situation.journey),
        )
    if not situation.journey.medicines:
        return Role.CLINICIAN, c.AddMedicine(
            what=_invented("an antidepressant"), classes=protocol.medicines.classes[-1:], dosage=_invented("daily")
        )
    if medicine_obstacles(situation.journey):
        return _reconcile(situation)
    for instrument in protocol.instruments.baseline:
        if situation.journey.latest(instrument, occasion=BASELINE) is None:
            return _fill_in(situation.journey, instrument, BASELINE)
    return None


def _said_at_home(journey: Journey) -> c.SaidLocation:
    return c.SaidLocation(state=journey.patient.state, confirmed=True)


def _at_home(journey: Journey) -> c.Location:
    return c.Location(state=journey.patient.state, confirmed=True)


def _record_address(situation: Situation) -> Action:
    address = f"demo-address-{situation.journey.id.hex[:8]}"
    return Role.COORDINATOR, c.UpdatePatient(dispatch_address_ref=address, reason=_invented("told on the phone"))


def _check_monitoring(situation: Situation) -> Action | datetime:
    if situation.waiting.subject is not None and situation.at < situation.waiting.deadline - timedelta(days=7):
        return situation.waiting.deadline - timedelta(days=7)
    return Role.CLINICIAN, c.RecordMonitoringCheck(
        state=situation.journey.patient.state, checked_at=situation.at, concern=False, found=_invented("nothing")
    )


def _renew_permission(situation: Situation) -> Action | datetime | None:
    """Propose another year once the permission has ended. Licences are renewed in the register."""
    if situation.subject != REMOTE or situation.journey.proposed_permission is not None:
        return None
    if situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    until = last_day(situation.journey) + timedelta(days=365)
    return Role.CLINICIAN, c.ProposePermission(until=until, source=_invented("extended for a year"))


def _judge_pregnancy(situation: Situation) -> Action:
    born = situation.journey.patient.born.year
    return Role.CLINICIAN, c.JudgePregnancy(possible=False, because=_invented(f"not possible; born in {born}"))


def _find_time(situation: Situation) -> Action | None:
    """Find another time in the window of a visit that the patient did not come to. After it a clinician decides."""
    contact = situation.journey.contacts[situation.subject]
    to = min(situation.at + timedelta(hours=1), contact.closes)
    if to < situation.at:
        return None
    return Role.COORDINATOR, c.MoveVisit(visit=contact.id, to=to, reason=_invented("reached on the phone"))


def _dispense(situation: Situation) -> Action:
    planned = situation.journey.plan
    assert planned is not None
    return Role.COORDINATOR, c.MoveSupply(
        movement="dispensed", doses=planned.doses_dispensed, moved_at=situation.at, lot="demo-lot-1"
    )


def _collect(situation: Situation) -> Action:
    return Role.COORDINATOR, c.MoveSupply(movement="returned", doses=balance(situation.journey), moved_at=situation.at)


def _reconcile(situation: Situation) -> Action:
    journey = situation.journey
    unclassed = [m.id for m in journey.medicines.values() if m.taken and not m.classes]
    return Role.CLINICIAN, c.ReconcileMedicines(
        changes=tuple(journey.unreviewed_medicine_changes),
        classes=dict.fromkeys(unclassed, journey.protocol.medicines.classes[-1:]),
        assessment=_invented("gone through with the patient"),
    )


def _fill_in(journey: Journey, instrument: Instrument, occasion: str) -> Action:
    """Fill in a questionnaire, with milder answers each time. A clinician asks the C-SSRS."""
    if instrument in C_SSRS_FORMS:
        return Role.CLINICIAN, c.RecordInstrument(instrument=instrument, occasion=occasion, answers=no_risk(instrument))
    before = sum(measured.instrument == instrument for measured in journey.measurements)
    definition = definition_of(instrument)
    asked = definition.items - (definition.suicide_item is not None)
    total = max(asked // 2, definition.total_max * 6 // 10 - before * asked // 3)
    answers = [total // asked + (item < total % asked) for item in range(asked)]
    if definition.suicide_item is not None:
        answers.insert(definition.suicide_item - 1, 0)
    return Role.PATIENT, c.RecordInstrument(instrument=instrument, occasion=occasion, answers=answers)


def no_risk(instrument: Instrument = Instrument.C_SSRS) -> dict[str, bool]:
    """Return answers to a form of the C-SSRS of somebody without suicidal thoughts or behaviour."""
    return {question.key: False for question in definition_of(instrument).questions if not question.asked_if}


def _ask_about_suicide(situation: Situation) -> Action | datetime | None:
    if situation.waiting.subject is not None:
        shortly_before = situation.waiting.deadline - timedelta(hours=2)
        if situation.at < shortly_before:
            return shortly_before
    elif levels_to_sign(situation.journey):
        return None
    return _fill_in(situation.journey, Instrument.C_SSRS_SINCE, f"asked-{situation.journey.version}")


def _screen(situation: Situation) -> Action | datetime:
    if situation.waiting.subject is not None:
        week_before = situation.waiting.deadline - timedelta(days=7)
        if situation.at < week_before:
            return week_before
    protocol = situation.journey.protocol
    known = {x.code for x in protocol.exclusions if contradiction(situation.journey, x, "no", situation.at)}
    return Role.CLINICIAN, c.RecordScreening(
        exclusions={
            exclusion.code: c.ScreeningAnswer(answer="yes" if exclusion.code in known else "no")
            for exclusion in protocol.exclusions
        },
        criteria=dict.fromkeys(protocol.eligibility.attest, True),
        factors={name: _invented(f"{_spoken(name)} looked at") for name in protocol.eligibility.factors},
        findings={
            "appropriateness": c.Finding(holds=True, because=_invented("standard treatments did not help enough")),
            "safety": c.Finding(holds=True, because=_invented("nothing that speaks against it")),
        },
    )


def _plan(situation: Situation) -> Action:
    journey = situation.journey
    kept = journey.maintenance_since is not None
    written = plan(journey.protocol, situation.at, maintenance=kept)
    setting = setting_of(journey) or AT_HOME
    if journey.protocol.sessions.settings[setting].doses_from != "home":
        written = written.model_copy(update={"doses_dispensed": 0})
    written = written.model_copy(update={"setting": setting})
    return Role.CLINICIAN, (c.RecordPlan(plan=written) if journey.plan is None else revision(journey, written))


def revision(journey: Journey, written: c.Plan, reason: str = "response") -> c.RecordPlan:
    """Return a change of plan, with what it rests on: every score and every session so far."""
    sessions = (f"session-{session.number}" for session in journey.sessions.values() if session.dosed_at is not None)
    return c.RecordPlan(
        plan=written,
        reason=reason,
        rationale=_invented("adjusted on response and safety, by clinical judgement"),
        rests_on=c.PlanBasis(scores=tuple(m.version for m in journey.measurements), safety=tuple(sessions)),
    )


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
        goals=(_invented("fewer nights broken by bad dreams"), _invented("able to use the bus again")),
        indication=_invented("symptoms remain significant despite standard treatments"),
        components={name: _invented(_spoken(name)) for name in components},
        sections={name: _invented(_spoken(name)) for name in rules.sections},
        dose_mg=min(dose.starting_dose, dose.max_mg_per_kg * weight),
        route=sessions.route_allowed[0],
        weight_kg=weight,
        weighed_at=at,
        planned_sessions=sessions.planned + (kept.planned if maintenance else 0),
        spacing_hours=kept.target_spacing_hours if maintenance else sessions.target_spacing_hours,
        doses_dispensed=dose.max_doses_dispensed,
    )


def _explain(situation: Situation) -> Action:
    explained = situation.journey.education.explained
    topics = tuple(topic for topic in situation.journey.protocol.education_topics if topic not in explained)
    if not topics:
        understood = c.ConfirmUnderstanding(
            topics=dict.fromkeys(situation.journey.protocol.education_topics, "understood"),
            in_their_words=_invented("told it back, with what to do if they feel unwell"),
        )
        return Role.CLINICIAN, understood
    return Role.CLINICIAN, c.ExplainTopics(topics=topics, content_version="demo-1")


def _acknowledge(situation: Situation) -> Action:
    return Role.PATIENT, c.Acknowledge(statements=situation.journey.protocol.acknowledgements)


def _consent(situation: Situation) -> Action:
    return Role.PATIENT, c.GiveConsent(consents=situation.journey.consent_versions)


def _witness(situation: Situation) -> Action:
    if situation.subject in situation.journey.disposals:
        return situation.waiting.owner, c.WitnessDisposal(disposal=situation.subject)
    return situation.waiting.owner, c.WitnessConsent(paper=situation.subject)


def _answer_question(situation: Situation) -> Action:
    return Role.CLINICIAN, c.AnswerQuestion(question=situation.subject, text=_invented("explained, in plain words"))


# Sessions


def _schedule(situation: Situation) -> Action:
    journey, number = situation.journey, int(situation.subject)
    soonest, last, planned = situation.at + timedelta(hours=24), journey.last_dose_at, journey.plan
    if last is not None and planned is not None:
        soonest = max(soonest, last + timedelta(hours=planned.spacing_hours))
    if journey.no_go_until is not None:
        soonest = max(soonest, journey.no_go_until)
    while outside_hours(journey, soonest):
        soonest += timedelta(minutes=30)
    return Role.COORDINATOR, c.ScheduleSession(
        session=number,
        starts_at=soonest,
        supervising_clinician=journey.clinician,
        session_monitor=PEOPLE[Role.SESSION_MONITOR].id,
        live_clinician=journey.clinician if number in journey.protocol.sessions.live_clinician_sessions else None,
        interpreter="demo-interpreter" if journey.patient.interpreter else None,
    )


def _instruct(situation: Situation) -> Action:
    return Role.COORDINATOR, c.Instruct(session=int(situation.subject), content_version="demo-1")


def _acknowledge_instructions(situation: Situation) -> Action:
    number = int(situation.subject)
    delivered = situation.journey.sessions[number].instructed
    assert delivered is not None
    return Role.PATIENT, c.AcknowledgeInstructions(session=number, content_version=delivered)


def _check(situation: Situation) -> Action | datetime:
    if situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    if situation.at > situation.journey.sessions[int(situation.subject)].closes:
        return _schedule(situation)
    return Role.SESSION_MONITOR, checklist(situation.journey, int(situation.subject), situation.at)


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


def _release(situation: Situation) -> Action | None:
    number = int(situation.subject)
    obstacles = dose_gate(situation.journey, number, situation.at)
    if situation.at > situation.journey.sessions[number].closes:
        return _schedule(situation)
    if "the C-SSRS is too old" in obstacles:
        return _fill_in(situation.journey, Instrument.C_SSRS_SINCE, f"asked-{situation.journey.version}")
    if any("too old" in obstacle for obstacle in obstacles):
        return Role.SESSION_MONITOR, checklist(situation.journey, number, situation.at)
    # Whatever else stands in the way is an obligation of its own.
    return None if obstacles else (Role.SESSION_MONITOR, c.ReleaseSession(session=number))


def _dose(situation: Situation) -> Action:
    journey, number = situation.journey, int(situation.subject)
    assert journey.plan is not None
    taken = c.RecordDose(
        session=number,
        dose_mg=journey.plan.dose_mg,
        route=journey.plan.route,
        taken_at=situation.at,
        doses_left=max(0, expected_doses_left(journey)),
    )
    if dose_deviations(journey, journey.sessions[number], taken, situation.at):
        return Role.SESSION_MONITOR, c.CancelSession(session=number, reason=_invented("not today any more"))
    return Role.SESSION_MONITOR, taken


def _observe(situation: Situation) -> Action | datetime:
    if situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    if situation.subject.startswith("dose-"):
        dose, _, minutes = situation.subject.rpartition("-")
        window = timedelta(minutes=situation.journey.protocol.sessions.observe_window_minutes)
        if situation.at > situation.waiting.deadline + window:
            reason = _invented("nobody was reached in time")
            return Role.ON_CALL_CLINICIAN, c.GiveUpObservation(dose=dose, minute=int(minutes), reason=reason)
        return Role.ON_CALL_CLINICIAN, c.RecordObservation(
            seen_at=situation.at, consciousness="alert", breathing_normal=True, vitals=vitals(situation.at)
        )
    number, minute = (int(part) for part in situation.subject.split("-"))
    session, rules = situation.journey.sessions[number], situation.journey.protocol.sessions
    assert session.dosed_at is not None
    now = int((situation.at - session.dosed_at) / timedelta(minutes=1))
    if minute in session.missed:
        return Role.SESSION_MONITOR, observation(situation.journey, number, now, situation.at)
    if now <= minute + rules.observe_window_minutes and rules.nearest_minute(now) == minute:
        return Role.SESSION_MONITOR, observation(situation.journey, number, now, situation.at)
    if situation.at <= session.dosed_at + timedelta(minutes=minute + rules.observe_window_minutes):
        return session.dosed_at + timedelta(minutes=minute + rules.observe_window_minutes + 1)
    return Role.SESSION_MONITOR, c.MissObservation(
        session=number, minute=minute, reason=_invented("the connection was lost")
    )


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


def _end(situation: Situation) -> Action | datetime:
    session, rules = situation.journey.sessions[int(situation.subject)], situation.journey.protocol.sessions
    assert session.dosed_at is not None
    earliest = session.dosed_at + timedelta(minutes=rules.minimum_minutes)
    if situation.at < earliest:
        return earliest
    if any(contradictions(situation.journey, session, situation.at)):
        # What was seen last speaks against it: observe again, in a minute that has no observation yet.
        minute = int((situation.at - session.dosed_at) / timedelta(minutes=1))
        if minute <= session.observed_until:
            return session.dosed_at + timedelta(minutes=session.observed_until + 1)
        return Role.SESSION_MONITOR, observation(situation.journey, session.number, minute, situation.at)
    return Role.SESSION_MONITOR, c.EndSession(
        session=session.number, criteria=dict.fromkeys(rules.criteria_in(session.setting), True)
    )


# After sessions


def _check_in(situation: Situation) -> Action | datetime:
    if situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    return Role.PATIENT, c.CompleteCheckIn(
        check_in=situation.subject,
        feeling="unwell" if situation.unwell else "well",
        side_effects=_invented("dizzy, and worried about it" if situation.unwell else "a little tired"),
        symptoms=dict.fromkeys(situation.journey.protocol.symptoms.names, 3),
        location=_said_at_home(situation.journey),
    )


def _visit(situation: Situation) -> Action | datetime:
    """Hold a visit: after a session in the day before it is due, in follow-up when it is due."""
    opens = situation.waiting.deadline - timedelta(hours=24 if situation.waiting.kind == "visit" else 0)
    if situation.at < opens:
        return opens
    protocol = situation.journey.protocol
    rules = protocol.follow_up
    return Role.CLINICIAN, c.RecordVisit(
        visit=situation.subject,
        assessments={name: _invented(f"{_spoken(name)} assessed") for name in rules.assessments},
        answers={name: _invented(f"{_spoken(name)}: nothing new") for name in rules.questions},
        symptoms=dict.fromkeys(protocol.symptoms.names, 3),
        function={name: _invented(f"{_spoken(name)} better") for name in protocol.eligibility.function},
        outcome=rules.outcomes[0],
        concurrent_care=_invented("weekly psychotherapy, medicines unchanged"),
        location=_at_home(situation.journey),
    )


def _measure(situation: Situation) -> Action | datetime:
    journey, asked = situation.journey, scheduled_instruments(situation.journey)
    others = [each for each in asked if situation.subject.endswith(f"-{each.value.lower()}")]
    instrument = (others or asked)[0]
    planned_ahead = situation.subject in journey.contacts or journey.latest(instrument, occasion=situation.subject)
    if planned_ahead and situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    return _fill_in(journey, instrument, situation.subject)


def _settle_contact(situation: Situation) -> Action:
    return Role.CLINICIAN, c.SettleContact(contact=situation.subject, reason=_invented("called back; all is well"))


def _renew(situation: Situation) -> Action | datetime:
    """Renew what a dose rests on, a week before it lapses."""
    journey, name = situation.journey, situation.subject
    week_before = situation.waiting.deadline - timedelta(days=7)
    if situation.at < week_before:
        return week_before
    match name:
        case "evaluation":
            section = journey.protocol.eligibility.evaluation_sections[0]
            found = c.RecordEvaluation(sections={section: _invented(f"looked at again, after {journey.version}")})
            evaluated = max(v for v, fact in journey.facts.items() if fact.kind == "evaluation.recorded")
            return Role.CLINICIAN, c.Amend(version=evaluated, reason=_invented("evaluated again"), correction=found)
        case "plan" | "weight":
            return _plan(situation)
        case "education":
            topics = journey.protocol.education_topics
            return Role.CLINICIAN, c.ExplainTopics(topics=topics, content_version="demo-1")
        case "acknowledgements":
            return _acknowledge(situation)
        case "consents":
            return _consent(situation)
    return _fill_in(journey, Instrument(name.removeprefix(BASELINE_OF)), f"renewed-{journey.version}")


# At any time


def _reach(situation: Situation) -> Action | None:
    if situation.journey.crises[situation.subject].to_sign is not None:
        return None
    return Role.ON_CALL_CLINICIAN, c.RecordCrisisContact(
        crisis=situation.subject,
        reached=True,
        assessment=_invented("seen by video; no intent; safety plan made, means secured"),
        safety_plan=True,
        next_contact_at=situation.at + timedelta(hours=24),
    )


def _speak_again(situation: Situation) -> Action | datetime | None:
    """Speak with the patient when it is due, until people have signed that the crisis is settled."""
    if situation.journey.crises[situation.subject].to_sign is not None:
        return None
    if situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    return Role.CLINICIAN, c.RecordCrisisContact(
        crisis=situation.subject,
        reached=True,
        assessment=_invented("spoken with again; the safety plan holds"),
        safety_plan=True,
    )


def _support(situation: Situation) -> Action:
    return situation.waiting.owner, c.AnswerSupport(
        support=situation.subject, text=_invented("called back and settled")
    )


def _take_alarm(situation: Situation) -> Action | None:
    """Acknowledge an alarm. What ends it is the review, which is an obligation of its own."""
    if situation.waiting.acknowledged is not None:
        return None
    doing = _invented("on the phone with the patient and the observer")
    return Role.ON_CALL_CLINICIAN, c.AcknowledgeAlarm(obligation=situation.waiting.id, doing=doing)


def _follow_up_adverse_event(situation: Situation) -> Action | datetime:
    if situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    return Role.CLINICIAN, c.FollowUpAdverseEvent(
        adverse_event=situation.subject,
        findings=_invented("well again, nothing left of it"),
        action_taken=_invented("rested, and was called twice"),
        outcome="recovered",
        ended_at=situation.at,
    )


def _confirm_correction(situation: Situation) -> Action:
    """A second, clinical person confirms a correction."""
    version = int(situation.subject)
    made = situation.journey.corrections[version]
    roles = (Role.CLINICIAN, Role.MEDICAL_DIRECTOR, Role.ON_CALL_CLINICIAN)
    second = next(role for role in roles if PEOPLE[role].id != made.by)
    return second, c.ConfirmCorrection(correction=version, reason=_invented("compared with the paper form"))


def _read_message(situation: Situation) -> Action:
    return Role.OPS, c.HandleMessage(message=situation.subject, text=_invented("read; a form sent twice"))


def _settle_report(situation: Situation) -> Action:
    return situation.waiting.owner, c.SettleReport(report=situation.subject, text=_invented("asked them what happened"))


def _review_access(situation: Situation) -> Action:
    review = c.ReviewAccess(access=situation.subject, justified=True, text=_invented("called by the emergency room"))
    return situation.waiting.owner, review


def _answer_returned(situation: Situation) -> Action:
    return Role.CLINICIAN, c.AnswerReturned(request=situation.subject, text=_invented("here is what was asked for"))


CHOICES = {
    SignOffKind.ELIGIBILITY: "at_home",
    SignOffKind.RESPONSE_REVIEW: "continue",
    SignOffKind.RISK_DECISION: "settled",
}


def _sign(situation: Situation) -> Action | None:
    """Approve a request, as the person whom the protocol asks."""
    journey, request = situation.journey, situation.waiting
    assert request.sign_off is not None
    assert request.evidence is not None
    if request.sign_off in (SignOffKind.HOLD_RELEASE, SignOffKind.SEVERE_HOLD_RELEASE):
        hold = journey.holds[situation.subject]
        if release_obstacles(journey, hold):
            return None
    if request.sign_off == SignOffKind.RISK_DECISION:
        before = settling_obstacles(journey, situation.at)
        if any("C-SSRS" in obstacle for obstacle in before):
            return _fill_in(journey, Instrument.C_SSRS_SINCE, f"asked-{journey.version}")
        if before:
            return None
    rule = journey.protocol.sign_offs[request.sign_off]
    return signer(journey, request), c.Sign(
        request=request.id,
        decision="approve",
        meaning=rule.meaning,
        evidence=request.evidence,
        choice=CHOICES.get(request.sign_off),
        rationale=_invented("weighed case by case"),
        referral=_invented("the family doctor") if request.sign_off == SignOffKind.LOST_TO_FOLLOW_UP else None,
    )


def signer(journey: Journey, request: Obligation) -> Role:
    """Return who signs a request: the first role that the protocol names, unless they wrote it; another one as
    second."""
    assert request.sign_off is not None
    rule, first = journey.protocol.sign_offs[request.sign_off], half_signed(journey, request.sign_off, request.subject)
    roles = rule.roles if first is None else cosigners(journey, request.sign_off)
    wrote = authors(journey, request.sign_off, request.subject) if rule.not_author else ()
    not_they = (*wrote, None if first is None else first.by)
    return next(role for role in roles if PEOPLE[role].id not in not_they)


ACTIONS: Mapping[str, Callable[[Situation], Action | datetime | None]] = {
    "evaluation": _evaluate,
    "suicide_risk": _ask_about_suicide,
    "screening": _screen,
    "planning": _plan,
    "education": _explain,
    "acknowledgement": _acknowledge,
    "question": _answer_question,
    "consent": _consent,
    "witness": _witness,
    "scheduling": _schedule,
    "measure": _measure,
    "instructions": _instruct,
    "instructions_read": _acknowledge_instructions,
    "checklist": _check,
    "release": _release,
    "dose": _dose,
    "observation": _observe,
    "session_end": _end,
    "check_in": _check_in,
    "visit": _visit,
    "follow_up_visit": _visit,
    "renewal": _renew,
    "missed_contact": _settle_contact,
    "correction": _confirm_correction,
    "medicines_review": _reconcile,
    "dispensing": _dispense,
    "pregnancy_test": _judge_pregnancy,
    "no_show": _find_time,
    "monitoring_check": _check_monitoring,
    "permission_end": _renew_permission,
    "leftovers": _collect,
    "dispatch_address": _record_address,
    "crisis": _reach,
    "crisis_contact": _speak_again,
    "support": _support,
    "alarm": _take_alarm,
    "adverse_event_outcome": _follow_up_adverse_event,
    "unreadable_message": _read_message,
    "kept_report": _settle_report,
    "cancellation": _read_message,
    "access_review": _review_access,
    "returned": _answer_returned,
}
"""What somebody does about each kind of obligation, besides signing."""


def _spoken(code: str) -> str:
    return code.replace("_", " ")
