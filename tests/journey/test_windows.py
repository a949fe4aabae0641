"""Nothing is done before its time or after it: what comes sooner or later is recorded and acts, and is not it."""

from datetime import timedelta
from typing import Any

import pytest

from tests.journey.play import Play, after, course, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Role
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.refusals import RefusalCode
from workflows.journey.stages.follow_up.model import OwedContact
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.protocols import list_pathways

HERE = {"state": "CA", "confirmed": True}
SECOND = timedelta(seconds=1)


def answer(check_in: str, feeling: str = "well") -> c.CompleteCheckIn:
    return c.CompleteCheckIn.model_validate(
        {"check_in": check_in, "feeling": feeling, "side_effects": "tired", "location": HERE}
    )


def visit(name: str, **changed: Any) -> c.RecordVisit:
    good: dict[str, Any] = {
        "visit": name,
        "assessments": dict.fromkeys(("symptom_changes", "side_effects", "overall_response"), "invented"),
        "answers": dict.fromkeys(("urinary_symptoms", "cognition", "misuse"), "none"),
        "outcome": "responding",
        "concurrent_care": "weekly psychotherapy",
        "location": HERE,
    }
    return c.RecordVisit.model_validate(good | changed)


def following_up() -> Play:
    play = after("session.end", 3)
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-3", choice="continue")
    return play


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
    stands = "decide on a contact that was made too late (missed_contact:check-in-1-72h)"
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
    play.do(c.Amend(version=play.journey.version, reason="ticked wrongly", correction=right))
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
