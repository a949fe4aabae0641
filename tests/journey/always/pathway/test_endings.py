"""No ending takes the watch away: what is owed for a patient's safety goes on until it is settled, however it ends."""

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from simulation.people import PEOPLE, member_of, person_of
from tests.journey.contacts import answer, following_up, handover, visit
from tests.journey.elsewhere import told
from tests.journey.play import JOURNEY, START, Play, after, before, closed, collected, course, one, person
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.patient.elsewhere import see_elsewhere
from workflows.journey.evidence import evidence
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Outcome, Stage

HOME = c.SaidLocation(state="CA", confirmed=True)


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


def test_no_visit_is_planned_after_the_ending() -> None:
    play = after("session.end", 3).go_on(lambda journey: journey.stage == Stage.FOLLOW_UP)
    play.do(c.Withdraw(), Role.PATIENT)
    ended = len(play.events)
    play.go_on(lambda journey: journey.closed)
    later = [event.body for event in play.events[ended:]]
    assert any(isinstance(body, e.VisitRecorded) for body in later)
    assert not any(isinstance(body, e.ContactsScheduled) for body in later), "nobody is to come in vain"


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


# Handing over


def handed_over(play: Play) -> None:
    play.do(handover())
    play.sign(SignOffKind.HANDOVER)


def test_contacts_are_handed_over_by_a_signed_decision_to_a_named_receiver() -> None:
    play = collected(after("session.end"))
    proposal = handover()
    play.refused(proposal, code=RefusalCode.WRONG_STAGE)
    play.do(c.Withdraw(), Role.PATIENT)
    play.refused(proposal, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    play.do(proposal)
    assert play.waits_for("check_in") is not None, "a proposal hands nothing over"
    shown = evidence(play.journey, SignOffKind.HANDOVER)["content"]
    assert [contact["id"] for contact in shown["contacts"]] == [
        k.id for k in play.journey.contacts.values() if k.open and k.dose
    ]
    play.sign(SignOffKind.HANDOVER)
    assert not {"check_in", "visit"} & {w.kind for w in play.journey.waiting.values()}
    assert {k.handed_over_to for k in play.journey.contacts.values() if k.dose and not k.done_at} == {
        proposal.receiver.called
    }


PATIENT = person_of(JOURNEY, Role.PATIENT).id
LICENSED = {"licence": PEOPLE[Role.MEDICAL_DIRECTOR].licence}
NURSE = member_of(person("nurse", Role.SESSION_MONITOR)).model_copy(update=LICENSED)
ABROAD = person("abroad", Role.CLINICIAN, states=("NY",))
GONE = member_of(person("gone", Role.CLINICIAN)).model_copy(update={"until": START})


@pytest.mark.parametrize(
    ("receiver", "code", "field"),
    [
        ({"person": PATIENT}, RefusalCode.CONTRADICTS, "receiver"),
        ({"name": PATIENT, "organisation": "home", "reached_by": "x"}, RefusalCode.CONTRADICTS, "receiver"),
        ({"person": PEOPLE[Role.CLINICIAN].id}, RefusalCode.CONTRADICTS, "receiver.person"),
        ({"person": "nobody"}, RefusalCode.NOT_ALLOWED, "receiver.person"),
        ({"person": NURSE.id}, RefusalCode.NOT_ALLOWED, "receiver.person"),
        ({"person": ABROAD.id}, RefusalCode.NOT_ALLOWED, "receiver.person"),
        ({"person": GONE.id}, RefusalCode.NOT_ALLOWED, "receiver.person"),
        ({"person": PEOPLE[Role.MEDICAL_DIRECTOR].id, "accepted": False}, RefusalCode.INCOMPLETE, "receiver.accepted"),
        ({"person": PEOPLE[Role.MEDICAL_DIRECTOR].id}, None, None),
    ],
)
def test_whoever_takes_over_is_somebody_who_may_and_has_agreed(
    receiver: dict[str, Any], code: RefusalCode | None, field: str | None
) -> None:
    play = after("session.end")
    play.do(c.Withdraw(), Role.PATIENT)
    play = play.changed(members=(*play.journey.members, NURSE, member_of(ABROAD), GONE))
    if code is None:
        play.do(handover(**receiver))
    else:
        play.refused(handover(**receiver), code=code, field=field)


@pytest.mark.parametrize("how", ["the entry ends", "the licence ends", "they are the patient"])
def test_nobody_takes_over_who_may_not_do_so_any_more_when_it_is_signed(how: str) -> None:
    """Whoever had agreed left before the signature, and the watch went to nobody."""
    play = after("session.end")
    play.do(c.Withdraw(), Role.PATIENT)
    receiver = person("receiver", Role.CLINICIAN)
    assert receiver.licence is not None
    play = play.changed(members=(*play.journey.members, member_of(receiver)))
    play.do(handover(person=receiver.id))
    if how == "they are the patient":
        told(play, also_known_as=[play.journey.patient.ref, receiver.id])
    else:
        over = receiver.licence.model_copy(update={"expires": date(2026, 1, 1)})
        gone = {"until": play.at} if how == "the entry ends" else {"licence": over}
        play.do(c.TakeInStaff(members=(member_of(receiver).model_copy(update=gone),)), CLOCK)
    signed = play.signature(SignOffKind.HANDOVER)
    code, says = RefusalCode.STALE, "may not do so any more"
    play.refused(signed, Role.MEDICAL_DIRECTOR, code=code, says=says)
    play.do(signed.model_copy(update={"decision": "decline"}), Role.MEDICAL_DIRECTOR)
    assert play.waits_for("check_in") is not None


@pytest.mark.parametrize("receiver", [{"name": "x"}, {"name": "x", "organisation": "y"}, {"person": "x", "name": "y"}])
def test_whoever_takes_over_is_reached_by_what_is_said_of_them(receiver: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        handover(**receiver)


def test_nobody_gives_the_watch_away_alone() -> None:
    play = collected(after("session.dose"))
    play.do(c.StopForSafety(reason="x", referral="y"))
    play.do(handover())
    play.refused(play.signature(SignOffKind.HANDOVER), code=RefusalCode.NOT_ALLOWED, says="who wrote this")
    play.sign(SignOffKind.HANDOVER, by=Role.MEDICAL_DIRECTOR)
    assert play.waits_for("check_in") is None


def test_a_declined_handover_leaves_the_watch_where_it_is() -> None:
    play = after("session.end")
    play.do(c.Withdraw(), Role.PATIENT)
    play.do(handover())
    play.sign(SignOffKind.HANDOVER, decision="decline", rationale="nobody there agreed")
    assert not play.asks_for(SignOffKind.HANDOVER)
    assert play.waits_for("check_in") is not None


def test_a_running_session_is_handed_over_too() -> None:
    play = collected(after("session.dose").later(minutes=5))
    play.do(c.StopForSafety(reason="x", referral="y"))
    handed_over(play)
    assert not {"observation", "session_end", "check_in"} & {w.kind for w in play.journey.waiting.values()}
    assert play.journey.sessions[1].ended_at == play.at


def test_what_concerns_harm_is_not_handed_over() -> None:
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="x", grade=2, serious=False, onset=play.at), Role.PATIENT)
    play.do(c.RequestSupport(urgency="urgent", text="x"), Role.PATIENT)
    play.do(c.Withdraw(), Role.PATIENT)
    handed_over(play)
    assert {"adverse_event", "support"} <= {w.kind for w in play.journey.waiting.values()}
    play.refused(handover(), code=RefusalCode.ALREADY_DONE)


def test_nobody_gives_a_contact_up_alone_once_the_pathway_ends() -> None:
    play = after("session.end")
    play.do(c.Withdraw(), Role.PATIENT)
    play.wait(days=4)
    missed = c.SettleContact(contact="check-in-1-4h", reason="left the pathway")
    play.refused(missed, code=RefusalCode.NOT_ALLOWED, field="contact", says="no one person")


SISTER = {"name": "Sis Invented", "organisation": "the patient's sister", "reached_by": "+15550100"}


def sought_in_vain() -> Play:
    return _sought_in_vain().branch()


@cache
def _sought_in_vain() -> Play:
    play = following_up()
    play.wait(days=60)
    return play


@pytest.mark.long
def test_who_gives_a_patient_up_names_who_goes_on_seeking_them() -> None:
    play = sought_in_vain()
    subject = next(w.subject for w in play.journey.waiting.values() if w.sign_off == SignOffKind.LOST_TO_FOLLOW_UP)
    lost = play.signature(SignOffKind.LOST_TO_FOLLOW_UP, subject)
    play.refused(lost, code=RefusalCode.INCOMPLETE, field="referral")
    lost = lost.model_copy(update={"referral": "the sister"})
    play.refused(lost, code=RefusalCode.INCOMPLETE, field="referral", says="nobody has agreed")
    play.do(handover(**SISTER))
    lost = play.signature(SignOffKind.LOST_TO_FOLLOW_UP, subject, referral="the sister")
    play.refused(lost, code=RefusalCode.NOT_ALLOWED, says="who wrote this")
    play.do(lost, Role.MEDICAL_DIRECTOR)
    given_up = [k for k in play.journey.contacts.values() if (k.handed_over_to or "").startswith("Sis Invented")]
    assert {k.type for k in given_up} >= {"check_in"}
    play.go_on(lambda journey: journey.closed)
    assert play.journey.outcome == Outcome.LOST_TO_FOLLOW_UP


FOUND: dict[str, tuple[c.CommandBody, Role]] = {
    "a visit that nobody planned": (visit("x", visit=None), Role.CLINICIAN),
    "a visit that was owed": (visit("follow-up-week-1"), Role.CLINICIAN),
    "a check-in": (answer("check-in-3-72h"), Role.PATIENT),
    "a call for support": (c.RequestSupport(urgency="routine", text="x"), Role.PATIENT),
    "a questionnaire": (c.RecordInstrument(instrument=Instrument.GAD_7, occasion="x", answers=[0] * 7), Role.PATIENT),
    "a question": (c.AskQuestion(text="x"), Role.PATIENT),
    "a hold": (c.PlaceHold(reason="x"), Role.PATIENT),
}


@pytest.mark.parametrize("how", FOUND)
def test_who_agreed_to_take_over_has_agreed_to_nothing_once_the_patient_is_found(how: str) -> None:
    play = sought_in_vain()
    play.do(handover(**SISTER))
    play.do(*FOUND[how])
    assert play.journey.handover is None
    subject = next(w.subject for w in play.journey.waiting.values() if w.sign_off == SignOffKind.LOST_TO_FOLLOW_UP)
    lost = play.signature(SignOffKind.LOST_TO_FOLLOW_UP, subject, referral="the sister")
    play.refused(lost, code=RefusalCode.INCOMPLETE, field="referral", says="nobody has agreed")


SPOKE = {"in_person", "video", "phone"}


def told_check_in(told_by: Role, told_over: str) -> c.CompleteCheckIn:
    said = {"told_by": told_by, "told_over": told_over}
    return c.CompleteCheckIn.model_validate(answer("check-in-3-72h").model_dump() | said)


@pytest.mark.parametrize("told_over", ["in_person", "video", "phone", "message"])
@pytest.mark.parametrize("told_by", list(Role))
def test_a_check_in_that_staff_enter_finds_the_patient_only_where_they_spoke_with_them(
    told_by: Role, told_over: str
) -> None:
    """Whoever agreed to go on seeking them was let go because a neighbour had said that all was well."""
    play = sought_in_vain()
    play.do(handover(**SISTER))
    play.do(told_check_in(told_by, told_over), Role.COORDINATOR)
    assert (play.journey.handover is None) is (told_by == Role.PATIENT and told_over in SPOKE)


def test_who_tells_of_the_patient_has_not_found_them() -> None:
    play = sought_in_vain()
    play.do(handover(**SISTER))
    play.do(c.RequestSupport(urgency="routine", text="x"), Role.CLINICIAN)
    assert play.journey.handover is not None


def test_who_asks_something_is_not_lost_by_a_decision_that_did_not_know_of_it() -> None:
    """A question is no harm, and still says that the patient is there."""
    play = sought_in_vain()
    subject = next(w.subject for w in play.journey.waiting.values() if w.sign_off == SignOffKind.LOST_TO_FOLLOW_UP)
    prepared = play.signature(SignOffKind.LOST_TO_FOLLOW_UP, subject, decision="decline")
    play.do(c.AskQuestion(text="x"), Role.PATIENT)
    play.refused(prepared, code=RefusalCode.STALE, field="request")


def test_who_agreed_to_take_over_agreed_to_no_dose_that_is_told_later() -> None:
    play = after("session.end")
    play.do(c.Withdraw(), Role.PATIENT)
    play.do(handover())
    play.do(c.RecordDose(dose_mg=50, route="oral", taken_at=play.at), Role.OBSERVER)
    assert play.journey.handover is None
    assert not play.asks_for(SignOffKind.HANDOVER)


# Discharge


@pytest.mark.requirement("A31")
def test_a_discharge_needs_the_fixed_visits_or_a_signed_reason() -> None:
    play = after("session.end", 3)
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-3", choice="continue")
    assert play.journey.stage == Stage.FOLLOW_UP
    early = c.ProposeDischarge(summary="x", ongoing_support="y")
    play.refused(early, code=RefusalCode.INCOMPLETE, field="without_visits_because", says="follow-up-week-1")
    play.do(early.model_copy(update={"without_visits_because": "moves abroad"}))
    signed = evidence(play.journey, SignOffKind.DISCHARGE)["content"]["proposal"]
    assert signed["without_visits_because"] == "moves abroad"
    assert signed["visits_not_held"] == [f"follow-up-week-{week}" for week in play.journey.protocol.follow_up.weeks]
    play.sign(SignOffKind.DISCHARGE)
    assert not play.journey.closed
    play.go_on(lambda journey: journey.closed)
    assert play.journey.outcome == Outcome.COMPLETED


def test_a_discharge_after_the_fixed_visits_needs_no_reason() -> None:
    play = before("pathway.propose-discharge")
    play.do(c.ProposeDischarge(summary="x", ongoing_support="y"))
    assert play.journey.discharge is not None
    assert play.journey.discharge.visits_not_held == ()


# After closing


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
    "a crisis": (lambda _: c.ReportCrisis(what="wants to die"), Role.COORDINATOR, ["crisis"]),
    "an observation": (
        lambda play: c.RecordObservation(seen_at=play.at, consciousness="unresponsive"),
        Role.OBSERVER,
        ["alarm", "serious_adverse_event"],
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


@pytest.mark.requirement("B18")
@pytest.mark.parametrize("ending", [ending for ending in ENDINGS if ending != "stop"])
def test_that_treatment_is_not_safe_is_said_however_the_pathway_ends(ending: str) -> None:
    """A patient who withdrew first began anew with nothing known of it."""
    play = after("session.end", 3)
    ENDINGS[ending][1](play)
    stop = c.StopForSafety(reason="not safe for this patient (invented)", referral="y")
    play.do(stop)
    play.refused(stop, code=RefusalCode.ALREADY_DONE)
    play.go_on(lambda journey: journey.closed)
    assert play.journey.outcome == Outcome.STOPPED_FOR_SAFETY
    assert [risk.type for risk in see_elsewhere([play.journey], "another").risks if risk.open] == ["ending"]


def test_every_ending_waits_for_a_session_that_runs() -> None:
    play = after("session.dose").later(minutes=1)
    play.do(c.StopForSafety(reason="x", referral="y"))
    play.go_on(lambda journey: journey.closed)
    ended = play.journey.sessions[1].ended_at
    assert ended is not None
    assert ended >= play.dosed_at() + timedelta(minutes=120)


def asked_to_discharge() -> Play:
    moves = [command.body for _, command, _ in course("PTSD").moves]
    return before("signoff.sign", sum(isinstance(body, c.Sign) for body in moves))


@pytest.mark.parametrize(
    "told",
    [
        c.RequestSupport(urgency="urgent", text="I cannot go on (invented)"),
        c.ReportCrisis(what="invented"),
        c.ReportAdverseEvent(what="headache (invented)", grade=1, serious=False, onset=asked_to_discharge().at),
        c.RecordDose(dose_mg=100, route="oral", taken_at=asked_to_discharge().at),
    ],
    ids=lambda body: str(body.kind),
)
def test_a_discharge_covers_nothing_that_was_told_after_it_was_signed(told: c.CommandBody) -> None:
    """A patient called for help, and was discharged by a decision that did not know of it."""
    play = asked_to_discharge()
    early = play.signature(SignOffKind.DISCHARGE)
    play.do(told, Role.COORDINATOR)
    play.refused(early, code=RefusalCode.STALE, field="request")
    assert play.journey.closing is None
    assert play.asks_for(SignOffKind.DISCHARGE)


def test_a_discharge_is_signed_once() -> None:
    play = asked_to_discharge()
    play.do(c.RequestSupport(urgency="clinical", text="a question (invented)"), Role.PATIENT)
    play.sign(SignOffKind.DISCHARGE)
    assert play.journey.closing is not None
    play.do(c.AnswerSupport(support=[*play.journey.support][-1], text="answered (invented)"), Role.CLINICIAN)
    assert not play.asks_for(SignOffKind.DISCHARGE)
    assert play.journey.closed


def test_a_handover_covers_nothing_that_was_told_after_it_was_signed() -> None:
    play = after("session.dose")
    play.do(c.Withdraw(), Role.PATIENT)
    play.do(handover())
    early = play.signature(SignOffKind.HANDOVER)
    play.do(c.RecordObservation(seen_at=play.at, consciousness="unresponsive"), Role.OBSERVER)
    play.refused(early, Role.MEDICAL_DIRECTOR, code=RefusalCode.STALE, field="request")
    assert play.journey.sessions[1].running
    play.sign(SignOffKind.HANDOVER)
    assert not play.asks_for(SignOffKind.HANDOVER)
