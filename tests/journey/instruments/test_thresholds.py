"""Thresholds are a clinic's data: checked, never guessed."""

import pytest
from pydantic import ValidationError

from tests.journey.instruments import vectors
from workflows.journey.instruments import Instrument, Thresholds, score, threshold_problems


@pytest.mark.parametrize(
    "given",
    [
        {"cut_off": 33},
        {"cutoff": -1},
        {"cutoff": True},
        {"cutoff": 33.0},
        {"cutoff": "33"},
        {"meaningful_change": 0},
        {"reliable_change": -15},
        {"deterioration": 0},
        {"response_pct": 0},
        {"response_pct": 101},
        {"escalate_at": 0},
    ],
)
def test_what_is_not_a_threshold_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Thresholds.model_validate(given)


def test_the_entry_guide_stands_in_for_a_cutoff() -> None:
    answers = [2] * 15 + [0] * 5
    assert score(Instrument.PCL_5, answers, Thresholds(entry_guide=30)).flags == ("cutoff",)
    assert score(Instrument.PCL_5, answers, Thresholds(entry_guide=30, cutoff=33)).flags == ()


@pytest.mark.parametrize(("instrument", "thresholds"), vectors.THRESHOLDS)
def test_thresholds_that_work_have_no_problem(instrument: Instrument, thresholds: Thresholds) -> None:
    assert threshold_problems(instrument, thresholds) == ()
    assert threshold_problems(instrument, Thresholds()) == ()


@pytest.mark.parametrize(
    ("instrument", "thresholds", "problem"),
    [
        (Instrument.GAD_7, Thresholds(cutoff=33), "cutoff: GAD-7 totals end at 21"),
        (Instrument.PHQ_9, Thresholds(deterioration=28), "deterioration: PHQ-9 totals end at 27"),
        (Instrument.C_SSRS, Thresholds(cutoff=1), "cutoff: C-SSRS has levels, not totals"),
        (Instrument.PCL_5, Thresholds(release_max=2), "release_max: PCL-5 is not an in-session observation"),
        (
            Instrument.PCL_5,
            Thresholds(recovered_at_or_below=28),
            "recovered_at_or_below: needs reliable_change",
        ),
        (
            Instrument.PCL_5,
            Thresholds(remission_below=20),
            "remission_below: needs cutoff or entry_guide, what counts as a case",
        ),
        (
            Instrument.CADSS_6,
            Thresholds(release_max=20, escalate_at=20),
            "release_max: not below escalate_at",
        ),
    ],
)
def test_thresholds_that_could_not_work_are_named(instrument: Instrument, thresholds: Thresholds, problem: str) -> None:
    assert threshold_problems(instrument, thresholds) == (problem,)
