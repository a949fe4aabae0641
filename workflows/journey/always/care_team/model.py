"""The care team: events and state."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import ClassVar, Literal

from workflows.journey.always.pathway.model import PathwayCovered, PathwayReassigned, PathwayState
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.vocabulary.actors import CareTeamMember, Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.stage import Stage


class TakeInStaff(CommandBody):
    """Take in what the organisation's register says now of the people whose tasks are here. Sent by who reads it."""

    kind: Literal["clock.take-in-staff"] = "clock.take-in-staff"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.SYSTEM,)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    members: tuple[CareTeamMember, ...]


class StrangerHeard(EventBody):
    """The command that this goes with came from somebody who has no part in the journey, or is not proven to have one.
    What they reported counts all the same."""

    kind: Literal["care-team.stranger-heard"] = "care-team.stranger-heard"
    command_kind: Identifier


class CareTeamUpdated(EventBody):
    """What the organisation's register says, at that time, of staff who were named. It replaces what it said of them
    before. Without members, what was known of somebody has begun or ended: whose tasks are whose follows from it."""

    kind: Literal["care-team.updated"] = "care-team.updated"
    members: tuple[CareTeamMember, ...]


class CareTeamLeft(EventBody):
    """Somebody whose tasks are here works for the clinic in no role any more that permits them, or is the patient: the
    tasks of ``owner`` are this role's now, or of whom they stood in for. With one of ``roles`` they may have them."""

    kind: Literal["care-team.left"] = "care-team.left"
    person: Identifier
    owner: Role
    roles: tuple[Role, ...] = ()


class Left(ImmutableModel):
    """Whose tasks of a role are this role's now, and with which roles they may have them again."""

    person: Identifier
    owner: Role
    roles: tuple[Role, ...] = ()


class CareTeamState(PathwayState):
    """What the register says of the staff who were named, as last looked up: several entries where they have several
    roles, and when (UTC) their entries were last looked at. ``left``: whose tasks are a role's now.
    ``strangers_heard``: how often somebody who has no part in the journey reported something."""

    members: tuple[CareTeamMember, ...] = ()
    looked_at: Instant | None = None
    left: tuple[Left, ...] = ()
    strangers_heard: int = 0

    def has_left(self, person: str, owner: Role) -> bool:
        """Whether somebody's tasks of a role are the role's now."""
        return any((each.person, each.owner) == (person, owner) for each in self.left)


def with_members(known: tuple[CareTeamMember, ...], found: tuple[CareTeamMember, ...]) -> tuple[CareTeamMember, ...]:
    """Return the members with what was found of some of them now."""
    ids = [member.id for member in found]
    return (*(member for member in known if member.id not in ids), *found)


def _updated(state: CareTeamState, body: CareTeamUpdated, event: EventHeader) -> Changes:
    members = with_members(state.members, body.members)
    away = tuple(left for left in state.left if not is_fit(members, left.person, left.roles, state.clinic, event.at))
    return {"members": members, "left": away, "looked_at": event.at}


def is_fit(members: Iterable[CareTeamMember], person: str, roles: Collection[Role], clinic: str, at: datetime) -> bool:
    """Whether somebody works for a clinic at a moment (UTC) in one of these roles, by these entries of the register."""
    return any(m.id == person and m.role in roles and m.works_at(clinic, at) for m in members)


def _left(state: CareTeamState, body: CareTeamLeft, event: EventHeader) -> Changes:
    return {"left": (*state.left, Left(person=body.person, owner=body.owner, roles=body.roles))}


def _back(state: CareTeamState, person: str, owner: Role) -> Changes:
    return {"left": tuple(each for each in state.left if (each.person, each.owner) != (person, owner))}


def _reassigned(state: CareTeamState, body: PathwayReassigned, event: EventHeader) -> Changes:
    return _back(state, body.to, Role.COORDINATOR if body.duty == "coordinator" else Role.CLINICIAN)


def _covered(state: CareTeamState, body: PathwayCovered, event: EventHeader) -> Changes:
    return _back(state, body.by, Role.CLINICIAN)


def _heard(state: CareTeamState, body: StrangerHeard, event: EventHeader) -> Changes:
    return {"strangers_heard": state.strangers_heard + 1}


EVOLUTIONS: Evolutions = {
    CareTeamUpdated: _updated,
    CareTeamLeft: _left,
    PathwayReassigned: _reassigned,
    PathwayCovered: _covered,
    StrangerHeard: _heard,
}
