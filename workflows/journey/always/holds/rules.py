"""Holds: care stops, and goes on only by a signed decision.

Anyone and any rule may place one. Observation of the patient, alarms and support go on.
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Actor
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.adverse_events.rules import is_reviewed
from workflows.journey.always.death.rules import undecided
from workflows.journey.always.holds.model import RISK_CAUSES, Hold, place
from workflows.journey.always.medicines.rules import medicine_obstacles
from workflows.journey.evidence import sign_off_requirement
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement
from workflows.journey.stages.screening.rules import excluded


def place_hold(journey: Journey, command: c.PlaceHold, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Place a hold. Anybody may do so at any time: stopping care needs no right."""
    yield place(journey, "placed_by_hand", command.reason).model_copy(update={"together": command.together})


def react_escalation(journey: Journey, body: e.ObligationEscalated, at: datetime) -> Iterator[e.EventBody]:
    """Hold care when an escalation step says so, because what was missed may concern safety. One hold for each."""
    if not body.hold:
        return
    source = body.obligation[:64]
    if not any(hold.source == source for hold in journey.standing_holds):
        yield place(journey, "missed_deadline", f"{body.obligation} was not answered in time", source=source)


def release_obstacles(journey: Journey, hold: Hold) -> tuple[str, ...]:
    """Return what must still happen before this hold can be released, whoever signs."""
    if hold.source in journey.adverse_events and not is_reviewed(journey, hold.source or ""):
        return ("the adverse event is reviewed and signed",)
    match hold.cause:
        case "exclusion" if excluded(journey, "hard"):
            return ("the hard exclusion no longer holds (correct the screening)",)
        case "pregnancy" if journey.pregnancy_found:
            return ("a later pregnancy test is negative",)
        case "medicine" if medicine_obstacles(journey):
            return ("a clinician reviews the medicines",)
        case "death" if undecided(journey) is not None:
            return ("a second, clinical person decides on the reported death",)
        case "unreadable_message":
            message = journey.messages.get(hold.source or "")
            return () if message is None or message.handled else ("ops have read the message",)
        case "kept_report":
            report = journey.reports.get(hold.source or "")
            return () if report is None or report.settled else ("a clinician has settled the report",)
    return ()


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for a decision on every hold that is not released. A severe one needs the sign-off for severe holds; one
    because of suicide risk is released by the decision on that risk."""
    for hold in journey.standing_holds:
        if hold.cause in RISK_CAUSES:
            continue
        kind = SignOffKind.SEVERE_HOLD_RELEASE if hold.severe else SignOffKind.HOLD_RELEASE
        asked = sign_off_requirement(journey, kind, hold.id)
        if asked:
            yield asked


DECISIONS: Decisions = {
    c.PlaceHold: place_hold,
}
REACTIONS: Reactions = {
    e.ObligationEscalated: react_escalation,
}
