"""Totals of the PCL-5, as tests have them come."""

from tests.journey.play import Play, after
from workflows.journey import commands as c
from workflows.journey.instruments import Instrument


def pcl_5(total: int, occasion: str) -> c.RecordInstrument:
    """Answers with this total."""
    answers = [total // 20 + (item < total % 20) for item in range(20)]
    return c.RecordInstrument(instrument=Instrument.PCL_5, occasion=occasion, answers=answers)


def at_baseline(total: int) -> Play:
    """A journey with this baseline, before its first session."""
    play = after("session.schedule")
    [wrong] = [m for m in play.journey.measurements if m.occasion == "baseline" and m.instrument == Instrument.PCL_5]
    right = wrong.model_copy(update={"score": wrong.score.model_copy(update={"total": total})})
    others = tuple(m for m in play.journey.measurements if m.instrument != Instrument.PCL_5)
    return play.changed(measurements=(*others, right))
