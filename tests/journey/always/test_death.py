"""Nobody's word alone makes a patient dead: who reports it, who confirms it, and what comes back if it was wrong."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from simulation.moves.sessions import go_through
from simulation.people import PEOPLE, observation, plan
from tests.journey.play import (
    HERE,
    PROTOCOLS,
    START,
    Play,
    after,
    before,
    closed,
    collected,
    followed_up,
    kinds,
    one,
    person,
    ruled,
)
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.death.model import DOUBTS_KEPT
from workflows.journey.always.death.rules import LIVES as SEEN_ALIVE
from workflows.journey.always.patient.elsewhere import risks
from workflows.journey.evidence import evidence
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import CLINICAL, CLOCK, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.stage import Outcome, Stage

REPORT = c.RecordDeath(related="no", reason="invented: the sister called")


def died(play: Play) -> Play:
    play.do(REPORT, Role.OBSERVER)
    play.sign(SignOffKind.DEATH, "death-1", by=Role.ON_CALL_CLINICIAN)
    return play


def grade_5(play: Play) -> c.ReportAdverseEvent:
    return c.ReportAdverseEvent(
        what="invented", grade=5, serious=True, serious_because=("death",), onset=play.at - timedelta(minutes=1)
    )


@pytest.mark.parametrize("by", [Role.PATIENT, Role.OBSERVER, Role.OPS, Role.THERAPIST, Role.MEDICAL_DIRECTOR])
def test_a_report_ends_nothing_holds_care_and_calls_clinicians(by: Role) -> None:
    play = after("session.dose")
    watched = {w.id for w in play.journey.waiting.values() if not w.care}
    count = len(play.events)
    play.do(REPORT, by)
    assert (play.journey.closing, play.journey.died) == (None, False)
    assert play.journey.held
    assert watched <= set(play.journey.waiting), "the watch goes on"
    told = [notice for event in play.events[count:] for notice in notices(event) if notice.kind == "death"]
    assert [(notice.to, notice.alarm) for notice in told] == [(role, True) for role in CLINICAL]
    play.do(observation(play.journey, 1, 15, play.later(minutes=15).at), Role.SESSION_MONITOR)


@pytest.mark.parametrize("by", [Role.PATIENT, Role.OBSERVER])
def test_grade_5_by_the_patient_or_the_observer_is_a_report_too(by: Role) -> None:
    play = after("session.dose")
    followed = play.do(grade_5(play), by)
    holds = [body for body in followed if isinstance(body, e.HoldPlaced)]
    assert [(hold.hold, hold.source) for hold in holds] == [("hold-1", "death-1"), ("hold-2", "adverse-event-1")]
    assert list(play.journey.holds) == ["hold-1", "hold-2"], "neither takes the place of the other"
    assert (play.journey.closing, list(play.journey.deaths)) == (None, ["death-1"])
    assert play.waits_for("observation") is not None
    assert play.asks_for(SignOffKind.DEATH, "death-1")
    assert play.asks_for(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")


@pytest.mark.parametrize("by", CLINICAL)
def test_who_reports_a_death_does_not_confirm_it(by: Role) -> None:
    play = after("session.dose")
    play.do(REPORT, by)
    signature = play.signature(SignOffKind.DEATH, "death-1")
    play.refused(signature, by, code=RefusalCode.NOT_ALLOWED, says="who wrote this")
    second = next(role for role in CLINICAL if role != by)
    play.do(signature, second)
    assert play.journey.died
    assert play.waits_for("observation") is None


def test_a_protocol_in_which_one_person_could_do_both_is_refused() -> None:
    with pytest.raises(ValueError, match="whoever reports a death never confirms it"):
        ruled(death={"not_author": False})
    with pytest.raises(ValueError, match="whoever doubts a death never corrects it"):
        ruled(death_correction={"not_author": False})


@pytest.mark.parametrize("related", ["yes", "no", "unknown"])
def test_a_confirmed_death_ends_the_pathway_once_it_is_reviewed_unless_unrelated(related: str) -> None:
    play = collected(after("session.dose"))
    play.do(c.RecordDeath.model_validate({"related": related, "reason": "invented"}), Role.OBSERVER)
    play.sign(SignOffKind.DEATH, "death-1")
    review = related != "no"
    assert [w.kind for w in play.journey.waiting.values()] == ["serious_adverse_event"] * review
    assert (play.journey.outcome is None) == review
    if review:
        play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1", by=Role.MEDICAL_DIRECTOR)
    assert play.journey.outcome == Outcome.DECEASED


def test_a_refuted_report_leaves_the_hold_to_be_released_and_care_goes_on() -> None:
    play = before("session.schedule", 2)
    play.do(REPORT, Role.OBSERVER)
    release = play.signature(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    play.refused(release, Role.MEDICAL_DIRECTOR, code=RefusalCode.INCOMPLETE, says="decides on the reported death")
    play.sign(SignOffKind.DEATH, "death-1", decision="decline", rationale="spoke with the patient")
    assert not play.asks_for(SignOffKind.DEATH, "death-1")
    play.sign(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    play.go_on(lambda journey: len(journey.doses) == 2)
    play.do(REPORT, Role.COORDINATOR)
    assert play.asks_for(SignOffKind.DEATH, "death-2")


def test_what_is_said_again_is_added_to_the_report() -> None:
    play = after("session.dose")
    play.do(REPORT, Role.OBSERVER)
    asked = play.request(SignOffKind.DEATH, "death-1")
    play.do(c.RecordDeath(related="yes", reason="the hospital called"), Role.THERAPIST)
    assert [said.reason for said in play.journey.deaths["death-1"].reports][-1] == "the hospital called"
    assert len([hold for hold in play.journey.holds.values() if hold.cause == "death"]) == 1
    again = play.request(SignOffKind.DEATH, "death-1")
    assert (again.id != asked.id, again.due) == (True, asked.due)


@pytest.mark.parametrize("related", [("no", "yes", "yes"), ("no", "no", "unknown"), ("yes", "no", "unknown")])
@pytest.mark.parametrize("confirmed", [False, True])
def test_a_death_that_somebody_says_later_may_be_related_is_an_adverse_event_once(
    related: tuple[str, ...], confirmed: bool
) -> None:
    play = after("session.dose")
    for nth, said in enumerate(related):
        play.do(c.RecordDeath.model_validate({"related": said, "reason": "invented"}), Role.OBSERVER)
        may_be = [each for each in related[: nth + 1] if each != "no"]
        assert len(play.journey.adverse_events) == bool(may_be)
        if confirmed and nth == 0:
            play.sign(SignOffKind.DEATH, "death-1", by=Role.ON_CALL_CLINICIAN)
    assert play.waits_for("serious_adverse_event", "adverse-event-1") is not None


def test_a_wrong_death_is_corrected_and_the_journey_goes_on_where_it_stood() -> None:
    play = died(collected(after("session.dose")))
    assert play.journey.closed
    assert play.journey.waiting == {}
    play.do(c.DoubtDeath(death="death-1", reason="another patient"), Role.COORDINATOR)
    assert play.journey.died, "nobody's word alone makes a dead patient live"
    assert play.waits_for("support") is not None
    play.sign(SignOffKind.DEATH_CORRECTION, "death-1")
    assert (play.journey.closed, play.journey.closing, play.journey.stage) == (False, None, Stage.SESSIONS)
    assert play.journey.held
    assert play.waits_for("observation") is not None
    owed = [k for k in play.journey.contacts.values() if k.open and play.waits_for(k.type, k.id)]
    assert len([k for k in owed if k.dose is not None]) == 4
    play.refused(c.DoubtDeath(death="death-1", reason="x"), code=RefusalCode.ALREADY_DONE, field="death")
    play.go_on(lambda journey: len(journey.doses) == 2)


def test_who_decides_on_a_death_sees_that_somebody_says_the_patient_lives() -> None:
    play = after("session.end")
    play.do(REPORT, Role.OBSERVER)
    asked = play.signature(SignOffKind.DEATH, "death-1")
    play.do(c.DoubtDeath(death="death-1", reason="I just spoke with them"), Role.OBSERVER)
    play.refused(asked, code=RefusalCode.STALE, field="request")
    assert "I just spoke with them" in str(evidence(play.journey, SignOffKind.DEATH, "death-1"))


def test_a_death_that_was_doubted_and_stands_is_not_asked_about_until_it_is_doubted_again() -> None:
    play = died(collected(after("session.end")))
    for _ in range(2):
        play.do(c.DoubtDeath(death="death-1", reason="they called"), Role.COORDINATOR)
        play.sign(SignOffKind.DEATH_CORRECTION, "death-1", decision="decline", rationale="it was somebody else")
        assert play.journey.died
        assert not play.asks_for(SignOffKind.DEATH_CORRECTION, "death-1")


@pytest.mark.parametrize("decision", ["approve", "decline"])
def test_the_decision_on_a_doubted_death_answers_the_call_to_find_that_out(decision: str) -> None:
    play = died(collected(after("session.end")))
    play.do(c.DoubtDeath(death="death-1", reason="they called"), Role.COORDINATOR)
    play.do(c.RequestSupport(urgency="urgent", text="they need help (invented)"), Role.OBSERVER)
    other = [*play.journey.support][-1]
    play.sign(SignOffKind.DEATH_CORRECTION, "death-1", decision=decision, rationale="I spoke with them")
    assert [support.id for support in play.journey.support.values() if support.open] == [other]


def test_a_question_about_a_doubted_death_answers_no_call_to_find_that_out() -> None:
    play = died(collected(after("session.end")))
    play.do(c.DoubtDeath(death="death-1", reason="they called"), Role.COORDINATOR)
    play.sign(SignOffKind.DEATH_CORRECTION, "death-1", decision="return", rationale="who called?")
    assert [support.cause for support in play.journey.support.values() if support.open] == ["life"]


def test_who_says_first_that_the_patient_lives_does_not_sign_it_alone() -> None:
    play = died(collected(after("session.end")))
    play.do(c.DoubtDeath(death="death-1", reason="they called"), Role.CLINICIAN)
    asked = play.signature(SignOffKind.DEATH_CORRECTION, "death-1")
    play.refused(asked, Role.CLINICIAN, code=RefusalCode.NOT_ALLOWED, says="who wrote this")
    play.do(c.DoubtDeath(death="death-1", reason="and they called me"), Role.MEDICAL_DIRECTOR)
    play.sign(SignOffKind.DEATH_CORRECTION, "death-1", by=Role.MEDICAL_DIRECTOR)
    assert not play.journey.died


def test_what_one_person_says_again_makes_no_request_stale_and_grows_nothing() -> None:
    play = died(collected(after("session.end")))
    for reason in ("they called", "really", "really!"):
        play.do(c.DoubtDeath(death="death-1", reason=reason), Role.COORDINATOR)
    [doubt] = play.journey.deaths["death-1"].doubts.values()
    assert doubt.reason == "they called"
    for n in range(DOUBTS_KEPT + 5):
        play.do(c.DoubtDeath(death="death-1", reason="x"), person(f"coordinator-{n}", Role.COORDINATOR))
    assert len(play.journey.deaths["death-1"].doubts) == DOUBTS_KEPT


def test_what_somebody_writes_calls_no_clinician_off() -> None:
    play = died(collected(after("session.end")))
    play.do(c.RequestSupport(urgency="routine", text=SEEN_ALIVE), Role.OBSERVER)
    calls = one(play.do(c.DoubtDeath(death="death-1", reason="x"), Role.COORDINATOR), e.SupportRequested)
    assert calls.urgency == "urgent"


def test_a_pathway_that_was_ending_before_the_wrong_death_ends_as_it_would_have() -> None:
    play = after("session.end")
    play.do(c.Withdraw(), Role.PATIENT)
    died(play)
    assert play.journey.died
    play.do(c.DoubtDeath(death="death-1", reason="another patient"), Role.PATIENT)
    play.sign(SignOffKind.DEATH_CORRECTION, "death-1", by=Role.MEDICAL_DIRECTOR)
    assert play.journey.closing is not None
    assert (play.journey.closed, play.journey.closing.outcome) == (False, Outcome.WITHDRAWN)
    play.go_on(lambda journey: journey.closed)
    assert play.journey.outcome == Outcome.WITHDRAWN


def test_a_death_that_was_wrong_reopens_no_journey_beside_another_one() -> None:
    play = died(collected(after("session.end")))
    beside = play.changed(elsewhere=play.journey.elsewhere.model_copy(update={"same_medicine_open": True}))
    for other in (play, beside):
        other.do(c.DoubtDeath(death="death-1", reason="another patient"), Role.COORDINATOR)
        other.sign(SignOffKind.DEATH_CORRECTION, "death-1")
        assert not other.journey.died
    assert not play.journey.closed
    assert (beside.journey.closed, beside.journey.outcome) == (True, Outcome.TRANSFERRED)


def test_that_treatment_was_not_safe_is_known_in_the_next_journey_after_a_death_that_was_wrong() -> None:
    """The pathway was handed over to the next one, and nobody there knew why it had ended."""
    play = collected(after("session.end"))
    play.do(c.StopForSafety(reason="not safe for this patient (invented)", referral="y"))
    died(play)
    play = play.changed(elsewhere=play.journey.elsewhere.model_copy(update={"same_medicine_open": True}))
    play.do(c.DoubtDeath(death="death-1", reason="another patient"), Role.COORDINATOR)
    play.sign(SignOffKind.DEATH_CORRECTION, "death-1")
    assert (play.journey.closed, play.journey.outcome) == (True, Outcome.STOPPED_FOR_SAFETY)
    assert [risk.what for risk in risks(play.journey) if risk.type == "ending"] == ["stopped_for_safety"]


def test_a_death_after_the_end_is_confirmed_and_the_pathway_stays_as_it_ended() -> None:
    play = closed()
    died(play)
    assert (play.journey.died, play.journey.outcome, dict(play.journey.waiting)) == (True, Outcome.COMPLETED, {})


LIVES: dict[str, tuple[dict[str, Any], Role]] = {
    "a dose": ({"kind": "session.dose", "dose_mg": 5, "route": "oral"}, Role.PATIENT),
    "a check-in": (
        {"kind": "check-in.complete", "check_in": "check-in-1-4h", "feeling": "well", "side_effects": "x"}
        | {"symptoms": dict.fromkeys(("intrusive_thoughts", "emotional_distress", "mood_instability"), 1)}
        | {"location": {"state": "CA", "confirmed": True}},
        Role.PATIENT,
    ),
}


@pytest.mark.parametrize("what", LIVES)
def test_what_only_the_living_do_calls_a_clinician(what: str) -> None:
    play = died(collected(after("session.end")))
    assert play.journey.closed
    values, by = LIVES[what]
    moment = {"taken_at": play.at} if values["kind"] == "session.dose" else {}
    [body] = [each for each in (c.RecordDose, c.CompleteCheckIn) if each.model_fields["kind"].default == values["kind"]]
    bodies = play.do(body.model_validate(values | moment), by)
    assert one(bodies, e.SupportRequested).urgency == "urgent"
    assert play.waits_for("support") is not None
    assert play.asks_for(SignOffKind.DEATH_CORRECTION, "death-1")


SENT = {
    "a call for help": c.RequestSupport(urgency="routine", text="When is my visit? (invented)"),
    "a question": c.AskQuestion(text="What now? (invented)"),
    "a hold": c.PlaceHold(reason="I want to stop (invented)"),
    "harm": c.ReportAdverseEvent(what="headache (invented)", grade=1, serious=False, onset=START),
    "a count": c.CountSupply(doses=1, counted_at=START),
    "a consent": c.WithdrawConsent(consent="treatment", reason="x"),
    "a medicine": c.AddMedicine(what="aspirin", dosage="one", classes=()),
}


@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize("what", SENT)
def test_whatever_the_patient_sends_after_their_death_is_known_to_who_decides_on_it(what: str, confirmed: bool) -> None:
    play = after("session.end")
    play.do(c.RecordDeath(related="unknown", reason="x"), Role.OBSERVER)
    if confirmed:
        play.sign(SignOffKind.DEATH, "death-1")
        one(play.do(SENT[what], Role.PATIENT), e.DeathDoubted)
        assert play.asks_for(SignOffKind.DEATH_CORRECTION, "death-1")
        assert any(support.open and support.cause == "life" for support in play.journey.support.values())
        return
    early = play.signature(SignOffKind.DEATH, "death-1")
    one(play.do(SENT[what], Role.PATIENT), e.DeathDoubted)
    play.refused(early, Role.MEDICAL_DIRECTOR, code=RefusalCode.STALE, field="request", says="superseded")
    assert not play.journey.died


def test_what_the_patient_sends_again_asks_nobody_again() -> None:
    play = after("session.end")
    play.do(c.RecordDeath(related="unknown", reason="x"), Role.OBSERVER)
    for _ in range(3):
        play.do(SENT["a call for help"], Role.PATIENT)
    assert len(play.journey.deaths["death-1"].doubts) == 1
    assert [event.body.kind for event in play.events].count("death.doubted") == 1


def test_the_clock_confirms_no_death() -> None:
    play = after("session.end")
    play.do(REPORT, Role.PATIENT)
    play.wait(days=2)
    assert not play.journey.died
    assert not play.journey.closed
    play.refused(play.signature(SignOffKind.DEATH, "death-1"), CLOCK, code=RefusalCode.NOT_ALLOWED)


def test_every_shipped_protocol_asks_within_an_hour_day_and_night() -> None:
    for protocol in PROTOCOLS.values():
        policy = protocol.escalation_policies[protocol.sign_offs[SignOffKind.DEATH].escalation_policy]
        assert (policy.clock, policy.quiet_hours) == ("elapsed", False)
        assert policy.due_minutes <= 60
        assert policy.steps[0].alarm


ALIVE: dict[str, tuple[Callable[[Play], c.CommandBody], Role]] = {
    "observed": (lambda play: observation(play.journey, 1, 15, play.at), Role.OBSERVER),
    "seen": (
        lambda play: c.RecordObservation(seen_at=play.at, consciousness="alert", breathing_normal=True),
        Role.OBSERVER,
    ),
    "asks": (lambda _: c.AskQuestion(text="when is my next session? (invented)"), Role.PATIENT),
    "answers": (
        lambda _: c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers=[0] * 9),
        Role.PATIENT,
    ),
    "therapy": (
        lambda play: c.RecordTherapy(held_at=play.at, approach="exposure", attended=True, summary="x", location=HERE),
        Role.THERAPIST,
    ),
    "takes a dose": (lambda play: c.RecordDose(dose_mg=10, route="oral", taken_at=play.at), Role.PATIENT),
    "is in crisis": (lambda _: c.ReportCrisis(what="x"), Role.COORDINATOR),
}


@pytest.mark.parametrize("what", ALIVE)
def test_whoever_seems_to_live_after_their_death_is_looked_for_at_once(what: str) -> None:
    """Somebody saw the patient awake after a wrong death, and nobody was told."""
    play = died(after("session.dose")).later(minutes=15)
    body, by = ALIVE[what]
    play.do(body(play), by)
    assert play.journey.died
    asked = play.waits_for("support")
    assert asked is not None
    assert asked.escalation_policy == "urgent"
    requests = len(play.journey.support)
    play.take(play.command(body(play), by))
    assert len(play.journey.support) == requests, "it is said once, until somebody has answered"


def _in_crisis() -> Play:
    play = after("session.end")
    play.do(c.ReportCrisis(what="x"), Role.OBSERVER)
    return play


def _harmed() -> Play:
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="x", grade=1, serious=False, onset=play.at), Role.PATIENT)
    return play


def _reached(reached: bool) -> c.CommandBody:
    return c.RecordCrisisContact(crisis="crisis-1", reached=reached, assessment="x", safety_plan=reached)


SEEN: dict[str, tuple[Callable[[], Play], Callable[[Play], c.CommandBody], Role, bool]] = {
    "reached in a crisis": (_in_crisis, lambda _: _reached(True), Role.CLINICIAN, True),
    "not reached in a crisis": (_in_crisis, lambda _: _reached(False), Role.CLINICIAN, False),
    "recovered": (_harmed, lambda play: followed_up("adverse-event-1", "recovered", play.at), Role.CLINICIAN, True),
    "not recovered": (_harmed, lambda _: followed_up("adverse-event-1", "not_recovered"), Role.CLINICIAN, True),
    "died of it": (_harmed, lambda _: followed_up("adverse-event-1", "fatal"), Role.CLINICIAN, False),
    "nobody knows": (_harmed, lambda _: followed_up("adverse-event-1", "unknown"), Role.CLINICIAN, False),
    "measured": (
        lambda: before("session.check"),
        lambda play: go_through(play.journey, 1, play.at),
        Role.SESSION_MONITOR,
        True,
    ),
    "tested": (
        lambda: after("session.end"),
        lambda play: c.RecordPregnancyTest(taken_at=play.at, result="negative"),
        Role.COORDINATOR,
        True,
    ),
    "understands": (
        lambda: before("education.confirm"),
        lambda play: c.ConfirmUnderstanding(
            topics={play.journey.protocol.education_topics[0]: "understood"}, in_their_words="x", location=HERE
        ),
        Role.CLINICIAN,
        True,
    ),
}


@pytest.mark.parametrize("what", SEEN)
def test_whoever_decides_on_a_death_knows_what_others_recorded_of_a_living_patient(what: str) -> None:
    """A clinician spoke with the patient in a crisis, and the report of their death stood undoubted."""
    start, told, by, lives = SEEN[what]
    play = start()
    play.do(REPORT, Role.COORDINATOR)
    doubted = "death.doubted" in kinds(play.do(told(play), by))
    assert doubted is lives
    assert bool(play.journey.deaths["death-1"].doubts) is lives


REFUSED: dict[str, Callable[[Play], c.CommandBody]] = {
    "too early": lambda _: c.ReportAdverseEvent.model_validate(
        {"what": "x (invented)", "grade": 1, "serious": False, "onset": START - timedelta(days=80 * 366)}
    ),
    "not theirs": lambda _: c.RecordMonitoringCheck(state="CA", checked_at=START, concern=False, found="x"),
    "unknown": lambda _: c.WithdrawConsent(consent="no-such-consent", reason="x"),
    "of another stage": lambda _: c.RecordPlan(plan=plan(PROTOCOLS["PTSD"], START)),
    "done before": lambda _: c.DoubtDeath(death="death-9", reason="I am alive (invented)"),
    "held": lambda _: c.ReleaseSession(session=2),
}


@pytest.mark.parametrize("confirmed", [False, True])
@pytest.mark.parametrize("what", REFUSED)
def test_what_the_patient_sends_after_their_death_is_heard_though_it_is_refused(what: str, confirmed: bool) -> None:
    """A form that could not be taken was heard by nobody: it is a sign of life all the same."""
    play = died(after("session.end")) if confirmed else after("session.end")
    if not confirmed:
        play.do(c.RecordDeath(related="unknown", reason="x"), Role.OBSERVER)
    command = play.command(REFUSED[what](play), Role.PATIENT)
    refusal = play.take(command)
    assert isinstance(refusal, Refusal), "the case is one of a refusal"
    kept: list[e.EventBody] = [event.body for event in play.keep(command, refusal)]
    one(kept, e.DeathDoubted)
    if refusal.kept:
        one(kept, e.ReportKept)
    else:
        refused = one(kept, e.CommandRefused)
        assert (refused.command_kind, refused.code, refused.reason) == (command.body.kind, refusal.code, str(refusal))
    assert play.asks_for(SignOffKind.DEATH_CORRECTION if confirmed else SignOffKind.DEATH, "death-1")
    if confirmed:
        assert any(support.open and support.cause == "life" for support in play.journey.support.values())
    again = play.command(REFUSED[what](play), Role.PATIENT)
    assert not [event for event in play.keep(again, refusal) if isinstance(event.body, e.DeathDoubted)], "once"


def test_what_the_patient_sends_under_another_of_their_references_is_a_sign_of_life() -> None:
    play = after("session.end")
    play.do(c.ProposeMerge(other="another-reference", reason="x"), Role.COORDINATOR)
    play.sign(SignOffKind.PATIENT_MERGE, "merge-1")
    play.do(c.RecordDeath(related="unknown", reason="x"), Role.OBSERVER)
    alias = PEOPLE[Role.PATIENT].model_copy(update={"id": "another-reference"})
    command = play.command(c.Withdraw(), alias)
    refusal = play.take(command)
    assert isinstance(refusal, Refusal)
    play.keep(command, refusal)
    assert play.journey.deaths["death-1"].doubts


def test_what_is_sent_again_is_no_further_sign_of_life() -> None:
    """The same command gave events of the same ids once more, which the record had with another content."""
    play = died(after("session.end"))
    command = play.command(c.WithdrawConsent(consent="no-such-consent", reason="x"), Role.PATIENT)
    refusal = play.take(command)
    assert isinstance(refusal, Refusal)
    assert play.keep(command, refusal)
    called = [support.id for support in play.journey.support.values() if support.open and support.cause == "life"]
    play.do(c.AnswerSupport(support=called[0], text="nobody answers (invented)"), Role.CLINICIAN)
    play.later(minutes=5)
    assert play.keep(command, refusal) == ()


@pytest.mark.parametrize("by", [Role.COORDINATOR, Role.OBSERVER, Role.CLINICIAN])
def test_what_others_send_and_is_refused_is_no_sign_of_life(by: Role) -> None:
    play = died(after("session.end"))
    command = play.command(c.WithdrawConsent(consent="no-such-consent", reason="x"), by)
    refusal = play.take(command)
    assert isinstance(refusal, Refusal)
    play.keep(command, refusal)
    assert not play.journey.deaths["death-1"].doubts


def test_a_refusal_is_no_sign_of_life_of_a_patient_nobody_calls_dead() -> None:
    play = after("session.end")
    command = play.command(c.WithdrawConsent(consent="no-such-consent", reason="x"), Role.PATIENT)
    refusal = play.take(command)
    assert isinstance(refusal, Refusal)
    assert play.keep(command, refusal) == ()


def test_a_death_that_is_confirmed_over_doubts_is_asked_about_once_it_is_doubted_anew() -> None:
    """Whoever confirmed it saw the doubts: the same ones were asked about again."""
    play = after("session.end")
    play.do(c.RecordDeath(related="unknown", reason="x"), Role.OBSERVER)
    play.do(c.DoubtDeath(death="death-1", reason="they called"), Role.COORDINATOR)
    play.sign(SignOffKind.DEATH, "death-1")
    assert play.journey.died
    assert not play.asks_for(SignOffKind.DEATH_CORRECTION, "death-1")
    followed = play.do(c.DoubtDeath(death="death-1", reason="they called again"), Role.COORDINATOR)
    assert one(followed, e.SupportRequested).urgency == "urgent"
    assert play.asks_for(SignOffKind.DEATH_CORRECTION, "death-1")
