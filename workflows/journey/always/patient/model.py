"""The patient beyond this journey: commands, events and state."""

from typing import ClassVar, Literal
from uuid import UUID

from workflows.journey.actors import Role
from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.base import ImmutableModel, Short
from workflows.journey.calendars import Instant
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.stage import Stage
from workflows.journey.vocabulary import KnownDose


class ReleasedSession(ImmutableModel):
    """A session of another journey that was released (UTC), and of which no dose is recorded. ``open``: its journey
    is, so that the dose may still be taken. ``source`` tells nobody the journey."""

    source: UUID
    released_at: Instant
    open: bool


class KnownRisk(ImmutableModel):
    """A risk of the patient that another journey found, since when (UTC). ``what`` is the code or the level of it, and
    never its text. ``open``: it was not settled there. ``source`` tells nobody the journey."""

    source: UUID
    type: Literal["hold", "crisis", "adverse_event", "exclusion", "ending"]
    what: Short
    since: Instant
    open: bool


class Elsewhere(ImmutableModel):
    """What the other journeys of the patient say, at any clinic of the record: doses, sessions that may become one,
    risks, whether one of them with the same medicine is open, and whether one cannot be read. It names no clinic and no
    journey."""

    doses: tuple[KnownDose, ...] = ()
    released: tuple[ReleasedSession, ...] = ()
    risks: tuple[KnownRisk, ...] = ()
    same_medicine_open: bool = False
    unreadable: bool = False


class TakeInHistory(CommandBody):
    """Take in what the patient's other journeys say, true up to a ``position`` of the record. Sent by who reads it."""

    kind: Literal["clock.take-in"] = "clock.take-in"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.SYSTEM,)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    elsewhere: Elsewhere
    position: int


class HistoryTakenIn(EventBody):
    """All that the patient's other journeys said up to a ``position`` of the record. This journey rests on it from here
    on. ``unsettled`` are the sources of the open risks that it did not know before."""

    kind: Literal["history.taken-in"] = "history.taken-in"
    elsewhere: Elsewhere
    position: int
    unsettled: tuple[UUID, ...] = ()


class PatientState(PathwayState):
    """What the patient's other journeys say, as last taken in."""

    elsewhere: Elsewhere = Elsewhere()


def _taken_in(state: PatientState, body: HistoryTakenIn, event: EventHeader) -> Changes:
    return {"elsewhere": body.elsewhere}


EVOLUTIONS: Evolutions = {
    HistoryTakenIn: _taken_in,
}
