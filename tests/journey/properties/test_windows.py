"""Whenever a contact is answered: it counts as made only inside its window, and nothing that was said is lost."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from simulation.people import no_risk
from tests.journey.contacts import following_up
from tests.journey.play import SAID_HERE, Play, before, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import C_SSRS_FORMS
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import local

HERE = c.Location(state="CA", confirmed=True)
MINUTES = 60 * 24 * 120
FOLLOWING = following_up()
READY = before("session.release", 2)


def answer(play: Play, name: str) -> tuple[c.CommandBody, Role]:
    contact, protocol = play.journey.contacts[name], play.journey.protocol
    rated = dict.fromkeys(protocol.symptoms.names, 4)
    if contact.type == "check_in":
        said = c.CompleteCheckIn(check_in=name, feeling="well", side_effects="x", symptoms=rated, location=SAID_HERE)
        return said, Role.PATIENT
    if contact.type == "measure":
        assert contact.instrument is not None
        if contact.instrument in C_SSRS_FORMS:
            told = no_risk(contact.instrument)
            asked = c.RecordInstrument(instrument=contact.instrument, occasion=name, answers=told)
            return asked, Role.CLINICIAN
        answers = [1] * 20 if contact.instrument == protocol.instruments.primary else [1] * 8 + [0]
        return c.RecordInstrument(instrument=contact.instrument, occasion=name, answers=answers), Role.PATIENT
    rules = play.journey.protocol.follow_up
    seen = c.RecordVisit(
        visit=name,
        assessments=dict.fromkeys(rules.assessments, "x"),
        answers=dict.fromkeys(rules.questions, "x"),
        symptoms=rated,
        function=dict.fromkeys(protocol.eligibility.function, "x"),
        outcome=rules.outcomes[0],
        concurrent_care="x",
        location=HERE,
    )
    return seen, Role.CLINICIAN


@given(st.lists(st.tuples(st.integers(0, MINUTES), st.integers(0, 30)), min_size=1, max_size=12))
def test_a_contact_is_made_in_its_window_or_is_late_and_to_be_decided(answers: list[tuple[int, int]]) -> None:
    play = Play(FOLLOWING.journey, FOLLOWING.at)
    began, said = play.at, 0
    for minutes, which in sorted(answers):
        play.at = began + timedelta(minutes=minutes)
        waiting = [k.id for k in play.journey.contacts.values() if k.open]
        name = waiting[which % len(waiting)]
        window = play.journey.contacts[name]
        followed = play.do(*answer(play, name))
        said += 1
        after_it = play.journey.contacts[name]
        assert (after_it.done_at is not None) is (play.at >= window.opens)
        assert after_it.late is (play.at > window.closes)
        assert after_it.to_settle is after_it.late
        assert (play.waits_for("missed_contact", name) is not None) is after_it.late
        if window.type == "measure":
            assert one(followed, e.InstrumentRecorded).occasion == (name if after_it.done_at else "unscheduled")
    kept = sum(
        isinstance(event.body, e.CheckInCompleted | e.VisitRecorded | e.InstrumentRecorded) for event in play.events
    )
    assert kept == said


@given(
    st.integers(-60 * 24 * 3, 60 * 24 * 20),
    st.sampled_from(["America/Los_Angeles", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Kiritimati"]),
)
def test_a_session_is_released_only_in_its_window_and_the_patients_hours(minutes: int, zone: str) -> None:
    play = READY
    session, rules = play.journey.sessions[2], play.journey.protocol.sessions
    moved = play.journey.model_copy(update={"patient": play.journey.patient.model_copy(update={"zone": zone})})
    at = session.starts_at + timedelta(minutes=minutes)
    begin, end = rules.start_hours
    in_time = session.starts_at <= at <= session.closes and begin <= local(at, zone).time() < end
    obstacles = dose_gate(moved, 2, at)
    about_time = ("its start is still to come", "its appointment has passed: move the session")
    assert (any(found in about_time or "patient's time" in found for found in obstacles)) is not in_time
