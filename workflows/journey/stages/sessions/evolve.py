"""What events change in the sessions and doses of a journey."""

from datetime import datetime, timedelta

from workflows.journey.always.corrections.told_before import keep_told
from workflows.journey.always.particulars.model import PatientUpdated, speaks_otherwise
from workflows.journey.always.pathway.model import PathwayState
from workflows.journey.always.sign_offs.model import SignedOff
from workflows.journey.envelopes import Changes, EventHeader, Evolutions, change_entry
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.events import (
    DoseRecorded,
    InstructionsAcknowledged,
    ObservationMissed,
    SessionCancelled,
    SessionChecked,
    SessionEnded,
    SessionEndProposed,
    SessionInstructed,
    SessionObserved,
    SessionReleased,
    SessionScheduled,
    SessionStopped,
)
from workflows.journey.stages.sessions.maintenance import find_maintenance
from workflows.journey.stages.sessions.scheduled_minutes import find_made_minute
from workflows.journey.stages.sessions.state import Check, Dose, Observation, Session, SessionsState, ToldBefore
from workflows.journey.vocabulary.base import Identifier


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
    return {"sessions": {**state.sessions, body.session: planned}, **_remember_observer(state, body.session)}


def _cancelled(state: SessionsState, body: SessionCancelled, event: EventHeader) -> Changes:
    left = {number: session for number, session in state.sessions.items() if number != body.session}
    return {"sessions": left, **_remember_observer(state, body.session)}


def _remember_observer(state: SessionsState, number: int) -> Changes:
    """Remember who was named for a session that is no more, or by a checklist before this one."""
    check = state.sessions[number].check if number in state.sessions else None
    if check is None or check.observer is None or check.observer.ref in state.former_observers:
        return {}
    return {"former_observers": (*state.former_observers, check.observer.ref)}


def _stopped(state: SessionsState, body: SessionStopped, event: EventHeader) -> Changes:
    return change_entry(state, "sessions", body.session, stopped_at=event.at)


def _instructed(state: SessionsState, body: SessionInstructed, event: EventHeader) -> Changes:
    return change_entry(state, "sessions", body.session, instructed=body.content_version)


def _acknowledged(state: SessionsState, body: InstructionsAcknowledged, event: EventHeader) -> Changes:
    return change_entry(state, "sessions", body.session, acknowledged=body.content_version)


def _speaks_otherwise(state: SessionsState, body: PatientUpdated, event: EventHeader) -> Changes:
    """Who turns out to speak another language, or to need an interpreter, gets the instructions of a session to come
    again."""
    if not speaks_otherwise(state, body):
        return {}
    untold = {"instructed": None, "acknowledged": None}
    sessions = state.sessions.items()
    return {"sessions": {n: each if each.dosed_at else each.model_copy(update=untold) for n, each in sessions}}


def _checked(state: SessionsState, body: SessionChecked, event: EventHeader) -> Changes:
    check = Check(
        **{name: getattr(body, name) for name in Check.model_fields if name not in ("at", "by", "version")},
        at=event.at,
        by=event.actor_id,
        version=event.version,
    )
    stands = max((until for until in (state.no_go_until, body.no_go_until) if until is not None), default=None)
    last = state.last_observer if body.observer is None else body.observer.ref
    kept = {"recheck": body.recheck, "no_go_until": stands, "last_observer": last}
    kept |= _remember_observer(state, body.session)
    return kept | change_entry(state, "sessions", body.session, check=check)


def _released(state: SessionsState, body: SessionReleased, event: EventHeader) -> Changes:
    return change_entry(
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
        corrected_at=None if known is None else event.at,
        told_before=() if known is None else _told_before(known, body),
        version=event.version if known is None else known.version,
    )
    changed = change_doses(state, {**state.doses, dose.id: dose})
    session = None if body.session is None else state.sessions.get(body.session)
    if session is None or session.dose != (body.dose if session.ended_at or session.dose else None):
        return changed
    return changed | {"sessions": {**state.sessions, session.number: run_from(state, session, dose)}}


def _told_before(known: Dose, body: DoseRecorded) -> tuple[ToldBefore, ...]:
    """What was told of a dose before this, each time of it once, at first or by a correction."""
    told = known.told_before if known.taken_at == body.taken_at else known.told
    once = {(each.observe_at, each.corrected_at is None): each for each in reversed(told)}
    return keep_told(tuple(once.values())[::-1], _is_between)


def _is_between(told: ToldBefore, others: tuple[ToldBefore, ...]) -> bool:
    times = [other.observe_at for other in others]
    return min(times) <= told.observe_at <= max(times)


def change_doses(state: PathwayState, doses: dict[Identifier, Dose]) -> Changes:
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
        seen_at = taken_at + timedelta(minutes=minute)
        entered_at = seen_at  # One that made a minute was entered in time.
        return None if seen.scheduled is None else find_made_minute(rules, taken_at, seen_at, entered_at, seen.vitals)

    return tuple(
        seen.model_copy(update={"minute": seen.minute + moved, "scheduled": made(seen, seen.minute + moved)})
        for seen in session.observations
    )


def _decided(state: SessionsState, body: SignedOff, event: EventHeader) -> Changes:
    """An end that was declined is proposed no more."""
    if body.sign_off == SignOffKind.END_DECISION and body.decision == "decline":
        return change_entry(state, "sessions", int(body.subject or 0), end_proposed=None)
    return {}


def keep_maintenance(before: SessionsState, after: SessionsState) -> Changes:
    """Return what changes where a review that decided on maintenance counts since, or counts no more. Maintenance has
    its own interval and sessions. It goes on with the course: no sum of doses begins anew, and no time of maintenance
    once it is decided again."""
    was, now = find_maintenance(before), find_maintenance(after)
    return {} if was == now else {"maintenance_since": now}


def _observed(state: SessionsState, body: SessionObserved, event: EventHeader) -> Changes:
    """What was seen is added, also to the same minute and as a correction: none takes the place of another."""
    session = state.sessions.get(body.session)
    seen = () if session is None else session.observations
    told = {name: getattr(body, name) for name in Observation.model_fields if name not in ("version", "recorded_at")}
    added = Observation(**told, version=event.version, recorded_at=event.at)
    observations = tuple(sorted((*seen, added), key=lambda observation: observation.minute))
    return change_entry(state, "sessions", body.session, observations=observations, end_proposed=None)


def _missed(state: SessionsState, body: ObservationMissed, event: EventHeader) -> Changes:
    session = state.sessions.get(body.session)
    known = {} if session is None else session.missed
    return change_entry(state, "sessions", body.session, missed={**known, body.minute: body.reason})


def _end_proposed(state: SessionsState, body: SessionEndProposed, event: EventHeader) -> Changes:
    return change_entry(state, "sessions", body.session, end_proposed=body, end_proposed_by=event.actor_id)


def _ended(state: SessionsState, body: SessionEnded, event: EventHeader) -> Changes:
    return change_entry(state, "sessions", body.session, criteria=body.criteria, ended_at=event.at)


EVOLUTIONS: Evolutions = {
    SessionScheduled: _scheduled,
    SessionCancelled: _cancelled,
    SessionStopped: _stopped,
    PatientUpdated: _speaks_otherwise,
    SessionInstructed: _instructed,
    InstructionsAcknowledged: _acknowledged,
    SessionChecked: _checked,
    SessionReleased: _released,
    DoseRecorded: _dosed,
    SignedOff: _decided,
    SessionObserved: _observed,
    ObservationMissed: _missed,
    SessionEndProposed: _end_proposed,
    SessionEnded: _ended,
}
