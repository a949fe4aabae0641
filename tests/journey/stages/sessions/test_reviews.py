"""Reviews after sessions, maintenance, and changes of the plan in between."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from simulation.people import plan, revision
from tests.journey.correcting import confirm, mark
from tests.journey.elsewhere import told
from tests.journey.play import Play, after, before, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.patient_limits import protocol_limit
from workflows.journey.protocol import DoseLimit, SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate, interval_obstacles
from workflows.journey.stages.sessions.reviews import reviews_owed
from workflows.journey.stages.sessions.validity import measure_obstacles
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Outcome, Stage


@pytest.mark.requirement("B47")
@pytest.mark.parametrize(
    ("choice", "stage", "asks"),
    [
        ("continue", Stage.FOLLOW_UP, "follow_up_visit"),
        ("adjust", Stage.SESSIONS, "planning"),
        ("maintenance", Stage.SESSIONS, "planning"),
        ("add_support", Stage.FOLLOW_UP, "support"),
        ("pause", Stage.SESSIONS, "hold_release"),
        ("stop", Stage.FOLLOW_UP, "follow_up_visit"),
    ],
)
def test_review_at_the_end_of_the_course_leads_where_the_clinician_decides(
    choice: str, stage: Stage, asks: str
) -> None:
    play = after("session.end", 3)
    assert play.waits_for("scheduling") is None
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-3", choice=choice)
    assert play.journey.stage == stage
    assert play.waits_for(asks) is not None


@pytest.mark.requirement("B46")
def test_nothing_follows_from_a_review_that_nobody_decides() -> None:
    play = after("session.end", 3)
    play.wait(days=14)
    assert play.journey.stage == Stage.SESSIONS
    assert play.asks_for(SignOffKind.RESPONSE_REVIEW, "session-3")
    assert play.waits_for("scheduling") is None


def test_review_may_send_the_patient_to_the_clinic_with_a_referral() -> None:
    play = after("session.end", 3)
    moved = play.signature(SignOffKind.RESPONSE_REVIEW, "session-3", choice="switch_to_in_clinic")
    play.refused(moved, code=RefusalCode.INCOMPLETE, field="referral")
    play.do(moved.model_copy(update={"referral": "the clinic downtown"}))
    play.go_on(lambda journey: journey.closed)
    assert play.journey.outcome == Outcome.IN_CLINIC


def in_maintenance() -> Play:
    """After the last session, a response review decided on maintenance."""
    play = after("session.end", 3)
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-3", choice="maintenance")
    return play


def kept(play: Play, **changed: Any) -> c.RecordPlan:
    """A plan for maintenance, with something changed."""
    good = plan(play.journey.protocol, play.at, maintenance=True)
    return revision(play.journey, good.model_copy(update=changed))


@pytest.mark.requirement("B27")
def test_maintenance_has_its_own_interval_and_goes_on_with_the_course() -> None:
    play = in_maintenance()
    code = RefusalCode.OUT_OF_LIMITS
    play.refused(kept(play, spacing_hours=167), code=code, field="plan.spacing_hours", says="at least 168 hours")
    play.refused(kept(play, planned_sessions=16), code=code, field="plan.planned_sessions", says="at most 15")
    play.do(kept(play))
    play.sign(SignOffKind.PLAN)
    assert play.waits_for("scheduling", "4") is not None
    began = play.journey.course_started_at
    play.go_on(lambda journey: len(journey.ended_sessions) == 4)
    assert play.journey.course_started_at == began
    third, fourth = (play.dosed_at(session) for session in (3, 4))
    assert fourth - third >= timedelta(hours=336)


@pytest.mark.requirement("B27")
def test_maintenance_begins_no_sum_of_doses_anew() -> None:
    play = in_maintenance()
    play.do(kept(play))
    play.sign(SignOffKind.PLAN)
    play.go_on(lambda journey: journey.sessions.get(4) is not None and journey.sessions[4].check is not None)
    doses = {name: dose.model_copy(update={"dose_mg": 970.0}) for name, dose in play.journey.doses.items()}
    assert "dose above 3000.0 mg in the course" in dose_gate(play.changed(doses=doses).journey, 4, play.at)
    doses = {name: dose.model_copy(update={"dose_mg": 960.0}) for name, dose in play.journey.doses.items()}
    assert "in the course" not in str(dose_gate(play.changed(doses=doses).journey, 4, play.at))


@pytest.mark.requirement("B50")
def test_in_maintenance_the_response_is_looked_at_again_and_again() -> None:
    """Twelve doses in half a year went by with no score, no visit and no review."""
    play = in_maintenance()
    play.do(kept(play))
    play.sign(SignOffKind.PLAN)
    play.go_on(lambda journey: len(journey.ended_sessions) == 5)
    assert play.waits_for("response_review") is None
    assert measure_obstacles(play.journey, 6, play.at) == (
        "PCL-5 before session 6 is not filled in",
        "PHQ-9 before session 6 is not filled in",
    )
    play.go_on(lambda journey: len(journey.ended_sessions) == 6)
    assert play.asks_for(SignOffKind.RESPONSE_REVIEW, "session-6")
    assert "visit-6" in play.journey.contacts
    assert {"session-6", "session-6-phq-9"} <= {measured.occasion for measured in play.journey.measurements}
    assert play.waits_for("scheduling", "7") is None
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-6", choice="continue")
    assert play.waits_for("scheduling", "7") is not None


@pytest.mark.requirement("B27")
def test_no_decision_for_maintenance_and_no_plan_alone_begins_its_time_anew() -> None:
    play = in_maintenance()
    play.do(kept(play))
    play.sign(SignOffKind.PLAN)
    play.go_on(lambda journey: len(journey.ended_sessions) == 6)
    since = play.journey.maintenance_since
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-6", choice="maintenance")
    assert play.journey.maintenance_since == since
    longest = play.journey.protocol.maintenance.course_max_days
    play = play.changed(maintenance_since=play.at - timedelta(days=longest, seconds=1))
    found = f"more than {longest} days after the course began: "
    evaluated, planned = (found + what for what in ("amend and sign the evaluation again", "write and sign a new plan"))
    assert {evaluated, planned} <= {*interval_obstacles(play.journey, play.at)}
    play.do(kept(play))
    play.sign(SignOffKind.PLAN)
    assert planned not in interval_obstacles(play.journey, play.at)
    assert evaluated in interval_obstacles(play.journey, play.at)


def corrected_review() -> Play:
    """In maintenance, with a fourth dose two weeks after the third."""
    play = in_maintenance()
    play.do(kept(play))
    play.sign(SignOffKind.PLAN)
    return play.go_on(lambda journey: len(journey.ended_sessions) == 4)


def answers_in_error(play: Play) -> None:
    mark(play, "instrument.recorded", 0)
    assert play.journey.maintenance_since is not None, "nobody has confirmed it"
    confirm(play)


def signer_is_patient(play: Play) -> None:
    [review] = [s for s in play.journey.sign_offs if s.choice == "maintenance"]
    told(play, also_known_as=[play.journey.patient.ref, review.by])


@pytest.mark.requirement("B27")
@pytest.mark.parametrize("falls", [answers_in_error, signer_is_patient])
def test_maintenance_falls_with_the_review_that_decided_on_it(falls: Callable[[Play], None]) -> None:
    """It went on, and a dose of the course that was corrected was judged by it: care was held once too often."""
    play = corrected_review()
    assert protocol_limit(play.journey, DoseLimit.MIN_INTERVAL_HOURS) == 168
    falls(play)
    assert play.journey.maintenance_since is None
    assert protocol_limit(play.journey, DoseLimit.MIN_INTERVAL_HOURS) == 72
    assert "session-3" in reviews_owed(play.journey), "nobody stays on the limits of the course unasked"
    assert play.asks_for(SignOffKind.RESPONSE_REVIEW, "session-3")


@pytest.mark.parametrize("choice", ["maintenance", "continue"])
def test_a_review_that_is_decided_anew_says_whether_maintenance_goes_on(choice: str) -> None:
    play = corrected_review()
    since = play.journey.maintenance_since
    answers_in_error(play)
    for subject in reviews_owed(play.journey):
        play.sign(SignOffKind.RESPONSE_REVIEW, subject, choice=choice)
    assert play.journey.maintenance_since == (since if choice == "maintenance" else None)
    assert reviews_owed(play.journey) == ()


@pytest.mark.parametrize("instrument", [Instrument.C_SSRS, Instrument.C_SSRS_SINCE, Instrument.PHQ_9])
def test_a_review_that_is_owed_is_asked_for_whichever_answers_were_entered_in_error(instrument: Instrument) -> None:
    """One was owed anew and stood before every dose, and nobody could sign it: it shows no C-SSRS."""
    play = in_maintenance()
    answers = next(measured for measured in reversed(play.journey.measurements) if measured.instrument == instrument)
    play.do(c.MarkInError(version=answers.version, reason="another patient's (invented)"))
    confirm(play)
    for subject in reviews_owed(play.journey):
        assert play.asks_for(SignOffKind.RESPONSE_REVIEW, subject)
    assert bool(reviews_owed(play.journey)) == (instrument == Instrument.PHQ_9)
    assert (play.journey.maintenance_since is None) == (instrument == Instrument.PHQ_9)


def test_plan_shortened_during_a_session_does_not_leave_it_unobserved() -> None:
    play = after("session.dose", 2)
    shorter = plan(play.journey.protocol, play.at).model_copy(update={"planned_sessions": 1})
    play.do(revision(play.journey, shorter))
    play.sign(SignOffKind.PLAN)
    assert play.journey.stage == Stage.SESSIONS
    assert play.waits_for("observation") is not None
    play.go_on(lambda journey: journey.stage == Stage.FOLLOW_UP)
    assert not [session for session in play.journey.sessions.values() if session.running]


def test_session_left_over_by_a_shorter_plan_is_cancelled() -> None:
    play = before("session.check", 2)
    shorter = plan(play.journey.protocol, play.at).model_copy(update={"planned_sessions": 1})
    play.do(revision(play.journey, shorter))
    play.sign(SignOffKind.PLAN)
    play.go_on(lambda journey: journey.stage == Stage.FOLLOW_UP)
    assert list(play.journey.sessions) == [1]


def test_attestation_of_the_first_session_is_asked_for_and_decides_nothing_else() -> None:
    play = after("session.end")
    assert play.waits_for("scheduling", "2") is not None
    play.sign(SignOffKind.ATTESTATION, "1")
    assert play.waits_for("attestation") is None
    assert after("session.end", 2).waits_for("attestation") is None


@pytest.mark.requirement("A14")
def test_sessions_are_those_of_the_protocol_pinned_at_the_start() -> None:
    play = started()
    assert play.journey.protocol_digest == play.journey.protocol.digest
    assert {event.body.protocol_digest for event in play.events if isinstance(event.body, e.PathwayStarted)} == {
        play.journey.protocol.digest
    }


@pytest.mark.requirement("B21")
def test_the_patient_acknowledges_the_instructions_they_got() -> None:
    play = before("session.instruct")
    body = c.AcknowledgeInstructions(session=1, content_version="demo-1")
    play.refused(body, Role.PATIENT, code=RefusalCode.INCOMPLETE, field="session")
    play.do(c.Instruct(session=1, content_version="demo-1"), Role.COORDINATOR)
    waiting = play.waits_for("instructions_read")
    assert waiting is not None
    assert waiting.owner == Role.PATIENT
    assert any("instructions_read" in found for found in dose_gate(play.journey, 1, play.at))
    play.refused(body, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    other = body.model_copy(update={"content_version": "demo-0"})
    play.refused(other, Role.PATIENT, code=RefusalCode.STALE, field="content_version")
    play.do(body, Role.PATIENT)
    assert play.waits_for("instructions_read") is None
    play.do(c.Instruct(session=1, content_version="demo-2"), Role.COORDINATOR)
    assert play.waits_for("instructions_read") is not None, "they changed, and are acknowledged anew"
