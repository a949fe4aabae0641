"""What is entered to the minute means what was meant."""

from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from application.command_catalog import BY_MODEL, names_asked_for
from console.completing import complete
from console.forms import fields_of, read_back
from tests.journey.play import START, Play, started
from workflows.journey import commands as c

ZONE = "America/Los_Angeles"
DOSE = BY_MODEL[c.RecordDose]


@cache
def released() -> Play:
    """A session whose dose was released twenty seconds after the minute began."""
    return started(at=START + timedelta(seconds=20)).go_on(
        lambda journey: any(session.released_at is not None for session in journey.sessions.values())
    )


def entered(at: datetime) -> object:
    """What is sent for a dose whose time is entered as a clock on the wall shows it."""
    play = released()
    fields = fields_of(c.RecordDose, names_asked_for(DOSE, play.journey))
    wall = f"{at.astimezone(ZoneInfo(ZONE)):%Y-%m-%d %H:%M}"
    content = read_back(fields, {"session": ["1"], "taken_at": [wall]}, ZONE)
    complete(content, DOSE, play.journey)
    return datetime.fromisoformat(content["taken_at"])


@pytest.mark.parametrize(("after", "means"), [(0, 0), (1, 40), (2, 100), (-1, -80)])
def test_a_dose_in_the_minute_of_its_release_was_taken_after_it(after: int, means: int) -> None:
    at = released().journey.sessions[1].released_at
    assert at is not None
    assert at.second == 20
    assert entered(at + timedelta(minutes=after)) == at + timedelta(seconds=means)


def test_a_dose_without_a_session_or_a_time_is_left_as_it_is() -> None:
    for content in ({}, {"session": 1}, {"session": 7, "taken_at": START.isoformat()}):
        before = dict(content)
        complete(content, DOSE, released().journey)
        assert content == before
