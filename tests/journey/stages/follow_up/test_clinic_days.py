"""Visits that nobody planned, that are moved, and that the patient does not come to; pregnancy tests; psychotherapy."""

from datetime import timedelta
from typing import Any

import pytest

from simulation.people import checklist
from tests.journey.play import HERE, Play, after, before, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.evidence import evidence
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode


def visit(name: str | None = None, **changed: Any) -> c.RecordVisit:
    good: dict[str, Any] = {
        "visit": name,
        "assessments": dict.fromkeys(("symptom_changes", "side_effects", "overall_response"), "invented"),
        "answers": dict.fromkeys(("urinary_symptoms", "cognition", "misuse"), "none"),
        "outcome": "responding",
        "concurrent_care": "weekly psychotherapy",
        "location": HERE,
    }
    return c.RecordVisit.model_validate(good | changed)


def gate(play: Play) -> str:
    return "; ".join(dose_gate(play.journey, play.journey.next_session, play.at))


@pytest.mark.parametrize("kind", ["session.schedule", "visit.record", "pathway.propose-discharge"])
def test_a_visit_that_nobody_planned_is_recorded_and_acts(kind: str) -> None:
    play = before(kind)
    owed = sum(contact.open for contact in play.journey.contacts.values())
    bodies = play.do(visit(outcome="worsening"))
    made = one(bodies, e.VisitRecorded).visit
    assert made.startswith("unscheduled-")
    assert play.journey.contacts[made].done_at == play.at
    assert sum(contact.open for contact in play.journey.contacts.values()) >= owed, "what was owed still is"
    assert play.asks_for(SignOffKind.RESPONSE_REVIEW, made)


def owed_visit() -> Play:
    play = before("visit.record")
    assert play.journey.contacts["visit-1"].open
    return play


def test_a_visit_is_moved_in_its_window_only() -> None:
    play = owed_visit()
    contact = play.journey.contacts["visit-1"]
    to = min(contact.closes, play.at + timedelta(hours=1))
    assert kinds(play.do(c.MoveVisit(visit="visit-1", to=to, reason="x"), Role.COORDINATOR)) == ["visit.moved"]
    waiting = play.waits_for("visit", "visit-1")
    assert waiting is not None
    assert waiting.deadline == to
    assert (contact.opens, contact.closes) == (
        play.journey.contacts["visit-1"].opens,
        play.journey.contacts["visit-1"].closes,
    )
    beyond = c.MoveVisit(visit="visit-1", to=contact.closes + timedelta(seconds=1), reason="x")
    play.refused(beyond, Role.COORDINATOR, code=RefusalCode.OUT_OF_LIMITS, field="to")
    past = c.MoveVisit(visit="visit-1", to=play.at - timedelta(seconds=1), reason="x")
    play.refused(past, Role.COORDINATOR, code=RefusalCode.WRONG_TIME, field="to")
    play.refused(beyond, Role.PATIENT, code=RefusalCode.NOT_ALLOWED)


def test_a_no_show_is_a_fact_with_a_ladder_and_a_next_time() -> None:
    play = owed_visit()
    no_show = c.RecordNoShow(visit="visit-1", tried="called twice (invented)")
    assert kinds(play.do(no_show, Role.COORDINATOR)) == ["visit.no-show-recorded"]
    waiting = play.waits_for("no_show", "visit-1")
    assert waiting is not None
    assert waiting.owner == Role.COORDINATOR
    assert play.waits_for("visit", "visit-1") is not None, "it stays owed"
    assert "(no_show:visit-1)" in gate(play)
    escalated = [b for b in play.wait(days=2) if isinstance(b, e.ObligationEscalated) and "no_show" in b.obligation]
    assert [step.action for step in escalated][:1] == ["call_patient"]
    assert Role.MEDICAL_DIRECTOR in [step.to for step in escalated]
    play = owed_visit()
    play.do(no_show, Role.COORDINATOR)
    to = min(play.journey.contacts["visit-1"].closes, play.at + timedelta(hours=1))
    play.do(c.MoveVisit(visit="visit-1", to=to, reason="reached"), Role.COORDINATOR)
    assert play.waits_for("no_show") is None
    play.do(no_show, Role.COORDINATOR)
    assert play.journey.contacts["visit-1"].no_shows == 2
    play.do(visit("visit-1"))
    assert play.waits_for("no_show") is None


def test_nobody_misses_a_visit_before_its_time() -> None:
    play = before("session.schedule", 2)
    early = [k for k in play.journey.contacts.values() if k.type == "visit" and k.open]
    for contact in early:
        body = c.RecordNoShow(visit=contact.id, tried="x")
        if play.at < contact.opens:
            play.refused(body, Role.COORDINATOR, code=RefusalCode.WRONG_TIME, field="visit")
    play.refused(c.RecordNoShow(visit="visit-9", tried="x"), Role.COORDINATOR, code=RefusalCode.UNKNOWN, field="visit")


# Pregnancy tests


def to_be_tested() -> Play:
    play = before("session.release")
    play.do(c.JudgePregnancy(possible=True, because="invented"))
    return play


def taken(play: Play, result: str = "negative", **ago: float) -> c.RecordPregnancyTest:
    return c.RecordPregnancyTest.model_validate({"taken_at": play.at - timedelta(**ago), "result": result})


def test_no_dose_without_a_negative_test_in_its_time() -> None:
    play = to_be_tested()
    assert "no negative pregnancy test that staff saw" in gate(play)
    assert play.waits_for("pregnancy_test")
    play.do(taken(play), Role.PATIENT)
    assert "no negative pregnancy test that staff saw" in gate(play), "a self-report clears nothing"
    days = play.journey.protocol.pregnancy.tests_valid_days
    assert days is not None
    play.do(taken(play, days=days - 1), Role.SESSION_MONITOR)
    assert "pregnancy test" not in gate(play)
    waiting = play.waits_for("pregnancy_test", "renewal")
    assert waiting is not None
    assert waiting.deadline == play.at + timedelta(days=1)
    play.at += timedelta(days=1, seconds=1)
    assert "the pregnancy test is too old" in gate(play)
    future = taken(play, days=-1)
    play.refused(future, Role.SESSION_MONITOR, code=RefusalCode.WRONG_TIME, field="taken_at")


@pytest.mark.parametrize("by", [Role.PATIENT, Role.CLINICIAN])
@pytest.mark.parametrize("result", ["positive", "unclear"])
def test_a_test_that_is_not_negative_holds_care_whoever_tells_it(by: Role, result: str) -> None:
    play = before("session.check")
    hold = one(play.do(taken(play, result), by), e.HoldPlaced)
    assert hold.cause == "pregnancy"
    assert "the latest pregnancy test is not negative" in gate(play)
    made = checklist(play.journey, 1, play.at)
    item = "X18_not_pregnant"
    play.refused(made, Role.SESSION_MONITOR, code=RefusalCode.CONTRADICTS, field=f"items.{item}")
    no = c.RecordScreening.model_validate({"exclusions": {"X18": {"answer": "no"}}})
    play.refused(no, code=RefusalCode.CONTRADICTS, field="exclusions.X18")
    refused = play.take(play.command(play.signature(SignOffKind.HOLD_RELEASE, hold.hold), Role.MEDICAL_DIRECTOR))
    assert isinstance(refused, Refusal)
    assert "a later pregnancy test is negative" in refused.reason
    older = taken(play, days=1)
    play.do(older, Role.CLINICIAN)
    assert "is not negative" in gate(play), "an older test clears nothing"
    play.later(minutes=1).do(taken(play), Role.CLINICIAN)
    assert "is not negative" not in gate(play)
    play.sign(SignOffKind.HOLD_RELEASE, hold.hold)
    assert not play.journey.held


def test_a_test_that_is_not_negative_counts_however_late_it_is_told() -> None:
    play = before("session.check")
    play.do(taken(play), Role.CLINICIAN)
    late = play.later(hours=1).do(taken(play, "positive", days=1), Role.CLINICIAN)
    assert one(late, e.HoldPlaced).cause == "pregnancy"
    assert "the latest pregnancy test is not negative" in gate(play)


def test_until_a_clinician_has_judged_tests_are_asked_for() -> None:
    play = before("session.release").changed(pregnancy_possible=None)
    assert "pregnancy test" in gate(play)
    judged = c.JudgePregnancy(possible=False, because="x")
    play.refused(judged, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    play.do(judged)
    assert "pregnancy test" not in gate(play)


# Psychotherapy


def therapy(play: Play, **changed: Any) -> c.RecordTherapy:
    good = {"held_at": play.at, "approach": "trauma_focused", "attended": True, "summary": "invented", "location": HERE}
    return c.RecordTherapy.model_validate(good | changed)


def test_the_therapist_records_therapy_and_it_is_part_of_the_review() -> None:
    play = after("session.end", 3)
    assert kinds(play.do(therapy(play), Role.THERAPIST)) == ["therapy.recorded"]
    assert play.journey.therapy[-1].attended
    shown = evidence(play.journey, SignOffKind.RESPONSE_REVIEW, "session-3")["content"]
    assert len(shown["therapy"]) == 1
    play.refused(therapy(play), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    future = therapy(play, held_at=play.at + timedelta(hours=1))
    play.refused(future, Role.THERAPIST, code=RefusalCode.WRONG_TIME, field="held_at")


@pytest.mark.requirement("A12")
@pytest.mark.parametrize(
    ("changed", "taken"), [({}, False), ({"attended": False}, True), ({"concern": "clinical"}, True)]
)
def test_where_the_patient_was_is_said_of_therapy_too(changed: dict[str, Any], taken: bool) -> None:
    """A concern is heard without, and so is who did not come."""
    play, without = before("session.schedule", 2), {"location": None, **changed}
    if taken:
        play.do(therapy(play, **without), Role.THERAPIST)
    else:
        play.refused(therapy(play, **without), Role.THERAPIST, code=RefusalCode.INCOMPLETE, field="location")


@pytest.mark.parametrize(
    ("changed", "urgency"),
    [
        ({"concern": "urgent"}, "urgent"),
        ({"concern": "clinical", "attended": False}, "clinical"),
        ({"attended": False}, "routine"),
    ],
)
def test_what_the_therapist_is_concerned_about_is_heard(changed: dict[str, Any], urgency: str) -> None:
    play = before("session.schedule", 2)
    asked = one(play.do(therapy(play, **changed), Role.THERAPIST), e.SupportRequested)
    assert asked.urgency == urgency
    assert play.waits_for("support")
