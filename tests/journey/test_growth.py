"""What a journey shows stays short, and what it costs stays flat, however much is open or over."""

import pytest

from cli.render import sentences
from tests.journey.crowds import CROWDS, crowd
from tests.journey.play import Play
from tests.journey.test_cost import calls
from tests.journey.test_portions import settle
from workflows.journey.actors import Role
from workflows.journey.aggregate import Journey
from workflows.journey.commands import PlaceHold
from workflows.journey.decide import decide
from workflows.journey.summary import details, status

FEW, MANY = 10, 600
FLAT = [kind for kind in CROWDS if kind not in ("holds", "crises", "serious events", "events", "merges", "corrections")]
"""What needs a decision on evidence of its own is not flat: its evidence is asked for at each command."""


def crowded(kind: str, many: int) -> Play:
    play = crowd(kind, many)
    settle(play)
    return play


@pytest.mark.parametrize("kind", ["questions", "urgent requests", "holds", "contacts"])
def test_texts_stay_short(kind: str) -> None:
    play = crowded(kind, MANY)
    assert len(details(play.journey)) < 3_000
    said = "\n".join(sentences(play.journey, play.at))
    assert len(said) < 12_000
    assert "more. All together:" in said
    assert f"work list --journey {play.journey.id}" in said
    assert status(play.journey, 1).due == min(waiting.deadline for waiting in play.journey.waiting.values())


def test_alarms_are_shown_before_what_is_due_earlier() -> None:
    play = crowded("urgent requests", 3)
    quiet = crowded("questions", 60)
    waiting = play.journey.waiting.put(quiet.journey.waiting)
    shown = details(play.journey.model_copy(update={"waiting": waiting}))
    assert "on call clinician" in shown.splitlines()[4]


@pytest.mark.parametrize("kind", FLAT)
def test_a_command_costs_no_more_with_much_open(kind: str) -> None:
    few, many = (calls(crowded(kind, open_now)) for open_now in (FEW, MANY))
    assert many <= 3 * few, (few, many)


def test_state_that_was_handed_over_goes_on_as_before() -> None:
    play = crowded("urgent requests", MANY)
    again = Journey.model_validate_json(play.journey.model_dump_json())
    assert again == play.journey
    command = play.command(PlaceHold(reason="x"), Role.PATIENT)
    assert decide(again, command, play.at) == decide(play.journey, command, play.at)
