"""What people do for a session and in it."""

from datetime import datetime, timedelta

from simulation.moves.preparing import fill_in
from simulation.moves.situation import PlayedMove, Situation, interpreter
from simulation.people import PEOPLE, checklist, invented, observation, vitals
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.always.supply.rules import balance
from workflows.journey.instruments import Instrument
from workflows.journey.stages.sessions.checklist import find_contradicted
from workflows.journey.stages.sessions.dose_gate import dose_gate, outside_hours
from workflows.journey.stages.sessions.dosing import dose_deviations, expected_doses_left
from workflows.journey.stages.sessions.ending import contradictions, earliest_end
from workflows.journey.vocabulary.actors import Role


def dispense(situation: Situation) -> PlayedMove:
    planned = situation.journey.plan
    assert planned is not None
    return Role.COORDINATOR, c.MoveSupply(
        movement="dispensed", doses=planned.doses_dispensed, moved_at=situation.at, lot="demo-lot-1"
    )


def judge_pregnancy(situation: Situation) -> PlayedMove | datetime:
    if situation.waiting.subject is not None and situation.at < situation.waiting.deadline - timedelta(days=7):
        return situation.waiting.deadline - timedelta(days=7)
    born = situation.journey.patient.born.year
    return Role.CLINICIAN, c.JudgePregnancy(possible=False, because=invented(f"not possible; born in {born}"))


def schedule(situation: Situation) -> PlayedMove:
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
        interpreter=interpreter(journey),
    )


def instruct(situation: Situation) -> PlayedMove:
    return Role.COORDINATOR, c.Instruct(session=int(situation.subject), content_version="demo-1")


def acknowledge_instructions(situation: Situation) -> PlayedMove:
    number = int(situation.subject)
    delivered = situation.journey.sessions[number].instructed
    assert delivered is not None
    return Role.PATIENT, c.AcknowledgeInstructions(session=number, content_version=delivered)


def check(situation: Situation) -> PlayedMove | datetime:
    if situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    journey, session = situation.journey, situation.journey.sessions[int(situation.subject)]
    if situation.at > session.closes:
        return schedule(situation)
    return Role.SESSION_MONITOR, go_through(journey, session.number, situation.at)


def go_through(journey: Journey, number: int, at: datetime) -> c.CheckSession:
    """Make a checklist that says no where the record does."""
    made, contradicted = checklist(journey, number, at), find_contradicted(journey, journey.sessions[number], at)
    return made.model_copy(update={"items": {item: item not in contradicted for item in made.items}})


def release(situation: Situation) -> PlayedMove | None:
    number = int(situation.subject)
    obstacles = dose_gate(situation.journey, number, situation.at)
    if situation.at > situation.journey.sessions[number].closes:
        return schedule(situation)
    if "the C-SSRS is too old" in obstacles:
        return fill_in(situation.journey, Instrument.C_SSRS_SINCE, f"asked-{situation.journey.version}")
    if any("too old" in obstacle for obstacle in obstacles):
        return Role.SESSION_MONITOR, go_through(situation.journey, number, situation.at)
    # Whatever else stands in the way is an obligation of its own.
    return None if obstacles else (Role.SESSION_MONITOR, c.ReleaseSession(session=number))


def take_dose(situation: Situation) -> PlayedMove:
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
        return Role.SESSION_MONITOR, c.CancelSession(session=number, reason=invented("not today any more"))
    return Role.SESSION_MONITOR, taken


def observe(situation: Situation) -> PlayedMove | datetime:
    if situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    if situation.subject.startswith("dose-"):
        dose, _, minutes = situation.subject.rpartition("-")
        window = timedelta(minutes=situation.journey.protocol.sessions.observe_window_minutes)
        if situation.at > situation.waiting.deadline + window:
            reason = invented("nobody was reached in time")
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
        session=number, minute=minute, reason=invented("the connection was lost")
    )


def end_session(situation: Situation) -> PlayedMove | datetime:
    session, rules = situation.journey.sessions[int(situation.subject)], situation.journey.protocol.sessions
    assert session.dosed_at is not None
    earliest = earliest_end(situation.journey, session.dosed_at)
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


def count_doses(situation: Situation) -> PlayedMove:
    left, journey = max(0, balance(situation.journey)), situation.journey
    cancelled = journey.coordinator in journey.release_cancelled_by
    return Role.SESSION_MONITOR if cancelled else Role.COORDINATOR, c.CountSupply(doses=left, counted_at=situation.at)


def collect(situation: Situation) -> PlayedMove:
    return Role.COORDINATOR, c.MoveSupply(movement="returned", doses=balance(situation.journey), moved_at=situation.at)
