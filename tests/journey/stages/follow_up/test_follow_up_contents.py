"""What check-ins and visits ask: each symptom, function, suicide risk, and when their times are known."""

from datetime import date, timedelta
from typing import Any

import pytest

from simulation.people import no_risk
from tests.journey.play import Play, after, before, kinds, one, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.evaluation.rules import find_missing
from workflows.journey.stages.sessions.reviews import reviews_owed
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Stage

HERE = {"state": "CA", "confirmed": True}
PTSD = ("intrusive_thoughts", "emotional_distress", "mood_instability")


def check_in(name: str, rating: int = 4, **changed: Any) -> c.CompleteCheckIn:
    given = {"check_in": name, "feeling": "well", "side_effects": "none", "location": HERE}
    return c.CompleteCheckIn.model_validate({**given, "symptoms": dict.fromkeys(PTSD, rating), **changed})


def visit(name: str, **changed: Any) -> c.RecordVisit:
    given = {
        "visit": name,
        "assessments": dict.fromkeys(("symptom_changes", "side_effects", "overall_response"), "invented"),
        "answers": dict.fromkeys(("urinary_symptoms", "cognition", "misuse"), "none"),
        "symptoms": dict.fromkeys(PTSD, 4),
        "function": dict.fromkeys(("sleep", "thinking", "daily_functioning"), "better"),
        "outcome": "responding",
        "concurrent_care": "weekly psychotherapy",
        "location": HERE,
    }
    return c.RecordVisit.model_validate(given | changed)


def following_up() -> Play:
    play = after("session.end", 3)
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-3", choice="continue")
    play.at = play.journey.contacts["follow-up-week-1"].due
    return play


@pytest.mark.requirement("A07", "B23")
def test_a_check_in_rates_each_symptom_on_its_own() -> None:
    play = before("check-in.complete")
    for lacking in PTSD:
        rated = {name: 4 for name in PTSD if name != lacking}
        play.refused(
            check_in("check-in-1-4h", symptoms=rated),
            Role.PATIENT,
            code=RefusalCode.INCOMPLETE,
            field="symptoms",
            says=lacking,
        )
    play.refused(check_in("check-in-1-4h", 11), Role.PATIENT, code=RefusalCode.OUT_OF_LIMITS, field="symptoms")
    happy = check_in("check-in-1-4h", symptoms={"happiness": 1})
    play.refused(happy, Role.PATIENT, code=RefusalCode.UNKNOWN, field="symptoms")
    play.do(check_in("check-in-1-4h"), Role.PATIENT)


def test_whoever_is_unwell_is_heard_without_a_rating() -> None:
    play = before("check-in.complete")
    play.do(check_in("check-in-1-4h", symptoms={}, feeling="unwell"), Role.PATIENT)
    assert play.waits_for("support") is not None


@pytest.mark.requirement("A15")
@pytest.mark.parametrize(
    ("told_by", "told_over", "reached"),
    [
        (Role.PATIENT, "phone", True),
        (Role.PATIENT, "message", False),
        (Role.OBSERVER, "phone", False),
        (None, "phone", None),
        (Role.PATIENT, None, None),
    ],
)
@pytest.mark.parametrize("feeling", ["well", "unwell"])
def test_staff_answer_a_check_in_once_they_spoke_with_the_patient(
    told_by: Role | None, told_over: str | None, reached: bool | None, feeling: str
) -> None:
    """What was told otherwise acts, and the patient is called all the same. None: it is not taken as it is."""
    play = before("check-in.complete")
    said = check_in("check-in-1-4h", feeling=feeling, told_by=told_by, told_over=told_over)
    if reached is None and feeling == "well":
        play.refused(said, Role.COORDINATOR, code=RefusalCode.INCOMPLETE, field="told_over" if told_by else "told_by")
        return
    told = one(play.do(said, Role.COORDINATOR), e.CheckInCompleted)
    assert (told.told_by, told.told_over) == (told_by, told_over)
    assert (play.waits_for("check_in", "check-in-1-4h") is None) == bool(reached)
    assert (play.waits_for("support") is not None) == (feeling == "unwell")


@pytest.mark.requirement("B37")
def test_the_patient_may_say_whether_a_familiar_place_helped() -> None:
    play = before("check-in.complete")
    [body] = play.do(check_in("check-in-1-4h", familiar_place_helped="yes"), Role.PATIENT)
    assert isinstance(body, e.CheckInCompleted)
    assert body.familiar_place_helped == "yes"


@pytest.mark.requirement("A01", "A07")
@pytest.mark.parametrize("lacks", [{"symptoms": {"intrusive_thoughts": 3}}, {"function": {"sleep": "better"}}])
def test_a_follow_up_visit_asks_about_function_and_each_symptom_again(lacks: dict[str, Any]) -> None:
    play = following_up()
    play.refused(visit("follow-up-week-1", **lacks), code=RefusalCode.INCOMPLETE, field="assessments")
    play.do(visit("follow-up-week-1"))


@pytest.mark.requirement("A01", "A07", "B40")
def test_the_evaluation_rates_each_symptom_and_says_since_when_they_last() -> None:
    play = before("evaluation.record")
    assert {f"symptom {name} rated" for name in PTSD} | {"since when the symptoms have lasted"} <= {
        *find_missing(play.journey)
    }
    today = play.at.date()
    tomorrow = c.RecordEvaluation(symptoms_since=today + timedelta(days=2))
    play.refused(tomorrow, code=RefusalCode.WRONG_TIME, field="symptoms_since")
    play.do(c.RecordEvaluation(symptoms_since=date(2024, 1, 1), symptoms=dict.fromkeys(PTSD, 7)))
    assert not [lacking for lacking in find_missing(play.journey) if "symptom" in lacking and "section" not in lacking]


def rated_before(rating: int) -> Play:
    """Just before the first check-in, of somebody who rated each symptom so at the evaluation."""
    play = before("check-in.complete")
    symptoms = dict.fromkeys(PTSD, rating)
    return play.changed(evaluation=play.journey.evaluation.model_copy(update={"symptoms": symptoms}))


@pytest.mark.parametrize("symptom", PTSD)
@pytest.mark.parametrize(("rating", "told"), [(8, False), (9, True), (10, True)])
def test_a_symptom_that_is_very_high_is_told_and_reviewed_the_first_time(symptom: str, rating: int, told: bool) -> None:
    play = rated_before(8)
    said = {**dict.fromkeys(PTSD, 0), symptom: rating}
    bodies = play.do(check_in("check-in-1-4h", symptoms=said), Role.PATIENT)
    assert ("support.requested" in kinds(bodies)) is told
    assert (reviews_owed(play.journey) == ("check-in-1-4h",)) is told


def test_a_symptom_that_is_worse_twice_in_a_row_is_told_and_reviewed() -> None:
    play = rated_before(5)
    best = play.journey.evaluation.symptoms["emotional_distress"]
    worse = {**dict.fromkeys(PTSD, best), "emotional_distress": best + 3}
    assert kinds(play.do(check_in("check-in-1-4h", symptoms=worse), Role.PATIENT)) == ["check-in.completed"]
    play.at = play.journey.contacts["check-in-1-24h"].due
    bodies = play.do(check_in("check-in-1-24h", symptoms=worse), Role.PATIENT)
    assert one(bodies, e.SupportRequested).urgency == "clinical"
    assert reviews_owed(play.journey) == ("check-in-1-24h",)
    assert play.asks_for(SignOffKind.RESPONSE_REVIEW, "check-in-1-24h")
    play.sign(SignOffKind.RESPONSE_REVIEW, "check-in-1-24h", choice="continue")
    assert reviews_owed(play.journey) == ()


@pytest.mark.requirement("B29", "B35")
def test_follow_up_has_its_times_before_the_first_session() -> None:
    play = started().go_on(lambda journey: journey.stage == Stage.SESSIONS)
    plan = play.journey.plan
    assert plan is not None
    assert not play.journey.sessions
    weeks = play.journey.protocol.follow_up.weeks
    last = play.at + timedelta(hours=plan.spacing_hours) * plan.planned_sessions
    for week in weeks:
        owed = play.waits_for("follow_up_visit", f"follow-up-week-{week}")
        assert owed is not None
        assert timedelta() <= owed.deadline - (last + timedelta(weeks=week)) < timedelta(days=1)
    assert {w.kind for w in play.journey.waiting.values() if w.subject and w.subject.startswith("day-")} == {"measure"}


def test_follow_up_moves_when_the_sessions_take_longer() -> None:
    play = started().go_on(lambda journey: 1 in journey.sessions)
    first, session = play.journey.contacts["follow-up-week-1"].due, play.journey.sessions[1]
    later = c.ScheduleSession.model_validate(
        {
            **{name: getattr(session, name) for name in c.ScheduleSession.model_fields if hasattr(session, name)},
            "session": 1,
            "starts_at": session.starts_at + timedelta(days=28),
        }
    )
    play.do(later, Role.COORDINATOR)
    moved = play.journey.contacts["follow-up-week-1"].due - first
    assert timedelta(days=20) < moved <= timedelta(days=28)


@pytest.mark.requirement("A39")
def test_suicide_risk_is_asked_again_in_follow_up_by_a_clinician() -> None:
    play = following_up()
    owed = play.waits_for("measure", "day-7-c-ssrs-since")
    assert owed is not None
    assert owed.owner == Role.CLINICIAN
    play.at = owed.deadline
    instrument = Instrument.C_SSRS_SINCE
    asked = c.RecordInstrument(instrument=instrument, occasion="day-7-c-ssrs-since", answers=no_risk(instrument))
    play.do(asked, Role.PATIENT)
    assert play.waits_for("measure", "day-7-c-ssrs-since") is not None, "a self-report settles nothing"
    play.do(asked)
    assert play.waits_for("measure", "day-7-c-ssrs-since") is None


@pytest.mark.requirement("A39")
def test_item_9_in_follow_up_acts_as_always() -> None:
    play = following_up()
    answers = [0] * 8 + [1]
    bodies = play.do(
        c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="day-7-phq-9", answers=answers), Role.PATIENT
    )
    assert one(bodies, e.HoldPlaced).cause == "item_9"
    assert play.waits_for("suicide_risk") is not None
    assert play.asks_for(SignOffKind.RISK_DECISION)


def test_whoever_is_unwell_and_worse_again_asks_once_as_urgently_as_the_worse_of_both() -> None:
    play = rated_before(5)
    worse = dict.fromkeys(PTSD, play.journey.evaluation.symptoms["emotional_distress"] + 3)
    play.do(check_in("check-in-1-4h", symptoms=worse), Role.PATIENT)
    play.at = play.journey.contacts["check-in-1-24h"].due
    bodies = play.do(check_in("check-in-1-24h", symptoms=worse, feeling="unwell"), Role.PATIENT)
    asked = one(bodies, e.SupportRequested)
    assert asked.urgency == "urgent"
    assert "unwell" in asked.text
    assert "worse again" in asked.text
    assert play.journey.support[asked.support].urgency == "urgent"
