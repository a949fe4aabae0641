"""Answers that are none: no total, a reason that names the item, and never what was answered."""

import math
from typing import Any

import pytest

from tests.journey.instruments import vectors
from tests.journey.instruments.vectors import c_ssrs
from workflows.journey.instruments import Instrument, definition_of, score

LISTS = [instrument for instrument, _ in vectors.THRESHOLDS]

BAD_ANSWERS = [
    pytest.param(True, id="true"),
    pytest.param(False, id="false"),
    pytest.param(1.0, id="float"),
    pytest.param(math.nan, id="nan"),
    pytest.param(math.inf, id="inf"),
    pytest.param("1", id="string"),
    pytest.param("", id="empty-string"),
    pytest.param(-1, id="negative"),
    pytest.param(5, id="too-high"),
    pytest.param(10**4000, id="huge"),
    pytest.param([1], id="list"),
    pytest.param({"value": 1}, id="object"),
]


@pytest.mark.parametrize("bad", BAD_ANSWERS)
@pytest.mark.parametrize("instrument", LISTS)
def test_one_bad_answer_leaves_no_total(instrument: Instrument, bad: Any) -> None:
    definition = definition_of(instrument)
    for item in range(1, definition.items + 1):
        answers: list[Any] = [0] * definition.items
        answers[item - 1] = bad
        result = score(instrument, answers, dict(vectors.THRESHOLDS)[instrument], earlier=(10,))
        assert (result.complete, result.total, result.band, result.change) == (False, None, None, None)
        assert result.subscales == {}
        assert result.reason == f"item {item} is not a whole number from 0 to {definition.item_max}"
        assert "total" not in result.as_line()


@pytest.mark.parametrize("instrument", LISTS)
def test_every_unanswered_item_is_named(instrument: Instrument) -> None:
    items = definition_of(instrument).items
    result = score(instrument, [None] + [0] * (items - 2) + [None])
    assert result.reason == f"item 1 is not answered; item {items} is not answered"


@pytest.mark.parametrize("extra", [-1, 1])
@pytest.mark.parametrize("instrument", LISTS)
def test_too_few_or_too_many_answers(instrument: Instrument, extra: int) -> None:
    items = definition_of(instrument).items
    result = score(instrument, [0] * (items + extra))
    assert (result.complete, result.total) == (False, None)
    assert result.reason == f"{items} answers are needed, {items + extra} given"


@pytest.mark.parametrize("answers", [None, True, 3, 1.5, math.nan, "0000000", {}, {"1": 0}])
@pytest.mark.parametrize("instrument", LISTS)
def test_not_a_list(instrument: Instrument, answers: object) -> None:
    result = score(instrument, answers)
    assert (result.complete, result.total, result.reason) == (False, None, "answers are not a list")


@pytest.mark.parametrize("bad", [0, 1, 1.0, math.nan, "yes", "true", "", [], [True], {"yes": True}])
@pytest.mark.parametrize("marks", ["yyyyyyy", "nn---n-"])
def test_c_ssrs_answers_are_yes_or_no(marks: str, bad: object) -> None:
    for question in definition_of(Instrument.C_SSRS).questions:
        result = score(Instrument.C_SSRS, c_ssrs(marks) | {question.key: bad})
        assert not result.complete
        assert result.gate_level == "high"
        assert result.reason is not None
        assert f"{question.label} is neither yes nor no" in result.reason


@pytest.mark.parametrize("instrument", list(Instrument))
def test_a_reason_never_repeats_an_answer(instrument: Instrument) -> None:
    secret = "Jane Roe wrote this"
    for answers in ([secret] * 20, {secret: secret}, {"q1": secret, "q6": {secret: [secret]}}, secret):
        assert secret not in score(instrument, answers).model_dump_json()
