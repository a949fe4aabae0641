"""Harm in a session, what it brings about, and the steps that were taken."""

from datetime import UTC, datetime, timedelta
from typing import Any

from simulation.people import observation
from tests.journey.play import Play, after
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import Role

FRIDAY_AT_FIVE = datetime(2026, 11, 28, 1, tzinfo=UTC)
"""17:00 in the clinic, on a Friday after a holiday."""


ALARM = "alarm:adverse-event-1"


def in_session(at: datetime | None = None) -> Play:
    """Forty minutes after a dose that was released and taken as planned."""
    play = after("session.dose")
    play.later(minutes=40)
    if at is not None:
        play = moved(play, at - play.at)
    return play


def moved(play: Play, by: timedelta) -> Play:
    """The same moment of a session, at another time of the week."""
    session = play.journey.sessions[1]
    assert session.dosed_at is not None
    later = session.model_copy(update={"dosed_at": session.dosed_at + by})
    return play.later(seconds=by.total_seconds()).changed(sessions={1: later})


def seen(play: Play, **changed: Any) -> c.Observe:
    ordinary = observation(play.journey, 1, 40, play.at)
    return ordinary.model_copy(update={"cadss": None, **changed})


def seizure(play: Play) -> list[e.EventBody]:
    return play.do(seen(play, consciousness="unresponsive", red_flags=("seizure",)), Role.SESSION_MONITOR)


def dose(play: Play, times: float = 1, **changed: Any) -> c.RecordDose:
    plan, session = play.journey.plan, play.journey.next_session
    assert plan is not None
    values = {
        "session": session,
        "dose_mg": plan.dose_mg * times,
        "route": plan.route,
        "taken_at": play.at,
        "doses_left": plan.doses_dispensed - 1,
        "deviation": "invented",
        **changed,
    }
    return c.RecordDose.model_validate(values)


def told(play: Play, since: int = 0) -> list[tuple[str, Role, bool]]:
    return [(n.kind, n.to, n.alarm) for event in play.events[since:] for n in notices(event)]


def steps(bodies: list[e.EventBody], obligation: str = ALARM) -> list[e.ObligationEscalated]:
    return [body for body in bodies if isinstance(body, e.ObligationEscalated) and body.obligation == obligation]


def acknowledge(obligation: str = ALARM) -> c.AcknowledgeAlarm:
    return c.AcknowledgeAlarm(obligation=obligation, doing="on the phone with the observer")
