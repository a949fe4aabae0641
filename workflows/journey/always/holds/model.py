"""Holds: commands, events and state."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal
from uuid import UUID

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.entries import Entries, find, put
from workflows.journey.envelopes import Changes, CommandBody, EventBody, EventHeader, Evolutions, change_entry
from workflows.journey.vocabulary.actors import ANYONE, Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.refusals import list_some
from workflows.journey.vocabulary.words import in_words, name_of

RISK_CAUSES = ("item_9", "suicide_risk")
"""Causes of holds that only a decision on suicide risk releases."""
OF_HARM = (*RISK_CAUSES, "adverse_event", "session_alert", "kept_report")
"""Causes of holds that are placed because of harm, or because nobody knows yet whether there is any."""
HISTORY, LIMITS, PARTED = "patient_history", "patient_limits", "patients_parted"
"""The causes of holds that come from other journeys. They are no risk of their own."""
ACTED_BY_PATIENT = "acted_by_patient"
"""The cause of the hold for what somebody did who turns out to be the patient."""
SUPPLY = "supply"
"""The cause of the hold for doses that are not accounted for."""
HOLDS_NAMED = 3
"""How many holds a sentence names. Each obligation that pauses has one."""


class PlaceHold(CommandBody):
    """Hold a journey. Nothing progresses until a clinician signs its release; safety goes on. ``together`` is the
    request that holds several journeys at once, for one reason."""

    kind: Literal["pathway.hold"] = "pathway.hold"
    by_anybody: ClassVar[bool] = True
    by_hand: ClassVar[bool] = True
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = ANYONE
    reason: Text
    together: UUID | None = None


class HoldPlaced(EventBody):
    """Care stops. ``source`` names the fact it came from, ``together`` the request that held several journeys. A severe
    hold is released by the sign-off for severe holds."""

    kind: Literal["hold.placed"] = "hold.placed"
    safety: ClassVar[bool] = True
    opens: ClassVar = ("hold", "holds")
    hold: Identifier
    cause: Identifier
    severe: bool
    source: Identifier | None = None
    reason: Text
    together: UUID | None = None


class HoldReleased(EventBody):
    """A signed decision let care go on; ``sign_off`` is the request it decided."""

    kind: Literal["hold.released"] = "hold.released"
    safety: ClassVar[bool] = True
    hold: Identifier
    sign_off: Identifier


class Hold(ImmutableModel):
    """One stop of care: why, from which fact (``source``) or by which request that held several journeys
    (``together``), by whom and when (UTC), and whether it was released."""

    id: Identifier
    cause: Identifier
    severe: bool
    source: Identifier | None = None
    reason: Text
    together: UUID | None = None
    placed_by: Identifier
    placed_at: Instant
    version: int
    released: bool = False


def _standing(holds: Mapping[str, Hold]) -> tuple[Hold, ...]:
    return tuple(hold for hold in holds.values() if not hold.released)


class HoldsState(PathwayState):
    """Every hold there was, by its id."""

    holds: Entries[Identifier, Hold] = Entries()

    @property
    def held_for_risk(self) -> bool:
        """Whether care is held because of suicide risk."""
        return any(hold.cause in RISK_CAUSES for hold in self.standing_holds)

    @property
    def held(self) -> bool:
        """Whether any hold stops care now."""
        return any(True for _ in self.standing_holds)

    def held_for(self, cause: str) -> bool:
        """Whether a hold of this cause stops care now."""
        return any(hold.cause == cause for hold in self.standing_holds)

    @property
    def standing_holds(self) -> Iterator[Hold]:
        """The holds that are not released, in their order."""
        return find(self.holds, _standing)


def name_hold(hold: Hold) -> str:
    """Name a hold as people say it: "hold 1 (missed deadline)"."""
    return f"{name_of(hold.id)} ({in_words(hold.cause)})"


def name_holds(state: HoldsState) -> str:
    """Name the holds that stop care now, or the first of them and how many more there are."""
    return list_some([name_hold(hold) for hold in state.standing_holds], ", ", most=HOLDS_NAMED)


def place(state: HoldsState, cause: str, reason: str, *, severe: bool = False, source: str | None = None) -> HoldPlaced:
    """Return a new hold. Any stage may place one. A severe one needs the sign-off for severe holds."""
    return HoldPlaced(hold=f"hold-{len(state.holds) + 1}", cause=cause, severe=severe, source=source, reason=reason)


def _placed(state: HoldsState, body: HoldPlaced, event: EventHeader) -> Changes:
    hold = Hold(
        id=body.hold,
        cause=body.cause,
        severe=body.severe,
        source=body.source,
        reason=body.reason,
        together=body.together,
        placed_by=event.actor_id,
        placed_at=event.at,
        version=event.version,
    )
    return {"holds": put(state.holds, hold.id, hold)}


def _released(state: HoldsState, body: HoldReleased, event: EventHeader) -> Changes:
    return change_entry(state, "holds", body.hold, released=True)


EVOLUTIONS: Evolutions = {HoldPlaced: _placed, HoldReleased: _released}
