"""Facts that were entered in error: whether one counts, and what its mark changes.

The event stays in the record as it was, with the status that FHIR calls entered-in-error, by whom and why.
"""

from typing import Any

from workflows.journey.always.corrections.markable import MARKABLE, SAID_YES
from workflows.journey.always.corrections.model import Fact
from workflows.journey.envelopes import Changes, EventBody


def answers_of(fact: Fact) -> tuple[str, ...]:
    """Return which answers of a form a fact gave, whatever they were."""
    return tuple(part for part in fact.parts if not part.startswith(SAID_YES))


def fact_of(body: EventBody) -> Fact:
    """Return what has to be known of an event, so that it can be marked later."""
    kind: str = body.kind  # type: ignore[attr-defined]
    about = MARKABLE.get(kind)
    if about is None:
        return Fact.of_valid(kind=kind, subject=None, parts=())
    subject, parts = about.subject(body), tuple(sorted(about.parts(body)))
    return Fact.of_valid(kind=kind, subject=None if subject is None else str(subject), parts=parts)


def loosens(journey: Any, fact: Fact) -> bool:
    """Whether something may become possible when a fact counts no more."""
    loosening = MARKABLE[fact.kind].loosens
    return loosening if isinstance(loosening, bool) else loosening(journey, fact)


def is_marked(journey: Any, version: int) -> bool:
    """Whether a fact is marked as entered in error, confirmed or not, and nothing has made it count again since."""
    marks = [made for made in journey.corrections.values() if made.version == version and made.in_error]
    if not marks or any(mark.to_confirm for mark in marks):
        return bool(marks)
    fact: Fact = journey.facts[version]
    return not MARKABLE[fact.kind].counts(journey, fact)


def void(journey: Any, version: int) -> Changes:
    """Return what changes in the state of a journey when the fact of this version counts no more."""
    fact: Fact = journey.facts[version]
    return MARKABLE[fact.kind].void(journey, version, fact)
