"""A third pathway is a file: played from referral to discharge, with nothing about it in the code."""

from pathlib import Path
from typing import Any

import pytest

from tests.journey.play import Play, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import C_SSRS_FORMS, Instrument
from workflows.journey.protocol import Protocol
from workflows.journey.views.summary import name_step
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Outcome
from workflows.protocols import check, find, list_pathways, load
from workflows.protocols.demonstration import load_demonstration

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return load_demonstration("DEPRESSION", HERE)


@pytest.fixture(scope="module")
def played(protocol: Protocol) -> Play:
    return started(protocol=protocol).go_on(lambda journey: journey.closed)


def test_the_file_is_accepted_and_found_by_its_pathway() -> None:
    path = HERE / "depression-at-home.yaml"
    assert check(path) == ()
    assert list_pathways(HERE) == ("DEPRESSION",)
    assert find("depression", HERE) == find("DEPRESSION", HERE) == find("depression-at-home", HERE) == path
    assert "DEPRESSION" not in list_pathways()
    assert load(path).obstacles()


@pytest.mark.requirement("A05", "B12")
def test_it_goes_from_referral_to_discharge(played: Play) -> None:
    assert played.journey.outcome == Outcome.COMPLETED
    assert played.journey.waiting == {}
    assert len(played.journey.ended_sessions) == 2
    opening = played.events[0].body
    assert isinstance(opening, e.PathwayStarted)
    assert opening.pathway == "DEPRESSION"


def test_it_is_measured_by_its_own_instrument(played: Play, protocol: Protocol) -> None:
    measured = [event.body for event in played.events if isinstance(event.body, e.InstrumentRecorded)]
    assert {body.instrument for body in measured} == {Instrument.PHQ_9, *C_SSRS_FORMS}
    # Once more where the session comes so late that the answers before it have lapsed.
    occasions = list(dict.fromkeys(body.occasion for body in measured if body.instrument == Instrument.PHQ_9))
    planned = [f"session-{number}" for number in protocol.instrument_schedule.before_session]
    after = [f"day-{day}" for day in protocol.instrument_schedule.after_last_session_days]
    assert list(dict.fromkeys(occasions))[: 1 + len(planned)] == ["baseline", *planned], "asked again when too old"
    assert set(after) <= set(occasions)


def test_it_shows_its_own_steps(played: Play, protocol: Protocol) -> None:
    shown = [name_step(journey) for journey, _, _ in played.moves]
    assert list(dict.fromkeys(shown)) == [step.name for step in protocol.steps_shown]


@pytest.mark.long
@pytest.mark.parametrize(
    "disturbed", [{"unwell": ("check-in-1-24h",)}, {"late": ("check_in", "visit", "measure", "follow_up_visit")}]
)
def test_it_is_completed_when_disturbed(protocol: Protocol, disturbed: dict[str, Any]) -> None:
    assert started(protocol=protocol).go_on(lambda journey: journey.closed, **disturbed).journey.outcome == "completed"


def test_its_primary_instrument_escalates_what_gets_worse(protocol: Protocol) -> None:
    """A PHQ-9 total that rises by the alert of this file asks for support, item 9 left at zero."""
    play = started(protocol=protocol).go_on(lambda journey: journey.stage == "sessions")
    [baseline] = [m for m in play.journey.measurements if m.instrument == Instrument.PHQ_9]
    assert baseline.score.total is not None
    worse = baseline.score.total + 5
    answers = [3] * (worse // 3) + [worse % 3] + [0] * (8 - worse // 3)
    worsened = c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="session-1", answers=answers)
    passed = play.do(worsened, Role.PATIENT)
    assert any(isinstance(body, e.SupportRequested) and body.urgency == "clinical" for body in passed)
