"""The supply at the patient's home: commands, events and state. It counts doses, each as it was prescribed."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions, change_entry
from workflows.journey.stages.sessions.events import SessionCancelled
from workflows.journey.vocabulary.actors import CLINICAL, STAFF, Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Text, Whole
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.stage import Stage

Movement = Literal["dispensed", "found", "returned", "disposed", "lost"]
COUNTING = (Role.PATIENT, Role.OBSERVER, Role.COORDINATOR, Role.SESSION_MONITOR, *CLINICAL)
Doses = Annotated[Whole, Field(ge=1, le=100)]


class MoveSupply(CommandBody):
    """Record doses that were dispensed to the patient, returned, disposed of, lost or found again. Taken ones are
    recorded with `session dose`. A disposal counts once somebody else has witnessed it, where the protocol asks so."""

    kind: Literal["supply.move"] = "supply.move"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = COUNTING
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    movement: Movement
    doses: Doses
    moved_at: Instant
    lot: Identifier | None = None
    document_ref: Identifier | None = None
    note: Text | None = None


class WitnessDisposal(CommandBody):
    """Somebody other than who recorded it saw that doses were disposed of. One of the two is staff."""

    kind: Literal["supply.witness"] = "supply.witness"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.OBSERVER, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    disposal: Identifier


class CountSupply(CommandBody):
    """Record how many doses somebody counted at the patient's home."""

    kind: Literal["supply.count"] = "supply.count"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = COUNTING
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    doses: Annotated[Whole, Field(ge=0, le=1000)]
    counted_at: Instant


class SupplyMoved(EventBody):
    """Doses came or went. ``counts``: whether it counts already, or waits for a witness."""

    kind: Literal["supply.moved"] = "supply.moved"
    supply: Identifier
    movement: Movement
    doses: int
    moved_at: Instant
    lot: Identifier | None = None
    document_ref: Identifier | None = None
    note: Text | None = None
    counts: bool


class DisposalWitnessed(EventBody):
    """A second person saw that these doses were disposed of."""

    kind: Literal["supply.witnessed"] = "supply.witnessed"
    disposal: Identifier
    doses: int


class SupplyCounted(EventBody):
    """Doses that were counted, and how many there should be. ``answers``: not by who cancelled the session after whose
    release the doses are to be counted: that none was taken is no one person's word."""

    kind: Literal["supply.counted"] = "supply.counted"
    doses: int
    expected: int
    counted_at: Instant
    answers: bool = True


class Disposal(ImmutableModel):
    """Doses said to be disposed of, by whom, and whether that was staff. They count as there until it is
    ``witnessed``."""

    id: Identifier
    doses: int
    by: Identifier
    by_staff: bool
    witnessed: bool = False


class SupplyState(PathwayState):
    """The ledger: doses that came (``supply_in``) and went (``supply_out``) besides those that were taken, the lots
    they were of, whether some came without one (``supply_unlabelled``), and the disposals that take a witness."""

    supply_in: int = 0
    supply_out: int = 0
    supply_movements: int = 0
    supply_moved_at: Instant | None = None
    """When doses last came or went (UTC), besides those that were taken."""
    supply_lots: tuple[Identifier, ...] = ()
    supply_unlabelled: bool = False
    disposals: dict[Identifier, Disposal] = {}
    to_count_since: Instant | None = None
    """Since when (UTC) the doses at home are to be counted: a session that had been released was cancelled then."""
    release_cancelled_by: tuple[Identifier, ...] = ()
    """Everybody who cancelled such a session since the last count: somebody else counts."""
    count_made: int | None = None
    """The version of the count that was made since."""


def _moved(state: SupplyState, body: SupplyMoved, event: EventHeader) -> Changes:
    last = body.moved_at if state.supply_moved_at is None else max(body.moved_at, state.supply_moved_at)
    changed: Changes = {"supply_movements": state.supply_movements + 1, "supply_moved_at": last}
    if body.lot is not None:
        changed["supply_lots"] = tuple(dict.fromkeys((*state.supply_lots, body.lot)))
    elif body.movement in ("dispensed", "found"):
        changed["supply_unlabelled"] = True
    if not body.counts:
        staff = event.actor_role in STAFF
        waits = Disposal(id=body.supply, doses=body.doses, by=event.actor_id, by_staff=staff)
        return changed | {"disposals": {**state.disposals, waits.id: waits}}
    if body.movement in ("dispensed", "found"):
        return changed | {"supply_in": state.supply_in + body.doses}
    return changed | {"supply_out": state.supply_out + body.doses}


def _witnessed(state: SupplyState, body: DisposalWitnessed, event: EventHeader) -> Changes:
    seen = change_entry(state, "disposals", body.disposal, witnessed=True)
    return seen | {"supply_out": state.supply_out + body.doses}


def _counted(state: SupplyState, body: SupplyCounted, event: EventHeader) -> Changes:
    """What the patient counts is judged as any count, and clears nothing: somebody else sees the doses."""
    asked = state.to_count_since
    answers = asked is not None and body.counted_at >= asked and body.answers and event.actor_role != Role.PATIENT
    return {"count_made": event.version} if answers else {}


def _cancelled(state: SupplyState, body: SessionCancelled, event: EventHeader) -> Changes:
    if not body.to_count:
        return {}
    before = state.release_cancelled_by if state.count_made is None else ()
    everybody = tuple(dict.fromkeys((*before, event.actor_id)))
    return {"to_count_since": event.at, "release_cancelled_by": everybody, "count_made": None}


EVOLUTIONS: Evolutions = {
    SupplyMoved: _moved,
    DisposalWitnessed: _witnessed,
    SupplyCounted: _counted,
    SessionCancelled: _cancelled,
}
