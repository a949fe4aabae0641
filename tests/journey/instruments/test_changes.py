"""How totals move: every agreed change vector, and what must never be called better."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.instruments import vectors
from workflows.journey.instruments import Instrument, Thresholds, definition_of, score


def moved(instrument: Instrument, previous: int, total: int, thresholds: Thresholds) -> tuple[str, ...] | None:
    definition = definition_of(instrument)
    answers = vectors.of_total(definition.items, definition.item_max, total)
    result = score(instrument, answers, thresholds, previous)
    assert result.total == total
    return result.change


@pytest.mark.parametrize(
    ("previous", "total", "change"),
    [
        (52, 44, ("none",)),
        (52, 42, ("meaningful",)),
        (52, 37, ("meaningful", "reliable")),
        (52, 28, ("meaningful", "reliable", "recovered")),
        (33, 32, ("none",)),
        (40, 51, ("deterioration",)),
        (40, 50, ("deterioration",)),
        (40, 49, ("none",)),
        (40, 28, ("meaningful",)),
        (28, 5, ("meaningful", "reliable")),
    ],
)
def test_pcl_5(previous: int, total: int, change: tuple[str, ...]) -> None:
    assert moved(Instrument.PCL_5, previous, total, vectors.PCL_5) == change


@pytest.mark.parametrize("cutoff", [10, None])
@pytest.mark.parametrize(
    ("previous", "total", "change"),
    [
        (16, 12, ("meaningful",)),
        (16, 10, ("meaningful", "reliable")),
        (10, 4, ("meaningful", "reliable", "response", "remission")),
        (12, 16, ("deterioration",)),
        (12, 15, ("none",)),
        (9, 4, ("meaningful", "response")),
        (10, 5, ("meaningful", "response")),
        (0, 0, ("none",)),
    ],
)
def test_gad_7(previous: int, total: int, change: tuple[str, ...], cutoff: int | None) -> None:
    thresholds = vectors.GAD_7.model_copy(update={"cutoff": cutoff})
    assert moved(Instrument.GAD_7, previous, total, thresholds) == change


@pytest.mark.parametrize(
    ("previous", "total", "change"),
    [
        (18, 13, ("meaningful",)),
        (18, 12, ("meaningful", "reliable")),
        (18, 9, ("meaningful", "reliable", "response")),
        (10, 4, ("meaningful", "reliable", "response", "remission")),
    ],
)
def test_phq_9(previous: int, total: int, change: tuple[str, ...]) -> None:
    assert moved(Instrument.PHQ_9, previous, total, vectors.PHQ_9) == change


def test_a_case_is_what_the_clinic_says() -> None:
    clinic = Thresholds(entry_guide=8, remission_below=5)
    assert moved(Instrument.GAD_7, 8, 4, clinic) == ("remission",)
    assert moved(Instrument.GAD_7, 8, 4, Thresholds(remission_below=5)) == ("none",)


def test_without_a_rule_or_a_total_nothing_is_said_about_change() -> None:
    assert moved(Instrument.PCL_5, 52, 28, Thresholds(cutoff=33)) is None
    assert score(Instrument.PCL_5, [0] * 20, vectors.PCL_5).change is None
    assert score(Instrument.PCL_5, [0] * 19, vectors.PCL_5, previous=52).change is None
    assert score(Instrument.C_SSRS, {}, previous=2).change is None


@pytest.mark.parametrize("previous", [-1, 81, 10**400, True])
def test_an_impossible_previous_total_is_flagged_and_not_compared(previous: int) -> None:
    result = score(Instrument.PCL_5, [0] * 20, vectors.PCL_5, previous)
    assert (result.total, result.change, result.flags) == (0, None, ("previous_invalid",))


@given(st.sampled_from(vectors.THRESHOLDS), st.data())
def test_better_needs_a_fall_and_worse_a_rise(chosen: tuple[Instrument, Thresholds], data: st.DataObject) -> None:
    instrument, thresholds = chosen
    totals = st.integers(0, definition_of(instrument).total_max)
    previous, total = data.draw(totals), data.draw(totals)
    change = moved(instrument, previous, total, thresholds)
    if change is None:
        return
    assert change
    assert change == ("none",) or "none" not in change
    if total >= previous:
        assert change in (("none",), ("deterioration",))
    if total <= previous:
        assert "deterioration" not in change
    if "recovered" in change:
        assert "reliable" in change
