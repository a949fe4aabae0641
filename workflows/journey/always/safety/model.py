"""Crises, support and unreadable messages: commands, events and state."""

from typing import Annotated, ClassVar, Literal

from pydantic import StringConstraints

from workflows.journey.actors import ANYONE, CLINICAL, Role
from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.base import Identifier, ImmutableModel, Short, Text
from workflows.journey.calendars import Instant
from workflows.journey.envelopes import Changes, CommandBody, EventBody, EventHeader, Evolutions, changed_entry
from workflows.journey.severity import Severity

Urgency = Literal["routine", "clinical", "urgent", "emergency"]
"""The severity of a request for support, as whoever asks for it sees it."""


class RecordCrisisContact(CommandBody):
    """A clinician reached (or could not reach) a patient at risk, and says what was done and what is next."""

    kind: Literal["crisis.record-contact"] = "crisis.record-contact"
    roles: ClassVar[tuple[Role, ...]] = CLINICAL
    crisis: Identifier
    reached: bool
    assessment: Text
    safety_plan: bool
    next_contact_at: Instant | None = None


class RequestSupport(CommandBody):
    """Ask for support, at any time."""

    kind: Literal["support.request"] = "support.request"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = ANYONE
    urgency: Urgency
    text: Text


class AnswerSupport(CommandBody):
    """Say what was done about a support request; the wait for it ends."""

    kind: Literal["support.answer"] = "support.answer"
    support: Identifier
    text: Text


class HandleMessage(CommandBody):
    """Ops looked into a message the service could not read, or into a cancellation, and say what was done."""

    kind: Literal["pathway.handle-message"] = "pathway.handle-message"
    roles: ClassVar[tuple[Role, ...]] = (Role.OPS, Role.MEDICAL_DIRECTOR)
    message: Identifier
    text: Text


class KeepUnreadable(CommandBody):
    """The workflow received a message that could not be read. It is recorded, and care is held until ops have seen
    it."""

    kind: Literal["clock.keep-unreadable"] = "clock.keep-unreadable"
    roles: ClassVar[tuple[Role, ...]] = (Role.SYSTEM,)
    name: Short
    content: Annotated[str, StringConstraints(max_length=16_000)]


class KeepCancellation(CommandBody):
    """The shell: somebody asked Temporal to cancel the journey. It goes on, and ops find out who wanted what."""

    kind: Literal["clock.keep-cancellation"] = "clock.keep-cancellation"
    roles: ClassVar[tuple[Role, ...]] = (Role.SYSTEM,)
    reason: Annotated[str, StringConstraints(max_length=1000)] = ""


class CrisisOpened(EventBody):
    """Suicide risk was found; ``level`` is that of the C-SSRS (Columbia Lighthouse Project, triage)."""

    kind: Literal["crisis.opened"] = "crisis.opened"
    crisis: Identifier
    level: Literal["high", "moderate", "low"]
    source: Identifier


class CrisisContactRecorded(EventBody):
    """A clinician reached the patient, or could not: what they found, and when (UTC) the next contact is."""

    kind: Literal["crisis.contact-recorded"] = "crisis.contact-recorded"
    crisis: Identifier
    reached: bool
    assessment: Text
    safety_plan: bool
    next_contact_at: Instant | None = None


class SupportRequested(EventBody):
    """Somebody, or a rule on the patient's behalf, asked for support."""

    kind: Literal["support.requested"] = "support.requested"
    support: Identifier
    urgency: Urgency
    text: Text


class SupportAnswered(EventBody):
    """What was done about a request for support."""

    kind: Literal["support.answered"] = "support.answered"
    support: Identifier
    text: Text


class MessageKept(EventBody):
    """A message that could not be read, kept as it came."""

    kind: Literal["message.kept"] = "message.kept"
    message: Identifier
    name: Short
    content: str


class CancellationKept(EventBody):
    """A request to Temporal to cancel the journey, with the reason given there. Nothing else comes of it."""

    kind: Literal["cancellation.kept"] = "cancellation.kept"
    message: Identifier
    reason: str


class MessageHandled(EventBody):
    """Ops read a message that the service could not, and what they did about it."""

    kind: Literal["message.handled"] = "message.handled"
    message: Identifier
    text: Text


class Crisis(ImmutableModel):
    """Suicide risk that was found, since when (UTC), the contacts about it, and whether the patient was reached."""

    id: Identifier
    level: Literal["high", "moderate", "low"]
    source: Identifier
    opened_at: Instant
    reached: bool = False
    contacts: tuple[CrisisContactRecorded, ...] = ()


class Support(ImmutableModel):
    """A request for support, and whether it waits for an answer."""

    id: Identifier
    urgency: Urgency
    text: Text
    open: bool = True


class Message(ImmutableModel):
    """A message that could not be read, as it came, and whether ops have handled it."""

    id: Identifier
    name: Short
    content: str
    cancels: bool = False
    """Whether it is a request to cancel the journey, and not one that could not be read."""
    handled: bool = False


class SafetyState(PathwayState):
    """Crises, requests for support and unreadable messages, each by its id."""

    crises: dict[Identifier, Crisis] = {}
    support: dict[Identifier, Support] = {}
    messages: dict[Identifier, Message] = {}


def ask_support(state: SafetyState, urgency: Urgency | Severity, text: str) -> SupportRequested:
    """A new support request, raised by a rule on the patient's behalf."""
    name = f"support-{len(state.support) + 1}"
    return SupportRequested.model_validate({"support": name, "urgency": urgency, "text": text})


def _crisis_opened(state: SafetyState, body: CrisisOpened, event: EventHeader) -> Changes:
    crisis = Crisis(id=body.crisis, level=body.level, source=body.source, opened_at=event.at)
    return {"crises": {**state.crises, crisis.id: crisis}}


def _contacted(state: SafetyState, body: CrisisContactRecorded, event: EventHeader) -> Changes:
    opened = state.crises.get(body.crisis)
    if opened is None:
        return {}
    contacts = (*opened.contacts, body)
    return changed_entry(state, "crises", body.crisis, reached=body.reached or opened.reached, contacts=contacts)


def _support_requested(state: SafetyState, body: SupportRequested, event: EventHeader) -> Changes:
    return {"support": {**state.support, body.support: Support(id=body.support, urgency=body.urgency, text=body.text)}}


def _support_answered(state: SafetyState, body: SupportAnswered, event: EventHeader) -> Changes:
    return changed_entry(state, "support", body.support, open=False)


def _message_kept(state: SafetyState, body: MessageKept, event: EventHeader) -> Changes:
    message = Message(id=body.message, name=body.name, content=body.content)
    return {"messages": {**state.messages, message.id: message}}


def _cancellation_kept(state: SafetyState, body: CancellationKept, event: EventHeader) -> Changes:
    message = Message(id=body.message, name="cancellation", content=body.reason, cancels=True)
    return {"messages": {**state.messages, message.id: message}}


def _message_handled(state: SafetyState, body: MessageHandled, event: EventHeader) -> Changes:
    return changed_entry(state, "messages", body.message, handled=True)


EVOLUTIONS: Evolutions = {
    CrisisOpened: _crisis_opened,
    CrisisContactRecorded: _contacted,
    SupportRequested: _support_requested,
    SupportAnswered: _support_answered,
    MessageKept: _message_kept,
    CancellationKept: _cancellation_kept,
    MessageHandled: _message_handled,
}
