"""What a journey shows stays short, and what it costs stays flat, however much is open or over."""

import re
from time import process_time

import pytest

from application.pathway.wording import describe_obligations
from tests.journey.crowds import CROWDS, crowd
from tests.journey.play import START, Play, started
from tests.journey.test_cost import calls
from tests.journey.test_portions import settle
from workflows.journey.aggregate import Journey, evolve
from workflows.journey.always.safety.model import Support
from workflows.journey.commands import AnswerQuestion, AskQuestion, HandleMessage, KeepUnreadable, PlaceHold
from workflows.journey.decide import decide
from workflows.journey.entries import Entries
from workflows.journey.obligations import CHANGES_AT_ONCE
from workflows.journey.views.summary import details, status
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import Refusal

FEW, MANY = 10, 300
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
    said = "\n".join(describe_obligations(play.journey, play.at))
    assert len(said) < 12_000
    assert "more. All together:" in said
    [all_of_it] = re.findall("All together: (.*). See", said)
    first = re.match(r"\d+ × (.+) \(([a-z -]+)\)", all_of_it.split("; ")[0])
    assert first is not None
    assert first[1] in {each.what for each in play.journey.waiting.values()}, "as it is said everywhere"
    assert f"work list --journey {play.journey.id}" in said
    assert status(play.journey, 1).due == min(waiting.deadline for waiting in play.journey.waiting.values())


def test_alarms_are_shown_before_what_is_due_earlier() -> None:
    play = crowded("urgent requests", 3)
    quiet = crowded("questions", 60)
    waiting = play.journey.waiting.put(quiet.journey.waiting)
    shown = details(play.journey.model_copy(update={"waiting": waiting}))
    assert "on-call clinician" in shown.splitlines()[4]


@pytest.mark.parametrize("kind", FLAT)
def test_a_command_costs_no_more_with_much_open(kind: str) -> None:
    few, many = (calls(crowded(kind, open_now)) for open_now in (FEW, MANY))
    assert many <= 3 * few, (few, many)


# At night a minute of processor time, of which other tests on the same machine leave it a part.
VERY_MUCH = pytest.param(50_000, 10_000, marks=(pytest.mark.soak, pytest.mark.timeout(1800)))


@pytest.mark.long
@pytest.mark.parametrize(("events", "many"), [(1_500, 300), VERY_MUCH])
def test_a_journey_in_which_very_much_happened_is_held_at_once(events: int, many: int) -> None:
    """10,000 requests with a kilobyte of text each are ten megabytes of messages."""
    play = started()
    while play.journey.version < events - 2 * many // CHANGES_AT_ONCE:
        play.do(AskQuestion(text="x" * 400), Role.PATIENT)
        play.do(AnswerQuestion(question=f"question-{len(play.journey.questions)}", text="x" * 400), Role.CLINICIAN)
        play.events.clear()
        play.moves.clear()
    play.do(KeepUnreadable(name="x", content="x" * 16_000), CLOCK)
    play.do(HandleMessage(message="message-1", text="x"), Role.OPS)
    assert len(play.journey.messages["message-1"].content) < 300, "the record has all of it"
    copies = {
        f"support-{n}": Support(id=f"support-{n}", at=START, urgency="urgent", text="x" * 1000)
        for n in range(1, many + 1)
    }
    play.journey = play.journey.model_copy(update={"support": Entries(copies), "behind": play.at})
    settle(play)
    hold = play.command(PlaceHold(reason="x"), Role.PATIENT)
    began = process_time()
    decided = play.decide(hold)
    took = process_time() - began
    assert not isinstance(decided, Refusal)
    assert evolve(play.journey, decided[0]).held
    began = process_time()
    handed = play.journey.model_dump_json()
    again = Journey.model_validate_json(handed)
    spent = process_time() - began
    assert again == play.journey
    assert decide(again, hold, play.at) == decided
    print(f"version {play.journey.version}, {len(play.journey.waiting)} awaited: a hold {1000 * took:.1f} ms, ")
    print(f"state {len(handed.encode()) / 1e6:.1f} MB, written and read in {spent:.2f} s")
    assert took < 0.2, "with room for a busy machine"


def test_state_that_was_handed_over_goes_on_as_before() -> None:
    play = crowded("urgent requests", MANY)
    again = Journey.model_validate_json(play.journey.model_dump_json())
    assert again == play.journey
    command = play.command(PlaceHold(reason="x"), Role.PATIENT)
    assert decide(again, command, play.at) == decide(play.journey, command, play.at)
