"""`pathway show`: everything that matters about a journey is on it."""

from uuid import UUID

import pytest

from deploy.local.postgres import Database
from tests.cli.helpers import World, call
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import JOURNEY, Play, before
from tests.signatures.recorded import history
from workflows.journey import commands as c
from workflows.journey.actors import Role
from workflows.journey.instruments import Instrument

WHAT = "Invented: a fall"
HELP = "Invented: who drives me home?"


@pytest.fixture
def troubled(migrated: Database) -> tuple[World, Play]:
    """A journey with an adverse event, a crisis and two requests for support, one of them answered."""
    play = before("session.check")
    play.do(
        c.ReportAdverseEvent(
            what=WHAT, grade=2, serious=True, serious_because=("hospitalization",), onset=play.at, session=1
        ),
        Role.PATIENT,
    )
    play.do(c.RequestSupport(urgency="routine", text=HELP), Role.PATIENT)
    play.do(c.RequestSupport(urgency="clinical", text="Invented: a rash"), Role.PATIENT)
    play.do(c.AnswerSupport(support="support-1", text="Invented: your observer"), Role.COORDINATOR)
    high = c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="self", answers=c_ssrs("yyyynn-"))
    play.do(high, Role.PATIENT)
    world = World(migrated)
    world.at = play.at
    world.put(JOURNEY, [event for event in history() if event.version < play.events[0].version] + play.events)
    return world, play


def test_harm_crises_and_calls_for_help_are_shown(troubled: tuple[World, Play]) -> None:
    world, play = troubled
    shown = call(world, "pathway", "show", str(JOURNEY)).out
    [harm] = play.journey.adverse_events.values()
    [crisis] = play.journey.crises.values()
    lines = shown.splitlines()

    def line_of(text: str) -> str:
        return next(line for line in lines if text in line)

    assert all(word in line_of(WHAT) for word in (harm.id, "2", "yes", harm.reported_by))
    assert all(word in line_of(crisis.source) for word in (crisis.id, crisis.level, "not yet"))
    assert "yes" in line_of(HELP)
    assert all(word in line_of("a rash") for word in ("support-2", "clinical", "not yet"))


def test_what_did_not_happen_takes_no_room(world: World, journey: UUID) -> None:
    shown = call(world, "pathway", "show", str(journey)).out
    for title in ("Adverse events", "Crises", "Requests for support"):
        assert title not in shown
