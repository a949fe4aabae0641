"""When sessions may be: intervals between doses, gaps, courses, what is moved or cancelled."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from simulation.people import plan, revision
from tests.journey.play import Play, after, before, kinds
from tests.journey.stages.sessions.helpers import at, last_dose
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.stages.sessions.dose_gate import interval_obstacles
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode


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


def evaluate_again(play: Play) -> None:
    correction = c.RecordEvaluation(sections={"overall_needs": "seen again after so long (invented)"})
    play.do(c.Amend(version=play.version_of("evaluation.recorded"), reason="re-evaluation", correction=correction))
    play.do(c.ConfirmCorrection(correction=next(iter(play.journey.unconfirmed)), reason="x"), Role.MEDICAL_DIRECTOR)
    play.sign(SignOffKind.EVALUATION)
    play.sign(SignOffKind.ELIGIBILITY, choice="at_home")


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
    play.later(days=10)
    evaluate_again(play)
    play.sign(SignOffKind.PLAN)
    play.do(at(play, late), Role.COORDINATOR)


def test_an_evaluation_signed_soon_after_a_dose_carries_none_after_a_long_gap() -> None:
    play = before("session.schedule", 2)
    correction = c.RecordEvaluation(sections={"overall_needs": "a word was wrong (invented)"})
    play.do(c.Amend(version=play.version_of("evaluation.recorded"), reason="x", correction=correction))
    play.do(c.ConfirmCorrection(correction=next(iter(play.journey.unconfirmed)), reason="x"), Role.MEDICAL_DIRECTOR)
    play.sign(SignOffKind.EVALUATION)
    signed, gap = play.at, timedelta(days=play.journey.protocol.sessions.max_gap_days)
    assert last_dose(play) < signed
    assert not interval_obstacles(play.journey, signed + gap)
    [found] = interval_obstacles(play.journey, signed + gap + timedelta(minutes=1))
    assert "sign the evaluation again" in found


def test_long_course_needs_a_new_evaluation_and_a_new_plan_on_it() -> None:
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
    code = RefusalCode.OUT_OF_LIMITS
    play.refused(at(play, soon), Role.COORDINATOR, code=code, field="starts_at", says="sign the evaluation again")
    evaluate_again(play)
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


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland", "Asia/Kathmandu"])
@pytest.mark.parametrize("moment", [("session.observe", 2), ("session.end", 1)])
def test_a_move_in_a_running_session_moves_no_time_of_its_watch(zone: str, moment: tuple[str, int]) -> None:
    play = before(*moment)
    watch = ("observation", "session_end", "check_in", "visit", "follow_up_visit")
    watched = {w.key: (w.due, w.steps, w.taken) for w in play.journey.waiting.values() if w.kind in watch}
    assert watched
    contacts = play.journey.contacts
    play.do(c.Move(zone=zone, state="NY"), Role.COORDINATOR)
    now = {w.key: (w.due, w.steps, w.taken) for w in play.journey.waiting.values()}
    assert {key: now.get(key) for key in watched} == watched
    assert {name: (each.due, each.opens, each.closes) for name, each in play.journey.contacts.items()} == {
        name: (each.due, each.opens, each.closes) for name, each in contacts.items()
    }
    play.go_on(lambda journey: not journey.sessions[1].running)
