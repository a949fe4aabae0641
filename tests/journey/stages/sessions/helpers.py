"""What the tests of sessions share: forms, and moments of a session."""

from datetime import datetime, timedelta
from typing import Any

from simulation.people import PEOPLE, observation
from tests.journey.play import Play, after
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role


def at(play: Play, starts_at: datetime, session: int = 2, **changed: Any) -> c.ScheduleSession:
    return c.ScheduleSession(
        session=session,
        starts_at=starts_at,
        supervising_clinician=play.journey.clinician,
        session_monitor=PEOPLE[Role.SESSION_MONITOR].id,
        **changed,
    )


def last_dose(play: Play) -> datetime:
    assert play.journey.last_dose_at is not None
    return play.journey.last_dose_at


def dose(play: Play, session: int = 1, **changed: Any) -> c.RecordDose:
    good: dict[str, Any] = {
        "session": session,
        "dose_mg": 100.0,
        "route": "sublingual",
        "taken_at": play.at,
        "doses_left": 1,
    }
    return c.RecordDose(**good | changed)


def ending(play: Play, **changed: Any) -> c.EndSession:
    criteria = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True)
    return c.EndSession.model_validate({"session": 1, "criteria": criteria, **changed})


def observed_until(minute: int, cadss: tuple[int, ...] | None = (1, 1, 0, 0, 0, 0)) -> Play:
    play = after("session.dose")
    for each in (15, 40, 120):
        if each <= minute:
            play.at = last_dose(play) + timedelta(minutes=each)
            seen = observation(play.journey, 1, each, play.at)
            play.do(seen.model_copy(update={"cadss": cadss if each == minute else None}), Role.SESSION_MONITOR)
    return play


def see(play: Play) -> None:
    """Observe the patient of the first session now."""
    minute = round((play.at - play.dosed_at()) / timedelta(minutes=1))
    play.do(observation(play.journey, 1, minute, play.at), Role.SESSION_MONITOR)
