"""Emergency access from outside the journey's clinic: commands, events and state."""

from typing import ClassVar, Literal

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.entries import Entries, put
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions, change_entry
from workflows.journey.vocabulary.actors import STAFF_ROLES, Role
from workflows.journey.vocabulary.base import Flag, Identifier, ImmutableModel, Text
from workflows.journey.vocabulary.stage import Stage


class BreakGlass(CommandBody):
    """Look at a journey of another clinic in an emergency, for a limited time. It needs a reason and is reviewed
    (45 CFR 164.312(a)(2)(ii), emergency access)."""

    kind: Literal["access.break-glass"] = "access.break-glass"
    by_anybody: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = STAFF_ROLES
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    licensed: ClassVar[bool] = False
    reason: Text


class ReviewAccess(CommandBody):
    """Say whether an emergency access was justified. The protocol says who reviews it; never the person who looked."""

    kind: Literal["access.review"] = "access.review"
    roles: ClassVar[tuple[Role, ...]] = STAFF_ROLES
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    licensed: ClassVar[bool] = False
    access: Identifier
    justified: Flag
    text: Text


class GlassBroken(EventBody):
    """Somebody from outside the clinic looks at the journey, in an emergency."""

    kind: Literal["access.glass-broken"] = "access.glass-broken"
    opens: ClassVar = ("access", "accesses")
    access: Identifier
    reason: Text


class AccessReviewed(EventBody):
    """Somebody else said whether the access was justified, and why."""

    kind: Literal["access.reviewed"] = "access.reviewed"
    access: Identifier
    justified: bool
    text: Text


class Access(ImmutableModel):
    """An access from outside the clinic, in an emergency, and whether it was found justified; None: not reviewed."""

    id: Identifier
    by: Identifier
    role: Role
    justified: bool | None = None


class AccessState(PathwayState):
    """Every access from outside the clinic, by its id."""

    accesses: Entries[Identifier, Access] = Entries()


def _broken(state: AccessState, body: GlassBroken, event: EventHeader) -> Changes:
    access = Access(id=body.access, by=event.actor_id, role=event.actor_role)
    return {"accesses": put(state.accesses, access.id, access)}


def _reviewed(state: AccessState, body: AccessReviewed, event: EventHeader) -> Changes:
    return change_entry(state, "accesses", body.access, justified=body.justified)


EVOLUTIONS: Evolutions = {GlassBroken: _broken, AccessReviewed: _reviewed}
