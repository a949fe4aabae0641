"""Psychotherapy beside the sessions: commands, events and state."""

from typing import ClassVar, Literal

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import Flag, Identifier, ImmutableModel, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import Location
from workflows.journey.vocabulary.stage import Stage


class RecordTherapy(CommandBody):
    """Record a session of psychotherapy, and where the patient was, or that they did not come. A concern asks for
    support at once."""

    kind: Literal["therapy.record"] = "therapy.record"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.THERAPIST, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    held_at: Instant
    approach: Identifier
    attended: Flag
    summary: Text
    concern: Literal["none", "clinical", "urgent"] = "none"
    location: Location | None = None


class TherapyRecorded(EventBody):
    """A session of psychotherapy, as whoever gives it recorded it."""

    kind: Literal["therapy.recorded"] = "therapy.recorded"
    safety: ClassVar[bool] = True
    held_at: Instant
    approach: Identifier
    attended: bool
    summary: Text
    concern: Literal["none", "clinical", "urgent"]
    location: Location | None = None


class TherapySession(ImmutableModel):
    """One session of psychotherapy: when (UTC), with whom, how, and whether the patient came; and the version of the
    event."""

    held_at: Instant
    therapist: Identifier
    approach: Identifier
    attended: bool
    version: int = 0


class TherapyState(PathwayState):
    """The sessions of psychotherapy, in the order in which they were recorded."""

    therapy: tuple[TherapySession, ...] = ()


def _recorded(state: TherapyState, body: TherapyRecorded, event: EventHeader) -> Changes:
    session = TherapySession(
        held_at=body.held_at,
        therapist=event.actor_id,
        approach=body.approach,
        attended=body.attended,
        version=event.version,
    )
    return {"therapy": (*state.therapy, session)}


EVOLUTIONS: Evolutions = {TherapyRecorded: _recorded}
