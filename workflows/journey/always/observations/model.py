"""Observations at any time: commands, events and state."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions
from workflows.journey.stages.sessions.scheduled_minutes import find_made_minute
from workflows.journey.stages.sessions.state import Dose, Session, SessionsState, ToldBefore
from workflows.journey.vocabulary.actors import CLINICAL, STAFF, Role
from workflows.journey.vocabulary.base import Flag, Identifier, ImmutableModel, Text, Whole
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import Vitals
from workflows.journey.vocabulary.stage import Stage

Consciousness = Literal["alert", "voice", "pain", "unresponsive"]


class RecordObservation(CommandBody):
    """Record how the patient was at a time: vital signs, or what was seen.

    What nobody looked at is left out. After a dose, in a session or outside one, it makes the observation that is due.
    """

    kind: Literal["observation.record"] = "observation.record"
    fact: ClassVar[bool] = True
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
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    dose: Identifier
    minute: Annotated[Whole, Field(ge=1)]
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
    """An observation outside a session, when it was made and recorded (UTC), and what the protocol's limits make of it.
    ``looked``: somebody else saw how awake the patient was, and how they breathed: nobody observes themselves."""

    observation: Identifier
    seen_at: Instant
    recorded_at: Instant
    looked: bool
    consciousness: Consciousness | None = None
    vomiting: bool | None = None
    vitals: Vitals | None = None
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

    def awaited_in(self, session: Session) -> tuple[int, ...]:
        """Return the scheduled minutes of a session that nobody has made, in it or by a look that was told beside it,
        nor recorded as missed."""
        rules, dosed_at = self.protocol.sessions, session.dosed_at
        minutes = session.awaited(rules.observe_minutes)
        if dosed_at is None or not minutes:
            return minutes
        made = [find_made_minute(rules, dosed_at, *look) for look in self._looks()]
        return tuple(minute for minute in minutes if minute not in made)

    def is_seen_since(self, session: Session, minute: int) -> bool:
        """Whether somebody has looked at the patient at this minute of a session or later, in it or beside it."""
        if session.observed_until >= minute or session.dosed_at is None:
            return session.observed_until >= minute
        return any(seen_at - session.dosed_at >= timedelta(minutes=minute) for seen_at, *_ in self._looks())

    def _looks(self) -> list[tuple[datetime, datetime, Vitals | None]]:
        """The looks at the patient that were told outside the course of a session, as `find_made_minute` takes them."""
        return [(x.seen_at, x.recorded_at, x.vitals) for x in self.seen if x.looked and not x.in_error]

    def unobserved(self) -> tuple[tuple[str, int, Instant], ...]:
        """Return the observations that are owed after doses that began no session: the dose, the minute, and when it is
        due (UTC), and also after a dose that turns out to have been taken so late that its session ended too soon. Each
        dose has its own; what was over when it was told is not owed. One is made as in a session, by a look at the
        patient."""
        return tuple((dose, minute, due) for dose, minute, due, _ in self.owed_observations())

    def owed_observations(self) -> Iterator[tuple[str, int, Instant, Instant]]:
        """Yield the same with two times (UTC): when each is due, and when it is due last. These differ while a
        correction of the time of the dose waits for a second person: until then each time counts."""
        rules = self.protocol.sessions
        looks = self._looks()
        looks += [
            (session.dosed_at + timedelta(minutes=x.minute), x.recorded_at, x.vitals)
            for session in self.sessions.values()
            if session.dosed_at is not None
            for x in session.observations
        ]
        missed = [(each.dose, each.minute) for each in self.unseen]
        for dose in self.doses.values():
            session = next((each for each in self.sessions.values() if each.dose == dose.id), None)
            told = dose.told
            for number, minute in enumerate(rules.observe_minutes):
                owed = [
                    due
                    for each in told
                    for due in each.observe_at[number : number + 1]
                    if self._is_owed_outside(dose, session, each, minute, due)
                    and minute
                    not in (find_made_minute(rules, due - timedelta(minutes=minute), *look) for look in looks)
                ]
                if owed and (dose.id, minute) not in missed:
                    yield dose.id, minute, min(owed), max(owed)

    def _is_owed_outside(
        self, dose: Dose, session: Session | None, told: ToldBefore, minute: int, due: datetime
    ) -> bool:
        if session is None:
            return due >= dose.recorded_at
        if session.running:
            # What a look makes, counted from the time as it is told now, may be another observation than before.
            made = minute not in (*self.awaited_in(session), *session.missed)
            return made and told in dose.told_before and due >= dose.recorded_at
        return told.corrected_at is not None and due >= told.corrected_at and session.ended_before(due)


def _recorded(state: ObservationsState, body: ObservationRecorded, event: EventHeader) -> Changes:
    kept = ("observation", "seen_at", "consciousness", "vomiting", "vitals", "alert", "red_flags")
    told = {name: getattr(body, name) for name in kept}
    whole = body.consciousness is not None and body.breathing_normal is not None
    looked = whole and event.actor_role != Role.PATIENT and not state.is_patient(event.actor_id)
    seen = Seen(**told, recorded_at=event.at, looked=looked)
    return {"seen": (*state.seen, seen)}


def _given_up(state: ObservationsState, body: ObservationGivenUp, event: EventHeader) -> Changes:
    return {"unseen": (*state.unseen, Missed(dose=body.dose, minute=body.minute, reason=body.reason))}


EVOLUTIONS: Evolutions = {
    ObservationRecorded: _recorded,
    ObservationGivenUp: _given_up,
}
