"""What holds for all answers: scoring is total, and what is missing never makes anyone look well."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.journey.instruments import vectors
from workflows.journey.instruments import C_SSRS_FORMS, Instrument, Thresholds, definition_of, score

QUESTIONS = definition_of(Instrument.C_SSRS).questions
KEYS = [question.key for question in QUESTIONS]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=25) | st.dictionaries(st.text(max_size=5), inner, max_size=8),
    max_leaves=40,
)
nearly_an_answer = st.integers(-1, 5) | st.none() | st.booleans() | st.floats() | st.text(max_size=2)
nearly_answers = st.lists(nearly_an_answer, max_size=22)
nearly_c_ssrs = st.dictionaries(
    st.sampled_from([*KEYS, "q7"]), st.sampled_from([True, False, True, False, None, 1, "yes"])
)
chosen = st.sampled_from(vectors.THRESHOLDS)


@st.composite
def complete_answers(draw: st.DrawFn, instrument: Instrument) -> list[int]:
    definition = definition_of(instrument)
    item = st.integers(0, definition.item_max)
    return draw(st.lists(item, min_size=definition.items, max_size=definition.items))


@st.composite
def complete_c_ssrs(draw: st.DrawFn) -> dict[str, bool | None]:
    answers: dict[str, bool | None] = {}
    for question in QUESTIONS:
        asked = question.asked_if is None or answers[question.asked_if] is True
        answers[question.key] = draw(st.booleans() if asked else st.sampled_from([None, False]))
    return answers


@given(
    st.sampled_from(list(Instrument)),
    anything | nearly_answers | nearly_c_ssrs,
    st.lists(st.integers() | st.integers(0, 30), max_size=4),
    st.booleans(),
)
def test_score_answers_everything(instrument: Instrument, answers: Any, earlier: list[int], at_end: bool) -> None:
    thresholds = dict(vectors.THRESHOLDS).get(instrument, Thresholds())
    result = score(instrument, answers, thresholds, earlier, at_end=at_end)
    assert result == score(instrument, answers, thresholds, earlier, at_end=at_end)
    assert result.complete is (result.reason is None)
    assert set(result.as_line()) >= {
        "instrument",
        "band",
        "complete",
        "reason",
        "subscales",
        "flags",
        "change",
    }
    if instrument in C_SSRS_FORMS:
        assert result.complete is not ("indeterminate" in result.flags)
        assert result.total is None
        assert "level" in result.as_line()
    else:
        assert result.complete is (result.total is not None)
        assert result.complete is ("total" in result.as_line())
        assert result.level is None
        assert result.gate_level is None
    if not result.complete:
        assert (result.band, result.change, result.subscales) == (None, None, {})
        assert "release_ok" not in result.flags


@given(chosen, st.data())
def test_a_complete_set_adds_up(pair: tuple[Instrument, Thresholds], data: st.DataObject) -> None:
    instrument, thresholds = pair
    answers = data.draw(complete_answers(instrument))
    result = score(instrument, answers, thresholds)
    assert result.total == sum(answers)
    assert not result.subscales or sum(result.subscales.values()) == sum(answers)
    assert (result.band is None) is (not definition_of(instrument).bands)


@given(chosen, st.data())
def test_raising_an_item_never_lowers_the_total_nor_clears_a_flag(
    pair: tuple[Instrument, Thresholds], data: st.DataObject
) -> None:
    instrument, thresholds = pair
    definition = definition_of(instrument)
    answers = data.draw(complete_answers(instrument))
    position = data.draw(st.integers(0, definition.items - 1))
    worse = list(answers)
    worse[position] = data.draw(st.integers(answers[position], definition.item_max))
    before, after = score(instrument, answers, thresholds), score(instrument, worse, thresholds)
    assert before.total is not None
    assert after.total is not None
    assert after.total >= before.total
    assert all(flag in after.flags for flag in before.flags if flag != "release_ok")
    assert "release_ok" in before.flags or "release_ok" not in after.flags


@given(chosen, st.data())
def test_losing_answers_never_leaves_a_total_nor_a_release(
    pair: tuple[Instrument, Thresholds], data: st.DataObject
) -> None:
    instrument, thresholds = pair
    answers: list[Any] = list(data.draw(complete_answers(instrument)))
    positions = data.draw(st.lists(st.integers(0, len(answers) - 1), min_size=1))
    for position in positions:
        answers[position] = data.draw(st.sampled_from([None, True, "0", -1, 99, 0.0]))
    for lost in (answers, answers[: positions[0]]):
        result = score(instrument, lost, thresholds, earlier=(10,))
        assert (result.complete, result.total, result.band, result.change) == (False, None, None, None)
        assert "release_ok" not in result.flags


@given(complete_answers(Instrument.PHQ_9), st.sampled_from([None, True, False, "0", 9, 0.0]))
def test_losing_item_9_is_never_a_0(answers: list[int], lost: object) -> None:
    for without in (answers[:8], [*answers[:8], lost]):
        result = score(Instrument.PHQ_9, without)
        assert result.flags == ("item_9_not_answered",)
        assert result.needs_c_ssrs


@given(complete_answers(Instrument.PHQ_9), st.lists(st.integers(0, 7), min_size=1))
def test_item_9_speaks_whatever_else_is_lost(answers: list[int], positions: list[int]) -> None:
    partial: list[int | None] = list(answers)
    for position in positions:
        partial[position] = None
    assert score(Instrument.PHQ_9, partial).needs_c_ssrs is (answers[8] > 0)


@given(complete_c_ssrs(), st.lists(st.sampled_from(KEYS), min_size=1), st.booleans())
def test_losing_c_ssrs_answers_never_lowers_the_gate(
    answers: dict[str, bool | None], lost: list[str], left_out: bool
) -> None:
    before = score(Instrument.C_SSRS, answers)
    assert before.complete
    partial = {key: value for key, value in answers.items() if key not in lost}
    after = score(Instrument.C_SSRS, partial if left_out else partial | dict.fromkeys(lost))
    assert before.gate_level is not None
    assert after.gate_level is not None
    assert after.gate_level.severity >= before.gate_level.severity


@given(nearly_c_ssrs, st.sampled_from(KEYS))
def test_another_yes_never_lowers_the_c_ssrs_level(answers: dict[str, Any], key: str) -> None:
    before = score(Instrument.C_SSRS, answers)
    after = score(Instrument.C_SSRS, answers | {key: True})
    assert after.level is not None
    assert before.level is None or after.level.severity >= before.level.severity
    assert after.gate_level is not None
    if before.complete and before.gate_level is not None:
        assert after.gate_level.severity >= before.gate_level.severity


@given(nearly_c_ssrs)
def test_the_gate_is_never_below_the_level(answers: dict[str, Any]) -> None:
    result = score(Instrument.C_SSRS, answers)
    assert result.gate_level is not None
    assert result.level is None or result.gate_level.severity >= result.level.severity
    assert result.complete or result.gate_level == "high"
