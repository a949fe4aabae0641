"""Holds: care stops, and goes on only by a signed decision.

Anyone and any rule may place one. Observation of the patient, alarms and support go on.
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.care_team.identity import is_same_person
from workflows.journey.always.holds.model import RISK_CAUSES, place
from workflows.journey.authorization import cosigners
from workflows.journey.evidence import sign_off_requirement
from workflows.journey.obligation_types import LICENCE_THERE
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement, require
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.stage import Stage
from workflows.journey.vocabulary.words import name_of


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
    because of suicide risk is released by the decision on that risk. In the evaluation a move holds nothing, and may
    leave nobody to sign it all the same."""
    if journey.stage == Stage.EVALUATION and not _may_anybody_sign(journey, SignOffKind.EVALUATION):
        yield _ask_for_licence(journey, "evaluation", "sign the evaluation")
    for hold in journey.standing_holds:
        if hold.cause in RISK_CAUSES:
            continue
        kind = SignOffKind.SEVERE_HOLD_RELEASE if hold.severe else SignOffKind.HOLD_RELEASE
        asked = sign_off_requirement(journey, kind, hold.id)
        if asked:
            yield asked
        if not _may_anybody_sign(journey, kind):
            yield _ask_for_licence(journey, hold.id, f"decide on {name_of(hold.id)}")


def _ask_for_licence(journey: Journey, subject: str, decision: str) -> Requirement:
    return require(
        LICENCE_THERE,
        subject=subject,
        owner=Role.MEDICAL_DIRECTOR,
        what=f"find somebody licensed in {journey.patient.state} to {decision}: not enough people are known here. "
        "Have them entered (`clinician enter`), and hand over to them (`pathway reassign`)",
        care=False,
    )


def _may_anybody_sign(journey: Journey, kind: SignOffKind) -> bool:
    """Whether, since the patient moved, this journey knows of as many people as this takes, each in a role that may and
    with a licence in the state. Before that the clinic's staff were looked at when the pathway began."""
    if "state" not in journey.told_at:
        return True
    first = _list_licensed(journey, journey.protocol.sign_offs[kind].roles)
    others = cosigners(journey, kind)
    if not others:
        return bool(first)
    second = _list_licensed(journey, others)
    return any(not is_same_person(journey, one, other) for one in first for other in second)


def _list_licensed(journey: Journey, roles: tuple[Role, ...]) -> tuple[str, ...]:
    """Return who is known to have one of these roles and a licence where the patient lives: staff as the register said
    when it was last looked at, and of others whoever signed here with one."""
    at, state = journey.looked_at or journey.started_at, journey.patient.state
    asked = [member.id for member in journey.members]
    entered = ((m.id, m.role, m.licence) for m in journey.members if m.works_at(journey.clinic, at))
    signed = ((s.by, s.role, s.licence) for s in journey.sign_offs if s.by not in asked)
    return tuple(
        person
        for person, role, licence in (*entered, *signed)
        if role in roles and licence is not None and licence.covers(state, at) and not journey.is_patient(person)
    )


DECISIONS: Decisions = {
    c.PlaceHold: place_hold,
}
REACTIONS: Reactions = {
    e.ObligationEscalated: react_escalation,
    e.PatientMoved: react_moved,
}
