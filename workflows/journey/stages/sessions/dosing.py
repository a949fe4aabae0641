"""The dose of a session. What was taken is always recorded, also when it should not have been."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Actor
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.holds.model import place
from workflows.journey.obligation_types import VISIT
from workflows.journey.refusals import RefusalCode, refuse
from workflows.journey.stages.sessions.dose_gate import scheduled
from workflows.journey.stages.sessions.model import Session


def record_dose(journey: Journey, command: c.RecordDose, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record the dose (mg) that was taken. If it is not the dose that was released, it must say what happened."""
    session = scheduled(journey, command.session)
    if session.dosed_at is not None:
        refuse(
            RefusalCode.ALREADY_DONE,
            "a dose is recorded for this session",
            "Correct it with `pathway amend`",
            "session",
        )
    _require_past(journey, command, at)
    deviations = dose_deviations(journey, session, command)
    if deviations and command.deviation is None:
        refuse(
            RefusalCode.HELD if journey.held else RefusalCode.OUT_OF_LIMITS,
            f"this dose is not the one released: {'; '.join(deviations)}",
            "If it really was taken, record it again with `deviation` saying what happened; care is then held",
            "deviation",
        )
    yield dosed(journey, command)


def require_plausible(journey: Journey, command: c.RecordDose, at: datetime) -> None:
    """Refuse a correction to a dose other than the planned one that does not say what happened.

    Raises:
        Refused: it needs ``deviation``, or a time between the start of the journey and now.
    """
    _require_past(journey, command, at)
    planned = None if journey.plan is None else (journey.plan.dose_mg, journey.plan.route)
    if command.deviation is None and (command.dose_mg, command.route) != planned:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            "the corrected dose is not the planned one",
            "Say what happened in `deviation`; care is then held",
            "deviation",
        )


def _require_past(journey: Journey, command: c.RecordDose, at: datetime) -> None:
    if command.taken_at > at:
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Record the dose after it was taken", "taken_at")
    if command.taken_at < journey.started_at:
        refuse(RefusalCode.WRONG_TIME, "this was before the journey began", "Give the time it was taken", "taken_at")


def dose_deviations(journey: Journey, session: Session, command: c.RecordDose) -> tuple[str, ...]:
    """Return how a dose that was taken differs from the one that was released."""
    plan = journey.plan
    found = []
    if journey.held:
        found.append("the journey is held")
    released, made = session.released_at, session.check
    if released is None or command.taken_at < released:
        found.append("the session was not released")
    elif any(hold.placed_at >= released for hold in journey.holds.values()):
        found.append("care was held after the release")
    oldest = timedelta(minutes=journey.protocol.sessions.vitals.max_age_minutes)
    if made is not None and command.taken_at - made.vitals.measured_at > oldest:
        found.append("the vitals were too old by then")
    if plan is not None and command.dose_mg != plan.dose_mg:
        found.append("not the planned dose")
    if plan is not None and command.route != plan.route:
        found.append("not the planned route")
    if plan is not None and command.doses_left != expected_doses_left(journey):
        found.append("the doses left do not add up")
    return tuple(found)


def expected_doses_left(journey: Journey) -> int:
    """Return how many doses should be left after the next one, in the supply of the plan."""
    counted = [s.doses_left for s in journey.dosed_sessions if s.doses_left is not None]
    dispensed = journey.plan.doses_dispensed if journey.plan is not None else 0
    before = counted[-1] if counted and counted[-1] > 0 else dispensed
    return before - 1


def dosed(journey: Journey, command: c.RecordDose) -> e.DoseRecorded:
    """Return the event of a dose, with the due times (UTC) of its observations."""
    minutes = journey.protocol.sessions.observe_minutes
    return e.DoseRecorded(
        **command.model_dump(exclude={"kind"}),
        observe_at=tuple(command.taken_at + timedelta(minutes=minute) for minute in minutes),
    )


def react_dose(journey: Journey, body: e.DoseRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Hold care on a deviation, and plan the contacts after the session, counted from the dose."""
    if body.deviation is not None:
        yield place(
            journey,
            "dose_deviation",
            "a dose was taken that was not the one released",
            source=f"session-{body.session}",
        )
    protocol, zone, number = journey.protocol, journey.patient.zone, body.session
    last = journey.plan is not None and number >= journey.plan.planned_sessions
    owed = [
        e.Contact(
            id=f"check-in-{number}-{after.hours}h",
            type="check_in",
            due=body.taken_at + timedelta(hours=after.hours),
            escalation_policy=after.escalation_policy,
            session=number,
            zone=zone,
        )
        for after in protocol.check_ins.after_session
    ]
    visits = protocol.clinician_visits
    if number in visits.after_session or (last and "last" in visits.after_session):
        owed.append(
            e.Contact(
                id=f"visit-{number}",
                type="visit",
                due=body.taken_at + timedelta(hours=visits.within_hours),
                escalation_policy=VISIT.kind,
                session=number,
                zone=zone,
            )
        )
    new = tuple(
        contact for contact in owed if not (contact.id in journey.contacts and not journey.contacts[contact.id].open)
    )
    routine = tuple(k.id for k in journey.contacts.values() if k.open and k.type == "check_in" and k.session is None)
    yield e.ContactsScheduled(contacts=new, replaced=routine)


DECISIONS: Decisions = {
    c.RecordDose: record_dose,
}
REACTIONS: Reactions = {
    e.DoseRecorded: react_dose,
}
