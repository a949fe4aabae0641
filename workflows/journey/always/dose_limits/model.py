"""A patient's own dose limits: commands, events and state."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.always.sign_offs.model import SignedOff
from workflows.journey.envelopes import Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.protocol import DoseLimit, Positive, SignOffKind, is_tighter
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.base import Identifier, SortedDict, Text


class SetLimits(CommandBody):
    """Give this patient dose limits of their own. Tighter ones hold at once, and a clinician signs them. Wider ones are
    a clinician's to propose, and hold only when the override is signed."""

    kind: Literal["pathway.set-limits"] = "pathway.set-limits"
    roles: ClassVar[tuple[Role, ...]] = (Role.COORDINATOR, *CLINICAL)
    limits: Annotated[SortedDict[DoseLimit, Positive], Field(min_length=1)]
    reason: Text


class LimitsTightened(EventBody):
    """Limits of this patient's own, tighter than those that held before. They hold from now on."""

    kind: Literal["limits.tightened"] = "limits.tightened"
    limits: SortedDict[DoseLimit, Positive]
    reason: Text


class OverrideProposed(EventBody):
    """Somebody proposed wider limits for this patient. They hold only once the override is signed."""

    kind: Literal["limits.override-proposed"] = "limits.override-proposed"
    limits: SortedDict[DoseLimit, Positive]
    reason: Text


class LimitsOverridden(EventBody):
    """A signed decision made limits wider for this patient; ``sign_off`` is the request it decided. ``elsewhere`` is
    what other journeys of the patient had made of these limits by then: another number there holds."""

    kind: Literal["limits.overridden"] = "limits.overridden"
    limits: SortedDict[DoseLimit, Positive]
    elsewhere: SortedDict[DoseLimit, Positive] = {}
    sign_off: Identifier


class DoseLimitsState(PathwayState):
    """The patient's own limits, tighter than the protocol's; those that were overridden; what is proposed."""

    own_limits: dict[DoseLimit, Positive] = {}
    own_limits_by: Identifier | None = None
    own_limits_reason: Text | None = None
    overridden_limits: dict[DoseLimit, Positive] = {}
    overridden_elsewhere: dict[DoseLimit, Positive] = {}
    """What other journeys had made of the overridden limits when they were overridden."""
    override: OverrideProposed | None = None
    override_by: Identifier | None = None


def _tightened(state: DoseLimitsState, body: LimitsTightened, event: EventHeader) -> Changes:
    return {
        "own_limits": {**state.own_limits, **body.limits},
        "own_limits_by": event.actor_id,
        "own_limits_reason": body.reason,
    }


def _proposed(state: DoseLimitsState, body: OverrideProposed, event: EventHeader) -> Changes:
    return {"override": body, "override_by": event.actor_id}


def _overridden(state: DoseLimitsState, body: LimitsOverridden, event: EventHeader) -> Changes:
    """What was signed holds in place of the tighter limits before it."""
    own = {name: value for name, value in state.own_limits.items() if name not in body.limits}
    others = {name: value for name, value in state.overridden_elsewhere.items() if name not in body.limits}
    return {
        "own_limits": own,
        "overridden_limits": {**state.overridden_limits, **body.limits},
        "overridden_elsewhere": {**others, **body.elsewhere},
        "override": None,
        "override_by": None,
    }


def _decided(state: Any, body: SignedOff, event: EventHeader) -> Changes:
    """Overrides beyond the protocol's numbers were signed for the course. They do not go on into maintenance, which has
    its own; one that is tighter than these is the patient's own limit, and stays."""
    review = body.sign_off == SignOffKind.RESPONSE_REVIEW and not body.first_of_two
    if not review or body.choice != "maintenance":
        return {}
    own = {}
    for name, value in state.overridden_limits.items():
        protocols = state.protocol.limit(name, maintenance=state.maintenance_since is not None)
        if protocols is not None and is_tighter(name, value, protocols):
            own[name] = value
    return {"overridden_limits": own, "overridden_elsewhere": {}}


EVOLUTIONS: Evolutions = {
    LimitsTightened: _tightened,
    OverrideProposed: _proposed,
    LimitsOverridden: _overridden,
    SignedOff: _decided,
}
