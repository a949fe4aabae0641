"""Who is told of what, and that nobody is asked twice for the same signature."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from tests.journey.contacts import handover
from tests.journey.play import Play, after, before, course, standing_at, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.follow_up.model import VISITS
from workflows.journey.views.appointments import appointments
from workflows.journey.views.notices import Notice, is_open, notices
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Stage


def told(events: Sequence[e.Event], since: int) -> list[Notice]:
    return [notice for event in events if event.version > since for notice in notices(event)]


def test_a_request_is_told_once_and_not_again_after_a_hold() -> None:
    play = started("PTSD").go_on(lambda journey: any(o.sign_off for o in journey.waiting.values()))
    asked = [n for n in told(play.events, 0) if n.kind == "sign_off_requested"]
    assert [(n.to, n.alarm) for n in asked] == [(Role.CLINICIAN, False)]
    version = play.journey.version
    play.later(hours=1).do(c.PlaceHold(reason="a neighbour called"), Role.PATIENT)
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    assert play.request(SignOffKind.EVALUATION) is not None
    later = [n.about or "" for n in told(play.events, version) if n.kind == "sign_off_requested"]
    assert [about.partition(":")[0] for about in later] == ["hold_release"]


def test_high_suicide_risk_reaches_patient_and_on_call_at_once_and_says_nothing_else() -> None:
    play = after("session.end")
    version = play.journey.version
    high = {"q1": True, "q2": True, "q3": True, "q4": True, "q5": False, "q6": False, "q6_recent": None}
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=high), Role.CLINICIAN)
    alarms = [(n.kind, n.to) for n in told(play.events, version) if n.alarm]
    assert ("crisis_contacts", Role.PATIENT) in alarms
    assert ("crisis", Role.ON_CALL_CLINICIAN) in alarms
    assert set(Notice.model_fields) == {"journey_id", "event_id", "kind", "to", "about", "alarm"}


def test_notices_stay_the_same_however_often_they_are_asked_for() -> None:
    events = course("PTSD").events
    every = told(events, 0)
    assert every == told(events, 0)
    assert len(every) == len({notice.model_dump_json() for notice in every}) > 20


def test_who_died_gets_no_message_about_the_session_that_is_cancelled() -> None:
    play = before("session.check")
    play.do(c.RecordDeath(related="no", reason="invented"), Role.OBSERVER)
    version = play.journey.version
    play.sign(SignOffKind.DEATH, "death-1", rationale="seen")
    assert "session.cancelled" in [event.body.kind for event in play.events if event.version > version]
    every = told(play.events, version)
    assert not [n for n in every if n.to == Role.PATIENT]
    assert [n.to for n in every if n.kind == "pathway_ending"] == [Role.COORDINATOR, Role.CLINICIAN]
    assert [n.to for n in every if n.kind == "session_cancelled"] == [Role.SESSION_MONITOR]


LEAVING: dict[str, tuple[c.CommandBody, Role]] = {
    "a withdrawal": (c.Withdraw(), Role.PATIENT),
    "a withdrawal that staff enter": (c.Withdraw(), Role.COORDINATOR),
    "a transfer": (c.Transfer(reason="x", referral="y"), Role.CLINICIAN),
    "a stop": (c.StopForSafety(reason="x", referral="y"), Role.CLINICIAN),
}


def moments() -> dict[tuple[object, ...], int]:
    """The moments of a course that differ in their stage or in how far a session is: the first command of each."""
    found: dict[tuple[object, ...], int] = {}
    for number, (journey, _, _) in enumerate(course("PTSD").moves):
        how_far = [(each.number, each.released_at, each.dosed_at, each.ended_at) for each in journey.sessions.values()]
        found.setdefault((journey.stage, *how_far), number)
    return found


@pytest.mark.parametrize("leaving", LEAVING)
def test_an_ending_is_told_at_once_to_everybody_who_has_a_part_at_every_stage(leaving: str) -> None:
    stages = set()
    for number in moments().values():
        play = standing_at("PTSD", number)
        stages.add(play.journey.stage)
        sessions = [each for each in play.journey.sessions.values() if each.dosed_at is None and each.ended_at is None]
        contacts = [each for each in play.journey.contacts.values() if each.type in VISITS and each.open]
        version = play.journey.version
        play.do(*LEAVING[leaving])
        every = told(play.events, version)
        ending = [n.to for n in every if n.kind == "pathway_ending"]
        assert sorted(ending) == sorted((Role.PATIENT, Role.COORDINATOR, Role.CLINICIAN)), play.journey.stage
        monitors = [n.about for n in every if n.to == Role.SESSION_MONITOR and n.kind.startswith("session_")]
        assert monitors == [f"session-{each.number}" for each in sessions], play.journey.stage
        lapsed = [each.id for each in play.journey.contacts.values() if each.type in VISITS and each.replaced]
        gone = [each.name for event in play.events if event.version > version for each in appointments(event)]
        in_vain = [each.id for each in contacts if each.due > play.at and each.dose is None]
        assert in_vain == lapsed == [name for name in gone if name in lapsed], "nobody is to come in vain"
    assert stages == set(Stage) - {Stage.CLOSED}


def test_a_session_that_is_cancelled_is_told_to_the_monitors_until_it_would_have_begun() -> None:
    play = before("session.check")
    begins = play.journey.sessions[1].starts_at
    play.do(c.CancelSession(session=1, reason="invented"), Role.COORDINATOR)
    assert open_of(play, "session_cancelled", "session-1", begins - timedelta(seconds=1)) == [True]
    assert open_of(play, "session_cancelled", "session-1", begins) == [False]


def test_visits_that_are_handed_over_leave_the_calendar() -> None:
    play = after("session.end")
    play.do(c.StopForSafety(reason="x", referral="x"))
    play.do(handover())
    version = play.journey.version
    play.sign(SignOffKind.HANDOVER)
    gone = [each for event in play.events if event.version > version for each in appointments(event)]
    assert [(each.name, each.starts) for each in gone] == [("visit-1", None)]


def open_of(play: Play, kind: str, about: str, at: datetime | None = None) -> list[bool | None]:
    """Whether what each notice of a kind tells of something is open, as the journey stands."""
    since = play.journey.version - len(play.events)
    events = [*(each for each in course("PTSD").events if each.version <= since), *play.events]
    every = [n for n in told(events, 0) if n.kind == kind and (n.about or "").startswith(about)]
    return [is_open(notice, events, play.journey, at or play.at) for notice in every]


def test_what_a_notice_tells_of_is_open_until_it_is_done() -> None:
    play = started("PTSD").go_on(lambda journey: any(o.sign_off for o in journey.waiting.values()))
    play.later(hours=1).do(c.PlaceHold(reason="a neighbour called"), Role.PATIENT)
    assert open_of(play, "hold_placed", "hold-1") == [True, True]
    assert open_of(play, "sign_off_requested", "hold_release") == [True]
    early = play.events[:1]
    assert {is_open(n, early, play.journey, play.at) for n in told(play.events, 1)} == {None}, "nobody knows its event"
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    assert open_of(play, "hold_placed", "hold-1") == [False, False]
    assert open_of(play, "sign_off_requested", "hold_release") == [False]


def test_an_appointment_is_open_until_it_begins_or_is_another() -> None:
    play = before("session.check")
    begins = play.journey.sessions[1].starts_at
    soon = begins - timedelta(seconds=1)
    assert open_of(play, "appointment", "session-1", soon) == [True]
    assert open_of(play, "appointment", "session-1", begins) == [False], "it has begun"
    gone = before("session.check")
    gone.do(c.RecordDeath(related="no", reason="invented"), Role.OBSERVER)
    assert open_of(gone, "appointment", "session-1", soon) == [None], "nobody knows yet"
    lives = gone.branch()
    lives.sign(SignOffKind.DEATH, "death-1", decision="decline", rationale="spoken with")
    assert open_of(lives, "appointment", "session-1", soon) == [True]
    gone.sign(SignOffKind.DEATH, "death-1", rationale="seen")
    assert open_of(gone, "appointment", "session-1", soon) == [False]
    play.do(c.CancelSession(session=1, reason="invented"), Role.COORDINATOR)
    assert open_of(play, "appointment", "session-1", soon) == [False, True], "nobody is to come in vain"
    assert open_of(play, "appointment", "session-1", begins) == [False, False]


def test_what_the_patient_is_to_know_is_open_until_it_is_known_or_is_so_no_more() -> None:
    play = after("session.release")
    assert open_of(play, "session_released", "session-1") == [True]
    stopped = play.branch()
    stopped.do(c.PlaceHold(reason="invented"), Role.CLINICIAN)
    assert stopped.journey.sessions[1].stopped_at is not None
    assert open_of(stopped, "session_released", "session-1") == [False], "nobody is told to take it now"
    assert open_of(after("session.dose"), "session_released", "session-1") == [False]
    play.do(c.StopForSafety(reason="x", referral="x"))
    assert open_of(play, "pathway_ending", "") == [True, True, True]
