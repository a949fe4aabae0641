"""List, show and decide what clinicians are asked to sign.

A signature binds the signer, the decision, its meaning and the hash of exactly the evidence that was shown. It is made
with the signer's own key, after they gave its passphrase.
"""

from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias
from uuid import UUID, uuid4

from application.caches.histories import History
from application.context import Context
from application.errors import Conflict, NotAllowed, NotFound, NotVerified, Refused
from application.identity import keyring
from application.reading.access_log import Query
from application.reading.history import read_journey
from application.sign_offs import signing
from application.sign_offs.consequences import say_what_follows
from application.sign_offs.decision_history import ChangedSince, PastDecision, changes_since, decision_on
from application.sign_offs.session_releases import find_unproven
from workflows.journey.aggregate import Journey
from workflows.journey.always.sign_offs.hold_releases import release_obstacles
from workflows.journey.always.sign_offs.model import SignOff
from workflows.journey.authorization import cosigners, may_decide
from workflows.journey.commands import Command, Sign
from workflows.journey.decide import decide
from workflows.journey.events import Event
from workflows.journey.evidence import evidence, first_approval
from workflows.journey.obligations import obligations
from workflows.journey.protocol import SignOffKind, SignOffRule
from workflows.journey.receipts import receipts_of
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.base import Identifier, InputModel, Text, digest, stands_for
from workflows.journey.vocabulary.calendars import format_moment
from workflows.journey.vocabulary.refusals import Refusal

SignOffDecision: TypeAlias = Literal["approve", "decline", "return"]


class Reasons(InputModel):
    """What a signer may add: the reason, the choice, and where the patient is referred to."""

    rationale: Text | None = None
    choice: Identifier | None = None
    referral: Text | None = None


class ListRequests(Query):
    """Open sign-off requests of one journey; ``mine`` is what the person may sign now."""

    name: ClassVar[str] = "signoff list"

    journey_id: UUID
    mine: bool = False


class ShowRequest(Query):
    """One sign-off request, open or decided."""

    name: ClassVar[str] = "signoff show"

    journey_id: UUID
    request: str


class OpenRequest(NamedTuple):
    """A request for a signature, and its journey."""

    journey: Journey
    request: Obligation

    @property
    def rule(self) -> SignOffRule:
        """The protocol's rule for it: who may sign, what it means, and what there is to choose."""
        assert self.request.sign_off is not None
        return self.journey.protocol.sign_offs[self.request.sign_off]

    @property
    def first(self) -> SignOff | None:
        """The first of two approvals, if this is the second."""
        assert self.request.sign_off is not None
        return first_approval(self.journey, self.request.sign_off, self.request.subject)

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that may sign it."""
        assert self.request.sign_off is not None
        return self.rule.roles if self.first is None else cosigners(self.journey, self.request.sign_off)

    def evidence(self) -> dict[str, Any]:
        """Return the content that the hash covers, and nothing else.

        Raises:
            NotVerified: it does not have the hash that the request names. Then nobody may sign.
        """
        assert self.request.sign_off is not None
        content = evidence(self.journey, self.request.sign_off, self.request.subject, self.first)
        if digest(content) != self.request.evidence:
            raise NotVerified("the evidence as recorded is not what this request was made for", "Do not sign; tell ops")
        return content

    def say_what_follows(self, decision: SignOffDecision, choice: str | None = None) -> str:
        """Say what a decision would bring about."""
        assert self.request.sign_off is not None
        return say_what_follows(self.journey, self.request.sign_off, self.request.subject, decision, choice)

    def objection(self, context: Context, signer: Actor) -> Refusal | None:
        """Say why this signer may not decide it now; None if they may."""
        assert self.request.sign_off is not None
        return may_decide(self.journey, self.request.sign_off, self.request.subject, signer, context.now(), self.first)


class ShownRequest(NamedTuple):
    """An open request with its evidence, and what has changed since the last decision on the same matter."""

    asked: OpenRequest
    evidence: dict[str, Any]
    since: ChangedSince

    @property
    def before(self) -> tuple[str, ...]:
        """Return what must happen before a hold can be released, whoever signs; nothing for other requests."""
        hold = self.asked.journey.holds.get(self.asked.request.subject or "")
        return () if hold is None else release_obstacles(self.asked.journey, hold)


class ShownDecision(NamedTuple):
    """A decided request, with its decision. ``unproven``: it clears a session, and nobody may rely on that."""

    journey: Journey
    decision: PastDecision
    unproven: bool


class ToSign(NamedTuple):
    """An open request for somebody who may decide it, with the evidence as they read it."""

    history: History
    asked: OpenRequest
    evidence: dict[str, Any]
    signer: Actor


class SignedBefore(NamedTuple):
    """A signature that was sent before under the same command id. It is valid as recorded."""

    journey: Journey
    version: int
    command_id: UUID


async def list_requests(context: Context, query: ListRequests) -> tuple[OpenRequest, ...]:
    """List open requests by due time.

    Raises:
        NotFound, NotAllowed: there is no such journey, or the person may not look at it.
    """
    journey = (await read_journey(context, query, query.journey_id)).journey
    found = (OpenRequest(journey, request) for request in requests(journey))
    theirs = [each for each in found if not query.mine or each.objection(context, context.person) is None]
    return tuple(sorted(theirs, key=lambda each: each.request.deadline))


async def show_request(context: Context, query: ShowRequest) -> ShownRequest | ShownDecision:
    """Return a request with its evidence; if it was decided, with the decision.

    Raises:
        NotFound, NotAllowed, Conflict: there is no such journey or request, or the person may not look at it.
        NotVerified: the evidence is not what was signed or is asked for.
    """
    history = await read_journey(context, query, query.journey_id)
    events, journey = history.events, history.journey
    decision = None if query.request in journey.waiting else decision_on(events, journey, query.request)
    if decision is not None:
        clears = decision.signed.kind is SignOffKind.CLEARANCE
        lacking = await find_unproven(context, journey, history.stored) if clears else frozenset()
        unproven = decision.signed.subject in {str(each) for each in lacking}
        return ShownDecision(journey, decision, unproven)
    asked = find_request(journey, query.request)
    return ShownRequest(asked, asked.evidence(), changes_since(events, journey, asked.request))


async def read_to_sign(
    context: Context,
    query: ShowRequest,
    verdict: SignOffDecision,
    *,
    command_id: UUID | None = None,
    evidence_seen: str | None = None,
) -> ToSign | SignedBefore:
    """Read a request for somebody who may decide it. Reading it is a look, and is recorded.

    ``evidence_seen`` is the short code or the hash that was read before, if any.

    Raises:
        NotAllowed, Refused: the person may not decide it.
        NotFound, Conflict: there is no such request, it is not open, or its evidence is not what was read.
        NotVerified: its evidence is not what the request names.
    """
    signer = context.actor
    if signer.role not in Sign.roles:
        raise NotAllowed(
            f"a {signer.role.value} may not sign this",
            f"It is for: {', '.join(Sign.roles)}. Choose another profile with --profile",
        )
    history = await read_journey(context, query, query.journey_id)
    repeated = None if command_id is None else receipts_of(history.events).get(command_id)
    if command_id is not None and repeated is not None:
        before = SignedBefore(history.journey, repeated.version, command_id)
        return _require_same(before, query.request, verdict, signer)
    asked = find_request(history.journey, query.request)
    objection = asked.objection(context, signer)
    if objection is not None:
        raise Refused(objection)
    await keyring.require_newest(context)
    seen = evidence_seen is None or evidence_seen == asked.request.evidence
    if not seen and not stands_for(evidence_seen or "", asked.request.code or ""):
        raise Conflict(
            "the evidence is not the one you read", "Read it again (`signoff show`) and decide on what it says now"
        )
    return ToSign(history, asked, asked.evidence(), signer)


def sign_request(
    context: Context, to_sign: ToSign, verdict: SignOffDecision, reasons: Reasons, command_id: UUID | None = None
) -> Command:
    """Make the signed decision.

    Raises:
    Refused: the journey would refuse it.
    UseCaseError: they did not identify themselves, or their key cannot be used.
    """
    body = _decision(to_sign.asked, verdict, reasons)
    return signing.sign(context, to_sign.signer, to_sign.history.journey, command_id or uuid4(), body)


def try_to_sign(
    context: Context, to_sign: ToSign, verdict: SignOffDecision, reasons: Reasons, command_id: UUID | None = None
) -> tuple[Command, tuple[Event, ...] | Refusal]:
    """Return the decision without a signature, and the events it would have now. Nothing is sent."""
    body = _decision(to_sign.asked, verdict, reasons)
    command = signing.unsigned(context, to_sign.signer, command_id or uuid4(), body)
    return command, decide(to_sign.history.journey, command, context.now())


def requests(journey: Journey) -> tuple[Obligation, ...]:
    """Return the sign-offs that a journey waits for."""
    return tuple(waiting for waiting in obligations(journey) if waiting.sign_off is not None)


def find_request(journey: Journey, request_id: str) -> OpenRequest:
    """Return the open request with this id.

    Raises:
        Conflict: it was decided or superseded, or waits for a hold.
        NotFound: there is none.
    """
    found = next((waiting for waiting in requests(journey) if waiting.id == request_id), None)
    if found is not None:
        return OpenRequest(journey, found)
    decided = next((signed for signed in journey.sign_offs if signed.request == request_id), None)
    if decided is not None:
        who, at = f"{decided.name} ({decided.by})", format_moment(decided.at, journey.patient.zone)
        raise Conflict(f"{who} has decided this at {at} ({decided.decision})", "See `pathway timeline`")
    if journey.held:
        raise Conflict(
            "this request waits until the hold is released, or there is none of this id",
            f"Decide on the hold first: `signoff list {journey.id}`",
        )
    key = request_id.rpartition(":")[0]
    newer = next((waiting for waiting in requests(journey) if waiting.key == key), None)
    if newer is not None:
        raise Conflict(
            "this request was superseded: its evidence has changed",
            f"Read the new one: `signoff show {journey.id} {newer.id}`",
        )
    raise NotFound("this journey has no such request", f"See `signoff list {journey.id}`")


def _decision(asked: OpenRequest, verdict: SignOffDecision, reasons: Reasons) -> Sign:
    return Sign(
        request=asked.request.id,
        decision=verdict,
        meaning=asked.rule.meaning,
        evidence=asked.request.evidence or "",
        choice=reasons.choice,
        rationale=reasons.rationale,
        referral=reasons.referral,
    )


def _require_same(before: SignedBefore, request_id: str, verdict: SignOffDecision, signer: Actor) -> SignedBefore:
    """Require that what was sent before under this command id is this decision."""
    for signed in before.journey.sign_offs:
        same = (signed.request, signed.decision, signed.by) == (request_id, verdict, signer.id)
        if same and signed.version <= before.version:
            return before
    raise Conflict("this command id was used for something else", "Leave --command-id out; the earlier command stands")
