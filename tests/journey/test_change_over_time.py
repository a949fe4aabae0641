"""What is worse is seen in whatever order totals come, are entered and are corrected."""

from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.journey.correcting import mark
from tests.journey.play import Play, kinds
from tests.journey.totals import at_baseline, pcl_5
from workflows.journey import commands as c
from workflows.journey.actors import Role
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind

TOLD, HELD = ["support.requested"], ["support.requested", "hold.placed"]


def scored(play: Play, *totals: int, since: str = "x") -> list[list[str]]:
    """What follows by rule from each of these PCL-5 totals, answered a day apart."""
    followed = []
    for n, total in enumerate(totals):
        play.later(days=1)
        followed.append(kinds(play.do(pcl_5(total, f"{since}-{n}"), Role.PATIENT))[1:])
    return followed


def corrected(play: Play, occasion: str, total: int) -> list[str]:
    """What follows by rule when a colleague corrects the total of an occasion."""
    [wrong] = [m for m in play.journey.measurements if m.occasion == occasion and m.instrument == Instrument.PCL_5]
    amend = c.Amend(version=wrong.version, reason="added up wrongly (invented)", correction=pcl_5(total, occasion))
    return kinds(play.do(amend))[1:]


def test_totals_that_are_worse_and_better_in_turn_hold_care() -> None:
    assert scored(at_baseline(40), 55, 40, 56, 41) == [TOLD, [], HELD, []]


def test_what_a_clinician_decided_on_is_not_held_for_again_when_it_is_worse_once() -> None:
    play = at_baseline(40)
    scored(play, 55, 40, 56, 41)
    [hold] = play.journey.standing_holds
    play.sign(SignOffKind.HOLD_RELEASE, hold.id)
    assert scored(play, 57, 41, 57, since="later") == [TOLD, [], HELD]


@examples(1.5)
@given(st.lists(st.integers(0, 80), min_size=1, max_size=6))
def test_the_second_total_that_is_worse_than_the_best_holds_care(totals: list[int]) -> None:
    play, best, worse = at_baseline(40), 40, 0
    for total, followed in zip(totals, scored(play, *totals), strict=True):
        worse += total - best >= 10
        best = min(best, total)
        assert ("hold.placed" in followed) is (worse > 1 and "support.requested" in followed)
    assert play.journey.held is (worse > 1)


def test_an_older_total_that_is_corrected_is_judged_as_what_it_was_then() -> None:
    play = at_baseline(40)
    assert scored(play, 45, 41) == [[], []]
    assert corrected(play, "x-0", 60) == TOLD, "it was worse then, though it is better now"
    assert scored(play, 58, since="later") == [HELD]


def test_a_corrected_total_makes_two_that_are_worse_hold_care() -> None:
    play = at_baseline(40)
    assert scored(play, 45, 60, 41) == [[], TOLD, []]
    assert corrected(play, "x-0", 55) == HELD


def test_what_came_after_a_corrected_total_is_judged_anew() -> None:
    play = at_baseline(50)
    assert scored(play, 48, 55, 49, 56) == [[], [], [], []]
    assert corrected(play, "x-0", 42) == HELD, "55 and 56 are worse than 42"
    assert corrected(play, "x-3", 49) == [], "what was told is not told again"


@examples(1.5)
@given(st.lists(st.integers(20, 80), min_size=2, max_size=5), st.data())
def test_a_corrected_course_tells_all_that_it_would_have_told_at_first(totals: list[int], data: st.DataObject) -> None:
    place, wrong = data.draw(st.integers(0, len(totals) - 1)), data.draw(st.integers(20, 80))
    first, second = at_baseline(40), at_baseline(40)
    told = scored(first, *totals)
    entered = scored(second, *(wrong if n == place else total for n, total in enumerate(totals)))
    then = corrected(second, f"x-{place}", totals[place])
    assert second.journey.held or not first.journey.held
    news = any(a == [] and b for a, b in zip(entered, told, strict=True))
    assert "support.requested" in then or not news


def test_a_total_that_is_taken_back_takes_no_alarm_with_it() -> None:
    play = at_baseline(40)
    scored(play, 55, 40)
    mark(play, "instrument.recorded")
    assert scored(play, 56, since="later") == [HELD]
