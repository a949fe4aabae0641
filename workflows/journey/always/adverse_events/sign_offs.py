"""What is signed of adverse events."""

from typing import Any

from workflows.journey.aggregate import Journey
from workflows.journey.obligation_types import Outlasts
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import find_entry
from workflows.journey.sign_off_type import Content, SignOffType
from workflows.journey.vocabulary.signed_statement import Meaning

NOT_GRADED: dict[str, Any] = {
    "follow_ups": True,
    "followed_up_at": True,
    "gradings": {"__all__": {"confirmed_by": True}},
}
"""What of an adverse event a review does not cover."""


def _adverse_event(journey: Journey, subject: str | None) -> Content:
    """The report and every grading. How it went on is not part of it: a review stands while it is followed up."""
    event = find_entry(journey, "adverse_events", subject or "")
    return {"adverse_event": None if event is None else event.model_dump(mode="json", exclude=NOT_GRADED)}


def _reporter(journey: Journey, subject: str | None) -> tuple[str, ...]:
    event = find_entry(journey, "adverse_events", subject or "")
    return () if event is None else (event.author,)


TYPES = (
    SignOffType(
        kind=SignOffKind.ADVERSE_EVENT,
        request="review {name}",
        meaning=Meaning.AE_REVIEWED,
        content=_adverse_event,
        authors=_reporter,
        written_by="one",
        declining="asks_again",
        outlasts=Outlasts.DEATH,
        care=False,
    ),
    SignOffType(
        kind=SignOffKind.SERIOUS_ADVERSE_EVENT,
        request="review {name}",
        meaning=Meaning.AE_REVIEWED,
        content=_adverse_event,
        authors=_reporter,
        written_by="one",
        declining="asks_again",
        urgent=True,
        outlasts=Outlasts.DEATH,
        care=False,
    ),
)
