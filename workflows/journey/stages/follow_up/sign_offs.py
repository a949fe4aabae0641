"""What is signed of the follow-up."""

from collections.abc import Iterator

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import find_entry
from workflows.journey.sign_off_type import Content, Effect, SignOffType
from workflows.journey.stages.evaluation.sign_offs import dump_response
from workflows.journey.vocabulary.signed_statement import Meaning
from workflows.journey.vocabulary.stage import Outcome
from workflows.journey.watch import contacts_watched, hand_over


def _lost(journey: Journey, subject: str | None) -> Content:
    """Also what has happened at all: who was heard from since is not lost by a decision that did not know of it."""
    contact = find_entry(journey, "contacts", subject or "")
    return {
        "contact": None if contact is None else contact.model_dump(mode="json"),
        "happened": journey.happened.model_dump(mode="json"),
        "heard_from_at": None if journey.heard_from_at is None else journey.heard_from_at.isoformat(),
        "handover": None if journey.handover is None else journey.handover.model_dump(mode="json"),
    }


def _end_as_lost(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    """End the pathway. The contacts after a dose for which the patient was sought in vain go to who agreed to take
    over."""
    sought = [w.subject for w in journey.waiting.values() if w.taken and w.subject is not None]
    given_up = tuple(k for k in contacts_watched(journey) if k.id in sought)
    yield e.PathwayEnding(
        outcome=Outcome.LOST_TO_FOLLOW_UP, reason=decided.rationale or decided.meaning, referral=decided.referral
    )
    if given_up and journey.handover is not None:
        yield hand_over(given_up, journey.handover.receiver.called, decided.request)


def _handover_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    """Who proposed who takes over: what is given up goes to them by this signature."""
    return () if journey.handover is None or journey.handover_author is None else (journey.handover_author,)


def _discharge(journey: Journey, subject: str | None) -> Content:
    """Also what has happened at all: whatever was told since takes a new decision."""
    proposal = journey.discharge
    return {
        "proposal": None if proposal is None else proposal.model_dump(mode="json"),
        "sessions": len(journey.ended_sessions),
        "happened": journey.happened.model_dump(mode="json"),
        **dump_response(journey),
        "visits": [
            c.model_dump(mode="json") for c in journey.contacts.values() if c.type == "follow_up_visit" and c.record
        ],
    }


def _discharge_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return () if journey.discharge_author is None else (journey.discharge_author,)


def _ends_as(outcome: Outcome) -> Effect:
    def end(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
        yield e.PathwayEnding(outcome=outcome, reason=decided.rationale or decided.meaning)

    return end


TYPES = (
    SignOffType(
        kind=SignOffKind.LOST_TO_FOLLOW_UP,
        request="decide whether the patient is lost to follow-up",
        meaning=Meaning.DISCHARGE_APPROVED,
        content=_lost,
        authors=_handover_author,
        written_by="one",
        approval=_end_as_lost,
        declining="asks_again",
        reasoned=True,
        opens_care=True,
        care=False,
    ),
    SignOffType(
        kind=SignOffKind.DISCHARGE,
        request="sign the discharge",
        meaning=Meaning.DISCHARGE_APPROVED,
        content=_discharge,
        authors=_discharge_author,
        written_by="one",
        returns_to_author=True,
        approval=_ends_as(Outcome.COMPLETED),
        reasoned=True,
        opens_care=True,
        care=False,
    ),
)
