"""What goes on in every stage: holds, crises, adverse events, support, and messages nobody could read.

Anyone and any rule may place a hold; only a signed decision releases it. Grades are CTCAE's, seriousness is a
separate question. Crisis contact follows Columbia's norm: precautions until a professional has seen the person.
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import CLINICAL, Actor, Role
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.holds.model import place
from workflows.journey.evidence import sign_off_requirement
from workflows.journey.obligation_types import CANCELLATION, CRISIS, SUPPORT, UNREADABLE_MESSAGE
from workflows.journey.protocol import SignOffKind
from workflows.journey.refusals import RefusalCode, refuse
from workflows.journey.requirements import Requirement, require

SUPPORT_OWNER = {"urgent": Role.ON_CALL_CLINICIAN, "clinical": Role.CLINICIAN, "routine": Role.COORDINATOR}


def report(journey: Journey, command: c.ReportAdverseEvent, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record an adverse event that began before now (UTC). A serious one needs its reason: death,
    life-threatening, hospitalization, disability, birth defect, or what it took to prevent these."""
    if command.onset > at:
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Give the time it began", "onset")
    if command.serious and not command.serious_because:
        refuse(
            RefusalCode.INCOMPLETE,
            "a serious event needs the reason why it is serious",
            "Name it, for example hospitalization, life_threatening, disability, death",
            "serious_because",
        )
    yield e.AdverseEventReported(
        adverse_event=f"adverse-event-{len(journey.adverse_events) + 1}",
        **command.model_dump(exclude={"kind"}),
    )


def react_adverse_event(journey: Journey, body: e.AdverseEventReported, at: datetime) -> Iterator[e.EventBody]:
    """Hold care from the protocol's grade on, or if serious, until it is reviewed."""
    rules = journey.protocol.adverse_events
    if body.grade >= rules.hold_from_grade or body.serious:
        yield place(
            journey,
            "adverse_event",
            f"adverse event of grade {body.grade}{', serious' if body.serious else ''}",
            severe=body.grade >= rules.severe_from_grade or body.serious,
            source=body.adverse_event,
        )


def is_severe(journey: Journey, adverse_event: str) -> bool:
    """Whether an adverse event is serious, or at least of the grade (CTCAE) from which the protocol calls it severe."""
    event = journey.adverse_events[adverse_event]
    return event.serious or event.grade >= journey.protocol.adverse_events.severe_from_grade


def record_crisis_contact(
    journey: Journey, command: c.RecordCrisisContact, by: Actor, at: datetime
) -> Iterator[e.EventBody]:
    """Record a contact with a patient at risk. One that reached them ends with a safety plan (Columbia Lighthouse
    Project: precautions until a professional has seen the person)."""
    crisis = journey.crises.get(command.crisis)
    if crisis is None:
        refuse(RefusalCode.UNKNOWN, "there is no such crisis", "See `pathway show`", "crisis")
    if command.reached and not command.safety_plan:
        refuse(
            RefusalCode.INCOMPLETE,
            "a contact that reached the patient ends with a safety plan",
            "Make one, or record that the patient was not yet reached",
            "safety_plan",
        )
    yield e.CrisisContactRecorded(**command.model_dump(exclude={"kind"}))


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
    yield e.SupportAnswered(support=command.support, text=command.text)


def keep_message(journey: Journey, command: c.KeepUnreadable, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Keep a message that could not be read, as it came."""
    yield e.MessageKept(message=f"message-{len(journey.messages) + 1}", name=command.name, content=command.content)


def keep_cancellation(journey: Journey, command: c.KeepCancellation, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Keep that somebody asked Temporal to cancel the journey. Only ops hear of it: care goes on."""
    yield e.CancellationKept(message=f"message-{len(journey.messages) + 1}", reason=command.reason)


def react_message(journey: Journey, body: e.MessageKept, at: datetime) -> Iterator[e.EventBody]:
    """Hold care until ops have read the message: it might be about safety."""
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
    """Patients to be reached in a crisis, adverse events to review, requests for support and unread messages."""
    for crisis in journey.crises.values():
        if not crisis.reached:
            yield require(
                CRISIS,
                subject=crisis.id,
                owner=Role.ON_CALL_CLINICIAN if crisis.level == "high" else Role.CLINICIAN,
                person=None if crisis.level == "high" else journey.clinician,
                policy=f"crisis_{crisis.level}",
                what="reach the patient: suicide risk",
                care=False,
            )
    for event in journey.adverse_events.values():
        severe = is_severe(journey, event.id)
        kind = SignOffKind.SERIOUS_ADVERSE_EVENT if severe else SignOffKind.ADVERSE_EVENT
        review = sign_off_requirement(journey, kind, event.id)
        if review:
            yield review
    for support in journey.support.values():
        if support.open:
            owner = SUPPORT_OWNER[support.urgency]
            yield require(
                SUPPORT,
                subject=support.id,
                owner=owner,
                person={Role.CLINICIAN: journey.clinician, Role.COORDINATOR: journey.coordinator}.get(owner),
                policy=f"support_{support.urgency}",
                what="answer the support request",
                care=False,
            )
    for message in journey.messages.values():
        if message.handled:
            continue
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
                what="read a message the service could not",
                care=False,
            )


DECISIONS: Decisions = {
    c.ReportAdverseEvent: report,
    c.RecordCrisisContact: record_crisis_contact,
    c.RequestSupport: request_support,
    c.AnswerSupport: answer_support,
    c.HandleMessage: handle_message,
    c.KeepUnreadable: keep_message,
    c.KeepCancellation: keep_cancellation,
}
REACTIONS: Reactions = {
    e.AdverseEventReported: react_adverse_event,
    e.MessageKept: react_message,
}
