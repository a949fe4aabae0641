"""Psychotherapy beside the sessions: part of the plan, and whoever gives it is heard.

Sources: "alongside psychotherapy and other supports rather than used alone", "ongoing mental health support remains an
important part of care" (both source documents).
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.safety.model import ask_support
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.refusals import RefusalCode, refuse


def record(journey: Journey, command: c.RecordTherapy, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a session that was held, or that the patient did not come to. Where they were is said; a concern is heard
    without."""
    if command.held_at > at:
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Record it when it was held", "held_at")
    if command.attended and command.location is None and command.concern == "none":
        refuse(RefusalCode.INCOMPLETE, "where the patient was is not said", "Ask them, and say it", "location")
    yield e.TherapyRecorded(**command.model_dump(exclude={"kind"}))


def react_therapy(journey: Journey, body: e.TherapyRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Ask a clinician about a concern at once, and the coordinator about a patient who did not come."""
    if body.concern != "none":
        yield ask_support(journey, body.concern, "the therapist has a concern")
    elif not body.attended:
        yield ask_support(journey, "routine", "the patient did not come to psychotherapy")


DECISIONS: Decisions = {c.RecordTherapy: record}
REACTIONS: Reactions = {e.TherapyRecorded: react_therapy}
