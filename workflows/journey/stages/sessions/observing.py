"""Observation after a dose.

Every observation that the protocol schedules is made near its minute, or is recorded as missed with the reason. What is
recorded is never replaced: another observation of the same minute is added, and the worst of them counts.

Sources: blood pressure about 40 minutes after the dose and until it falls (esketamine label, 5.1 and 5.3).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.adverse_events.findings import observed_emergencies, onset_of, open_adverse_event
from workflows.journey.always.holds.model import place
from workflows.journey.always.safety.model import ask_support
from workflows.journey.instruments import Instrument, ScoreFlag, score
from workflows.journey.protocol import Sessions
from workflows.journey.stages.sessions.dose_gate import require_scheduled
from workflows.journey.stages.sessions.judging import is_drowsy_without_a_dose, vitals_alert
from workflows.journey.stages.sessions.scheduled_minutes import find_made_minute
from workflows.journey.stages.sessions.state import Session
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.severity import OF_OBSERVATION


def observe(journey: Journey, command: c.Observe, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record an observation after the dose of a session, at a minute that has passed: also once the session is over."""
    session = journey.sessions.get(command.session)
    if session is None or session.dosed_at is None:
        refuse(
            RefusalCode.WRONG_TIME,
            "no dose of this session is recorded",
            "Record the dose first, or what was seen without one (`observation record`)",
            "session",
        )
    require_seen(journey, command, at)
    yield judge_observation(journey, command, at)


def require_seen(journey: Journey, command: c.Observe, at: datetime) -> None:
    """Refuse an observation of a minute that is still to come.

    Raises:
        RefusalRaised: it is.
    """
    session = journey.sessions[command.session]
    if session.dosed_at is None or session.dosed_at + timedelta(minutes=command.minute) > at:
        refuse(RefusalCode.WRONG_TIME, "this minute is still to come", "Record it when it was observed", "minute")


def judge_observation(journey: Journey, command: c.Observe, at: datetime) -> e.SessionObserved:
    """Return the event of an observation that is entered at a moment (UTC), judged by the protocol's limits."""
    rules = journey.protocol.sessions
    thresholds = journey.protocol.instruments.thresholds.get(Instrument.CADSS_6)
    session = journey.sessions.get(command.session)
    dissociation = None
    if command.cadss is not None and thresholds is not None:
        at_end = command.minute >= rules.minimum_minutes
        dissociation = score(Instrument.CADSS_6, list(command.cadss), thresholds, at_end=at_end)
    baseline = None if session is None or session.check is None else session.check.vitals
    seen_at = (
        at if session is None or session.dosed_at is None else session.dosed_at + timedelta(minutes=command.minute)
    )
    drowsy = is_drowsy_without_a_dose(journey, command.consciousness, seen_at)
    alert = vitals_alert(rules.vitals, command.vitals, baseline)
    unwell = command.consciousness in ("pain", "unresponsive") or not command.breathing_normal
    if unwell or command.red_flags:
        alert = "emergency"
    elif alert == "none" and (drowsy or (dissociation is not None and "escalate" in dissociation.flags)):
        alert = "notify"
    unknown = (flag for flag in command.red_flags if flag not in rules.red_flags)
    return e.SessionObserved(
        **command.model_dump(exclude={"kind", "cadss"}),
        not_understood=tuple(f"red flag {flag}: not one of the protocol's" for flag in unknown),
        dissociation=dissociation,
        alert=alert,
        scheduled=_scheduled(rules, session, command, at),
    )


def _scheduled(rules: Sessions, session: Session | None, command: c.Observe, at: datetime) -> int | None:
    """Return the scheduled minute that an observation makes."""
    if session is None or session.dosed_at is None:
        return None
    seen_at = session.dosed_at + timedelta(minutes=command.minute)
    return find_made_minute(rules, session.dosed_at, seen_at, at, command.vitals)


def miss(journey: Journey, command: c.MissObservation, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record that a scheduled observation was not made, or lacks its vital signs, once its time is over."""
    session, rules = require_scheduled(journey, command.session), journey.protocol.sessions
    if not session.running or session.dosed_at is None:
        refuse(RefusalCode.WRONG_TIME, "the session is not running", "Observations belong between dose and end")
    if command.minute not in rules.observe_minutes:
        refuse(
            RefusalCode.UNKNOWN,
            "no observation is scheduled at this minute",
            f"Give one of: {', '.join(map(str, rules.observe_minutes))}",
            "minute",
        )
    if command.minute not in journey.awaited_in(session):
        refuse(RefusalCode.ALREADY_DONE, "this observation is made, or recorded as missed", "Nothing is left to do")
    if at <= session.dosed_at + timedelta(minutes=command.minute + rules.observe_window_minutes):
        refuse(
            RefusalCode.WRONG_TIME,
            "this observation can still be made",
            f"Make it up to {rules.observe_window_minutes} minutes after its time",
            "minute",
        )
    yield e.ObservationMissed(session=command.session, minute=command.minute, reason=command.reason)


def react_observation(journey: Journey, body: e.SessionObserved, at: datetime) -> Iterator[e.EventBody]:
    """Open the adverse event of an emergency, which holds care and raises the alarm; hold care and ask for support when
    the clinician must be told."""
    emergencies = observed_emergencies(body)
    if emergencies:
        session = journey.sessions.get(body.session)
        onset = onset_of(None if session is None else session.dosed_at, body.minute, at)
        yield open_adverse_event(journey, emergencies, onset=onset, session=body.session)
    elif body.alert == "notify":
        # Beyond the protocol's limits is at least a grade 2 event: no further session before a clinician has looked.
        yield place(
            journey,
            "session_alert",
            "an observation met the protocol's rule to tell the clinician",
            source=f"session-{body.session}",
        )
        yield ask_support(
            journey,
            OF_OBSERVATION["notify"],
            f"session {body.session}: an observation met the protocol's rule to tell the clinician",
        )


def react_dissociation(journey: Journey, body: e.InstrumentRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Act on dissociation (CADSS-6) that is recorded as a questionnaire as on that of an observation."""
    if ScoreFlag.ESCALATE in body.score.flags:
        what = f"{body.instrument} met the protocol's rule to tell the clinician"
        yield place(journey, "session_alert", what, source=f"version-{journey.version}")
        yield ask_support(journey, OF_OBSERVATION["notify"], what)


DECISIONS: Decisions = {
    c.Observe: observe,
    c.MissObservation: miss,
}
REACTIONS: Reactions = {
    e.InstrumentRecorded: react_dissociation,
    e.SessionObserved: react_observation,
}
