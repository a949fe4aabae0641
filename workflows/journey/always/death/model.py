"""A death: commands, events and state."""

from typing import ClassVar, Literal

from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions, change_entry
from workflows.journey.vocabulary.actors import ANYONE, Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.stage import Outcome, Stage

Related = Literal["yes", "no", "unknown"]
DOUBTS_KEPT = 20
"""How many people's doubts are decided on at once. One is enough to ask."""


class RecordDeath(CommandBody):
    """Report that the patient died. Care is held and clinicians are told at once; a second, clinical person confirms
    it, and the watch goes on until then."""

    kind: Literal["pathway.record-death"] = "pathway.record-death"
    fact: ClassVar[bool] = True
    by_anybody: ClassVar[bool] = True
    by_hand: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = ANYONE
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    related: Related
    reason: Text


class DoubtDeath(CommandBody):
    """Say that a patient who is recorded as dead lives. Clinicians are told at once, and one signs whether the death
    was entered in error; the journey then goes on where it stood, held until a clinician releases it."""

    kind: Literal["pathway.doubt-death"] = "pathway.doubt-death"
    fact: ClassVar[bool] = True
    by_anybody: ClassVar[bool] = True
    by_hand: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = ANYONE
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    death: Identifier
    reason: Text


class DeathReported(EventBody):
    """Somebody said that the patient died, and whether that has to do with the treatment. Nobody has confirmed it."""

    kind: Literal["death.reported"] = "death.reported"
    safety: ClassVar[bool] = True
    death: Identifier
    related: Related
    reason: Text


class DeathConfirmed(EventBody):
    """A second, clinical person signed that the patient died; ``sign_off`` is the request they decided."""

    kind: Literal["death.confirmed"] = "death.confirmed"
    safety: ClassVar[bool] = True
    death: Identifier
    sign_off: Identifier


class DeathDoubted(EventBody):
    """Somebody said that the patient lives, or something was recorded that only a living patient does. Nobody has
    signed that the death was an error. ``asked``: a decision on an earlier doubt is waited for."""

    kind: Literal["death.doubted"] = "death.doubted"
    safety: ClassVar[bool] = True
    death: Identifier
    reason: Text
    asked: bool = False


class DeathEnteredInError(EventBody):
    """A clinical person signed that the patient did not die; ``sign_off`` is the request they decided. The report stays
    in the record and counts no more."""

    kind: Literal["death.entered-in-error"] = "death.entered-in-error"
    safety: ClassVar[bool] = True
    death: Identifier
    sign_off: Identifier
    reason: Text
    reopens: bool = True
    """Whether the journey goes on. Beside another open journey of the patient with the same medicine it stays closed:
    care and the watch go on there."""


class Doubt(ImmutableModel):
    """Why somebody said first that a patient lives, and the version of the event."""

    reason: Text
    version: int


class Death(ImmutableModel):
    """A death as reported, by whom first and when (UTC), and what became of the report. ``doubts`` are those that are
    decided on next, by person: what one says again is in the record, and makes no request stale."""

    id: Identifier
    reported_by: Identifier
    reported_at: Instant
    reports: tuple[DeathReported, ...]
    doubts: dict[Identifier, Doubt] = {}
    confirmed: bool = False
    in_error: bool = False


class DeathState(PathwayState):
    """The deaths that were reported, by their ids. There is more than one only where the first one was wrong."""

    deaths: dict[Identifier, Death] = {}

    @property
    def died(self) -> bool:
        """Whether the patient died: a second, clinical person confirmed it, and it was not in error."""
        return any(death.confirmed and not death.in_error for death in self.deaths.values())


def _reported(state: DeathState, body: DeathReported, event: EventHeader) -> Changes:
    known = state.deaths.get(body.death)
    if known is not None:
        return change_entry(state, "deaths", body.death, reports=(*known.reports, body))
    death = Death(id=body.death, reported_by=event.actor_id, reported_at=event.at, reports=(body,))
    return {"deaths": {**state.deaths, death.id: death}}


def _confirmed(state: DeathState, body: DeathConfirmed, event: EventHeader) -> Changes:
    """Whoever confirmed it saw the doubts, and decided on them. Another one is asked about anew."""
    return change_entry(state, "deaths", body.death, confirmed=True, doubts={})


def _doubted(state: DeathState, body: DeathDoubted, event: EventHeader) -> Changes:
    known = state.deaths.get(body.death)
    earlier = known.doubts if known is not None and body.asked else {}
    if event.actor_id in earlier or len(earlier) >= DOUBTS_KEPT:
        return {}
    doubt = Doubt(reason=body.reason, version=event.version)
    return change_entry(state, "deaths", body.death, doubts={**earlier, event.actor_id: doubt})


def _in_error(state: DeathState, body: DeathEnteredInError, event: EventHeader) -> Changes:
    """The journey stands again where it stood before the death: a pathway that ended by it goes on, unless the patient
    has another one by now. One that was ending before has ended so: the other journey rests on it."""
    changed = change_entry(state, "deaths", body.death, in_error=True)
    if state.closing is None or state.closing.outcome != Outcome.DECEASED:
        return changed
    if not body.reopens:
        ended = state.closing.before or state.closing.model_copy(update={"outcome": Outcome.TRANSFERRED})
        return changed | {"closing": ended, "outcome": None if state.outcome is None else ended.outcome}
    return changed | {
        "closing": state.closing.before,
        "outcome": None,
        "stage": state.stage if state.closed_in is None else state.closed_in,
        "closed_in": None,
    }


EVOLUTIONS: Evolutions = {
    DeathReported: _reported,
    DeathConfirmed: _confirmed,
    DeathDoubted: _doubted,
    DeathEnteredInError: _in_error,
}
