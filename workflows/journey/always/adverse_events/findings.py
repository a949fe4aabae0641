"""Which findings are an emergency that opens its adverse event by itself, and with which grade.

An emergency is nothing that somebody has to think of reporting: an observation, or a dose that was not the one
released, opens the adverse event in the same step, graded as the protocol says until a clinician grades it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.patient_limits import is_more

FindingKind = Literal[
    "unresponsive",
    "breathing",
    "red_flag",
    "vital_signs",
    "overdose",
    "unknown_dose",
    "unreleased_dose",
    "second_dose",
]
"""The kinds of emergency, as the protocol's ``adverse_events.emergency_grades`` names them."""

FINDINGS: dict[FindingKind, str] = {
    "unresponsive": "not responsive, or only to pain",
    "breathing": "breathing not normal",
    "red_flag": "a red flag of the protocol",
    "vital_signs": "vital signs at the protocol's emergency limit",
    "overdose": "a dose above the one planned, by the protocol's percentage an overdose",
    "unknown_dose": "a dose of which nobody knows how much it was",
    "unreleased_dose": "a dose that was not released",
    "second_dose": "a second dose in one session",
}


def open_adverse_event(
    journey: Journey, findings: tuple[FindingKind, ...], *, onset: datetime, session: int | None, recent: bool = True
) -> e.AdverseEventReported:
    """Return the adverse event (onset in UTC) that these findings are: it has the highest of their grades.

    One that is told when its effects are over (not ``recent``) is as severe as its grade, and no emergency any more.
    """
    grades = journey.protocol.adverse_events.emergency_grades
    first = max(findings, key=lambda finding: getattr(grades, finding))
    return e.AdverseEventReported(
        adverse_event=f"adverse-event-{len(journey.adverse_events) + 1}",
        what="; ".join(FINDINGS[finding] for finding in findings),
        grade=getattr(grades, first),
        serious=False,
        serious_because=(),
        onset=onset,
        session=session,
        causality="unknown",
        finding=first if recent else None,
    )


def observed_emergencies(body: e.SessionObserved | e.ObservationRecorded) -> tuple[FindingKind, ...]:
    """Return what makes an observation, in a session or outside one, an emergency: by the protocol's limits and red
    flags."""
    if body.alert != "emergency":
        return ()
    found: list[FindingKind] = []
    if body.consciousness in ("pain", "unresponsive"):
        found.append("unresponsive")
    if body.breathing_normal is False:
        found.append("breathing")
    if body.red_flags:
        found.append("red_flag")
    return tuple(found) or ("vital_signs",)


def dose_emergencies(journey: Journey, body: e.DoseRecorded, at: datetime) -> tuple[FindingKind, ...]:
    """Return what makes a dose that is told at a moment (UTC) an emergency: more than planned, by the protocol's
    percentage; not released, or taken under a hold, after its release lapsed or its session was stopped; a second one
    in its session."""
    history = is_history(journey, body.session, body.taken_at, at)
    return () if history else tuple(_dose_emergencies(journey, body))


def is_history(journey: Journey, session: int | None, taken_at: datetime, at: datetime) -> bool:
    """Whether a dose that is told at a moment (UTC) is only to be known and counted: it was taken before the journey
    began, for no session, and so long ago that nothing is owed after it. No dose of a session is: its time is wrong."""
    over = at - taken_at > timedelta(hours=journey.protocol.check_ins.owed_hours)
    return session is None and taken_at < journey.started_at and over


def _dose_emergencies(journey: Journey, body: e.DoseRecorded) -> Iterator[FindingKind]:
    planned = planned_mg(journey, body.session)
    overdose = journey.protocol.adverse_events.overdose_from_percent
    if planned is not None and body.dose_mg is not None and not is_more(overdose * planned, 100 * body.dose_mg):
        yield "overdose"
    if body.dose_mg is None:  # It may be any overdose.
        yield "unknown_dose"
    session = None if body.session is None else journey.sessions.get(body.session)
    released = None if session is None else session.released_at
    barred = () if session is None else (session.ended_at, session.stopped_at)
    lapsed = released is not None and body.taken_at > released + journey.protocol.sessions.release_lasts
    over = lapsed or any(moment is not None and moment <= body.taken_at for moment in barred)
    if planned is None or released is None or body.taken_at < released or over or _held(journey, released, body):
        yield "unreleased_dose"
    if session is not None and session.dose not in (None, body.dose):
        yield "second_dose"


def planned_mg(journey: Journey, session: int | None) -> float | None:
    """Return the dose (mg) that was to be taken: the one a session was released with, or else that of the plan."""
    released = None if session not in journey.sessions else journey.sessions[session].released_mg
    return released if released is not None or journey.plan is None else journey.plan.dose_mg


def _held(journey: Journey, released: datetime, body: e.DoseRecorded) -> bool:
    """Whether care was held between the release and the dose."""
    return any(released <= hold.placed_at <= body.taken_at for hold in journey.standing_holds)


def onset_of(session_dosed_at: datetime | None, minute: int, at: datetime) -> datetime:
    """Return when (UTC) something observed at a minute after the dose began, at the latest."""
    return at if session_dosed_at is None else min(at, session_dosed_at + timedelta(minutes=minute))
