"""What was taken is judged again whenever a dose is told, however late, and each dose when it is taken."""

from datetime import datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.correcting import redose, version_of
from tests.journey.elsewhere import dose, told
from tests.journey.play import Play, after, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.patient_limits import longest_course, longest_gap
from workflows.journey.protocol import DoseLimit
from workflows.journey.vocabulary.actors import Role

BEYOND: dict[str, tuple[tuple[float, float], ...]] = {
    "more than 2 doses were taken in 7 days": ((-3, 10), (3, 10)),
    "more than 400.0 mg were taken in 7 days": ((-4, 350),),
    "more than 2000.0 mg were taken in the course": ((-40, 1950),),
}
"""Doses of another journey, in days from the one here and mg, each far enough from it."""


def dosed(days_ago: float = 30) -> Play:
    play = after("session.dose")
    play.at = play.dosed_at() + timedelta(days=days_ago)
    return play


@pytest.mark.requirement("B27")
@pytest.mark.parametrize("why", BEYOND)
def test_a_limit_that_a_dose_told_late_puts_into_the_past_holds_care_and_is_told(why: str) -> None:
    """It was judged only for the dose to come, and a month later none of it was left to see."""
    play = dosed()
    taken = [dose(play.dosed_at() + timedelta(days=days), mg) for days, mg in BEYOND[why]]
    followed = told(play, doses=taken)
    hold = one(followed, e.HoldPlaced)
    assert hold.cause == "patient_limits"
    assert why in hold.reason
    assert why in one(followed, e.SupportRequested).text


def test_what_was_taken_elsewhere_before_treatment_is_another_treatments() -> None:
    play = dosed()
    before = play.journey.started_at - timedelta(days=20)
    taken = [dose(before + timedelta(hours=hours)) for hours in (0, 1, 2)]
    assert kinds(told(play, doses=taken)) == ["history.taken-in"]


@pytest.mark.parametrize("less", [0, 1])
def test_a_corrected_time_is_judged_by_the_doses_after_it_too(less: int) -> None:
    """The second dose was as late as it had to be, by the time of the first that was misread."""
    play = after("session.dose", 2)
    apart = (play.dosed_at(2) - play.dosed_at(1)) / timedelta(hours=1)
    play = play.changed(own_limits={DoseLimit.MIN_INTERVAL_HOURS: apart - less})
    again = redose(play, taken_at=play.dosed_at(1) + timedelta(minutes=1), deviation=None)
    corrected = c.Amend.model_validate(
        {"version": version_of(play, "session.dosed", 0), "reason": "misread (invented)", "correction": again}
    )
    followed = play.do(corrected)
    assert ("hold.placed" in kinds(followed)) is (less == 0)
    if less == 0:
        assert one(followed, e.HoldPlaced).cause == "patient_limits"
        assert "too close" in one(followed, e.SupportRequested).text


def test_what_doses_broke_together_is_not_told_again_with_one_that_has_no_part_in_it() -> None:
    play = dosed()
    close = [dose(play.dosed_at() + timedelta(hours=hours), 10) for hours in (30, 60)]
    told(play, doses=close)
    assert len(play.journey.support) == 1
    apart = dose(play.dosed_at() + timedelta(days=20), 10)
    assert kinds(told(play, doses=[*close, apart])) == ["history.taken-in"]


def test_a_dose_too_close_to_one_here_is_told_though_another_one_lies_between_them() -> None:
    play = dosed()
    between, last = (dose(play.dosed_at() + timedelta(hours=hours), 10) for hours in (40, 60))
    told(play, doses=[between])
    assert "too close" in one(told(play, doses=[between, last]), e.SupportRequested).text


def test_care_is_held_once_for_limits_and_each_dose_beyond_them_is_told() -> None:
    play = after("session.dose", 2)
    play = play.changed(own_limits={DoseLimit.MIN_INTERVAL_HOURS: 1000}).later(hours=1)
    for nth, number in enumerate((1, 2)):
        again = redose(play, number, taken_at=play.dosed_at(number) + timedelta(minutes=1), deviation=None)
        version = version_of(play, "session.dosed", nth)
        play.do(c.Amend.model_validate({"version": version, "reason": "misread (invented)", "correction": again}))
    assert sum(hold.cause == "patient_limits" for hold in play.journey.standing_holds) == 1
    assert len(play.journey.support) == 2


@pytest.mark.parametrize("maintained", [False, True])
def test_a_dose_is_judged_by_the_limits_of_when_it_was_taken(maintained: bool) -> None:
    """Doses of the course were further apart than it asks for, and closer than maintenance does."""
    play = dosed()
    rules, second = play.journey.protocol, play.dosed_at() + timedelta(hours=100)
    apart = [rules.limit(DoseLimit.MIN_INTERVAL_HOURS, maintenance=kept) or 0 for kept in (False, True)]
    assert apart[0] < 100 < apart[1]
    play = play.changed(maintenance_since=second + timedelta(hours=-1 if maintained else 1))
    followed = told(play, doses=[dose(second, 10)])
    assert ("hold.placed" in kinds(followed)) is maintained


FAR = st.integers(-170, -72) | st.integers(72, 170)


@given(st.lists(FAR, min_size=2, max_size=3, unique=True), st.permutations(range(3)))
def test_in_whatever_order_doses_become_known_what_they_broke_is_seen(hours: list[int], order: list[int]) -> None:
    play = dosed()
    taken = [dose(play.dosed_at() + timedelta(hours=each), 100) for each in hours]
    for number in range(1, len(taken) + 1):
        told(play, doses=[taken[each] for each in order if each < len(taken)][:number])
    held = any(hold.cause == "patient_limits" for hold in play.journey.holds.values())
    assert held is _broken([0, *hours])


def _broken(hours: list[int]) -> bool:
    """Whether doses, none too close to the one at 0, are too many together with it."""
    return any(0 in group and max(group) - min(group) < 168 for group in combinations(hours, 3))


# Judged at the dose, and not only at the release


def released(number: int = 2) -> tuple[Play, datetime]:
    play = after("session.release", number).loosely_spaced()
    at = play.journey.sessions[number].released_at
    assert at is not None
    return play, at


def taken_after(play: Play, at: datetime, minutes: float) -> e.DoseRecorded:
    plan = play.journey.plan
    assert plan is not None
    play.at = at + timedelta(minutes=minutes)
    body = c.RecordDose(
        session=2, dose_mg=plan.dose_mg, route=plan.route, taken_at=play.at, doses_left=0, deviation="late (invented)"
    )
    dosed: e.DoseRecorded = one(play.do(body, Role.SESSION_MONITOR), e.DoseRecorded)
    return dosed


@pytest.mark.requirement("B49")
@pytest.mark.parametrize(("minutes", "too_long"), [(0, False), (1, True)])
def test_the_gap_since_the_last_dose_is_judged_at_the_dose(minutes: int, too_long: bool) -> None:
    play, at = released()
    gap = longest_gap(play.journey)
    last, signed = at - gap, at - gap - timedelta(days=1)
    play = play.redosed(taken_at=last).changed(
        sign_offs=tuple(s.model_copy(update={"at": min(s.at, signed)}) for s in play.journey.sign_offs)
    )
    found = taken_after(play, at, minutes).deviations
    assert any("days after the last dose" in why for why in found) is too_long


@pytest.mark.requirement("B49")
@pytest.mark.parametrize(("minutes", "too_long"), [(0, False), (1, True)])
def test_the_length_of_the_course_is_judged_at_the_dose(minutes: int, too_long: bool) -> None:
    play, at = released()
    play = play.changed(course_started_at=at - longest_course(play.journey))
    found = taken_after(play, at, minutes).deviations
    assert any("days after the course began" in why for why in found) is too_long
