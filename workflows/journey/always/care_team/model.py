"""The care team: events and state."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workflows.journey.actors import CareTeamMember, Role
from workflows.journey.always.pathway.model import PathwayCovered, PathwayReassigned, PathwayState
from workflows.journey.base import Identifier
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.stage import Stage


class TakeInStaff(CommandBody):
    """Take in what the organisation's register says now of the people whose tasks are here. Sent by who reads it."""

    kind: Literal["clock.take-in-staff"] = "clock.take-in-staff"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.SYSTEM,)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    members: Annotated[tuple[CareTeamMember, ...], Field(max_length=20)]


class StrangerHeard(EventBody):
    """The command that this goes with came from somebody who has no part in the journey, or is not proven to have one.
    What they reported counts all the same."""

    kind: Literal["care-team.stranger-heard"] = "care-team.stranger-heard"
    command_kind: Identifier


class CareTeamUpdated(EventBody):
    """What the organisation's register said, at that time, of staff who were named. It replaces what it said of them
    before."""

    kind: Literal["care-team.updated"] = "care-team.updated"
    members: tuple[CareTeamMember, ...]


class CareTeamLeft(EventBody):
    """Somebody whose tasks are here works for the clinic no more, or is the patient: the tasks are their role's now, or
    those of whom somebody stood in for."""

    kind: Literal["care-team.left"] = "care-team.left"
    person: Identifier


class CareTeamState(PathwayState):
    """What the register says of the staff who were named, as last looked up: several entries where they have several
    roles. ``left``: whose tasks are their role's now. ``strangers_heard``: how often somebody who has no part in the
    journey reported something."""

    members: tuple[CareTeamMember, ...] = ()
    left: tuple[Identifier, ...] = ()
    strangers_heard: int = 0


def with_members(known: tuple[CareTeamMember, ...], found: tuple[CareTeamMember, ...]) -> tuple[CareTeamMember, ...]:
    """Return the members with what was found of some of them now."""
    ids = [member.id for member in found]
    return (*(member for member in known if member.id not in ids), *found)


def _updated(state: CareTeamState, body: CareTeamUpdated, event: EventHeader) -> Changes:
    return {"members": with_members(state.members, body.members)} | _back(
        state, *(member.id for member in body.members if member.works_at(state.clinic, event.at))
    )


def _back(state: CareTeamState, *people: str) -> Changes:
    return {"left": tuple(person for person in state.left if person not in people)}


def _left(state: CareTeamState, body: CareTeamLeft, event: EventHeader) -> Changes:
    return {"left": (*state.left, body.person)}


def _reassigned(state: CareTeamState, body: PathwayReassigned, event: EventHeader) -> Changes:
    return _back(state, body.to)


def _covered(state: CareTeamState, body: PathwayCovered, event: EventHeader) -> Changes:
    return _back(state, body.by)


def _heard(state: CareTeamState, body: StrangerHeard, event: EventHeader) -> Changes:
    return {"strangers_heard": state.strangers_heard + 1}


EVOLUTIONS: Evolutions = {
    CareTeamUpdated: _updated,
    CareTeamLeft: _left,
    PathwayReassigned: _reassigned,
    PathwayCovered: _covered,
    StrangerHeard: _heard,
}
