"""What the journey knows of its sessions and doses. Doses are in mg, minutes count from the dose, times are UTC."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from uuid import UUID

from workflows.journey.always.patient.model import PatientState
from workflows.journey.instruments import Score
from workflows.journey.stages.sessions.events import Recheck, SessionEndProposed
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import Identifier, ImmutableModel, Short, Text
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.clinical import AT_HOME, KnownDose, Observer, Setting, Vitals


class Observation(ImmutableModel):
    """An observation as it was recorded, when (UTC), and the version of the event."""

    version: int
    recorded_at: Instant
    session: int
    minute: int
    consciousness: Identifier
    breathing_normal: bool
    vomiting: bool
    vitals: Vitals | None = None
    dissociation: Score | None = None
    red_flags: tuple[Identifier, ...]
    alert: Literal["none", "notify", "emergency"]
    scheduled: int | None = None


class Check(ImmutableModel):
    """The pre-session checklist as last recorded."""

    at: Instant
    by: Identifier
    version: int
    items: dict[Identifier, bool]
    vitals: Vitals
    observer: Observer | None = None
    reachable_clinician: Identifier
    reachable_within_minutes: int
    location_state: Short
    location_confirmed: bool
    verdict: Literal["go", "recheck", "no_go"]
    no_go: tuple[Identifier, ...]


class ToldBefore(ImmutableModel):
    """When the observations after a dose are due as it was told before, and since when it was told so, if by a
    correction (UTC). Until a second person has confirmed that it was not so, they are owed."""

    observe_at: tuple[Instant, ...]
    corrected_at: Instant | None = None


class Dose(ImmutableModel):
    """A dose the patient took, in a session or outside one: how much (mg, None: not known), how, and when (UTC).

    ``released``: it is the dose that a session was released for. ``version`` is that of the event that recorded it, and
    ``recorded_at`` its time: a correction, last made at ``corrected_at``, keeps both, so that what was owed by then
    stays owed.
    """

    id: Identifier
    session: int | None = None
    dose_mg: float | None = None
    route: Identifier
    taken_at: Instant
    doses_left: int | None = None
    told_by: Role
    by_report: bool = False
    released: bool
    deviations: tuple[Text, ...]
    deviation: Text | None = None
    doses_from: Literal["home", "clinic"] = "home"
    observe_at: tuple[Instant, ...]
    source: UUID
    """The id of the event that says it."""
    recorded_by: Identifier
    recorded_at: Instant
    corrected_at: Instant | None = None
    version: int
    told_before: tuple[ToldBefore, ...] = ()

    @property
    def told(self) -> tuple[ToldBefore, ...]:
        """Every time that it was told with and that counts: as it is told now, and as long as a correction waits for a
        second person, as it was told before."""
        return (*self.told_before, ToldBefore(observe_at=self.observe_at, corrected_at=self.corrected_at))


class Session(ImmutableModel):
    """One supervised session. It runs from its first dose, ``dose``, until it ends."""

    number: int
    starts_at: Instant
    closes: Instant
    setting: Setting = AT_HOME
    supervising_clinician: Identifier
    session_monitor: Identifier
    live_clinician: Identifier | None = None
    interpreter: Identifier | None = None
    instructed: Identifier | None = None
    acknowledged: Identifier | None = None
    """The version of the instructions that the patient acknowledged."""
    check: Check | None = None
    released_at: Instant | None = None
    released_mg: float | None = None
    """The dose (mg) that was signed when it was released."""
    stopped_at: Instant | None = None
    """When something was found after the release (UTC): its dose is not to be taken from then on."""
    clearance: Identifier | None = None
    dose: Identifier | None = None
    dose_mg: float | None = None
    doses_left: int | None = None
    dosed_at: Instant | None = None
    counted_from: Instant | None = None
    """From when the minutes of the observations are counted (UTC): its dose, also once that was entered in error."""
    observe_at: tuple[Instant, ...] = ()
    observations: tuple[Observation, ...] = ()
    """By their minutes, several of one minute in the order in which they were recorded."""
    missed: dict[int, Text] = {}
    """Scheduled observations that were not made, by their minute, and why."""
    criteria: dict[Identifier, bool] = {}
    end_proposed: SessionEndProposed | None = None
    end_proposed_by: Identifier | None = None
    ended_at: Instant | None = None

    @property
    def running(self) -> bool:
        """Whether the dose was taken and the session has not ended."""
        return self.dosed_at is not None and self.ended_at is None

    @property
    def observed_until(self) -> int:
        """The minute of the latest observation. It says nothing about those that were missed before it."""
        return max((observation.minute for observation in self.observations), default=0)

    def awaited(self, schedule: tuple[int, ...]) -> tuple[int, ...]:
        """The minutes of a schedule that were neither observed nor recorded as missed."""
        done = (*(seen.scheduled for seen in self.observations), *self.missed)
        return tuple(minute for minute in schedule if minute not in done)

    def ended_before(self, moment: datetime) -> bool:
        """Whether its criteria were met before a moment (UTC), and it ended. One that was handed over met none."""
        return self.ended_at is not None and bool(self.criteria) and self.ended_at < moment

    @property
    def last_observations(self) -> tuple[Observation, ...]:
        """All observations of the latest minute. What one of them found is not undone by another one."""
        return tuple(observation for observation in self.observations if observation.minute == self.observed_until)


class SessionsState(PatientState):
    """The sessions by their numbers, and every dose of this journey by its id, in a session or not. The course began
    with its first dose (UTC).

    A no-go and vital signs to be measured again are the patient's, not a session's: to move it changes nothing.
    """

    course_started_at: Instant | None = None
    maintenance_since: Instant | None = None
    recheck: Recheck | None = None
    no_go_until: Instant | None = None
    sessions: dict[int, Session] = {}
    former_observers: tuple[Identifier, ...] = ()
    """Whom staff named for sessions that were cancelled or moved, or in checklists that were made anew."""
    last_observer: Identifier | None = None
    """Whom a checklist named last, of whatever session."""
    doses: dict[Identifier, Dose] = {}

    @property
    def ended_sessions(self) -> tuple[Session, ...]:
        """The sessions that are over."""
        return tuple(session for session in self.sessions.values() if session.ended_at is not None)

    @property
    def next_session(self) -> int:
        """The number of the session that is scheduled, running, or to be scheduled next."""
        return len(self.ended_sessions) + 1

    @property
    def own_doses(self) -> tuple[KnownDose, ...]:
        """Every dose of this journey, the earliest first."""
        return _by_time(
            KnownDose(source=dose.source, taken_at=dose.taken_at, dose_mg=dose.dose_mg, route=dose.route)
            for dose in self.doses.values()
        )

    @property
    def known_doses(self) -> tuple[KnownDose, ...]:
        """Every dose known of the patient, of this journey and of others, the earliest first: limits count them all."""
        return _by_time((*self.own_doses, *self.elsewhere.doses))

    @property
    def last_dose_at(self) -> datetime | None:
        """When the latest dose of this journey was taken, in UTC."""
        return max((dose.taken_at for dose in self.doses.values()), default=None)


def _by_time(doses: Iterable[KnownDose]) -> tuple[KnownDose, ...]:
    return tuple(sorted(doses, key=lambda dose: (dose.taken_at, dose.source)))
