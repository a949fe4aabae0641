"""A planned session that became too early, or a plan that became too much: somebody is asked at once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.correcting import amend, confirm, redose
from tests.journey.elsewhere import dose, told
from tests.journey.play import Play, after
from workflows.journey import commands as c
from workflows.journey.patient_limits import shortest_interval
from workflows.journey.protocol import DoseLimit, SignOffKind
from workflows.journey.stages.sessions.dose_gate import find_too_early
from workflows.journey.vocabulary.actors import Role


def planned() -> Play:
    """Two sessions are planned, the second as early as it may be, and two days have passed since the first."""
    return after("session.schedule", 2).later(hours=46)


def dose_was_later(play: Play) -> None:
    amend(play, "session.dosed", redose(play, taken_at=play.dosed_at() + timedelta(minutes=20), deviation=None))


def dose_elsewhere(play: Play) -> None:
    told(play, doses=[dose(play.dosed_at() + timedelta(hours=30), 20)])
    release_all(play)


def too_much(play: Play) -> None:
    play.do(c.SetLimits(limits={DoseLimit.MAX_7_DAY: 110}, reason="faint after the dose (invented)"))
    play.sign(SignOffKind.PATIENT_LIMITS)
    play.sign(SignOffKind.PLAN)
    told(play, doses=[dose(play.dosed_at() + timedelta(hours=30), 20)])
    release_all(play)


def release_all(play: Play) -> None:
    for hold in tuple(play.journey.standing_holds):
        play.sign(SignOffKind.SEVERE_HOLD_RELEASE if hold.severe else SignOffKind.HOLD_RELEASE, hold.id)


def no_go_elsewhere(play: Play) -> None:
    told(play, no_go_until=play.journey.sessions[2].starts_at + timedelta(hours=2))


@pytest.mark.requirement("B27", "A16")
@pytest.mark.parametrize("how", [dose_was_later, dose_elsewhere, too_much, no_go_elsewhere])
def test_a_session_that_became_too_early_is_to_be_moved_before_it(how: Callable[[Play], None]) -> None:
    """It was refused at the gate only, with the patient waiting."""
    play = planned()
    assert play.waits_for("scheduling") is None
    how(play)
    waiting, starts_at = play.waits_for("scheduling", "2"), play.journey.sessions[2].starts_at
    assert waiting is not None, [*play.journey.standing_holds]
    assert (waiting.owner, waiting.deadline) == (Role.COORDINATOR, starts_at)
    assert "to a later time" in waiting.what
    steps = play.journey.protocol.escalation_policies[waiting.escalation_policy].steps
    told_by_then = [step.to for step, at in zip(steps, waiting.steps, strict=True) if at <= starts_at]
    assert told_by_then == [Role.COORDINATOR, Role.COORDINATOR, Role.CLINICIAN]


def test_a_session_that_is_moved_far_enough_is_asked_for_no_more() -> None:
    play = planned()
    dose_was_later(play)
    session = play.journey.sessions[2]
    starts_at = play.dosed_at() + shortest_interval(play.journey)
    form = c.ScheduleSession(
        session=2,
        starts_at=starts_at,
        supervising_clinician=session.supervising_clinician,
        session_monitor=session.session_monitor,
    )
    play.do(form, Role.COORDINATOR)
    assert play.waits_for("scheduling") is None
    assert play.waits_for("checklist", "2") is not None


@given(st.lists(st.integers(-160, 45), min_size=1, max_size=3, unique=True))
def test_whatever_becomes_known_a_session_is_to_be_moved_exactly_if_it_is_too_early(hours: list[int]) -> None:
    play = planned()
    told(play, doses=[dose(play.dosed_at() + timedelta(hours=each), 10) for each in hours if each])
    release_all(play)
    early = find_too_early(play.journey, play.journey.sessions[2].starts_at)
    assert (play.waits_for("scheduling", "2") is not None) is bool(early)


def given_less(play: Play) -> None:
    amend(play, "session.dosed", redose(play, dose_mg=50))
    confirm(play)


def course_is_full(play: Play) -> None:
    told(play, doses=[dose(play.dosed_at() - timedelta(days=20), 1850)])


@pytest.mark.requirement("A37")
@pytest.mark.parametrize("how", [given_less, course_is_full])
def test_a_plan_that_became_too_much_is_to_be_written_anew_before_the_session(how: Callable[[Play], None]) -> None:
    """It was refused at the gate only, with the patient waiting."""
    play = planned()
    how(play)
    release_all(play)
    waiting = play.waits_for("planning")
    assert waiting is not None
    assert (waiting.owner, waiting.person) == (Role.CLINICIAN, play.journey.clinician)
    assert waiting.deadline == play.journey.sessions[2].starts_at
