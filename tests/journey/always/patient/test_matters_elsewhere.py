"""What is unsettled in another journey of the patient holds care here, and is seen to in one of them."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid5

import pytest

from simulation.people import checklist
from tests.journey.correcting import amend, confirm
from tests.journey.elsewhere import ELSEWHERE, MEDICINE, dose, event_of, gate, tell_the_other, told
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import PROTOCOLS, START, Play, after, before, closed, followed_up, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.patient import elsewhere
from workflows.journey.always.patient.elsewhere import see_elsewhere
from workflows.journey.always.patient.model import KnownRisk
from workflows.journey.always.pregnancy.model import NOT_PREGNANT
from workflows.journey.always.pregnancy.rules import needs, pregnancy_obstacles
from workflows.journey.always.safety.heightened import is_heightened
from workflows.journey.always.safety.suicide_risk import known_levels, recent_findings
from workflows.journey.instruments import Instrument, Level
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.stages.sessions.events import Recheck, join_rechecks
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import format_moment
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.severity import Severity, is_at_least, worst

RULES = PROTOCOLS["PTSD"].sessions


@pytest.mark.requirement("A35")
def test_a_risk_that_is_unsettled_elsewhere_holds_care_once() -> None:
    play = after("evaluation.record")
    risk = KnownRisk(source=ELSEWHERE, type="crisis", what="high", since=play.at, open=True)
    told(play, risks=[risk])
    assert [(hold.cause, hold.released) for hold in play.journey.holds.values()] == [("patient_history", False)]
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1", rationale="I have spoken with the patient (invented)")
    assert not play.journey.held
    told(play, risks=[risk], doses=[dose(play.at - timedelta(days=200))])
    assert not play.journey.held, "a clinician has looked at this one"
    told(play, risks=[risk, risk.model_copy(update={"source": uuid5(ELSEWHERE, "2"), "type": "adverse_event"})])
    assert play.journey.held


REPORTED: dict[str, tuple[Callable[[Play], c.CommandBody], Role]] = {
    **{f"an adverse event of grade {grade}": (event_of(grade), Role.PATIENT) for grade in (1, 2, 3, 4, 5)},
    "a serious one of grade 1": (event_of(1, serious=True), Role.PATIENT),
    "an urgent call": (lambda _: c.RequestSupport(urgency="urgent", text="x"), Role.PATIENT),
    "an emergency call": (lambda _: c.RequestSupport(urgency="emergency", text="x"), Role.PATIENT),
    "a dose": (lambda play: c.RecordDose(dose_mg=10, route="oral", taken_at=play.at), Role.OBSERVER),
    "an unknown dose": (lambda play: c.RecordDose(dose_mg=None, route="oral", taken_at=play.at), Role.OBSERVER),
    "a crisis": (lambda _: c.ReportCrisis(what="wants to die"), Role.COORDINATOR),
    "unresponsive": (lambda play: c.RecordObservation(seen_at=play.at, consciousness="unresponsive"), Role.OBSERVER),
    "a death": (lambda _: c.RecordDeath(related="no", reason="x"), Role.COORDINATOR),
    "an item 9": (
        lambda _: c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="self", answers=[0] * 8 + [1]),
        Role.PATIENT,
    ),
    "a report nobody can read": (lambda _: c.KeepReport(about="adverse-event.report", said="{"), Role.OBSERVER),
}


CALLS = ("alarm", "support", "crisis", "suicide_risk", "kept_report")


def severity_seen_to(journey: Journey) -> Severity:
    """How bad the worst is that somebody is called for about the patient."""
    policies = [w.escalation_policy for w in journey.waiting.values() if w.kind in CALLS]
    return worst(*(Severity(policy) for policy in policies if policy in list(Severity)))


@pytest.mark.requirement("A35")
@pytest.mark.parametrize("what", REPORTED)
def test_what_a_closed_journey_is_told_is_watched_in_the_open_one(what: str) -> None:
    there, here = closed(), after("evaluation.record")
    fact, by = REPORTED[what]
    tell_the_other(there, here)
    assert not any(here.journey.standing_holds)
    there.do(fact(there), by)
    here.at = max(here.at, there.at)
    followed = tell_the_other(there, here)
    assert here.journey.held
    assert is_at_least(severity_seen_to(here.journey), severity_seen_to(there.journey))
    assert one(followed, e.SupportRequested).text.startswith("from another journey")
    assert tell_the_other(there, here) == [], "once"
    back = see_elsewhere([here.journey], "another")
    assert not [risk for risk in back.risks if risk.open], "what came from elsewhere goes to nobody from here"


TOLD_ON: dict[str, Callable[[Play], c.CommandBody]] = {
    "a medicine": lambda _: c.AddMedicine(what="phenelzine", classes=("mao_inhibitor",), dosage="x"),
    "a medicine of no class": lambda _: c.AddMedicine(what="invented", dosage="x"),
    "a clinical call": lambda _: c.RequestSupport(urgency="clinical", text="x"),
    "what a clinician is told of": lambda play: c.RecordObservation(
        seen_at=play.at, vitals=c.Vitals(systolic=165, diastolic=95, heart_rate=80, measured_at=play.at)
    ),
}


@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("what", TOLD_ON)
def test_what_stands_before_a_dose_of_the_journey_that_was_told_holds_the_others(what: str, closes: bool) -> None:
    there, here = closed() if closes else before("plan.record"), before("session.release")
    here.at = there.at = max(here.at, there.at)
    there.do(TOLD_ON[what](there), Role.PATIENT)
    tell_the_other(there, here)
    assert [hold.cause for hold in here.journey.standing_holds] == ["patient_history"]
    assert tell_the_other(there, here) == [], "once"


@pytest.mark.parametrize("outcome", ["recovered", "recovered_with_sequelae", "unknown"])
def test_harm_whose_outcome_nobody_knew_at_the_end_is_followed_up_when_the_patient_enrols_anew(outcome: str) -> None:
    """It stays unknown at an ending because the patient cannot be asked. Now they can."""
    there, here = after("session.end", 3), after("evaluation.record")
    there.do(c.ReportAdverseEvent(what="x", grade=3, serious=False, onset=there.at), Role.PATIENT)
    there.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    there.sign(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    there.do(c.Transfer(reason="x", referral="y"))
    there.do(followed_up("adverse-event-1", outcome, None if outcome == "unknown" else there.at))
    there.go_on(lambda journey: journey.closed)
    here.at = max(here.at, there.at)
    tell_the_other(there, here)
    assert here.journey.held is (outcome == "unknown")
    assert bool(here.waits_for("support")) is (outcome == "unknown")


def test_what_a_closed_journey_is_told_anew_as_worse_is_news() -> None:
    there, here = closed(), after("evaluation.record")
    there.do(c.ReportAdverseEvent(what="x", grade=2, serious=False, onset=there.at), Role.PATIENT)
    here.at = max(here.at, there.at)
    tell_the_other(there, here)
    [name] = [name for name, event in there.journey.adverse_events.items() if event.report.what == "x"]
    there.do(c.RegradeAdverseEvent(adverse_event=name, grade=4, serious=False, reason="x"))
    assert one(tell_the_other(there, here), e.SupportRequested).urgency == "emergency"


def test_an_urgent_call_in_any_words_is_known_elsewhere() -> None:
    there = before("plan.record")
    there.do(c.RequestSupport(urgency="urgent", text="from another journey of this patient: help"), Role.PATIENT)
    assert [risk.type for risk in see_elsewhere([there.journey], "another").risks] == ["support"]


def test_an_urgent_matter_of_an_open_journey_holds_the_other_and_is_seen_to_there() -> None:
    there, here = after("session.end"), after("evaluation.record")
    there.do(c.RequestSupport(urgency="urgent", text="x"), Role.PATIENT)
    here.at = max(here.at, there.at)
    assert kinds(tell_the_other(there, here)) == ["history.taken-in", "hold.placed"]


def test_a_no_go_stands_in_every_journey_of_the_patient() -> None:
    there, here = before("session.check"), before("session.release")
    made = checklist(there.journey, 1, there.at)
    there.do(made.model_copy(update={"vitals": made.vitals.model_copy(update={"systolic": 205})}), Role.SESSION_MONITOR)
    until = there.journey.no_go_until
    assert until is not None
    tell_the_other(there, here)
    for hold in [hold.id for hold in here.journey.standing_holds]:
        here.sign(SignOffKind.SEVERE_HOLD_RELEASE, hold)
    assert f"a no-go stands until {format_moment(until, here.journey.patient.zone)}" in gate(here)


def test_a_pregnancy_test_that_is_not_negative_is_in_every_journey_of_the_patient() -> None:
    there, here = after("session.end"), before("session.release")
    there.do(c.RecordPregnancyTest(taken_at=there.at, result="positive"), Role.PATIENT)
    here.at = max(here.at, there.at)
    tell_the_other(there, here)
    assert pregnancy_obstacles(here.journey, here.at)
    waiting = here.waits_for("pregnancy_test")
    assert waiting is not None
    assert waiting.subject is None, "a judgement that none is needed stands no more"
    made = checklist(here.journey, 1, here.at)
    here.refused(made, Role.SESSION_MONITOR, code=RefusalCode.CONTRADICTS, field=f"items.{NOT_PREGNANT}")
    protocol = here.journey.protocol
    unasked = protocol.pregnancy.model_copy(update={"tests_valid_days": None})
    assert [*needs(here.changed(protocol=protocol.model_copy(update={"pregnancy": unasked})).journey)]
    here.later(hours=1)
    here.do(c.RecordPregnancyTest(taken_at=here.at, result="negative"), Role.COORDINATOR)
    assert not pregnancy_obstacles(here.journey, here.at)


def test_vital_signs_that_are_to_be_measured_again_are_in_every_journey_of_the_patient() -> None:
    there = before("session.check")
    made = checklist(there.journey, 1, there.at)
    there.do(made.model_copy(update={"vitals": made.vitals.model_copy(update={"systolic": 145})}), Role.SESSION_MONITOR)
    here, checked = before("session.check"), before("session.release")
    here.at = checked.at = max(there.at, checked.at)
    tell_the_other(there, checked)
    assert "measured again after rest" in gate(checked)
    assert checked.waits_for("checklist", "1") is not None
    tell_the_other(there, here)
    for minutes, verdict in ((1, "recheck"), (checked.journey.protocol.sessions.vitals.recheck_rest_minutes, "go")):
        here.later(minutes=minutes)
        told_here = here.do(checklist(here.journey, 1, here.at), Role.SESSION_MONITOR)
        assert one(told_here, e.SessionChecked).verdict == verdict
    assert "measured again" not in str(dose_gate(here.journey, 1, here.at))


def test_what_is_to_be_measured_again_elsewhere_takes_nothing_from_what_is_here() -> None:
    here = before("session.check")
    made = checklist(here.journey, 1, here.at)
    low = made.vitals.model_copy(update={"oxygen": int(RULES.vitals.oxygen.go[0]) - 1})
    here.do(made.model_copy(update={"vitals": low}), Role.SESSION_MONITOR)
    own = here.journey.recheck
    assert own is not None
    told(here, recheck=Recheck(since=here.at))
    here.later(minutes=RULES.vitals.recheck_rest_minutes)
    left_out = checklist(here.journey, 1, here.at)
    left_out = left_out.model_copy(update={"vitals": left_out.vitals.model_copy(update={"oxygen": None})})
    assert one(here.do(left_out, Role.SESSION_MONITOR), e.SessionChecked).verdict == "recheck"
    earlier, later = Recheck(since=START, count=1, signs=("oxygen",)), Recheck(since=here.at, signs=("heart_rate",))
    both = Recheck(since=here.at, count=1, signs=("oxygen", "heart_rate"))
    assert join_rechecks([earlier, later]) == join_rechecks([later, earlier]) == both


@pytest.mark.requirement("A35")
@pytest.mark.parametrize("confirmed", [True, False])
def test_whoever_is_dead_elsewhere_gets_no_dose_on_the_word_of_one_clinician(confirmed: bool) -> None:
    there, here = after("session.end"), before("session.release")
    there.do(c.RecordDeath(related="no", reason="x"), Role.COORDINATOR)
    if confirmed:
        there.sign(SignOffKind.DEATH, "death-1", by=Role.MEDICAL_DIRECTOR)
    here.at = max(here.at, there.at)
    hold = one(tell_the_other(there, here), e.HoldPlaced)
    assert hold.severe
    assert here.asks_for(SignOffKind.SEVERE_HOLD_RELEASE, hold.hold)


@pytest.mark.requirement("A35")
def test_a_death_and_an_open_crisis_are_known_elsewhere() -> None:
    play = after("session.dose")
    play.do(c.RecordDeath(related="unknown", reason="invented"), Role.OBSERVER)
    seen = see_elsewhere([play.journey], MEDICINE)
    assert ("death", "reported", True) in {(risk.type, risk.what, risk.open) for risk in seen.risks}


UNSETTLED = "a matter of this patient elsewhere is not settled"
WAITS = "a correction of a dose, a checklist or an answer of this patient elsewhere waits for a second person"


@pytest.mark.requirement("A35")
@pytest.mark.parametrize("what", REPORTED)
def test_what_is_open_there_stands_before_the_dose_here_and_is_held_for_as_hard(what: str) -> None:
    """Whoever releases the hold here has settled nothing there, and a severe hold is none that one person releases."""
    there, here = after("session.end"), before("session.release")
    fact, by = REPORTED[what]
    there.do(fact(there), by)
    here.at = max(here.at, there.at)
    tell_the_other(there, here)
    severe = any(hold.severe for hold in there.journey.standing_holds)
    [hold] = [hold for hold in here.journey.standing_holds if hold.cause == "patient_history"]
    assert hold.severe == severe
    here.sign(SignOffKind.SEVERE_HOLD_RELEASE if severe else SignOffKind.HOLD_RELEASE, hold.id)
    assert UNSETTLED in dose_gate(here.journey, 1, here.at)


def test_what_was_settled_there_stands_before_no_dose_here() -> None:
    there, here = after("session.end"), before("session.release")
    there.do(event_of(1)(there), Role.PATIENT)
    there.do(c.RecordDeath(related="no", reason="x"), Role.COORDINATOR)
    here.at = max(here.at, there.at)
    tell_the_other(there, here)
    assert UNSETTLED in dose_gate(here.journey, 1, here.at)
    there.sign(SignOffKind.ADVERSE_EVENT, "adverse-event-1")
    there.sign(SignOffKind.DEATH, "death-1", by=Role.MEDICAL_DIRECTOR, decision="decline")
    there.sign(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    tell_the_other(there, here)
    assert UNSETTLED not in dose_gate(here.journey, 1, here.at)
    assert not [risk for risk in here.journey.elsewhere.risks if risk.open]


def test_what_is_open_is_told_however_much_was_settled_since(monkeypatch: pytest.MonkeyPatch) -> None:
    there = after("session.end")
    there.do(c.ReportCrisis(what="wants to die"), Role.COORDINATOR)
    for grade in (1, 2):
        name = f"adverse-event-{grade}"
        there.later(minutes=1).do(event_of(grade)(there), Role.PATIENT)
        there.sign(SignOffKind.ADVERSE_EVENT, name)
    risks = see_elsewhere([there.journey], "another").risks
    still_open = tuple(risk for risk in risks if risk.open)
    assert still_open != risks[-len(still_open) :]
    monkeypatch.setattr(elsewhere, "KEPT", len(still_open))
    assert see_elsewhere([there.journey], "another").risks == still_open


@pytest.mark.requirement("B27")
@pytest.mark.parametrize("changed", [{"dose_mg": 1.0}, {"taken_at": None}])
@pytest.mark.parametrize("ended", [False, True])
def test_a_correction_there_that_nobody_confirmed_opens_nothing_here(changed: dict[str, object], ended: bool) -> None:
    """One person moved a dose of another journey a month back, released the hold here, and gave the next one."""
    there = after("session.end")
    taken = there.dosed_at()
    told = {"session": 1, "dose_mg": 100, "route": "sublingual", "taken_at": taken, "deviation": "misread"}
    earlier = {"taken_at": taken - timedelta(days=30)} if "taken_at" in changed else changed
    fact = c.RecordDose.model_validate({**told, **earlier})
    version = next(number for number, known in there.journey.facts.items() if known.kind == "session.dosed")
    there.do(c.Amend(version=version, reason="x", correction=fact))
    if ended:
        there.do(c.Withdraw(), Role.PATIENT)
    play = before("session.release")
    play.journey = play.journey.model_copy(update={"elsewhere": see_elsewhere([there.journey], "another")})
    assert WAITS in gate(play)
    [correction] = there.journey.unconfirmed
    there.do(c.ConfirmCorrection(correction=correction, reason="x"), Role.MEDICAL_DIRECTOR)
    play.journey = play.journey.model_copy(update={"elsewhere": see_elsewhere([there.journey], "another")})
    assert WAITS not in gate(play)


def test_suicidal_intent_that_one_person_corrected_away_there_opens_nothing_here() -> None:
    there, here = after("session.end"), before("session.release")
    ask_suicide_risk(there, "yyyynn-")
    right = c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=c_ssrs("nn---n-"))
    amend(there, "instrument.recorded", right)
    here.at = max(here.at, there.at)
    tell_the_other(there, here)
    assert not recent_findings(here.journey, here.at)
    assert any(WAITS in why for why in dose_gate(here.journey, 1, here.at))
    confirm(there)
    tell_the_other(there, here)
    assert not any(WAITS in why for why in dose_gate(here.journey, 1, here.at))


def test_vital_signs_that_one_person_corrected_there_open_nothing_here() -> None:
    """What was to be measured again was not, by the correction of one person."""
    there, here = before("session.check"), before("session.release")
    made = checklist(there.journey, 1, there.at)
    high = made.model_copy(update={"vitals": made.vitals.model_copy(update={"systolic": 145})})
    there.do(high, Role.SESSION_MONITOR)
    amend(there, "session.checked", made)
    here.at = max(here.at, there.at)
    tell_the_other(there, here)
    assert any(WAITS in why for why in dose_gate(here.journey, 1, here.at))
    confirm(there)
    tell_the_other(there, here)
    assert not any(WAITS in why for why in dose_gate(here.journey, 1, here.at))


def test_a_concern_of_the_monitoring_program_is_one_of_the_next_journey_too() -> None:
    there, here = closed(), after("evaluation.record")
    checked = {"state": "CA", "checked_at": there.at, "concern": True, "found": "two prescribers (invented)"}
    there.do(c.RecordMonitoringCheck.model_validate(checked))
    tell_the_other(there, here)
    [hold] = here.journey.standing_holds
    assert hold.severe


def ask_suicide_risk(play: Play, marks: str) -> None:
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=c_ssrs(marks)), Role.CLINICIAN)


@pytest.mark.requirement("B44")
@pytest.mark.parametrize(
    ("marks", "days", "level"),
    [
        ("yyyynn-", 29, Level.HIGH),
        ("yyyynn-", 31, Level.NONE),
        ("nn---yy", 89, Level.HIGH),
        ("nn---yy", 91, Level.MODERATE),
        ("nn---yn", 0, Level.MODERATE),
    ],
)
def test_suicidal_intent_and_behaviour_are_as_recent_in_whatever_journey_they_were_found(
    marks: str, days: int, level: Level
) -> None:
    """Who left, with suicidal intent found the day before, enrolled anew, answered no, and nothing was known of it."""
    there, here = after("session.end"), after("evaluation.record")
    ask_suicide_risk(there, marks)
    here.at = there.at + timedelta(days=days)
    tell_the_other(there, here)
    ask_suicide_risk(here, "nn---n-")
    assert max(known_levels(here.journey, here.at), key=lambda each: each.severity) == level
    assert bool(recent_findings(here.journey, here.at)) == (level == Level.HIGH)


def test_no_screening_contradicts_suicidal_behaviour_that_was_found_elsewhere() -> None:
    there, here = after("session.end"), before("screening.record")
    ask_suicide_risk(there, "nn---yy")
    here.at = max(here.at, there.at)
    tell_the_other(there, here)
    no = c.RecordScreening(exclusions={"X12": c.ScreeningAnswer(answer="no")})
    here.refused(no, code=RefusalCode.CONTRADICTS, field="exclusions.X12")


def test_risk_that_was_found_elsewhere_hastens_what_is_owed_here() -> None:
    there, here = after("session.end"), after("session.end")
    assert not is_heightened(here.journey, here.at)
    ask_suicide_risk(there, "yyynnn-")
    tell_the_other(there, here)
    assert is_heightened(here.journey, here.at)
