"""Requests for support, messages that nobody could read, and suicide risk, whose rules are in `suicide_risk`.

Support may be asked for by anybody and at any time, and is never refused. A message that cannot be read might be about
safety: it holds care until ops have read it.
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.care_team.identity import is_same_person
from workflows.journey.always.holds.model import place
from workflows.journey.always.safety import suicide_risk
from workflows.journey.always.safety.model import Message, Support
from workflows.journey.obligation_types import CANCELLATION, SUPPORT, UNREADABLE_MESSAGE
from workflows.journey.requirements import Requirement, each_needs, require
from workflows.journey.vocabulary.actors import CLINICAL, Actor, Role
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.severity import Severity
from workflows.journey.vocabulary.words import name_of

SUPPORT_OWNER = {
    "emergency": Role.ON_CALL_CLINICIAN,
    "urgent": Role.ON_CALL_CLINICIAN,
    "clinical": Role.CLINICIAN,
    "routine": Role.COORDINATOR,
}


def request_support(journey: Journey, command: c.RequestSupport, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a request for support. It is never refused."""
    yield e.SupportRequested(support=f"support-{len(journey.support) + 1}", urgency=command.urgency, text=command.text)


def answer_support(journey: Journey, command: c.AnswerSupport, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record what was done. A clinical question is answered by a clinician."""
    support = journey.support.get(command.support)
    if support is None:
        refuse(RefusalCode.UNKNOWN, "there is no such support request", "See `pathway show`", "support")
    if not support.open:
        refuse(RefusalCode.ALREADY_DONE, "this request has been answered", "Nothing is left to do", "support")
    if support.urgency != "routine" and by.role not in CLINICAL:
        refuse(RefusalCode.NOT_ALLOWED, "a clinical question is answered by a clinician", "Hand it to the clinician")
    if support.not_by is not None and is_same_person(journey, by.id, support.not_by, by.licence):
        refuse(RefusalCode.NOT_ALLOWED, "this is about what you did", "Have a colleague find it out and answer")
    yield e.SupportAnswered(support=command.support, text=command.text)


def keep_message(journey: Journey, command: c.KeepUnreadable, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Keep a message that could not be read, or was not taken, as it came."""
    kept = command.model_dump(exclude={"kind"})
    yield e.MessageKept(message=f"message-{len(journey.messages) + 1}", **kept)


def keep_cancellation(journey: Journey, command: c.KeepCancellation, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Keep that somebody asked Temporal to cancel the journey. Only ops hear of it: care goes on."""
    yield e.CancellationKept(message=f"message-{len(journey.messages) + 1}", reason=command.reason)


def react_message(journey: Journey, body: e.MessageKept, at: datetime) -> Iterator[e.EventBody]:
    """Hold care until ops have read the message: it might be about safety. What was sent by hand changes nothing."""
    if not body.sent_by_hand:
        yield place(
            journey,
            "unreadable_message",
            "a message could not be read, and might be about safety",
            source=body.message,
        )


def handle_message(journey: Journey, command: c.HandleMessage, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record what ops did about a message."""
    message = journey.messages.get(command.message)
    if message is None:
        refuse(RefusalCode.UNKNOWN, "there is no such message", "See `pathway show`", "message")
    if message.handled:
        refuse(RefusalCode.ALREADY_DONE, "this message has been handled", "Nothing is left to do", "message")
    yield e.MessageHandled(message=command.message, text=command.text)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for what suicide risk needs: the C-SSRS, contacts with the patient, and what is signed of both."""
    yield from suicide_risk.needs(journey)


def _answer(support: Support, clinician: str | None, coordinator: str | None) -> Iterator[Requirement]:
    if support.open:
        owner = SUPPORT_OWNER[support.urgency]
        person = {Role.CLINICIAN: clinician, Role.COORDINATOR: coordinator}.get(owner)
        yield require(
            SUPPORT,
            subject=support.id,
            owner=owner,
            person=None if person == support.not_by else person,
            policy=Severity(support.urgency).value,
            what=f"answer the request for {name_of(support.id)}",
            care=False,
        )


def _look(message: Message) -> Iterator[Requirement]:
    if message.handled:
        return
    if message.cancels:
        yield require(
            CANCELLATION,
            subject=message.id,
            owner=Role.OPS,
            policy="unreadable_message",
            what="find out who cancelled this journey and why",
            care=False,
        )
    else:
        yield require(
            UNREADABLE_MESSAGE,
            subject=message.id,
            owner=Role.OPS,
            what="find out who sent this by hand" if message.sent_by_hand else "read a message the service could not",
            care=False,
        )


EACH_NEEDS = (
    *suicide_risk.EACH_NEEDS,
    each_needs("support", _answer, "clinician", "coordinator"),
    each_needs("messages", _look),
)
DECISIONS: Decisions = {
    c.ReportCrisis: suicide_risk.report,
    c.RecordCrisisContact: suicide_risk.record_contact,
    c.RequestSupport: request_support,
    c.AnswerSupport: answer_support,
    c.HandleMessage: handle_message,
    c.KeepUnreadable: keep_message,
    c.KeepCancellation: keep_cancellation,
}
REACTIONS: Reactions = {
    e.InstrumentRecorded: suicide_risk.react_risk,
    e.MessageKept: react_message,
}
