"""By whom the consents of a journey were given, and who heard that the patient understood, as its events say."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from workflows.journey.aggregate import Journey
from workflows.journey.events import ConsentGiven, ConsentWitnessed, Event, PaperConsentEntered, UnderstandingConfirmed


class GivenConsent(NamedTuple):
    """How the patient gave a consent last: here, or on ``paper``, which one person entered and another witnessed."""

    paper: str | None = None
    entered_by: str | None = None
    witnessed_by: str | None = None


class Heard(NamedTuple):
    """Who last heard (UTC) what was explained in the patient's own words (teach-back), and who interpreted."""

    by: str
    at: datetime
    interpreter: str | None = None


class Informed(NamedTuple):
    """How each consent was given last, by name, and who heard what the patient had understood."""

    given: Mapping[str, GivenConsent] = {}
    heard: Heard | None = None


def trace_consents(journey: Journey, events: Iterable[Event]) -> Informed:
    """Return by whom consents and understanding were recorded, from what was known of a journey. What was entered in
    error says nothing."""
    given, papers, heard = dict[str, GivenConsent](), dict[str, Event](), None
    for event in events:
        if event.version > journey.version or event.version in journey.in_error:
            continue
        match event.body:
            case ConsentGiven(consents=consents):
                given |= dict.fromkeys(consents, GivenConsent())
            case PaperConsentEntered(paper=paper):
                papers[paper] = event
            case ConsentWitnessed(paper=paper) if paper in papers:
                entered = papers[paper]
                assert isinstance(entered.body, PaperConsentEntered)
                signed = GivenConsent(
                    paper=entered.body.document_ref, entered_by=entered.actor_id, witnessed_by=event.actor_id
                )
                given |= dict.fromkeys(entered.body.consents, signed)
            case UnderstandingConfirmed(interpreter=interpreter):
                heard = Heard(event.actor_id, event.at, interpreter)
    return Informed(given, heard)
