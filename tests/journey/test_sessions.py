"""Sessions: when they may be, what is measured before and after the dose, and when somebody may leave."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from simulation.people import PEOPLE, checklist, observation, plan, revision, vitals
from tests.journey.play import Play, after, before, kinds, one, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Role
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.refusals import RefusalCode
from workflows.journey.stage import Outcome, Stage
from workflows.journey.stages.sessions.dose_gate import dose_gate


def at(play: Play, starts_at: datetime, session: int = 2, **changed: Any) -> c.ScheduleSession:
    return c.ScheduleSession(
        session=session,
        starts_at=starts_at,
        supervising_clinician=play.journey.clinician,
        session_monitor=PEOPLE[Role.SESSION_MONITOR].id,
        **changed,
    )


def last_dose(play: Play) -> datetime:
    assert play.journey.last_dose_at is not None
    return play.journey.last_dose_at


# When


@pytest.mark.parametrize(
    ("pathway", "interval", "says"),
    [
        ("PTSD", timedelta(hours=71, minutes=59), "less than 72 hours"),
        ("PTSD", timedelta(hours=72), None),
        ("ANXIETY", timedelta(hours=119, minutes=59), "less than 120 hours"),
        ("ANXIETY", timedelta(hours=120), "more than 1 in 7 days"),
        ("ANXIETY", timedelta(hours=167, minutes=59), "more than 1 in 7 days"),
        ("ANXIETY", timedelta(hours=168), None),
        ("PTSD", timedelta(days=21), None),
        ("PTSD", timedelta(days=21, seconds=1), "more than 21 days after the last dose"),
        ("ANXIETY", timedelta(days=28), None),
        ("ANXIETY", timedelta(days=28, seconds=1), "more than 28 days after the last dose"),
    ],
)
def test_intervals_between_doses(pathway: Pathway, interval: timedelta, says: str | None) -> None:
    play = before("session.schedule", 2, pathway).loosely_spaced()
    body = at(play, last_dose(play) + interval)
    if says is None:
        assert kinds(play.do(body, Role.COORDINATOR))[0] == "session.scheduled"
    else:
        play.refused(body, Role.COORDINATOR, code=RefusalCode.OUT_OF_LIMITS, field="starts_at", says=says)


@pytest.mark.requirement("B27")
@pytest.mark.parametrize(("tolerance", "soonest"), [(0, 168), (24, 144), (200, 72)])
def test_signed_spacing_binds(tolerance: int, soonest: int) -> None:
    """Doses are as far apart as the signed plan says, less the protocol's tolerance, and never below its interval."""
    play = before("session.schedule", 2)
    sessions = play.journey.protocol.sessions.model_copy(update={"spacing_tolerance_hours": tolerance})
    play = play.changed(protocol=play.journey.protocol.model_copy(update={"sessions": sessions}))
    exact = last_dose(play) + timedelta(hours=soonest)
    play.refused(
        at(play, exact - timedelta(seconds=1)),
        Role.COORDINATOR,
        code=RefusalCode.OUT_OF_LIMITS,
        field="starts_at",
        says=f"less than {soonest} hours",
    )
    play.do(at(play, exact), Role.COORDINATOR)


@pytest.mark.parametrize(
    ("first", "allowed"), [(timedelta(hours=168), True), (timedelta(hours=167, minutes=59), False)]
)
def test_rolling_window_is_half_open(first: timedelta, allowed: bool) -> None:
    """Two doses in seven days are allowed for PTSD: a third waits until the first is exactly 168 hours ago."""
    play = before("session.schedule", 3).loosely_spaced()
    second = last_dose(play)
    third = second + timedelta(hours=80)
    play = play.redosed(taken_at=third - first)
    body = at(play, third, session=3)
    if allowed:
        play.do(body, Role.COORDINATOR)
    else:
        play.refused(
            body, Role.COORDINATOR, code=RefusalCode.OUT_OF_LIMITS, field="starts_at", says="more than 2 in 7 days"
        )


@pytest.mark.parametrize(("dose_day", "wall_clock_shift"), [("2027-03-12", 1), ("2026-10-30", -1)])
def test_clock_changes_do_not_shift_intervals(dose_day: str, wall_clock_shift: int) -> None:
    """Both clock changes fall between the doses: 72 elapsed hours count, whatever the wall clock shows."""
    home = ZoneInfo("America/Los_Angeles")
    dosed = datetime.fromisoformat(f"{dose_day}T10:00").replace(tzinfo=home).astimezone(UTC)
    play = before("session.schedule", 2).loosely_spaced()
    play = play.redosed(taken_at=dosed).changed(course_started_at=dosed)
    play.at = dosed + timedelta(hours=3)
    exact = dosed + timedelta(hours=72)
    assert exact.astimezone(home).hour == 10 + wall_clock_shift
    early = at(play, exact - timedelta(minutes=1))
    play.refused(early, Role.COORDINATOR, code=RefusalCode.OUT_OF_LIMITS, field="starts_at", says="less than 72 hours")
    scheduled = play.do(at(play, exact), Role.COORDINATOR)[0]
    assert isinstance(scheduled, e.SessionScheduled)
    assert scheduled.local.startswith(exact.astimezone(home).strftime("%Y-%m-%dT%H:%M"))


def test_long_gap_needs_the_evaluation_signed_again() -> None:
    play = before("session.schedule", 2)
    late = last_dose(play) + timedelta(days=30)
    play.refused(
        at(play, late),
        Role.COORDINATOR,
        code=RefusalCode.OUT_OF_LIMITS,
        field="starts_at",
        says="sign the evaluation again",
    )
    correction = c.RecordEvaluation(sections={"overall_needs": "seen again after the gap (invented)"})
    play.do(c.Amend(version=play.version_of("evaluation.recorded"), reason="re-evaluation", correction=correction))
    play.do(c.ConfirmCorrection(correction=next(iter(play.journey.unconfirmed)), reason="x"), Role.MEDICAL_DIRECTOR)
    play.sign(SignOffKind.EVALUATION)
    play.sign(SignOffKind.ELIGIBILITY, choice="at_home")
    play.sign(SignOffKind.PLAN)
    play.do(at(play, late), Role.COORDINATOR)


def test_long_course_needs_a_new_plan() -> None:
    play = before("session.schedule", 2).loosely_spaced()
    long_ago = play.at - timedelta(days=56, minutes=-1)
    play = play.changed(course_started_at=long_ago)
    soon = last_dose(play) + timedelta(hours=72)
    play.refused(
        at(play, soon), Role.COORDINATOR, code=RefusalCode.OUT_OF_LIMITS, field="starts_at", says="sign a new plan"
    )
    play.later(hours=1)
    play.do(revision(play.journey, plan(play.journey.protocol, play.at)))
    play.sign(SignOffKind.PLAN)
    play.do(at(play, soon), Role.COORDINATOR)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"session": 2}, RefusalCode.UNKNOWN, "session"),
        ({"starts_at": timedelta(seconds=-1)}, RefusalCode.WRONG_TIME, "starts_at"),
        ({"starts_at": timedelta(days=57)}, RefusalCode.OUT_OF_LIMITS, "starts_at"),
        ({"live_clinician": None}, RefusalCode.OUT_OF_LIMITS, "live_clinician"),
    ],
)
def test_first_session_is_scheduled_by_the_rules(change: dict[str, Any], code: RefusalCode, field: str) -> None:
    play = before("session.schedule")
    good: dict[str, Any] = {"session": 1, "starts_at": timedelta(days=1), "live_clinician": "demo-clinician"}
    values = good | change
    starts_at = play.at + values.pop("starts_at")
    play.refused(at(play, starts_at, **values), Role.COORDINATOR, code=code, field=field)


def test_session_beyond_the_plan_is_refused() -> None:
    play = before("session.schedule", 2)
    assert play.journey.plan is not None
    shorter = play.changed(plan=play.journey.plan.model_copy(update={"planned_sessions": 1}))
    soon = last_dose(play) + timedelta(days=7)
    shorter.refused(at(play, soon), Role.COORDINATOR, code=RefusalCode.OUT_OF_LIMITS, field="session")


def test_review_of_the_last_session_comes_before_the_next() -> None:
    play = after("session.end", 3)
    assert play.asks_for(SignOffKind.RESPONSE_REVIEW, "session-3")
    more = play.journey.plan
    assert more is not None
    play = play.changed(plan=more.model_copy(update={"planned_sessions": 6}))
    soon = last_dose(play) + timedelta(days=7)
    refused = play.refused(at(play, soon, session=4), Role.COORDINATOR, code=RefusalCode.INCOMPLETE)
    assert "not signed as it now is" in refused.reason or "review" in refused.reason


def test_moved_session_is_due_at_its_new_time_and_starts_afresh() -> None:
    play = after("session.instruct", 1)
    was = play.waits_for("checklist")
    assert was is not None
    later = was.deadline + timedelta(days=2)
    play.do(at(play, later, session=1, live_clinician="demo-clinician"), Role.COORDINATOR)
    now = play.waits_for("checklist")
    instructions = play.waits_for("instructions")
    assert now is not None
    assert instructions is not None
    assert now.deadline == instructions.deadline == later
    assert now.taken == 0
    assert not [body for body in play.wait(days=1.5) if isinstance(body, e.ObligationEscalated) and body.hold]


def test_cancelled_session_is_to_be_scheduled_again() -> None:
    play = before("session.check")
    assert kinds(play.do(c.CancelSession(session=1, reason="a cold"), Role.PATIENT)) == ["session.cancelled"]
    assert play.waits_for("scheduling", "1") is not None
    play.refused(c.CancelSession(session=1, reason="again"), Role.PATIENT, code=RefusalCode.UNKNOWN, field="session")
    running = after("session.dose")
    running.refused(
        c.CancelSession(session=1, reason="too late"), Role.PATIENT, code=RefusalCode.ALREADY_DONE, field="session"
    )


# Before the dose


@pytest.mark.parametrize(
    ("systolic", "diastolic", "heart_rate", "oxygen", "verdict"),
    [
        (120, 80, 72, 98, "go"),
        (140, 90, 100, 95, "go"),
        (90, 50, 50, 95, "go"),
        (141, 80, 72, 98, "recheck"),
        (130, 95, 80, 98, "recheck"),
        (159, 99, 110, 92, "recheck"),
        (130, 80, 101, 98, "recheck"),
        (130, 80, 80, 94, "recheck"),
        (160, 80, 70, 98, "no_go"),
        (130, 100, 70, 98, "no_go"),
        (118, 76, 115, 98, "no_go"),
        (118, 76, 111, 98, "no_go"),
        (118, 76, 49, 98, "no_go"),
        (88, 60, 70, 98, "no_go"),
        (118, 49, 70, 98, "no_go"),
        (118, 76, 70, 91, "no_go"),
        (120, 80, None, None, "go"),
    ],
)
def test_vitals_before_the_dose(
    systolic: int, diastolic: int, heart_rate: int | None, oxygen: int | None, verdict: str
) -> None:
    play = before("session.check")
    measured = c.Vitals(
        systolic=systolic, diastolic=diastolic, heart_rate=heart_rate, oxygen=oxygen, measured_at=play.at
    )
    form = checklist(play.journey, 1, play.at).model_copy(update={"vitals": measured})
    followed = play.do(form, Role.SESSION_MONITOR)
    assert one(followed, e.SessionChecked).verdict == verdict
    assert (play.waits_for("clearance") is not None) is (verdict == "go")
    assert (play.waits_for("checklist") is not None) is (verdict == "recheck")
    assert play.journey.held is (verdict == "no_go")


def test_blood_pressure_cannot_be_left_out() -> None:
    with pytest.raises(ValidationError, match="diastolic"):
        c.Vitals.model_validate({"systolic": 120, "measured_at": "2026-11-24T17:00:00Z"})


@pytest.mark.parametrize(("minutes", "accepted"), [(0, True), (30, True), (30.5, False), (-1, False)])
def test_vitals_are_fresh_when_recorded(minutes: float, accepted: bool) -> None:
    play = before("session.check")
    form = checklist(play.journey, 1, play.at - timedelta(minutes=minutes))
    if accepted:
        play.do(form, Role.SESSION_MONITOR)
    else:
        play.refused(form, Role.SESSION_MONITOR, code=RefusalCode.WRONG_TIME, field="vitals.measured_at")


def test_every_item_of_the_checklist_is_answered() -> None:
    play = before("session.check")
    form = checklist(play.journey, 1, play.at)
    items = {name: done for name, done in form.items.items() if name != "time_out_done"}
    play.refused(
        form.model_copy(update={"items": items}), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="items"
    )
    dosed = after("session.dose")
    dosed.refused(checklist(dosed.journey, 1, dosed.at), Role.SESSION_MONITOR, code=RefusalCode.ALREADY_DONE)


def test_suicide_risk_is_asked_about_before_a_session_that_starts_late() -> None:
    play = before("session.check").later(hours=2)
    play.do(checklist(play.journey, 1, play.at), Role.SESSION_MONITOR)
    assert play.waits_for("suicide_risk", "1") is not None


# The dose


def dose(play: Play, session: int = 1, **changed: Any) -> c.RecordDose:
    good: dict[str, Any] = {
        "session": session,
        "dose_mg": 100.0,
        "route": "sublingual",
        "taken_at": play.at,
        "doses_left": 1,
    }
    return c.RecordDose(**good | changed)


def test_dose_schedules_observations_check_ins_and_the_visit() -> None:
    play = after("session.release")
    dosed, owed = play.do(dose(play), Role.SESSION_MONITOR)
    assert isinstance(dosed, e.DoseRecorded)
    assert isinstance(owed, e.ContactsScheduled)
    assert [(moment - play.at).total_seconds() / 60 for moment in dosed.observe_at] == [15, 40, 120]
    assert {contact.id: (contact.due - play.at).total_seconds() / 3600 for contact in owed.contacts} == {
        "check-in-1-4h": 4,
        "check-in-1-24h": 24,
        "check-in-1-72h": 72,
        "visit-1": 48,
    }
    assert {contact.zone for contact in owed.contacts} == {"America/Los_Angeles"}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"dose_mg": 101.0}, "not the planned dose"),
        ({"route": "oral"}, "not the planned route"),
        ({"doses_left": 0}, "the doses left do not add up"),
    ],
)
def test_dose_other_than_released_is_recorded_as_a_deviation_and_holds_care(changed: dict[str, Any], says: str) -> None:
    play = after("session.release")
    bodies = play.do(dose(play, **changed, deviation="two tablets by mistake"), Role.SESSION_MONITOR)
    assert one(bodies, e.DoseRecorded).deviations == (says,)
    assert one(bodies, e.HoldPlaced).cause == "dose_deviation"
    assert play.journey.sessions[1].running
    assert play.waits_for("observation") is not None


def test_dose_without_release_is_a_deviation() -> None:
    play = before("session.release")
    dosed = one(play.do(dose(play), Role.SESSION_MONITOR), e.DoseRecorded)
    assert (dosed.deviations, dosed.released) == (("the session was not released",), False)
    assert play.journey.held


def test_dose_under_a_hold_is_recorded_as_a_deviation() -> None:
    play = after("session.release")
    play.do(c.PlaceHold(reason="worried"), Role.OBSERVER)
    dosed = one(play.do(dose(play), Role.SESSION_MONITOR), e.DoseRecorded)
    assert dosed.deviations == ("the journey is held", "care was held after the release", "the session was stopped")
    assert play.waits_for("observation", "1-15") is not None


def test_release_does_not_outlive_a_hold_or_its_vitals() -> None:
    play = after("session.release")
    play.do(c.PlaceHold(reason="worried"), Role.OBSERVER)
    play.later(minutes=10)
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    dosed = one(play.do(dose(play), Role.SESSION_MONITOR), e.DoseRecorded)
    assert dosed.deviations == ("care was held after the release", "the session was stopped")
    stale = after("session.release").later(minutes=31)
    dosed = one(stale.do(dose(stale), Role.SESSION_MONITOR), e.DoseRecorded)
    assert dosed.deviations == ("the vitals were too old by then",)
    fresh = after("session.release").later(minutes=30)
    assert one(fresh.do(dose(fresh), Role.SESSION_MONITOR), e.DoseRecorded).released


def test_a_dose_is_not_recorded_before_it_is_taken_nor_twice() -> None:
    play = after("session.release")
    early = dose(play, taken_at=play.at + timedelta(seconds=1))
    play.refused(early, Role.SESSION_MONITOR, code=RefusalCode.WRONG_TIME, field="taken_at")
    play.do(dose(play), Role.SESSION_MONITOR)
    play.refused(dose(play), Role.PATIENT, code=RefusalCode.ALREADY_DONE, field="taken_at")


def test_supply_is_counted_from_dose_to_dose() -> None:
    second = before("session.dose", 2)
    wrong = before("session.dose", 2)
    dosed = one(wrong.do(dose(wrong, 2, doses_left=1), Role.SESSION_MONITOR), e.DoseRecorded)
    assert dosed.deviations == ("the doses left do not add up",)
    assert one(second.do(dose(second, 2, doses_left=0), Role.SESSION_MONITOR), e.DoseRecorded).released


# Observation


@pytest.mark.parametrize(
    ("baseline", "seen", "changed", "alert"),
    [
        ((120, 75), (158, 90), {}, "none"),
        ((120, 75), (159, 99), {}, "none"),
        ((120, 75), (161, 85), {}, "notify"),
        ((120, 75), (160, 85), {}, "notify"),
        ((110, 75), (150, 80), {}, "notify"),
        ((130, 70), (135, 95), {}, "notify"),
        ((140, 90), (150, 100), {}, "notify"),
        ((120, 75), (182, 95), {}, "emergency"),
        ((120, 75), (180, 95), {}, "emergency"),
        ((120, 75), (150, 120), {}, "emergency"),
        ((120, 75), (90, 50), {}, "none"),
        ((120, 75), (89, 60), {}, "notify"),
        ((120, 75), (95, 49), {}, "notify"),
        ((120, 75), (80, 40), {}, "notify"),
        ((120, 75), (79, 60), {}, "emergency"),
        ((120, 75), (90, 39), {}, "emergency"),
        ((120, 75), (68, 38), {}, "emergency"),
        ((130, 80), (130, 80), {"red_flags": ("chest_pain",)}, "emergency"),
        ((130, 80), (130, 80), {"consciousness": "unresponsive"}, "emergency"),
        ((130, 80), (130, 80), {"consciousness": "pain"}, "emergency"),
        ((130, 80), (130, 80), {"consciousness": "voice"}, "none"),
        ((130, 80), (130, 80), {"breathing_normal": False}, "emergency"),
        ((130, 80), (130, 80), {"cadss": (4, 4, 4, 4, 2, 2)}, "notify"),
        ((130, 80), (130, 80), {"cadss": (2, 2, 2, 2, 2, 2)}, "none"),
    ],
)
def test_observations_after_the_dose(
    baseline: tuple[int, int], seen: tuple[int, int], changed: dict[str, Any], alert: str
) -> None:
    play = before("session.check")
    form = checklist(play.journey, 1, play.at).model_copy(update={"vitals": vitals(play.at, *baseline)})
    play.do(form, Role.SESSION_MONITOR)
    play.go_on(lambda journey: journey.sessions[1].dosed_at is not None)
    play.later(minutes=40)
    observed = observation(play.journey, 1, 40, play.at).model_copy(
        update={"vitals": vitals(play.at, *seen), "cadss": None, **changed}
    )
    bodies = play.do(observed, Role.OBSERVER)
    assert one(bodies, e.SessionObserved).alert == alert
    if alert == "emergency":
        hold = one(bodies, e.HoldPlaced)
        assert (hold.cause, hold.severe, hold.source) == ("adverse_event", True, "adverse-event-1")
    else:
        assert [hold.cause for hold in play.journey.holds.values()] == ["session_alert"] * (alert == "notify")
    support = play.waits_for("support")
    assert (support is not None and support.owner == Role.ON_CALL_CLINICIAN) is (alert == "notify")


@pytest.mark.parametrize(
    ("heart_rate", "oxygen", "alert"),
    [
        (120, 98, "none"),
        (121, 98, "notify"),
        (50, 98, "none"),
        (49, 98, "notify"),
        (40, 98, "notify"),
        (39, 98, "emergency"),
        (34, 98, "emergency"),
        (80, 94, "none"),
        (80, 93, "notify"),
        (80, 91, "notify"),
        (80, 90, "notify"),
        (80, 89, "emergency"),
    ],
)
def test_heart_rate_and_oxygen_after_the_dose(heart_rate: int, oxygen: int, alert: str) -> None:
    play = after("session.dose").later(minutes=40)
    measured = vitals(play.at).model_copy(update={"heart_rate": heart_rate, "oxygen": oxygen})
    observed = observation(play.journey, 1, 40, play.at).model_copy(update={"vitals": measured})
    assert one(play.do(observed, Role.SESSION_MONITOR), e.SessionObserved).alert == alert


def test_observation_belongs_to_a_running_session_and_its_past() -> None:
    play = after("session.dose").later(minutes=15)
    seen = observation(play.journey, 1, 15, play.at)
    play.refused(
        seen.model_copy(update={"minute": 16}), Role.SESSION_MONITOR, code=RefusalCode.WRONG_TIME, field="minute"
    )
    play.do(seen, Role.SESSION_MONITOR)
    odd = seen.model_copy(update={"red_flags": ("bad_mood",)})
    kept = one(play.do(odd, Role.SESSION_MONITOR), e.SessionObserved)
    assert (kept.alert, len(kept.not_understood)) == ("emergency", 1)
    not_yet = before("session.dose")
    not_yet.refused(
        observation(not_yet.journey, 1, 0, not_yet.at),
        Role.SESSION_MONITOR,
        code=RefusalCode.WRONG_TIME,
        field="session",
    )


@pytest.mark.parametrize("first", ["emergency", "ordinary"])
def test_observation_of_the_same_minute_is_added_and_the_worst_counts(first: str) -> None:
    play = after("session.dose").later(minutes=40)
    ordinary = observation(play.journey, 1, 40, play.at)
    worse = ordinary.model_copy(update={"consciousness": "unresponsive"})
    for seen in (worse, ordinary) if first == "emergency" else (ordinary, worse):
        play.do(seen, Role.OBSERVER)
    session = play.journey.sessions[1]
    assert sorted(seen.alert for seen in session.observations) == ["emergency", "none"]
    assert session.last_observations == session.observations
    assert play.journey.held


def test_corrected_observation_stays_beside_the_wrong_one() -> None:
    play = after("session.dose").later(minutes=40)
    right = observation(play.journey, 1, 40, play.at)
    play.do(right.model_copy(update={"breathing_normal": False}), Role.OBSERVER)
    play.do(c.Amend(version=play.version_of("session.observed"), reason="wrong box", correction=right))
    assert [seen.breathing_normal for seen in play.journey.sessions[1].observations] == [False, True]
    assert play.journey.held


@pytest.mark.requirement("A29")
def test_late_observation_covers_none_that_was_missed() -> None:
    play = after("session.dose")
    play.later(minutes=120)
    play.do(observation(play.journey, 1, 120, play.at), Role.SESSION_MONITOR)
    assert play.waits_for("observation", "1-15") is not None
    assert play.waits_for("observation", "1-40") is not None
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="session", says="15, 40 min")
    missed = c.MissObservation(session=1, minute=15, reason="the connection was lost")
    play.do(missed, Role.SESSION_MONITOR)
    play.refused(missed, Role.SESSION_MONITOR, code=RefusalCode.ALREADY_DONE)
    play.do(missed.model_copy(update={"minute": 40}), Role.OBSERVER)
    assert dict(play.journey.sessions[1].missed) == {15: missed.reason, 40: missed.reason}
    play.do(ending(play), Role.SESSION_MONITOR)


@pytest.mark.parametrize(
    ("minute", "entered", "changed", "makes"),
    [
        (40, 40, {}, 40),
        (30, 30, {}, 40),
        (50, 50, {}, 40),
        (51, 51, {}, None),
        (29, 29, {}, None),
        (40, 70, {}, 40),
        (40, 71, {}, None),
        (40, 120, {}, None),
        (40, 40, {"vitals": None}, None),
        (15, 15, {"vitals": None}, 15),
    ],
)
@pytest.mark.requirement("A29")
def test_observation_is_made_near_its_minute_in_time_and_with_what_is_measured_then(
    minute: int, entered: int, changed: dict[str, Any], makes: int | None
) -> None:
    play = after("session.dose")
    play.later(minutes=entered)
    then = {"vitals": vitals(play.dosed_at() + timedelta(minutes=minute))}
    seen = observation(play.journey, 1, minute, play.at).model_copy(update={**then, **changed})
    assert one(play.do(seen, Role.OBSERVER), e.SessionObserved).scheduled == makes
    left = play.journey.sessions[1].awaited(play.journey.protocol.sessions.observe_minutes)
    assert makes is None or makes not in left


def test_observation_is_not_missed_before_its_time_nor_where_none_is_scheduled() -> None:
    play = after("session.dose")
    play.later(minutes=50)
    missed = c.MissObservation(session=1, minute=40, reason="why")
    play.refused(missed, Role.OBSERVER, code=RefusalCode.WRONG_TIME, field="minute")
    play.later(seconds=1)
    play.do(missed, Role.OBSERVER)
    play.refused(
        missed.model_copy(update={"minute": 41}), Role.OBSERVER, code=RefusalCode.UNKNOWN, field="minute", says="no obs"
    )


def test_fast_pulse_is_an_emergency() -> None:
    play = after("session.dose")
    play.later(minutes=15)
    seen = observation(play.journey, 1, 15, play.at)
    for rate, alert in ((120, "none"), (121, "notify"), (150, "notify"), (151, "emergency")):
        assert seen.vitals is not None
        faster = seen.model_copy(update={"vitals": seen.vitals.model_copy(update={"heart_rate": rate})})
        assert one(play.do(faster, Role.OBSERVER), e.SessionObserved).alert == alert


def test_missed_observation_climbs_to_emergency_services_and_holds() -> None:
    play = after("session.dose")
    taken = [
        (body.action, body.to, body.alarm)
        for body in play.wait(minutes=45)
        if isinstance(body, e.ObligationEscalated) and body.obligation == "observation:1-15"
    ]
    assert taken == [
        ("ask", Role.SESSION_MONITOR, False),
        ("call_observer", Role.SESSION_MONITOR, True),
        ("page", Role.ON_CALL_CLINICIAN, True),
        ("emergency_services", Role.ON_CALL_CLINICIAN, True),
    ]
    assert play.journey.held
    assert play.waits_for("observation", "1-15") is not None


# The end


def ending(play: Play, **changed: Any) -> c.EndSession:
    criteria = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True)
    return c.EndSession.model_validate({"session": 1, "criteria": criteria, **changed})


def observed_until(minute: int, cadss: tuple[int, ...] | None = (1, 1, 0, 0, 0, 0)) -> Play:
    play = after("session.dose")
    for each in (15, 40, 120):
        if each <= minute:
            play.at = last_dose(play) + timedelta(minutes=each)
            seen = observation(play.journey, 1, each, play.at)
            play.do(seen.model_copy(update={"cadss": cadss if each == minute else None}), Role.SESSION_MONITOR)
    return play


def test_session_ends_when_everything_is_met() -> None:
    play = observed_until(120)
    assert kinds(play.do(ending(play), Role.SESSION_MONITOR)) == ["session.ended"]
    assert play.waits_for("attestation", "1") is not None


def test_minimum_time_is_kept() -> None:
    play = observed_until(40)
    play.later(minutes=79)
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.WRONG_TIME, says="at least 120 minutes")


def test_last_observation_is_needed() -> None:
    play = observed_until(40)
    play.later(minutes=90)
    play.refused(
        ending(play),
        Role.SESSION_MONITOR,
        code=RefusalCode.INCOMPLETE,
        field="session",
        says="observation at 120 minutes",
    )


@pytest.mark.parametrize("criterion", before("session.end").journey.protocol.sessions.release_criteria)
def test_every_criterion_is_met(criterion: str) -> None:
    play = observed_until(120)
    criteria = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True)
    given_no, left_out = criteria | {criterion: False}, {name: True for name in criteria if name != criterion}
    source = play.journey.protocol.sessions.criteria_known_from.get(criterion)
    computed = source is not None and source != "consciousness"
    for given in (given_no,) if computed else (given_no, left_out):
        play.refused(
            ending(play, criteria=given),
            Role.SESSION_MONITOR,
            code=RefusalCode.INCOMPLETE,
            field="criteria",
            says=criterion,
        )


@pytest.mark.requirement("A29")
def test_criteria_that_observations_tell_of_are_computed() -> None:
    play = observed_until(120)
    rules = play.journey.protocol.sessions
    told = [name for name, source in rules.criteria_known_from.items() if source != "consciousness"]
    asked = {name: True for name in rules.release_criteria if name not in told}
    ended = one(play.do(ending(play, criteria=asked), Role.SESSION_MONITOR), e.SessionEnded)
    assert ended.criteria == dict.fromkeys(rules.release_criteria, True)


@pytest.mark.parametrize(("cadss", "leaves"), [((1, 1, 0, 0, 0, 0), True), ((2, 1, 0, 0, 0, 0), False), (None, False)])
def test_dissociation_is_rated_and_over(cadss: tuple[int, ...] | None, leaves: bool) -> None:
    play = observed_until(120, cadss)
    if leaves:
        play.do(ending(play), Role.SESSION_MONITOR)
    else:
        play.refused(
            ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="dissociation"
        )


CONTRADICTED: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "unresponsive": ({"consciousness": "unresponsive"}, "consciousness", "not alert at 120 minutes"),
    "rousable": ({"consciousness": "voice"}, "consciousness", "not alert at 120 minutes"),
    "breathing": ({"breathing_normal": False}, None, "breathing not normal at 120 minutes"),
    "red flag": ({"red_flags": ("chest_pain",)}, None, "a red flag at 120 minutes"),
    "vomiting": ({"vomiting": True}, "vomiting", "vomiting at 120 minutes"),
    "pressure": ({"vitals": (141, 76)}, "vitals", "vital signs at 120 minutes"),
    "low pressure": ({"vitals": (85, 55)}, "vitals", "vital signs at 120 minutes"),
    "no pressure": ({"vitals": None}, "vitals", "no vital signs from 120 minutes on"),
}


@pytest.mark.parametrize("case", CONTRADICTED)
@pytest.mark.parametrize("seen_again", [False, True])
def test_no_session_ends_over_what_was_observed_last(case: str, *, seen_again: bool) -> None:
    changed, _, says = CONTRADICTED[case]
    play = observed_until(40)
    last_seen(play, changed)
    if seen_again:  # In the same minute: the worse one counts.
        play.do(observation(play.journey, 1, 120, play.at), Role.OBSERVER)
    if not seen_again or changed.get("vitals", True) is not None:
        play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says=says)
    play.later(minutes=30)
    again = observation(play.journey, 1, 150, play.at)
    then = vitals(play.dosed_at() + timedelta(minutes=150))
    play.do(again.model_copy(update={"vitals": then}), Role.SESSION_MONITOR)
    play.do(ending(play), Role.SESSION_MONITOR)


@pytest.mark.parametrize("case", [case for case, (_, criterion, _) in CONTRADICTED.items() if criterion])
def test_no_clinician_decides_on_criteria_that_contradict_what_was_observed(case: str) -> None:
    changed, source, says = CONTRADICTED[case]
    play = observed_until(40)
    last_seen(play, changed)
    play.at = last_dose(play) + timedelta(minutes=240)
    if case == "vomiting":  # Long over by then.
        play.do(observation(play.journey, 1, 240, play.at).model_copy(update=changed), Role.SESSION_MONITOR)
        says = says.replace("120", "240")
    decided = ending(play, clinician_decision="goes to the hospital")
    play.refused(decided, code=RefusalCode.INCOMPLETE, field="criteria", says=says)
    known = play.journey.protocol.sessions.criteria_known_from
    no = {name: False for name in decided.criteria if known.get(name) == source}
    play.do(decided.model_copy(update={"criteria": {**decided.criteria, **no}}))


@pytest.mark.parametrize("minutes", [11, 100, -11, -100])
def test_vital_signs_of_another_time_are_no_measurement_that_is_due(minutes: int) -> None:
    """A reading of an hour ago was told of minute 40, where blood pressure is asked for."""
    play = observed_until(15)
    due = next(minute for minute in play.journey.protocol.sessions.vitals_minutes if minute >= 40)
    play.at = last_dose(play) + timedelta(minutes=due)
    measured = play.at - timedelta(minutes=minutes)
    play.at = max(play.at, measured)
    seen = observation(play.journey, 1, due, play.at).model_copy(update={"vitals": vitals(measured)})
    recorded = one(play.do(seen, Role.SESSION_MONITOR), e.SessionObserved)
    assert recorded.scheduled is None
    assert due in play.journey.sessions[1].awaited(play.journey.protocol.sessions.observe_minutes)
    high = seen.model_copy(update={"vitals": vitals(measured, 215, 135)})
    assert one(play.do(high, Role.SESSION_MONITOR), e.SessionObserved).alert == "emergency", "it is judged all the same"


def last_seen(play: Play, changed: dict[str, Any]) -> None:
    play.at = last_dose(play) + timedelta(minutes=120)
    measured = changed.get("vitals")
    if measured is not None:
        changed = {"vitals": vitals(play.at, *measured)}
    play.do(observation(play.journey, 1, 120, play.at).model_copy(update=changed), Role.SESSION_MONITOR)
    left_out(play)


def left_out(play: Play) -> None:
    """Whatever is left is recorded as missed."""
    for minute in play.journey.sessions[1].awaited(play.journey.protocol.sessions.observe_minutes):
        play.later(minutes=max(0.0, minute + 10.1 - (play.at - last_dose(play)).total_seconds() / 60))
        play.do(c.MissObservation(session=1, minute=minute, reason="left out"), Role.SESSION_MONITOR)


@pytest.mark.parametrize(("diastolic", "ends"), [(90, True), (91, False)])
def test_blood_pressure_at_the_end_is_near_the_one_before(diastolic: int, *, ends: bool) -> None:
    play = observed_until(40)
    last_seen(play, {"vitals": (140, diastolic)})
    if ends:
        play.do(ending(play), Role.SESSION_MONITOR)
    else:
        play.refused(
            ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="vital signs"
        )


@pytest.mark.parametrize(("systolic", "ends"), [(154, True), (155, False)])
def test_blood_pressure_that_was_high_before_may_stay_so(systolic: int, *, ends: bool) -> None:
    play = before("session.check")
    form = checklist(play.journey, 1, play.at).model_copy(update={"vitals": vitals(play.at, 140, 90)})
    play.do(form, Role.SESSION_MONITOR)
    play.go_on(lambda journey: journey.sessions[1].dosed_at is not None)
    last_seen(play, {"vitals": (systolic, 90)})
    if ends:
        play.do(ending(play), Role.SESSION_MONITOR)
    else:
        play.refused(
            ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="vital signs"
        )


def test_worse_rating_of_the_last_minute_counts() -> None:
    play = observed_until(120, (2, 1, 0, 0, 0, 0))
    play.do(observation(play.journey, 1, 120, play.at), Role.OBSERVER)
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="dissociation")


def test_after_the_longest_observation_a_clinician_decides() -> None:
    play = observed_until(120, (2, 1, 0, 0, 0, 0))
    unmet = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True) | {"dissociation_settled": False}
    decided = ending(play, criteria=unmet, clinician_decision="stays with the observer, seen by video")
    play.refused(decided, code=RefusalCode.INCOMPLETE, field="criteria")
    play.at = last_dose(play) + timedelta(minutes=240)
    play.refused(ending(play), code=RefusalCode.INCOMPLETE, field="criteria")
    play.refused(decided, Role.SESSION_MONITOR, code=RefusalCode.NOT_ALLOWED, field="clinician_decision")
    assert kinds(play.do(decided)) == ["session.end-proposed"]
    assert play.journey.sessions[1].running, "nobody has signed it"
    assert play.waits_for("session_end") is not None
    play.sign(SignOffKind.END_DECISION, "1")
    assert play.journey.sessions[1].ended_at == play.at


def test_what_is_seen_after_a_decision_to_end_takes_a_new_decision() -> None:
    play = observed_until(120, (2, 1, 0, 0, 0, 0))
    play.at = last_dose(play) + timedelta(minutes=240)
    unmet = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True) | {"dissociation_settled": False}
    decided = ending(play, criteria=unmet, clinician_decision="stays with the observer, seen by video")
    play.do(decided)
    asked = play.signature(SignOffKind.END_DECISION, "1")
    worse = observation(play.journey, 1, 240, play.at).model_copy(update={"consciousness": "unresponsive"})
    play.do(worse, Role.OBSERVER)
    play.refused(asked, code=RefusalCode.UNKNOWN, field="request")
    assert play.journey.sessions[1].running
    known = play.journey.protocol.sessions.criteria_known_from
    unmet |= {name: False for name in unmet if known.get(name) == "consciousness"}
    play.do(ending(play, criteria=unmet, clinician_decision="goes to the hospital"))
    play.sign(SignOffKind.END_DECISION, "1", decision="decline", rationale="stay with them until they are there")
    assert play.journey.sessions[1].running


def end_to_sign(*, missed: bool = False) -> Play:
    """A session whose end a clinician decided and nobody has signed; where so said, its last observation was missed."""
    play = observed_until(40 if missed else 120, (2, 1, 0, 0, 0, 0))
    play.at = last_dose(play) + timedelta(minutes=240)
    if missed:
        play.do(c.MissObservation(session=1, minute=120, reason="x"))
    known = play.journey.protocol.sessions.criteria_known_from
    criteria = {name: name not in known for name in play.journey.protocol.sessions.release_criteria}
    play.do(ending(play, criteria=criteria, clinician_decision="stays with the observer, seen by video"))
    return play


def put_in_error(play: Play, kind: str) -> None:
    play.do(c.MarkInError(version=play.version_of(kind), reason="x"))
    for correction in play.journey.unconfirmed:
        play.do(c.ConfirmCorrection(correction=correction, reason="x"), Role.MEDICAL_DIRECTOR)


@pytest.mark.parametrize("kind", ["session.observation-missed", "session.observed", "session.dosed"])
def test_a_decision_to_end_falls_with_what_it_rests_on(kind: str) -> None:
    play = end_to_sign(missed=kind == "session.observation-missed")
    asked = play.signature(SignOffKind.END_DECISION, "1")
    put_in_error(play, kind)
    if kind == "session.dosed":
        play.do(dose(play), Role.OBSERVER)
    play.refused(asked, code=RefusalCode.UNKNOWN, field="request")
    assert not play.asks_for(SignOffKind.END_DECISION, "1")
    assert play.journey.sessions[1].running
    if kind != "session.observed":
        early = "at least" if kind == "session.dosed" else "at 120 minutes"
        code = RefusalCode.WRONG_TIME if kind == "session.dosed" else RefusalCode.INCOMPLETE
        play.refused(ending(play), code=code, field=None if kind == "session.dosed" else "session", says=early)


def test_a_dose_that_is_corrected_to_later_takes_a_new_decision_to_end() -> None:
    play = end_to_sign()
    asked = play.signature(SignOffKind.END_DECISION, "1")
    later = dose(play, taken_at=play.at - timedelta(minutes=5), session=1, deviation="x")
    play.do(c.Amend(version=play.version_of("session.dosed"), reason="x", correction=later))
    for correction in play.journey.unconfirmed:
        play.do(c.ConfirmCorrection(correction=correction, reason="x"), Role.MEDICAL_DIRECTOR)
    play.refused(asked, code=RefusalCode.UNKNOWN, field="request")
    assert play.journey.sessions[1].running


def test_what_was_seen_before_a_dose_told_anew_makes_no_observation_after_it() -> None:
    play = observed_until(120)
    put_in_error(play, "session.dosed")
    play.do(dose(play, taken_at=play.at - timedelta(minutes=2)), Role.OBSERVER)
    session = play.journey.sessions[1]
    assert [seen.minute for seen in session.observations] == [-103, -78, 2]
    assert session.awaited(play.journey.protocol.sessions.observe_minutes) == (15, 40, 120)


def test_an_end_that_all_that_is_observed_agrees_with_takes_no_signature() -> None:
    play = before("session.end")
    assert one(play.do(ending(play, clinician_decision="well")), e.SessionEnded).clinician_decision == "well"


def test_a_session_ends_once_and_what_was_seen_can_be_told_after_it() -> None:
    play = after("session.end")
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.ALREADY_DONE, field="session")
    told = observation(play.journey, 1, 110, play.at).model_copy(update={"red_flags": ("seizure",)})
    followed = play.do(told, Role.OBSERVER)
    assert one(followed, e.SessionObserved).alert == "emergency"
    assert play.journey.held


def test_without_a_dose_there_is_no_minute_to_observe() -> None:
    play = before("session.dose")
    seen = observation(play.journey, 1, 0, play.at)
    play.refused(seen, Role.OBSERVER, code=RefusalCode.WRONG_TIME, field="session", says="no dose")


def test_saying_why_nobody_looked_stops_no_ladder() -> None:
    play = after("session.dose")
    play.wait(minutes=26)
    play.do(c.MissObservation(session=1, minute=15, reason="the observer slept (invented)"), Role.SESSION_MONITOR)
    taken = [body.action for body in play.wait(minutes=20) if isinstance(body, e.ObligationEscalated)]
    assert "emergency_services" in taken
    play.do(observation(play.journey, 1, 46, play.at), Role.SESSION_MONITOR)
    assert play.waits_for("observation", "1-15") is None


# Reviews


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
