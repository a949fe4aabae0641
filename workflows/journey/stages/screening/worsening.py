"""What totals of questionnaires show of a change for the worse, in whatever order they come and are corrected: it is
told to a clinician, and twice it holds care."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.holds.model import place
from workflows.journey.always.safety.model import ask_support
from workflows.journey.instruments import Comparison, Instrument, ScoreChange
from workflows.journey.stages.evaluation.model import Measurement
from workflows.journey.vocabulary.severity import OF_WORSENING
from workflows.journey.vocabulary.stage import Stage


def react_change(journey: Journey, body: e.InstrumentRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Ask a clinician when a total is worse than the best since the baseline, or rises again and again; hold care when
    two are worse, one after the other or with better ones between them.

    A total is judged as what it was then, beside those before it, however late it is entered or corrected: newer ones
    do not hide it. So are those after it, which were judged without it: what they show only now is told now.
    """
    instrument, source = body.instrument, f"version-{journey.version}"
    judged = _judged(journey, instrument)
    entered = [place for place, (m, _) in enumerate(judged) if journey.version in (m.version, m.corrected)]
    if journey.stage == Stage.EVALUATION or not entered:
        return
    news = [
        tuple(word for word in change if place == entered[0] or word not in (m.score.change or ()))
        for place, (m, change) in enumerate(judged)
        if place >= entered[0]
    ]
    yield from _tell_change(journey, instrument, judged, dict(enumerate(news, entered[0])), source)


def judge_without(journey: Journey, left: Journey, instrument: Instrument) -> Iterator[e.EventBody]:
    """Tell what shows only in the journey that is ``left`` without a total that was entered in error: what came after
    it is judged as if it had not been, and two that are worse now follow each other where a better one was between."""
    if journey.stage == Stage.EVALUATION:
        return
    before, judged = _judged(journey, instrument), _judged(left, instrument)
    known, beside = {m.version: change for m, change in before}, _worse_beside(before)
    now = tuple(version for version in _worse_beside(judged) if version not in beside)
    news = {
        place: change
        if m.version in now
        else tuple(word for word in change if word not in known.get(m.version, m.score.change or ()))
        for place, (m, change) in enumerate(judged)
    }
    yield from _tell_change(journey, instrument, judged, news, f"version-{journey.version}")


Judged = Sequence[tuple[Measurement, tuple[ScoreChange, ...]]]
"""What has a total of an instrument, oldest first, and how each changed beside those before it."""


def _judged(journey: Journey, instrument: Instrument) -> Judged:
    return [(m, _change(comparison)) for m, comparison in journey.judged(instrument)]


def _worse_beside(judged: Judged) -> tuple[int, ...]:
    """The versions of the totals that are worse, as the one before them is."""
    worse = [ScoreChange.DETERIORATION in change for _, change in judged]
    return tuple(m.version for (m, _), *both in zip(judged[1:], worse, worse[1:], strict=False) if all(both))


def _tell_change(
    journey: Journey, instrument: Instrument, judged: Judged, news: Mapping[int, tuple[ScoreChange, ...]], source: str
) -> Iterator[e.EventBody]:
    """Tell a clinician what is new of the totals at these places, and hold care where two are worse."""
    worse = [place for place, words in news.items() if ScoreChange.DETERIORATION in words]
    if worse:
        yield ask_support(journey, OF_WORSENING, f"{instrument} worsened beyond the protocol's alert")
        if _is_worse_twice(journey, judged, worse):
            yield place(journey, "deterioration", f"{instrument} worsened twice", source=source)
    elif any(ScoreChange.RISING in words for words in news.values()):
        yield ask_support(journey, OF_WORSENING, f"{instrument} rose again and again")


def _is_worse_twice(journey: Journey, judged: Judged, news: Sequence[int]) -> bool:
    """Whether beside a total that is found to be worse now another one is: the one before or after it, or any that was
    not known when a clinician last decided on such a hold."""
    decided = max((h.version for h in journey.holds.values() if h.cause == "deterioration" and h.released), default=0)
    worse = [place for place, (_, change) in enumerate(judged) if ScoreChange.DETERIORATION in change]
    return any(
        abs(one - other) == 1 or judged[other][0].found > decided for one in news for other in worse if other != one
    )


def _change(comparison: Comparison | None) -> tuple[ScoreChange, ...]:
    return () if comparison is None else comparison.change or ()
