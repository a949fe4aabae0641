"""Crises, support and unreadable messages: commands, events and state."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.entries import Entries, find, put
from workflows.journey.envelopes import (
    ALWAYS,
    Changes,
    CommandBody,
    EventBody,
    EventHeader,
    Evolutions,
    change_entry,
    keep_short,
)
from workflows.journey.vocabulary.actors import ANYONE, CLINICAL, Role
from workflows.journey.vocabulary.base import Flag, Identifier, ImmutableModel, Raw, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import Location
from workflows.journey.vocabulary.severity import Severity
from workflows.journey.vocabulary.stage import Stage

FURTHER = "further messages"
"""The name of a message that says how many more there were than are kept one by one, refused commands among them."""
Urgency = Literal["routine", "clinical", "urgent", "emergency"]
"""The severity of a request for support, as whoever asks for it sees it."""
SupportCause = Literal["life", "elsewhere", "supply", "dose"]
"""What made a rule ask for support, where other rules rest on it. ``dose``: a session in the clinic was cancelled after
its release, and somebody else finds out whether its dose was taken."""


class RecordCrisisContact(CommandBody):
    """A clinician reached a patient at risk, or could not, and where the patient was: help is sent there. Without
    ``next_contact_at`` the next contact is owed within the protocol's time."""

    kind: Literal["crisis.record-contact"] = "crisis.record-contact"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    crisis: Identifier
    reached: Flag
    assessment: Text
    safety_plan: Flag
    next_contact_at: Instant | None = None
    location: Location | None = None


class ReportCrisis(CommandBody):
    """Say that the patient may be at risk of suicide. It counts as high until a clinician has asked."""

    kind: Literal["crisis.report"] = "crisis.report"
    fact: ClassVar[bool] = True
    by_anybody: ClassVar[bool] = True
    by_hand: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = ANYONE
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    what: Text


class RequestSupport(CommandBody):
    """Ask for support, at any time."""

    kind: Literal["support.request"] = "support.request"
    fact: ClassVar[bool] = True
    by_anybody: ClassVar[bool] = True
    by_hand: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = ANYONE
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    urgency: Urgency
    text: Text


class AnswerSupport(CommandBody):
    """Say what was done about a support request; the wait for it ends."""

    kind: Literal["support.answer"] = "support.answer"
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    support: Identifier
    text: Text


class HandleMessage(CommandBody):
    """Ops looked into a message the service could not read, or into a cancellation, and say what was done."""

    kind: Literal["pathway.handle-message"] = "pathway.handle-message"
    roles: ClassVar[tuple[Role, ...]] = (Role.OPS, Role.MEDICAL_DIRECTOR)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    message: Identifier
    text: Text


class KeepUnreadable(CommandBody):
    """Keep a message that could not be read; care is held until ops have seen it. ``sent_by_hand``: it can be read,
    came past the service, and is not taken; care goes on."""

    kind: Literal["clock.keep-unreadable"] = "clock.keep-unreadable"
    roles: ClassVar[tuple[Role, ...]] = (Role.SYSTEM,)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    name: Annotated[Raw, Field(max_length=200)]
    content: Raw
    sent_by_hand: Flag = False


class KeepCancellation(CommandBody):
    """The shell: somebody asked Temporal to cancel the journey. It goes on, and ops find out who wanted what."""

    kind: Literal["clock.keep-cancellation"] = "clock.keep-cancellation"
    roles: ClassVar[tuple[Role, ...]] = (Role.SYSTEM,)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    reason: Annotated[Raw, Field(max_length=1000)] = ""


class CrisisOpened(EventBody):
    """Suicide risk was found; ``level`` is that of the C-SSRS (Columbia Lighthouse Project, triage). ``what`` is what
    somebody told, where nobody has asked the C-SSRS."""

    kind: Literal["crisis.opened"] = "crisis.opened"
    safety: ClassVar[bool] = True
    opens: ClassVar = ("crisis", "crises")
    crisis: Identifier
    level: Literal["high", "moderate", "low"]
    source: Identifier
    what: Text | None = None


class CrisisContactRecorded(EventBody):
    """A clinician reached the patient, or could not: what they found, and when (UTC) the next contact is owed."""

    kind: Literal["crisis.contact-recorded"] = "crisis.contact-recorded"
    safety: ClassVar[bool] = True
    crisis: Identifier
    reached: bool
    assessment: Text
    safety_plan: bool
    next_contact_at: Instant | None = None
    location: Location | None = None


class CrisisReached(EventBody):
    """A clinician signed that the patient was reached, as the contact says that was recorded last; ``sign_off`` is the
    request they decided. ``next_contact_at`` (UTC) is when they are spoken with again."""

    kind: Literal["crisis.reached"] = "crisis.reached"
    safety: ClassVar[bool] = True
    crisis: Identifier
    sign_off: Identifier
    next_contact_at: Instant | None = None


class CrisisClosed(EventBody):
    """Two people signed that this crisis is settled, or handed over to whom ``to`` names; ``sign_off`` is the request
    they decided. A next contact that was agreed on is owed all the same, unless it was handed over."""

    kind: Literal["crisis.closed"] = "crisis.closed"
    safety: ClassVar[bool] = True
    crisis: Identifier
    sign_off: Identifier
    to: Text | None = None


class SupportRequested(EventBody):
    """Somebody, or a rule on the patient's behalf, asked for support. ``cause``: what made a rule ask, where others
    rest on it. ``not_by``: who does not answer, since it is about what they did."""

    kind: Literal["support.requested"] = "support.requested"
    safety: ClassVar[bool] = True
    opens: ClassVar = ("support", "support")
    support: Identifier
    urgency: Urgency
    text: Text
    cause: SupportCause | None = None
    not_by: Identifier | None = None


class SupportAnswered(EventBody):
    """What was done about a request for support."""

    kind: Literal["support.answered"] = "support.answered"
    safety: ClassVar[bool] = True
    support: Identifier
    text: Text


class MessageKept(EventBody):
    """A message that could not be read, or was sent by hand, past the service, and not taken: kept as it came."""

    kind: Literal["message.kept"] = "message.kept"
    safety: ClassVar[bool] = True
    opens: ClassVar = ("message", "messages")
    message: Identifier
    name: Raw
    content: str
    sent_by_hand: bool = False


class CancellationKept(EventBody):
    """A request to Temporal to cancel the journey, with the reason given there. Nothing else comes of it."""

    kind: Literal["cancellation.kept"] = "cancellation.kept"
    opens: ClassVar = ("message", "messages")
    message: Identifier
    reason: str


class MessageHandled(EventBody):
    """Ops read a message that the service could not, and what they did about it."""

    kind: Literal["message.handled"] = "message.handled"
    safety: ClassVar[bool] = True
    message: Identifier
    text: Text


class ContactToSign(ImmutableModel):
    """A contact that reached the patient, as somebody said at ``version``. It counts once a clinician has signed it."""

    contact: CrisisContactRecorded
    by: Identifier
    at: Instant
    version: int


class Crisis(ImmutableModel):
    """Suicide risk that was found, since when (UTC), the contacts about it, and whether the patient was reached, as a
    clinician signed it. ``to_sign`` is the latest contact of which somebody says so, and nobody has signed it.

    ``version`` is that of the finding: what settles it came after it. It is open until a signed decision closes it.
    ``next_contact_at`` (UTC) is when a clinician is to speak with the patient again.
    """

    id: Identifier
    level: Literal["high", "moderate", "low"]
    source: Identifier
    opened_at: Instant
    version: int
    reached: bool = False
    contacts: tuple[CrisisContactRecorded, ...] = ()
    to_sign: ContactToSign | None = None
    next_contact_at: Instant | None = None
    closed: bool = False


class Support(ImmutableModel):
    """A request for support, when it was made (UTC), who does not answer it, and whether it waits for an answer."""

    id: Identifier
    at: Instant
    urgency: Urgency
    text: Text
    cause: SupportCause | None = None
    not_by: Identifier | None = None
    open: bool = True


class Message(ImmutableModel):
    """A message that could not be read, as it came, and whether ops have handled it."""

    id: Identifier
    name: Raw
    content: str
    cancels: bool = False
    """Whether it is a request to cancel the journey, and not one that could not be read."""
    sent_by_hand: bool = False
    """Whether it came past the service, and can be read."""
    handled: bool = False


def _unhandled(messages: Mapping[str, Message]) -> tuple[Message, ...]:
    return tuple(message for message in messages.values() if not message.handled)


def _open(crises: Mapping[str, Crisis]) -> tuple[Crisis, ...]:
    return tuple(crisis for crisis in crises.values() if not crisis.closed)


class Happened(ImmutableModel):
    """How many events of each kind say how the patient is, or what was done about it (`EventBody.safety`); and the
    version and time (UTC) of the last one."""

    kinds: dict[Identifier, int] = {}
    last: int | None = None
    at: Instant | None = None

    def with_event(self, event: EventHeader, kind: str) -> "Happened":
        """Return this with one more event."""
        kinds = {**self.kinds, kind: self.kinds.get(kind, 0) + 1}
        return Happened.of_valid(kinds=kinds, last=event.version, at=event.at)


class SafetyState(PathwayState):
    """Crises, requests for support and unreadable messages, each by its id; and the safety events that ``happened``."""

    happened: Happened = Happened()
    crises: Entries[Identifier, Crisis] = Entries()
    support: Entries[Identifier, Support] = Entries()
    messages: Entries[Identifier, Message] = Entries()

    @property
    def unhandled(self) -> tuple[Message, ...]:
        """The messages that ops have not handled, the oldest first."""
        return tuple(find(self.messages, _unhandled))

    @property
    def open_crises(self) -> tuple[Crisis, ...]:
        """The crises that no decision has closed, the oldest first."""
        return tuple(find(self.crises, _open))


def ask_support(
    state: SafetyState,
    urgency: Urgency | Severity,
    text: str,
    cause: SupportCause | None = None,
    not_by: str | None = None,
) -> SupportRequested:
    """Return a new request for support, which a rule asks on the patient's behalf."""
    name = f"support-{len(state.support) + 1}"
    who = {"cause": cause, "not_by": not_by}
    return SupportRequested.model_validate({"support": name, "urgency": urgency, "text": text, **who})


def _crisis_opened(state: SafetyState, body: CrisisOpened, event: EventHeader) -> Changes:
    crisis = Crisis(id=body.crisis, level=body.level, source=body.source, opened_at=event.at, version=event.version)
    return {"crises": put(state.crises, crisis.id, crisis)}


def _contacted(state: SafetyState, body: CrisisContactRecorded, event: EventHeader) -> Changes:
    opened = state.crises.get(body.crisis)
    if opened is None:
        return {}
    to_sign = opened.to_sign
    if body.reached:
        to_sign = ContactToSign(contact=body, by=event.actor_id, at=event.at, version=event.version)
    contacted = opened.model_copy(update={"contacts": (*opened.contacts, body), "to_sign": to_sign})
    return {"crises": put(state.crises, opened.id, contacted)}


def _reached(state: SafetyState, body: CrisisReached, event: EventHeader) -> Changes:
    opened = state.crises.get(body.crisis)
    if opened is None or opened.to_sign is None:
        return {}
    # It is one patient: reached about one finding is reached about all that were known then, and one next contact is
    # owed.
    reached = {
        name: crisis.model_copy(
            update={"reached": True, "next_contact_at": body.next_contact_at if name == opened.id else None}
            | ({"to_sign": None} if name == opened.id else {})
        )
        for name, crisis in state.crises.items()
        if name == opened.id
        or (crisis.version < opened.to_sign.version and (not crisis.reached or crisis.next_contact_at is not None))
    }
    return {"crises": state.crises.put(reached)}


def _crisis_closed(state: SafetyState, body: CrisisClosed, event: EventHeader) -> Changes:
    handed_over = {} if body.to is None else {"next_contact_at": None, "to_sign": None}
    return change_entry(state, "crises", body.crisis, closed=True, **handed_over)


def _support_requested(state: SafetyState, body: SupportRequested, event: EventHeader) -> Changes:
    asked = Support(id=body.support, at=event.at, **body.model_dump(exclude={"kind", "support"}))
    return {"support": put(state.support, asked.id, asked)}


def _support_answered(state: SafetyState, body: SupportAnswered, event: EventHeader) -> Changes:
    answered = state.support.get(body.support)
    text = {} if answered is None else {"text": keep_short(answered.text)}
    return change_entry(state, "support", body.support, open=False, **text)


def _message_kept(state: SafetyState, body: MessageKept, event: EventHeader) -> Changes:
    message = Message(id=body.message, name=body.name, content=body.content, sent_by_hand=body.sent_by_hand)
    return {"messages": put(state.messages, message.id, message)}


def _cancellation_kept(state: SafetyState, body: CancellationKept, event: EventHeader) -> Changes:
    message = Message(id=body.message, name="cancellation", content=body.reason, cancels=True)
    return {"messages": put(state.messages, message.id, message)}


def _message_handled(state: SafetyState, body: MessageHandled, event: EventHeader) -> Changes:
    message = state.messages.get(body.message)
    content = {} if message is None else {"content": keep_short(message.content)}
    return change_entry(state, "messages", body.message, handled=True, **content)


EVOLUTIONS: Evolutions = {
    CrisisOpened: _crisis_opened,
    CrisisContactRecorded: _contacted,
    CrisisReached: _reached,
    CrisisClosed: _crisis_closed,
    SupportRequested: _support_requested,
    SupportAnswered: _support_answered,
    MessageKept: _message_kept,
    CancellationKept: _cancellation_kept,
    MessageHandled: _message_handled,
}
