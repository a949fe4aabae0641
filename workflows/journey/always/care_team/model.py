"""The care team: events and state."""

from typing import Literal

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.base import Identifier
from workflows.journey.envelopes import Changes, EventBody, EventHeader, Evolutions


class StrangerHeard(EventBody):
    """The command that this goes with came from somebody who has no part in the journey, or is not proven to have one.
    What they reported counts all the same."""

    kind: Literal["care-team.stranger-heard"] = "care-team.stranger-heard"
    command_kind: Identifier


class CareTeamState(PathwayState):
    """``strangers_heard``: how often somebody who has no part in the journey reported something."""

    strangers_heard: int = 0


def _heard(state: CareTeamState, body: StrangerHeard, event: EventHeader) -> Changes:
    return {"strangers_heard": state.strangers_heard + 1}


EVOLUTIONS: Evolutions = {StrangerHeard: _heard}
