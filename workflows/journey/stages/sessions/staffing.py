"""Whoever is lost to a session that runs: somebody else is asked for at once.

The rule: from the dose to the end of a session each of its people is there. Whose entry or licence ends, or who turns
out to be the patient, is replaced by somebody, and not noticed when they are called. Source: patients "are not left on
their own", and clinicians remain involved throughout (the second source document).
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import events as e
from workflows.journey.aggregate import Journey, Reactions
from workflows.journey.always.care_team.rules import list_left, people_of
from workflows.journey.always.safety.model import ask_support
from workflows.journey.protocol import Part
from workflows.journey.stages.sessions.state import Session
from workflows.journey.vocabulary.severity import OF_LOST_STAFF
from workflows.journey.vocabulary.words import in_words


def react_lost(journey: Journey, body: e.EventBody, at: datetime) -> Iterator[e.EventBody]:
    """Ask for somebody else in each part of a session that runs whose person is lost, as long as that is not asked. It
    is asked once for each reason; and again where they were back, and are lost anew."""
    leaves = _who(body)
    for session in journey.sessions.values():
        for part, person in _find_lost(journey, session) if session.running else ():
            why = "turns out to be the patient" if journey.is_patient(person) else "may not do it any more"
            what = f"session {session.number} runs, and its {in_words(part)} {why}: {_REMEDY[part]}"
            asked = [support for support in journey.support.values() if support.text == what]
            if not any(support.open for support in asked) and (not asked or person == leaves):
                yield ask_support(journey, OF_LOST_STAFF, what)


def _who(body: e.EventBody) -> str | None:
    """Of whom an event says that they are lost; None where it may be several, or nobody."""
    match body:
        case e.CareTeamLeft():
            return body.person
        case e.PatientMerged():
            return body.other
    return None


_REMEDY = {
    **dict.fromkeys(
        Part, "have somebody else do it to the end, and tell whoever is with the patient how to reach them"
    ),
    Part.OBSERVER: "have an adult stay with the patient until it ends",
}


def _find_lost(journey: Journey, session: Session) -> Iterator[tuple[Part, str]]:
    left = list_left(journey, session)
    for part, person in people_of(session):
        if part in left or journey.is_patient(person):
            yield part, person


REACTIONS: Reactions = dict.fromkeys((e.CareTeamLeft, e.DoseRecorded, e.PatientMerged, e.HistoryTakenIn), react_lost)
