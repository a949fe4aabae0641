"""Corrections: judged like the fact itself at once, and opening nothing before a second person has confirmed them."""

from datetime import timedelta
from typing import Any, get_args

import pytest

from simulation.people import PEOPLE, checklist, observation, plan, revision, vitals
from tests.journey.play import Play, after, before, course, followed_up, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import CLOCK, Actor, Role
from workflows.journey.always.corrections.entered_in_error import BY_RULE, INSTEAD, MARKABLE, instead_of, loosens
from workflows.journey.always.supply.rules import balance
from workflows.journey.evidence import approved
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.refusals import Refusal, RefusalCode
from workflows.journey.stages.sessions.dose_gate import dose_gate

SECOND = 2


def version_of(play: Play, kind: str, nth: int = -1) -> int:
    """The version of the n-th fact of this kind."""
    return play.version_of(kind, nth)


def mark(play: Play, kind: str, nth: int = -1, by: Role | Actor = Role.CLINICIAN) -> list[e.EventBody]:
    return play.do(c.MarkInError(version=version_of(play, kind, nth), reason="another patient's (invented)"), by)


def confirm(play: Play, by: Role | Actor = Role.MEDICAL_DIRECTOR) -> list[e.EventBody]:
    [correction] = play.journey.unconfirmed
    return play.do(c.ConfirmCorrection(correction=correction, reason="compared (invented)"), by)


def amend(play: Play, kind: str, correction: c.CommandBody, **said: Any) -> list[e.EventBody]:
    body = {"version": version_of(play, kind), "reason": "misread (invented)", "correction": correction, **said}
    return play.do(c.Amend.model_validate(body))


def redose(play: Play, number: int = 1, **changed: Any) -> c.RecordDose:
    """The dose of a session as it was recorded, with something changed."""
    dose = play.journey.doses[play.journey.sessions[number].dose or ""]
    told = {"session": number, "dose_mg": dose.dose_mg, "route": dose.route, "taken_at": dose.taken_at}
    return c.RecordDose.model_validate({**told, "doses_left": dose.doses_left, "deviation": "misread", **changed})


# By a second person


@pytest.mark.requirement("A33")
def test_a_correction_opens_nothing_before_a_second_person_confirmed_it() -> None:
    play = before("session.release", SECOND).later(minutes=6)
    assert dose_gate(play.journey, SECOND, play.at) == ()
    amend(play, "session.dosed", redose(play, taken_at=play.dosed_at() + timedelta(minutes=5), deviation=None))
    assert any("confirm the correction" in obstacle for obstacle in dose_gate(play.journey, SECOND, play.at))
    assert not approved(play.journey, SignOffKind.CLEARANCE, str(SECOND))
    [correction] = play.journey.unconfirmed
    said = c.ConfirmCorrection(correction=correction, reason="compared (invented)")
    play.refused(said, code=RefusalCode.NOT_ALLOWED, says="who corrected it")
    play.refused(said, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    twin = PEOPLE[Role.CLINICIAN].model_copy(update={"id": "twin"})
    play.refused(said, twin, code=RefusalCode.NOT_ALLOWED, says="who corrected it")
    play.do(said, Role.MEDICAL_DIRECTOR)
    play.refused(said, Role.MEDICAL_DIRECTOR, code=RefusalCode.ALREADY_DONE)
    assert not any("confirm the correction" in obstacle for obstacle in dose_gate(play.journey, SECOND, play.at))
    assert not approved(play.journey, SignOffKind.CLEARANCE, str(SECOND))


def reject(play: Play, correction: int, by: Role | Actor = Role.MEDICAL_DIRECTOR) -> list[e.EventBody]:
    return play.do(c.RejectCorrection(correction=correction, reason="not so (invented)"), by)


@pytest.mark.parametrize("by", [Role.MEDICAL_DIRECTOR, Role.CLINICIAN])
def test_a_mark_in_error_that_is_rejected_falls_away(by: Role) -> None:
    """The dose counts as before, nothing waits for a second person, and it may be marked again."""
    play = before("session.release", SECOND).later(minutes=6)
    doses, opened = play.journey.doses, dose_gate(play.journey, SECOND, play.at)
    mark(play, "session.dosed")
    [correction] = play.journey.unconfirmed
    assert dose_gate(play.journey, SECOND, play.at) != opened
    reject(play, correction, by)
    assert play.journey.doses == doses
    assert play.journey.unconfirmed == {}
    assert play.journey.in_error == ()
    said = c.ConfirmCorrection(correction=correction, reason="x")
    play.refused(said, Role.MEDICAL_DIRECTOR, code=RefusalCode.UNKNOWN, field="correction")
    mark(play, "session.dosed")
    confirm(play)
    assert len(play.journey.doses) == len(doses) - 1


def test_an_amended_fact_is_corrected_again_before_its_correction_is_rejected() -> None:
    play = before("session.release", SECOND).later(minutes=6)
    right = redose(play)
    amend(play, "session.dosed", redose(play, taken_at=play.dosed_at() + timedelta(minutes=5), deviation=None))
    [wrong] = play.journey.unconfirmed
    said = c.RejectCorrection(correction=wrong, reason="not so (invented)")
    play.refused(said, Role.MEDICAL_DIRECTOR, code=RefusalCode.INCOMPLETE, says="counts as this")
    amend(play, "session.dosed", right)
    reject(play, wrong)
    [again] = play.journey.unconfirmed
    assert again != wrong
    assert any("confirm the correction" in obstacle for obstacle in dose_gate(play.journey, SECOND, play.at))
    confirm(play)
    assert play.journey.doses[play.journey.sessions[1].dose or ""].taken_at == right.taken_at


@pytest.mark.parametrize("named", ["the fact", "the correction"])
@pytest.mark.parametrize("other", ["observation", "evaluation", "checklist", "visit", "screening"])
def test_a_correction_of_something_else_lets_nobody_reject_this_one(other: str, named: str) -> None:
    """One person moved a dose, named its version in a correction of something else, and rejected their own first one:
    nothing waited for a second person, and the dose stayed where they had put it."""
    play = before("session.release", 3)
    dose = version_of(play, "session.dosed", 0)
    play.do(c.Amend(version=dose, reason="x", correction=redose(play, dose_mg=1.0)))
    [wrong] = play.journey.unconfirmed
    visit = next(k.record for k in play.journey.contacts.values() if isinstance(k.record, e.VisitRecorded))
    facts: dict[str, Any] = {
        "observation": observation(play.journey, 1, 120, play.at),
        "evaluation": c.RecordEvaluation(function={next(iter(play.journey.evaluation.function)): "x"}),
        "checklist": checklist(play.journey, 3, play.at),
        "visit": c.RecordVisit.model_validate(visit.model_dump(exclude={"kind", "late", "not_understood"})),
        "screening": c.RecordScreening(factors={"personal_circumstances": "x"}),
    }
    said = {"version": dose if named == "the fact" else wrong, "reason": "x", "correction": facts[other]}
    play.take(play.command(c.Amend.model_validate(said), Role.CLINICIAN))
    reject_it = c.RejectCorrection(correction=wrong, reason="x")
    play.refused(reject_it, code=RefusalCode.INCOMPLETE, says="counts as this")
    assert wrong in play.journey.unconfirmed


def test_a_correction_of_another_dose_lets_nobody_reject_this_one() -> None:
    play = before("session.release", 3)
    play.do(c.Amend(version=version_of(play, "session.dosed", 0), reason="x", correction=redose(play, dose_mg=1.0)))
    [wrong] = play.journey.unconfirmed
    other = c.Amend(version=wrong, reason="x", correction=redose(play, 2))
    play.refused(other, code=RefusalCode.UNKNOWN, field="correction")
    play.do(other.model_copy(update={"version": version_of(play, "session.dosed", 1)}))
    play.refused(c.RejectCorrection(correction=wrong, reason="x"), code=RefusalCode.INCOMPLETE, says="counts as this")


def test_a_correction_of_another_answer_lets_nobody_reject_this_one() -> None:
    """Neither one of another exclusion, nor one of another questionnaire, or another time it was filled in."""
    play = before("session.release", SECOND)
    for code in ("X02", "X03"):
        play.do(c.RecordScreening(exclusions={code: c.ScreeningAnswer(answer="yes")}))
    asked, low = Instrument.C_SSRS, {"q1": False, "q2": False, "q6": False}
    for answers in ({**low, "q1": True, "q2": True}, low):
        play.do(c.RecordInstrument(instrument=asked, occasion="asked", answers=answers))
    play.do(c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="asked", answers=[0] * 9), Role.PATIENT)
    screened, measured = version_of(play, "screening.recorded", -2), version_of(play, "instrument.recorded", -3)
    pairs: list[tuple[int, Any, int, Any]] = [
        (
            screened,
            c.RecordScreening(exclusions={"X02": c.ScreeningAnswer(answer="no")}),
            screened,
            c.RecordScreening(exclusions={"X03": c.ScreeningAnswer(answer="yes")}),
        ),
        *(
            (measured, c.RecordInstrument(instrument=asked, occasion="asked", answers=low), version, other)
            for version, other in (
                (
                    version_of(play, "instrument.recorded", -2),
                    c.RecordInstrument(instrument=asked, occasion="asked", answers=low),
                ),
                (
                    version_of(play, "instrument.recorded"),
                    c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="asked", answers=[0] * 9),
                ),
            )
        ),
    ]
    for version, wrong, other_version, other in pairs:
        again = Play(play.journey, play.at)
        again.do(c.Amend(version=version, reason="x", correction=wrong))
        correction = max(again.journey.unconfirmed)
        again.take(again.command(c.Amend(version=other_version, reason="x", correction=other), Role.CLINICIAN))
        again.refused(
            c.RejectCorrection(correction=correction, reason="x"), code=RefusalCode.INCOMPLETE, says="counts as this"
        )


def test_who_rejects_a_correction_and_which() -> None:
    play = after("session.end")
    said = c.RejectCorrection(correction=1, reason="x")
    play.refused(said, code=RefusalCode.UNKNOWN, field="correction")
    mark(play, "session.dosed")
    [correction] = play.journey.unconfirmed
    said = c.RejectCorrection(correction=correction, reason="x")
    for role in (Role.COORDINATOR, Role.PATIENT, Role.SESSION_MONITOR, Role.OPS):
        play.refused(said, role, code=RefusalCode.NOT_ALLOWED)
    confirm(play)
    play.refused(said, code=RefusalCode.ALREADY_DONE)


def test_confirming_what_is_not_there_is_refused() -> None:
    said = c.ConfirmCorrection(correction=1, reason="x")
    after("session.end").refused(said, code=RefusalCode.UNKNOWN, field="correction")


@pytest.mark.requirement("B27")
def test_an_earlier_dose_time_opens_no_interval_for_one_person() -> None:
    play = before("session.release", SECOND)
    late = play.at - timedelta(hours=100)
    play = play.redosed(taken_at=late)
    assert any("hours after the last dose" in found for found in dose_gate(play.journey, SECOND, play.at))
    amend(play, "session.dosed", redose(play, taken_at=play.at - timedelta(hours=169), deviation="misread"))
    assert dose_gate(play.journey, SECOND, play.at)
    play.refused(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR, code=RefusalCode.HELD)


def test_a_corrected_dose_is_judged_like_the_dose_itself() -> None:
    """Told earlier, it was before the release: a deviation, a hold, and contacts counted from then."""
    play = after("session.dose")
    taken = play.dosed_at() - timedelta(hours=3)
    play.refused(
        c.Amend(
            version=version_of(play, "session.dosed"),
            reason="x",
            correction=redose(play, taken_at=taken, deviation=None),
        ),
        code=RefusalCode.OUT_OF_LIMITS,
        field="deviation",
        says="not released",
    )
    followed = amend(play, "session.dosed", redose(play, taken_at=taken, deviation="taken before anybody looked"))
    assert "hold.placed" in kinds(followed)
    assert play.journey.contacts["check-in-1-4h"].due == taken + timedelta(hours=4)
    fact = one(followed, e.FactAmended).correction
    assert isinstance(fact, e.DoseRecorded)
    assert (fact.released, fact.deviations) == (False, ("the session was not released",))


def test_what_was_observed_is_counted_from_the_corrected_dose() -> None:
    play = after("session.observe")
    taken = play.dosed_at() - timedelta(minutes=25)
    amend(play, "session.dosed", redose(play, taken_at=taken, deviation="the clock was wrong"))
    [seen] = play.journey.sessions[1].observations
    assert (seen.minute, seen.scheduled) == (40, 40)


@pytest.mark.parametrize("minutes", [-31, 1, 60 * 24])
def test_a_corrected_checklist_keeps_its_time(minutes: int) -> None:
    """Vital signs measured at another time belong to another checklist."""
    play = after("session.check")
    form = checklist(play.journey, 1, play.at)
    other = form.model_copy(update={"vitals": vitals(play.at + timedelta(minutes=minutes))})
    said = c.Amend(version=version_of(play, "session.checked"), reason="x", correction=other)
    play.refused(said, code=RefusalCode.WRONG_TIME, field="correction.vitals.measured_at")


def test_no_plan_rests_on_a_dose_that_nobody_confirmed() -> None:
    play = after("session.end")
    amend(play, "session.dosed", redose(play, dose_mg=140.0, deviation="misread"))
    written = revision(play.journey, plan(play.journey.protocol, play.at))
    play.refused(written, code=RefusalCode.INCOMPLETE, says="not yet confirmed")


# What a correction of a dose by one person does not end, or take away


@pytest.mark.parametrize("earlier", [100, 150, 600])
def test_no_session_ends_by_a_dose_time_that_nobody_confirmed(earlier: int) -> None:
    """Told two and a half hours earlier, it ended after half an hour."""
    play = after("session.dose").later(minutes=30)
    taken = play.dosed_at() - timedelta(minutes=earlier)
    amend(play, "session.dosed", redose(play, taken_at=taken))
    for minute in play.journey.sessions[1].awaited(play.journey.protocol.sessions.observe_minutes):
        play.take(play.command(c.MissObservation(session=1, minute=minute, reason="x"), Role.SESSION_MONITOR))
    minute = int((play.at - taken) / timedelta(minutes=1))
    play.do(observation(play.journey, 1, minute, play.at), Role.OBSERVER)
    criteria = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True)
    overdue = minute >= play.journey.protocol.sessions.maximum_before_decision_minutes
    for decision in (None, "well (invented)") if overdue else (None,):
        end = c.EndSession(session=1, criteria=criteria, clinician_decision=decision)
        assert isinstance(play.take(play.command(end, Role.CLINICIAN)), Refusal)
    assert play.journey.sessions[1].running


def test_no_session_ends_by_vital_signs_before_it_that_nobody_confirmed() -> None:
    """What was measured before the dose says whether blood pressure is back."""
    play = before("session.end")
    form = checklist(play.journey, 1, play.at)
    when = play.journey.sessions[1].check
    assert when is not None
    amend(play, "session.checked", form.model_copy(update={"vitals": vitals(when.vitals.measured_at, 139, 89)}))
    end = c.EndSession(session=1, criteria=dict.fromkeys(play.journey.protocol.sessions.release_criteria, True))
    play.refused(end, Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="session", says="not yet confirmed")
    confirm(play)
    play.do(end, Role.SESSION_MONITOR)


@pytest.mark.parametrize("changed", [{"dose_mg": 101}, {"dose_mg": 1}, {"route": "oral"}, {"told_by": "observer"}])
@pytest.mark.parametrize("minutes", [5, 20, 100])
def test_a_correction_takes_no_observation_away_that_is_owed(minutes: int, changed: dict[str, Any]) -> None:
    play = after("session.end").later(days=1)
    taken = {"dose_mg": 100, "route": "sublingual", "taken_at": play.at}
    play.do(c.RecordDose.model_validate(taken), Role.PATIENT)
    play.wait(minutes=minutes)
    owed = [w.id for w in play.journey.waiting.values() if w.kind == "observation"]
    amend(play, "session.dosed", c.RecordDose.model_validate({**taken, **changed, "deviation": "misread"}))
    assert [w.id for w in play.journey.waiting.values() if w.kind == "observation"] == owed
    assert len(owed) == len(play.journey.protocol.sessions.observe_minutes)


# Entered in error


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
    assert marked.to_confirm == loosens(play.journey.facts[version])
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
    play.do(c.RecordTherapy(held_at=play.at, approach="exposure", attended=True, summary="x"), Role.THERAPIST)
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


def test_a_wrong_observation_blocks_the_end_only_until_it_is_confirmed() -> None:
    play = before("session.end")
    wrong = observation(play.journey, 1, 120, play.at).model_copy(update={"consciousness": "unresponsive"})
    play.do(wrong, Role.OBSERVER)
    criteria = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True)
    end = c.EndSession(session=1, criteria=criteria)
    code = RefusalCode.INCOMPLETE
    play.refused(end, Role.SESSION_MONITOR, code=code, field="criteria", says="not alert")
    mark(play, "session.observed", by=Role.SESSION_MONITOR)
    play.refused(end, Role.SESSION_MONITOR, code=code, field="criteria", says="not alert")
    confirm(play, Role.CLINICIAN)
    play.do(end, Role.SESSION_MONITOR)
    assert play.journey.held, "the alarm it gave is settled by a clinician all the same"


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


# What a correction is of


AMENDED: dict[str, Any] = {
    "evaluation.recorded": lambda _: c.RecordEvaluation(sections={"overall_needs": "x"}),
    "session.checked": lambda play: checklist(play.journey, 1, play.at),
    "session.dosed": redose,
    "session.observed": lambda play: observation(play.journey, 1, 15, play.at),
    "instrument.recorded": lambda _: c.RecordInstrument(
        instrument=Instrument.PHQ_9, occasion="baseline", answers=[0] * 9
    ),
}


@pytest.mark.parametrize("what", AMENDED)
@pytest.mark.parametrize("named", ["pathway.started", "signoff.signed", *AMENDED])
def test_a_correction_names_the_fact_that_it_corrects(what: str, named: str) -> None:
    if named == what:
        return
    play = after("session.end")
    facts = play.journey.facts
    version = 1 if named == "pathway.started" else [v for v, fact in facts.items() if fact.kind == named][-1]
    body = c.Amend(version=version, reason="x", correction=AMENDED[what](play))
    play.refused(body, code=RefusalCode.UNKNOWN, field="version")


def test_a_correction_of_a_correction_may_name_either() -> None:
    play = before("session.schedule", 2)
    for mg in (90.0, 80.0):
        version = play.journey.version if mg == 80.0 else play.version_of("session.dosed")
        amended = [v for v, fact in play.journey.facts.items() if fact.kind == "fact.amended"]
        play.do(c.Amend(version=amended[-1] if amended else version, reason="x", correction=redose(play, dose_mg=mg)))
        assert play.journey.doses["dose-1"].dose_mg == mg


@pytest.mark.parametrize("by", [Role.COORDINATOR, Role.CLINICIAN])
@pytest.mark.parametrize(("feeling", "counts"), [("unwell", True), ("well", False)])
def test_an_alarming_check_in_counts_until_a_second_clinical_person_agrees(
    feeling: str, by: Role, *, counts: bool
) -> None:
    play = before("check-in.complete")
    symptoms = dict.fromkeys(play.journey.protocol.symptoms.names, 1)
    [owed] = [k.id for k in play.journey.contacts.values() if k.open and k.type == "check_in"][:1]
    said = {"check_in": owed, "feeling": feeling, "side_effects": "x", "symptoms": symptoms}
    here = {"location": {"state": play.journey.patient.state, "confirmed": True}}
    play.do(c.CompleteCheckIn.model_validate(said | here), Role.PATIENT)
    mark(play, "check-in.completed", by=by)
    assert (play.journey.contacts[owed].done_at is not None) is counts
    if counts:
        assert play.waits_for("correction") is not None
        confirm(play)
    assert play.journey.contacts[owed].done_at is None


def test_a_corrected_evaluation_and_observation_wait_for_a_second_person() -> None:
    play = after("session.end")
    for kind in ("evaluation.recorded", "session.observed"):
        amend(play, kind, AMENDED[kind](play))
        assert play.waits_for("correction") is not None
        confirm(play)
        assert play.waits_for("correction") is None
