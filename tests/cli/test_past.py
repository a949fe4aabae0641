"""A journey as it was, what changed since, and why: by what had been recorded then."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.cli.helpers import World, call
from tests.journey.play import Play
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role

MISHEARD = {"sleep": "Invented: worse than first said"}


@pytest.fixture
def lived(world: World, journey: UUID) -> UUID:
    """An evaluation that was recorded, corrected two days later, and then a hold."""
    play = Play(world.state(journey), world.at)
    play.do(c.RecordEvaluation(function={"sleep": "Invented: bad on most days"}), Role.CLINICIAN)
    recorded = next(event.version for event in play.events if event.body.kind == "evaluation.recorded")
    play.later(days=2)
    correction = c.RecordEvaluation(function=MISHEARD)
    play.do(c.Amend(version=recorded, reason="Invented: misheard", correction=correction), Role.CLINICIAN)
    play.do(c.PlaceHold(reason="Invented: wait"), Role.PATIENT)
    world.put(journey, play.events)
    world.at = play.at
    return journey


def shown(world: World, journey: UUID, *options: str) -> dict[str, Any]:
    answer = call(world, "pathway", "show", str(journey), "--json", *options)
    assert answer.code == 0, answer.err
    found: dict[str, Any] = answer.json
    return found


def version(found: dict[str, Any]) -> int:
    return int(found["journey"]["version"])


def test_what_was_known_then_and_what_was_true_of_it(world: World, lived: UUID) -> None:
    now = shown(world, lived)
    day = (world.at - timedelta(days=1)).isoformat()
    then = shown(world, lived, "--at", day)
    assert (now["health"], then["health"]) == ("held", "open")
    assert version(then) < version(now)
    assert shown(world, lived, "--at", str(version(then))) == then
    known = call(world, "pathway", "diff", str(lived), day, "--json").json["changes"]
    changed = {change["path"]: (change["then"], change["now"]) for change in known}
    assert changed["evaluation.function.sleep"] == ("Invented: bad on most days", MISHEARD["sleep"])
    assert any(path.startswith("holds") for path in changed)
    true = shown(world, lived, "--at", day, "--corrected")
    assert (version(true), true["health"]) == (version(then), "open")
    words = call(world, "pathway", "diff", str(lived), day)
    assert "evaluation › function › sleep: now “Invented: worse than first said”" in words.out


@pytest.mark.parametrize(
    ("moment", "code"),
    [("0", 3), ("2020-01-01T00:00:00Z", 3), ("2026-11-23T17:00:00", 2), ("yesterday", 2)]
    + [(odd, 2) for odd in ("016", "1_6", "+16", " 16", "１６")],
)
def test_what_is_no_moment_of_it(world: World, lived: UUID, moment: str, code: int) -> None:
    assert call(world, "pathway", "show", str(lived), "--at", moment, "--json").code == code


@pytest.mark.parametrize("moment", ["99999", "20261125", "2199-01-01T00:00:00Z"])
def test_a_moment_still_to_come_is_refused(world: World, lived: UUID, moment: str) -> None:
    for words in (
        ("show", str(lived), "--at", moment),
        ("diff", str(lived), "1", moment),
        ("diff", str(lived), moment),
    ):
        answer = call(world, "pathway", *words, "--json")
        assert answer.code == 2, words
        assert "still to come" in answer.err


def test_every_event_is_explained(world: World, lived: UUID) -> None:
    for event in world.events(lived):
        explained = call(world, "pathway", "explain", str(lived), str(event.version), "--json")
        assert explained.code == 0
        assert explained.json["chain"][-1]["kind"] == event.body.kind
    people = call(world, "pathway", "explain", str(lived), "1")
    assert "Pathway started" in people.out
    assert "it is what was asked for" in people.out
    assert call(world, "pathway", "explain", str(lived), "99", "--json").code == 3
