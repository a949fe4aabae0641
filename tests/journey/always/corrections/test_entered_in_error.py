"""Facts entered in error: each can be marked, and counts where it must until a second person confirmed that."""

from datetime import timedelta
from typing import get_args

import pytest

from simulation.people import observation
from tests.journey.contacts import answer
from tests.journey.correcting import SECOND, amend, confirm, mark, redose, version_of
from tests.journey.play import HERE, Play, after, before, course, followed_up, one
from tests.journey.stages.sessions.helpers import see
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.corrections.entered_in_error import loosens
from workflows.journey.always.corrections.instead import (
    BY_RULE,
    INSTEAD,
    instead_of,
)
from workflows.journey.always.corrections.markable import MARKABLE
from workflows.journey.always.supply.rules import balance
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.stages.sessions.reviews import reviews_owed
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode


def test_every_event_can_be_marked_or_says_what_to_do_instead() -> None:
    every = [body.model_fields["kind"].default for body in get_args(get_args(e.AnyEventBody)[0])]
    assert set(MARKABLE) | set(INSTEAD) <= set(every)
    assert not set(MARKABLE) & set(INSTEAD)
    assert all(instead_of(kind) for kind in every)
    for kind in ("session.dosed", "session.observed", "adverse-event.reported", "check-in.completed", "consent.given"):
        assert kind in MARKABLE
    for kind in ("signoff.signed", "plan.recorded", "hold.placed", "session.released"):
        assert instead_of(kind) != BY_RULE


@pytest.mark.parametrize("kind", MARKABLE)
def test_every_kind_of_fact_of_a_course_can_be_marked(kind: str) -> None:
    """Marked and confirmed, it is in the record, counts no more, and nothing else was lost."""
    play, version = next(
        (play, version)
        for played in (undisturbed, busy, beforehand, afterwards)
        for play in [played()]
        for version, fact in play.journey.facts.items()
        if fact.kind == kind
    )
    marked = one(mark(play, kind, 0), e.EnteredInError)
    assert (marked.version, marked.fact) == (version, kind)
    assert marked.to_confirm == loosens(play.journey, play.journey.facts[version])
    again = c.MarkInError(version=version, reason="x")
    play.refused(again, code=RefusalCode.ALREADY_DONE, field="version")
    if marked.to_confirm:
        assert version not in play.journey.in_error
        confirm(play)
    assert version in play.journey.in_error


def undisturbed() -> Play:
    done = course("PTSD")
    return Play(done.journey, done.at)


def beforehand() -> Play:
    """What is told before the consents, and the consents on paper."""
    play = before("consent.give")
    reading, signed = "psychiatric_evaluation", play.at - timedelta(hours=1)
    play.do(c.SendReading(reading=reading, content_version="v1"), Role.COORDINATOR)
    play.do(c.ConfirmReading(reading=reading, content_version="v1"), Role.PATIENT)
    consents = play.journey.consent_versions
    paper = c.EnterPaperConsent(consents=consents, signed_at=signed, document_ref="archive-17")
    play.do(paper, Role.COORDINATOR)
    play.do(c.ReportCrisis(what="no way out (invented)"), Role.COORDINATOR)
    tried = c.RecordCrisisContact(crisis="crisis-1", reached=False, assessment="no answer", safety_plan=False)
    play.do(tried)
    return play


def afterwards() -> Play:
    """What is missed and thrown away after a dose in a session, and one outside it."""
    play = after("session.dose").later(minutes=60)
    play.do(c.MissObservation(session=1, minute=15, reason="asleep (invented)"), Role.SESSION_MONITOR)
    thrown_away = c.MoveSupply(movement="disposed", doses=1, moved_at=play.at)
    moved = one(play.do(thrown_away, Role.SESSION_MONITOR), e.SupplyMoved)
    play.do(c.WitnessDisposal(disposal=moved.supply), Role.CLINICIAN)
    taken = c.RecordDose(dose_mg=10, route="oral", taken_at=play.at)
    play.do(taken, Role.PATIENT)
    play.later(days=1).do(c.GiveUpObservation(dose="dose-2", minute=120, reason="did not answer"))
    play.later(days=2).do(c.RecordNoShow(visit="visit-1", tried="called twice (invented)"), Role.COORDINATOR)
    return play


def busy() -> Play:
    """A session that has ended, and all that people tell besides."""
    play = after("session.end")
    play.do(c.AskQuestion(text="may I fly?"), Role.PATIENT)
    play.do(c.AnswerQuestion(question="question-1", text="not this week"))
    play.do(c.RequestSupport(urgency="routine", text="a form (invented)"), Role.PATIENT)
    play.do(c.AnswerSupport(support="support-1", text="sent"), Role.COORDINATOR)
    play.do(c.ReportAdverseEvent(what="fell (invented)", grade=1, serious=False, onset=play.at), Role.PATIENT)
    play.do(c.KeepUnreadable(name="x", content="?"), CLOCK)
    play.do(c.HandleMessage(message="message-1", text="a form sent twice"), Role.OPS)
    play.do(c.RecordObservation(seen_at=play.at, consciousness="alert", breathing_normal=True), Role.OBSERVER)
    play.do(c.RecordPregnancyTest(taken_at=play.at, result="unclear"), Role.PATIENT)
    play.do(
        c.RecordTherapy(held_at=play.at, approach="exposure", attended=True, summary="x", location=HERE), Role.THERAPIST
    )
    play.do(c.MoveSupply(movement="lost", doses=1, moved_at=play.at), Role.COORDINATOR)
    play.do(c.CountSupply(doses=0, counted_at=play.at), Role.COORDINATOR)
    return play


def test_what_is_no_fact_says_what_to_do_instead() -> None:
    play = after("session.release")
    for kind, says in (("session.released", "Cancel"), ("signoff.signed", "withdraw"), ("plan.recorded", "anew")):
        said = c.MarkInError(version=version_of(play, kind), reason="x")
        assert says in play.refused(said, code=RefusalCode.UNKNOWN, field="version").remedy
    play.refused(c.MarkInError(version=9999, reason="x"), code=RefusalCode.UNKNOWN, field="version")


@pytest.mark.requirement("B27")
def test_a_dose_in_error_counts_until_a_second_person_confirmed() -> None:
    play = before("session.release", SECOND)
    mark(play, "session.dosed", by=Role.SESSION_MONITOR)
    assert list(play.journey.doses) == ["dose-1"]
    assert dose_gate(play.journey, SECOND, play.at)
    confirm(play, Role.CLINICIAN)
    assert not play.journey.doses
    assert play.journey.course_started_at is None
    dose = redose(after("session.dose"), session=None, taken_at=play.at - timedelta(hours=1), deviation=None)
    assert one(play.do(dose, Role.PATIENT), e.DoseRecorded).dose == "dose-2"


def test_a_dose_in_error_is_watched_no_more_once_confirmed() -> None:
    play = after("session.dose")
    mark(play, "session.dosed")
    assert play.waits_for("observation") is not None
    confirm(play)
    assert play.waits_for("observation") is None
    assert not [contact.id for contact in play.journey.contacts.values() if contact.open and contact.dose]


def test_a_wrong_observation_blocks_the_end_until_it_is_confirmed_and_the_patient_seen_again() -> None:
    play = before("session.end")
    wrong = observation(play.journey, 1, 120, play.at).model_copy(update={"consciousness": "unresponsive"})
    play.do(wrong, Role.OBSERVER)
    criteria = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True)
    end = c.EndSession(session=1, criteria=criteria)
    code = RefusalCode.INCOMPLETE
    play.refused(end, Role.SESSION_MONITOR, code=code, field="criteria", says="not alert")
    mark(play, "session.observed", by=Role.SESSION_MONITOR)
    play.refused(end, Role.SESSION_MONITOR, code=code, field="session", says="not yet confirmed")
    confirm(play, Role.CLINICIAN)
    play.refused(end, Role.SESSION_MONITOR, code=code, field="criteria", says="since the last observation")
    play.later(minutes=1)
    see(play)
    play.do(end, Role.SESSION_MONITOR)
    assert play.journey.held, "the alarm it gave is settled by a clinician all the same"


@pytest.mark.parametrize(("hours", "seen_to"), [(0, True), (69, True), (71, False)])
def test_a_patient_whose_session_ended_on_a_look_at_somebody_else_is_seen_to(hours: int, seen_to: bool) -> None:
    play = before("session.end")
    play.do(c.RecordObservation(seen_at=play.at, consciousness="alert", breathing_normal=True), Role.OBSERVER)
    play.go_on(lambda journey: journey.sessions[1].ended_at is not None)
    play.later(hours=hours)
    for kind in ("session.observed", "observation.recorded"):
        marked = play.branch()
        mark(marked, kind)
        assert not marked.journey.support, "it counts until a second person has confirmed it"
        confirm(marked)
        asked = [(asked.urgency, asked.text) for asked in marked.journey.support.values()]
        said = "an observation of session 1 was entered in error, and the session is over"
        assert asked == ([("urgent", said)] if seen_to else [])


def test_a_missed_observation_in_error_is_awaited_again() -> None:
    play = after("session.dose").later(minutes=60)
    play.do(observation(play.journey, 1, 60, play.at), Role.OBSERVER)
    play.do(c.MissObservation(session=1, minute=15, reason="asleep (invented)"), Role.SESSION_MONITOR)
    assert play.waits_for("observation", "1-15") is None
    mark(play, "session.observation-missed")
    assert play.waits_for("observation", "1-15") is not None


@pytest.mark.parametrize(
    ("kind", "waits"),
    [("check-in.completed", "check_in"), ("consent.given", "consent"), ("education.explained", "education")],
)
def test_what_is_asked_for_again_needs_no_second_person(kind: str, waits: str) -> None:
    play = after("check-in.complete")
    mark(play, kind)
    assert not play.journey.unconfirmed
    assert play.waits_for(waits) is not None


def test_what_rested_on_an_explanation_that_was_never_given_is_asked_for_again() -> None:
    """It was explained after all, and nobody acknowledged or agreed to anything again."""
    play = after("session.acknowledge-instructions")
    told = play.journey.education
    for kind, acknowledged in (("education.confirmed", True), ("education.explained", False)):
        again = play.branch()
        mark(again, kind)
        assert not again.journey.consents
        assert bool(again.journey.education.acknowledged) is acknowledged
        again.do(c.ExplainTopics(topics=tuple(told.explained), content_version="demo-1", location=HERE))
        heard = dict.fromkeys(told.explained, "understood")
        again.do(c.ConfirmUnderstanding.model_validate({"topics": heard, "in_their_words": "x", "location": HERE}))
        assert again.waits_for("consent") is not None
    mark(play, "session.instructed")
    play.do(c.Instruct(session=1, content_version="demo-1"), Role.COORDINATOR)
    assert play.waits_for("instructions_read", "1") is not None


def test_an_adverse_event_in_error_is_reviewed_no_more_and_its_hold_is_decided_on() -> None:
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="fell (invented)", grade=3, serious=False, onset=play.at), Role.PATIENT)
    assert play.asks_for(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    mark(play, "adverse-event.reported")
    assert play.asks_for(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    confirm(play)
    assert not play.asks_for(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    assert play.journey.held
    play.sign(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    assert not play.journey.held


@pytest.mark.requirement("A35")
@pytest.mark.parametrize(("grade", "worse"), [(1, 3), (1, 4), (1, 5), (5, 5)])
def test_an_adverse_event_in_error_that_somebody_grades_after_all_acts_like_any(grade: int, worse: int) -> None:
    """Also where it is its outcome that is told."""
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="fell (invented)", grade=grade, serious=False, onset=play.at), Role.PATIENT)
    mark(play, "adverse-event.reported")
    confirm(play)
    if worse == 5:
        play.do(followed_up("adverse-event-1", "fatal"))
    else:
        said = {"adverse_event": "adverse-event-1", "grade": worse, "serious": False, "reason": "it did happen"}
        play.do(c.RegradeAdverseEvent.model_validate(said))
    assert play.waits_for("alarm", "adverse-event-1") is not None
    assert play.asks_for(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    hold = next(hold for hold in play.journey.standing_holds if hold.source == "adverse-event-1")
    sign = play.signature(SignOffKind.SEVERE_HOLD_RELEASE, hold.id)
    play.refused(sign, Role.MEDICAL_DIRECTOR, code=RefusalCode.INCOMPLETE, says="reviewed")


def test_an_adverse_event_that_was_graded_after_all_can_be_marked_again() -> None:
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="fell (invented)", grade=1, serious=False, onset=play.at), Role.PATIENT)
    again = c.MarkInError(version=version_of(play, "adverse-event.reported"), reason="it did not (invented)")
    said = {"adverse_event": "adverse-event-1", "grade": 2, "serious": False, "reason": "it did happen"}
    for _ in range(2):
        play.do(again)
        play.refused(again, code=RefusalCode.ALREADY_DONE, field="version")
        confirm(play)
        assert play.journey.adverse_events["adverse-event-1"].in_error
        assert not play.asks_for(SignOffKind.ADVERSE_EVENT, "adverse-event-1")
        play.refused(again, code=RefusalCode.ALREADY_DONE, field="version")
        play.do(c.RegradeAdverseEvent.model_validate(said))
        assert play.asks_for(SignOffKind.ADVERSE_EVENT, "adverse-event-1")


def test_answers_of_a_form_in_error_are_those_that_none_gave_later() -> None:
    play = after("screening.record")
    first = play.journey.protocol.exclusions[0].code
    play.do(c.RecordScreening(exclusions={first: c.ScreeningAnswer(answer="no")}))
    mark(play, "screening.recorded", 0)
    confirm(play)
    assert list(play.journey.screening.exclusions) == [first]
    assert play.waits_for("screening") is not None


def test_of_two_facts_of_one_moment_one_in_error_takes_the_other_away_with_it_never() -> None:
    play = before("session.schedule", 2)
    for approach, by in (("cbt", Role.THERAPIST), ("emdr", Role.CLINICIAN)):
        play.do(c.RecordTherapy(held_at=play.at, approach=approach, attended=True, summary="x", location=HERE), by)
    mark(play, "therapy.recorded")
    assert [each.approach for each in play.journey.therapy] == ["cbt"]


def test_an_evaluation_in_error_leaves_none_of_its_ratings() -> None:
    play = after("evaluation.record")
    for version in [version for version, fact in play.journey.facts.items() if fact.kind == "evaluation.recorded"]:
        play.do(c.MarkInError(version=version, reason="another patient's (invented)"))
    said = play.journey.evaluation.model_dump(exclude={"evaluator", "authors", "recorded_at"})
    assert not [name for name, value in said.items() if value], "nothing that it said is left"


@pytest.mark.parametrize("marked", [("moved",), ("witnessed",), ("moved", "witnessed"), ("witnessed", "moved")])
def test_a_disposal_in_error_leaves_its_doses_in_the_ledger_once(marked: tuple[str, ...]) -> None:
    """One that was witnessed counted as gone even so."""
    play = after("session.end")
    play.do(c.MoveSupply(movement="dispensed", doses=3, moved_at=play.at), Role.COORDINATOR)
    there = balance(play.journey)
    moved = play.do(c.MoveSupply(movement="disposed", doses=3, moved_at=play.at), Role.SESSION_MONITOR)
    disposal = one(moved, e.SupplyMoved).supply
    play.do(c.WitnessDisposal(disposal=disposal), Role.CLINICIAN)
    assert balance(play.journey) == there - 3
    for kind in marked:
        mark(play, f"supply.{kind}")
        confirm(play)
        assert balance(play.journey) == there
    waits = play.waits_for("witness", disposal)
    assert (waits is not None) == (marked == ("witnessed",)), "what was not witnessed waits for a witness again"


def test_a_discharge_is_not_signed_over_a_correction_that_nobody_confirmed() -> None:
    play = after("pathway.propose-discharge")
    mark(play, "visit.recorded")
    signature = play.signature(SignOffKind.DISCHARGE)
    play.refused(signature, code=RefusalCode.INCOMPLETE, says="not yet confirmed")


def test_the_checklist_before_a_dose_stays_the_baseline_until_its_mark_is_confirmed() -> None:
    """A rise is counted from it. Before the dose it is asked for again, and nothing rests on it."""
    play = after("session.dose")
    mark(play, "session.checked", by=Role.COORDINATOR)
    play.wait(minutes=15)
    seen, rules = observation(play.journey, 1, 15, play.at), play.journey.protocol.sessions.vitals
    before_dose = play.journey.sessions[1].check
    assert before_dose is not None
    risen = before_dose.vitals.systolic + round(rules.notify.rise_systolic)
    assert risen < rules.notify.systolic
    vitals = before_dose.vitals.model_copy(update={"systolic": risen, "measured_at": play.at})
    followed = play.do(seen.model_copy(update={"vitals": vitals}), Role.SESSION_MONITOR)
    assert one(followed, e.SessionObserved).alert == "notify"
    confirm(play)
    assert play.journey.sessions[1].check is None


@pytest.mark.parametrize("kind", ["check-in.completed", "evaluation.recorded"])
def test_nobody_alone_takes_a_review_away(kind: str) -> None:
    """Neither by the ratings that asked for it, though the patient feels well, nor by those they were compared with."""
    play = after("session.end")
    rules, before_course = play.journey.protocol.symptoms, play.journey.evaluation
    lowest = before_course.model_copy(update={"symptoms": dict.fromkeys(rules.names, 0)})
    play = play.changed(evaluation=lowest)
    rated = dict.fromkeys(rules.names, rules.alert_at if kind == "check-in.completed" else rules.worse_by)
    for name in ("check-in-1-4h", "check-in-1-24h"):
        play.wait(hours=(play.journey.contacts[name].due - play.at) / timedelta(hours=1))
        play.do(answer(name).model_copy(update={"symptoms": rated}), Role.PATIENT)
    owed = reviews_owed(play.journey)
    assert owed
    assert one(mark(play, kind), e.EnteredInError).to_confirm
    assert reviews_owed(play.journey) == owed


@pytest.mark.parametrize(("rated", "waits"), [(0, False), (-1, False), (None, True)])
def test_nobody_alone_takes_away_that_a_symptom_was_worse(rated: int | None, waits: bool) -> None:
    """Once worse asks for no review yet, and counts towards one: without it the next one would be the first."""
    play = after("session.end")
    rules, before_course = play.journey.protocol.symptoms, play.journey.evaluation
    base = before_course.model_copy(update={"symptoms": dict.fromkeys(rules.names, 1)})
    play = play.changed(evaluation=base)
    said = dict.fromkeys(rules.names, 1 + (rules.worse_by if rated is None else rated))
    play.wait(hours=(play.journey.contacts["check-in-1-4h"].due - play.at) / timedelta(hours=1))
    play.do(answer("check-in-1-4h").model_copy(update={"symptoms": said}), Role.PATIENT)
    assert reviews_owed(play.journey) == ()
    assert one(mark(play, "check-in.completed"), e.EnteredInError).to_confirm is waits
    assert (play.waits_for("check_in", "check-in-1-4h") is None) is waits
    if waits:
        confirm(play)
        assert play.waits_for("check_in", "check-in-1-4h") is not None


@pytest.mark.requirement("A60")
@pytest.mark.parametrize(
    ("kind", "asks"),
    [("instrument.recorded", True), ("visit.recorded", True), ("session.dosed", True), ("consent.given", False)],
)
def test_after_the_end_what_was_signed_on_a_wrong_fact_is_looked_at_again(kind: str, asks: bool) -> None:
    """No review is owed and no discharge is signed any more: a clinician hears of it all the same."""
    play = undisturbed()
    mark(play, kind, 0)
    if play.journey.unconfirmed:
        assert play.waits_for("support") is None, "nothing has changed yet"
        confirm(play)
    assert play.journey.closed
    asked = play.waits_for("support")
    assert (asked is not None) == asks
    if asked is not None:
        assert asked.owner == Role.CLINICIAN
        play.do(c.AnswerSupport(support=asked.subject or "", text="called the patient (invented)"))
        assert play.waits_for("support") is None


@pytest.mark.requirement("A60")
def test_after_the_end_what_was_signed_on_a_corrected_fact_is_looked_at_again() -> None:
    play = undisturbed()
    [dosed] = [dose for dose in play.journey.doses.values() if dose.session == 1]
    amend(play, "session.dosed", redose(play, dose_mg=(dosed.dose_mg or 0) / 2), version=dosed.version)
    assert play.waits_for("support") is not None


def test_a_dose_that_is_told_again_while_it_is_marked_is_asked_about() -> None:
    """The observer said again that it was taken, was told that it is recorded, and then it counted no more."""
    play = after("session.dose")
    taken = play.journey.doses["dose-1"]
    mark(play, "session.dosed")
    again = c.RecordDose(session=1, dose_mg=taken.dose_mg, route=taken.route, taken_at=taken.taken_at)
    command = play.command(again, Role.OBSERVER)
    refusal = play.take(command)
    assert isinstance(refusal, Refusal)
    assert refusal.code == RefusalCode.CONTRADICTS
    one([event.body for event in play.keep(command, refusal)], e.ReportKept)
    assert play.waits_for("kept_report") is not None
