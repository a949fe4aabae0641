"""Adverse events: graded anew, reviewed, followed up until their outcome is final."""

from datetime import timedelta

import pytest

from tests.journey.correcting import confirm, mark
from tests.journey.play import Play, after, before, followed_up, one, person
from tests.journey.ringing import acknowledge, dose, in_session, seizure, steps
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.adverse_events.model import SERIOUS
from workflows.journey.always.adverse_events.rules import severity_of
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.severity import Severity


@pytest.mark.parametrize("opens", ["seizure", "overdose", "reported"])
def test_a_hold_that_came_from_an_adverse_event_waits_for_its_review(opens: str) -> None:
    play = before("session.dose") if opens == "overdose" else in_session()
    if opens == "seizure":
        seizure(play)
    elif opens == "overdose":
        play.do(dose(play, 10), Role.SESSION_MONITOR)
    else:
        play.do(c.ReportAdverseEvent(what="x", grade=4, serious=False, onset=play.at), Role.OBSERVER)
    [hold] = play.journey.holds.values()
    release = play.signature(SignOffKind.SEVERE_HOLD_RELEASE, hold.id)
    play.refused(release, Role.MEDICAL_DIRECTOR, code=RefusalCode.INCOMPLETE, says="reviewed and signed")
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    play.sign(SignOffKind.SEVERE_HOLD_RELEASE, hold.id)
    assert not play.journey.held


def regraded(grade: int, serious: bool = False) -> c.RegradeAdverseEvent:
    because = ("hospitalization",) if serious else ()
    return c.RegradeAdverseEvent(
        adverse_event="adverse-event-1", grade=grade, serious=serious, serious_because=because, reason="seen"
    )


def reported(grade: int, serious: bool = False) -> Play:
    play = after("session.end")
    because = ("hospitalization",) if serious else ()
    report = c.ReportAdverseEvent(what="x", grade=grade, serious=serious, serious_because=because, onset=play.at)
    play.do(report, Role.PATIENT)
    return play


def test_a_higher_grade_counts_at_once_with_all_it_asks_for() -> None:
    play = reported(1)
    assert not play.journey.held
    play.sign(SignOffKind.ADVERSE_EVENT, "adverse-event-1")
    bodies = play.do(regraded(4))
    assert one(bodies, e.HoldPlaced).severe
    alarm = play.waits_for("alarm")
    assert alarm is not None
    assert alarm.escalation_policy == "emergency"
    assert play.asks_for(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1"), "reviewed anew"
    assert play.journey.adverse_events["adverse-event-1"].report.grade == 1, "what was reported stays"


def test_a_higher_grade_makes_an_acknowledged_alarm_ring_anew() -> None:
    play = reported(3)
    play.do(acknowledge(), Role.ON_CALL_CLINICIAN)
    play.do(regraded(4))
    alarm = play.waits_for("alarm")
    assert alarm is not None
    assert alarm.acknowledged is None
    assert steps(play.wait(minutes=5))


@pytest.mark.parametrize(("grade", "serious", "lower", "still"), [(4, False, 2, False), (3, True, 3, False)])
def test_a_lower_grade_of_a_severe_event_takes_a_second_person(
    grade: int, serious: bool, lower: int, still: bool
) -> None:
    play = reported(grade, serious)
    play.do(regraded(lower, still), Role.ON_CALL_CLINICIAN)
    event = play.journey.adverse_events["adverse-event-1"]
    assert (event.grade, event.serious) == (grade, serious), "proposed only"
    alarm = play.waits_for("alarm")
    assert alarm is not None
    review = play.signature(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    play.refused(review, Role.ON_CALL_CLINICIAN, code=RefusalCode.NOT_ALLOWED, says="who wrote this")
    play.do(review, Role.MEDICAL_DIRECTOR)
    event = play.journey.adverse_events["adverse-event-1"]
    assert (event.grade, event.serious) == (lower, still)
    assert [grading.grade for grading in event.gradings] == [lower]
    assert not play.asks_for(SignOffKind.ADVERSE_EVENT, "adverse-event-1"), "the same review counts"
    withdrawn = c.WithdrawSignOff(request=review.request, reason="x")
    play.refused(withdrawn, Role.MEDICAL_DIRECTOR, code=RefusalCode.ALREADY_DONE, field="request")


def test_a_higher_grade_sweeps_a_proposal_away() -> None:
    play = reported(3)
    play.do(regraded(2), Role.ON_CALL_CLINICIAN)
    play.do(regraded(4), Role.CLINICIAN)
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1", by=Role.ON_CALL_CLINICIAN)
    assert play.journey.adverse_events["adverse-event-1"].grade == 4


def test_a_lower_grade_of_a_mild_event_counts_at_once() -> None:
    play = reported(2)
    play.do(regraded(1))
    assert play.journey.adverse_events["adverse-event-1"].grade == 1


def test_an_event_is_followed_up_until_its_outcome_is_final() -> None:
    play = reported(1)
    for outcome in ("not_recovered", "recovering", "unknown"):
        waiting = play.waits_for("adverse_event_outcome")
        assert waiting is not None
        assert (waiting.owner, waiting.person) == (Role.CLINICIAN, play.journey.clinician)
        assert waiting.deadline == play.at + timedelta(days=7)
        assert {body.to for body in steps(play.wait(days=11), waiting.id)} == {
            Role.CLINICIAN, Role.COORDINATOR, Role.MEDICAL_DIRECTOR
        }  # fmt: skip
        play.do(followed_up("adverse-event-1", outcome))
    play.do(followed_up("adverse-event-1", "recovered_with_sequelae", play.at))
    assert play.waits_for("adverse_event_outcome") is None
    assert len(play.journey.adverse_events["adverse-event-1"].follow_ups) == 4


def test_a_severe_event_is_followed_up_sooner() -> None:
    play = reported(3)
    waiting = play.waits_for("adverse_event_outcome")
    assert waiting is not None
    assert waiting.deadline == play.at + timedelta(days=1)


def test_following_up_leaves_the_review_standing() -> None:
    play = reported(1)
    play.sign(SignOffKind.ADVERSE_EVENT, "adverse-event-1")
    play.do(followed_up("adverse-event-1", "recovering"))
    assert not play.asks_for(SignOffKind.ADVERSE_EVENT, "adverse-event-1")


@pytest.mark.parametrize(
    ("outcome", "ended", "code"),
    [
        ("recovered", None, RefusalCode.INCOMPLETE),
        ("recovering", timedelta(), RefusalCode.CONTRADICTS),
        ("recovered", timedelta(minutes=1), RefusalCode.WRONG_TIME),
        ("recovered", timedelta(minutes=-1), RefusalCode.WRONG_TIME),
    ],
)
def test_a_recovery_has_its_time(outcome: str, ended: timedelta | None, code: RefusalCode) -> None:
    play = reported(1)
    when = None if ended is None else play.at + ended
    play.refused(followed_up("adverse-event-1", outcome, when), code=code, field="ended_at")


def test_a_fatal_outcome_is_graded_as_a_death() -> None:
    play = reported(3)
    bodies = play.do(followed_up("adverse-event-1", "fatal"))
    assert one(bodies, e.AdverseEventRegraded).grade == 5
    assert one(bodies, e.DeathReported).death == "death-1"


@pytest.mark.parametrize(
    "command", [regraded(2), followed_up("adverse-event-1", "recovering")], ids=["regrade", "follow-up"]
)
def test_of_an_unknown_event_nothing_is_said(command: c.CommandBody) -> None:
    play = after("session.end")
    play.refused(command, code=RefusalCode.UNKNOWN, field="adverse_event")


@pytest.mark.parametrize(
    ("because", "as_grade"),
    [
        *((reason, max(meant, 1)) for reason, meant in SERIOUS.items()),
        ("Life-threatening", 4),
        ("er_ist_tot", 4),
    ],
)
def test_what_threatens_life_is_told_like_the_grade_that_means_it(because: str, as_grade: int) -> None:
    """An observer called a seizure that threatened life a grade 1, and the call came in the ladder of an hour."""

    def alarm(grade: int, *reasons: str) -> Severity:
        play = after("session.end")
        said = c.ReportAdverseEvent(what="x", grade=grade, serious=True, serious_because=reasons, onset=play.at)
        play.do(said, Role.OBSERVER)
        return severity_of(play.journey, play.journey.adverse_events["adverse-event-1"])

    assert alarm(1, because) == alarm(as_grade, "hospitalization")


def test_an_event_with_a_reason_that_nobody_knows_is_regraded_and_reviewed_by_another_person() -> None:
    play = after("session.end")
    said = c.ReportAdverseEvent(what="x", grade=1, serious=True, serious_because=("lebensbedrohlich",), onset=play.at)
    play.do(said, Role.OBSERVER)
    assert play.journey.held
    known = c.RegradeAdverseEvent(
        adverse_event="adverse-event-1", grade=1, serious=True, serious_because=("hospitalization",), reason="asked"
    )
    play.do(known, Role.CLINICIAN)
    assert severity_of(play.journey, play.journey.adverse_events["adverse-event-1"]) == Severity.EMERGENCY
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1", by=person("another", Role.CLINICIAN))
    assert severity_of(play.journey, play.journey.adverse_events["adverse-event-1"]) == Severity.URGENT


def test_an_event_that_is_serious_because_of_death_reports_a_death() -> None:
    play = after("session.end")
    fatal = c.ReportAdverseEvent(what="x", grade=3, serious=True, serious_because=("death",), onset=play.at)
    assert one(play.do(fatal, Role.OBSERVER), e.DeathReported).death == "death-1"


@pytest.mark.parametrize("because", SERIOUS)
def test_whoever_says_why_an_event_is_serious_says_that_it_is(because: str) -> None:
    """ "Serious: no, because: hospitalization" was told by the ladder of a mild event."""
    play = after("session.end")
    said = c.ReportAdverseEvent(what="x", grade=1, serious=False, serious_because=(because,), onset=play.at)
    play.do(said, Role.OBSERVER)
    event = play.journey.adverse_events["adverse-event-1"]
    assert event.serious
    assert play.asks_for(SignOffKind.SERIOUS_ADVERSE_EVENT, event.id)
    mild = said.model_copy(update={"serious_because": ()})
    play.do(mild, Role.OBSERVER)
    asked = {"adverse_event": "adverse-event-2", "grade": 1, "serious": False, "serious_because": (because,)}
    play.do(c.RegradeAdverseEvent.model_validate({**asked, "reason": "x"}))
    assert play.journey.adverse_events["adverse-event-2"].serious


@pytest.mark.parametrize(
    ("outcome", "counts"), [("recovered", True), ("not_recovered", True), ("fatal", True), ("unknown", False)]
)
def test_whoever_says_how_an_event_stands_that_was_entered_in_error_says_that_it_happened(
    outcome: str, counts: bool
) -> None:
    """A clinician found the patient not recovered from an event that was marked, and nothing came of it."""
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="x", grade=3, serious=False, onset=play.at), Role.PATIENT)
    mark(play, "adverse-event.reported")
    confirm(play)
    assert play.waits_for("alarm") is None
    play.do(followed_up("adverse-event-1", outcome, play.at if outcome == "recovered" else None))
    assert play.journey.adverse_events["adverse-event-1"].in_error is not counts
    assert (play.waits_for("alarm", "adverse-event-1") is not None) is counts
    assert play.asks_for(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1") is counts


@pytest.mark.parametrize(
    ("said", "falls"),
    [
        (c.RegradeAdverseEvent(adverse_event="adverse-event-1", grade=4, serious=False, reason="x"), True),
        (c.RegradeAdverseEvent(adverse_event="adverse-event-1", grade=1, serious=False, reason="x"), True),
        (followed_up("adverse-event-1", "not_recovered"), True),
        (followed_up("adverse-event-1", "fatal"), True),
        (followed_up("adverse-event-1", "unknown"), False),
    ],
)
def test_a_mark_that_nobody_confirmed_falls_once_somebody_says_that_the_event_happened(
    said: c.CommandBody, falls: bool
) -> None:
    """An event was graded as life-threatening while the mark waited; confirmed, it took the event away."""
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="x", grade=3, serious=False, onset=play.at), Role.PATIENT)
    mark(play, "adverse-event.reported")
    play.do(said)
    assert bool(play.journey.unconfirmed) is not falls
    assert (play.waits_for("correction") is None) is falls
    assert not play.journey.adverse_events["adverse-event-1"].in_error
    if falls:
        mark(play, "adverse-event.reported")
        confirm(play)
        assert play.journey.adverse_events["adverse-event-1"].in_error, "who knows of it may say so again"
