"""Who is told of what, and that nobody is asked twice for the same signature."""

from collections.abc import Sequence

from tests.journey.contacts import handover
from tests.journey.play import after, before, course, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.views.appointments import appointments
from workflows.journey.views.notices import Notice, notices
from workflows.journey.vocabulary.actors import Role


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
    assert not [n for n in told(play.events, version) if n.to == Role.PATIENT]


def test_visits_that_are_handed_over_leave_the_calendar() -> None:
    play = after("session.end")
    play.do(c.StopForSafety(reason="x", referral="x"))
    play.do(handover())
    version = play.journey.version
    play.sign(SignOffKind.HANDOVER)
    gone = [each for event in play.events if event.version > version for each in appointments(event)]
    assert [(each.name, each.starts) for each in gone] == [("visit-1", None)]
