"""What a clinic chooses about an instrument: protocol data, handed in, never assumed."""

from typing import Annotated

from pydantic import Field

from workflows.journey.instruments.definitions import Definition, Instrument, definition_of
from workflows.journey.vocabulary.base import InputModel, Whole

Total = Annotated[Whole, Field(ge=0, strict=True)]
Points = Annotated[Whole, Field(ge=1, strict=True)]
Percent = Annotated[Whole, Field(ge=1, le=100, strict=True)]


class Thresholds(InputModel):
    """Cut-offs and change thresholds of one instrument in a protocol. A rule without a number is not applied.

    Change is judged against earlier totals of the same instrument and version: what is better against the baseline,
    what is worse against the best since then. Less is better.
    """

    cutoff: Total | None = None
    """Total from which `cutoff` is flagged. It informs and never decides."""

    entry_guide: Total | None = None
    """Total that guides entry to the pathway; stands in for `cutoff` where there is none."""

    meaningful_change: Points | None = None
    """Fall, in points, that patients notice (minimal important difference)."""

    reliable_change: Points | None = None
    """Fall, in points, beyond measurement error (reliable change index)."""

    recovered_at_or_below: Total | None = None
    """Recovered: a reliable fall that ends here or lower, from above (clinically significant change)."""

    response_pct: Percent | None = None
    """Response: a fall of at least this percentage of the baseline."""

    remission_below: Points | None = None
    """Remission: a total under this, from a baseline that was a case."""

    deterioration: Points | None = None
    """Points above the best total so far that alert."""

    rises_in_a_row: Annotated[Whole, Field(ge=2, strict=True)] | None = None
    """So many totals in a row, each above the one before, alert, however small each rise is."""

    peak_note_at: Points | None = None
    """In-session observation: total from which a note is due."""

    release_max: Total | None = None
    """In-session observation: highest total that does not stand in the way of release."""

    escalate_at: Points | None = None
    """In-session observation: total from which to escalate. Where set, an item still at its maximum when
    observation ends escalates too."""

    @property
    def case_from(self) -> int | None:
        """Total from which a result counts as a case."""
        return self.entry_guide if self.cutoff is None else self.cutoff


_TOTALS = (
    "cutoff",
    "entry_guide",
    "recovered_at_or_below",
    "remission_below",
    "peak_note_at",
    "release_max",
    "escalate_at",
)
_CHANGES = ("meaningful_change", "reliable_change", "deterioration")
_OBSERVED = ("peak_note_at", "release_max", "escalate_at")


def missing_thresholds(definition: Definition, thresholds: Thresholds) -> tuple[str, ...]:
    """Return the thresholds of change that this instrument needs and that are not set."""
    return tuple(name for name in definition.thresholds_of_change if getattr(thresholds, name) is None)


def threshold_problems(instrument: Instrument, thresholds: Thresholds) -> tuple[str, ...]:
    """Why these thresholds could not work for this instrument; empty when they can. For who loads a protocol.

    A threshold the instrument can never reach, or does not use, would be silently dead. That is a problem.
    """
    definition = definition_of(instrument)
    values: dict[str, int | None] = {name: getattr(thresholds, name) for name in Thresholds.model_fields}
    given = {name: value for name, value in values.items() if value is not None}
    if definition.questions:
        return tuple(f"{name}: {instrument} has levels, not totals" for name in given)
    problems = [
        f"{name}: {instrument} totals end at {definition.total_max}"
        for name in (*_TOTALS, *_CHANGES)
        if given.get(name, 0) > definition.total_max
    ]
    if not definition.observed_in_session:
        problems += [f"{name}: {instrument} is not an in-session observation" for name in _OBSERVED if name in given]
    if "recovered_at_or_below" in given and "reliable_change" not in given:
        problems.append("recovered_at_or_below: needs reliable_change")
    if "remission_below" in given and thresholds.case_from is None and not definition.bands:
        problems.append("remission_below: needs cutoff or entry_guide, what counts as a case")
    if "release_max" in given:
        problems += [
            f"release_max: not below {name}"
            for name in ("peak_note_at", "escalate_at")
            if name in given and given["release_max"] >= given[name]
        ]
    return tuple(problems)
