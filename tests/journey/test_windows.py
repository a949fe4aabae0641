"""Nothing is done before its time or after it: what comes sooner or later is recorded and acts, and is not it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from simulation.people import PEOPLE
from tests.journey.contacts import answer, following_up, visit
from tests.journey.play import Play, after, before, course, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.stages.follow_up.model import OwedContact
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.stages.sessions.dosing import expected_doses_left
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import is_within, local
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.protocols import list_pathways

SECOND = timedelta(seconds=1)


def owed(play: Play, name: str) -> OwedContact:
    return play.journey.contacts[name]


@pytest.mark.requirement("A15")
@pytest.mark.parametrize("check_in", ["check-in-1-4h", "check-in-1-24h", "check-in-1-72h"])
def test_a_check_in_answered_before_it_opens_is_kept_acts_and_is_still_owed(check_in: str) -> None:
    play = after("session.dose")
    play.later(minutes=1)
    followed = play.do(answer(check_in, "unwell"), Role.PATIENT)
    assert kinds(followed) == ["contacts.scheduled", "check-in.completed", "support.requested"]
    assert one(followed, e.SupportRequested).urgency == "urgent"
    assert owed(play, check_in).open
    assert play.waits_for("check_in", check_in) is not None
    assert owed(play, "unscheduled-1").feeling == "unwell"
    play.at = owed(play, check_in).opens - SECOND
    play.do(answer(check_in), Role.PATIENT)
    assert owed(play, check_in).open
    play.at = owed(play, check_in).opens
    play.do(answer(check_in), Role.PATIENT)
    assert owed(play, check_in).done_at == play.at
    assert play.waits_for("check_in", check_in) is None


@pytest.mark.requirement("A15")
def test_a_check_in_answered_after_its_window_is_late_until_a_clinician_has_decided() -> None:
    play = after("session.end")
    contact = owed(play, "check-in-1-72h")
    play.at = contact.closes
    in_time = Play(play.journey, play.at)
    in_time.do(answer(contact.id), Role.PATIENT)
    assert in_time.waits_for("missed_contact") is None
    play.at = contact.closes + SECOND
    assert one(play.do(answer(contact.id), Role.PATIENT), e.CheckInCompleted).late
    stands = "decide on the contact 72 hours after session 1 that was made too late (missed_contact:check-in-1-72h)"
    assert stands in dose_gate(play.journey, 2, play.at)
    settle = c.SettleContact(contact=contact.id, reason="spoken to; nothing new")
    play.refused(settle, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    play.do(settle)
    assert stands not in dose_gate(play.journey, 2, play.at)
    play.refused(settle, code=RefusalCode.ALREADY_DONE, field="contact")


@pytest.mark.requirement("A15")
@pytest.mark.parametrize("name", ["check-in-1-24h", "visit-1"])
def test_a_contact_nobody_made_stands_before_the_dose_until_a_clinician_has_decided(name: str) -> None:
    play = after("session.end")
    contact = owed(play, name)
    settle = c.SettleContact(contact=name, reason="seen by the family doctor")
    play.at = contact.closes
    play.refused(settle, code=RefusalCode.WRONG_TIME, field="contact")
    play.at = contact.closes + SECOND
    assert any(name in found for found in dose_gate(play.journey, 2, play.at))
    play.do(settle)
    assert owed(play, name).missed
    assert owed(play, name).done_at is None
    assert not any(name in found for found in dose_gate(play.journey, 2, play.at))


def test_after_a_check_in_that_was_missed_the_next_one_is_planned() -> None:
    play = after("check-in.complete", 3)
    weekly = owed(play, "check-in-1")
    play.at = weekly.closes + SECOND
    followed = play.do(c.SettleContact(contact=weekly.id, reason="on holiday"))
    [new] = one(followed, e.ContactsScheduled).contacts
    assert new.due >= play.at + timedelta(days=play.journey.protocol.check_ins.then_every_days)


def test_a_follow_up_visit_on_day_0_is_not_the_one_of_week_12() -> None:
    play = following_up()
    followed = play.do(visit("follow-up-week-12", outcome="worsening"))
    assert one(followed, e.VisitRecorded).visit == "unscheduled-1"
    assert owed(play, "follow-up-week-12").open
    assert play.waits_for("follow_up_visit", "follow-up-week-12") is not None
    assert play.asks_for(SignOffKind.RESPONSE_REVIEW, "unscheduled-1"), "what it found acts all the same"


def test_follow_up_visits_in_their_windows_are_made_and_late_ones_say_so() -> None:
    play = following_up()
    first, second = owed(play, "follow-up-week-1"), owed(play, "follow-up-week-2")
    play.at = first.opens
    assert not one(play.do(visit(first.id)), e.VisitRecorded).late
    play.at = second.closes + SECOND
    assert one(play.do(visit(second.id)), e.VisitRecorded).late
    assert play.waits_for("missed_contact", second.id) is not None
    right = visit(second.id, outcome="partial")
    play.do(c.Amend(version=play.version_of("visit.recorded"), reason="ticked wrongly", correction=right))
    assert play.waits_for("missed_contact", second.id) is not None


def test_a_questionnaire_before_its_window_counts_but_not_for_what_is_due() -> None:
    play = following_up()
    contact = owed(play, "day-28")
    filled = c.RecordInstrument(instrument=Instrument.PCL_5, occasion="day-28", answers=[1] * 20)
    assert one(play.do(filled, Role.PATIENT), e.InstrumentRecorded).occasion == "unscheduled"
    assert owed(play, "day-28").open
    latest = play.journey.latest(Instrument.PCL_5)
    assert latest is not None
    assert latest.score.total == 20
    play.at = contact.opens
    play.do(filled, Role.PATIENT)
    assert owed(play, "day-28").done_at == play.at
    late = following_up()
    late.at = contact.closes + SECOND
    late.do(filled, Role.PATIENT)
    assert owed(late, "day-28").late


def test_windows_stay_where_they_were_when_the_patient_moves() -> None:
    play = after("session.end")
    known = {name: (k.opens, k.due, k.closes) for name, k in play.journey.contacts.items()}
    play.do(c.Move(zone="America/New_York", state="NY"), Role.COORDINATOR)
    assert {name: (k.opens, k.due, k.closes) for name, k in play.journey.contacts.items()} == known


@pytest.mark.requirement("A15")
@pytest.mark.parametrize("pathway", list_pathways())
def test_in_an_undisturbed_course_every_contact_is_made_in_its_window(pathway: Pathway) -> None:
    contacts = course(pathway).journey.contacts.values()
    made = [k for k in contacts if k.done_at is not None]
    assert {k.type for k in made} == {"check_in", "visit", "follow_up_visit", "measure"}
    assert all(k.opens <= k.done_at <= k.closes and not k.late for k in made if k.done_at is not None)


# Sessions


def schedule(play: Play, number: int, **changed: Any) -> c.ScheduleSession:
    known = {
        "session": number,
        "starts_at": play.at + timedelta(days=1),
        "supervising_clinician": play.journey.clinician,
        "session_monitor": PEOPLE[Role.SESSION_MONITOR].id,
        "live_clinician": play.journey.clinician,
    }
    return c.ScheduleSession.model_validate(known | changed)


@pytest.mark.parametrize(
    ("clock", "accepted"), [("03:00", False), ("06:59", False), ("07:00", True), ("19:59", True), ("20:00", False)]
)
def test_a_session_is_planned_for_the_hours_of_the_patient(clock: str, accepted: bool) -> None:
    play = before("session.schedule")
    zone = ZoneInfo(play.journey.patient.zone)
    day = local(play.at, zone.key).date() + timedelta(days=2)
    planned = schedule(play, 1, starts_at=datetime.combine(day, time.fromisoformat(clock), zone))
    if accepted:
        play.do(planned, Role.COORDINATOR)
    else:
        play.refused(
            planned, Role.COORDINATOR, code=RefusalCode.OUT_OF_LIMITS, field="starts_at", says="the patient's time"
        )


def test_hours_are_those_of_the_wall_clock_also_on_the_day_it_changes() -> None:
    hours, every_day = (time(7), time(20)), range(1, 8)
    for day in (date(2026, 10, 31), date(2026, 11, 1)):  # the clock goes back on the second
        seven = datetime.combine(day, time(7), ZoneInfo("America/Los_Angeles"))
        assert is_within(seven, "America/Los_Angeles", hours, every_day)
        assert not is_within(seven - timedelta(seconds=1), "America/Los_Angeles", hours, every_day)
    assert not is_within(datetime(2026, 11, 1, 18, tzinfo=UTC), "America/Los_Angeles", hours, (1, 2, 3, 4, 5))


def test_a_session_is_released_from_its_start_until_its_appointment_has_passed() -> None:
    play = before("session.release", 2)
    session = play.journey.sessions[2]
    passed = "its appointment has passed: move the session"
    assert session.closes == session.starts_at + timedelta(minutes=play.journey.protocol.sessions.start_within_minutes)
    assert passed not in dose_gate(play.journey, 2, session.closes)
    assert passed in dose_gate(play.journey, 2, session.closes + SECOND)
    play.at = session.starts_at + timedelta(days=10)
    refusal = play.refused(c.ReleaseSession(session=2), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE)
    assert passed in refusal.reason


def test_no_session_is_released_at_night_where_the_patient_is_now() -> None:
    play = before("session.check", 2)
    session = play.journey.sessions[2]
    play.do(c.Move(zone="Pacific/Auckland", state="CA"), Role.COORDINATOR)
    assert local(session.starts_at, "Pacific/Auckland").hour < 7
    assert any("of the patient's time" in found for found in dose_gate(play.journey, 2, session.starts_at))
    moving = play.waits_for("scheduling", "2")
    assert moving is not None
    assert "where the patient is now" in moving.what
    assert play.journey.sessions[2].closes == session.closes
    play.go_on(lambda journey: journey.sessions[2].released_at is not None)
    released = play.journey.sessions[2].released_at
    assert released is not None
    assert 7 <= local(released, "Pacific/Auckland").hour < 20


@pytest.mark.parametrize(("minutes", "lapsed"), [(60, False), (61, True)])
def test_a_dose_long_after_its_release_is_a_deviation(minutes: int, lapsed: bool) -> None:
    play = after("session.release", 2)
    plan = play.journey.plan
    assert plan is not None
    began = play.at
    play.at = began + timedelta(minutes=minutes)
    taken = c.RecordDose(
        session=2,
        dose_mg=plan.dose_mg,
        route=plan.route,
        taken_at=began + timedelta(minutes=5),
        doses_left=max(0, expected_doses_left(play.journey)),
    )
    body = one(play.do(taken, Role.SESSION_MONITOR), e.DoseRecorded)
    assert body.deviations == (("the release had lapsed before it was recorded",) if lapsed else ())
    assert play.journey.held is lapsed


@pytest.mark.parametrize(("seconds", "lapsed"), [(3600, False), (3601, True), (14 * 3600, True)])
def test_a_dose_that_is_taken_after_its_release_lapsed_was_not_released(seconds: int, lapsed: bool) -> None:
    """A dose at three in the morning, fourteen hours after its release, held care and called nobody."""
    play = after("session.release", 2)
    plan, taken_at = play.journey.plan, play.at + timedelta(seconds=seconds)
    assert plan is not None
    play.at = taken_at
    play.do(c.RecordDose(session=2, dose_mg=plan.dose_mg, route=plan.route, taken_at=taken_at), Role.SESSION_MONITOR)
    assert (play.waits_for("alarm") is not None) is lapsed
