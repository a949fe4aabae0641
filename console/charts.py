"""Scores over time as a small drawing. The page has the same numbers as a table beside it."""

from itertools import groupby
from typing import NamedTuple

from workflows.journey.aggregate import Journey
from workflows.journey.instruments import Instrument, definition_of

WIDTH, HEIGHT, EDGE = 480, 120, 24


class Point(NamedTuple):
    """A score in the drawing."""

    x: float
    y: float
    total: int
    occasion: str


class Chart(NamedTuple):
    """The totals of one instrument in the order in which they were recorded; ``most`` is the highest possible one."""

    instrument: str
    most: int
    points: tuple[Point, ...]

    @property
    def line(self) -> str:
        return " ".join(f"{point.x:.0f},{point.y:.0f}" for point in self.points)

    @property
    def told(self) -> str:
        """Say in words what the drawing shows."""
        first, last = self.points[0], self.points[-1]
        return f"{self.instrument}: {len(self.points)} scores, from {first.total} to {last.total} of {self.most}"


def charts_of(journey: Journey) -> tuple[Chart, ...]:
    """Return a chart for each instrument with at least two totals. A level, and an incomplete form, has no total."""
    scored = [m for m in journey.measurements if m.score.total is not None]
    by_instrument = groupby(sorted(scored, key=lambda m: m.instrument), key=lambda m: m.instrument)
    found = []
    for instrument, measured in by_instrument:
        totals = [(m.occasion, m.score.total) for m in measured if m.score.total is not None]
        most = definition_of(Instrument(instrument)).total_max
        if len(totals) < 2 or most == 0:
            continue
        step = (WIDTH - 2 * EDGE) / (len(totals) - 1)
        points = tuple(
            Point(EDGE + n * step, HEIGHT - EDGE - total / most * (HEIGHT - 2 * EDGE), total, occasion)
            for n, (occasion, total) in enumerate(totals)
        )
        found.append(Chart(str(instrument), most, points))
    return tuple(found)
