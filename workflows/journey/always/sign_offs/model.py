"""Decisions of clinicians, and attempts that were refused: commands, events and state."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.always.safety.model import FURTHER, MessageHandled
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions, change_entry
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLINICAL, Licence, Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Short, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import UsState
from workflows.journey.vocabulary.signed_statement import Scope, Signature
from workflows.journey.vocabulary.stage import Stage


class Sign(CommandBody):
    """A clinician's decision on exactly the evidence whose hash they name, signed with their own key.

    ``choice`` is needed where the kind of sign-off offers choices (a setting, a response review); ``referral`` where
    the decision ends the pathway for this patient. The signature covers all of it, the journey and the signer
    (`statement`). Without one the decision has no effect.
    """

    kind: Literal["signoff.sign"] = "signoff.sign"
    attempts_kept: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    request: Identifier
    decision: Literal["approve", "decline", "return"]
    meaning: Identifier
    evidence: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    choice: Identifier | None = None
    rationale: Text | None = None
    referral: Text | None = None
    signature: Signature | None = None


class WithdrawSignOff(CommandBody):
    """Take back your own decision before it took effect. The request is then made again."""

    kind: Literal["signoff.withdraw"] = "signoff.withdraw"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    licensed: ClassVar[bool] = False
    request: Identifier
    reason: Text


class AddAddendum(CommandBody):
    """Add to a decision, yours or a colleague's, after it was made. The decision itself stays as it was signed."""

    kind: Literal["signoff.addendum"] = "signoff.addendum"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    request: Identifier
    text: Text


class Delegate(CommandBody):
    """Let a named colleague decide in your place, on some kinds of sign-off, until a time.

    They sign as themselves, with their own key and licence. What was delegated to you cannot be passed on. You sign
    for it as for a decision: or anybody who can send a message could delegate your right to themselves.
    """

    kind: Literal["signoff.delegate"] = "signoff.delegate"
    attempts_kept: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    to: Identifier
    sign_offs: Annotated[tuple[SignOffKind, ...], Field(min_length=1)]
    until: Instant
    reason: Text
    signature: Signature | None = None


class EndDelegation(CommandBody):
    """End a delegation before its time: by whoever gave it, or by the medical director."""

    kind: Literal["signoff.end-delegation"] = "signoff.end-delegation"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    licensed: ClassVar[bool] = False
    delegation: Identifier


class AnswerReturned(CommandBody):
    """Answer the question a sign-off request was returned with; it is then asked for again."""

    kind: Literal["signoff.answer"] = "signoff.answer"
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    request: Identifier
    text: Text


class SignedOff(EventBody):
    """A clinician's decision, bound to the evidence, its meaning, and the printed name and licence of the signer.

    ``first_of_two``: an approval that waits for a second person's, and has no effect until then.
    """

    kind: Literal["signoff.signed"] = "signoff.signed"
    scope: Scope
    request: Identifier
    sign_off: SignOffKind
    subject: Identifier | None = None
    decision: Literal["approve", "decline", "return"]
    meaning: Identifier
    evidence: str
    choice: Identifier | None = None
    rationale: Text | None = None
    referral: Text | None = None
    name: Short
    licence: Licence
    signature: Signature
    first_of_two: bool = False


class SignOffWithdrawn(EventBody):
    """The signer took a decision back before it took effect; the request is made again."""

    kind: Literal["signoff.withdrawn"] = "signoff.withdrawn"
    request: Identifier
    sign_off: SignOffKind
    subject: Identifier | None = None
    reason: Text


class AddendumAdded(EventBody):
    """Something added to a decision after it was made. It changes nothing about it."""

    kind: Literal["signoff.addendum-added"] = "signoff.addendum-added"
    request: Identifier
    text: Text
    name: Short


class Delegated(EventBody):
    """A clinician lets a named colleague decide in their place until a time."""

    kind: Literal["signoff.delegated"] = "signoff.delegated"
    scope: Scope
    opens: ClassVar = ("delegation", "delegations")
    delegation: Identifier
    to: Identifier
    sign_offs: tuple[SignOffKind, ...]
    until: Instant
    reason: Text
    name: Short
    licence: Licence
    signature: Signature


class DelegationEnded(EventBody):
    """A delegation was ended before its time."""

    kind: Literal["signoff.delegation-ended"] = "signoff.delegation-ended"
    delegation: Identifier


class SignOffAnswered(EventBody):
    """The author of a returned request answered its question; it is asked for again."""

    kind: Literal["signoff.answered"] = "signoff.answered"
    sign_off: SignOffKind
    subject: Identifier | None = None
    text: Text


class CommandRefused(EventBody):
    """An attempt to sign or release was refused, and why. ``nonce`` of a signed decision cannot be used again."""

    kind: Literal["command.refused"] = "command.refused"
    command_kind: Identifier
    code: Identifier
    reason: Text
    nonce: Identifier | None = None


class Addendum(ImmutableModel):
    """Something added to a decision after it was made, by whom and when (UTC)."""

    text: Text
    name: Short
    by: Identifier
    at: Instant


class SignOff(ImmutableModel):
    """A decision as it was signed. It counts only while the evidence it names is the evidence there is.

    ``first_of_two``: an approval that counts once a second person has signed as well. ``nonce`` is its signature's,
    ``state`` where the patient lived then.
    """

    request: Identifier
    kind: SignOffKind
    subject: Identifier | None = None
    decision: Literal["approve", "decline", "return"]
    meaning: Identifier
    evidence: str
    choice: Identifier | None = None
    rationale: Text | None = None
    referral: Text | None = None
    by: Identifier
    role: Role
    name: Short
    licence: Licence
    state: UsState
    at: Instant
    version: int
    nonce: str
    first_of_two: bool = False
    withdrawn: bool = False
    addenda: tuple[Addendum, ...] = ()


class Delegation(ImmutableModel):
    """The right to decide in a colleague's place: from whom, to whom, on what, until when (UTC). It rests on the
    licence and the key that its giver signed with, and ends with them."""

    id: Identifier
    by: Identifier
    role: Role
    to: Identifier
    sign_offs: tuple[SignOffKind, ...]
    until: Instant
    licence: Licence
    key_id: Identifier
    nonce: str


class Answer(ImmutableModel):
    """What the author of a returned request answered."""

    sign_off: SignOffKind
    subject: Identifier | None = None
    text: Text


class SignOffsState(PathwayState):
    """Every decision, oldest first, and what was delegated, answered, refused and spent."""

    sign_offs: tuple[SignOff, ...] = ()
    answers: tuple[Answer, ...] = ()
    delegations: dict[Identifier, Delegation] = {}
    refusals: int = 0
    refusals_seen: int = 0
    spent: tuple[str, ...] = ()

    @property
    def unseen_refusals(self) -> int:
        """How many refusals were kept since ops last looked because there were too many."""
        return self.refusals - self.refusals_seen

    @property
    def nonces(self) -> tuple[str, ...]:
        """The nonces of every signature that was used or refused. None of them can be used again."""
        used = (*(s.nonce for s in self.sign_offs), *(d.nonce for d in self.delegations.values()))
        return (*used, *self.spent)


def _signed(state: SignOffsState, body: SignedOff, event: EventHeader) -> Changes:
    signed = SignOff(
        **body.model_dump(exclude={"kind", "sign_off", "licence", "signature", "scope"}),
        state=body.scope.state,
        kind=body.sign_off,
        licence=body.licence,
        nonce=body.signature.nonce,
        by=event.actor_id,
        role=event.actor_role,
        at=event.at,
        version=event.version,
    )
    return {"sign_offs": (*state.sign_offs, signed)}


def _withdrawn(state: SignOffsState, body: SignOffWithdrawn, event: EventHeader) -> Changes:
    return _of_sign_off(state, body.request, lambda _: {"withdrawn": True})


def _added(state: SignOffsState, body: AddendumAdded, event: EventHeader) -> Changes:
    added = Addendum(text=body.text, name=body.name, by=event.actor_id, at=event.at)
    return _of_sign_off(state, body.request, lambda signed: {"addenda": (*signed.addenda, added)})


def _of_sign_off(state: SignOffsState, request: str, changes: Callable[[SignOff], Changes]) -> Changes:
    """The decisions, with the last one on a request changed."""
    last = max((n for n, signed in enumerate(state.sign_offs) if signed.request == request), default=None)
    if last is None:
        return {}
    signed = state.sign_offs[last]
    changed = signed.model_copy(update=changes(signed))
    return {"sign_offs": (*state.sign_offs[:last], changed, *state.sign_offs[last + 1 :])}


def _delegated(state: SignOffsState, body: Delegated, event: EventHeader) -> Changes:
    given = Delegation(
        id=body.delegation,
        by=event.actor_id,
        role=event.actor_role,
        to=body.to,
        sign_offs=body.sign_offs,
        until=body.until,
        licence=body.licence,
        key_id=body.signature.key_id,
        nonce=body.signature.nonce,
    )
    return {"delegations": {**state.delegations, given.id: given}}


def _delegation_ended(state: SignOffsState, body: DelegationEnded, event: EventHeader) -> Changes:
    return change_entry(state, "delegations", body.delegation, until=event.at)


def _answered(state: SignOffsState, body: SignOffAnswered, event: EventHeader) -> Changes:
    return {"answers": (*state.answers, Answer(sign_off=body.sign_off, subject=body.subject, text=body.text))}


def _refused(state: SignOffsState, body: CommandRefused, event: EventHeader) -> Changes:
    spent = state.spent if body.nonce is None else (*state.spent, body.nonce)
    return {"refusals": state.refusals + 1, "spent": spent}


def _looked(state: Any, body: MessageHandled, event: EventHeader) -> Changes:
    message = state.messages.get(body.message)
    return {} if message is None or message.name != FURTHER else {"refusals_seen": state.refusals}


EVOLUTIONS: Evolutions = {
    MessageHandled: _looked,
    SignedOff: _signed,
    SignOffWithdrawn: _withdrawn,
    AddendumAdded: _added,
    Delegated: _delegated,
    DelegationEnded: _delegation_ended,
    SignOffAnswered: _answered,
    CommandRefused: _refused,
}
