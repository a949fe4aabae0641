"""Alarms: harm is told in minutes, day and night, again and again until somebody acknowledges, and on until settled."""

from datetime import timedelta
from typing import Any

import pytest

from simulation.people import checklist, vitals
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import Play, after, before, course, followed_up, one
from tests.journey.ringing import FRIDAY_AT_FIVE, acknowledge, dose, in_session, seen, seizure, steps, told
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.obligations import next_deadline
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.protocols import list_pathways


@pytest.mark.long
def test_a_seizure_on_friday_at_five_is_told_in_minutes_and_on_through_the_weekend() -> None:
    play = in_session(FRIDAY_AT_FIVE)
    before_it = len(play.events)
    seizure(play)
    event = play.journey.adverse_events["adverse-event-1"]
    assert (event.grade, event.finding, event.report.session) == (4, "unresponsive", 1)
    assert play.journey.held
    taken = steps(play.wait(minutes=15))
    assert {Role.ON_CALL_CLINICIAN, Role.CLINICIAN, Role.COORDINATOR, Role.MEDICAL_DIRECTOR} == {s.to for s in taken}
    assert all(step.alarm for step in taken)
    assert {role for _, role, alarm in told(play, before_it) if alarm} >= {Role.ON_CALL_CLINICIAN, Role.CLINICIAN}
    review = play.request(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    assert review.deadline == FRIDAY_AT_FIVE + timedelta(hours=4)
    weekend = steps(play.wait(hours=60))
    assert len(weekend) == 60 * 6, "every ten minutes"
    assert {step.due.weekday() for step in weekend} == {5, 6, 0}


@pytest.mark.parametrize(
    ("changed", "finding", "grade"),
    [
        ({"consciousness": "unresponsive"}, "unresponsive", 4),
        ({"consciousness": "pain"}, "unresponsive", 4),
        ({"breathing_normal": False}, "breathing", 4),
        ({"red_flags": ("chest_pain",)}, "red_flag", 4),
        ({"vitals": (182, 95)}, "vital_signs", 3),
    ],
)
def test_an_emergency_opens_its_adverse_event(changed: dict[str, Any], finding: str, grade: int) -> None:
    play = in_session()
    if "vitals" in changed:
        changed = {"vitals": vitals(play.at, *changed["vitals"])}
    bodies = play.do(seen(play, **changed), Role.OBSERVER)
    opened = one(bodies, e.AdverseEventReported)
    assert (opened.finding, opened.grade, opened.onset) == (finding, grade, play.dosed_at() + timedelta(minutes=40))
    assert one(bodies, e.HoldPlaced).severe
    alarm = play.waits_for("alarm")
    assert alarm is not None
    assert (alarm.escalation_policy, alarm.owner, alarm.care) == ("emergency", Role.ON_CALL_CLINICIAN, False)


@pytest.mark.parametrize(
    ("times", "finding"), [(10, "overdose"), (1.1, "overdose"), (1.05, None), (1, None), (0.5, None)]
)
def test_a_dose_above_the_planned_one_is_an_overdose(times: float, finding: str | None) -> None:
    play = before("session.dose")
    play.do(dose(play, times), Role.SESSION_MONITOR)
    alarm, support = play.waits_for("alarm"), play.waits_for("support")
    if finding is None:
        assert alarm is None
        assert (support is not None) is (times > 1)
        return
    assert alarm is not None
    assert alarm.escalation_policy == "emergency"
    assert play.journey.adverse_events["adverse-event-1"].finding == finding
    assert {step.to for step in steps(play.wait(minutes=5)) if step.alarm} == {
        Role.ON_CALL_CLINICIAN, Role.CLINICIAN, Role.COORDINATOR, Role.MEDICAL_DIRECTOR
    }  # fmt: skip


def test_a_dose_that_was_not_released_is_an_emergency() -> None:
    play = before("session.release")
    play.do(dose(play), Role.SESSION_MONITOR)
    assert play.journey.adverse_events["adverse-event-1"].finding == "unreleased_dose"
    alarm = play.waits_for("alarm")
    assert alarm is not None
    assert alarm.escalation_policy == "emergency"


def test_a_dose_that_is_corrected_to_an_overdose_rings_like_one() -> None:
    play = after("session.dose")
    version = play.version_of("session.dosed")
    play.do(c.Amend(version=version, reason="ten times as much", correction=dose(play, 10, taken_at=play.dosed_at())))
    assert play.waits_for("alarm") is not None


def test_a_dose_of_an_unknown_amount_is_an_emergency() -> None:
    """Released, and told without an amount, it asked for support: the same as one that was a little more."""
    play = after("session.release")
    plan = play.journey.plan
    assert plan is not None
    told = c.RecordDose(session=1, dose_mg=None, route=plan.route, taken_at=play.at, doses_left=1)
    play.do(told, Role.OBSERVER)
    assert play.journey.adverse_events["adverse-event-1"].finding == "unknown_dose"
    assert play.waits_for("alarm") is not None
    assert play.journey.held


def test_a_second_dose_in_a_session_is_an_emergency() -> None:
    play = in_session()
    plan = play.journey.plan
    assert plan is not None
    play.do(c.RecordDose(session=1, dose_mg=plan.dose_mg / 2, route=plan.route, taken_at=play.at), Role.OBSERVER)
    assert play.journey.adverse_events["adverse-event-1"].finding == "second_dose"
    assert play.waits_for("alarm") is not None


@pytest.mark.parametrize(("days", "policy"), [(0, "emergency"), (3, "emergency"), (4, "urgent")])
def test_an_overdose_that_is_told_later_is_told_all_the_same(days: int, policy: str) -> None:
    play = after("session.end")
    play.later(days=days)
    taken_at = play.at - timedelta(days=days)
    play.do(c.RecordDose(dose_mg=1000, route="oral", taken_at=taken_at), Role.PATIENT)
    alarm = play.waits_for("alarm")
    assert alarm is not None
    assert alarm.escalation_policy == policy


@pytest.mark.parametrize("pathway", list_pathways())
def test_a_closed_journey_rings_as_well(pathway: Pathway) -> None:
    whole = course(pathway)
    play = Play(whole.journey, whole.at)
    assert play.journey.closed
    play.do(c.ReportAdverseEvent(what="x", grade=4, serious=False, onset=play.at), Role.PATIENT)
    assert play.journey.closed
    assert len(steps(play.wait(hours=1))) > 6
    play.do(acknowledge(), Role.ON_CALL_CLINICIAN)
    assert steps(play.wait(hours=2))
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    play.do(followed_up("adverse-event-1", "unknown"))
    assert next_deadline(play.journey) is None or play.waits_for("alarm") is None


# Until somebody acknowledges
def test_the_last_step_repeats_until_somebody_acknowledges_and_a_slower_one_goes_on() -> None:
    play = in_session()
    seizure(play)
    began = play.at
    first = steps(play.wait(minutes=36))
    assert [(step.due - began).total_seconds() / 60 for step in first] == [0, 0, 5, 5, 5, 10, 15, 25, 35]
    assert [step.repetition for step in first] == [0, 0, 0, 0, 0, 0, 0, 1, 2]
    acknowledged = play.at
    [event] = play.do(acknowledge(), Role.ON_CALL_CLINICIAN)
    assert isinstance(event, e.ObligationAcknowledged)
    alarm = play.waits_for("alarm")
    assert alarm is not None
    assert alarm.acknowledged is not None
    assert (alarm.acknowledged.by, alarm.acknowledged.taken) == ("demo-on-call-clinician", 7)
    later = steps(play.wait(hours=4))
    assert [(step.due - acknowledged).total_seconds() / 60 for step in later] == [30, 60, 120, 180, 240]
    assert [(step.step, step.repetition) for step in later] == [(0, 0), (1, 0), (1, 1), (1, 2), (1, 3)]


def test_acknowledging_never_silences_for_ever() -> None:
    play = in_session()
    seizure(play)
    for _ in range(3):
        play.do(acknowledge(), Role.CLINICIAN)
        assert next_deadline(play.journey) is not None
        assert steps(play.wait(hours=2)), "it rings again, more slowly"
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    assert play.waits_for("alarm") is None
    assert not steps(play.wait(days=1))


def test_acknowledging_again_puts_nothing_off() -> None:
    play = in_session()
    seizure(play)
    play.do(acknowledge(), Role.ON_CALL_CLINICIAN)
    began, rung = play.at, []
    for minute in range(1, 200):
        rung += steps(play.wait(minutes=1))
        if minute % 7 == 0:
            play.do(acknowledge(), Role.CLINICIAN)
    assert [(step.due - began).total_seconds() / 60 for step in rung] == [30, 60, 120, 180]
    alarm = play.waits_for("alarm")
    assert alarm is not None
    assert alarm.acknowledged is not None
    assert alarm.acknowledged.by == "demo-clinician"


def test_a_question_about_the_review_does_not_silence_the_alarm() -> None:
    play = in_session()
    seizure(play)
    review = SignOffKind.SERIOUS_ADVERSE_EVENT
    play.sign(review, "adverse-event-1", by=Role.ON_CALL_CLINICIAN, decision="return", rationale="since when?")
    asked = play.waits_for("returned")
    assert asked is not None
    assert asked.escalation_policy == "sign_serious_adverse_event"
    assert steps(play.wait(hours=1))


@pytest.mark.parametrize("by", [Role.COORDINATOR, Role.SESSION_MONITOR, Role.PATIENT, Role.OBSERVER, Role.OPS])
def test_an_alarm_is_taken_by_a_clinical_person(by: Role) -> None:
    play = in_session()
    seizure(play)
    play.refused(acknowledge(), by, code=RefusalCode.NOT_ALLOWED)


def test_only_an_alarm_is_acknowledged() -> None:
    play = in_session()
    seizure(play)
    play.refused(acknowledge("alarm:nothing"), code=RefusalCode.UNKNOWN, field="obligation")
    review = play.request(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1").id
    play.refused(acknowledge(review), code=RefusalCode.UNKNOWN, field="obligation", says="no alarm")


def test_after_an_outage_only_the_latest_repetition_is_taken() -> None:
    play = in_session()
    seizure(play)
    began = play.at
    play.later(days=3)
    taken = steps(play.clock())
    assert [step.step for step in taken] == [0, 1, 2, 3, 4, 5, 6, 6]
    assert taken[-1].due == began + timedelta(days=3, minutes=-5), "fifteen minutes, and every ten from then on"
    assert not steps(play.clock()), "each one once"
    again = next_deadline(play.journey)
    assert again == began + timedelta(days=3, minutes=5)
    assert not steps(play.later(minutes=4).clock()), "never early"
    assert len(steps(play.later(minutes=1).clock())) == 1


def test_a_crisis_rings_until_the_patient_is_reached() -> None:
    play = after("session.end")
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=c_ssrs("yyyynn-")))
    attempt = c.RecordCrisisContact(crisis="crisis-1", reached=False, assessment="no answer", safety_plan=False)
    for _ in range(3):
        assert steps(play.wait(hours=3), "crisis:crisis-1")
        play.do(attempt, Role.ON_CALL_CLINICIAN)
        play.do(acknowledge("crisis:crisis-1"), Role.ON_CALL_CLINICIAN)
    assert steps(play.wait(hours=3), "crisis:crisis-1")
    play.reach(attempt.model_copy(update={"reached": True, "safety_plan": True}), Role.ON_CALL_CLINICIAN)
    assert not steps(play.wait(hours=12), "crisis:crisis-1")


def test_item_9_rings_until_a_clinician_has_asked() -> None:
    play = after("session.end")
    answers = [0] * 8 + [1]
    play.do(c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="self", answers=answers), Role.PATIENT)
    assert len(steps(play.wait(hours=10), "suicide_risk")) > 30
    play.do(acknowledge("suicide_risk"), Role.ON_CALL_CLINICIAN)
    assert steps(play.wait(hours=10), "suicide_risk")


def test_a_hold_does_not_pause_an_alarm() -> None:
    play = in_session()
    seizure(play)
    play.wait(minutes=20)
    alarm = play.waits_for("alarm")
    play.do(c.PlaceHold(reason="x"), Role.OBSERVER)
    assert play.waits_for("alarm") == alarm
    assert steps(play.wait(minutes=10))


def test_people_bring_an_emergency_to_its_end() -> None:
    play = in_session()
    seizure(play)
    play.go_on(lambda journey: not journey.held and not any(w.kind == "alarm" for w in journey.waiting.values()))
    play.go_on(lambda journey: "adverse_event_outcome:adverse-event-1" not in journey.waiting)
    assert play.journey.adverse_events["adverse-event-1"].outcome == "recovered"


def test_a_clock_that_looks_early_takes_nothing() -> None:
    play = in_session()
    seizure(play)
    play.wait(minutes=16)
    assert not steps(play.do(c.PassDeadline(), CLOCK))


def test_a_checklist_that_is_worse_than_the_one_before_is_told_again() -> None:
    play = before("session.check")
    high = checklist(play.journey, 1, play.at).model_copy(update={"vitals": vitals(play.at, 165, 95)})
    play.do(high, Role.SESSION_MONITOR)
    play.do(c.AnswerSupport(support="support-1", text="measured again later"), Role.ON_CALL_CLINICIAN)
    play.later(minutes=20)
    play.do(high.model_copy(update={"vitals": vitals(play.at, 205, 132)}), Role.SESSION_MONITOR)
    asked = play.waits_for("support")
    assert asked is not None
    assert asked.escalation_policy == "emergency"
