"""No ending takes the watch away: what is owed for a patient's safety goes on until it is settled, however it ends."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.journey.play import Play, after, before, course, one, standing
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Role
from workflows.journey.protocol import SignOffKind
from workflows.journey.refusals import RefusalCode
from workflows.journey.stage import Outcome

HOME = c.Location(state="CA", confirmed=True)


def switch(play: Play) -> None:
    choice = play.signature(SignOffKind.RESPONSE_REVIEW, "session-3", choice="switch_to_in_clinic", referral="downtown")
    play.do(choice)


ENDINGS: dict[str, tuple[Outcome, Callable[[Play], object]]] = {
    "withdrawal": (Outcome.WITHDRAWN, lambda play: play.do(c.Withdraw(), Role.PATIENT)),
    "transfer": (Outcome.TRANSFERRED, lambda play: play.do(c.Transfer(reason="x", referral="y"))),
    "stop": (Outcome.STOPPED_FOR_SAFETY, lambda play: play.do(c.StopForSafety(reason="x", referral="y"))),
    "switch to the clinic": (Outcome.IN_CLINIC, switch),
}


@pytest.mark.requirement("A15")
@pytest.mark.requirement("A39")
@pytest.mark.parametrize("ending", ENDINGS)
def test_contacts_after_the_last_dose_outlast_every_ending(ending: str) -> None:
    play = after("session.end", 3)
    outcome, end = ENDINGS[ending]
    owed = [k.id for k in play.journey.contacts.values() if k.open and k.dose is not None]
    end(play)
    assert not play.journey.closed
    assert sorted(w.subject for w in play.journey.waiting.values() if w.subject) == sorted(owed)
    unwell = c.CompleteCheckIn(check_in="check-in-3-4h", feeling="unwell", side_effects="dizzy", location=HOME)
    play.later(hours=4).do(unwell, Role.PATIENT)
    assert play.waits_for("support") is not None
    play.go_on(lambda journey: journey.closed)
    assert play.journey.outcome == outcome
    last = max(k.done_at for k in play.journey.contacts.values() if k.id in owed and k.done_at is not None)
    assert play.at == last


def test_contacts_of_a_dose_long_ago_do_not() -> None:
    play = before("session.schedule", 2)
    play.go_on(lambda journey: all(not k.open for k in journey.contacts.values() if k.dose is not None))
    play.do(c.Withdraw(), Role.PATIENT)
    play.go_on(lambda journey: not any(waiting.kind == "leftovers" for waiting in journey.waiting.values()))
    assert play.journey.outcome == Outcome.WITHDRAWN


def test_a_missed_contact_escalates_after_the_ending_as_before() -> None:
    play = after("session.end")
    play.do(c.Withdraw(), Role.PATIENT)
    actions = [body.action for body in play.wait(hours=7) if isinstance(body, e.ObligationEscalated)]
    assert "welfare_check" in actions


@pytest.mark.parametrize("end", [c.Withdraw(), c.WithdrawConsent(consent="treatment")])
def test_a_released_session_is_asked_about_until_the_dose_is_told_or_said_not_to_be_taken(end: c.CommandBody) -> None:
    play = after("session.release")
    play.do(end, Role.PATIENT)
    assert play.waits_for("dose", "1") is not None
    told = after("session.release")
    told.do(end, Role.PATIENT)
    dosed = one(told.do(c.RecordDose(dose_mg=100, route="oral", taken_at=told.at), Role.OBSERVER), e.DoseRecorded)
    assert dosed.session == 1
    assert told.waits_for("observation") is not None
    play.do(c.CancelSession(session=1, reason="not taken"), Role.SESSION_MONITOR)
    assert play.waits_for("dose") is None


# After closing


def closed() -> Play:
    return standing(course("PTSD").journey, course("PTSD").at, "PTSD")


FACTS: dict[str, tuple[Callable[[Play], c.CommandBody], Role, list[str]]] = {
    "an adverse event": (
        lambda play: c.ReportAdverseEvent(what="x", grade=2, serious=False, onset=play.at),
        Role.PATIENT,
        ["adverse_event"],
    ),
    "a call for help": (lambda _: c.RequestSupport(urgency="urgent", text="x"), Role.PATIENT, ["support"]),
    "a dose": (
        lambda play: c.RecordDose(dose_mg=10, route="oral", taken_at=play.at),
        Role.OBSERVER,
        ["check_in", "visit"],
    ),
    "a death": (lambda _: c.RecordDeath(related="no", reason="x"), Role.COORDINATOR, ["alarm", "death"]),
}


@pytest.mark.requirement("B30")
@pytest.mark.parametrize("what", FACTS)
def test_a_closed_journey_takes_what_happened_and_waits_again_until_it_is_settled(what: str) -> None:
    play = closed()
    outcome = play.journey.outcome
    fact, by, awaited = FACTS[what]
    play.do(fact(play), by)
    assert play.journey.closed
    kinds = [w.kind for w in play.journey.waiting.values()]
    assert set(awaited) <= set(kinds)
    play.go_on(lambda journey: not journey.waiting)
    assert (play.journey.closed, play.journey.outcome) == (True, outcome)


def test_a_closed_journey_takes_corrections() -> None:
    play = closed()
    right = c.RecordDose(session=1, dose_mg=90, route="sublingual", taken_at=play.dosed_at(), deviation="counted again")
    play.do(c.Amend(version=play.journey.doses["dose-1"].version, reason="wrong amount", correction=right))
    assert play.journey.doses["dose-1"].dose_mg == 90
    assert play.journey.closed


def test_a_closed_journey_takes_nothing_that_is_care() -> None:
    play = closed()
    for care in (
        c.CancelSession(session=1, reason="x"),
        c.PlaceHold(reason="x"),
        c.StopForSafety(reason="x", referral="y"),
        c.ProposeDischarge(summary="x", ongoing_support="y"),
    ):
        play.refused(care, code=RefusalCode.CLOSED)


def test_every_ending_waits_for_a_session_that_runs() -> None:
    play = after("session.dose").later(minutes=1)
    play.do(c.StopForSafety(reason="x", referral="y"))
    play.go_on(lambda journey: journey.closed)
    ended = play.journey.sessions[1].ended_at
    assert ended is not None
    assert ended >= play.dosed_at() + timedelta(minutes=120)
