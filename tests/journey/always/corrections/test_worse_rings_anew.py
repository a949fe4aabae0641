"""A finding that is corrected or graded upward rings anew, whoever has taken the alarm about what was known before."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.journey.correcting import amend, redose
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import Play, after
from tests.journey.ringing import in_session, seen
from workflows.journey import commands as c
from workflows.journey.instruments import Instrument
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role

ON_CALL = Role.ON_CALL_CLINICIAN


def take_all(play: Play) -> None:
    """Somebody takes every alarm that rings."""
    for waiting in ringing(play):
        play.do(c.AcknowledgeAlarm(obligation=waiting.id, doing="I see to it (invented)"), ON_CALL)


def ringing(play: Play) -> list[Obligation]:
    """The alarms about what was found that nobody has taken."""
    kinds = ("suicide_risk", "crisis", "alarm", "support")
    return [w for w in play.journey.waiting.values() if w.kind in kinds and w.acknowledged is None]


def phq_9(play: Play, answer: int | None) -> c.RecordInstrument:
    return c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers=[0] * 8 + [answer])


def screener(play: Play, marks: str) -> c.RecordInstrument:
    return c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="x", answers=c_ssrs(marks))


def pressure(play: Play, systolic: int, diastolic: int) -> c.Observe:
    form = seen(play)
    assert form.vitals is not None
    return form.model_copy(
        update={"vitals": form.vitals.model_copy(update={"systolic": systolic, "diastolic": diastolic})}
    )


def regrade(grade: int, *because: str) -> c.RegradeAdverseEvent:
    said = {"adverse_event": "adverse-event-1", "grade": grade, "serious": bool(because), "serious_because": because}
    return c.RegradeAdverseEvent.model_validate({**said, "reason": "seen again (invented)"})


CORRECTED: dict[str, tuple[str, Callable[[], Play], Callable[[Play], Any], Callable[[Play], Any]]] = {
    "item 9": ("instrument.recorded", lambda: after("session.end"), lambda p: phq_9(p, 1), lambda p: phq_9(p, 3)),
    "item 9 not known": (
        "instrument.recorded",
        lambda: after("session.end"),
        lambda p: phq_9(p, 1),
        lambda p: phq_9(p, None),
    ),
    "C-SSRS": (
        "instrument.recorded",
        lambda: after("session.end"),
        lambda p: screener(p, "yyynnn-"),
        lambda p: screener(p, "yyyyyn-"),
    ),
    "C-SSRS, as high": (
        "instrument.recorded",
        lambda: after("session.end"),
        lambda p: screener(p, "yyyynn-"),
        lambda p: screener(p, "yyyyyyy"),
    ),
    "observation": (
        "session.observed",
        in_session,
        lambda p: pressure(p, 165, 95),
        lambda p: pressure(p, 190, 125),
    ),
    "observation, as severe": (
        "session.observed",
        in_session,
        lambda p: pressure(p, 165, 95),
        lambda p: pressure(p, 175, 105),
    ),
    "dose": (
        "session.dosed",
        lambda: after("session.dose"),
        lambda p: redose(p, dose_mg=p.journey.plan.dose_mg * 1.05),  # type: ignore[union-attr]
        lambda p: redose(p, dose_mg=p.journey.plan.dose_mg * 10),  # type: ignore[union-attr]
    ),
    "overdose": (
        "session.dosed",
        lambda: after("session.dose"),
        lambda p: redose(p, dose_mg=p.journey.plan.dose_mg * 3),  # type: ignore[union-attr]
        lambda p: redose(p, dose_mg=p.journey.plan.dose_mg * 10),  # type: ignore[union-attr]
    ),
}


@pytest.mark.parametrize("what", CORRECTED)
def test_what_is_corrected_upward_rings_anew(what: str) -> None:
    kind, begin, first, worse = CORRECTED[what]
    play = begin()
    if kind == "session.dosed":
        amend(play, kind, first(play))
    else:
        form = first(play)
        play.do(form, Role.SESSION_MONITOR if isinstance(form, c.Observe) else Role.CLINICIAN)
    assert ringing(play)
    take_all(play)
    assert not ringing(play)
    play.later(minutes=5)
    amend(play, kind, worse(play))
    assert ringing(play)
    assert play.wait(hours=1), "its steps are taken from the beginning"


def test_what_is_corrected_and_no_worse_keeps_who_took_it() -> None:
    play = after("session.end")
    play.do(phq_9(play, 3), Role.PATIENT)
    take_all(play)
    amend(play, "instrument.recorded", phq_9(play, 3).model_copy(update={"answers": [1] * 8 + [3]}))
    assert not ringing(play)


@pytest.mark.parametrize(
    ("first", "worse"),
    [
        (regrade(3), regrade(4)),
        (regrade(4), regrade(5, "death")),
        (regrade(3), regrade(3, "hospitalization")),
        (regrade(4), regrade(4, "life_threatening")),
    ],
)
def test_an_adverse_event_that_is_graded_upward_rings_anew(
    first: c.RegradeAdverseEvent, worse: c.RegradeAdverseEvent
) -> None:
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="invented", grade=1, serious=False, onset=play.at, causality="unknown"))
    play.do(first)
    take_all(play)
    play.later(minutes=5)
    play.do(worse)
    assert ringing(play)
    take_all(play)
    play.do(worse)
    assert not ringing(play), "the same grade again is not worse"


@examples(1.25)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=4))
def test_in_whatever_order_item_9_is_corrected_more_than_was_known_rings(answers: list[int]) -> None:
    """4 stands for an answer that nobody can read."""
    play = after("session.end")
    known = 0
    for n, answer in enumerate(answers):
        form = phq_9(play, None if answer == 4 else answer)
        if n == 0:
            play.do(form, Role.PATIENT)
        else:
            amend(play, "instrument.recorded", form)
        assert bool(ringing(play)) is (answer > known) or answer < known
        known = answer
        take_all(play)
        play.later(minutes=5)
