"""What is signed of a death."""

from collections.abc import Iterator

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.obligation_types import Outlasts
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import find_entry
from workflows.journey.sign_off_type import Content, SignOffType
from workflows.journey.vocabulary.signed_statement import Meaning
from workflows.journey.vocabulary.stage import Outcome


def _death(journey: Journey, subject: str | None) -> Content:
    death = find_entry(journey, "deaths", subject or "")
    return {"death": None if death is None else death.model_dump(mode="json", exclude={"confirmed", "in_error"})}


def _death_reporter(journey: Journey, subject: str | None) -> tuple[str, ...]:
    death = find_entry(journey, "deaths", subject or "")
    return () if death is None else (death.reported_by,)


def _confirm_death(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    """A pathway that is closed stays as it ended."""
    yield e.DeathConfirmed(death=decided.subject or "", sign_off=decided.request)
    if not journey.closed:
        yield e.PathwayEnding(outcome=Outcome.DECEASED, reason=decided.rationale or decided.meaning)


def _death_correction(journey: Journey, subject: str | None) -> Content:
    death = find_entry(journey, "deaths", subject or "")
    return {"death": None if death is None else death.model_dump(mode="json")}


def _doubter(journey: Journey, subject: str | None) -> tuple[str, ...]:
    """Who said first that the patient lives. Of all others, each may sign: it is their word beside that one."""
    death = find_entry(journey, "deaths", subject or "")
    doubts = {} if death is None else death.doubts
    first = min(doubts, key=lambda person: doubts[person].version, default=None)
    return () if first is None else (first,)


def _correct_death(journey: Journey, decided: e.SignedOff) -> Iterator[e.EventBody]:
    reason = decided.rationale or decided.meaning
    beside = journey.closed and journey.elsewhere.same_medicine_open
    yield e.DeathEnteredInError(
        death=decided.subject or "", sign_off=decided.request, reason=reason, reopens=not beside
    )


TYPES = (
    SignOffType(
        kind=SignOffKind.DEATH,
        request="confirm that the patient died, or that they live",
        meaning=Meaning.DEATH_CONFIRMED,
        content=_death,
        authors=_death_reporter,
        written_by="one",
        approval=_confirm_death,
        reasoned=True,
        urgent=True,
        outlasts=Outlasts.DEATH,
        care=False,
    ),
    SignOffType(
        kind=SignOffKind.DEATH_CORRECTION,
        request="decide whether a patient who counts as dead lives",
        meaning=Meaning.DEATH_CORRECTED,
        content=_death_correction,
        authors=_doubter,
        written_by="one",
        approval=_correct_death,
        reasoned=True,
        urgent=True,
        outlasts=Outlasts.DEATH,
        care=False,
    ),
)
