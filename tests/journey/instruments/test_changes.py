"""How totals move: every agreed change vector, and what must never be called better."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.instruments import vectors
from workflows.journey.instruments import Instrument, Thresholds, definition_of, score


def moved(
    instrument: Instrument, earlier: tuple[int, ...], total: int, thresholds: Thresholds
) -> tuple[str, ...] | None:
    definition = definition_of(instrument)
    answers = vectors.of_total(definition.items, definition.item_max, total)
    result = score(instrument, answers, thresholds, earlier)
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
    assert moved(Instrument.PCL_5, (previous,), total, vectors.PCL_5) == change


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
    assert moved(Instrument.GAD_7, (previous,), total, thresholds) == change


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
    assert moved(Instrument.PHQ_9, (previous,), total, vectors.PHQ_9) == change


def test_a_case_is_what_the_clinic_says() -> None:
    clinic = Thresholds(entry_guide=8, remission_below=5)
    assert moved(Instrument.GAD_7, (8,), 4, clinic) == ("remission",)
    assert moved(Instrument.GAD_7, (8,), 4, Thresholds(remission_below=5)) == ("none",)


def test_without_a_rule_or_a_total_nothing_is_said_about_change() -> None:
    assert moved(Instrument.PCL_5, (52,), 28, Thresholds(cutoff=33)) is None
    assert score(Instrument.PCL_5, [0] * 20, vectors.PCL_5).change is None
    assert score(Instrument.PCL_5, [0] * 19, vectors.PCL_5, earlier=(52,)).change is None
    assert score(Instrument.C_SSRS, {}, earlier=(2,)).change is None


@pytest.mark.parametrize("previous", [-1, 81, 10**400, True])
def test_an_impossible_previous_total_is_flagged_and_not_compared(previous: int) -> None:
    result = score(Instrument.PCL_5, [0] * 20, vectors.PCL_5, (previous,))
    assert (result.total, result.change, result.flags) == (0, None, ("previous_invalid",))


@given(st.sampled_from(vectors.THRESHOLDS), st.data())
def test_better_needs_a_fall_and_worse_a_rise(chosen: tuple[Instrument, Thresholds], data: st.DataObject) -> None:
    instrument, thresholds = chosen
    totals = st.integers(0, definition_of(instrument).total_max)
    previous, total = data.draw(totals), data.draw(totals)
    change = moved(instrument, (previous,), total, thresholds)
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


@pytest.mark.parametrize(
    ("instrument", "thresholds", "totals", "alerts"),
    [
        (Instrument.PCL_5, vectors.PCL_5, (44, 53, 62, 71, 80), (62, 71, 80)),
        (Instrument.PCL_5, vectors.PCL_5, (60, 40, 49, 50), (50,)),
        (Instrument.PCL_5, vectors.PCL_5, (40, 51, 50, 41), (51, 50)),
        (Instrument.PCL_5, vectors.PCL_5, (52, 44, 42, 37, 28), ()),
        (Instrument.GAD_7, vectors.GAD_7, (8, 10, 11, 12), (12,)),
        (Instrument.PHQ_9, vectors.PHQ_9, (10, 13, 14, 15), (15,)),
    ],
)
def test_a_slow_decline_is_seen(
    instrument: Instrument, thresholds: Thresholds, totals: tuple[int, ...], alerts: tuple[int, ...]
) -> None:
    """Worse is judged against the best total, so small steps add up."""
    changes = {total: moved(instrument, totals[:place], total, thresholds) for place, total in enumerate(totals)}
    assert tuple(total for total, change in changes.items() if "deterioration" in (change or ())) == alerts


@pytest.mark.parametrize(
    ("totals", "change"),
    [
        ((16,), None),
        ((16, 11), ("meaningful",)),
        ((16, 11, 7), ("meaningful", "reliable", "response")),
        ((16, 11, 7, 4), ("meaningful", "reliable", "response", "remission")),
        ((16, 4, 7), ("meaningful", "reliable", "response")),
        ((16, 4, 8), ("meaningful", "reliable", "response", "deterioration")),
        ((9, 7, 4), ("meaningful", "response")),
    ],
)
def test_a_slow_response_is_a_response(totals: tuple[int, ...], change: tuple[str, ...] | None) -> None:
    """Better is judged against the baseline, so small steps add up, and a fall from a passing peak is none."""
    *earlier, total = totals
    assert moved(Instrument.GAD_7, tuple(earlier), total, vectors.GAD_7) == change


def test_a_fall_from_a_passing_peak_is_no_response() -> None:
    assert moved(Instrument.GAD_7, (8, 16), 8, vectors.GAD_7) == ("none",)


@pytest.mark.parametrize(
    ("totals", "rising"),
    [((44, 45, 46, 47), True), ((44, 45, 46), False), ((44, 45, 45, 46), False), ((50, 44, 45, 46, 47), True)],
)
def test_rises_in_a_row_alert_however_small(totals: tuple[int, ...], rising: bool) -> None:
    *earlier, total = totals
    change = moved(Instrument.PCL_5, tuple(earlier), total, vectors.PCL_5)
    assert change is not None
    assert ("rising" in change) is rising


def test_missing_thresholds_are_told_when_there_is_something_to_compare() -> None:
    for chosen in (Thresholds(), vectors.PCL_5.model_copy(update={"deterioration": None})):
        assert "thresholds_missing" in score(Instrument.PCL_5, [2] * 20, chosen, (20,)).flags
        assert "thresholds_missing" not in score(Instrument.PCL_5, [2] * 20, chosen).flags
    assert "thresholds_missing" not in score(Instrument.PCL_5, [2] * 20, vectors.PCL_5, (20,)).flags
    assert "thresholds_missing" not in score(Instrument.CADSS_6, [0] * 6, vectors.CADSS_6, (2,)).flags


COMPARED = [(instrument, chosen) for instrument, chosen in vectors.THRESHOLDS if instrument != Instrument.CADSS_6]


@given(st.sampled_from(COMPARED), st.data())
def test_change_over_any_sequence(chosen: tuple[Instrument, Thresholds], data: st.DataObject) -> None:
    """Whatever the way there: a decline alerts at the latest when it reaches the threshold above the best, and what
    counts as better depends on the baseline and the total alone, and the more so the lower the total."""
    instrument, thresholds = chosen
    most, points = definition_of(instrument).total_max, thresholds.deterioration
    assert points is not None
    totals = tuple(data.draw(st.lists(st.integers(0, most), min_size=2, max_size=8)))
    *earlier, total = totals
    change = moved(instrument, tuple(earlier), total, thresholds)
    assert change is not None
    assert ("deterioration" in change) is (total - min(earlier) >= points)
    if total > earlier[-1]:
        last = moved(instrument, (earlier[-1],), total, thresholds) or ()
        assert {"deterioration"} & set(last) <= set(change)
    better = set(change) - {"none", "deterioration", "rising"}
    alone = moved(instrument, (earlier[0],), total, thresholds)
    assert alone is not None
    assert better == set(alone) - {"none", "deterioration", "rising"}
    lower = data.draw(st.integers(0, total))
    assert better <= set(moved(instrument, tuple(earlier), lower, thresholds) or ())
    rose = [before < after for before, after in pairwise(totals)]
    assert ("rising" in change) is (len(rose) >= 3 and all(rose[-3:]))
