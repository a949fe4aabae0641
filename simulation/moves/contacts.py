"""What people do after sessions: check-ins, visits, questionnaires, and what a dose rests on is renewed."""

from datetime import datetime, timedelta

from application.words.codes import say
from simulation.moves.preparing import acknowledge, at_home, consent, explaining, fill_in, write_plan
from simulation.moves.situation import PlayedMove, Situation
from simulation.people import invented
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.instruments import Instrument
from workflows.journey.stages.evaluation.model import scheduled_instruments
from workflows.journey.stages.sessions.validity import BASELINE_OF
from workflows.journey.vocabulary.actors import Role


def check_in(situation: Situation) -> PlayedMove | datetime:
    if situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    return Role.PATIENT, c.CompleteCheckIn(
        check_in=situation.subject,
        feeling="unwell" if situation.unwell else "well",
        side_effects=invented("dizzy, and worried about it" if situation.unwell else "a little tired"),
        symptoms=dict.fromkeys(situation.journey.protocol.symptoms.names, 3),
        location=said_at_home(situation.journey),
    )


def said_at_home(journey: Journey) -> c.SaidLocation:
    return c.SaidLocation(state=journey.patient.state, confirmed=True)


def hold_visit(situation: Situation) -> PlayedMove | datetime:
    """Hold a visit: after a session in the day before it is due, in follow-up when it is due."""
    opens = situation.waiting.deadline - timedelta(hours=24 if situation.waiting.kind == "visit" else 0)
    if situation.at < opens:
        return opens
    protocol = situation.journey.protocol
    rules = protocol.follow_up
    return Role.CLINICIAN, c.RecordVisit(
        visit=situation.subject,
        assessments={name: invented(f"{say(name)} assessed") for name in rules.assessments},
        answers={name: invented(f"{say(name)}: nothing new") for name in rules.questions},
        symptoms=dict.fromkeys(protocol.symptoms.names, 3),
        function={name: invented(f"{say(name)} better") for name in protocol.eligibility.function},
        outcome=rules.outcomes[0],
        concurrent_care=invented("weekly psychotherapy, medicines unchanged"),
        location=at_home(situation.journey),
    )


def find_time(situation: Situation) -> PlayedMove | None:
    """Find another time in the window of a visit that the patient did not come to. After it a clinician decides."""
    contact = situation.journey.contacts[situation.subject]
    to = min(situation.at + timedelta(hours=1), contact.closes)
    if to < situation.at:
        return None
    return Role.COORDINATOR, c.MoveVisit(visit=contact.id, to=to, reason=invented("reached on the phone"))


def measure(situation: Situation) -> PlayedMove | datetime:
    journey, asked = situation.journey, scheduled_instruments(situation.journey)
    others = [each for each in asked if situation.subject.endswith(f"-{each.value.lower()}")]
    instrument = (others or asked)[0]
    planned_ahead = situation.subject in journey.contacts or journey.latest(instrument, occasion=situation.subject)
    if planned_ahead and situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    return fill_in(journey, instrument, situation.subject)


def settle_contact(situation: Situation) -> PlayedMove:
    return Role.CLINICIAN, c.SettleContact(contact=situation.subject, reason=invented("called back; all is well"))


def renew(situation: Situation) -> PlayedMove | datetime:
    """Renew what a dose rests on, a week before it lapses."""
    journey, name = situation.journey, situation.subject
    week_before = situation.waiting.deadline - timedelta(days=7)
    if situation.at < week_before:
        return week_before
    match name:
        case "evaluation":
            section = journey.protocol.eligibility.evaluation_sections[0]
            found = c.RecordEvaluation(sections={section: invented(f"looked at again, after {journey.version}")})
            evaluated = max(v for v, fact in journey.facts.items() if fact.kind == "evaluation.recorded")
            return Role.CLINICIAN, c.Amend(version=evaluated, reason=invented("evaluated again"), correction=found)
        case "plan" | "weight":
            return write_plan(situation)
        case "education":
            return Role.CLINICIAN, explaining(journey, journey.protocol.education_topics)
        case "acknowledgements":
            return acknowledge(situation)
        case "consents":
            return consent(situation)
    return fill_in(journey, Instrument(name.removeprefix(BASELINE_OF)), f"renewed-{journey.version}")
