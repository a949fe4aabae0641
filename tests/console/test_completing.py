"""What is entered to the minute means what was meant."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from application.pathway.command_catalog import BY_MODEL, names_asked_for
from console import corrections
from console.completing import complete
from console.forms import fields_of, read_back
from console.names import FormContext
from console.views.commands import Form, body_of
from tests.journey.play import START, Play, started
from workflows.journey import commands as c
from workflows.journey.events import DoseRecorded

ZONE = "America/Los_Angeles"
DOSE = BY_MODEL[c.RecordDose]


@cache
def released(*, dosed: bool = False) -> Play:
    """A session whose dose was released twenty seconds after the minute began, and perhaps taken."""
    return started(at=START + timedelta(seconds=20)).go_on(
        lambda journey: any(
            (session.dosed_at if dosed else session.released_at) is not None for session in journey.sessions.values()
        )
    )


def wall_at(at: datetime) -> str:
    """A time as it is entered: as a clock on the wall shows it."""
    return f"{at.astimezone(ZoneInfo(ZONE)):%Y-%m-%d %H:%M}"


def entered(at: datetime) -> object:
    """What is sent for a dose whose time is entered."""
    play = released()
    fields = fields_of(c.RecordDose, names_asked_for(DOSE, play.journey))
    content = read_back(fields, {"session": ["1"], "taken_at": [wall_at(at)]}, ZONE)
    complete(content, c.RecordDose, play.journey)
    return datetime.fromisoformat(content["taken_at"])


@pytest.mark.parametrize(("after", "means"), [(0, 0), (1, 40), (2, 100), (-1, -80)])
def test_a_dose_in_the_minute_of_its_release_was_taken_after_it(after: int, means: int) -> None:
    at = released().journey.sessions[1].released_at
    assert at is not None
    assert at.second == 20
    assert entered(at + timedelta(minutes=after)) == at + timedelta(seconds=means)


@pytest.mark.parametrize("minute", [-(10**12), -1, 10**12])
def test_vital_signs_of_a_minute_that_cannot_be_are_left_to_the_form_to_refuse(minute: int) -> None:
    content: dict[str, Any] = {"session": 1, "minute": minute, "vitals": {}}
    complete(content, c.Observe, released(dosed=True).journey)
    assert datetime.fromisoformat(content["vitals"]["measured_at"]).tzinfo is not None


def test_a_dose_that_is_corrected_to_the_minute_of_its_release_was_taken_after_it() -> None:
    play = released(dosed=True)
    [dose] = [event for event in play.events if isinstance(event.body, DoseRecorded)]
    at = play.journey.sessions[1].released_at
    assert at is not None
    fields = corrections.fields_for(dose, FormContext(play.journey, play.events))
    sent = {**corrections.recorded(dose, fields, ZONE), "reason": ["Invented."], "correction/taken_at": [wall_at(at)]}
    body = body_of(Form(BY_MODEL[c.Amend], play.journey, fields, ZONE, corrects=dose), sent)
    assert isinstance(body, c.Amend)
    assert isinstance(body.correction, c.RecordDose)
    assert body.correction.taken_at == at


def test_a_dose_without_a_session_or_a_time_is_left_as_it_is() -> None:
    for content in ({}, {"session": 1}, {"session": 7, "taken_at": START.isoformat()}):
        before = dict(content)
        complete(content, c.RecordDose, released().journey)
        assert content == before
