"""What people sign, and who of them."""

from simulation.moves.preparing import fill_in
from simulation.moves.situation import PlayedMove, Situation
from simulation.people import PEOPLE, invented
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.always.safety.suicide_risk import settling_obstacles
from workflows.journey.always.sign_offs.hold_releases import release_obstacles
from workflows.journey.authorization import authors, cosigners
from workflows.journey.evidence import first_approval
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role
from workflows.journey.watch import contacts_watched

CHOICES = {
    SignOffKind.ELIGIBILITY: "at_home",
    SignOffKind.RESPONSE_REVIEW: "continue",
    SignOffKind.RISK_DECISION: "settled",
}


def sign(situation: Situation) -> PlayedMove | None:
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
            return fill_in(journey, Instrument.C_SSRS_SINCE, f"asked-{journey.version}")
        if before:
            return None
    if request.sign_off == SignOffKind.LOST_TO_FOLLOW_UP and journey.handover is None and contacts_watched(journey):
        receiver = c.Receiver(
            name="Dr. Invented", organisation="family doctor (invented)", reached_by="+15550100", accepted=True
        )
        return Role.CLINICIAN, c.ProposeHandover(receiver=receiver, reason=invented("sought, and not found"))
    rule = journey.protocol.sign_offs[request.sign_off]
    return signer(journey, request), c.Sign(
        request=request.id,
        decision="approve",
        meaning=rule.meaning,
        evidence=request.evidence,
        choice=CHOICES.get(request.sign_off),
        rationale=invented("weighed case by case"),
        referral=invented("the family doctor") if request.sign_off == SignOffKind.LOST_TO_FOLLOW_UP else None,
    )


def signer(journey: Journey, request: Obligation) -> Role:
    """Return who signs a request: the first role that the protocol names, unless they wrote it; another one as
    second."""
    assert request.sign_off is not None
    rule = journey.protocol.sign_offs[request.sign_off]
    first = first_approval(journey, request.sign_off, request.subject)
    roles = rule.roles if first is None else cosigners(journey, request.sign_off)
    wrote = authors(journey, request.sign_off, request.subject) if rule.not_author else ()
    not_they = (*wrote, None if first is None else first.by)
    return next(role for role in roles if PEOPLE[role].id not in not_they)
