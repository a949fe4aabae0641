"""Evidence: the exact content a sign-off covers, and whether a decision still stands.

The evidence of a request is computed from the journey whenever it is asked for. A request and a decision
name its hash; when the evidence is no longer the same, the request is superseded and the decision stale,
without anybody having to remember to say so.
"""

from workflows.journey.aggregate import Journey
from workflows.journey.always.sign_offs.model import SignOff
from workflows.journey.authorization import cosigners
from workflows.journey.obligation_types import RETURNED
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import recalled
from workflows.journey.requirements import Requirement, require
from workflows.journey.sign_off_type import Content
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import abbreviate, digest
from workflows.journey.vocabulary.codes import code_of
from workflows.journey.vocabulary.words import in_words, name_of

FIRST = dict.fromkeys(("by", "role", "name", "at", "decision", "choice", "rationale", "referral"), True)
"""What a second person is shown of the first one's approval."""


def evidence(journey: Journey, kind: SignOffKind, subject: str | None = None, first: SignOff | None = None) -> Content:
    """The content a sign-off covers, as JSON values. What it rests on is in it by hash, so that a change
    further down makes everything above it stale as well. So does who wrote it, for what they approved before is then
    their own work. A second person signs the ``first`` one's approval too. It says where and for whom it is, too: what
    care rests on is decided anew where the patient lives now; what was decided about what has been stays decided."""
    content = _evidence(journey, kind, subject, first)
    last, before = (None, None) if SIGN_OFF_TYPES[kind].care else _last_two(journey, kind, subject)
    if last is None or last.first_of_two or last.state == journey.patient.state:
        return content
    as_signed = {**content, "scope": {**content["scope"], "state": last.state}}
    return as_signed if digest(as_signed) in (last.evidence, before and before.evidence) else content


def _evidence(journey: Journey, kind: SignOffKind, subject: str | None, first: SignOff | None) -> Content:
    before = _sign_offs(journey, kind, subject)
    declined = [s for s in before if s.decision == "decline"]
    about = SIGN_OFF_TYPES[kind]
    below = {rests_on.value: evidence_of(journey, rests_on) for rests_on in about.rests_on}
    return {
        "journey": str(journey.id),
        "scope": journey.scope.model_dump(mode="json"),
        "protocol": journey.protocol_digest,
        "sign_off": kind.value,
        "subject": subject,
        "authors": list(about.authors(journey, subject)),
        "answers": [a.text for a in journey.answers if (a.sign_off, a.subject) == (kind, subject)],
        "declined_before": len(declined) if about.declining == "asks_again" else 0,
        "withdrawn_before": len([s for s in before if s.withdrawn]),
        "first": None if first is None else first.model_dump(mode="json", include=FIRST),
        "content": {**about.content(journey, subject), **below},
    }


def evidence_of(journey: Journey, kind: SignOffKind, subject: str | None = None, first: SignOff | None = None) -> str:
    """SHA-256 of the evidence, in hex."""
    return _evidence_of(journey, kind, subject, first)


@recalled
def _evidence_of(journey: Journey, kind: SignOffKind, subject: str | None, first: SignOff | None) -> str:
    return digest(evidence(journey, kind, subject, first))


def current_decision(journey: Journey, kind: SignOffKind, subject: str | None = None) -> SignOff | None:
    """The last decision on this matter, if it was made on the evidence as it now is, by as many as it takes."""
    last, before = _last_two(journey, kind, subject)
    if last is None or last.first_of_two:
        return None
    first = before if before is not None and before.first_of_two else None
    if first is not None and first.evidence == evidence_of(journey, kind, subject):
        return last if last.evidence == evidence_of(journey, kind, subject, first) else None
    return last if last.evidence == evidence_of(journey, kind, subject) else None


def first_approval(journey: Journey, kind: SignOffKind, subject: str | None = None) -> SignOff | None:
    """The approval of the evidence as it now is that waits for a second person's, if one does."""
    last, _ = _last_two(journey, kind, subject)
    waits = last is not None and last.first_of_two and last.evidence == evidence_of(journey, kind, subject)
    return last if waits else None


def _last_two(journey: Journey, kind: SignOffKind, subject: str | None) -> tuple[SignOff | None, SignOff | None]:
    # Nobody decides on their own treatment, also where that they did comes out later.
    standing = [s for s in _sign_offs(journey, kind, subject) if not (s.withdrawn or journey.is_patient(s.by))]
    return (standing[-1] if standing else None, standing[-2] if len(standing) > 1 else None)


@recalled
def _sign_offs(journey: Journey, kind: SignOffKind, subject: str | None) -> tuple[SignOff, ...]:
    return tuple(s for s in journey.sign_offs if s.kind == kind and s.subject == subject)


def is_approved(journey: Journey, kind: SignOffKind, subject: str | None = None) -> bool:
    """Whether the evidence as it now is has been approved."""
    signed = current_decision(journey, kind, subject)
    return signed is not None and signed.decision == "approve"


def is_approved_by(journey: Journey, kind: SignOffKind, subject: str, request: str) -> bool:
    """Whether the decision on this request is the one that counts now, and an approval."""
    signed = current_decision(journey, kind, subject)
    return signed is not None and (signed.decision, signed.request) == ("approve", request)


def sign_off_requirement(journey: Journey, kind: SignOffKind, subject: str | None = None) -> Requirement | None:
    """The request for this sign-off, the question it came back with, or None once it is decided.

    A decision stands until the evidence changes. A returned request waits for its author, who corrects what
    was asked about or answers with `signoff answer`; either changes the evidence, and the request is made again.
    """
    return _sign_off_requirement(journey, kind, subject)


@recalled
def _sign_off_requirement(journey: Journey, kind: SignOffKind, subject: str | None) -> Requirement | None:
    about, decided = SIGN_OFF_TYPES[kind], current_decision(journey, kind, subject)
    if decided is not None and decided.decision == "return":
        wrote = about.authors(journey, subject) if about.returns_to_author else ()
        return require(
            RETURNED,
            subject=decided.request,
            owner=Role.CLINICIAN,
            person=wrote[-1] if wrote else journey.clinician,
            # A question about what is urgent is as urgent.
            policy=journey.protocol.sign_offs[kind].escalation_policy if about.urgent else None,
            what=f"answer what was asked about the {in_words(kind)}",
            care=about.care,
        )
    if decided is not None:
        return None
    rule, first = journey.protocol.sign_offs[kind], first_approval(journey, kind, subject)
    owner = rule.roles[0] if first is None else cosigners(journey, kind)[0]
    refused = (*(about.authors(journey, subject) if rule.not_author else ()), *((first.by,) if first else ()))
    what = about.request.format(subject=subject, name=name_of(subject or ""))
    asked = evidence_of(journey, kind, subject, first)
    mine = owner == Role.CLINICIAN and journey.clinician not in refused
    return Requirement(
        kind=kind.value,
        subject=subject,
        owner=owner,
        person=journey.clinician if mine else None,
        escalation_policy=rule.escalation_policy,
        what=what if first is None else f"{what} as the second person",
        sign_off=kind,
        evidence=asked,
        code=abbreviate(code_of(journey.code_key, asked)),
        care=about.care,
    )
