"""Answers agree with what is known: what an answer rested on changes, and it is open again with all signed over it."""

from datetime import date, timedelta

import pytest

from simulation.people import checklist
from tests.journey.play import Play, after, before, kinds, one, person, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.evidence import is_approved
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.screening.rules import find_unanswered
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode

SIGNED = (SignOffKind.ELIGIBILITY, SignOffKind.PLAN)
NO = c.ScreeningAnswer(answer="no")
YES = c.ScreeningAnswer(answer="yes")
THERE = c.Move(zone="America/New_York", state="NY")


def treated() -> Play:
    """A journey between its first and its second session, with everything signed."""
    return after("session.end")


def stale(play: Play) -> bool:
    return not any(is_approved(play.journey, kind) for kind in SIGNED)


def opened(bodies: list[e.EventBody]) -> dict[str, str]:
    answers: dict[str, str] = one(bodies, e.AnswersReopened).answers
    return answers


@pytest.mark.requirement("A12")
def test_a_move_to_another_state_opens_what_rested_on_it_and_holds_care() -> None:
    play = treated()
    assert all(is_approved(play.journey, kind) for kind in SIGNED)
    bodies = play.do(THERE, Role.COORDINATOR)
    assert list(opened(bodies)) == ["X34"]
    assert one(bodies, e.HoldPlaced).cause == "moved"
    assert stale(play)
    assert "exclusion X34" in find_unanswered(play.journey)
    assert "exclusion X34" in dose_gate(play.journey, 2, play.at)
    away = person("away", Role.CLINICIAN, states=("CA",))
    release = play.signature(SignOffKind.HOLD_RELEASE, "hold-1")
    play.refused(release, away, code=RefusalCode.NOT_ALLOWED, says="does not cover the state")
    play.do(release)
    play.do(c.RecordScreening(exclusions={"X34": NO}))
    assert stale(play), "answered the same, of another state"
    play.sign(SignOffKind.EVALUATION)
    play.sign(SignOffKind.ELIGIBILITY, choice="at_home")
    play.sign(SignOffKind.PLAN)
    assert not stale(play)


def test_a_move_within_a_state_opens_nothing() -> None:
    play = treated()
    assert kinds(play.do(c.Move(zone="America/Tijuana", state="CA"), Role.COORDINATOR)) == ["patient.moved"]
    assert not stale(play)


def test_a_move_opens_the_answer_under_a_hold_too() -> None:
    play = treated()
    play.do(c.PlaceHold(reason="x"), Role.PATIENT)
    assert "screening.reopened" in kinds(play.do(THERE, Role.COORDINATOR))


def test_turning_66_opens_the_answer_on_the_day_without_anybody_acting() -> None:
    play = started().go_on(lambda journey: journey.stage == "sessions")
    turns = play.at.date() + timedelta(days=3)
    patient = play.journey.patient.model_copy(update={"born": date(turns.year - 66, turns.month, turns.day)})
    play.journey = play.journey.model_copy(update={"patient": patient})
    play.do(c.RecordScreening(exclusions={"X36": NO}))
    assert not [body for body in play.wait(days=1) if isinstance(body, e.AnswersReopened)]
    passed = play.wait(days=3)
    assert list(opened(passed)) == ["X36"]
    assert "66" not in opened(passed)["X36"]
    play.refused(c.RecordScreening(exclusions={"X36": NO}), code=RefusalCode.CONTRADICTS, field="exclusions.X36")


def test_the_gate_knows_a_birthday_before_the_clock_does() -> None:
    play = treated()
    day = play.at.date()
    patient = play.journey.patient.model_copy(update={"born": date(day.year - 66, day.month, day.day)})
    gate = dose_gate(play.journey.model_copy(update={"patient": patient}), 2, play.at)
    assert any(obstacle.startswith("exclusion X36: by the birth date") for obstacle in gate)


def test_a_c_ssrs_opens_the_answers_it_contradicts_and_lower_risk_opens_none() -> None:
    play = treated()
    low = {"q1": True, "q2": False, "q6": False}
    bodies = play.do(c.RecordInstrument(instrument=Instrument.C_SSRS_SINCE, occasion="a", answers=low))
    assert list(opened(bodies)) == ["X13"]
    play.do(c.RecordScreening(exclusions={"X13": YES}))
    none = {"q1": False, "q2": False, "q6": False}
    bodies = play.do(c.RecordInstrument(instrument=Instrument.C_SSRS_SINCE, occasion="b", answers=none))
    assert kinds(bodies) == ["instrument.recorded"]
    moderate = {"q1": True, "q2": True, "q3": True, "q4": False, "q5": False, "q6": False}
    bodies = play.do(c.RecordInstrument(instrument=Instrument.C_SSRS_SINCE, occasion="c", answers=moderate))
    assert list(opened(bodies)) == ["X13"], "the decision on it was about less"
    attempt = {"q1": False, "q2": False, "q6": True}
    bodies = play.do(c.RecordInstrument(instrument=Instrument.C_SSRS_SINCE, occasion="d", answers=attempt))
    assert list(opened(bodies)) == ["X12"]


@pytest.mark.requirement("B49")
def test_a_medicine_that_changes_opens_what_was_decided_about_it() -> None:
    play = treated()
    added = c.AddMedicine(what="Invented opioid", classes=("opioid",), dosage="10 mg at night")
    assert list(opened(play.do(added, Role.PATIENT))) == ["X28"]
    play.do(c.RecordScreening(exclusions={"X28": YES}))
    name = next(reversed(play.journey.medicines))
    more = c.ChangeMedicine(medicine=name, dosage="40 mg at night", reason="pain")
    assert list(opened(play.do(more, Role.PATIENT))) == ["X28"], "what was reviewed was less"
    play.do(c.RecordScreening(exclusions={"X28": YES}))
    other = c.AddMedicine(what="Invented vitamin", classes=(play.journey.protocol.medicines.classes[-1],), dosage="1")
    assert "screening.reopened" not in kinds(play.do(other, Role.PATIENT))


def test_not_pregnant_answered_no_in_a_checklist_opens_the_exclusion() -> None:
    play = before("session.check")
    made = checklist(play.journey, 1, play.at)
    bodies = play.do(made.model_copy(update={"items": {**made.items, "X18_not_pregnant": False}}), Role.SESSION_MONITOR)
    assert list(opened(bodies)) == ["X18"]
    play.refused(c.RecordScreening(exclusions={"X18": NO}), code=RefusalCode.CONTRADICTS, field="exclusions.X18")
    play.do(c.RecordScreening(exclusions={"X18": YES}))


def test_the_same_review_signed_again_is_over_what_is_known_now() -> None:
    play = treated()
    play.do(c.AddMedicine(what="Invented opioid", classes=("opioid",), dosage="10 mg"), Role.PATIENT)
    play.do(c.RecordScreening(exclusions={"X28": YES}))
    play.do(c.ReconcileMedicines(changes=tuple(play.journey.unreviewed_medicine_changes), assessment="x"))
    for hold in [name for name, hold in play.journey.holds.items() if not hold.released]:
        play.sign(SignOffKind.HOLD_RELEASE, hold)
    play.sign(SignOffKind.EXCLUSION_REVIEW)
    assert is_approved(play.journey, SignOffKind.EXCLUSION_REVIEW)
    name = next(reversed(play.journey.medicines))
    play.do(c.ChangeMedicine(medicine=name, dosage="40 mg", reason="pain"), Role.PATIENT)
    play.do(c.RecordScreening(exclusions={"X28": YES}))
    assert not is_approved(play.journey, SignOffKind.EXCLUSION_REVIEW)
