"""What the command line tells somebody who has no part in a journey: that it was taken, and nothing of the journey."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from simulation.people import PEOPLE, profile
from tests.cli.helpers import Answer, World, call
from workflows.journey.commands import Command, Withdraw
from workflows.journey.decide import decide
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal

REPORTS: dict[str, dict[str, Any]] = {
    "pathway hold": {"reason": "Invented: seen asleep on the street"},
    "support request": {"urgency": "urgent", "text": "Invented: they do not answer"},
    "adverse-event report": {
        "what": "Invented: a fall",
        "grade": 2,
        "serious": False,
        "onset": "2026-03-02T09:00:00-08:00",
    },
    "crisis report": {"what": "Invented: they spoke of dying"},
}
CHANGES: dict[str, dict[str, Any]] = {
    "pathway withdraw": {},
    "pathway reassign": {"duty": "coordinator", "to": "demo-coordinator", "reason": "Invented: mine"},
    "pathway move": {"zone": "America/New_York", "state": "NY"},
    "pathway cover": {"by": "demo-clinician", "until": "2026-03-09T09:00:00-08:00", "reason": "Invented: mine"},
    "patient merge": {"other": "nobody-has-this", "reason": "Invented: the same"},
    "patient unmerge": {"merge": "merge-1", "reason": "Invented: somebody else"},
    "patient update": {"emergency_contact_ref": "mine", "reason": "Invented"},
}


@pytest.fixture
def stranger(tmp_path: Path) -> str:
    """A coordinator of another clinic."""
    path = tmp_path / "night.json"
    path.write_text(profile(PEOPLE[Role.COORDINATOR].model_copy(update={"id": "night-coordinator"}), "night-clinic"))
    return str(path)


def send(world: World, journey: UUID, who: str, what: str, given: dict[str, Any], *more: str) -> Answer:
    return call(world, *what.split(), str(journey), "--profile", who, *more, given=given)


def told(world: World, journey: UUID, answer: Answer) -> list[str]:
    """What of the journey stands in an answer."""
    known = world.state(journey)
    words = [
        known.clinic,
        known.patient.ref,
        known.stage.value,
        known.coordinator,
        known.clinician,
        "withdrawn",
        "closed",
    ]
    return [word for word in words if word in answer.out + answer.err]


@pytest.mark.parametrize("what", REPORTS)
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_report_is_taken_and_shows_nothing(
    world: World, journey: UUID, stranger: str, what: str, more: tuple[str, ...]
) -> None:
    answer = send(world, journey, stranger, what, REPORTS[what], *more)
    assert answer.code == 0, answer.err
    assert told(world, journey, answer) == []
    assert world.state(journey).strangers_heard == 1
    assert call(world, "pathway", "show", str(journey), "--profile", stranger).code == 4


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_refused_and_shows_nothing(world: World, journey: UUID, stranger: str, what: str) -> None:
    before = world.state(journey)
    answer = send(world, journey, stranger, what, CHANGES[what], "--json")
    assert answer.code in (4, 5), answer.err
    assert "no part in this journey" in answer.error["reason"]
    assert told(world, journey, answer) == []
    assert world.state(journey) == before


@pytest.mark.parametrize("what", ["pathway hold", "pathway withdraw"])
def test_nobody_else_learns_that_a_journey_has_ended(world: World, journey: UUID, stranger: str, what: str) -> None:
    left = Command(command_id=uuid4(), actor=PEOPLE[Role.COORDINATOR], body=Withdraw())
    ended = decide(world.state(journey), left, world.at)
    assert not isinstance(ended, Refusal)
    world.put(journey, ended)
    answer = send(world, journey, stranger, what, (REPORTS | CHANGES)[what], "--json")
    assert answer.code in (4, 5)
    assert told(world, journey, answer) == []


def test_a_template_says_nothing_of_the_journey(world: World, journey: UUID, stranger: str) -> None:
    own = call(world, "screening", "record", str(journey), "--template")
    other = call(world, "screening", "record", str(journey), "--template", "--profile", stranger)
    assert own.code == other.code == 0
    assert "X01" in own.out
    assert "X01" not in other.out
