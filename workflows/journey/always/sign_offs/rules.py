"""Signing: who may decide, on what, with what effect. Only people decide.

Sources: 21 CFR 11.50 (printed name, time, meaning), 11.70 (bound to its record); "a clinician determines
appropriateness on a case-by-case basis"; adjustments rest on clinical judgement, never on a rule.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.safety.suicide_risk import settling_obstacles
from workflows.journey.always.sign_offs.hold_releases import release_obstacles
from workflows.journey.always.sign_offs.model import SignOff
from workflows.journey.authorization import cosigners, delegations_of, first_objection, may_decide
from workflows.journey.evidence import current_decision, first_approval
from workflows.journey.needs import wanted_now
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Obligation, Requirement
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.stages.education.planning import require_clinical_reason
from workflows.journey.stages.follow_up.rules import find_visits_not_held
from workflows.journey.stages.screening.rules import eligibility_obstacles
from workflows.journey.stages.sessions.ending import require_endable
from workflows.journey.stages.sessions.reviews import reviews_owed
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.calendars import format_moment
from workflows.journey.vocabulary.refusals import RefusalCode, RefusalRaised, list_some, refuse
from workflows.journey.vocabulary.signed_statement import Signature
from workflows.journey.watch import contacts_watched, may_receive

HANDED_OVER = "handed_over"
"""The choice of a decision on suicide risk by which somebody else looks after the patient, who has agreed to it."""


LONGEST_DELEGATION = timedelta(weeks=4)
"""A right is lent for a leave, not for good. What authorises is checked and recalled periodically (21 CFR 11.300(b)),
and nobody looks again at a right that was lent long ago. Four weeks are our choice."""


def sign(journey: Journey, command: c.Sign, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Decide on a request. The person must be allowed to, the evidence current, the meaning right, a reason given where
    one is needed, and the signature not used before (21 CFR 11.50, 11.70, 11.200). How care goes on, and where, is a
    clinical decision "rather than convenience alone" (the second source document)."""
    request = _find_request(journey, command)
    kind, subject = request.sign_off, request.subject
    assert kind is not None
    rule, first = journey.protocol.sign_offs[kind], first_approval(journey, kind, subject)
    objection = may_decide(journey, kind, subject, by, at, first)
    if objection is not None:
        raise RefusalRaised(objection)
    assert by.name is not None
    assert by.licence is not None
    signature = _signature(journey, command, at)
    if command.evidence != request.evidence:
        refuse(
            RefusalCode.STALE,
            "the evidence has changed since you saw it",
            "Read it again (`signoff show`) and decide on what it says now",
            "evidence",
        )
    if command.meaning != rule.meaning:
        refuse(RefusalCode.INCOMPLETE, f"signing this means '{rule.meaning}'", "State that meaning", "meaning")
    approving = command.decision == "approve"
    if command.rationale is None and (rule.rationale or not approving):
        refuse(RefusalCode.INCOMPLETE, "this decision needs a rationale", "Say why", "rationale")
    about = SIGN_OFF_TYPES[kind]
    if approving and command.rationale is not None and (about.care or about.opens_care or about.choices):
        require_clinical_reason(journey.protocol, command.rationale)
    if approving and rule.choices and command.choice not in rule.choices:
        refuse(RefusalCode.INCOMPLETE, "this decision needs a choice", f"Choose: {', '.join(rule.choices)}", "choice")
    if command.choice is not None and not (approving and rule.choices):
        refuse(RefusalCode.UNKNOWN, "there is nothing to choose here", "Leave the choice out", "choice")
    if approving and first is not None and command.choice != first.choice:
        refuse(
            RefusalCode.INCOMPLETE,
            f"the first signature is for the choice '{first.choice}'",
            "Sign the same choice, or return it if you do not agree",
            "choice",
        )
    lapsed = None if first is None or not approving else first_objection(journey, kind, first, at)
    if lapsed is not None:
        raise RefusalRaised(lapsed)
    if approving:
        _require_open(journey, kind, subject, command.choice, at)
    ends = SIGN_OFF_TYPES[kind].ending(journey, command.decision, command.choice) is not None
    gives_up = approving and kind == SignOffKind.LOST_TO_FOLLOW_UP and bool(contacts_watched(journey))
    if (ends or gives_up or command.choice == HANDED_OVER) and command.referral is None:
        refuse(
            RefusalCode.INCOMPLETE,
            "this decision ends the pathway" if ends else "this decision hands the patient over",
            "Say where the patient is referred to",
            "referral",
        )
    if (gives_up or command.choice == HANDED_OVER) and journey.handover is None:
        refuse(
            RefusalCode.INCOMPLETE,
            "nobody has agreed to take over",
            "Propose who does, by name, and how they are reached (`pathway propose-handover`); then sign this",
            "referral",
        )
    hands_over = approving and (kind == SignOffKind.HANDOVER or gives_up or command.choice == HANDED_OVER)
    if hands_over and journey.handover is not None and not may_receive(journey, journey.handover.receiver, at):
        refuse(
            RefusalCode.STALE,
            "who agreed to take over may not do so any more",
            "The watch goes on here: propose somebody else (`pathway propose-handover`)",
        )
    if kind == SignOffKind.RISK_DECISION and command.choice != HANDED_OVER and command.referral is not None:
        refuse(RefusalCode.UNKNOWN, "nobody is handed over here", "Leave the referral out", "referral")
    yield e.SignedOff(
        scope=journey.scope,
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
        signature=signature,
        first_of_two=approving and first is None and bool(cosigners(journey, kind)),
    )


def _signature(journey: Journey, command: c.Sign | c.Delegate, at: datetime) -> Signature:
    """Return the signature of a decision or a delegation. Here is checked that there is one, in time and not used
    before; the key is checked where the register is known."""
    signature = command.signature
    if signature is None:
        refuse(
            RefusalCode.SIGNATURE,
            "a decision counts only with the signature of whoever makes it",
            "Sign it with your own key (`signoff approve`, `decline`, `return` or `delegate`)",
            "signature",
        )
    if at > signature.expires_at:
        refuse(
            RefusalCode.SIGNATURE, "this signature came too late", "Read the evidence again and sign anew", "signature"
        )
    if signature.nonce in journey.nonces:
        refuse(
            RefusalCode.SIGNATURE, "this signature was used before", "Each signature is for one decision", "signature"
        )
    return signature


def _find_request(journey: Journey, command: c.Sign) -> Obligation:
    """Return the request that is decided. While obligations are still to be opened and closed, one that is asked for no
    more is none."""
    asked: Mapping[str, Requirement] = journey.waiting if journey.behind is None else wanted_now(journey)
    request = journey.waiting.get(command.request) if command.request in asked else None
    if request is not None and request.sign_off is not None:
        return request
    signed = next((s for s in journey.sign_offs if s.request == command.request), None)
    if signed is not None:
        who, when = f"{signed.name} ({signed.by})", format_moment(signed.at, journey.patient.zone)
        refuse(
            RefusalCode.ALREADY_DONE,
            f"{who} has decided this at {when} ({signed.decision})",
            "See `pathway timeline`",
            "request",
        )
    key = command.request.rpartition(":")[0]
    if any(need.key == key for need in asked.values()):
        refuse(RefusalCode.STALE, "this request was superseded by newer evidence", "See `signoff list`", "request")
    of_care = [kind.value for kind, about in SIGN_OFF_TYPES.items() if about.care]
    if journey.held and command.request.partition(":")[0] in of_care:
        refuse(RefusalCode.HELD, "this request waits until the hold is released", "Decide on the hold first", "request")
    refuse(RefusalCode.UNKNOWN, "no such sign-off is requested", "See `signoff list`", "request")


def _require_open(journey: Journey, kind: SignOffKind, subject: str | None, choice: str | None, at: datetime) -> None:
    about = SIGN_OFF_TYPES[kind]
    settles = kind == SignOffKind.RISK_DECISION and choice != HANDED_OVER
    opens = about.opens_care or settles or about.ending(journey, "approve", choice) is not None
    if opens and journey.unconfirmed:
        refuse(
            RefusalCode.INCOMPLETE,
            f"not yet confirmed by a second person: correction {list_some([*map(str, journey.unconfirmed)], ', ')}",
            "Somebody else confirms it first (`pathway confirm-correction`)",
        )
    if kind == SignOffKind.ELIGIBILITY and choice in journey.protocol.sessions.settings:
        obstacles = eligibility_obstacles(journey, at)
        if obstacles:
            refuse(
                RefusalCode.INCOMPLETE,
                f"{choice.replace('_', '-')} treatment cannot be approved: {list_some(obstacles)}",
                "Settle these, or choose another setting",
                "choice",
            )
    if kind == SignOffKind.DISCHARGE:
        _require_visits(journey)
    if kind == SignOffKind.DISCHARGE and reviews_owed(journey):
        refuse(RefusalCode.INCOMPLETE, "a response review is open", "A clinician decides it first")
    if kind == SignOffKind.PLAN:
        signed = current_decision(journey, SignOffKind.EVALUATION)
        counted = (s for s in journey.sign_offs if s.kind == kind and not (s.withdrawn or s.first_of_two))
        first = not any(s.decision == "approve" for s in counted)
        valid = journey.protocol.eligibility.evaluation_valid_days
        if first and signed is not None and at - signed.at > timedelta(days=valid):
            refuse(
                RefusalCode.STALE,
                f"the evaluation was signed more than {valid} days ago",
                "Amend the evaluation and have it signed again",
            )
    if kind == SignOffKind.END_DECISION:
        require_endable(journey, journey.sessions[int(subject or 0)], at)
    if kind == SignOffKind.RISK_DECISION and choice != HANDED_OVER:
        obstacles = settling_obstacles(journey, at)
        if obstacles:
            refuse(
                RefusalCode.INCOMPLETE,
                f"before this risk is settled: {list_some(obstacles)}",
                "See to that first, or hand the patient over to somebody who looks after them now",
            )
    if kind in (SignOffKind.HOLD_RELEASE, SignOffKind.SEVERE_HOLD_RELEASE):
        obstacles = release_obstacles(journey, journey.holds[subject or ""])
        if obstacles:
            refuse(RefusalCode.INCOMPLETE, f"before this hold is released: {'; '.join(obstacles)}", "See to that first")


def _require_visits(journey: Journey) -> None:
    """Refuse a discharge without visits that it does not name."""
    proposal = journey.discharge
    if proposal is not None and any(visit not in proposal.visits_not_held for visit in find_visits_not_held(journey)):
        refuse(RefusalCode.STALE, "visits are missing that the proposal does not name", "Propose the discharge again")


def react_signed(journey: Journey, body: e.SignedOff, at: datetime) -> Iterator[e.EventBody]:
    """Return what a decision causes at once. A decision that causes nothing by itself is read by the gates later."""
    if body.first_of_two:
        return
    about = SIGN_OFF_TYPES[body.sign_off]
    ending = about.ending(journey, body.decision, body.choice)
    if ending is not None:
        yield e.PathwayEnding(outcome=ending, reason=body.rationale or body.meaning, referral=body.referral)
    elif body.decision == "approve" and about.approval is not None:
        yield from about.approval(journey, body)


def withdraw(journey: Journey, command: c.WithdrawSignOff, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Withdraw one's own decision, as long as nothing was done because of it."""
    signed = _decision(journey, command.request)
    if signed.by != by.id:
        refuse(RefusalCode.NOT_ALLOWED, "a decision is withdrawn by whoever made it", "Place a hold if care must stop")
    if signed.withdrawn:
        refuse(
            RefusalCode.ALREADY_DONE,
            "this decision has been withdrawn",
            "See `signoff list` for what is asked",
            "request",
        )
    standing = (
        current_decision(journey, signed.kind, signed.subject),
        first_approval(journey, signed.kind, signed.subject),
    )
    if signed not in standing:
        refuse(
            RefusalCode.STALE, "this decision is no longer valid: others followed it", "See `signoff list`", "request"
        )
    if took_effect(journey, signed):
        refuse(
            RefusalCode.ALREADY_DONE,
            "this decision has taken effect",
            "Add to it with `signoff addendum`; place a hold if care must stop",
            "request",
        )
    yield e.SignOffWithdrawn(
        request=signed.request, sign_off=signed.kind, subject=signed.subject, reason=command.reason
    )


def took_effect(journey: Journey, signed: SignOff) -> bool:
    """Whether anything was done because of this decision: by rule at once, or a hold or session was released."""
    if signed.first_of_two:
        return False
    about = SIGN_OFF_TYPES[signed.kind]
    if about.ending(journey, signed.decision, signed.choice) is not None:
        return True
    if signed.decision == "decline":
        return False
    if signed.decision == "approve" and about.approval is not None:
        return True
    event = journey.adverse_events.get(signed.subject or "")
    if event is not None and any(grading.confirmed_by == signed.request for grading in event.gradings):
        return True
    reviewed = signed.kind in (SignOffKind.ADVERSE_EVENT, SignOffKind.SERIOUS_ADVERSE_EVENT)
    if reviewed and any(hold.released and hold.source == signed.subject for hold in journey.holds.values()):
        return True
    return any(s.released_at is not None and s.released_at >= signed.at for s in journey.sessions.values())


def lent_keys(journey: Journey, actor: Actor, request: str, at: datetime) -> tuple[str, ...]:
    """Return the ids of the keys with which the right was lent on which alone somebody may decide a request; none
    where they may decide it in their own right."""
    asked = journey.waiting.get(request)
    if asked is None or asked.sign_off is None:
        return ()
    kind = asked.sign_off
    first = first_approval(journey, kind, asked.subject)
    roles = journey.protocol.sign_offs[kind].roles if first is None else cosigners(journey, kind)
    if actor.role in roles:
        return ()
    return tuple(given.key_id for given in delegations_of(journey, kind, roles, actor.id, at))


def add_addendum(journey: Journey, command: c.AddAddendum, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Add to a decision after it was made; the decision stays as it was signed (21 CFR 11.10(e))."""
    signed = _decision(journey, command.request)
    if by.name is None:
        refuse(RefusalCode.NOT_ALLOWED, "an addendum shows a printed name", "Complete your profile")
    yield e.AddendumAdded(request=signed.request, text=command.text, name=by.name)


def _decision(journey: Journey, request: str) -> SignOff:
    """Return the last decision on a request."""
    decided = next((s for s in reversed(journey.sign_offs) if s.request == request), None)
    if decided is None:
        refuse(RefusalCode.UNKNOWN, "no request of this id was decided", "See `pathway timeline`", "request")
    return decided


def delegate(journey: Journey, command: c.Delegate, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Delegate one's own right to decide to a named colleague until a time (UTC). It cannot be passed on."""
    if command.to == by.id:
        refuse(RefusalCode.UNKNOWN, "this is you", "Name a colleague", "to")
    if command.until <= at:
        refuse(RefusalCode.WRONG_TIME, "this time has passed", "Say until when they may decide", "until")
    if command.until - at > LONGEST_DELEGATION:
        refuse(
            RefusalCode.OUT_OF_LIMITS,
            f"a right is lent for at most {LONGEST_DELEGATION.days} days",
            "Say an earlier time; delegate again when it has come",
            "until",
        )
    for kind in command.sign_offs:
        # By their own role, never by one that was delegated to them: a delegate delegates nothing.
        if by.role not in journey.protocol.sign_offs[kind].roles:
            refuse(
                RefusalCode.NOT_ALLOWED,
                f"a {by.role.value} may not sign {kind.value} in their own right, and cannot pass it on",
                "Delegate what your own role signs",
                "sign_offs",
            )
    if by.name is None or by.licence is None:
        refuse(RefusalCode.NOT_ALLOWED, "a signature shows a printed name and a licence", "Complete your profile")
    yield e.Delegated(
        scope=journey.scope,
        delegation=f"delegation-{len(journey.delegations) + 1}",
        to=command.to,
        sign_offs=command.sign_offs,
        until=command.until,
        reason=command.reason,
        name=by.name,
        licence=by.licence,
        signature=_signature(journey, command, at),
    )


def end_delegation(journey: Journey, command: c.EndDelegation, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """End a delegation: whoever gave it may, and the medical director."""
    given = journey.delegations.get(command.delegation)
    if given is None:
        refuse(RefusalCode.UNKNOWN, "there is no such delegation", "See `pathway show`", "delegation")
    if by.id != given.by and by.role != Role.MEDICAL_DIRECTOR:
        refuse(RefusalCode.NOT_ALLOWED, "it is ended by whoever gave it, or the medical director", "Ask one of them")
    if given.until <= at:
        refuse(RefusalCode.ALREADY_DONE, "this delegation has ended", "Nothing is left to do", "delegation")
    yield e.DelegationEnded(delegation=given.id)


def answer_returned(journey: Journey, command: c.AnswerReturned, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Answer the question that a request came back with; it is then asked for again."""
    returned = next((s for s in reversed(journey.sign_offs) if s.request == command.request), None)
    if returned is None or returned.decision != "return":
        refuse(RefusalCode.UNKNOWN, "no request of this id was returned", "See `pathway why`", "request")
    if current_decision(journey, returned.kind, returned.subject) != returned:
        refuse(
            RefusalCode.ALREADY_DONE,
            "this question has been answered",
            "See `signoff list` for what is asked",
            "request",
        )
    yield e.SignOffAnswered(sign_off=returned.kind, subject=returned.subject, text=command.text)


DECISIONS: Decisions = {
    c.Sign: sign,
    c.WithdrawSignOff: withdraw,
    c.AddAddendum: add_addendum,
    c.Delegate: delegate,
    c.EndDelegation: end_delegation,
    c.AnswerReturned: answer_returned,
}
REACTIONS: Reactions = {
    e.SignedOff: react_signed,
}
