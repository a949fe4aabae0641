"""Proves what a batch of events claims before it is recorded: what people signed is shown again to be signed."""

from collections.abc import Iterable, Iterator
from typing import Any

from activities.record.recorded_journeys import Proven, SignedBefore, follow
from activities.signatures.signer_registry import Register
from activities.signatures.verifying import SKEW, SignatureProblem, check, check_protocol, may_lend
from workflows.journey import events as e
from workflows.journey.actors import Actor
from workflows.journey.aggregate import Journey
from workflows.journey.always.holds.model import RISK_CAUSES
from workflows.journey.always.sign_offs.rules import lent_keys, react_signed
from workflows.journey.always.sign_offs.statements import of_event
from workflows.journey.authorization import cosigners, may_decide
from workflows.journey.dispatch import advance
from workflows.journey.evidence import approved, evidence_of, half_signed
from workflows.journey.protocol import SignOffKind
from workflows.journey.stage import Outcome
from workflows.journey.stages.sessions.dose_gate import dose_gate

NEEDS_PROOF = (
    "pathway.started",
    "signoff.signed",
    "signoff.delegated",
    "crisis.closed",
    "hold.released",
    "session.released",
    "patient.merged",
    "stage.entered",
    "death.confirmed",
    "watch.handed-over",
    "pathway.ending",
    "pathway.closed",
)
"""Kinds of events that are recorded only once all that was signed before them has proved right."""
UNSIGNED_ENDINGS = (Outcome.WITHDRAWN, Outcome.TRANSFERRED, Outcome.STOPPED_FOR_SAFETY)
"""How a pathway ends without a sign-off."""


class Unproven(Exception):
    """An event claims a decision that nobody made. The text says its version, and why."""


def prove(events: Iterable[e.Event], register: Register, before: Proven | None = None, *, recorded: int = 0) -> Proven:
    """Prove events, the first of a journey or those after what was proven before, and return what is proven then.

    Every sign-off is signed by who it names, on the evidence as it was, with the right to decide, and nothing was
    started, released, entered or ended without what it needs. Events up to version ``recorded`` are in the record: a
    key revoked since with an earlier date does not undo them. There must be an event.

    Raises:
        Unproven: the first event of which this is not so.
    """
    proven = before
    for event in events:
        new = event.version > recorded
        journey, signed = (None, {}) if proven is None else (proven.journey, proven.signed)
        problem = next(_problems(journey, event, register, signed, new=new), None)
        # Not to the moment: Temporal's hosts are a little apart, and a journey may go on on another one.
        if problem is None and new and proven is not None and proven.at - event.at > SKEW:
            problem = "it is dated before what was recorded earlier"
        if problem is not None:
            raise Unproven(f"version {event.version}: {problem}")
        proven = follow(proven, event)
    assert proven is not None
    return proven


def _problems(
    journey: Journey | None, event: e.Event, register: Register, signed: SignedBefore, *, new: bool
) -> Iterator[str]:
    """What is wrong with an event after these."""
    body: Any = event.body
    match body:
        case e.PathwayStarted():
            yield from _start_problems(event, body, register, new=new)
        case _ if journey is None:
            yield "nothing was started"
        case e.SignedOff():
            yield from _sign_off_problems(journey, event, body, register, new=new)
        case e.Delegated():
            yield from _signature_problems(journey, event, body, register, new=new)
            rules = (journey.protocol.sign_offs[kind] for kind in body.sign_offs)
            if any(event.actor_role not in rule.roles for rule in rules):
                yield "it lends a right that is not theirs"
        case e.CrisisClosed():
            if body not in _brought_about(event, signed):
                yield "a crisis is closed that nobody signed for"
        case e.HoldReleased() if body.hold in journey.holds and journey.holds[body.hold].cause in RISK_CAUSES:
            if body not in _brought_about(event, signed):
                yield "a hold is released that nobody signed for"
        case e.HoldReleased():
            hold = journey.holds.get(body.hold)
            severe = hold is not None and hold.severe
            kind = SignOffKind.SEVERE_HOLD_RELEASE if severe else SignOffKind.HOLD_RELEASE
            if not approved(journey, kind, body.hold):
                yield "a hold is released that nobody signed for"
        case e.PatientMerged():
            merge = journey.merges.get(body.merge)
            if merge is None or merge.other != body.other or not approved(journey, SignOffKind.PATIENT_MERGE, merge.id):
                yield "two patients are merged that nobody signed for"
        case e.SessionReleased():
            if dose_gate(journey, body.session, event.at):
                yield "a session is released though the dose gate is shut"
        case e.StageEntered():
            if body not in (*advance(journey, event.at), *_brought_about(event, signed)):
                yield "a stage is entered that nobody signed for"
        case e.DeathConfirmed():
            if not approved(journey, SignOffKind.DEATH, body.death):
                yield "a death is confirmed that nobody signed for"
        case e.PathwayEnding():
            if body.outcome not in UNSIGNED_ENDINGS and body not in _brought_about(event, signed):
                yield "the pathway ends in a way that nobody signed for"
        case e.WatchHandedOver():
            if body not in _brought_about(event, signed):
                yield "the watch is handed over and nobody signed for it"
        case e.PathwayClosed():
            if journey.closing is None or journey.closing.outcome != body.outcome:
                yield "the pathway is closed and was not ending so"


def _brought_about(event: e.Event, signed: SignedBefore) -> tuple[e.EventBody, ...]:
    """What the sign-off that an event names as its cause brings about by rule."""
    cause = None if event.causation_id is None else signed.get(event.causation_id)
    return () if cause is None else tuple(react_signed(*cause, event.at))


def _start_problems(event: e.Event, body: e.PathwayStarted, register: Register, *, new: bool) -> Iterator[str]:
    if body.protocol.digest != body.protocol_digest:
        yield "the protocol is not the one it names"
    if event.illustrative:
        return
    problem = (
        SignatureProblem.NOT_TWO_PEOPLE
        if body.approval is None
        else check_protocol(body.approval, body.protocol_digest, register, event.at, clinic=body.clinic)
    )
    if problem is not None and (new or problem is not SignatureProblem.REVOKED):
        yield f"the protocol is not approved ({problem.value})"


def _signature_problems(
    journey: Journey, event: e.Event, body: e.SignedOff | e.Delegated, register: Register, *, new: bool
) -> Iterator[str]:
    try:
        statement = of_event(event, body.signature)
    except ValueError:
        yield "it means nothing there is"
        return
    problem = check(statement, body.signature, register, at=event.at, state=journey.patient.state)
    if problem is not None and (new or problem is not SignatureProblem.REVOKED):
        yield f"its signature does not count ({problem.value})"
    if body.signature.nonce in journey.nonces:
        yield "its signature was used before"


def _sign_off_problems(
    journey: Journey, event: e.Event, body: e.SignedOff, register: Register, *, new: bool
) -> Iterator[str]:
    yield from _signature_problems(journey, event, body, register, new=new)
    kind, subject = body.sign_off, body.subject
    first = half_signed(journey, kind, subject)
    if body.evidence != evidence_of(journey, kind, subject, first):
        yield "it is about other evidence"
    if body.meaning != journey.protocol.sign_offs[kind].meaning:
        yield "it has another meaning"
    by = Actor(id=event.actor_id, role=event.actor_role, name=body.name, licence=body.licence)
    objection = may_decide(journey, kind, subject, by, event.at, first)
    if objection is not None:
        yield f"not theirs to decide ({objection.reason})"
    clinic, state = journey.clinic, journey.patient.state
    lent = lent_keys(journey, by, body.request, event.at) if new else ()
    if lent and not any(may_lend(register, key, clinic=clinic, state=state, at=event.at) for key in lent):
        yield "whoever lent them the right has none any more"
    if body.first_of_two != (body.decision == "approve" and first is None and bool(cosigners(journey, kind))):
        yield "it counts as if somebody else had signed too"
