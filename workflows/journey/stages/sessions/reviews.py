"""Response reviews: what a clinician must look at and sign before care goes on."""

from collections.abc import Iterator

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.protocol import SignOffKind
from workflows.journey.stage import Stage
from workflows.journey.stages.follow_up.trends import worsened


def reviews_owed(journey: Journey) -> tuple[str, ...]:
    """Return the subjects of the response reviews that must come before anything further."""
    decided = [
        s.subject
        for s in journey.sign_offs
        if s.kind == SignOffKind.RESPONSE_REVIEW and s.decision == "approve" and not s.first_of_two
    ]
    return tuple(subject for subject in (*_sessions(journey), *_contacts(journey)) if subject not in decided)


def _sessions(journey: Journey) -> Iterator[str]:
    """The last session, if the protocol asks for a review after it."""
    ended = journey.ended_sessions
    if journey.stage != Stage.SESSIONS or not ended or journey.plan is None:
        return
    number, after = ended[-1].number, journey.protocol.reviews.after_session
    last = number >= journey.plan.planned_sessions and journey.plan_owed_since is None
    if number in after or (last and "last" in after):
        yield f"session-{number}"


def _contacts(journey: Journey) -> Iterator[str]:
    """Every visit that found what the protocol has reviewed, such as worsening, and every contact at which the
    patient's own ratings alert."""
    alerting, reviewed = worsened(journey), journey.protocol.follow_up.outcomes_to_review
    for contact in journey.contacts.values():
        found = contact.record
        if contact.id in alerting or (isinstance(found, e.VisitRecorded) and found.outcome in reviewed):
            yield contact.id
