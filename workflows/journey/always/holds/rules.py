"""Holds: care stops, and goes on only by a signed decision.

Anyone and any rule may place one. Observation of the patient, alarms and support go on.
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.holds.model import RISK_CAUSES, place
from workflows.journey.evidence import sign_off_requirement
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.stage import Stage


def place_hold(journey: Journey, command: c.PlaceHold, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Place a hold. Anybody may do so at any time: stopping care needs no right."""
    yield place(journey, "placed_by_hand", command.reason).model_copy(update={"together": command.together})


def react_escalation(journey: Journey, body: e.ObligationEscalated, at: datetime) -> Iterator[e.EventBody]:
    """Hold care when an escalation step says so, because what was missed may concern safety. One hold for each."""
    if not body.hold:
        return
    source, missed = body.obligation[:64], journey.waiting.get(body.obligation)
    if not any(hold.source == source for hold in journey.standing_holds):
        what = "do what was awaited" if missed is None else missed.what
        yield place(journey, "missed_deadline", f"nobody came in time to {what}", source=source)


def react_moved(journey: Journey, body: e.PatientMoved, at: datetime) -> Iterator[e.EventBody]:
    """Hold care when the patient lives in another state, until a clinician who is licensed there has decided. Whoever
    signs needs a licence there, so nobody else can. In the evaluation nothing was decided yet."""
    if body.left is not None and journey.closing is None and journey.stage != Stage.EVALUATION:
        yield place(journey, "moved", f"the patient moved from {body.left} to {body.state}")


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
    e.PatientMoved: react_moved,
}
