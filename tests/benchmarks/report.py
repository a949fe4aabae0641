"""What is printed: figures beside what they are compared with and what is aimed at."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil, isnan


@dataclass(frozen=True)
class Aim:
    """A limit on the ratio of a figure to its baseline or, where there is none, on its value."""

    limit: float
    at_least: bool = False

    def met_by(self, measured: float) -> bool:
        return measured >= self.limit if self.at_least else measured <= self.limit


@dataclass(frozen=True)
class Figure:
    """One measured value. ``baseline`` is the same thing measured on what stands ``beside`` it."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    aim: Aim | None = None
    beside: str = "bare"

    @property
    def ratio(self) -> float | None:
        """To the baseline or, where there is none, to the aim."""
        if self.baseline is not None:
            return self.value / self.baseline
        return None if self.aim is None else self.value / self.aim.limit

    @property
    def met(self) -> bool | None:
        if self.aim is None:
            return None
        measured = self.value if self.baseline is None else self.value / self.baseline
        return self.aim.met_by(measured)


@dataclass
class Section:
    """What one benchmark measured, with what helps to read it."""

    title: str
    figures: Sequence[Figure] = ()
    notes: Sequence[str] = ()
    failed: str | None = None


@dataclass
class Report:
    environment: dict[str, str]
    sections: list[Section] = field(default_factory=list)

    def as_text(self) -> str:
        return "\n".join(self._lines())

    def as_json(self) -> str:
        sections = [
            {
                "title": section.title,
                "figures": [{**asdict(figure), "ratio": figure.ratio, "met": figure.met} for figure in section.figures],
                "notes": list(section.notes),
                "failed": section.failed,
            }
            for section in self.sections
        ]
        return json.dumps({"environment": dict(self.environment), "sections": sections}, indent=2)

    def _lines(self) -> Iterable[str]:
        yield ", ".join(f"{name} {value}" for name, value in self.environment.items())
        for section in self.sections:
            yield f"\n{section.title}"
            if section.failed is not None:
                yield f"  not measured: {section.failed}"
            for figure in section.figures:
                yield f"  {figure.name:<46}{_shown(figure.value):>9} {figure.unit:<11}{_judged(figure)}".rstrip()
            for note in section.notes:
                yield f"  ({note})"


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least this share of all values does not exceed."""
    return sorted(values)[max(0, ceil(len(values) * percent / 100) - 1)]


def _judged(figure: Figure) -> str:
    if figure.ratio is None:
        return ""
    against = "of the aim" if figure.baseline is None else f"x {figure.beside}"
    said = f"{figure.ratio:5.2f} {against:<11}"
    if figure.aim is None:
        return said
    sign, unit = "≥" if figure.aim.at_least else "≤", "" if figure.baseline is None else " x"
    return f"{said} aim {sign} {figure.aim.limit:g}{unit:<3} {'ok' if figure.met else 'short'}"


def _shown(value: float) -> str:
    if isnan(value):
        return "never"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}" if value < 10 else f"{value:.1f}"
