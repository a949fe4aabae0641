"""Holds, adverse events, crises, support and unreadable messages: safety goes on in every stage."""

from datetime import timedelta
from typing import Any

import pytest

from simulation.people import no_risk, observation
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import Play, after, before, collected, followed_up, kinds, one, ruled, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Outcome, Stage


def event(play: Play, grade: int, **changed: Any) -> c.ReportAdverseEvent:
    return c.ReportAdverseEvent.model_validate(
        {"what": "invented", "grade": grade, "serious": False, "onset": play.at, **changed}
    )


# Adverse events


@pytest.mark.parametrize(
    ("grade", "serious", "held", "severe", "review"),
    [
        (1, False, False, False, SignOffKind.ADVERSE_EVENT),
        (2, False, True, False, SignOffKind.ADVERSE_EVENT),
        (3, False, True, True, SignOffKind.SERIOUS_ADVERSE_EVENT),
        (4, False, True, True, SignOffKind.SERIOUS_ADVERSE_EVENT),
        (1, True, True, True, SignOffKind.SERIOUS_ADVERSE_EVENT),
    ],
)
def test_grade_and_seriousness_are_two_questions(
    grade: int, serious: bool, held: bool, severe: bool, review: SignOffKind
) -> None:
    play = after("session.end")
    reasons = ("hospitalization",) if serious else ()
    bodies = play.do(event(play, grade, serious=serious, serious_because=reasons), Role.PATIENT)
    holds = [body for body in bodies if isinstance(body, e.HoldPlaced)]
    assert [(hold.cause, hold.severe) for hold in holds] == ([("adverse_event", severe)] if held else [])
    assert play.asks_for(review, "adverse-event-1")
    assert play.journey.adverse_events["adverse-event-1"].grade == grade


def test_adverse_event_hold_is_released_after_the_review_by_whom_its_grade_asks_for() -> None:
    play = after("session.end")
    play.do(event(play, 3), Role.SESSION_MONITOR)
    release = play.signature(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    play.refused(release, Role.CLINICIAN, code=RefusalCode.NOT_ALLOWED, says="medical_director")
    play.refused(release, Role.MEDICAL_DIRECTOR, code=RefusalCode.INCOMPLETE, says="adverse event is reviewed")
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1", by=Role.ON_CALL_CLINICIAN)
    play.sign(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    assert not play.journey.held


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"onset": timedelta(minutes=1)}, RefusalCode.WRONG_TIME, "onset"),
        ({"serious": True}, RefusalCode.INCOMPLETE, "serious_because"),
    ],
)
def test_report_is_complete(changed: dict[str, Any], code: RefusalCode, field: str) -> None:
    play = after("session.end")
    if "onset" in changed:
        changed = {"onset": play.at + changed["onset"]}
    play.refused(event(play, 1, **changed), Role.PATIENT, code=code, field=field)


def test_grade_5_reports_a_death_and_keeps_the_review() -> None:
    play = collected(after("session.end"))
    bodies = play.do(event(play, 5, serious=True, serious_because=("death",)))
    assert one(bodies, e.DeathReported).death == "death-1"
    assert play.journey.closing is None
    play.sign(SignOffKind.DEATH, "death-1", by=Role.ON_CALL_CLINICIAN)
    assert [waiting.kind for waiting in play.journey.waiting.values()] == ["serious_adverse_event"]
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    assert play.journey.outcome == Outcome.DECEASED


# Holds


@pytest.mark.requirement("A16")
@pytest.mark.parametrize("by", [Role.PATIENT, Role.OBSERVER, Role.OPS, Role.COORDINATOR, Role.CLINICIAN])
def test_anyone_may_hold_and_only_a_signature_releases(by: Role) -> None:
    play = before("session.schedule")
    play.do(c.PlaceHold(reason="not sure"), by)
    play.refused(
        c.ScheduleSession(
            session=1,
            starts_at=play.at + timedelta(days=1),
            supervising_clinician="x",
            session_monitor="y",
            live_clinician="demo-clinician",
        ),
        Role.COORDINATOR,
        code=RefusalCode.HELD,
        says="hold 1",
    )
    play.wait(days=10)
    assert play.journey.held
    play.refused(
        play.signature(SignOffKind.HOLD_RELEASE, "hold-1", rationale=None),
        code=RefusalCode.INCOMPLETE,
        field="rationale",
    )
    bodies = play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    assert kinds(bodies) == ["signoff.signed", "hold.released"]
    assert not play.journey.held


@pytest.mark.requirement("A16")
def test_under_a_hold_what_is_care_waits_and_what_is_safety_goes_on() -> None:
    play = after("session.instruct")
    assert play.waits_for("checklist") is not None
    bodies = play.take(play.command(c.PlaceHold(reason="x"), Role.OPS))
    [updated] = [each.body for each in bodies if isinstance(each.body, e.ObligationsUpdated)]  # type: ignore[union-attr]
    assert {closed.because for closed in updated.closed} == {"held"}
    ahead = {"permission_end", "monitoring_check", "pregnancy_test", "follow_up_visit", "measure"}
    assert {waiting.kind for waiting in play.journey.waiting.values()} == {"hold_release", *ahead}
    play.do(c.RequestSupport(urgency="urgent", text="scared"), Role.PATIENT)
    play.do(c.AskQuestion(text="what now?"), Role.PATIENT)
    kinds_ = {waiting.kind for waiting in play.journey.waiting.values()}
    assert kinds_ == {"hold_release", "support", "question", *ahead}
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    again = play.waits_for("checklist")
    assert again is not None
    assert again.since == play.at


def test_hold_during_a_session_does_not_cancel_its_observation() -> None:
    play = after("session.dose")
    play.do(c.PlaceHold(reason="the observer is worried"), Role.OBSERVER)
    assert play.waits_for("observation", "1-15") is not None
    for minute in (15, 40, 120):
        play.at = play.dosed_at() + timedelta(minutes=minute)
        play.do(observation(play.journey, 1, minute, play.at), Role.SESSION_MONITOR)
    criteria = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True)
    play.do(c.EndSession(session=1, criteria=criteria), Role.SESSION_MONITOR)
    assert play.journey.held
    assert play.waits_for("check_in", "check-in-1-4h") is not None


def test_stage_does_not_change_under_a_hold() -> None:
    play = before("consent.give")
    play.do(c.PlaceHold(reason="x"), Role.PATIENT)
    play.do(c.GiveConsent(consents=play.journey.protocol.consents), Role.PATIENT)
    assert play.journey.stage == Stage.EDUCATION
    bodies = play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    assert kinds(bodies) == ["signoff.signed", "hold.released", "stage.entered", "contacts.scheduled"]


def test_signing_care_waits_for_the_release_of_the_hold() -> None:
    play = before("signoff.sign")
    request = play.signature(SignOffKind.EVALUATION)
    play.do(c.PlaceHold(reason="x"), Role.PATIENT)
    play.refused(request, code=RefusalCode.HELD, field="request")


def test_one_hold_does_not_hide_another() -> None:
    play = before("session.schedule")
    play.do(c.PlaceHold(reason="x"), Role.PATIENT)
    play.do(c.PlaceHold(reason="y"), Role.OPS)
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    assert play.journey.held
    play.sign(SignOffKind.HOLD_RELEASE, "hold-2")
    assert not play.journey.held


def test_declined_release_keeps_the_hold_and_is_asked_again() -> None:
    play = before("session.schedule")
    play.do(c.PlaceHold(reason="x"), Role.PATIENT)
    first = play.request(SignOffKind.HOLD_RELEASE, "hold-1")
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1", decision="decline")
    assert play.journey.held
    assert play.request(SignOffKind.HOLD_RELEASE, "hold-1").id != first.id


def test_treatment_stops_for_safety_once_what_happened_is_reviewed() -> None:
    play = after("session.end")
    play.do(event(play, 4), Role.SESSION_MONITOR)
    bodies = play.do(c.StopForSafety(reason="x", referral="cardiology"), Role.CLINICIAN)
    assert one(bodies, e.PathwayEnding).outcome == Outcome.STOPPED_FOR_SAFETY
    assert play.waits_for("serious_adverse_event") is not None
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    assert play.waits_for("alarm") is None
    play.do(followed_up("adverse-event-1", "recovered", play.at))
    play.go_on(lambda journey: journey.closed)
    assert play.journey.outcome == Outcome.STOPPED_FOR_SAFETY


# Crises


def at_risk(marks: str) -> Play:
    play = after("session.end")
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=c_ssrs(marks)))
    return play


def contact(reached: bool = True, safety_plan: bool = True) -> c.RecordCrisisContact:
    return c.RecordCrisisContact(crisis="crisis-1", reached=reached, assessment="seen", safety_plan=safety_plan)


@pytest.mark.parametrize(
    ("marks", "minutes"),
    [("yyyynn-", [0, 0, 5, 5, 5, 10, 15, *range(25, 60, 10)]), ("yyynnn-", [0.15, 0.15, 15, 15, 30, 45, 60])],
)
def test_crisis_climbs_until_the_patient_is_reached(marks: str, minutes: list[float]) -> None:
    play = at_risk(marks)
    began = play.at
    steps = [
        b for b in play.wait(hours=1) if isinstance(b, e.ObligationEscalated) and b.obligation == "crisis:crisis-1"
    ]
    assert [(body.due - began).total_seconds() / 60 for body in steps] == minutes
    assert all(body.alarm for body in steps)
    assert play.waits_for("crisis") is not None
    play.do(contact(), Role.ON_CALL_CLINICIAN)
    assert play.waits_for("crisis") is not None, "somebody says so, and nobody has signed it"
    play.sign(SignOffKind.CRISIS_REACHED, "crisis-1", by=Role.ON_CALL_CLINICIAN)
    assert play.waits_for("crisis") is None


def test_attempt_that_did_not_reach_the_patient_does_not_end_the_crisis() -> None:
    play = at_risk("yyyynn-")
    play.do(contact(reached=False, safety_plan=False), Role.ON_CALL_CLINICIAN)
    assert play.waits_for("crisis") is not None
    play.refused(contact(safety_plan=False), Role.ON_CALL_CLINICIAN, code=RefusalCode.INCOMPLETE, field="safety_plan")
    play.refused(contact(), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    play.refused(contact().model_copy(update={"crisis": "crisis-9"}), code=RefusalCode.UNKNOWN, field="crisis")


@pytest.mark.parametrize(
    ("reached", "asked_again", "says"),
    [
        (False, "nn---n-", "a clinician has reached the patient"),
        (True, None, "asks the C-SSRS again"),
        (True, "yy---n-", "asks the C-SSRS again"),
        (True, "yyyynn-", "a clinician has reached the patient"),
        (True, "yyynnn-", None),
        (True, "yn---n-", None),
        (True, "nn---n-", None),
    ],
)
def test_crisis_hold_is_released_after_contact_and_a_new_c_ssrs(
    reached: bool, asked_again: str | None, says: str | None
) -> None:
    play = at_risk("yyyynn-")
    if reached:
        play.reach(contact(), Role.ON_CALL_CLINICIAN)
    if asked_again is not None:
        answers = c_ssrs(asked_again)
        play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="again", answers=answers), Role.CLINICIAN)
    decision = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    if says is None:
        play.do(decision, Role.MEDICAL_DIRECTOR)
        assert play.journey.open_crises, "one person is not enough"
        followed = kinds(play.sign(SignOffKind.RISK_DECISION, choice="settled"))
        assert followed == ["signoff.signed", "crisis.closed", "suicide-risk.signed", "hold.released"]
        assert not play.journey.held
    else:
        play.refused(decision, Role.MEDICAL_DIRECTOR, code=RefusalCode.INCOMPLETE, says=says)


def test_people_bring_a_crisis_to_its_end() -> None:
    play = at_risk("yyynnn-")
    play.go_on(lambda journey: not journey.held)
    assert all(crisis.reached and crisis.closed for crisis in play.journey.crises.values())
    play.go_on(lambda journey: journey.closed)
    assert play.journey.outcome == Outcome.COMPLETED


def test_alarms_work_before_anything_is_signed() -> None:
    play = started()
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="self", answers=c_ssrs("yyyynn-")), Role.PATIENT)
    assert play.waits_for("crisis") is not None
    assert play.waits_for("risk_decision") is not None


# Support


@pytest.mark.requirement("B57")
@pytest.mark.parametrize(
    ("urgency", "owner", "minutes"),
    [("urgent", Role.ON_CALL_CLINICIAN, 15), ("clinical", Role.CLINICIAN, 60), ("routine", Role.COORDINATOR, 1440)],
)
def test_support_can_be_asked_for_at_any_time(urgency: str, owner: Role, minutes: int) -> None:
    play = started()
    play.do(c.RequestSupport.model_validate({"urgency": urgency, "text": "hello?"}), Role.PATIENT)
    waiting = play.waits_for("support")
    assert waiting is not None
    assert (waiting.owner, waiting.deadline - play.at) == (owner, timedelta(minutes=minutes))
    reply = c.AnswerSupport(support="support-1", text="called back")
    if urgency != "routine":
        play.refused(reply, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    play.refused(reply.model_copy(update={"support": "support-9"}), owner, code=RefusalCode.UNKNOWN, field="support")
    play.do(reply, owner)
    assert play.waits_for("support") is None
    play.refused(reply, owner, code=RefusalCode.ALREADY_DONE, field="support")


# Messages nobody could read


def test_unreadable_message_holds_care_until_ops_have_read_it() -> None:
    play = before("session.check")
    bodies = play.do(c.KeepUnreadable(name="sign_off", content="{broken"), CLOCK)
    assert kinds(bodies) == ["message.kept", "hold.placed"]
    assert play.journey.messages["message-1"].content == "{broken"
    waiting = play.waits_for("unreadable_message")
    assert waiting is not None
    assert waiting.owner == Role.OPS
    play.refused(
        play.signature(SignOffKind.HOLD_RELEASE, "hold-1"),
        code=RefusalCode.INCOMPLETE,
        says="ops have read the message",
    )
    handled = c.HandleMessage(message="message-1", text="a test message")
    play.refused(handled, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    play.refused(
        handled.model_copy(update={"message": "message-2"}), Role.OPS, code=RefusalCode.UNKNOWN, field="message"
    )
    play.do(handled, Role.OPS)
    play.refused(handled, Role.OPS, code=RefusalCode.ALREADY_DONE, field="message")
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    assert not play.journey.held


def test_same_fact_found_twice_at_once_makes_holds_of_their_own() -> None:
    """Two escalation policies that reach their top in the same moment: two holds, none overwritten."""
    play = after("session.end")
    play.later(days=5)
    holds = [body for body in play.clock() if isinstance(body, e.HoldPlaced)]
    assert len(holds) == len({hold.hold for hold in holds}) == len({hold.source for hold in holds}) > 1
    assert list(play.journey.holds) == [hold.hold for hold in holds]


@pytest.mark.long
def test_no_one_sees_the_clock_release_anything() -> None:
    play = after("session.end")
    play.do(event(play, 2), Role.PATIENT)
    passed = play.wait(days=60)
    assert passed
    assert not [body for body in passed if isinstance(body, e.HoldReleased | e.SignedOff | e.StageEntered)]


def test_c_ssrs_of_none_is_recorded_and_holds_nothing() -> None:
    play = after("session.end")
    answers = no_risk()
    bodies = play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=answers))
    assert kinds(bodies) == ["instrument.recorded"]


@pytest.mark.parametrize("not_author", [False, True])
def test_who_placed_a_hold_releases_it_unless_the_protocol_asks_for_another(not_author: bool) -> None:
    play = started(protocol=ruled(hold_release={"not_author": not_author}))
    play.do(c.PlaceHold(reason="to be sure (invented)"), Role.CLINICIAN)
    [hold] = play.journey.standing_holds
    release = play.signature(SignOffKind.HOLD_RELEASE, hold.id)
    if not_author:
        play.refused(release, Role.CLINICIAN, code=RefusalCode.NOT_ALLOWED, says="who wrote this")
        play.do(release, Role.MEDICAL_DIRECTOR)
    else:
        play.do(release, Role.CLINICIAN)
    assert not play.journey.held
