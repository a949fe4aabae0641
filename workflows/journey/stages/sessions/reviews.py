"""Response reviews: what a clinician must look at and sign before care goes on."""

from collections.abc import Iterator

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.sign_offs.model import SignOff
from workflows.journey.entries import put_all
from workflows.journey.evidence import is_approved
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import recalled
from workflows.journey.stages.follow_up.trends import contacts_with_record, find_worsened
from workflows.journey.stages.sessions.maintenance import changes_scores, counts, list_for_maintenance, list_reviews
from workflows.journey.vocabulary.stage import Stage


def is_looked_at_in_maintenance(journey: Journey, number: int) -> bool:
    """Whether a session of maintenance is one of those before which questionnaires are filled in, and after which a
    clinician sees the patient and the response is reviewed. Sources: "ongoing monitoring helps guide next steps";
    changes show "over a longer period" (both source documents)."""
    session, since = journey.sessions.get(number), journey.maintenance_since
    if since is None or number % journey.protocol.maintenance.review_every_sessions:
        return False
    return session is None or session.dosed_at is None or session.dosed_at >= since


@recalled
def reviews_owed(journey: Journey) -> tuple[str, ...]:
    """Return the subjects of the response reviews that must come before anything further."""
    return tuple(
        subject
        for subject in dict.fromkeys((*_sessions(journey), *_contacts(journey), *_list_fallen(journey)))
        if not _is_reviewed(journey, subject)
    )


def _list_fallen(journey: Journey) -> Iterator[str]:
    """What was decided for maintenance by a review that counts no more, where no other one does."""
    if journey.maintenance_since is None and journey.stage in (Stage.SESSIONS, Stage.FOLLOW_UP):
        yield from (review.subject for review in list_for_maintenance(journey) if review.subject is not None)


def _is_reviewed(journey: Journey, subject: str) -> bool:
    """Whether a review was decided. What is recorded of a contact after that, or corrected of it, takes another one,
    unless it is the same; so does a correction of answers that it rests on."""
    decided, contact = _last_reviews(journey).get(subject), journey.contacts.get(subject)
    if decided is None or not counts(journey, decided):
        return False
    if any(changes_scores(made, version, decided.version) for version, made in journey.corrections.items()):
        return False
    if contact is None or contact.done_at is None:
        return True
    corrected = any(
        version > decided.version and made.about.subject == subject and not made.in_error
        for version, made in journey.corrections.items()
    )
    if contact.done_at <= decided.at and not corrected:
        return True
    return is_approved(journey, SignOffKind.RESPONSE_REVIEW, subject)


@recalled
def _last_reviews(journey: Journey) -> dict[str | None, SignOff]:
    """The last review of each subject."""
    return {s.subject: s for s in list_reviews(journey)}


@recalled
def _last_ended(journey: Journey) -> int:
    """The number of the last session that is over; 0 if none is."""
    return max((session.number for session in journey.ended_sessions), default=0)


def _sessions(journey: Journey) -> Iterator[str]:
    """The last session, if the protocol asks for a review after it. In follow-up only one that was decided: that the
    sessions are over may rest on answers that count no more."""
    number = _last_ended(journey)
    followed_up = journey.stage == Stage.FOLLOW_UP and f"session-{number}" in _last_reviews(journey)
    if not (journey.stage == Stage.SESSIONS or followed_up) or not number or journey.plan is None:
        return
    after = journey.protocol.reviews.after_session
    last = number >= journey.plan.planned_sessions and journey.plan_owed_since is None
    if number in after or (last and "last" in after) or is_looked_at_in_maintenance(journey, number):
        yield f"session-{number}"


@recalled
def _contacts(journey: Journey) -> tuple[str, ...]:
    """Every contact to review, also by all that was recorded of it before corrections that wait for a second person."""
    found = _find_to_review(journey)
    corrected = {name: contact for name, contact in journey.contacts.items() if contact.told_before}
    # As told at first, then as told next: what was corrected less often as it was told last.
    for times in range(1, 1 + max((len(contact.told_before) for contact in corrected.values()), default=0)):
        before = {
            name: contact.model_copy(update={"record": contact.told_before[:times][-1]})
            for name, contact in corrected.items()
        }
        found += _find_to_review(journey.model_copy(update={"contacts": put_all(journey.contacts, before)}))
    return tuple(dict.fromkeys(found))


def _find_to_review(journey: Journey) -> tuple[str, ...]:
    """Every visit that found what the protocol has reviewed, such as worsening, and every contact at which the
    patient's own ratings alert."""
    alerting, reviewed = find_worsened(journey), journey.protocol.follow_up.outcomes_to_review
    return tuple(
        contact.id
        for contact in contacts_with_record(journey)
        if contact.id in alerting
        or (isinstance(contact.record, e.VisitRecorded) and contact.record.outcome in reviewed)
    )
