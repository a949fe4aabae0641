"""Doses that were taken: in a session or outside one, released or not, whoever tells it, however late.

The rule: a dose that was taken is recorded, in every stage, under every hold and after every ending, and what follows
from a dose follows from it. Each has its own watch: observations while there is time for them, contacts counted from
it, limits, and a hold if it is not the dose that was released. Sources: esketamine label, 5.1 to 5.3 (observation and
blood pressure after each dose).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.adverse_events.findings import (
    dose_emergencies,
    is_history,
    open_adverse_event,
    planned_mg,
)
from workflows.journey.always.holds.model import LIMITS, place
from workflows.journey.always.safety.model import ask_support
from workflows.journey.always.supply.rules import balance
from workflows.journey.obligation_types import VISIT
from workflows.journey.patient_limits import find_exceeded
from workflows.journey.setting import rules_of
from workflows.journey.stages.follow_up.model import OwedContact
from workflows.journey.stages.sessions.dose_gate import lapse_obstacles
from workflows.journey.stages.sessions.reviews import is_looked_at_in_maintenance
from workflows.journey.stages.sessions.state import Dose, Session
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.refusals import RefusalCode, list_some, refuse
from workflows.journey.vocabulary.severity import OF_OTHER_DOSE
from workflows.journey.vocabulary.words import name_of

LEFT = "the doses left do not add up"
"""The deviation of a dose after which another number is left than the ledger says."""


def record_dose(journey: Journey, command: c.RecordDose, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a dose (mg) that was taken. Only one that is still to come, or is recorded already, is refused. Whoever
    tells one again that is marked as entered in error says that it was taken: a clinician asks."""
    require_taken(command, at)
    session = _session_of(journey, command)
    recorded = find_recorded(journey, command)
    if is_marked(journey, recorded):
        refuse(
            RefusalCode.CONTRADICTS,
            "this dose is marked as entered in error, and nobody has confirmed that yet",
            "If it was taken, a clinician rejects the mark (`pathway reject-correction`)",
            "taken_at",
        )
    if recorded:
        refuse(
            RefusalCode.ALREADY_DONE,
            f"this dose is recorded ({recorded[0].id})",
            "Correct it with `pathway amend`, or give the time of the other dose",
            "taken_at",
        )
    yield make_dose(journey, command, by, _next_dose(journey), session, at)


def find_recorded(journey: Journey, command: c.RecordDose) -> tuple[Dose, ...]:
    """Return the doses that are recorded with this time, amount and route."""
    told = (command.taken_at, command.dose_mg, command.route)
    return tuple(dose for dose in journey.doses.values() if (dose.taken_at, dose.dose_mg, dose.route) == told)


def is_marked(journey: Journey, doses: tuple[Dose, ...]) -> bool:
    """Whether one of these doses is marked as entered in error, and nobody has confirmed that yet."""
    marked = [made.version for made in journey.unconfirmed.values() if made.in_error]
    return any(dose.version in marked for dose in doses)


def _next_dose(journey: Journey) -> str:
    """The id of the next dose. None is used twice, also not that of a dose entered in error."""
    return f"dose-{len(journey.doses) + journey.count_in_error('session.dosed') + 1}"


def require_taken(command: c.RecordDose, at: datetime) -> None:
    """Refuse a dose that is still to come.

    Raises:
        RefusalRaised: it was not taken yet.
    """
    if command.taken_at > at:
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Record the dose after it was taken", "taken_at")


def _session_of(journey: Journey, command: c.RecordDose) -> Session | None:
    """The session a dose belongs to: the one it names, or else the one that runs or waits for its dose."""
    if command.session is not None:
        return journey.sessions.get(command.session)
    return next(
        (
            session
            for session in journey.sessions.values()
            if session.released_at is not None and session.released_at <= command.taken_at and session.ended_at is None
        ),
        None,
    )


def dose_deviations(journey: Journey, session: Session | None, command: c.RecordDose, at: datetime) -> tuple[str, ...]:
    """Return how a dose that was taken, and is recorded at a moment (UTC), differs from the one that was released."""
    if is_history(journey, command.session if session is None else session.number, command.taken_at, at):
        return ()
    plan, found = journey.plan, []
    if journey.held:
        found.append("the journey is held")
    if journey.closing is not None:
        found.append("the pathway is ending, or has ended")
    if session is None:
        return (*found, "outside a session" if command.session is None else f"session {command.session} is not planned")
    if session.ended_at is not None:
        found.append(f"session {session.number} is over")
    elif session.dosed_at is not None:
        found.append(f"another dose in session {session.number}")
    released, made = session.released_at, session.check
    if released is None or command.taken_at < released:
        found.append("the session was not released")
    elif any(hold.placed_at >= released for hold in journey.holds.values()):
        found.append("care was held after the release")
    if session.stopped_at is not None and session.stopped_at <= command.taken_at:
        found.append("the session was stopped")
    if released is not None and at > released + journey.protocol.sessions.release_lasts:
        found.append("the release had lapsed before it was recorded")
    oldest = timedelta(minutes=journey.protocol.sessions.vitals.max_age_minutes)
    if made is not None and command.taken_at - made.vitals.measured_at > oldest:
        found.append("the vitals were too old by then")
    if released is not None:
        before = lapse_obstacles(journey, session.number, released)
        found += [why for why in lapse_obstacles(journey, session.number, command.taken_at) if why not in before]
    planned = planned_mg(journey, session.number)
    if planned is not None and command.dose_mg != planned:
        found.append("not the planned dose")
    if plan is not None and command.route != plan.route:
        found.append("not the planned route")
    at_home = rules_of(journey, session.number).doses_from == "home"
    if plan is not None and at_home and command.doses_left != expected_doses_left(journey):
        found.append(LEFT)
    return tuple(found)


def expected_doses_left(journey: Journey) -> int:
    """Return how many doses should be left after the next one, by the ledger."""
    return balance(journey) - 1


def make_dose(
    journey: Journey, command: c.RecordDose, by: Actor, dose: str, session: Session | None, at: datetime
) -> e.DoseRecorded:
    """Return the event of a dose, with the due times (UTC) of its observations."""
    deviations = dose_deviations(journey, session, command, at)
    minutes = journey.protocol.sessions.observe_minutes
    return e.DoseRecorded(
        dose=dose,
        session=None if session is None else session.number,
        dose_mg=command.dose_mg,
        route=command.route,
        taken_at=command.taken_at,
        doses_left=command.doses_left,
        told_by=command.told_by or by.role,
        by_report=command.told_by not in (None, by.role),
        released=session is not None and session.released_at is not None and not deviations,
        deviations=deviations,
        deviation=command.deviation,
        doses_from="home" if session is None else rules_of(journey, session.number).doses_from,
        observe_at=tuple(command.taken_at + timedelta(minutes=minute) for minute in minutes),
    )


def correct_dose(journey: Journey, command: c.RecordDose, version: int, by: Actor, at: datetime) -> e.DoseRecorded:
    """Return the event that corrects the dose recorded at this version, or by an earlier correction there.

    Raises:
        RefusalRaised: there is no such dose in the session it names, or the corrected one is still to come or differs
            from the plan without saying what happened.
    """
    require_taken(command, at)
    made = journey.corrections.get(version)
    amended = None if made is None or made.in_error else made.about.subject
    wrong = next((dose for dose in journey.doses.values() if version == dose.version or amended == dose.id), None)
    if wrong is None or command.session not in (None, wrong.session):
        refuse(RefusalCode.UNKNOWN, "there is no such dose", "Record it first", "correction")
    then = _as_it_was(journey, wrong, command.taken_at)
    found = dose_deviations(then, then.sessions.get(wrong.session or 0), command, wrong.recorded_at)
    if not found and wrong.session is None and wrong.deviations:
        found = wrong.deviations  # No correction makes a dose of the journey one that is only history.
    # The ledger has moved on since. What was told of it then is judged as it was.
    told_again = command.doses_left == wrong.doses_left and LEFT not in wrong.deviations
    deviations = tuple(each for each in found if not (each == LEFT and told_again))
    if wrong.session and deviations and command.deviation is None:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            f"the corrected dose is not the one released: {'; '.join(deviations)}",
            "Say what happened in `deviation`; care is then held",
            "deviation",
        )
    minutes = journey.protocol.sessions.observe_minutes
    return e.DoseRecorded(
        dose=wrong.id,
        session=wrong.session,
        dose_mg=command.dose_mg,
        route=command.route,
        taken_at=command.taken_at,
        doses_left=command.doses_left,
        told_by=command.told_by or wrong.told_by,
        by_report=(command.told_by or wrong.told_by) != by.role,
        released=wrong.session is not None and not deviations and command.deviation is None,
        deviations=deviations,
        deviation=command.deviation,
        doses_from=wrong.doses_from,
        observe_at=tuple(command.taken_at + timedelta(minutes=minute) for minute in minutes),
    )


def _as_it_was(journey: Journey, wrong: Dose, taken_at: datetime) -> Journey:
    """The journey as it stood at a moment (UTC) for a dose that is told anew: without it, and without what came after
    it."""
    session = journey.sessions.get(wrong.session or 0)
    earlier = {
        n: each for n, each in journey.sessions.items() if each.dosed_at is not None and each.dosed_at < taken_at
    }
    before = min(taken_at, wrong.taken_at)
    if session is not None:
        undosed = {"dose": None, "dose_mg": None, "dosed_at": None, "doses_left": None, "ended_at": None}
        earlier[session.number] = session.model_copy(update=undosed if session.dose == wrong.id else {})
    return journey.model_copy(
        update={
            "sessions": earlier,
            "doses": {name: dose for name, dose in journey.doses.items() if dose.taken_at < before},
            "holds": {name: hold for name, hold in journey.holds.items() if hold.placed_at < taken_at},
            "closing": None,
        }
    )


def react_dose(journey: Journey, body: e.DoseRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Hold care if it is not the dose that was released, tell who must know of it, and plan the contacts after it,
    counted from the dose."""
    yield from _deviates(journey, body, at)
    corrected = bool(journey.doses[body.dose].told_before)
    new = tuple(
        _no_later(contact, journey.contacts.get(contact.id)) if corrected else contact
        for contact in _owed_contacts(journey, body, at)
    )
    routine = tuple(k.id for k in journey.contacts.values() if k.open and k.type == "check_in" and k.dose is None)
    if new:
        yield e.ContactsScheduled(contacts=new, replaced=() if corrected else routine)


def react_confirmed(journey: Journey, body: e.CorrectionConfirmed, at: datetime) -> Iterator[e.EventBody]:
    """Have the contacts after a dose at the times that are counted from it, once the correction of it is confirmed."""
    made = journey.corrections[body.correction]
    dose = journey.doses.get(made.about.subject or "") if made.about.kind == "session.dosed" else None
    if dose is None or made.in_error or dose.told_before:
        return
    said = {name: getattr(dose, name) for name in e.DoseRecorded.model_fields if name not in ("kind", "dose")}
    told = e.DoseRecorded.model_validate({**said, "dose": dose.id})
    owed = ((contact, journey.contacts.get(contact.id)) for contact in _owed_contacts(journey, told, at))
    moved = tuple(now for now, was in owed if was and (now.opens, now.closes) != (was.opens, was.closes))
    if moved:
        yield e.ContactsScheduled(contacts=moved)


def _owed_contacts(journey: Journey, body: e.DoseRecorded, at: datetime) -> Iterator[e.Contact]:
    for contact in _contacts(journey, body, at):
        if contact.id not in journey.contacts or journey.contacts[contact.id].may_be_owed_again:
            yield contact


def _no_later(contact: e.Contact, known: OwedContact | None) -> e.Contact:
    """Return a contact as long as nobody has confirmed that its dose was taken at another time than was told: it is due
    by each of these times, and open by any of them."""
    if known is None or not known.open:
        return contact
    times = {
        "due": min(contact.due, known.due),
        "opens": min(contact.opens, known.opens),
        "closes": max(contact.closes, known.closes),
    }
    return contact.model_copy(update=times)


def _deviates(journey: Journey, body: e.DoseRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Open the adverse event of a dose that is an emergency. Hold care on any other deviation, and tell a clinician if
    it was more than planned, or not known how much, or by another route; and on any limit that the doses that were
    taken are beyond, now that this one is told, or told to be of another time."""
    emergencies = dose_emergencies(journey, body, at)
    if emergencies:
        recent = at - body.taken_at <= timedelta(hours=journey.protocol.check_ins.owed_hours)
        yield open_adverse_event(journey, emergencies, onset=body.taken_at, session=body.session, recent=recent)
        return
    exceeded = find_exceeded(journey, (journey.doses[body.dose].source,))
    if exceeded:
        if not journey.held_for(LIMITS):
            yield place(journey, LIMITS, list_some(exceeded), source=body.dose)
        yield ask_support(journey, OF_OTHER_DOSE, f"{body.dose}: {list_some(exceeded)}")
    if body.deviations or body.deviation is not None:
        yield place(
            journey,
            "dose_deviation",
            "a dose was taken that was not the one released",
            source=body.dose if body.session is None else f"session-{body.session}",
        )
        plan, planned = journey.plan, planned_mg(journey, body.session)
        if (
            plan is None
            or planned is None
            or body.dose_mg is None
            or body.dose_mg > planned
            or body.route != plan.route
        ):
            yield ask_support(journey, OF_OTHER_DOSE, f"{body.dose}: a dose was taken that was not the one planned")


def _contacts(journey: Journey, body: e.DoseRecorded, at: datetime) -> Iterator[e.Contact]:
    """The contacts owed after a dose. Of those whose time has passed when it is told, the latest is owed at once; none
    is, once the protocol's time for them is over."""
    protocol, zone, number = journey.protocol, journey.patient.zone, body.session
    session = None if number is None else journey.sessions.get(number)
    planned = session is not None and session.dose == body.dose
    name = str(number) if planned else body.dose
    after_what = f"after session {number}" if planned else f"after {name_of(body.dose)}"
    if at - body.taken_at > timedelta(hours=protocol.check_ins.owed_hours) and not planned:
        return
    owed = [
        e.Contact(
            id=f"check-in-{name}-{after.hours}h",
            type="check_in",
            due=due,
            opens=after.window.opens(due),
            closes=after.window.closes(due),
            escalation_policy=after.escalation_policy,
            session=number,
            dose=body.dose,
            which=f"{after.hours} hours {after_what}",
            zone=zone,
        )
        for after in protocol.check_ins.after_session
        for due in (body.taken_at + timedelta(hours=after.hours),)
    ]
    late = [contact for contact in owed if contact.due < at]
    for contact in owed:
        if contact.due >= at or contact.id in journey.contacts:
            yield contact
        elif contact is late[-1]:
            window = protocol.check_ins.after_session[len(late) - 1].window
            yield contact.model_copy(update={"due": at, "opens": at, "closes": window.closes(at)})
    visits = protocol.clinician_visits
    last = planned and journey.plan is not None and (number or 0) >= journey.plan.planned_sessions
    asked = number in visits.after_session or is_looked_at_in_maintenance(journey, number or 0)
    if not planned or asked or (last and "last" in visits.after_session):
        due = body.taken_at + timedelta(hours=visits.within_hours)
        yield e.Contact(
            id=f"visit-{name}",
            type="visit",
            due=due,
            opens=visits.window.opens(due),
            closes=visits.window.closes(due),
            escalation_policy=VISIT.kind,
            session=number,
            dose=body.dose,
            which=after_what,
            zone=zone,
        )


DECISIONS: Decisions = {
    c.RecordDose: record_dose,
}
REACTIONS: Reactions = {
    e.DoseRecorded: react_dose,
    e.CorrectionConfirmed: react_confirmed,
}
