"""Adverse events: graded, held for, alarmed about, reviewed, followed up until resolved.

Grades are CTCAE's; seriousness is a separate question (ICH E2A). Nothing is replaced: a new grading is added. A higher
one counts at once with all that it asks for; a lower one of a severe event counts once another person has signed its
review. From the severity `urgent` on, an alarm goes on until the event is reviewed as it now is.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.adverse_events.model import (
    DEATH,
    FINAL,
    SERIOUS,
    UNKNOWN_REASON,
    AdverseEvent,
    is_serious,
)
from workflows.journey.always.holds.model import place
from workflows.journey.evidence import is_approved, sign_off_requirement
from workflows.journey.obligation_types import ADVERSE_EVENT_OUTCOME, ALARM
from workflows.journey.protocol import Protocol, SignOffKind
from workflows.journey.requirements import Requirement, require
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.severity import Severity, is_at_least, worst
from workflows.journey.vocabulary.words import name_of

REVIEWS = (SignOffKind.SERIOUS_ADVERSE_EVENT, SignOffKind.ADVERSE_EVENT)


def report(journey: Journey, command: c.ReportAdverseEvent, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record an adverse event that began before now (UTC). A serious one needs its reason: death,
    life-threatening, hospitalization, disability, birth defect, or what it took to prevent these."""
    if command.onset > at:
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Give the time it began", "onset")
    _require_reason(command)
    yield e.AdverseEventReported(
        adverse_event=f"adverse-event-{len(journey.adverse_events) + 1}",
        **_dump_grading(command),
    )


def _dump_grading(command: c.ReportAdverseEvent | c.RegradeAdverseEvent) -> dict[str, Any]:
    serious = is_serious(command.serious, command.serious_because)
    return {**command.model_dump(exclude={"kind"}), "serious": serious}


def _require_reason(command: c.ReportAdverseEvent | c.RegradeAdverseEvent) -> None:
    if command.serious and not command.serious_because:
        refuse(
            RefusalCode.INCOMPLETE,
            "a serious event needs the reason why it is serious",
            f"Name it: {', '.join(SERIOUS)}",
            "serious_because",
        )


def regrade(journey: Journey, command: c.RegradeAdverseEvent, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Grade an adverse event anew. What would lower a severe one is proposed, and counts once another person has
    signed the review of it."""
    event = _find_event(journey, command.adverse_event)
    _require_reason(command)
    severity = severity_of_grade(journey.protocol, command.grade, command.serious, command.serious_because)
    graded = _dump_grading(command)
    lowers = (
        command.grade < event.grade
        or (event.serious and not graded["serious"])
        or not is_at_least(severity, severity_of(journey, event))
    )
    yield e.AdverseEventRegraded(**graded, proposed=lowers and is_severe(journey, event.id))


def follow_up(journey: Journey, command: c.FollowUpAdverseEvent, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record how an adverse event stands. The time (UTC) of a recovery lies between its onset and now."""
    event = _find_event(journey, command.adverse_event)
    over = command.outcome in ("recovered", "recovered_with_sequelae")
    if over and command.ended_at is None:
        refuse(RefusalCode.INCOMPLETE, "a recovery has a time", "Give the time the patient had recovered", "ended_at")
    if not over and command.ended_at is not None:
        refuse(RefusalCode.CONTRADICTS, "this is no recovery", "Leave the time out, or change the outcome", "ended_at")
    if command.ended_at is not None and not event.report.onset <= command.ended_at <= at:
        refuse(RefusalCode.WRONG_TIME, "this is before its onset, or still to come", "Correct the time", "ended_at")
    yield e.AdverseEventFollowedUp(**command.model_dump(exclude={"kind"}))


def _find_event(journey: Journey, name: str) -> AdverseEvent:
    event = journey.adverse_events.get(name)
    if event is None:
        refuse(RefusalCode.UNKNOWN, "there is no such adverse event", "See `pathway show`", "adverse_event")
    return event


def severity_of_grade(protocol: Protocol, grade: int, serious: bool, because: Sequence[str] = ()) -> Severity:
    """Return how severe an adverse event of this grade is (CTCAE), serious or not, by the protocol. One that is serious
    because of what a grade means is as severe as that grade."""
    rules = protocol.adverse_events
    meant = (SERIOUS.get(reason, UNKNOWN_REASON) for reason in because)
    by_grade = rules.severity_from_grade.of(max([grade, *meant]))
    return worst(by_grade, rules.severity_if_serious) if is_serious(serious, because) else by_grade


def severity_of(journey: Journey, event: AdverseEvent) -> Severity:
    """Return how severe an adverse event is: by its grade, its seriousness, and whether a rule found an emergency
    that no clinician has graded since."""
    graded = severity_of_grade(journey.protocol, event.grade, event.serious, event.serious_because)
    return graded if event.finding is None else worst(graded, Severity.EMERGENCY)


def is_severe(journey: Journey, name: str) -> bool:
    """Whether an adverse event is serious, an emergency, or at least of the grade (CTCAE) from which the protocol
    calls it severe."""
    event = journey.adverse_events[name]
    by_grade = event.grade >= journey.protocol.adverse_events.severe_from_grade
    return event.serious or by_grade or severity_of(journey, event) == Severity.EMERGENCY


def is_reviewed(journey: Journey, name: str) -> bool:
    """Whether an adverse event was reviewed as it is now graded. The review of a severe one counts for any."""
    if journey.adverse_events[name].in_error:
        return True
    asked = REVIEWS[:1] if is_severe(journey, name) else REVIEWS
    return any(is_approved(journey, kind, name) for kind in asked)


def is_followed_up(journey: Journey, event: AdverseEvent) -> bool:
    """Whether the outcome is final. At the end of a pathway it may stay unknown: the patient cannot be asked."""
    return event.outcome in FINAL or (event.outcome == "unknown" and journey.closing is not None)


def react_report(journey: Journey, body: e.AdverseEventReported, at: datetime) -> Iterator[e.EventBody]:
    """Hold care from the protocol's grade on, or if serious, until it is reviewed."""
    yield from _consequences(journey, body.adverse_event)


def react_regrade(journey: Journey, body: e.AdverseEventRegraded, at: datetime) -> Iterator[e.EventBody]:
    """Bring about what the new grade asks for, once it counts. Whoever gave it says that the event happened."""
    yield from _reject_mark(journey, body.adverse_event)
    if not body.proposed:
        yield from _consequences(journey, body.adverse_event)


def react_follow_up(journey: Journey, body: e.AdverseEventFollowedUp, at: datetime) -> Iterator[e.EventBody]:
    """Grade an event that was fatal as a death. Whoever says how one stands that was entered in error says that it
    happened: it counts again, as it was graded."""
    event = journey.adverse_events.get(body.adverse_event)
    if event is None:
        return
    if body.outcome == "fatal" and (event.grade < SERIOUS[DEATH] or event.in_error):
        yield e.AdverseEventRegraded(
            adverse_event=event.id,
            grade=SERIOUS[DEATH],
            serious=True,
            serious_because=(DEATH,),
            reason="its outcome was fatal",
            proposed=False,
        )
    elif event.in_error and body.outcome != "unknown":
        yield e.AdverseEventRegraded(
            adverse_event=event.id,
            grade=event.grade,
            serious=event.serious,
            serious_because=event.serious_because,
            reason="it was followed up after it was marked as entered in error",
            proposed=False,
        )
    elif body.outcome != "unknown":
        yield from _reject_mark(journey, event.id)


def _reject_mark(journey: Journey, name: str) -> Iterator[e.EventBody]:
    """Reject a mark as entered in error that waits for a second person, once somebody says that the event happened:
    they graded it, or said how it stands. Confirmed after that, it would take away what they said."""
    for version, made in journey.unconfirmed.items():
        if made.in_error and (made.about.kind, made.about.subject) == ("adverse-event.reported", name):
            yield e.CorrectionRejected(correction=version, reason="it was graded or followed up after it was marked")


def react_review(journey: Journey, body: e.SignedOff, at: datetime) -> Iterator[e.EventBody]:
    """Let a lower grade count that somebody proposed, once another person has signed the review of it."""
    event = journey.adverse_events.get(body.subject or "") if body.sign_off in REVIEWS else None
    signed = body.decision == "approve" and not body.first_of_two
    if event is not None and event.proposed is not None and signed:
        yield e.AdverseEventRegradingConfirmed(adverse_event=event.id, sign_off=body.request)


def _consequences(journey: Journey, name: str) -> Iterator[e.EventBody]:
    event, rules = journey.adverse_events[name], journey.protocol.adverse_events
    severe = is_severe(journey, name)
    held = any(hold.source == name and hold.severe >= severe for hold in journey.standing_holds)
    if (event.grade >= rules.hold_from_grade or severe) and not held:
        yield place(
            journey,
            "adverse_event",
            f"adverse event of grade {event.grade}{', serious' if event.serious else ''}",
            severe=severe,
            source=name,
        )


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for the review of every adverse event, with an alarm about it while it is urgent, and for its follow-up until
    its outcome is final."""
    for event in journey.adverse_events.values():
        if not is_reviewed(journey, event.id):
            severity = severity_of(journey, event)
            if is_at_least(severity, Severity.URGENT):
                yield require(
                    ALARM,
                    subject=event.id,
                    owner=Role.ON_CALL_CLINICIAN,
                    policy=severity.value,
                    what=f"see to the patient: {name_of(event.id)}",
                    care=False,
                    worsened=event.worsened,
                )
            kind = SignOffKind.SERIOUS_ADVERSE_EVENT if is_severe(journey, event.id) else SignOffKind.ADVERSE_EVENT
            review = sign_off_requirement(journey, kind, event.id)
            if review:
                yield review
        if not (event.in_error or is_followed_up(journey, event)):
            rules = journey.protocol.adverse_events
            days = rules.severe_follow_up_days if is_severe(journey, event.id) else rules.follow_up_days
            yield require(
                ADVERSE_EVENT_OUTCOME,
                subject=event.id,
                owner=Role.CLINICIAN,
                person=journey.clinician,
                what=f"follow up {name_of(event.id)} until its outcome is final",
                due=(event.followed_up_at or event.reported_at) + timedelta(days=days),
                care=False,
            )


DECISIONS: Decisions = {
    c.ReportAdverseEvent: report,
    c.RegradeAdverseEvent: regrade,
    c.FollowUpAdverseEvent: follow_up,
}
REACTIONS: Reactions = {
    e.AdverseEventReported: react_report,
    e.AdverseEventRegraded: react_regrade,
    e.AdverseEventFollowedUp: react_follow_up,
    e.SignedOff: react_review,
}
