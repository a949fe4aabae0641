"""`pathway show`: everything that matters about a journey is on it. `pathway patient-view`: what its patient sees."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from deploy.local.postgres import Database
from tests.cli.helpers import World, call
from tests.fixtures.clear import PATIENTS
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import JOURNEY, Play, before
from tests.signatures.recorded import history
from workflows.journey import commands as c
from workflows.journey.instruments import Instrument
from workflows.journey.vocabulary.actors import Role

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


def patient(file: Path, ref: str) -> tuple[str, str]:
    file.write_text(json.dumps({"id": ref, "role": "patient", "name": "Pat Invented"}))
    return ("--profile", str(file))


@pytest.mark.requirement("A53", "A58", "A63", "A65", "A66", "B58")
def test_the_patient_sees_their_own_view_and_nobody_elses(world: World, journey: UUID, tmp_path: Path) -> None:
    state = world.state(journey)
    texts, own = state.protocol.patient_texts, patient(tmp_path / "own.json", state.patient.ref)
    words = ("pathway", "patient-view", str(journey))
    seen = call(world, *words, "--json", *own)
    assert (seen.code, seen.json["organisation"], seen.json["disclaimer"]) == (0, texts.organisation, texts.disclaimer)
    shown = " ".join(call(world, *words, *own).out.replace("│", " ").split())
    told = texts.stages[state.stage]
    for said in (texts.organisation, texts.disclaimer, texts.part_of_care, told.where, told.next, "988"):
        assert said in shown
    assert "what it may do for you" in shown
    assert "its limits" in shown
    other = call(world, *words, *patient(tmp_path / "other.json", "somebody-else"))
    assert (other.code, other.out) == (4, "")
    kept = [(look.reader_id, look.shown) for look in world.looks() if look.command[0] == "pathway patient-view"]
    themselves, another = (PATIENTS.of_reader(one).hex() for one in (state.patient.ref, "somebody-else"))
    assert kept == [(themselves, True), (themselves, True), (another, False)]
    # Whoever may look at the journey is told who they were; somebody who has no part in it stays a key.
    for by in ((), ("--by", state.patient.ref)):
        listed = call(world, "access", "list", str(journey), "--json", *by)
        named = [row["reader_id"] for row in listed.json if row["reader_role"] == "patient"]
        assert named == [another] * (not by) + [state.patient.ref] * 2
    assert state.patient.ref not in str([(look.reader_id, look.command) for look in world.looks()])


@pytest.mark.requirement("A65", "A66")
def test_what_a_patient_is_answered_carries_the_disclaimer(world: World, journey: UUID, tmp_path: Path) -> None:
    state = world.state(journey)
    asked = ("support", "request", str(journey), *patient(tmp_path / "own.json", state.patient.ref))
    answer = call(world, *asked, given={"urgency": "routine", "text": "Invented: when is my visit?"})
    said = " ".join(answer.out.replace("│", " ").split())
    assert state.protocol.patient_texts.disclaimer in said
    assert state.protocol.patient_texts.organisation in said
