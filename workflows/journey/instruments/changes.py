"""How a total moved since the previous one, by the clinic's thresholds."""

from collections.abc import Iterator

from workflows.journey.instruments.definitions import Definition
from workflows.journey.instruments.results import ScoreChange
from workflows.journey.instruments.thresholds import Thresholds


def change_since(
    previous: int, total: int, definition: Definition, thresholds: Thresholds
) -> tuple[ScoreChange, ...] | None:
    """Every change word that holds between two possible totals; `none` if no rule holds, None without a rule.

    - meaningful, reliable: a fall of at least so many points, boundary included; both if both hold.
    - recovered: reliable, and the total ends at or below the mark from above it (for the PCL-5: Marx et al.
      2022). Crossing a cut-off by less than reliable change is not recovery.
    - response: a fall of at least the given percentage of the previous total.
    - remission: a total below the mark from a previous total that was a case (trial rule for GAD-7 and PHQ-9:
      below 5 with a baseline of 10 or more). A case is the clinic's cut-off or more; where it has none, the
      published moderate band or worse.
    - deterioration: a rise of at least so many points.
    """
    rules = tuple(_rules(previous, total, definition, thresholds))
    if not rules:
        return None
    return tuple(word for word, holds in rules if holds) or (ScoreChange.NONE,)


def _rules(
    previous: int, total: int, definition: Definition, thresholds: Thresholds
) -> Iterator[tuple[ScoreChange, bool]]:
    """Each rule that has its number, and whether it holds."""
    fall = previous - total
    if (points := thresholds.meaningful_change) is not None:
        yield ScoreChange.MEANINGFUL, fall >= points
    if (points := thresholds.reliable_change) is not None:
        yield ScoreChange.RELIABLE, fall >= points
        if (mark := thresholds.recovered_at_or_below) is not None:
            yield ScoreChange.RECOVERED, fall >= points and total <= mark < previous
    if (percent := thresholds.response_pct) is not None:
        yield ScoreChange.RESPONSE, fall > 0 and fall * 100 >= percent * previous
    case = _case_from(definition, thresholds)
    if (mark := thresholds.remission_below) is not None and case is not None:
        yield ScoreChange.REMISSION, total < mark <= previous and previous >= case
    if (points := thresholds.deterioration) is not None:
        yield ScoreChange.DETERIORATION, -fall >= points


def _case_from(definition: Definition, thresholds: Thresholds) -> int | None:
    if thresholds.case_from is not None:
        return thresholds.case_from
    return next((band.at_least for band in definition.bands if band.name == "moderate"), None)
