"""Evidence: the exact content a sign-off covers, and whether a decision still stands.

The evidence of a request is computed from the journey whenever it is asked for. A request and a decision
name its hash; when the evidence is no longer the same, the request is superseded and the decision stale,
without anybody having to remember to say so.
"""

from datetime import datetime
from typing import Any

from workflows.journey.actors import Role
from workflows.journey.aggregate import Journey, Measurement, SignOff
from workflows.journey.authorization import authors, cosigners
from workflows.journey.base import digest
from workflows.journey.instruments import Instrument
from workflows.journey.obligations import Requirement
from workflows.journey.protocol import SignOffKind

Content = dict[str, Any]

ASKED_AGAIN = (
    SignOffKind.HOLD_RELEASE,
    SignOffKind.SEVERE_HOLD_RELEASE,
    SignOffKind.ADVERSE_EVENT,
    SignOffKind.SERIOUS_ADVERSE_EVENT,
    SignOffKind.ATTESTATION,
    SignOffKind.RESPONSE_REVIEW,
    SignOffKind.LOST_TO_FOLLOW_UP,
)
"""Declining these means "not yet": the question stays open and is asked again, on a fresh clock."""


BY_CLINICIANS = (
    SignOffKind.EVALUATION,
    SignOffKind.EXCLUSION_REVIEW,
    SignOffKind.ELIGIBILITY,
    SignOffKind.PLAN,
    SignOffKind.DISCHARGE,
)
"""What a clinician wrote: returned with a question, it goes back to them."""
FIRST = dict.fromkeys(("by", "role", "name", "at", "decision", "choice", "rationale", "referral"), True)
"""What a second person is shown of the first one's approval."""
CLEARED = {
    "number",
    "starts_at",
    "supervising_clinician",
    "session_monitor",
    "live_clinician",
    "instructed",
    "check",
}
"""What of a session a clearance covers."""


def evidence(journey: Journey, kind: SignOffKind, subject: str | None = None, first: SignOff | None = None) -> Content:
    """The content a sign-off covers, as JSON values. What it rests on is in it by hash, so that a change
    further down makes everything above it stale as well. So does who wrote it, for what they approved before is then
    their own work. A second person signs the ``first`` one's approval too."""
    before = [s for s in journey.sign_offs if (s.kind, s.subject) == (kind, subject)]
    declined = [s for s in before if s.decision == "decline"]
    return {
        "journey": str(journey.id),
        "protocol": journey.protocol_digest,
        "sign_off": kind.value,
        "subject": subject,
        "authors": list(authors(journey, kind, subject)),
        "answers": [a.text for a in journey.answers if (a.sign_off, a.subject) == (kind, subject)],
        "declined_before": len(declined) if kind in ASKED_AGAIN else 0,
        "withdrawn_before": len([s for s in before if s.withdrawn]),
        "first": None if first is None else first.model_dump(mode="json", include=FIRST),
        "content": _CONTENT[kind](journey, subject),
    }


def evidence_of(journey: Journey, kind: SignOffKind, subject: str | None = None, first: SignOff | None = None) -> str:
    """SHA-256 of the evidence, in hex."""
    about = (kind.value, subject, None if first is None else first.request)
    if about not in journey.hashes:
        journey.hashes[about] = digest(evidence(journey, kind, subject, first))
    return journey.hashes[about]


def current(journey: Journey, kind: SignOffKind, subject: str | None = None) -> SignOff | None:
    """The last decision on this matter, if it was made on the evidence as it now is, by as many as it takes."""
    last, before = _last_two(journey, kind, subject)
    if last is None or last.first_of_two:
        return None
    first = before if before is not None and before.first_of_two else None
    if first is not None and first.evidence == evidence_of(journey, kind, subject):
        return last if last.evidence == evidence_of(journey, kind, subject, first) else None
    return last if last.evidence == evidence_of(journey, kind, subject) else None


def half_signed(journey: Journey, kind: SignOffKind, subject: str | None = None) -> SignOff | None:
    """The approval of the evidence as it now is that waits for a second person's, if one does."""
    last, _ = _last_two(journey, kind, subject)
    waits = last is not None and last.first_of_two and last.evidence == evidence_of(journey, kind, subject)
    return last if waits else None


def _last_two(journey: Journey, kind: SignOffKind, subject: str | None) -> tuple[SignOff | None, SignOff | None]:
    standing = [s for s in journey.sign_offs if s.kind == kind and s.subject == subject and not s.withdrawn]
    return (standing[-1] if standing else None, standing[-2] if len(standing) > 1 else None)


def approved(journey: Journey, kind: SignOffKind, subject: str | None = None) -> bool:
    """Whether the evidence as it now is has been approved."""
    signed = current(journey, kind, subject)
    return signed is not None and signed.decision == "approve"


def sign_off_need(
    journey: Journey,
    kind: SignOffKind,
    subject: str | None = None,
    *,
    what: str,
    care: bool = True,
    due: datetime | None = None,
) -> Requirement | None:
    """The request for this sign-off, the question it came back with, or None once it is decided.

    A decision stands until the evidence changes. A returned request waits for its author, who corrects what
    was asked about or answers with `signoff answer`; either changes the evidence, and the request is made again.
    """
    decided = current(journey, kind, subject)
    if decided is not None and decided.decision == "return":
        wrote = authors(journey, kind, subject) if kind in BY_CLINICIANS else ()
        return Requirement(
            kind="returned",
            subject=decided.request,
            owner=Role.CLINICIAN,
            person=wrote[-1] if wrote else journey.clinician,
            escalation_policy="question",
            what=f"answer what was asked about the {kind.value.replace('_', ' ')}",
            care=care,
        )
    if decided is not None:
        return None
    rule, first = journey.protocol.sign_offs[kind], half_signed(journey, kind, subject)
    owner = rule.roles[0] if first is None else cosigners(journey, kind)[0]
    refused = (*(authors(journey, kind, subject) if rule.not_author else ()), *((first.by,) if first else ()))
    mine = owner == Role.CLINICIAN and journey.clinician not in refused
    return Requirement(
        kind=kind.value,
        subject=subject,
        owner=owner,
        person=journey.clinician if mine else None,
        escalation_policy=rule.escalation_policy,
        what=what if first is None else f"{what} as the second person",
        due=due,
        sign_off=kind,
        evidence=evidence_of(journey, kind, subject, first),
        care=care,
    )


def _measured(measurements: tuple[Measurement, ...]) -> list[Content]:
    return [m.model_dump(mode="json", exclude={"version"}) for m in measurements]


def _evaluation(journey: Journey, subject: str | None) -> Content:
    return {
        "evaluation": journey.evaluation.model_dump(mode="json"),
        "born": journey.patient.born.isoformat(),
        "baseline": _measured(tuple(m for m in journey.measurements if m.occasion == "baseline")),
    }


def _exclusion_review(journey: Journey, subject: str | None) -> Content:
    reviewed = tuple(x.code for x in journey.protocol.exclusions if x.rule == "review")
    answers = journey.screening.exclusions
    return {code: answers[code].model_dump(mode="json") for code in reviewed if code in answers}


def _eligibility(journey: Journey, subject: str | None) -> Content:
    return {
        "evaluation": evidence_of(journey, SignOffKind.EVALUATION),
        "screening": journey.screening.model_dump(mode="json", exclude={"recorded_at"}),
        "exclusion_review": evidence_of(journey, SignOffKind.EXCLUSION_REVIEW),
    }


def _plan(journey: Journey, subject: str | None) -> Content:
    return {
        "plan": None if journey.plan is None else journey.plan.model_dump(mode="json"),
        "revision": journey.plan_revision,
        "rationale": journey.plan_rationale,
        "eligibility": evidence_of(journey, SignOffKind.ELIGIBILITY),
    }


def _clearance(journey: Journey, subject: str | None) -> Content:
    session = journey.sessions.get(int(subject or 0))
    risk = journey.latest(Instrument.C_SSRS, staff=True)
    return {
        "plan": evidence_of(journey, SignOffKind.PLAN),
        "session": None
        if session is None
        else session.model_dump(
            mode="json",
            include=CLEARED,
        ),
        "suicide_risk": None if risk is None else risk.model_dump(mode="json"),
        "last_dose_at": None if journey.last_dose_at is None else journey.last_dose_at.isoformat(),
    }


def _attestation(journey: Journey, subject: str | None) -> Content:
    session = journey.sessions.get(int(subject or 0))
    return {"session": None if session is None else session.model_dump(mode="json")}


def _response_review(journey: Journey, subject: str | None) -> Content:
    primary = journey.protocol.instruments.primary
    return {
        "scores": _measured(tuple(m for m in journey.measurements if m.instrument == primary)),
        "sessions": [session.model_dump(mode="json") for session in journey.ended_sessions],
        "adverse_events": [event.model_dump(mode="json") for event in journey.adverse_events.values()],
    }


def _hold_release(journey: Journey, subject: str | None) -> Content:
    hold = journey.holds.get(subject or "")
    source = None if hold is None or hold.source is None else hold.source
    risk = journey.latest(Instrument.C_SSRS, staff=True)
    event = journey.adverse_events.get(source or "")
    crisis = journey.crises.get(source or "")
    return {
        "hold": None if hold is None else hold.model_dump(mode="json", exclude={"released"}),
        "adverse_event": None if event is None else event.model_dump(mode="json"),
        "crisis": None if crisis is None else crisis.model_dump(mode="json"),
        "suicide_risk": None if risk is None else risk.model_dump(mode="json"),
    }


def _adverse_event(journey: Journey, subject: str | None) -> Content:
    event = journey.adverse_events.get(subject or "")
    return {"adverse_event": None if event is None else event.model_dump(mode="json")}


def _lost(journey: Journey, subject: str | None) -> Content:
    contact = journey.contacts.get(subject or "")
    return {"contact": None if contact is None else contact.model_dump(mode="json")}


def _discharge(journey: Journey, subject: str | None) -> Content:
    proposal = journey.discharge
    return {
        "proposal": None if proposal is None else proposal.model_dump(mode="json"),
        "sessions": len(journey.ended_sessions),
        "scores": _response_review(journey, subject)["scores"],
        "visits": [
            c.model_dump(mode="json") for c in journey.contacts.values() if c.type == "follow_up_visit" and c.record
        ],
    }


_CONTENT = {
    SignOffKind.EVALUATION: _evaluation,
    SignOffKind.EXCLUSION_REVIEW: _exclusion_review,
    SignOffKind.ELIGIBILITY: _eligibility,
    SignOffKind.PLAN: _plan,
    SignOffKind.CLEARANCE: _clearance,
    SignOffKind.ATTESTATION: _attestation,
    SignOffKind.RESPONSE_REVIEW: _response_review,
    SignOffKind.HOLD_RELEASE: _hold_release,
    SignOffKind.SEVERE_HOLD_RELEASE: _hold_release,
    SignOffKind.ADVERSE_EVENT: _adverse_event,
    SignOffKind.SERIOUS_ADVERSE_EVENT: _adverse_event,
    SignOffKind.LOST_TO_FOLLOW_UP: _lost,
    SignOffKind.DISCHARGE: _discharge,
}
