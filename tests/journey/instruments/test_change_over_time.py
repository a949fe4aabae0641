"""What is worse is seen in whatever order totals come, are entered and are corrected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.journey.correcting import confirm, mark
from tests.journey.play import Play, after, before, course, kinds
from tests.journey.totals import at_baseline, pcl_5
from workflows.journey import commands as c
from workflows.journey.entries import put
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role

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


def taken_back(play: Play, occasion: str) -> list[str]:
    """What follows by rule when the total of an occasion turns out to be another patient's."""
    wrong = [m for m in play.journey.measurements if (m.occasion, m.instrument) == (occasion, Instrument.PCL_5)]
    play.do(c.MarkInError(version=wrong[-1].version, reason="another patient's (invented)"))
    return kinds(confirm(play))[1:]


def test_what_came_after_a_baseline_in_error_is_judged_anew() -> None:
    play = at_baseline(44)
    [first] = [m for m in play.journey.measurements if m.instrument == Instrument.PCL_5]
    others = first.model_copy(
        update={"version": first.version + 1, "score": first.score.model_copy(update={"total": 60})}
    )
    play = play.changed(measurements=(*play.journey.measurements, others))
    play = play.changed(facts=put(play.journey.facts, others.version, play.journey.facts[first.version]))
    assert scored(play, 55, 57) == [[], []]
    assert taken_back(play, "baseline") == HELD


def test_two_worse_totals_follow_each_other_once_the_better_one_between_was_in_error() -> None:
    play = at_baseline(40)
    scored(play, 55, 56)
    [hold] = play.journey.standing_holds
    play.sign(SignOffKind.HOLD_RELEASE, hold.id)
    assert scored(play, 40, 57, since="later") == [[], TOLD]
    assert taken_back(play, "later-0") == HELD


slow_rises = st.lists(st.integers(41, 49), min_size=4, max_size=4, unique=True).map(sorted)


@examples(1.5)
@given(slow_rises, st.integers(1, 3), st.integers(20, 80))
def test_a_course_without_what_was_in_error_tells_all_that_it_would_have_told(
    totals: list[int], place: int, wrong: int
) -> None:
    first, second = at_baseline(50), at_baseline(50)
    told = scored(first, *totals)
    entered = scored(second, *totals[:place], wrong, *totals[place:])
    then = taken_back(second, f"x-{place}")
    del entered[place]
    news = any(a == [] and b for a, b in zip(entered, told, strict=True))
    assert "support.requested" in then or not news


@pytest.mark.parametrize("instrument", [Instrument.PCL_5, Instrument.PHQ_9, Instrument.C_SSRS])
def test_care_goes_on_after_a_baseline_in_error(instrument: Instrument) -> None:
    """Nobody could fill it in again once the evaluation was left, nor sign the evaluation without it."""
    play = after("session.schedule", 2)
    [wrong] = [m for m in play.journey.measurements if (m.occasion, m.instrument) == ("baseline", instrument)]
    play.do(c.MarkInError(version=wrong.version, reason="another patient's (invented)"))
    confirm(play)
    assert play.asks_for(SignOffKind.EVALUATION) or play.waits_for("evaluation")
    play.go_on(lambda journey: len(journey.doses) == 2, most=60)


def test_a_review_that_rests_on_a_total_in_error_is_asked_for_again() -> None:
    play = after("session.end", 3)
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-3", choice="adjust")
    assert not play.asks_for(SignOffKind.RESPONSE_REVIEW, "session-3")
    taken_back(play, "baseline")
    assert play.asks_for(SignOffKind.RESPONSE_REVIEW, "session-3")
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-3", choice="adjust")
    assert not play.asks_for(SignOffKind.RESPONSE_REVIEW, "session-3")


@pytest.mark.parametrize("occasion", ["session-3", "baseline"])
def test_a_review_in_follow_up_that_rests_on_a_total_in_error_is_asked_for_again(occasion: str) -> None:
    """Neither the review that ended the sessions nor that of a visit was asked for again."""
    play = before("visit.record", 4)
    visit = next(c.RecordVisit.model_validate(m[1].body) for m in course("PTSD").moves if m[0] == play.journey)
    play.do(visit.model_copy(update={"outcome": "worsening"}))
    play.sign(SignOffKind.RESPONSE_REVIEW, visit.visit, choice="continue")
    taken_back(play, occasion)
    for subject in ("session-3", visit.visit):
        play.later(hours=1)
        play.sign(SignOffKind.RESPONSE_REVIEW, subject, choice="continue")
        assert not play.asks_for(SignOffKind.RESPONSE_REVIEW, subject)


def test_a_visit_was_held_though_a_questionnaire_of_it_was_in_error() -> None:
    play = after("visit.record")
    [visit] = [k.id for k in play.journey.contacts.values() if k.type == "visit" and k.done_at == play.at]
    play.do(pcl_5(44, visit), Role.PATIENT)
    taken_back(play, visit)
    assert play.journey.contacts[visit].done_at is not None
