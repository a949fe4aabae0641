"""Who gets worse is seen: by scores, visits and symptoms; a review follows, and stands before the next dose."""

from datetime import timedelta

import pytest

from tests.journey.contacts import following_up, in_week_one, visit
from tests.journey.play import Play, after, before, kinds, one
from tests.journey.totals import at_baseline, pcl_5
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.evidence import evidence
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Outcome, Stage


@pytest.mark.parametrize(("rise", "asked"), [(9, False), (10, True)])
def test_deterioration_asks_a_clinician(rise: int, asked: bool) -> None:
    play = following_up()
    latest = play.journey.latest(Instrument.PCL_5)
    assert latest is not None
    assert latest.score.total is not None
    play.do(pcl_5(latest.score.total + rise, "day-7"), Role.PATIENT)
    assert (play.waits_for("support") is not None) is asked
    assert not play.journey.held
    assert play.journey.stage == Stage.FOLLOW_UP


def test_worsening_twice_in_a_row_holds_care_until_a_clinician_has_decided() -> None:
    play = after("session.end")
    primary = play.journey.protocol.instruments.primary
    worse = [c.RecordInstrument(instrument=primary, occasion=f"worse-{n}", answers=[n] * 20) for n in (2, 3, 4)]
    assert not any(isinstance(body, e.HoldPlaced) for body in play.do(worse[0], Role.PATIENT))
    assert "hold.placed" not in kinds(play.do(worse[1], Role.PATIENT))
    assert "hold.placed" in kinds(play.do(worse[2], Role.PATIENT))
    assert [hold.cause for hold in play.journey.holds.values()] == ["deterioration"]


def measured(play: Play, *totals: int, since: str) -> list[list[str]]:
    """What follows by rule from each of these totals, answered one after the other."""
    return [kinds(play.do(pcl_5(total, f"{since}-{n}"), Role.PATIENT))[1:] for n, total in enumerate(totals)]


def test_a_slow_decline_asks_a_clinician_and_then_holds_care() -> None:
    followed = measured(at_baseline(44), 53, 62, 71, since="slow")
    assert followed == [[], ["support.requested"], ["support.requested", "hold.placed"]]


def test_small_rises_in_a_row_ask_a_clinician() -> None:
    play = at_baseline(44)
    assert measured(play, 45, 46, 47, since="rise") == [[], [], ["support.requested"]]
    assert not play.journey.held


def test_worsening_is_seen_before_the_first_session_too() -> None:
    play = before("plan.record")
    best = play.journey.comparison(Instrument.PCL_5)
    assert best is None
    [baseline] = [m for m in play.journey.measurements if m.instrument == Instrument.PCL_5]
    assert baseline.score.total is not None
    assert measured(play, baseline.score.total + 10, since="waiting") == [["support.requested"]]


def test_a_corrected_baseline_counts_for_what_came_after_it() -> None:
    play = at_baseline(44)
    [baseline] = [m for m in play.journey.measurements if m.instrument == Instrument.PCL_5]
    assert measured(play, 52, since="later") == [[]]
    right = pcl_5(40, "baseline")
    followed = kinds(play.do(c.Amend(version=baseline.version, reason="added up wrongly", correction=right)))
    assert followed == ["fact.amended", "support.requested"]


@pytest.mark.requirement("A60")
@pytest.mark.parametrize("outcome", ["responding", "partial", "not_responding", "worsening"])
def test_where_treatment_does_not_help_somebody_decides_what_is_next(outcome: str) -> None:
    play = in_week_one()
    play.do(visit("follow-up-week-1", outcome=outcome))
    asked = play.waits_for("response_review", "follow-up-week-1")
    assert (asked is not None) is (outcome in ("not_responding", "worsening"))
    if asked is not None:
        play.sign(SignOffKind.RESPONSE_REVIEW, "follow-up-week-1", choice="add_support")
        assert play.waits_for("response_review", "follow-up-week-1") is None
        assert play.waits_for("support") is not None


def test_a_visit_corrected_to_worsening_brings_about_a_review_too() -> None:
    play = in_week_one()
    play.do(visit("follow-up-week-1"))
    version = play.version_of("visit.recorded")
    play.do(
        c.Amend(version=version, reason="ticked wrongly", correction=visit("follow-up-week-1", outcome="worsening"))
    )
    assert play.waits_for("response_review", "follow-up-week-1") is not None


def test_worsening_after_a_session_stands_before_the_next_one_until_it_is_reviewed() -> None:
    play = before("visit.record")
    play.do(visit("visit-1", outcome="worsening"))
    play.at += timedelta(hours=1)
    assert "response review of visit-1 open" in dose_gate(play.journey, 2, play.at)
    assert play.waits_for("checklist", "2") is None
    play.sign(SignOffKind.RESPONSE_REVIEW, "visit-1", choice="continue")
    assert "response review of visit-1 open" not in dose_gate(play.journey, 2, play.at)
    assert play.waits_for("checklist", "2") is not None


@pytest.mark.parametrize("choice", ["adjust", "maintenance"])
def test_a_review_in_follow_up_asks_for_a_new_plan_and_the_sessions_stage(choice: str) -> None:
    play = in_week_one()
    open_before = {k.id: k.due for k in play.journey.contacts.values() if k.open and k.id != "follow-up-week-1"}
    play.do(visit("follow-up-week-1", outcome="worsening"))
    bodies = play.sign(SignOffKind.RESPONSE_REVIEW, "follow-up-week-1", choice=choice)
    assert one(bodies, e.StageEntered).stage == Stage.SESSIONS
    assert play.waits_for("planning") is not None
    assert {k.id: k.due for k in play.journey.contacts.values() if k.open} == open_before, "follow-up goes on"


def test_after_an_adjusted_plan_without_further_sessions_follow_up_goes_on_where_it_was() -> None:
    play = in_week_one()
    play.do(visit("follow-up-week-1", outcome="worsening"))
    contacts = dict(play.journey.contacts)
    play.sign(SignOffKind.RESPONSE_REVIEW, "follow-up-week-1", choice="adjust")
    play.go_on(lambda journey: journey.stage == Stage.FOLLOW_UP)
    assert play.journey.contacts["follow-up-week-1"].done_at == contacts["follow-up-week-1"].done_at
    assert {name: play.journey.contacts[name].due for name in contacts} == {k.id: k.due for k in contacts.values()}


@pytest.mark.parametrize("choice", ["continue", "add_support", "pause", "stop"])
def test_every_other_choice_of_a_review_is_open_in_follow_up_too(choice: str) -> None:
    play = in_week_one()
    play.do(visit("follow-up-week-1", outcome="worsening"))
    play.sign(SignOffKind.RESPONSE_REVIEW, "follow-up-week-1", choice=choice)
    assert play.journey.stage == Stage.FOLLOW_UP
    assert play.waits_for("response_review") is None


def test_nobody_is_discharged_while_worsening_is_not_reviewed() -> None:
    play = in_week_one()
    play.do(visit("follow-up-week-1", outcome="worsening"))
    play.do(
        c.ProposeDischarge(summary="stable", ongoing_support="psychotherapy goes on", without_visits_because="moves")
    )
    play.refused(play.signature(SignOffKind.DISCHARGE), code=RefusalCode.INCOMPLETE, says="review")
    play.sign(SignOffKind.RESPONSE_REVIEW, "follow-up-week-1", choice="continue")
    play.sign(SignOffKind.DISCHARGE)
    assert play.journey.closing is not None
    assert play.journey.closing.outcome == Outcome.COMPLETED


def test_a_review_shows_the_newest_total_beside_baseline_best_and_last() -> None:
    play = at_baseline(44)
    measured(play, 40, 43, 47, since="shown")
    shown = evidence(play.journey, SignOffKind.RESPONSE_REVIEW, "visit-1")["content"]["changes"]["PCL-5"]
    assert shown == {"baseline": 44, "best": 40, "last": 43, "total": 47, "change": ["none"]}
