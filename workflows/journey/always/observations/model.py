"""Observations at any time: commands, events and state."""

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workflows.journey.actors import CLINICAL, STAFF, Role
from workflows.journey.base import Flag, Identifier, ImmutableModel, Text, Whole
from workflows.journey.calendars import Instant
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.stage import Stage
from workflows.journey.stages.sessions.commands import YEAR
from workflows.journey.stages.sessions.state import SessionsState
from workflows.journey.vocabulary import Vitals

Consciousness = Literal["alert", "voice", "pain", "unresponsive"]


class RecordObservation(CommandBody):
    """Record how the patient was at a time, outside a running session: vital signs, or what was seen.

    What nobody looked at is left out. After a dose outside a session it makes the observation that is due.
    """

    kind: Literal["observation.record"] = "observation.record"
    fact: ClassVar[bool] = True
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, Role.OBSERVER, *STAFF)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    seen_at: Instant
    consciousness: Consciousness | None = None
    breathing_normal: Flag | None = None
    vomiting: Flag | None = None
    vitals: Vitals | None = None
    red_flags: tuple[Identifier, ...] = ()
    note: Text | None = None


class GiveUpObservation(CommandBody):
    """Say why an observation after a dose outside a session was not made, once its time is over."""

    kind: Literal["observation.miss"] = "observation.miss"
    roles: ClassVar[tuple[Role, ...]] = (Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    dose: Identifier
    minute: Annotated[Whole, Field(ge=1, le=YEAR)]
    reason: Text


class ObservationRecorded(EventBody):
    """How the patient was at ``seen_at``, what the protocol's limits make of it, and what of it was not understood."""

    kind: Literal["observation.recorded"] = "observation.recorded"
    safety: ClassVar[bool] = True
    observation: Identifier
    seen_at: Instant
    consciousness: Consciousness | None = None
    breathing_normal: bool | None = None
    vomiting: bool | None = None
    vitals: Vitals | None = None
    red_flags: tuple[Identifier, ...] = ()
    note: Text | None = None
    alert: Literal["none", "notify", "emergency"]
    not_understood: tuple[Text, ...] = ()


class ObservationGivenUp(EventBody):
    """An observation after a dose outside a session was not made, and why."""

    kind: Literal["observation.missed"] = "observation.missed"
    safety: ClassVar[bool] = True
    dose: Identifier
    minute: int
    reason: Text


class Seen(ImmutableModel):
    """An observation outside a session, when it was made and recorded (UTC), and what the protocol's limits make of
    it."""

    observation: Identifier
    seen_at: Instant
    recorded_at: Instant
    alert: Literal["none", "notify", "emergency"]
    red_flags: tuple[Identifier, ...] = ()
    in_error: bool = False


class Missed(ImmutableModel):
    """An observation after a dose that was not made, and why."""

    dose: Identifier
    minute: int
    reason: Text


class ObservationsState(SessionsState):
    """What was seen outside sessions, in the order in which it was recorded, and what was missed."""

    seen: tuple[Seen, ...] = ()
    unseen: tuple[Missed, ...] = ()

    def unobserved(self, minutes: tuple[int, ...], window: timedelta) -> tuple[tuple[str, int, Instant], ...]:
        """Return the observations that are owed after doses outside a session: the dose, the minute, and when it is
        due (UTC). Each dose has its own; what was over when it was told is not owed."""
        moments = [seen.seen_at for seen in self.seen if not seen.in_error]
        for session in self.sessions.values():
            if session.dosed_at is not None:
                moments += [session.dosed_at + timedelta(minutes=seen.minute) for seen in session.observations]
        missed = [(each.dose, each.minute) for each in self.unseen]
        firsts = [session.dose for session in self.sessions.values()]
        return tuple(
            (dose.id, minute, due)
            for dose in self.doses.values()
            if dose.id not in firsts
            for minute, due in zip(minutes, dose.observe_at, strict=False)
            if due >= dose.recorded_at
            and (dose.id, minute) not in missed
            and not any(abs(moment - due) <= window for moment in moments)
        )


def _recorded(state: ObservationsState, body: ObservationRecorded, event: EventHeader) -> Changes:
    told = {name: getattr(body, name) for name in ("observation", "seen_at", "alert", "red_flags")}
    seen = Seen(**told, recorded_at=event.at)
    return {"seen": (*state.seen, seen)}


def _given_up(state: ObservationsState, body: ObservationGivenUp, event: EventHeader) -> Changes:
    return {"unseen": (*state.unseen, Missed(dose=body.dose, minute=body.minute, reason=body.reason))}


EVOLUTIONS: Evolutions = {
    ObservationRecorded: _recorded,
    ObservationGivenUp: _given_up,
}
