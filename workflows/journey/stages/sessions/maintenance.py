"""Since when a patient is in maintenance: as long as the review that decided on it counts.

The rule: what rests on a decision falls with it. A review counts no more once answers that it rested on were entered in
error, or who signed it turns out to be the patient. It is owed anew then; decided for maintenance again, that goes on
from when it began.
"""

from datetime import datetime
from typing import Any

from workflows.journey.always.corrections.model import CorrectionMade
from workflows.journey.always.sign_offs.model import SignOff
from workflows.journey.instruments import Instrument, definition_of
from workflows.journey.protocol import SignOffKind

MAINTENANCE = "maintenance"


def changes_scores(made: CorrectionMade, version: int, decided: int) -> bool:
    """Whether scores that were known when a response was reviewed are others since, or count no more. A review shows
    those alone that say how the patient responds: by others, such as a C-SSRS, nothing is there to be decided anew."""
    if made.about.kind != "instrument.recorded" or not definition_of(Instrument(made.about.parts[0])).compared:
        return False
    counts_since = made.confirmed or 0 if made.in_error else version
    return made.version < decided < counts_since


def find_maintenance(state: Any) -> datetime | None:
    """Return since when (UTC) maintenance goes on, by the reviews that count; None where none decides on it."""
    standing = [review.subject for review in list_for_maintenance(state) if counts(state, review)]
    began = (s.at for s in list_reviews(state) if s.choice == MAINTENANCE and s.subject in standing)
    return min(began, default=None)


def list_for_maintenance(state: Any) -> tuple[SignOff, ...]:
    """Return the reviews that decided on maintenance, where no later one of the same subject decided otherwise."""
    return tuple(s for s in {s.subject: s for s in list_reviews(state)}.values() if s.choice == MAINTENANCE)


def list_reviews(state: Any) -> tuple[SignOff, ...]:
    """Return the response reviews that were decided, by as many as it takes, oldest first."""
    return tuple(
        s
        for s in state.sign_offs
        if s.kind == SignOffKind.RESPONSE_REVIEW and s.decision == "approve" and not s.first_of_two
    )


def counts(state: Any, review: SignOff) -> bool:
    """Whether a review that was decided counts: nobody who signed it is the patient, and none of the answers that were
    known then turned out to be entered in error."""
    signed = [s for s in state.sign_offs if (s.kind, s.subject) == (review.kind, review.subject)]
    last = signed.index(review)
    both = signed[max(0, last - 1) : last + 1] if last and signed[last - 1].first_of_two else [review]
    in_error = (
        made.in_error and changes_scores(made, version, review.version) for version, made in state.corrections.items()
    )
    return not any(state.is_patient(s.by) for s in both) and not any(in_error)
