"""What stands between a signature and its effect while journeys run: asked when a decision is handed in, and again
when what follows from it is recorded.

The register is read at each question, so that a revocation takes effect at once. Workflows know none of this: a
validator asks through a function the worker gives it, and a replay asks nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.worker import Interceptor, WorkflowInboundInterceptor, WorkflowInterceptorClassInput

from activities.signatures.signer_registry import Register, RegisterError, RegisterFile
from activities.signatures.verifying import SKEW, Problem, check, check_protocol, refusal_of
from workflows.journey import events as e
from workflows.journey.actors import Actor
from workflows.journey.aggregate import Journey, begin, evolve
from workflows.journey.always.sign_offs.rules import react_signed
from workflows.journey.always.sign_offs.statements import of_command, of_event
from workflows.journey.authorization import cosigners, may_decide
from workflows.journey.commands import SIGNED
from workflows.journey.dispatch import advance
from workflows.journey.evidence import approved, evidence_of, half_signed
from workflows.journey.protocol import SignOffKind
from workflows.journey.refusals import Refusal, RefusalCode
from workflows.journey.stage import Outcome
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.messages import CHECK, VERIFY, Attempt, SignatureCheck, SignatureResult

log = structlog.get_logger("sign_offs")

NO_REGISTER = Refusal(
    code=RefusalCode.SIGNATURE,
    reason="no signature can be checked now: the register of who may sign is not readable",
    remedy="Tell ops, and sign again once it is; everything that needs no signature goes on",
    field="signature",
)


class SignatureGuard(Interceptor):
    """Checks signatures for the workflows of one worker.

    ``report`` is told of every decision that was refused for its signature, from whatever thread; it must not block.
    """

    def __init__(self, register: RegisterFile, report: Callable[[SignatureCheck, Attempt], None]) -> None:
        self._register = register
        self._report = report

    def workflow_interceptor_class(
        self,
        input: WorkflowInterceptorClassInput,  # noqa: A002 - the SDK's name
    ) -> type[WorkflowInboundInterceptor] | None:
        """Give workflows the check as a function from outside. Nothing is intercepted."""
        input.unsafe_extern_functions[CHECK] = self.check
        return None

    def check(self, presented: SignatureCheck) -> Refusal | None:
        """Why a decision does not count now, or None when it does. For validators: no replay asks again."""
        try:
            refusal = self._refusal(presented)
        except RegisterError:
            log.error("register.unreadable")
            return NO_REGISTER
        if refusal is not None:
            self._report(presented, Attempt(command=presented.command, refusal=refusal))
        return refusal

    @activity.defn(name=VERIFY)
    async def verify(self, presented: SignatureCheck) -> SignatureResult:
        """The same for a decision that came as a signal. It is retried while the register cannot be read."""
        return SignatureResult(refusal=self._refusal(presented))

    def _refusal(self, presented: SignatureCheck) -> Refusal | None:
        command, signed = presented.command, presented.command.body
        if not isinstance(signed, SIGNED) or signed.signature is None:
            return refusal_of(Problem.BAD_SIGNATURE)
        register = self._register.current()
        try:
            statement = of_command(presented.journey_id, signed, command.actor, signed.signature)
        except ValueError:
            return refusal_of(Problem.BAD_SIGNATURE)
        problem = check(statement, signed.signature, register, at=presented.at, state=presented.state)
        if problem is None:
            return None
        log.warning(
            "signoff.refused",
            journey_id=str(presented.journey_id),
            command_id=str(command.command_id),
            code=problem.value,
        )
        return refusal_of(problem)


PROVEN = (
    "pathway.started",
    "signoff.signed",
    "signoff.delegated",
    "hold.released",
    "session.released",
    "stage.entered",
    "pathway.ending",
    "pathway.closed",
)
"""Kinds of events that are recorded only once all that was signed before them has proved right."""
UNSIGNED_ENDINGS = (Outcome.WITHDRAWN, Outcome.TRANSFERRED, Outcome.STOPPED_FOR_SAFETY, Outcome.DECEASED)
"""How a pathway ends without a sign-off."""


SignedBefore: TypeAlias = Mapping[UUID, tuple[Journey, e.SignedOff]]
"""The sign-offs of a journey by event id, each with the state just after it."""


def unproven(events: Iterable[e.Event], register: Register, *, recorded: int = 0) -> str | None:
    """The first thing in a journey, from its beginning, that claims a decision nobody made: its version and why.

    None when every sign-off is signed by who it names, on the evidence as it was, with the right to decide, and
    nothing was started, released, entered or ended without what it needs. The first ``recorded`` of the events are in
    the record: a key revoked since with an earlier date does not undo them.
    """
    journey: Journey | None = None
    signed: dict[UUID, tuple[Journey, e.SignedOff]] = {}
    at: datetime | None = None
    for number, event in enumerate(events):
        new = number >= recorded
        problem = next(_problems(journey, event, register, signed, new=new), None)
        # Not to the moment: Temporal's hosts are a little apart, and a journey may go on on another one.
        if problem is None and new and at is not None and at - event.at > SKEW:
            problem = "it is dated before what was recorded earlier"
        if problem is not None:
            return f"version {event.version}: {problem}"
        journey = begin(event) if journey is None else evolve(journey, event)
        at = event.at
        if isinstance(event.body, e.SignedOff):
            signed[event.event_id] = journey, event.body
    return None


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
        case e.HoldReleased():
            hold = journey.holds.get(body.hold)
            severe = hold is not None and hold.severe
            kind = SignOffKind.SEVERE_HOLD_RELEASE if severe else SignOffKind.HOLD_RELEASE
            if not approved(journey, kind, body.hold):
                yield "a hold is released that nobody signed for"
        case e.SessionReleased():
            if dose_gate(journey, body.session, event.at):
                yield "a session is released though the dose gate is shut"
        case e.StageEntered():
            if body not in (*advance(journey, event.at), *_brought_about(event, signed)):
                yield "a stage is entered that nobody signed for"
        case e.PathwayEnding():
            if body.outcome not in UNSIGNED_ENDINGS and body not in _brought_about(event, signed):
                yield "the pathway ends in a way that nobody signed for"
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
        Problem.NOT_TWO_PEOPLE
        if body.approval is None
        else check_protocol(body.approval, body.protocol_digest, register, event.at)
    )
    if problem is not None and (new or problem is not Problem.REVOKED):
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
    if problem is not None and (new or problem is not Problem.REVOKED):
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
    if body.first_of_two != (body.decision == "approve" and first is None and bool(cosigners(journey, kind))):
        yield "it counts as if somebody else had signed too"
