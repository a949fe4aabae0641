"""How a total moved since earlier ones, by the clinic's thresholds."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from workflows.journey.instruments.definitions import Definition, Instrument, definition_of
from workflows.journey.instruments.results import ScoreChange
from workflows.journey.instruments.thresholds import Thresholds
from workflows.journey.vocabulary.base import ImmutableModel


class Comparison(ImmutableModel):
    """The newest total of an instrument beside what it is judged against, and the judgement."""

    baseline: int
    best: int
    last: int
    total: int
    change: tuple[ScoreChange, ...] | None


def compare(totals: Sequence[int], instrument: Instrument, thresholds: Thresholds) -> Comparison | None:
    """Compare the newest of these totals with those before it: the baseline first. None without one before it."""
    *earlier, total = totals
    if not earlier:
        return None
    return Comparison(
        baseline=earlier[0],
        best=min(earlier),
        last=earlier[-1],
        total=total,
        change=change_since(earlier, total, definition_of(instrument), thresholds),
    )


def change_since(
    earlier: Sequence[int], total: int, definition: Definition, thresholds: Thresholds
) -> tuple[ScoreChange, ...] | None:
    """Every change word that holds between possible totals; `none` if no rule holds, None without a rule.

    ``earlier`` holds at least one total, oldest first; the first one is the baseline. What is better is judged
    against the baseline, so that a slow response is a response. What is worse is judged against the best total so
    far, which is never above the last one, so that a slow decline is seen as soon as a fast one.

    - meaningful, reliable: a fall of at least so many points, boundary included; both if both hold.
    - recovered: reliable, and the total ends at or below the mark from above it (for the PCL-5: Marx et al.
      2022). Crossing a cut-off by less than reliable change is not recovery.
    - response: a fall of at least the given percentage of the baseline.
    - remission: a total below the mark from a baseline that was a case (trial rule for GAD-7 and PHQ-9:
      below 5 with a baseline of 10 or more). A case is the clinic's cut-off or more; where it has none, the
      published moderate band or worse.
    - deterioration: at least so many points above the best.
    - rising: so many totals in a row that are each above the one before, however little.
    """
    rules = tuple(_rules(earlier, total, definition, thresholds))
    if not rules:
        return None
    return tuple(word for word, holds in rules if holds) or (ScoreChange.NONE,)


def _rules(
    earlier: Sequence[int], total: int, definition: Definition, thresholds: Thresholds
) -> Iterator[tuple[ScoreChange, bool]]:
    """Each rule that has its number, and whether it holds."""
    baseline = earlier[0]
    fall = baseline - total
    if (points := thresholds.meaningful_change) is not None:
        yield ScoreChange.MEANINGFUL, fall >= points
    if (points := thresholds.reliable_change) is not None:
        yield ScoreChange.RELIABLE, fall >= points
        if (mark := thresholds.recovered_at_or_below) is not None:
            yield ScoreChange.RECOVERED, fall >= points and total <= mark < baseline
    if (percent := thresholds.response_pct) is not None:
        yield ScoreChange.RESPONSE, fall > 0 and fall * 100 >= percent * baseline
    case = _case_from(definition, thresholds)
    if (mark := thresholds.remission_below) is not None and case is not None:
        yield ScoreChange.REMISSION, total < mark <= baseline and baseline >= case
    if (points := thresholds.deterioration) is not None:
        yield ScoreChange.DETERIORATION, total - min(earlier) >= points
    if (times := thresholds.rises_in_a_row) is not None:
        newest = (*earlier, total)[-times - 1 :]
        rising = all(before < after for before, after in pairwise(newest))
        yield ScoreChange.RISING, len(newest) > times and rising


def _case_from(definition: Definition, thresholds: Thresholds) -> int | None:
    if thresholds.case_from is not None:
        return thresholds.case_from
    return next((band.at_least for band in definition.bands if band.name == "moderate"), None)
