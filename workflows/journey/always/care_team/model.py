"""The care team: events and state."""

from typing import Literal

from workflows.journey.actors import CareTeamMember
from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.base import Identifier
from workflows.journey.envelopes import Changes, EventBody, EventHeader, Evolutions


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


class CareTeamState(PathwayState):
    """What the register says of the staff who were named, as last looked up: several entries where they have several
    roles. ``strangers_heard``: how often somebody who has no part in the journey reported something."""

    members: tuple[CareTeamMember, ...] = ()
    strangers_heard: int = 0


def with_members(known: tuple[CareTeamMember, ...], found: tuple[CareTeamMember, ...]) -> tuple[CareTeamMember, ...]:
    """Return the members with what was found of some of them now."""
    ids = [member.id for member in found]
    return (*(member for member in known if member.id not in ids), *found)


def _updated(state: CareTeamState, body: CareTeamUpdated, event: EventHeader) -> Changes:
    return {"members": with_members(state.members, body.members)}


def _heard(state: CareTeamState, body: StrangerHeard, event: EventHeader) -> Changes:
    return {"strangers_heard": state.strangers_heard + 1}


EVOLUTIONS: Evolutions = {CareTeamUpdated: _updated, StrangerHeard: _heard}
