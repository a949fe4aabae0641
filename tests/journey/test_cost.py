"""What a command costs does not grow with all that ever happened, and little with all that is open."""

import sys
from types import FrameType
from typing import Any

from tests.journey.play import Play, started
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role

CALLS_FOR_EACH_OPEN = 10
"""Function calls that one more open question may cost each later command. A step through all of them for each of them
would cost hundreds."""


def ask(play: Play, times: int) -> Play:
    for _ in range(times):
        play.do(c.AskQuestion(text="what if?"), Role.PATIENT)
    return play


def answer_all(play: Play) -> Play:
    for question in list(play.journey.questions):
        play.do(c.AnswerQuestion(question=question, text="like this"))
    return play


def calls(play: Play) -> int:
    """How many functions are called to decide one more question."""
    command, counted = play.command(c.AskQuestion(text="and then?"), Role.PATIENT), 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    play.decide(command)
    sys.setprofile(count)
    try:
        play.decide(command)
    finally:
        sys.setprofile(None)
    return counted


def test_what_is_open_costs_in_proportion() -> None:
    few, many = calls(ask(started(), 20)), calls(ask(started(), 220))
    assert many - few <= 200 * CALLS_FOR_EACH_OPEN


def test_what_is_over_costs_nothing_to_speak_of() -> None:
    few, many = calls(answer_all(ask(started(), 2))), calls(answer_all(ask(started(), 102)))
    assert many - few <= 100 * 3
