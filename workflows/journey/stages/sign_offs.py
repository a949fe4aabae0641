"""Signing: who may decide, on what, with what effect. Nothing here or anywhere else decides in their place.

Sources: 21 CFR 11.50 (printed name, time, meaning), 11.70 (bound to its record); "a clinician determines
appropriateness on a case-by-case basis"; adjustments rest on clinical judgement, never on a rule.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.journey import Journey
from workflows.journey.obligations import Obligation
from workflows.journey.people import Actor
from workflows.journey.protocol import SignOffKind
from workflows.journey.refusals import Code, refuse
from workflows.journey.stage import Outcome, Stage
from workflows.journey.stages.evidence import current
from workflows.journey.stages.holding import ask_support, place
from workflows.journey.stages.safety import release_obstacles
from workflows.journey.stages.screening import eligibility_obstacles

ENDINGS = {
    "in_clinic": Outcome.IN_CLINIC,
    "neither": Outcome.INELIGIBLE,
    "switch_to_in_clinic": Outcome.IN_CLINIC,
}
"""Choices that end this pathway, and how. They need a referral to where the patient goes next."""


def sign(journey: Journey, command: c.Sign, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    request = _requested(journey, command)
    kind, subject = request.sign_off, request.subject
    assert kind is not None
    rule = journey.protocol.sign_offs[kind]
    if by.role not in rule.roles:
        refuse(
            Code.NOT_ALLOWED,
            f"a {by.role.value} may not sign this; the protocol asks for {' or '.join(rule.roles)}",
            "Have one of them sign",
        )
    if by.name is None or by.licence is None:
        refuse(Code.NOT_ALLOWED, "a signature shows a printed name and a licence", "Complete your profile")
    if command.evidence != request.evidence:
        refuse(
            Code.STALE,
            "the evidence has changed since you saw it",
            "Read it again (`signoff show`) and decide on what it says now",
            "evidence",
        )
    if command.meaning != rule.meaning:
        refuse(Code.INCOMPLETE, f"signing this means '{rule.meaning}'", "State that meaning", "meaning")
    approving = command.decision == "approve"
    if command.rationale is None and (rule.rationale or not approving):
        refuse(Code.INCOMPLETE, "this decision needs a rationale", "Say why", "rationale")
    if approving and rule.choices and command.choice not in rule.choices:
        refuse(Code.INCOMPLETE, "this decision needs a choice", f"Choose: {', '.join(rule.choices)}", "choice")
    if command.choice is not None and not (approving and rule.choices):
        refuse(Code.UNKNOWN, "there is nothing to choose here", "Leave the choice out", "choice")
    if approving:
        _require_open(journey, kind, subject, command.choice, at)
    if _ending(kind, command) is not None and command.referral is None:
        refuse(
            Code.INCOMPLETE,
            "this decision ends the pathway",
            "Say where the patient is referred to",
            "referral",
        )
    yield e.SignedOff(
        request=command.request,
        sign_off=kind,
        subject=subject,
        decision=command.decision,
        meaning=command.meaning,
        evidence=command.evidence,
        choice=command.choice,
        rationale=command.rationale,
        referral=command.referral,
        name=by.name,
        licence=by.licence,
    )


def _requested(journey: Journey, command: c.Sign) -> Obligation:
    request = journey.waiting.get(command.request)
    if request is not None and request.sign_off is not None:
        return request
    signed = next((s for s in journey.sign_offs if s.request == command.request), None)
    if signed is not None:
        refuse(
            Code.ALREADY_DONE,
            f"{signed.name} has decided this at {signed.at.isoformat(timespec='seconds')} ({signed.decision})",
            "See `pathway timeline`",
            "request",
        )
    if journey.held:
        refuse(Code.HELD, "this request waits until the hold is released", "Decide on the hold first", "request")
    matter = command.request.rpartition(":")[0]
    if any(waiting.matter == matter for waiting in journey.waiting.values()):
        refuse(Code.STALE, "this request was superseded by newer evidence", "See `signoff list`", "request")
    refuse(Code.UNKNOWN, "no such sign-off is requested", "See `signoff list`", "request")


def _require_open(journey: Journey, kind: SignOffKind, subject: str | None, choice: str | None, at: datetime) -> None:
    if kind == SignOffKind.ELIGIBILITY and choice == "at_home":
        obstacles = eligibility_obstacles(journey, at)
        if obstacles:
            refuse(
                Code.INCOMPLETE,
                f"at-home treatment cannot be approved: {'; '.join(obstacles)}",
                "Settle these, or choose another setting",
                "choice",
            )
    if kind == SignOffKind.PLAN:
        signed = current(journey, SignOffKind.EVALUATION)
        first = not any(s.kind == SignOffKind.PLAN and s.decision == "approve" for s in journey.sign_offs)
        valid = journey.protocol.eligibility.evaluation_valid_days
        if first and signed is not None and at - signed.at > timedelta(days=valid):
            refuse(
                Code.STALE,
                f"the evaluation was signed more than {valid} days ago",
                "Amend the evaluation and have it signed again",
            )
    if kind in (SignOffKind.HOLD_RELEASE, SignOffKind.SEVERE_HOLD_RELEASE) and choice not in ENDINGS:
        obstacles = release_obstacles(journey, journey.holds[subject or ""])
        if obstacles:
            refuse(Code.INCOMPLETE, f"before this hold is released: {'; '.join(obstacles)}", "See to that first")


def _ending(kind: SignOffKind, command: c.Sign) -> Outcome | None:
    """How this decision ends the pathway, if it does."""
    if command.decision == "decline" and kind in (SignOffKind.EVALUATION, SignOffKind.ELIGIBILITY):
        return Outcome.INELIGIBLE
    return ENDINGS.get(command.choice or "") if command.decision == "approve" else None


def react_signed(journey: Journey, body: e.SignedOff, at: datetime) -> Iterator[e.EventBody]:
    """What a decision brings about. Approvals of content need nothing: the gates read them."""
    reason = body.rationale or body.meaning
    if body.decision == "decline" and body.sign_off in (SignOffKind.EVALUATION, SignOffKind.ELIGIBILITY):
        yield e.PathwayEnding(outcome=Outcome.INELIGIBLE, reason=reason, referral=body.referral)
    if body.decision != "approve":
        return
    if body.choice in ENDINGS:
        yield e.PathwayEnding(outcome=ENDINGS[body.choice], reason=reason, referral=body.referral)
        return
    match body.sign_off:
        case SignOffKind.HOLD_RELEASE | SignOffKind.SEVERE_HOLD_RELEASE:
            yield e.HoldReleased(hold=body.subject or "", sign_off=body.request)
        case SignOffKind.LOST_TO_FOLLOW_UP:
            yield e.PathwayEnding(outcome=Outcome.LOST_TO_FOLLOW_UP, reason=reason)
        case SignOffKind.DISCHARGE:
            yield e.PathwayEnding(outcome=Outcome.COMPLETED, reason=reason)
        case SignOffKind.RESPONSE_REVIEW if body.choice == "pause":
            yield place(journey, "paused", reason)
        case SignOffKind.RESPONSE_REVIEW if body.choice == "add_support":
            yield ask_support(journey, "routine", "the response review asks for additional support")
        case SignOffKind.RESPONSE_REVIEW if body.choice == "stop":
            yield e.StageEntered(stage=Stage.FOLLOW_UP)


def answer_returned(journey: Journey, command: c.AnswerReturned, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    returned = next((s for s in reversed(journey.sign_offs) if s.request == command.request), None)
    if returned is None or returned.decision != "return":
        refuse(Code.UNKNOWN, "no request of this id was returned", "See `pathway why`", "request")
    if current(journey, returned.kind, returned.subject) != returned:
        refuse(Code.ALREADY_DONE, "this question has been answered", "See `signoff list` for what is asked", "request")
    yield e.SignOffAnswered(sign_off=returned.kind, subject=returned.subject, text=command.text)
