"""Between the release and the dose: what would have prevented the release stops the session, and is told at once."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from simulation.people import checklist
from tests.journey.play import Play, after, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.entries import put
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import DoseLimit, SignOffKind
from workflows.journey.stages.sessions.dose_gate import NOT_CLEARED, dose_gate
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode

WELL = {f"q{n}": 0 for n in range(1, 10)}


def unwell_vitals(play: Play) -> c.CheckSession:
    made = checklist(play.journey, 1, play.at)
    return made.model_copy(update={"vitals": made.vitals.model_copy(update={"systolic": 205})})


def dose_of(play: Play) -> c.RecordDose:
    return c.RecordDose(session=1, dose_mg=100, route="sublingual", taken_at=play.at)


def not_fasted(play: Play) -> c.CheckSession:
    made = checklist(play.journey, 1, play.at)
    return made.model_copy(update={"items": {**made.items, "X35_fasted": False}})


def c_ssrs(**answers: bool) -> c.RecordInstrument:
    asked = {"q1": False, "q2": False, "q6": False, **answers}
    return c.RecordInstrument(instrument=Instrument.C_SSRS_SINCE, occasion="x", answers=asked)


FOUND: dict[str, tuple[Callable[[Play], c.CommandBody], Role]] = {
    "a call for help": (lambda _: c.RequestSupport(urgency="urgent", text="x"), Role.PATIENT),
    "a clinical question": (lambda _: c.RequestSupport(urgency="clinical", text="x"), Role.PATIENT),
    "a concern of the therapist": (
        lambda play: c.RecordTherapy(held_at=play.at, approach="x", attended=True, summary="x", concern="urgent"),
        Role.THERAPIST,
    ),
    "an adverse event of grade 1": (
        lambda play: c.ReportAdverseEvent(what="x", grade=1, serious=False, onset=play.at),
        Role.PATIENT,
    ),
    "a crisis": (lambda _: c.ReportCrisis(what="x"), Role.OBSERVER),
    "an item 9": (
        lambda _: c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers={**WELL, "q9": 1}),
        Role.PATIENT,
    ),
    "suicide risk": (lambda _: c_ssrs(q1=True, q2=True, q3=True, q4=True, q5=False), Role.CLINICIAN),
    "low suicide risk": (lambda _: c_ssrs(q1=True), Role.CLINICIAN),
    "a move": (lambda _: c.Move(zone="America/New_York", state="NY"), Role.COORDINATOR),
    "another medicine": (lambda _: c.AddMedicine(what="x", classes=("opioid",), dosage="x"), Role.PATIENT),
    "a positive pregnancy test": (
        lambda play: c.RecordPregnancyTest(taken_at=play.at, result="positive"),
        Role.PATIENT,
    ),
    "a concern of the monitoring program": (
        lambda play: c.RecordMonitoringCheck(state="CA", checked_at=play.at, concern=True, found="x"),
        Role.CLINICIAN,
    ),
    "a hard exclusion": (
        lambda _: c.RecordScreening(exclusions={"X02": c.ScreeningAnswer(answer="yes")}),
        Role.CLINICIAN,
    ),
    "an exclusion to review": (
        lambda _: c.RecordScreening(exclusions={"X20": c.ScreeningAnswer(answer="yes")}),
        Role.CLINICIAN,
    ),
    "blood pressure": (unwell_vitals, Role.SESSION_MONITOR),
    "not fasted": (not_fasted, Role.SESSION_MONITOR),
    "a tighter limit": (lambda _: c.SetLimits(limits={DoseLimit.MAX_SINGLE_DOSE: 10}, reason="x"), Role.CLINICIAN),
    "a dose outside the session": (
        lambda play: c.RecordDose(session=9, dose_mg=10, route="oral", taken_at=play.at - timedelta(hours=1)),
        Role.OBSERVER,
    ),
    "a hold": (lambda _: c.PlaceHold(reason="x"), Role.OBSERVER),
    "a withdrawal": (lambda _: c.Withdraw(), Role.PATIENT),
    "a withdrawn consent": (lambda _: c.WithdrawConsent(consent="treatment"), Role.PATIENT),
    "a death": (lambda _: c.RecordDeath(related="no", reason="x"), Role.OBSERVER),
    "a lost dose": (
        lambda play: c.MoveSupply(movement="lost", doses=1, moved_at=play.at),
        Role.PATIENT,
    ),
}


@pytest.mark.requirement("A16", "A40")
@pytest.mark.parametrize("what", FOUND)
def test_what_would_have_prevented_the_release_stops_the_session(what: str) -> None:
    play = after("session.release")
    assert play.journey.sessions[1].stopped_at is None
    fact, by = FOUND[what]
    before = len(play.events)
    play.do(fact(play), by)
    [stopped] = [event for event in play.events[before:] if isinstance(event.body, e.SessionStopped)]
    told = {notice.to for notice in notices(stopped) if notice.alarm}
    assert told == {Role.SESSION_MONITOR, Role.PATIENT, Role.ON_CALL_CLINICIAN}
    assert play.journey.held or play.journey.closing is not None
    assert "session.stopped" not in kinds(play.do(c.PlaceHold(reason="again"), Role.OBSERVER)), "once"
    assert "was stopped: cancel it" in next(w.what for w in play.journey.waiting.values() if w.kind == "dose")
    bodies = play.do(dose_of(play), Role.OBSERVER)
    assert "the session was stopped" in one(bodies, e.DoseRecorded).deviations, "and what happened is recorded"
    assert one(bodies, e.AdverseEventReported).finding == "unreleased_dose"


@pytest.mark.parametrize(
    ("body", "by"),
    [
        (c.AskQuestion(text="may I drink water?"), Role.PATIENT),
        (c.RequestSupport(urgency="routine", text="x"), Role.PATIENT),
        (c_ssrs(), Role.CLINICIAN),
    ],
    ids=["a question", "a routine request", "no suicide risk"],
)
def test_what_prevents_no_dose_stops_nothing(body: c.CommandBody, by: Role) -> None:
    play = after("session.release")
    assert "session.stopped" not in kinds(play.do(body, by))
    assert not play.journey.held


def test_a_good_checklist_and_time_stop_nothing() -> None:
    play = after("session.release")
    play.later(minutes=2).do(checklist(play.journey, 1, play.at), Role.SESSION_MONITOR)
    assert "session.stopped" not in kinds(play.wait(minutes=10))


@pytest.mark.parametrize("session", [1, 2, 3])
def test_at_the_release_nothing_stands_before_the_dose_but_the_clearance_that_was_used(session: int) -> None:
    play = after("session.release", session)
    assert set(dose_gate(play.journey, session, play.at)) <= {NOT_CLEARED}


def test_it_stays_stopped_when_the_hold_is_released() -> None:
    play = after("session.release")
    play.do(c.PlaceHold(reason="x"), Role.OBSERVER)
    [hold] = play.journey.standing_holds
    play.later(minutes=5).sign(SignOffKind.HOLD_RELEASE, hold.id)
    assert not play.journey.held
    again = c.ReleaseSession(session=1)
    play.refused(again, Role.SESSION_MONITOR, code=RefusalCode.ALREADY_DONE, field="session", says="stopped")
    assert one(play.do(dose_of(play), Role.OBSERVER), e.AdverseEventReported).finding == "unreleased_dose"


def test_a_dose_before_the_session_was_stopped_is_as_it_was_released() -> None:
    play = after("session.release")
    taken = dose_of(play).model_copy(update={"doses_left": 1})
    play.later(minutes=1).do(c.PlaceHold(reason="x"), Role.OBSERVER)
    bodies = play.do(taken, Role.OBSERVER)
    assert "the session was stopped" not in one(bodies, e.DoseRecorded).deviations
    assert not [body for body in bodies if isinstance(body, e.AdverseEventReported)]


def test_a_session_that_was_stopped_is_cancelled_and_planned_anew() -> None:
    play = after("session.release")
    play.do(c.RequestSupport(urgency="urgent", text="x"), Role.PATIENT)
    play.refused(c.ReleaseSession(session=1), Role.SESSION_MONITOR, code=RefusalCode.HELD)
    play.do(c.CancelSession(session=1, reason="not taken"), Role.SESSION_MONITOR)
    assert 1 not in play.journey.sessions
    play.go_on(lambda journey: bool(journey.doses))
    assert play.journey.doses["dose-1"].deviations == ()


def test_who_stayed_for_a_session_that_was_cancelled_tells_what_they_see_and_counts() -> None:
    """The dose was taken all the same, and whoever was with the patient had no part any more."""
    play = after("session.release")
    play.do(c.CancelSession(session=1, reason="not taken"), Role.SESSION_MONITOR)
    play.do(c.CountSupply(doses=1, counted_at=play.at), Role.OBSERVER)
    assert play.waits_for("supply_count") is None
    play.do(c.RecordDose(dose_mg=100, route="sublingual", taken_at=play.at, doses_left=1), Role.PATIENT)
    play.later(minutes=15)
    assert play.waits_for("observation", "dose-1-15")
    seen = c.RecordObservation(seen_at=play.at, consciousness="alert", breathing_normal=True)
    play.do(seen, Role.OBSERVER)
    assert play.waits_for("observation", "dose-1-15") is None


@pytest.mark.parametrize("moment", ["before the dose", "after it"])
def test_who_is_not_wide_awake_without_a_dose_is_told_of_and_takes_none(moment: str) -> None:
    """After a dose it is expected; before it something else is the reason."""
    play = after("session.release", 2) if moment == "before the dose" else after("session.dose", 2)
    play.later(minutes=1)
    drowsy = c.RecordObservation(seen_at=play.at, consciousness="voice")
    followed = play.do(drowsy, Role.OBSERVER)
    told = [body for body in followed if isinstance(body, e.SupportRequested)]
    stopped = [body for body in followed if isinstance(body, e.SessionStopped)]
    assert bool(told) is bool(stopped) is (moment == "before the dose")


def test_a_check_in_that_turns_out_not_to_be_this_patients_stops_the_session() -> None:
    """Without it the session would not have been released."""
    play = after("session.release", 2)
    version = play.version_of("check-in.completed")
    followed = play.do(c.MarkInError(version=version, reason="another patient's (invented)"), Role.COORDINATOR)
    assert any(isinstance(body, e.SessionStopped) for body in followed)


def test_what_comes_due_after_the_release_stops_no_session() -> None:
    play = after("session.release", 2)
    soon = play.journey.contacts["check-in-1"].model_copy(update={"due": play.at + timedelta(minutes=5)})
    play = play.changed(contacts=put(play.journey.contacts, soon.id, soon))
    play.wait(minutes=9)
    play.do(c.RequestSupport(urgency="routine", text="which form? (invented)"), Role.PATIENT)
    assert play.journey.sessions[2].stopped_at is None
