"""Sessions: commands, events and state. Doses are in mg, minutes count from the dose, times are UTC."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from workflows.journey.actors import ANYONE, CLINICAL, STAFF, Role
from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.always.patient.model import PatientState
from workflows.journey.always.sign_offs.model import SignedOff
from workflows.journey.base import Flag, Identifier, ImmutableModel, Number, Short, SortedDict, Text, Whole
from workflows.journey.calendars import Instant, Zone
from workflows.journey.envelopes import ALWAYS, Changes, CommandBody, EventBody, EventHeader, Evolutions, changed_entry
from workflows.journey.instruments import Score
from workflows.journey.protocol import Sessions, SignOffKind
from workflows.journey.stage import Stage
from workflows.journey.vocabulary import AT_HOME, KnownDose, Observer, Setting, Vitals, Wording

YEAR = 525_600
"""Minutes of a year: more than any observation may lie after its dose, so that times stay in range."""


class ScheduleSession(CommandBody):
    """Plan the next session, or move one that has not been released."""

    kind: Literal["session.schedule"] = "session.schedule"
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    progress: ClassVar[bool] = True
    session: Annotated[Whole, Field(ge=1)]
    starts_at: Instant
    supervising_clinician: Identifier
    session_monitor: Identifier
    live_clinician: Identifier | None = None
    interpreter: Identifier | None = None


class CancelSession(CommandBody):
    """Cancel a session whose dose has not been taken."""

    kind: Literal["session.cancel"] = "session.cancel"
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT, *STAFF)
    session: Annotated[Whole, Field(ge=1)]
    reason: Text


class Instruct(CommandBody):
    """Deliver the clinical instructions for a session to the patient."""

    kind: Literal["session.instruct"] = "session.instruct"
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    session: Annotated[Whole, Field(ge=1)]
    content_version: Identifier


class AcknowledgeInstructions(CommandBody):
    """The patient acknowledges the instructions for a session, in the version they got."""

    kind: Literal["session.acknowledge-instructions"] = "session.acknowledge-instructions"
    roles: ClassVar[tuple[Role, ...]] = (Role.PATIENT,)
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    session: Annotated[Whole, Field(ge=1)]
    content_version: Identifier


class CheckSession(CommandBody):
    """Record the pre-session checklist: every item answered, vitals, observer, reachable clinician, location.

    Where the setting says that the session monitor stays with the patient, ``observer`` is left out.
    What is not understood in it, such as a state there is not, is kept as it was said and allows no dose.
    """

    kind: Literal["session.check"] = "session.check"
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    session: Annotated[Whole, Field(ge=1)]
    items: SortedDict[Identifier, Flag]
    vitals: Vitals
    observer: Observer | None = None
    reachable_clinician: Identifier
    reachable_within_minutes: Annotated[Whole, Field(ge=0)]
    location_state: Short
    location_confirmed: Flag


class ReleaseSession(CommandBody):
    """Release the session: from here the patient may take the dose. Passes the dose gate or is refused."""

    kind: Literal["session.release"] = "session.release"
    attempts_kept: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = (Stage.SESSIONS,)
    progress: ClassVar[bool] = True
    session: Annotated[Whole, Field(ge=1)]


class RecordDose(CommandBody):
    """Record a dose that was taken, whenever, wherever, however much and whoever tells it.

    Without ``session`` it belongs to the session that was released for it, or to none. ``dose_mg`` is left out where
    nobody knows it, ``told_by`` where the sender tells it. What differs from the dose that was released holds care.
    """

    kind: Literal["session.dose"] = "session.dose"
    by_anybody: ClassVar[bool] = True
    fact: ClassVar[bool] = True
    licensed: ClassVar[bool] = False
    roles: ClassVar[tuple[Role, ...]] = ANYONE
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    session: Annotated[Whole, Field(ge=1)] | None = None
    dose_mg: Annotated[Number, Field(gt=0)] | None = None
    route: Identifier
    taken_at: Instant
    doses_left: Annotated[Whole, Field(ge=0)] | None = None
    told_by: Role | None = None
    deviation: Text | None = None


class Observe(CommandBody):
    """Record one structured observation of a running session. It is added, also where its minute has one already."""

    kind: Literal["session.observe"] = "session.observe"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.OBSERVER, Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    session: Annotated[Whole, Field(ge=1)]
    minute: Annotated[Whole, Field(ge=0, le=YEAR)]
    consciousness: Literal["alert", "voice", "pain", "unresponsive"]
    breathing_normal: Flag
    vomiting: Flag
    vitals: Vitals | None = None
    cadss: Annotated[tuple[Annotated[Whole, Field(ge=0, le=4)], ...], Field(min_length=6, max_length=6)] | None = None
    wording: Wording | None = None
    red_flags: tuple[Identifier, ...] = ()


class MissObservation(CommandBody):
    """Say why a scheduled observation was not made, or not whole, once its time is over."""

    kind: Literal["session.miss-observation"] = "session.miss-observation"
    fact: ClassVar[bool] = True
    roles: ClassVar[tuple[Role, ...]] = (Role.OBSERVER, Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    session: Annotated[Whole, Field(ge=1)]
    minute: Annotated[Whole, Field(ge=1, le=YEAR)]
    reason: Text


class EndSession(CommandBody):
    """End a session once every release criterion is met; contacts afterwards are owed from here on. After the
    protocol's longest observation a clinician may decide so although one is not met (``clinician_decision``), and signs
    that.

    A criterion that observations tell of may be left out: it is computed.
    """

    kind: Literal["session.end"] = "session.end"
    roles: ClassVar[tuple[Role, ...]] = (Role.SESSION_MONITOR, *CLINICAL)
    stages: ClassVar[tuple[Stage, ...]] = ALWAYS
    session: Annotated[Whole, Field(ge=1)]
    criteria: SortedDict[Identifier, Flag]
    clinician_decision: Text | None = None


class SessionScheduled(EventBody):
    """``local`` is what the patient's wall clock will show, by the zone rules of the day it was planned. After
    ``closes`` (UTC) it is not released any more: it is moved."""

    kind: Literal["session.scheduled"] = "session.scheduled"
    session: int
    starts_at: Instant
    closes: Instant
    zone: Zone
    local: Short
    setting: Setting = AT_HOME
    supervising_clinician: Identifier
    session_monitor: Identifier
    live_clinician: Identifier | None = None
    interpreter: Identifier | None = None


class SessionCancelled(EventBody):
    """A session whose dose was not taken will not take place. The patient is told, unless they died."""

    kind: Literal["session.cancelled"] = "session.cancelled"
    session: int
    reason: Text
    told: bool = True


class SessionStopped(EventBody):
    """Something was found after the release that would have prevented it: the dose is not to be taken. Who is with the
    patient is told at once."""

    kind: Literal["session.stopped"] = "session.stopped"
    safety: ClassVar[bool] = True
    session: int
    because: Text


class SessionInstructed(EventBody):
    """The patient got the clinical instructions, in this version."""

    kind: Literal["session.instructed"] = "session.instructed"
    session: int
    content_version: Identifier


class Recheck(ImmutableModel):
    """Vital signs that are to be measured again: when the last ones that count were recorded (UTC), and how often they
    were measured again after rest."""

    since: Instant
    count: int = 0


class InstructionsAcknowledged(EventBody):
    """The patient acknowledged the instructions for a session, in this version."""

    kind: Literal["session.instructions-acknowledged"] = "session.instructions-acknowledged"
    session: int
    content_version: Identifier


class SessionChecked(EventBody):
    """``verdict`` is what the protocol's limits make of the vitals, beside those before (``recheck``).

    ``no_go`` is what in it does not allow a dose: items, ``vital_signs``, ``observer``, ``clinician_reach``,
    ``location``. ``no_go_until`` is the moment (UTC) before which no dose is released, whoever decides.
    """

    kind: Literal["session.checked"] = "session.checked"
    session: int
    items: SortedDict[Identifier, bool]
    vitals: Vitals
    observer: Observer | None = None
    reachable_clinician: Identifier
    reachable_within_minutes: int
    location_state: Short
    location_confirmed: bool
    verdict: Literal["go", "recheck", "no_go"]
    recheck: Recheck | None = None
    no_go: tuple[Identifier, ...]
    no_go_until: Instant | None = None
    not_understood: tuple[Text, ...] = ()
    """What of it nobody can act on: a state or an item that there is not."""


class SessionReleased(EventBody):
    """From here on the patient may take the dose: ``dose_mg``, as the plan signs it (mg). ``clearance`` is the request
    that was approved for it."""

    kind: Literal["session.released"] = "session.released"
    session: int
    clearance: Identifier
    dose_mg: float


class DoseRecorded(EventBody):
    """A dose was taken. ``session`` is the one it belongs to, if any; ``released``: it is the dose that was released.

    ``deviations`` say how it differs from the one released, ``deviation`` what whoever told it says about that.
    ``observe_at`` are the due times of the structured observations, counted from the dose.
    """

    kind: Literal["session.dosed"] = "session.dosed"
    dose: Identifier
    session: int | None = None
    dose_mg: float | None = None
    route: Identifier
    taken_at: Instant
    doses_left: int | None = None
    told_by: Role
    released: bool
    deviations: tuple[Text, ...] = ()
    deviation: Text | None = None
    doses_from: Literal["home", "clinic"] = "home"
    observe_at: tuple[Instant, ...]


class SessionObserved(EventBody):
    """One observation, ``minute`` minutes after the dose, and what the protocol's limits make of it.

    Vital signs are in mmHg, beats a minute and percent; ``dissociation`` is the CADSS-6, ``wording`` the words in which
    it was shown. ``scheduled`` is the minute of the protocol's schedule that is made by it, if one is.
    """

    kind: Literal["session.observed"] = "session.observed"
    safety: ClassVar[bool] = True
    session: int
    minute: int
    consciousness: Identifier
    breathing_normal: bool
    vomiting: bool
    vitals: Vitals | None = None
    dissociation: Score | None = None
    wording: Wording | None = None
    red_flags: tuple[Identifier, ...]
    alert: Literal["none", "notify", "emergency"]
    scheduled: int | None = None
    not_understood: tuple[Text, ...] = ()
    """What of it is not in the protocol. It is kept, and counts as the worst it may mean."""


class ObservationMissed(EventBody):
    """A scheduled observation was not made, or not whole, and why."""

    kind: Literal["session.observation-missed"] = "session.observation-missed"
    safety: ClassVar[bool] = True
    session: int
    minute: int
    reason: Text


class SessionEndProposed(EventBody):
    """A clinician decided to end a session although what was observed does not agree: ``against`` says what. It runs on
    until that is signed, or something else is observed."""

    kind: Literal["session.end-proposed"] = "session.end-proposed"
    session: int
    criteria: SortedDict[Identifier, bool]
    clinician_decision: Text
    against: tuple[str, ...]


class SessionEnded(EventBody):
    """The session is over, with the criteria that were met, or a clinician's signed decision where they were not."""

    kind: Literal["session.ended"] = "session.ended"
    safety: ClassVar[bool] = True
    session: int
    criteria: SortedDict[Identifier, bool]
    clinician_decision: Text | None = None


class Observation(ImmutableModel):
    """An observation as it was recorded, and the version of the event."""

    version: int
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


class Dose(ImmutableModel):
    """A dose the patient took, in a session or outside one: how much (mg, None: not known), how, and when (UTC).

    ``released``: it is the dose that a session was released for. ``version`` is that of the event that recorded it, and
    ``recorded_at`` its time: a correction keeps both, so that what was owed by then stays owed.
    """

    id: Identifier
    session: int | None = None
    dose_mg: float | None = None
    route: Identifier
    taken_at: Instant
    doses_left: int | None = None
    told_by: Role
    released: bool
    deviations: tuple[Text, ...]
    deviation: Text | None = None
    doses_from: Literal["home", "clinic"] = "home"
    observe_at: tuple[Instant, ...]
    source: UUID
    """The id of the event that says it."""
    recorded_by: Identifier
    recorded_at: Instant
    version: int


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


def _scheduled(state: SessionsState, body: SessionScheduled, event: EventHeader) -> Changes:
    planned = Session(
        number=body.session,
        starts_at=body.starts_at,
        closes=body.closes,
        setting=body.setting,
        supervising_clinician=body.supervising_clinician,
        session_monitor=body.session_monitor,
        live_clinician=body.live_clinician,
        interpreter=body.interpreter,
    )
    return {"sessions": {**state.sessions, body.session: planned}}


def _cancelled(state: SessionsState, body: SessionCancelled, event: EventHeader) -> Changes:
    return {"sessions": {number: session for number, session in state.sessions.items() if number != body.session}}


def _stopped(state: SessionsState, body: SessionStopped, event: EventHeader) -> Changes:
    return changed_entry(state, "sessions", body.session, stopped_at=event.at)


def _instructed(state: SessionsState, body: SessionInstructed, event: EventHeader) -> Changes:
    return changed_entry(state, "sessions", body.session, instructed=body.content_version)


def _acknowledged(state: SessionsState, body: InstructionsAcknowledged, event: EventHeader) -> Changes:
    return changed_entry(state, "sessions", body.session, acknowledged=body.content_version)


def _checked(state: SessionsState, body: SessionChecked, event: EventHeader) -> Changes:
    check = Check(
        **{name: getattr(body, name) for name in Check.model_fields if name not in ("at", "by", "version")},
        at=event.at,
        by=event.actor_id,
        version=event.version,
    )
    stands = max((until for until in (state.no_go_until, body.no_go_until) if until is not None), default=None)
    return {"recheck": body.recheck, "no_go_until": stands} | changed_entry(
        state, "sessions", body.session, check=check
    )


def _released(state: SessionsState, body: SessionReleased, event: EventHeader) -> Changes:
    return changed_entry(
        state, "sessions", body.session, released_at=event.at, released_mg=body.dose_mg, clearance=body.clearance
    )


def _dosed(state: SessionsState, body: DoseRecorded, event: EventHeader) -> Changes:
    """The first dose of a session sets it running."""
    known = state.doses.get(body.dose)
    dose = Dose(
        **{name: getattr(body, name) for name in Dose.model_fields if hasattr(body, name)},
        id=body.dose,
        source=event.event_id,
        recorded_by=event.actor_id,
        recorded_at=event.at if known is None else known.recorded_at,
        version=event.version if known is None else known.version,
    )
    changed = doses_known(state, {**state.doses, dose.id: dose})
    session = None if body.session is None else state.sessions.get(body.session)
    if session is None or session.dose != (body.dose if session.ended_at or session.dose else None):
        return changed
    return changed | {"sessions": {**state.sessions, session.number: run_from(state, session, dose)}}


def doses_known(state: PathwayState, doses: dict[Identifier, Dose]) -> Changes:
    """Return what changes where these are the doses of the journey. The earliest of them began the course, however late
    it was told or corrected."""
    taken = [dose.taken_at for dose in doses.values() if dose.taken_at >= state.started_at]
    return {"doses": doses, "course_started_at": min(taken, default=None)}


def run_from(state: PathwayState, session: Session, dose: Dose) -> Session:
    """Return a session that runs from this dose."""
    return session.model_copy(
        update={
            "dose": dose.id,
            "dose_mg": dose.dose_mg,
            "doses_left": dose.doses_left,
            "dosed_at": dose.taken_at,
            "counted_from": dose.taken_at,
            "observe_at": dose.observe_at,
            "end_proposed": None,
            "observations": _recounted(state, session, dose.taken_at),
        }
    )


def _recounted(state: PathwayState, session: Session, taken_at: datetime) -> tuple[Observation, ...]:
    """The observations of a session with their minutes counted from another time of its dose: what was seen was seen
    when it was. One that made a scheduled minute makes the one that it is near now, if any."""
    if session.counted_from is None or session.counted_from == taken_at:
        return session.observations
    rules, moved = state.protocol.sessions, round((session.counted_from - taken_at) / timedelta(minutes=1))

    def made(seen: Observation, minute: int) -> int | None:
        return None if seen.scheduled is None else made_minute(rules, taken_at, minute, seen.vitals)

    return tuple(
        seen.model_copy(update={"minute": seen.minute + moved, "scheduled": made(seen, seen.minute + moved)})
        for seen in session.observations
    )


def made_minute(rules: Sessions, dosed_at: datetime, minute: int, vitals: Vitals | None) -> int | None:
    """Return the scheduled minute that an observation at a minute after the dose (UTC) makes: the nearest one, if it is
    near, and has the vital signs that are asked for then."""
    nearest = rules.nearest_minute(minute)
    near = abs(nearest - minute) <= rules.observe_window_minutes
    whole = nearest not in rules.vitals_minutes or is_measured_then(rules, dosed_at, minute, vitals)
    return nearest if near and whole else None


def is_measured_then(rules: Sessions, dosed_at: datetime, minute: int, vitals: Vitals | None) -> bool:
    """Whether vital signs were measured near the minute after the dose (UTC) that they are told of. Those of another
    time are kept and judged, and stand for no measurement that is due."""
    if vitals is None:
        return False
    apart = abs(vitals.measured_at - dosed_at - timedelta(minutes=minute))
    return apart <= timedelta(minutes=rules.observe_window_minutes)


def _reviewed(state: SessionsState, body: SignedOff, event: EventHeader) -> Changes:
    """Maintenance has its own interval and sessions. It goes on with the course: no sum of doses begins anew."""
    review = body.sign_off == SignOffKind.RESPONSE_REVIEW and not body.first_of_two
    return {"maintenance_since": event.at} if review and body.choice == "maintenance" else {}


def _observed(state: SessionsState, body: SessionObserved, event: EventHeader) -> Changes:
    """What was seen is added, also to the same minute and as a correction: none takes the place of another."""
    session = state.sessions.get(body.session)
    seen = () if session is None else session.observations
    told = {name: getattr(body, name) for name in Observation.model_fields if name != "version"}
    added = Observation(**told, version=event.version)
    observations = tuple(sorted((*seen, added), key=lambda observation: observation.minute))
    return changed_entry(state, "sessions", body.session, observations=observations, end_proposed=None)


def _missed(state: SessionsState, body: ObservationMissed, event: EventHeader) -> Changes:
    session = state.sessions.get(body.session)
    known = {} if session is None else session.missed
    return changed_entry(state, "sessions", body.session, missed={**known, body.minute: body.reason})


def _end_proposed(state: SessionsState, body: SessionEndProposed, event: EventHeader) -> Changes:
    return changed_entry(state, "sessions", body.session, end_proposed=body, end_proposed_by=event.actor_id)


def _ended(state: SessionsState, body: SessionEnded, event: EventHeader) -> Changes:
    return changed_entry(state, "sessions", body.session, criteria=body.criteria, ended_at=event.at)


EVOLUTIONS: Evolutions = {
    SessionScheduled: _scheduled,
    SessionCancelled: _cancelled,
    SessionStopped: _stopped,
    SessionInstructed: _instructed,
    InstructionsAcknowledged: _acknowledged,
    SessionChecked: _checked,
    SessionReleased: _released,
    DoseRecorded: _dosed,
    SignedOff: _reviewed,
    SessionObserved: _observed,
    ObservationMissed: _missed,
    SessionEndProposed: _end_proposed,
    SessionEnded: _ended,
}
