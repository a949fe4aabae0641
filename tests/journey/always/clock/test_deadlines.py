"""Deadlines in working time and in elapsed time: their steps, their pauses, and holidays that nobody listed yet."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from tests.journey.clinic_times import at
from tests.journey.play import Play, after, before, one, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.protocol import EscalationPolicy, Protocol, SignOffKind
from workflows.journey.views.notices import notices
from workflows.journey.views.summary import describe_wait
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.calendars import add_working_time, working_time_between
from workflows.journey.vocabulary.refusals import Refusal

# START is Monday 23 November 2026, 09:00 in Los Angeles; Thursday the 26th is a holiday.
LA = "America/Los_Angeles"


def times(*moments: str) -> tuple[datetime, ...]:
    return tuple(at(moment, LA).astimezone(UTC) for moment in moments)


def test_two_business_days_and_their_steps() -> None:
    play = before("signoff.sign", 2)
    request = play.request(SignOffKind.ELIGIBILITY)
    assert (request.since, *request.steps) == times(
        "2026-11-23T09:00", "2026-11-23T17:00", "2026-11-24T13:48", "2026-11-24T17:00", "2026-11-25T17:00"
    )
    assert request.due == request.steps[2]


def test_business_days_leave_out_the_holiday_and_the_weekend() -> None:
    play = before("plan.record").later(days=2, hours=4)
    play.do(next(move[1].body for move in after("plan.record").moves))
    plan = play.request(SignOffKind.PLAN)
    # Three days from Wednesday 13:00: half of Wednesday, Friday, Monday, Tuesday until 13:00. Another day and a half
    # are over when the clinic closes on Wednesday.
    assert plan.since == times("2026-11-25T13:00")[0]
    assert plan.steps == times("2026-11-27T17:00", "2026-11-30T16:12", "2026-12-01T13:00", "2026-12-02T17:00")


def test_a_task_and_the_signature_under_it_have_clocks_of_their_own() -> None:
    play = before("signoff.sign", 1)
    request = play.request(SignOffKind.EVALUATION)
    assert request.escalation_policy == "sign_in_2_days"
    assert request.due == times("2026-11-24T17:00")[0]


@pytest.mark.parametrize(("grade", "minutes"), [(2, 24 * 60), (3, 4 * 60), (4, 4 * 60)])
def test_adverse_events_do_not_wait_for_opening_hours(grade: int, minutes: int) -> None:
    play = before("signoff.sign", 2).later(days=5, hours=3)
    play.do(c.ReportAdverseEvent(what="invented", grade=grade, serious=False, onset=play.at))
    review = next(w for w in play.journey.waiting.values() if w.kind in ("adverse_event", "serious_adverse_event"))
    assert review.due == play.at + timedelta(minutes=minutes)
    release = next(w for w in play.journey.waiting.values() if w.kind.endswith("hold_release"))
    assert release.due == times("2026-11-30T17:00")[0]


@pytest.mark.long
def test_a_thousand_redeliveries_give_one_event_and_one_notice_per_step() -> None:
    play = before("signoff.sign", 2)
    request = play.request(SignOffKind.ELIGIBILITY)
    escalated: list[e.Event] = []
    for number, moment in enumerate(request.steps):
        play.at = moment - timedelta(microseconds=1)
        assert not [body for body in play.clock() if isinstance(body, e.ObligationEscalated)]
        play.at = moment
        timer = play.command(c.PassDeadline(), CLOCK)
        for delivery in range(1000):
            play.at += timedelta(seconds=delivery % 2)
            decided = play.take(timer if delivery % 3 else play.command(c.PassDeadline(), CLOCK))
            assert not isinstance(decided, Refusal)
            escalated += [event for event in decided if isinstance(event.body, e.ObligationEscalated)]
        assert play.journey.waiting[request.id].taken == number + 1
    bodies = [event.body for event in escalated if isinstance(event.body, e.ObligationEscalated)]
    assert [(body.obligation, body.step, body.action.value, body.to.value) for body in bodies] == [
        (request.id, 0, "remind", "clinician"),
        (request.id, 1, "remind", "clinician"),
        (request.id, 2, "reassign", "coordinator"),
        (request.id, 3, "escalate", "medical_director"),
    ]
    assert [len(notices(event)) for event in escalated] == [1, 1, 1, 1]
    assert play.request(SignOffKind.ELIGIBILITY) == request.model_copy(update={"taken": 4})
    assert not any(signed.kind == SignOffKind.ELIGIBILITY for signed in play.journey.sign_offs)
    assert play.wait(days=365) == []


# Paused clocks
def hold(play: Play) -> None:
    play.do(c.PlaceHold(reason="invented"), Role.COORDINATOR)


def release(play: Play) -> None:
    held = next(hold.id for hold in play.journey.holds.values() if not hold.released)
    play.sign(SignOffKind.HOLD_RELEASE, held)


def last_update(play: Play) -> e.ObligationsUpdated:
    return [event.body for event in play.events if isinstance(event.body, e.ObligationsUpdated)][-1]


def test_a_hold_pauses_the_clock_by_name_and_its_release_lets_it_go_on() -> None:
    play = before("signoff.sign", 2)
    request = play.request(SignOffKind.ELIGIBILITY)
    play.wait(hours=10)
    hold(play)
    [closed] = last_update(play).closed
    assert (closed.id, closed.because, closed.reason) == (request.id, "held", "paused by hold 1 (placed by hand)")
    assert play.waits_for("eligibility") is None
    # Held from Monday evening, with a working day left, until Wednesday 11:00: due on Friday, Thursday is a holiday.
    play.wait(days=1, hours=16)
    release(play)
    again = play.request(SignOffKind.ELIGIBILITY)
    assert (again.id, again.since, again.taken) == (request.id, request.since, 1)
    assert again.steps == (
        request.steps[0],
        *times("2026-11-25T15:48", "2026-11-27T11:00", "2026-11-30T11:00"),
    )
    assert again.due == again.steps[2]
    assert play.journey.paused == {}
    assert one([b for b in play.wait(hours=5) if isinstance(b, e.ObligationEscalated)], e.ObligationEscalated).step == 1


def test_a_clock_stands_still_until_the_last_hold_is_released() -> None:
    play = before("signoff.sign", 2)
    due = play.request(SignOffKind.ELIGIBILITY).deadline
    hold(play)
    play.wait(hours=1)
    hold(play)
    assert last_update(play).closed == ()
    play.wait(hours=1)
    release(play)
    assert play.waits_for("eligibility") is None
    play.wait(hours=1)
    release(play)
    again = play.request(SignOffKind.ELIGIBILITY)
    left = play.journey.protocol.working_time
    assert working_time_between(play.at, again.deadline, left) == timedelta(hours=16)
    assert again.deadline == add_working_time(due, timedelta(hours=3), left)


def test_elapsed_clocks_are_paused_too_and_appointments_are_not() -> None:
    play = after("session.schedule")
    [told] = [w for w in play.journey.waiting.values() if w.kind == "instructions"]
    hold(play)
    assert {closed.because for closed in last_update(play).closed} == {"held"}
    play.wait(hours=2)
    release(play)
    assert play.journey.waiting[told.id] == told
    play = before("plan.record")
    owed = play.waits_for("planning")
    assert owed is not None
    play.wait(hours=40)
    hold(play)
    play.wait(days=30)
    release(play)
    again = play.waits_for("planning")
    assert again is not None
    assert again.deadline == owed.deadline + timedelta(days=30)
    assert again.taken == 1


def test_only_what_is_still_awaited_is_paused() -> None:
    play = before("plan.record")
    hold(play)
    assert {kept.obligation.kind for kept in play.journey.paused.values()} == {"planning", "education"}
    assert all(kept.at == play.at for kept in play.journey.paused.values())
    # What ends a wait may hold care as well: that wait is done, not paused.
    play = before("session.dose")
    dose = next(move[1].body for move in after("session.dose").moves).model_dump()
    play.do(c.RecordDose.model_validate(dose | {"deviation": "invented"}), Role.SESSION_MONITOR)
    assert play.journey.held
    assert {closed.id: closed.because for closed in last_update(play).closed}["dose:1"] == "done"
    assert "dose:1" not in play.journey.paused


def test_working_time_is_refused_with_quiet_hours_and_where_it_would_not_end() -> None:
    step = {"percent": 100, "action": "escalate", "to": "medical_director"}
    with pytest.raises(ValidationError, match="patient's"):
        EscalationPolicy.model_validate({"due_minutes": 1, "steps": [step], "clock": "working", "quiet_hours": True})
    protocol = started().journey.protocol.model_dump(mode="json")
    protocol["working_time"]["hours"] = ["09:00", "09:01"]
    with pytest.raises(ValidationError, match=r"more than a year of the clinic's working time: .*sign_in_1_day"):
        Protocol.model_validate(protocol)


# Holidays that run out. Those of the shipped protocols are known until 31 December 2027.


@pytest.mark.parametrize(
    ("start", "beyond"),
    [
        ("2027-12-20T09:00", False),
        ("2027-12-30T09:00", True),
        ("2028-02-29T09:00", True),
    ],
)
def test_a_deadline_over_unknown_holidays_says_so(start: str, beyond: bool) -> None:
    play = started(at=at(start, LA)).go_on(lambda journey: any(w.sign_off for w in journey.waiting.values()))
    request = play.request(SignOffKind.EVALUATION)
    said = "its list ends there" in describe_wait(request, play.journey)
    assert said == beyond
    assert said == any(step > at("2028-01-01T00:00", LA) for step in request.steps)
    policies = play.journey.protocol.escalation_policies
    others = [w for w in play.journey.waiting.values() if policies[w.escalation_policy].clock == "elapsed"]
    assert not any("its list ends there" in describe_wait(waiting, play.journey) for waiting in others)
