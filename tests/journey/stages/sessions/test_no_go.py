"""A no-go acts: it stands, a clinician is told, and only a clinician lifts it, with a reason."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from simulation.moves.sessions import go_through
from simulation.people import checklist, no_risk, revision, vitals
from tests.journey.play import PROTOCOLS, Play, after, before, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.stages.sessions.dosing import expected_doses_left
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import format_moment
from workflows.journey.vocabulary.refusals import RefusalCode

SECOND = 2
RULES = PROTOCOLS["PTSD"].sessions
HOURS = timedelta(hours=RULES.no_go.hours)


def at_start() -> Play:
    return before("session.check", SECOND)


def form(play: Play, **changed: Any) -> c.CheckSession:
    good = checklist(play.journey, SECOND, play.at)
    return c.CheckSession.model_validate({**good.model_dump(), **changed})


def check(play: Play, **changed: Any) -> list[e.EventBody]:
    return play.do(form(play, **changed), Role.SESSION_MONITOR)


def last_taken() -> datetime:
    """A day before the second session."""
    return at_start().at - timedelta(days=1)


def answered(item: str, answer: bool = False) -> dict[str, bool]:
    return dict.fromkeys(RULES.checklist, True) | {item: answer}


def observer(**changed: bool) -> dict[str, Any]:
    return {"observer": {"ref": "x", "adult": True, "physically_present": True, "briefed": True} | changed}


def measured(at: datetime, systolic: int, diastolic: int = 80) -> dict[str, Any]:
    return {"vitals": vitals(at, systolic, diastolic).model_dump()}


FINDINGS: list[tuple[str, dict[str, Any]]] = [
    *[(item, {"items": answered(item)}) for item in RULES.checklist],
    ("vital_signs", measured(at_start().at, 205, 132)),
    ("vital_signs", measured(at_start().at, 88, 60)),
    ("observer", observer(adult=False)),
    ("observer", observer(physically_present=False)),
    ("observer", observer(briefed=False)),
    ("clinician_reach", {"reachable_within_minutes": RULES.clinician_reachable_minutes + 1}),
    ("location", {"location_confirmed": False}),
    ("location", {"location_state": "NV"}),
]


def since_asked(level: str) -> c.RecordInstrument:
    """A C-SSRS since the last contact, asked by a clinician."""
    asked = no_risk(Instrument.C_SSRS_SINCE) | (
        {"q1": True} if level == "low" else {"q1": True, "q2": True, "q3": True}
    )
    asked |= {} if level == "low" else {"q4": False, "q5": False}
    return c.RecordInstrument(instrument=Instrument.C_SSRS_SINCE, occasion="asked", answers=asked)


def item_9(answer: int) -> c.RecordInstrument:
    return c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="asked", answers=[0] * 8 + [answer])


def another_plan() -> c.RecordPlan:
    known = at_start().journey
    assert known.plan is not None
    return revision(known, known.plan)


def nausea() -> c.ReportAdverseEvent:
    return c.ReportAdverseEvent(what="nausea (invented)", grade=1, serious=False, onset=at_start().at)


def wrong_check_in() -> c.MarkInError:
    """A check-in before the session that was another patient's: it is owed again."""
    return c.MarkInError(version=at_start().version_of("check-in.completed"), reason="another patient's (invented)")


RECORDED: list[tuple[str, c.CommandBody, Role, bool]] = [
    ("suicide_risk_none_or_low", since_asked("moderate"), Role.CLINICIAN, True),
    ("suicide_risk_none_or_low", c.ReportCrisis(what="invented"), Role.OBSERVER, True),
    ("item_9_zero_or_cleared", item_9(1), Role.PATIENT, True),
    ("item_9_zero_or_cleared", item_9(0), Role.PATIENT, False),
    ("consents_active_and_current", c.WithdrawConsent(consent="telehealth"), Role.PATIENT, True),
    ("interval_met", c.RecordDose(dose_mg=5, route="oral", taken_at=last_taken()), Role.PATIENT, True),
    ("plan_signed", another_plan(), Role.CLINICIAN, True),
    ("no_open_hold_or_adverse_event", c.PlaceHold(reason="x"), Role.OBSERVER, True),
    ("no_open_hold_or_adverse_event", nausea(), Role.PATIENT, True),
    ("check_ins_complete", wrong_check_in(), Role.CLINICIAN, True),
]


@pytest.mark.requirement("A36", "B49")
@pytest.mark.parametrize(("item", "told", "by", "contrary"), RECORDED)
def test_no_item_is_answered_yes_beside_what_is_recorded(
    item: str, told: c.CommandBody, by: Role, contrary: bool
) -> None:
    play = at_start()
    session = play.journey.sessions[SECOND]
    play.do(told, by)
    if SECOND not in play.journey.sessions:
        play = play.changed(sessions={**play.journey.sessions, SECOND: session})
    others = {name: name == item or name not in [each for each, *_ in RECORDED] for name in RULES.checklist}
    if not contrary:
        check(play)
        return
    yes = form(play, items=others)
    play.refused(yes, Role.SESSION_MONITOR, code=RefusalCode.CONTRADICTS, field=f"items.{item}")
    check(play, items=others | {item: False})


@pytest.mark.requirement("A11", "B18", "B22")
@pytest.mark.parametrize(("finding", "changed"), FINDINGS)
def test_a_no_go_holds_care_is_told_and_no_second_checklist_lifts_it(finding: str, changed: dict[str, Any]) -> None:
    play = at_start()
    followed = check(play, **changed)
    placed, asked = one(followed, e.HoldPlaced), one(followed, e.SupportRequested)
    assert one(followed, e.SessionChecked).no_go == (finding,)
    assert (placed.cause, placed.source) == ("no_go", "session-2")
    assert finding in placed.reason
    assert finding in asked.text
    kind = SignOffKind.SEVERE_HOLD_RELEASE if placed.severe else SignOffKind.HOLD_RELEASE
    assert play.asks_for(kind, placed.hold)
    play.later(minutes=1)
    play.do(go_through(play.journey, SECOND, play.at), Role.SESSION_MONITOR)
    play.refused(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR, code=RefusalCode.HELD)
    assert play.journey.held


@pytest.mark.parametrize("item", ["suicide_risk_none_or_low", "X18_not_pregnant"])
def test_what_the_protocol_calls_urgent_pages_the_clinician_on_call(item: str) -> None:
    play = at_start()
    check(play, items=answered(item))
    waiting = play.waits_for("support")
    assert waiting is not None
    urgent = item in RULES.no_go.alarm
    assert waiting.owner == (Role.ON_CALL_CLINICIAN if urgent else Role.CLINICIAN)


@pytest.mark.parametrize(
    ("systolic", "urgency", "severe"), [(159, None, False), (160, "urgent", False), (205, "emergency", True)]
)
def test_vital_signs_before_a_dose_are_told_as_hard_as_an_observation_of_them(
    systolic: int, urgency: str | None, severe: bool
) -> None:
    play = at_start()
    check(play, **measured(play.at, systolic))
    assert [asked.urgency for asked in play.journey.support.values()] == [urgency for _ in (urgency,) if urgency]
    assert [hold.severe for hold in play.journey.standing_holds] == [severe for _ in (urgency,) if urgency]


def test_what_an_alert_is_about_is_told_also_where_it_may_be_measured_again() -> None:
    """An oxygen that is to be measured again, and at the limit of an alert: told, and no dose until it is answered."""
    play = at_start()
    low = vitals(play.at).model_copy(update={"oxygen": int(RULES.vitals.notify.oxygen_below) - 1}).model_dump()
    followed = check(play, vitals=low)
    assert one(followed, e.SessionChecked).verdict == "recheck"
    assert one(followed, e.SupportRequested).urgency == "urgent"
    assert not play.journey.held
    assert any("support" in found for found in dose_gate(play.journey, SECOND, play.at))
    assert not [body for body in check(play, vitals=low) if isinstance(body, e.SupportRequested)]


def lift(play: Play) -> None:
    """A clinician answers, decides on the hold, and clears what a good checklist says."""
    support = play.waits_for("support")
    assert support is not None
    assert support.subject is not None
    play.do(c.AnswerSupport(support=support.subject, text="looked at"), Role.ON_CALL_CLINICIAN)
    [hold] = [hold for hold in play.journey.holds.values() if not hold.released]
    play.sign(SignOffKind.SEVERE_HOLD_RELEASE if hold.severe else SignOffKind.HOLD_RELEASE, hold.id)


def test_a_clinician_lifts_it_with_a_reason() -> None:
    play = at_start()
    check(play, items=answered("devices_work"))
    [hold] = play.journey.holds
    body = play.signature(SignOffKind.HOLD_RELEASE, hold, rationale=None)
    play.refused(body, code=RefusalCode.INCOMPLETE, field="rationale")
    lift(play)
    assert "checklist: devices_work" in dose_gate(play.journey, SECOND, play.at)
    play.later(minutes=5)
    check(play)
    play.sign(SignOffKind.CLEARANCE, str(SECOND))
    play.do(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR)


@pytest.mark.parametrize("changed", [{"items": answered("X35_fasted")}, measured(at_start().at, 165)])
def test_what_needs_time_stands_for_the_protocols_hours_whoever_lifts_it(changed: dict[str, Any]) -> None:
    play = at_start()
    began = play.at
    check(play, **changed)
    lift(play)
    play.later(minutes=20)
    check(play)
    stands = f"a no-go stands until {format_moment(began + HOURS, play.journey.patient.zone)}"
    waiting = play.waits_for("scheduling", str(SECOND))
    assert waiting is not None
    assert stands in waiting.what
    assert not play.asks_for(SignOffKind.CLEARANCE, str(SECOND)), "nobody signs for a dose that cannot be"
    assert stands in dose_gate(play.journey, SECOND, play.at)
    assert stands in dose_gate(play.journey, SECOND, began + HOURS - timedelta(seconds=1))
    assert stands not in dose_gate(play.journey, SECOND, began + HOURS)
    session = play.journey.sessions[SECOND]
    moved = c.ScheduleSession(
        session=SECOND,
        starts_at=began + HOURS - timedelta(minutes=1),
        supervising_clinician=session.supervising_clinician,
        session_monitor=session.session_monitor,
    )
    play.refused(moved, Role.COORDINATOR, code=RefusalCode.OUT_OF_LIMITS, field="starts_at", says="no-go stands")


def test_moving_or_cancelling_the_session_lifts_nothing() -> None:
    play = at_start()
    check(play, **measured(play.at, 205, 132))
    until = play.journey.no_go_until
    play.do(c.CancelSession(session=SECOND, reason="x"), Role.PATIENT)
    assert play.journey.held
    assert play.journey.no_go_until == until
    lift(play)
    play.go_on(lambda journey: SECOND in journey.sessions and journey.sessions[SECOND].released_at is not None)
    released = play.journey.sessions[SECOND].released_at
    assert released is not None
    assert until is not None
    assert released >= until


def test_the_same_no_go_twice_is_told_once() -> None:
    play = at_start()
    check(play, items=answered("devices_work"))
    play.later(minutes=1)
    check(play, items=answered("devices_work"))
    assert len(play.journey.holds) == 1
    assert len(play.journey.support) == 1
    check(play, items=answered("time_out_done"))
    assert len(play.journey.holds) == 2


def test_a_checklist_that_is_corrected_to_a_no_is_a_no_go() -> None:
    play = before("session.release", SECOND)
    wrong = form(play, items=answered("X18_not_pregnant"))
    followed = play.do(
        c.Amend(version=play.version_of("session.checked"), reason="the test was read wrongly", correction=wrong)
    )
    assert one(followed, e.HoldPlaced).cause == "no_go"
    play.refused(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR, code=RefusalCode.HELD)


def test_a_no_go_that_is_corrected_still_waits_for_a_clinician() -> None:
    play = at_start()
    check(play, **measured(play.at, 205, 132))
    until = play.journey.no_go_until
    play.do(c.Amend(version=play.version_of("session.checked"), reason="typing error", correction=form(play)))
    assert play.journey.held
    assert play.journey.no_go_until == until


# Vital signs that are measured again


def test_vital_signs_a_little_high_are_measured_again_after_rest() -> None:
    play = at_start()
    check(play, **measured(play.at, 141))
    assert "vitals: recheck" in dose_gate(play.journey, SECOND, play.at)
    assert not play.journey.held
    again = play.waits_for("checklist")
    assert again is not None
    assert "after rest" in again.what
    play.later(minutes=RULES.vitals.recheck_rest_minutes)
    check(play)
    assert play.journey.recheck is None
    play.sign(SignOffKind.CLEARANCE, str(SECOND))
    play.do(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR)


def test_what_is_measured_before_the_rest_is_over_is_one_with_the_measurement_before() -> None:
    play = at_start()
    check(play, **measured(play.at, 141))
    for systolic in (120, 141, 118):
        play.later(seconds=20)
        check(play, **measured(play.at, systolic))
        assert "vitals: recheck" in dose_gate(play.journey, SECOND, play.at)
        assert play.journey.recheck is not None
        assert play.journey.recheck.count == 0
    backdated = play.at - timedelta(minutes=25)
    check(play, **measured(backdated, 141))
    check(play, **measured(backdated, 118))
    assert "vitals: recheck" in dose_gate(play.journey, SECOND, play.at)


def test_the_last_recheck_that_is_no_better_is_a_no_go() -> None:
    play = at_start()
    check(play, **measured(play.at, 141))
    for number in range(1, RULES.vitals.rechecks + 1):
        assert not play.journey.held
        play.later(minutes=RULES.vitals.recheck_rest_minutes)
        followed = check(play, **measured(play.at, 145))
        last = number == RULES.vitals.rechecks
        assert one(followed, e.SessionChecked).verdict == ("no_go" if last else "recheck")
    assert play.journey.held
    assert play.journey.no_go_until == play.at + HOURS


def test_to_move_the_session_begins_no_new_measurements() -> None:
    play = at_start()
    check(play, **measured(play.at, 141))
    session = play.journey.sessions[SECOND]
    moved = c.ScheduleSession(
        session=SECOND,
        starts_at=play.at + timedelta(minutes=1),
        supervising_clinician=session.supervising_clinician,
        session_monitor=session.session_monitor,
    )
    play.do(moved, Role.COORDINATOR)
    play.later(minutes=2)
    check(play)
    assert "vitals: recheck" in dose_gate(play.journey, SECOND, play.at)


def test_what_is_found_after_the_release_holds_care_and_makes_a_dose_a_deviation() -> None:
    play = after("session.release", SECOND)
    play.later(minutes=2)
    check(play, **measured(play.at, 205, 132))
    assert play.journey.held
    plan = play.journey.plan
    assert plan is not None
    taken = c.RecordDose(
        session=SECOND,
        dose_mg=plan.dose_mg,
        route=plan.route,
        taken_at=play.at,
        doses_left=max(0, expected_doses_left(play.journey)),
    )
    body = one(play.do(taken, Role.SESSION_MONITOR), e.DoseRecorded)
    assert "care was held after the release" in body.deviations
    play.refused(form(play), Role.SESSION_MONITOR, code=RefusalCode.ALREADY_DONE)


def test_a_good_checklist_after_the_release_changes_nothing_of_it() -> None:
    play = after("session.release", SECOND)
    play.later(minutes=2)
    check(play)
    assert play.journey.sessions[SECOND].released_at is not None
    assert not play.journey.held
    assert play.waits_for("dose") is not None


def test_rest_counts_from_the_record_and_not_from_times_somebody_writes_down() -> None:
    play = at_start()
    for minutes, systolic in ((30, 141), (15, 141), (0, 118)):
        check(play, **measured(play.at - timedelta(minutes=minutes), systolic))
        play.later(seconds=1)
    assert "vitals: recheck" in dose_gate(play.journey, SECOND, play.at)
    assert play.journey.recheck is not None
    assert play.journey.recheck.count == 0


def test_another_call_for_help_silences_no_no_go() -> None:
    """Whatever else was urgent kept it from being told that the patient's pressure was at the emergency limit."""
    play = at_start()
    check(play, **measured(play.at, 165))
    told = next(support for support in play.journey.support.values() if support.open)
    play.do(c.AnswerSupport(support=told.id, text="seen (invented)"))
    play.do(c.RequestSupport(urgency="emergency", text="somebody fell (invented)"), Role.OBSERVER)
    play.later(minutes=20)
    followed = check(play, **measured(play.at, 205, 132))
    assert one(followed, e.SupportRequested).urgency == "emergency"
    assert not [body for body in check(play, **measured(play.at, 205, 132)) if isinstance(body, e.SupportRequested)]


@pytest.mark.parametrize(
    ("sign", "low", "again", "verdict"),
    [("oxygen", 93, None, "recheck"), ("oxygen", 93, 97, "go"), ("heart_rate", 105, None, "recheck")],
)
def test_a_vital_sign_that_is_to_be_measured_again_is_not_left_out(
    sign: str, low: int, again: int | None, verdict: str
) -> None:
    play = before("session.check")
    for value, found in ((low, "recheck"), (again, verdict)):
        measured = vitals(play.at).model_copy(update={sign: value})
        body = checklist(play.journey, 1, play.at).model_copy(update={"vitals": measured})
        assert one(play.do(body, Role.SESSION_MONITOR), e.SessionChecked).verdict == found
        play.later(minutes=20)


def test_what_is_out_of_range_before_the_rest_is_over_is_not_left_out_after_it() -> None:
    """Oxygen was 93 a minute after a pressure that was to be measured again; then only the pressure was."""
    play = at_start()
    steps: list[tuple[int, dict[str, int | None], str]] = [
        (0, {"systolic": 141}, "recheck"),
        (1, {"oxygen": 93}, "recheck"),
        (RULES.vitals.recheck_rest_minutes, {"oxygen": None}, "recheck"),
        (1, {"oxygen": 97}, "go"),
    ]
    for minutes, signs, verdict in steps:
        play.later(minutes=minutes)
        taken = vitals(play.at).model_copy(update=signs)
        assert one(check(play, vitals=taken.model_dump()), e.SessionChecked).verdict == verdict
