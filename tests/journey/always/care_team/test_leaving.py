"""Whoever leaves a session is seen when they do: by their entry in the register, their role or their licence."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from itertools import product

import pytest

from simulation.people import checklist
from tests.journey.elsewhere import dose, merged, told
from tests.journey.play import START, Play, after, awaits, before, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, CareTeamMember, Role

PEOPLE_THERE = {
    "supervising clinician": "super",
    "session monitor": "moni",
    "live clinician": "live",
    "reachable clinician": "reach",
}


@cache
def _checked() -> Play:
    play = before("session.schedule")
    [form] = [move[1].body for move in after("session.schedule").moves]
    assert isinstance(form, c.ScheduleSession)
    named = {"supervising_clinician": "super", "session_monitor": "moni", "live_clinician": "live"}
    play.do(form.model_copy(update=named), Role.COORDINATOR)
    play.go_on(lambda journey: not awaits("checklist")(journey) or play.at >= form.starts_at)
    play.wait(seconds=max(0.0, (form.starts_at - play.at).total_seconds()))
    made = checklist(play.journey, 1, play.at).model_copy(update={"reachable_clinician": "reach"})
    play.do(made, Role.SESSION_MONITOR)
    return play


def entered(play: Play, who: str) -> CareTeamMember:
    [member] = [each for each in play.journey.members if each.id == who]
    return member


def lapsed(member: CareTeamMember, _: Play) -> CareTeamMember:
    assert member.licence is not None
    return member.model_copy(update={"licence": member.licence.model_copy(update={"expires": date(2026, 1, 1)})})


LEFT: dict[str, Callable[[CareTeamMember, Play], CareTeamMember]] = {
    "the entry ends": lambda member, play: member.model_copy(update={"until": play.at}),
    "another role": lambda member, _: member.model_copy(update={"role": Role.THERAPIST}),
    "another clinic": lambda member, _: member.model_copy(update={"clinics": ("another-clinic",)}),
    "the licence ends": lapsed,
}


@pytest.mark.requirement("B22")
@pytest.mark.parametrize(
    ("part", "how"),
    [
        (part, how)
        for part, how in product(PEOPLE_THERE, LEFT)
        if (part, how) != ("session monitor", "the licence ends")  # They need none.
    ],
)
def test_whoever_leaves_a_session_is_replaced_at_once(part: str, how: str) -> None:
    """It was seen at the release, with the patient waiting."""
    play = _checked().branch()
    play.do(c.TakeInStaff(members=(LEFT[how](entered(play, PEOPLE_THERE[part]), play),)), CLOCK)
    waiting = play.waits_for("scheduling", "1")
    assert waiting is not None
    assert waiting.owner == Role.COORDINATOR
    assert part in waiting.what
    if part == "reachable clinician":
        made = checklist(play.journey, 1, play.at).model_copy(update={"reachable_clinician": "colleague"})
        play.do(made, Role.SESSION_MONITOR)
        assert play.waits_for("scheduling", "1") is None


def test_an_entry_that_ends_later_is_seen_by_the_clock() -> None:
    play = _checked().branch()
    ends = play.at + timedelta(minutes=3)
    leaves = entered(play, "reach").model_copy(update={"until": ends})
    play.do(c.TakeInStaff(members=(leaves,)), CLOCK)
    assert play.waits_for("scheduling", "1") is None
    play.wait(minutes=3)
    assert play.waits_for("scheduling", "1") is not None


def test_whoever_leaves_between_release_and_dose_stops_the_session() -> None:
    play = after("session.release")
    [session] = play.journey.sessions.values()
    play.do(c.TakeInStaff(members=tuple(
        member.model_copy(update={"until": play.at}) for member in play.journey.members
        if session.check and member.id == session.check.reachable_clinician
    )), CLOCK)  # fmt: skip
    assert one([event.body for event in play.events], e.SessionStopped).session == 1
    assert play.journey.held


@cache
def _running() -> Play:
    """A session in which the part of each member of staff is somebody else's."""
    play, signed = _checked().branch(), lambda journey: awaits("release")(journey)
    play.go_on(signed)
    play.do(c.ReleaseSession(session=1), Role.SESSION_MONITOR)
    plan = play.journey.plan
    assert plan is not None
    taken = {"dose_mg": plan.dose_mg, "route": plan.route, "taken_at": play.at, "doses_left": 1}
    play.do(c.RecordDose.model_validate({"session": 1, **taken}), Role.SESSION_MONITOR)
    assert play.journey.sessions[1].running
    return play


@pytest.mark.requirement("B22")
@pytest.mark.parametrize(
    ("part", "how"),
    [
        (part, how)
        for part, how in product(PEOPLE_THERE, LEFT)
        if (part, how) != ("session monitor", "the licence ends")
    ],
)
def test_whoever_is_lost_to_a_session_that_runs_is_asked_for_at_once(part: str, how: str) -> None:
    """The clinician who could be reached was gone, and nobody knew before they were called."""
    play = _running().branch()
    play.do(c.TakeInStaff(members=(LEFT[how](entered(play, PEOPLE_THERE[part]), play),)), CLOCK)
    waiting = play.waits_for("support")
    assert waiting is not None
    assert (waiting.owner, waiting.escalation_policy) == (Role.ON_CALL_CLINICIAN, "urgent")
    [asked] = play.journey.support.values()
    assert part in asked.text
    paged = [body for body in play.wait(minutes=1) if isinstance(body, e.ObligationEscalated)]
    assert [body.to for body in paged if body.obligation == waiting.id] == [Role.ON_CALL_CLINICIAN, Role.CLINICIAN]


def test_whoever_is_lost_is_asked_for_once_and_anew_when_they_leave_again() -> None:
    play = _running().branch()
    here = entered(play, "reach")
    gone = here.model_copy(update={"until": play.at})
    for times in (1, 2):
        play.do(c.TakeInStaff(members=(gone,)), CLOCK)
        told(play, doses=[dose(START - timedelta(days=300 + times))])
        assert len(play.journey.support) == times
        play.do(c.AnswerSupport(support=f"support-{times}", text="colleague can be reached"), Role.ON_CALL_CLINICIAN)
        told(play)
        assert play.waits_for("support") is None
        play.do(c.TakeInStaff(members=(here,)), CLOCK)
    assert len(play.journey.support) == 2


def test_who_had_left_before_a_dose_that_was_taken_all_the_same_is_asked_for() -> None:
    play = after("session.release")
    check = play.journey.sessions[1].check
    assert check is not None
    gone = (m.model_copy(update={"until": play.at}) for m in play.journey.members if m.id == check.reachable_clinician)
    play.do(c.TakeInStaff(members=tuple(gone)), CLOCK)
    taken = c.RecordDose(session=1, dose_mg=100, route="sublingual", taken_at=play.at, doses_left=1, deviation="x")
    play.do(taken, Role.SESSION_MONITOR)
    assert any("reachable clinician" in asked.text for asked in play.journey.support.values())


@pytest.mark.parametrize("known_by", ["own events", "another journey's"])
def test_an_observer_who_turns_out_to_be_the_patient_leaves_them_alone(known_by: str) -> None:
    play = _running().branch()
    check = play.journey.sessions[1].check
    assert check is not None
    assert check.observer is not None
    if known_by == "own events":
        merged(play, check.observer.ref)
    else:
        told(play, also_known_as=[check.observer.ref])
    assert [asked.text for asked in play.journey.support.values() if "observer" in asked.text]


def test_who_left_and_turns_out_to_be_the_patient_is_asked_for_anew() -> None:
    """They were back when it came out. The same had been asked and answered, so that nobody was asked."""
    play = _running().branch()
    here = entered(play, "moni")
    play.do(c.TakeInStaff(members=(here.model_copy(update={"until": play.at}),)), CLOCK)
    play.do(c.AnswerSupport(support="support-1", text="a colleague took over"), Role.ON_CALL_CLINICIAN)
    play.do(c.TakeInStaff(members=(here,)), CLOCK)
    for times in (2, 3):
        merged(play, "moni")
        [asked] = [each for each in play.journey.support.values() if each.open]
        assert "session monitor" in asked.text
        told(play, doses=[dose(START - timedelta(days=300 + times))])
        assert len(play.journey.support) == times, "once for each time that it comes out"
        play.do(c.AnswerSupport(support=asked.id, text="a colleague took over"), Role.ON_CALL_CLINICIAN)
        play.do(c.ProposeUnmerge(merge=f"merge-{times - 1}", reason="x"), Role.COORDINATOR)
        play.sign(SignOffKind.PATIENT_UNMERGE, f"merge-{times - 1}")
