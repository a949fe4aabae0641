"""What is owed to the patient in follow-up: check-ins, visits, questionnaires, and how follow-up ends."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from tests.journey.contacts import SYMPTOMS, answer, following_up, in_week_one, visit
from tests.journey.correcting import amend, confirm, mark
from tests.journey.play import Play, after, before, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.evaluation.model import instrument_measured, measure_name, scheduled_instruments
from workflows.journey.stages.sessions.reviews import reviews_owed
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import local
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Outcome, Stage


def test_check_in_is_answered_once_and_what_comes_after_is_kept_beside_it() -> None:
    play = before("check-in.complete")
    assert kinds(play.do(answer("check-in-1-4h"), Role.PATIENT)) == ["check-in.completed"]
    again = play.do(answer("check-in-1-4h", "unwell"), Role.PATIENT)
    assert one(again, e.CheckInCompleted).check_in == "unscheduled-1"
    assert one(again, e.SupportRequested).urgency == "urgent"
    assert play.journey.contacts["check-in-1-4h"].feeling == "well"
    play.refused(answer("check-in-9-4h"), Role.PATIENT, code=RefusalCode.UNKNOWN, field="check_in")
    play.refused(answer("visit-1"), Role.PATIENT, code=RefusalCode.UNKNOWN, field="check_in")


def test_feeling_unwell_asks_for_urgent_support_in_the_same_step() -> None:
    play = before("check-in.complete")
    bodies = play.do(answer("check-in-1-4h", "unwell"), Role.PATIENT)
    assert one(bodies, e.SupportRequested).urgency == "urgent"
    waiting = play.waits_for("support")
    assert waiting is not None
    assert (waiting.owner, waiting.escalation_policy) == (Role.ON_CALL_CLINICIAN, "urgent")
    assert waiting.deadline == play.at + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("check_in", "steps"),
    [
        (
            "check-in-1-4h",
            [(0, "ask"), (30, "remind"), (60, "call_patient"), (60, "call_observer"), (90, "page"),
             (120, "welfare_check")],
        ),
        (
            "check-in-1-24h",
            [(0, "ask"), (120, "remind"), (240, "call_patient"), (720, "escalate"), (1440, "emergency_contact")],
        ),
    ],
)  # fmt: skip
def test_missed_check_in_climbs_its_escalation_policy_and_holds_at_the_top(
    check_in: str, steps: list[tuple[int, str]]
) -> None:
    play = after("session.end")
    due = play.journey.contacts[check_in].due
    taken = [
        ((body.due - due).total_seconds() / 60, body.action.value)
        for body in play.wait(hours=60)
        if isinstance(body, e.ObligationEscalated) and body.obligation == f"check_in:{check_in}"
    ]
    assert taken[: len(steps)] == steps
    assert {action for _, action in taken[len(steps) :]} == {steps[-1][1]}, "again and again"
    assert any(hold.source == f"check_in:{check_in}" for hold in play.journey.holds.values())


def test_late_answer_cancels_the_later_steps_and_keeps_the_earlier_ones() -> None:
    play = after("session.end")
    taken = [b for b in play.wait(hours=3.1) if isinstance(b, e.ObligationEscalated) and "1-4h" in b.obligation]
    assert [body.action for body in taken] == ["ask", "remind", "call_patient", "call_observer"]
    play.do(answer("check-in-1-4h"), Role.PATIENT)
    assert not [b for b in play.wait(hours=20) if isinstance(b, e.ObligationEscalated) and "1-4h" in b.obligation]


def test_routine_check_ins_wait_for_the_morning_and_safety_check_ins_do_not() -> None:
    play = after("session.end")
    zone = play.journey.patient.zone
    three_days = play.waits_for("check_in", "check-in-1-72h")
    four_hours = play.waits_for("check_in", "check-in-1-4h")
    assert three_days is not None
    assert four_hours is not None
    assert all(8 <= local(step, zone).hour < 21 for step in three_days.steps)
    assert [(step - four_hours.deadline).total_seconds() / 60 for step in four_hours.steps] == [0, 30, 60, 60, 90, 120]


@pytest.mark.parametrize(("heightened", "steps"), [(False, [0, 30, 60, 60, 90, 120]), (True, [0, 15, 30, 30, 45, 60])])
def test_escalation_policies_are_steeper_after_suicide_risk(heightened: bool, steps: list[int]) -> None:
    play = before("session.dose")
    if heightened:
        risky = play.journey.measurements[-1].model_copy(
            update={
                "instrument": Instrument.C_SSRS,
                "score": play.journey.latest(Instrument.C_SSRS).score.model_copy(update={"level": "moderate"}),  # type: ignore[union-attr]
                "at": play.at - timedelta(days=30),
            }
        )
        play = play.changed(measurements=(risky, *play.journey.measurements))
    [command] = [m[1] for m in after("session.dose").moves]
    play.take(command)
    waiting = play.waits_for("check_in", "check-in-1-4h")
    assert waiting is not None
    assert [(step - waiting.deadline).total_seconds() / 60 for step in waiting.steps] == steps


def test_check_ins_go_on_weekly_between_sessions_until_the_next_dose_replaces_them() -> None:
    play = after("check-in.complete", 3)
    weekly = play.waits_for("check_in")
    assert weekly is not None
    assert weekly.deadline - play.at == timedelta(days=7)
    play.go_on(lambda journey: len(journey.doses) == 2)
    assert play.journey.contacts["check-in-1"].replaced
    play.do(answer("check-in-1"), Role.PATIENT)
    assert play.journey.contacts["check-in-1"].done_at is None


@pytest.mark.requirement("B50")
def test_follow_up_gives_every_contact_its_time_from_the_last_dose() -> None:
    play = following_up()
    last = play.journey.last_dose_at
    assert last is not None
    days = {
        k.id: (k.due - last).days
        for k in play.journey.contacts.values()
        if k.type in ("follow_up_visit", "measure") and (k.instrument in (None, Instrument.PCL_5))
    }
    assert days == {
        "follow-up-week-1": 7,
        "follow-up-week-2": 14,
        "follow-up-week-4": 28,
        "follow-up-week-8": 56,
        "follow-up-week-12": 84,
        "day-7": 7,
        "day-28": 28,
        "day-56": 56,
        "day-84": 84,
    }
    asked = [k for k in play.journey.contacts.values() if k.type == "measure"]
    for instrument in (Instrument.PCL_5, Instrument.PHQ_9, Instrument.C_SSRS_SINCE):
        assert [(k.due - last).days for k in asked if k.instrument == instrument] == [7, 28, 56, 84]


@pytest.mark.requirement("A32", "B46")
@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"assessments": {"symptom_changes": "x", "side_effects": "x"}}, RefusalCode.INCOMPLETE, "assessments"),
        ({"assessments": {}}, RefusalCode.INCOMPLETE, "assessments"),
        ({"answers": {"urinary_symptoms": "x", "cognition": "x"}}, RefusalCode.INCOMPLETE, "assessments"),
        ({"assessments": {"star_rating": "5"}}, RefusalCode.UNKNOWN, "assessments"),
        ({"answers": {"star_rating": "5"}}, RefusalCode.UNKNOWN, "answers"),
        ({"outcome": "cured"}, RefusalCode.UNKNOWN, "outcome"),
        ({"visit": "follow-up-week-99"}, RefusalCode.UNKNOWN, "visit"),
    ],
)
def test_visit_has_three_assessments_and_the_questions(changed: dict[str, Any], code: RefusalCode, field: str) -> None:
    play = in_week_one()
    play.refused(visit("follow-up-week-1", **changed), code=code, field=field)
    play.do(visit("follow-up-week-1"))
    play.refused(visit("follow-up-week-1"), code=RefusalCode.ALREADY_DONE, field="visit")


@pytest.mark.requirement("A34", "A61")
def test_visit_says_what_other_care_goes_on() -> None:
    play = in_week_one()
    care = "psychotherapy every Tuesday; a support group once a month (invented)"
    play.do(visit("follow-up-week-1", concurrent_care=care))
    seen = play.journey.contacts["follow-up-week-1"].record
    assert isinstance(seen, e.VisitRecorded)
    assert seen.concurrent_care == care
    silent = visit("follow-up-week-2").model_dump(exclude={"concurrent_care"})
    with pytest.raises(ValidationError, match="concurrent_care"):
        c.RecordVisit.model_validate(silent)


def test_visit_after_a_session_needs_no_follow_up_questions() -> None:
    play = before("visit.record")
    play.do(visit("visit-1", answers={}))


def test_visits_are_held_by_clinicians() -> None:
    play = following_up()
    play.refused(visit("follow-up-week-1"), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    waiting = play.waits_for("follow_up_visit", "follow-up-week-1")
    assert waiting is not None
    assert waiting.owner == Role.CLINICIAN


@pytest.mark.requirement("A39", "B52")
def test_follow_up_goes_on_until_somebody_signs_its_end() -> None:
    play = following_up()
    for week in (1, 2, 4, 8, 12):
        play.at = play.journey.contacts[f"follow-up-week-{week}"].due
        play.do(visit(f"follow-up-week-{week}"))
    for number in (6, 7, 8):
        waiting = play.waits_for("follow_up_visit", f"follow-up-{number}")
        assert waiting is not None
        assert waiting.owner == Role.CLINICIAN
        play.at = waiting.deadline
        play.do(visit(f"follow-up-{number}"))
    assert play.journey.stage == Stage.FOLLOW_UP


def test_measure_is_done_by_the_right_questionnaire_completely_filled_in() -> None:
    play = in_week_one()
    other = c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="day-7", answers=[0] * 9)
    play.do(other, Role.PATIENT)
    assert play.waits_for("measure", "day-7") is not None
    play.do(c.RecordInstrument(instrument=Instrument.PCL_5, occasion="day-7", answers=[1] * 19), Role.PATIENT)
    assert play.waits_for("measure", "day-7") is not None
    play.do(c.RecordInstrument(instrument=Instrument.PCL_5, occasion="day-7", answers=[1] * 20), Role.PATIENT)
    assert play.waits_for("measure", "day-7") is None


@pytest.mark.requirement("B52")
def test_discharge_is_proposed_by_a_clinician_and_takes_effect_when_signed() -> None:
    proposal = c.ProposeDischarge(
        summary="stable", ongoing_support="psychotherapy goes on", without_visits_because="moves"
    )
    early = before("session.check")
    early.refused(proposal, code=RefusalCode.WRONG_STAGE)
    play = following_up()
    play.refused(proposal, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    play.do(proposal)
    play.wait(days=5)
    assert play.journey.outcome is None
    play.sign(SignOffKind.DISCHARGE)
    assert play.journey.closing is not None
    assert play.journey.closing.outcome == Outcome.COMPLETED
    play.go_on(lambda journey: journey.closed)
    assert play.journey.outcome == Outcome.COMPLETED


def test_declined_discharge_goes_on_with_follow_up() -> None:
    play = following_up()
    play.do(c.ProposeDischarge(summary="stable", ongoing_support="x", without_visits_because="moves"))
    play.sign(SignOffKind.DISCHARGE, decision="decline")
    assert play.waits_for("discharge") is None
    assert play.journey.stage == Stage.FOLLOW_UP
    play.do(c.ProposeDischarge(summary="stable since", ongoing_support="x", without_visits_because="moves"))
    assert play.waits_for("discharge") is not None


def test_lost_to_follow_up_is_a_decision_of_a_clinician() -> None:
    play = following_up()
    play.go_on(lambda journey: journey.contacts["check-in-3-72h"].done_at is not None)
    play.wait(days=30)
    lost = play.waits_for("lost_to_follow_up", "follow-up-week-1")
    assert lost is not None
    assert play.journey.outcome is None
    play.sign(SignOffKind.LOST_TO_FOLLOW_UP, "follow-up-week-1")
    assert play.journey.outcome == Outcome.LOST_TO_FOLLOW_UP


def test_declined_lost_to_follow_up_is_asked_again_and_a_contact_ends_the_question() -> None:
    play = following_up()
    play.wait(days=30)
    first = play.request(SignOffKind.LOST_TO_FOLLOW_UP, "follow-up-week-1")
    play.sign(SignOffKind.LOST_TO_FOLLOW_UP, "follow-up-week-1", decision="decline")
    again = play.request(SignOffKind.LOST_TO_FOLLOW_UP, "follow-up-week-1")
    assert again.id != first.id
    assert again.since == play.at
    play.do(visit("follow-up-week-1"))
    assert play.waits_for("lost_to_follow_up", "follow-up-week-1") is None
    assert play.waits_for("missed_contact", "follow-up-week-1") is not None


def test_anxiety_measures_by_its_own_instrument() -> None:
    play = after("session.end", 2, "ANXIETY")
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-2", choice="continue")
    asked = {k.instrument for k in play.journey.contacts.values() if k.type == "measure"}
    assert asked == {Instrument.GAD_7, Instrument.PHQ_9, Instrument.C_SSRS_SINCE}


def test_a_visit_that_is_owed_no_more_is_kept_with_what_it_found() -> None:
    """A later session took its place: it counts for nothing that is owed, and what it found is reviewed."""
    play = following_up()
    known = play.journey.contacts["follow-up-week-1"].model_copy(update={"replaced": True})
    play = play.changed(contacts=play.journey.contacts.put({known.id: known}))
    kept = one(play.do(visit("follow-up-week-1", outcome="worsening")), e.VisitRecorded)
    assert kept.visit != "follow-up-week-1"
    assert play.journey.contacts["follow-up-week-1"].done_at is None
    assert play.waits_for("response_review", kept.visit) is not None


@pytest.mark.parametrize("occasion", ["baseline", "session-1", "follow-up-week-12"])
def test_an_occasion_tells_which_instrument_it_is_of(occasion: str) -> None:
    journey = in_week_one().journey
    asked = scheduled_instruments(journey)
    assert len(asked) > 1
    for instrument in asked:
        assert instrument_measured(journey, measure_name(journey, occasion, instrument)) == instrument


def test_who_was_heard_from_is_not_lost_by_a_decision_that_did_not_know_of_it() -> None:
    play = following_up()
    play.go_on(lambda journey: journey.contacts["check-in-3-72h"].done_at is not None)
    play.wait(days=30)
    early = play.signature(SignOffKind.LOST_TO_FOLLOW_UP, "follow-up-week-1")
    play.do(c.RequestSupport(urgency="urgent", text="I was in hospital (invented)"), Role.PATIENT)
    play.refused(early, code=RefusalCode.STALE, field="request")
    assert play.journey.closing is None
    play.sign(SignOffKind.LOST_TO_FOLLOW_UP, "follow-up-week-1", referral="x")
    assert not play.asks_for(SignOffKind.LOST_TO_FOLLOW_UP, "follow-up-week-1")
    support = [*play.journey.support][-1]
    play.do(c.AnswerSupport(support=support, text="x"), Role.CLINICIAN)
    assert not play.asks_for(SignOffKind.LOST_TO_FOLLOW_UP, "follow-up-week-1")


def test_what_is_recorded_of_a_contact_after_its_review_takes_another_one() -> None:
    play = after("session.end")
    check_in = "check-in-1-4h"
    play.wait(hours=(play.journey.contacts[check_in].due - play.at) / timedelta(hours=1))
    names, alarming = play.journey.protocol.symptoms.names, play.journey.protocol.symptoms.alert_at
    one_alarms = answer(check_in).model_copy(update={"symptoms": {**SYMPTOMS, names[0]: alarming}})
    play.do(one_alarms, Role.PATIENT)
    play.sign(SignOffKind.RESPONSE_REVIEW, check_in, choice="continue")
    mark(play, "check-in.completed")
    if play.journey.unconfirmed:
        confirm(play)
    play.wait(minutes=1)
    assert not reviews_owed(play.journey)
    answered = Play(play.journey, play.at)
    answered.do(one_alarms, Role.PATIENT)
    assert not reviews_owed(answered.journey), "exactly this was reviewed"
    play.do(answer(check_in).model_copy(update={"symptoms": dict.fromkeys(names, alarming)}), Role.PATIENT)
    assert reviews_owed(play.journey) == (check_in,)
    assert play.asks_for(SignOffKind.RESPONSE_REVIEW, check_in)


def test_a_visit_that_is_corrected_after_its_review_is_reviewed_again() -> None:
    play = following_up()
    play.wait(days=1)
    play.do(visit("visit-3", outcome="worsening"))
    play.sign(SignOffKind.RESPONSE_REVIEW, "visit-3", choice="continue")
    amend(play, "visit.recorded", visit("visit-3", outcome="worsening", concurrent_care="none any more"))
    assert reviews_owed(play.journey) == ("visit-3",)
    play.sign(SignOffKind.RESPONSE_REVIEW, "visit-3", decision="decline")
    assert play.asks_for(SignOffKind.RESPONSE_REVIEW, "visit-3")
    play.sign(SignOffKind.RESPONSE_REVIEW, "visit-3", choice="continue")
    assert reviews_owed(play.journey) == ()


def test_no_discharge_is_signed_while_sessions_go_on() -> None:
    """One that was proposed before a review let them begin again is asked about once follow-up has begun again."""
    play = following_up()
    play.wait(days=1)
    proposal = {"summary": "x", "ongoing_support": "x", "without_visits_because": "x"}
    play.do(c.ProposeDischarge.model_validate(proposal))
    assert play.asks_for(SignOffKind.DISCHARGE)
    play.do(visit("visit-3", outcome="worsening"))
    play.sign(SignOffKind.RESPONSE_REVIEW, "visit-3", choice="adjust")
    assert play.journey.stage == Stage.SESSIONS
    assert not play.asks_for(SignOffKind.DISCHARGE)
