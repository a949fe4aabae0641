"""When a questionnaire was answered: windows, order and change count from then, and danger acts at once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.contacts import following_up
from tests.journey.correcting import amend
from tests.journey.instruments.vectors import c_ssrs, c_ssrs_since
from tests.journey.play import Play, after, before, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.safety.suicide_risk import (
    levels_to_sign,
    recent_findings,
    settling_obstacles,
    suicide_risk_obstacles,
)
from workflows.journey.instruments import Instrument, Level
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
QUIET, LOW, HIGH = "nn---n", "yn---n", "yyyyyn"


def ask(play: Play, marks: str, answered_at: datetime | None = None) -> list[e.EventBody]:
    asked = {"instrument": "C-SSRS-SINCE", "occasion": "asked", "answers": c_ssrs_since(marks)}
    return play.do(c.RecordInstrument.model_validate({**asked, "answered_at": answered_at}))


def fill_in(play: Play, answers: list[int], answered_at: datetime | None = None, **changed: Any) -> list[e.EventBody]:
    form = {"instrument": "PHQ-9", "occasion": "x", "answers": answers, "answered_at": answered_at}
    return play.do(c.RecordInstrument.model_validate(form | changed), Role.PATIENT)


def test_what_is_known_of_the_time_is_in_the_event_and_what_is_signed() -> None:
    play = after("session.end")
    answered_at = play.at - 3 * HOUR
    body = one(ask(play, QUIET, answered_at), e.InstrumentRecorded)
    assert (body.answered_at, body.zone) == (answered_at, play.journey.patient.zone)
    measured = play.journey.asked_risk
    assert measured is not None
    assert (measured.at, measured.entered_at, measured.known_at) == (answered_at, play.at, play.at)
    undated = one(ask(play, QUIET), e.InstrumentRecorded)
    assert (undated.answered_at, undated.zone) == (None, None)


@pytest.mark.parametrize("answers", [[0] * 9, [1] * 8 + [0]])
@pytest.mark.parametrize("days", [-1, 31])
def test_a_time_that_cannot_count_is_refused(answers: list[int], days: int) -> None:
    play = after("session.end")
    form = c.RecordInstrument(
        instrument=Instrument.PHQ_9, occasion="x", answers=answers, answered_at=play.at - days * DAY
    )
    play.refused(form, Role.PATIENT, code=RefusalCode.WRONG_TIME, field="answered_at")


@pytest.mark.parametrize("days", [-9000, -1, 0, 29, 31, 400, 40_000])
@pytest.mark.parametrize("answers", [[0] * 8 + [1], [0] * 8])
def test_risk_is_kept_and_acts_at_once_whatever_time_it_is_given(days: int, answers: list[int]) -> None:
    play = after("session.end")
    followed = fill_in(play, answers, play.at - days * DAY)
    assert "hold.placed" in kinds(followed)
    assert play.journey.item_9_open


@pytest.mark.parametrize("days", [-1, 0, 29, 400])
def test_a_high_level_opens_a_crisis_however_old_it_is(days: int) -> None:
    play = after("session.end")
    ask(play, QUIET)
    assert one(ask(play, HIGH, play.at - days * DAY), e.CrisisOpened).level == "high"
    assert play.journey.held


@pytest.mark.parametrize("days", [2, 31, 400, 40_000])
@pytest.mark.parametrize("marks", [LOW, "yyynnn"])
def test_what_shows_some_risk_and_is_long_ago_clears_nothing_of_today(marks: str, days: int) -> None:
    """Answers of two months ago were kept as of now: they were the newest, and settled an item 9 of today."""
    play = before("session.release", 2)
    ask(play, QUIET)
    newest = play.journey.asked_risk
    fill_in(play, [0] * 8 + [2])
    play.later(days=play.journey.protocol.instruments.suicide_risk_valid_days, hours=1)
    assert "crisis.opened" in kinds(ask(play, marks, play.at - days * DAY))
    assert play.journey.asked_risk == newest
    assert not levels_to_sign(play.journey)
    assert "the C-SSRS is too old" in dose_gate(play.journey, 2, play.at)
    assert "a clinician asks the C-SSRS again, all of it" in settling_obstacles(play.journey, play.at)


def test_what_is_due_now_is_not_made_by_answers_of_long_ago() -> None:
    play = following_up()
    contact = next(x for x in play.journey.contacts.values() if x.type == "measure" and x.open)
    play.at = contact.opens + HOUR
    form = {"instrument": "PHQ-9", "occasion": contact.id, "answers": [0] * 8 + [1]}
    told = play.do(c.RecordInstrument.model_validate({**form, "answered_at": play.at - 60 * DAY}), Role.PATIENT)
    assert one(told, e.InstrumentRecorded).occasion == "unscheduled"
    assert play.journey.item_9_open


@pytest.mark.parametrize("days", [31, 40_000])
def test_intent_is_recent_from_when_it_was_entered_where_its_time_cannot_count(days: int) -> None:
    play = after("session.end")
    ask(play, HIGH, play.at - days * DAY)
    assert recent_findings(play.journey, play.at)
    recent = play.journey.protocol.instruments.suicidal_intent_recent_days
    assert recent_findings(play.journey, play.at + recent * DAY - HOUR)


def test_older_answers_do_not_hide_newer_ones() -> None:
    play = before("session.release", 2)
    ask(play, LOW)
    newest = play.journey.asked_risk
    ask(play, QUIET, play.at - HOUR)
    assert play.journey.asked_risk == newest
    assert newest is not None
    assert newest.score.current_level == Level.LOW


def test_answers_of_before_an_alarm_do_not_clear_it() -> None:
    play = after("session.end")
    early = play.at
    play.later(hours=1)
    fill_in(play, [0] * 8 + [2])
    play.later(hours=1)
    ask(play, QUIET, early)
    assert play.journey.item_9_open
    assert not levels_to_sign(play.journey)
    ask(play, QUIET, play.at - timedelta(minutes=10))
    assert levels_to_sign(play.journey) == (play.journey.asked_risk,)


def test_a_crisis_is_not_settled_by_what_was_answered_before_it() -> None:
    play = after("session.end")
    ask(play, HIGH)
    opened_at = play.at
    play.later(hours=2)
    play.reach(c.RecordCrisisContact(crisis="crisis-1", reached=True, assessment="seen (invented)", safety_plan=True))
    ask(play, QUIET, opened_at - HOUR)
    sign = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    play.refused(sign, Role.CLINICIAN, code=RefusalCode.INCOMPLETE)
    ask(play, QUIET, opened_at + HOUR)
    play.sign(SignOffKind.RISK_DECISION, choice="settled")
    assert not play.journey.open_crises


def test_a_level_is_too_old_from_when_it_was_answered() -> None:
    play = before("session.release", 2)
    days = play.journey.protocol.instruments.suicide_risk_valid_days
    play.later(days=days, hours=3)
    ask(play, QUIET, play.at - days * DAY - HOUR)
    assert "the C-SSRS is too old" in dose_gate(play.journey, 2, play.at)
    ask(play, QUIET, play.at - HOUR)
    assert "the C-SSRS is too old" not in dose_gate(play.journey, 2, play.at)


def test_what_was_answered_before_its_window_opened_is_not_it() -> None:
    play = following_up()
    contact = next(x for x in play.journey.contacts.values() if x.type == "measure" and x.open)
    assert contact.instrument is not None
    play.at = contact.opens + HOUR
    form = {"instrument": contact.instrument, "occasion": contact.id}
    early = fill_in(play, [1] * 20, contact.opens - HOUR, **form)
    assert one(early, e.InstrumentRecorded).occasion == "unscheduled"
    assert play.journey.contacts[contact.id].open
    play.at = contact.closes + HOUR
    fill_in(play, [1] * 20, contact.closes - HOUR, **form)
    assert play.journey.contacts[contact.id].done_at == play.at
    assert not play.journey.contacts[contact.id].late


def test_change_is_judged_in_the_order_of_answering() -> None:
    play = after("session.end")
    start = play.at
    play.later(days=10)
    fill_in(play, [1] * 8 + [0])
    worse = fill_in(play, [3] * 8 + [0], start + DAY)
    assert "support.requested" in kinds(worse), "that it was worse then is told although it is better now"
    comparison = play.journey.comparison(Instrument.PHQ_9)
    assert comparison is not None
    assert (comparison.last, comparison.total) == (24, 8)


def test_a_correction_keeps_when_it_was_answered() -> None:
    play = after("session.end")
    answered_at = play.at - 5 * HOUR
    fill_in(play, [1] * 8 + [0], answered_at)
    version = play.version_of("instrument.recorded")
    form = {"instrument": "PHQ-9", "occasion": "x", "answers": [2] * 8 + [0]}
    moved = c.RecordInstrument.model_validate({**form, "answered_at": play.at})
    play.refused(
        c.Amend(version=version, reason="mistyped (invented)", correction=moved),
        Role.CLINICIAN,
        code=RefusalCode.WRONG_TIME,
        field="answered_at",
    )
    amend(play, "instrument.recorded", c.RecordInstrument.model_validate(form))
    [right] = [m for m in play.journey.measurements if m.version == version]
    assert (right.at, right.score.total, right.known_at) == (answered_at, 16, play.at)


@pytest.mark.parametrize("days", [-1, 1, 400])
def test_a_correction_that_shows_risk_acts_at_once_whatever_time_it_is_given(days: int) -> None:
    play = after("session.end")
    answered_at = play.at - 5 * HOUR
    fill_in(play, [0] * 9, answered_at)
    form = {"instrument": "PHQ-9", "occasion": "x", "answers": [0] * 8 + [3], "answered_at": play.at - days * DAY}
    followed = amend(play, "instrument.recorded", c.RecordInstrument.model_validate(form))
    assert "hold.placed" in kinds(followed)
    assert play.journey.item_9_open
    [right] = [m for m in play.journey.measurements if m.occasion == "x"]
    assert (right.at, right.known_at) == (answered_at, play.at)


@given(
    st.lists(
        st.tuples(st.sampled_from([QUIET, LOW, "yyn-nn", HIGH]), st.integers(0, 29 * 24) | st.none()),
        min_size=1,
        max_size=6,
    )
)
def test_in_whatever_order_answers_are_entered_the_newest_counts_and_each_acts(
    entered: list[tuple[str, int | None]],
) -> None:
    play = after("session.end")
    asked = play.journey.asked_risk
    assert asked is not None
    told: list[tuple[datetime, int, str]] = [(asked.at, asked.version, QUIET)]
    for marks, hours in entered:
        play.later(minutes=7)
        answered_at = None if hours is None else play.at - hours * HOUR
        followed = ask(play, marks.replace("yyn-nn", "yynnnn"), answered_at)
        told.append((answered_at or play.at, play.journey.version, marks))
        if marks == HIGH:
            assert play.journey.held
            assert "crisis.opened" in kinds(followed) or play.journey.open_crises
    _, _, newest = max(told)
    risk = play.journey.asked_risk
    assert risk is not None
    known = {QUIET: Level.NONE, LOW: Level.LOW, "yyn-nn": Level.LOW, HIGH: Level.HIGH}
    assert risk.score.current_level == known[newest]
    if any(marks == HIGH for _, _, marks in told):
        assert suicide_risk_obstacles(play.journey, play.at)
    order = [m.at for m in play.journey.measurements]
    assert order == sorted(order)


def test_answers_without_a_time_are_of_when_they_are_entered() -> None:
    play = after("session.end")
    stored = one(ask(play, QUIET), e.InstrumentRecorded).model_dump(mode="json", exclude={"answered_at", "zone"})
    assert e.InstrumentRecorded.model_validate(stored).answered_at is None
    risk = play.journey.asked_risk
    assert risk is not None
    assert (risk.at, risk.entered_at) == (play.at, None)


def test_the_screener_has_a_time_too() -> None:
    play = after("session.end")
    form = c.RecordInstrument(
        instrument=Instrument.C_SSRS, occasion="asked", answers=c_ssrs("nn---n-"), answered_at=play.at - DAY
    )
    assert one(play.do(form), e.InstrumentRecorded).answered_at == play.at - DAY
