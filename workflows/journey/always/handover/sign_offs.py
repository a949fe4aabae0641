"""What is signed of the handover of what is still watched."""

from collections.abc import Iterator

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.obligation_types import Outlasts
from workflows.journey.protocol import SignOffKind
from workflows.journey.sign_off_type import Content, SignOffType
from workflows.journey.vocabulary.signed_statement import Meaning
from workflows.journey.watch import cancellation, contacts_watched, hand_over, sessions_watched


def _handover(journey: Journey, subject: str | None) -> Content:
    """Also what has happened at all: whatever was told since takes a new decision."""
    proposal = journey.handover
    return {
        "happened": journey.happened.model_dump(mode="json"),
        "proposal": None if proposal is None else proposal.model_dump(mode="json"),
        "contacts": [contact.model_dump(mode="json") for contact in contacts_watched(journey)],
        "sessions": [session.model_dump(mode="json") for session in sessions_watched(journey)],
    }


def _handover_author(journey: Journey, subject: str | None) -> tuple[str, ...]:
    return () if journey.handover_author is None else (journey.handover_author,)


def _hand_over(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    if journey.handover is None:
        return
    receiver = journey.handover.receiver.called
    for session in sessions_watched(journey):
        if session.dosed_at is None:
            yield from cancellation(journey, session, f"handed over to {receiver}"[:4000], journey.handover_author)
        else:
            decision = f"handed over to {receiver}: {journey.handover.reason}"[:4000]
            yield e.SessionEnded(session=session.number, criteria={}, clinician_decision=decision)
    yield hand_over(contacts_watched(journey), receiver, decided.request)


TYPES = (
    SignOffType(
        kind=SignOffKind.HANDOVER,
        request="sign the handover of what is still watched",
        meaning=Meaning.WATCH_HANDED_OVER,
        content=_handover,
        authors=_handover_author,
        written_by="one",
        returns_to_author=True,
        approval=_hand_over,
        reasoned=True,
        opens_care=True,
        urgent=True,
        outlasts=Outlasts.ENDING,
        care=False,
    ),
)
