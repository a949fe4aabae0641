"""Corrections: judged like the fact itself at once, and opening nothing before a second person has confirmed them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from simulation.people import PEOPLE, checklist, observation, plan, revision, vitals
from tests.journey.contacts import following_up, handover
from tests.journey.correcting import SECOND, amend, confirm, mark, redose, reject, version_of
from tests.journey.play import Play, after, before, collected, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.corrections.told_before import MOST
from workflows.journey.evidence import is_approved
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.stages.sessions.reviews import reviews_owed
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode


@pytest.mark.requirement("A33")
def test_a_correction_opens_nothing_before_a_second_person_confirmed_it() -> None:
    play = before("session.release", SECOND).later(minutes=6)
    assert dose_gate(play.journey, SECOND, play.at) == ()
    amend(play, "session.dosed", redose(play, taken_at=play.dosed_at() + timedelta(minutes=5), deviation=None))
    assert any("confirm the correction" in obstacle for obstacle in dose_gate(play.journey, SECOND, play.at))
    assert not is_approved(play.journey, SignOffKind.CLEARANCE, str(SECOND))
    [correction] = play.journey.unconfirmed
    said = c.ConfirmCorrection(correction=correction, reason="compared (invented)")
    play.refused(said, code=RefusalCode.NOT_ALLOWED, says="who corrected it")
    play.refused(said, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    twin = PEOPLE[Role.CLINICIAN].model_copy(update={"id": "twin"})
    play.refused(said, twin, code=RefusalCode.NOT_ALLOWED, says="who corrected it")
    play.do(said, Role.MEDICAL_DIRECTOR)
    play.refused(said, Role.MEDICAL_DIRECTOR, code=RefusalCode.ALREADY_DONE)
    assert not any("confirm the correction" in obstacle for obstacle in dose_gate(play.journey, SECOND, play.at))
    assert not is_approved(play.journey, SignOffKind.CLEARANCE, str(SECOND))


def to_hand_over() -> Play:
    play = collected(after("session.end"))
    play.do(c.Withdraw(), Role.PATIENT)
    play.do(handover(), Role.ON_CALL_CLINICIAN)
    return play


def seen_by_nobody() -> Play:
    play = following_up()
    play.wait(days=60)
    play.do(handover(), Role.ON_CALL_CLINICIAN)
    return play


ENDS: dict[str, tuple[Callable[[], Play], SignOffKind, str | None, dict[str, Any]]] = {
    "a handover": (to_hand_over, SignOffKind.HANDOVER, None, {}),
    "lost to follow-up": (
        seen_by_nobody, SignOffKind.LOST_TO_FOLLOW_UP, "follow-up-week-1", {"referral": "the sister"}
    ),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("what", ENDS)
def test_nothing_ends_over_a_correction_that_nobody_confirmed(what: str) -> None:
    start, kind, subject, said = ENDS[what]
    play = start()
    mark(play, "session.dosed")
    play.refused(play.signature(kind, subject, **said), code=RefusalCode.INCOMPLETE, says="not yet confirmed")
    reject(play, next(iter(play.journey.unconfirmed)))
    play.sign(kind, subject, **said)
    assert is_approved(play.journey, kind, subject) or not play.asks_for(kind, subject)


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


@pytest.mark.parametrize("since", ["cancelled", "checked anew"])
def test_a_correction_of_a_checklist_that_is_gone_can_be_rejected(since: str) -> None:
    """Nobody could correct it again, and the correction stood before every dose until somebody confirmed it."""
    play = after("session.check")
    form = checklist(play.journey, 1, play.at)
    amend(play, "session.checked", form.model_copy(update={"reachable_within_minutes": 5}))
    [wrong] = play.journey.unconfirmed
    said = c.RejectCorrection(correction=wrong, reason="not so (invented)")
    play.refused(said, Role.MEDICAL_DIRECTOR, code=RefusalCode.INCOMPLETE, says="counts as this")
    if since == "cancelled":
        play.do(c.CancelSession(session=1, reason="x"))
    else:
        play.later(minutes=1).do(checklist(play.journey, 1, play.at), Role.SESSION_MONITOR)
    reject(play, wrong)
    assert not play.journey.unconfirmed


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


@pytest.mark.requirement("B27")
def test_a_corrected_dose_is_an_overdose_of_what_was_released_whatever_is_planned_since() -> None:
    """Of 100 mg that were released, 150 were taken; by then the plan said 150 for the next session."""
    play = after("session.end", 2)
    plan = play.journey.plan
    assert plan is not None
    play.do(revision(play.journey, plan.model_copy(update={"dose_mg": 150.0, "weighed_at": play.at})))
    said = one(amend(play, "session.dosed", redose(play, 2, dose_mg=150.0)), e.AdverseEventReported)
    assert said.finding == "overdose"


@pytest.mark.requirement("B27")
def test_a_dose_that_somebody_corrects_is_not_taken_back_by_an_earlier_mark() -> None:
    """It was marked as entered in error, then its amount was corrected, and both were confirmed: no dose was left."""
    play = after("session.end")
    mark(play, "session.dosed", by=Role.COORDINATOR)
    amend(play, "session.dosed", redose(play, 1, dose_mg=120.0))
    marked, _ = play.journey.unconfirmed
    said = c.ConfirmCorrection(correction=marked, reason="x")
    play.refused(said, Role.MEDICAL_DIRECTOR, code=RefusalCode.CONTRADICTS, field="correction", says="corrected since")
    reject(play, marked)
    confirm(play)
    assert play.journey.doses["dose-1"].dose_mg == 120.0
    mark(play, "session.dosed", by=Role.COORDINATOR)
    confirm(play)
    assert not play.journey.doses


@pytest.mark.parametrize("minutes", [-5, 5])
def test_what_was_reminded_of_a_visit_is_not_reminded_again_when_the_time_of_its_dose_is_corrected(
    minutes: int,
) -> None:
    play = after("session.end")
    visit = play.journey.contacts["visit-1"]
    play.wait(hours=(visit.due - play.at) / timedelta(hours=1) - 1)
    rang = [b.step for b in escalated(play) if b.obligation == "visit:visit-1"]
    assert rang == [0, 1]
    taken = play.dosed_at() + timedelta(minutes=minutes)
    amend(play, "session.dosed", redose(play, taken_at=taken))
    confirm(play)
    asked = play.waits_for("visit", "visit-1")
    assert asked is not None
    assert asked.deadline == visit.due + timedelta(minutes=minutes)
    play.wait(hours=2)
    assert [b.step for b in escalated(play) if b.obligation == "visit:visit-1"] == [0, 1, 2]


def escalated(play: Play) -> list[e.ObligationEscalated]:
    return [event.body for event in play.events if isinstance(event.body, e.ObligationEscalated)]


@pytest.mark.long
def test_a_fact_is_corrected_however_often_and_no_watch_is_taken_away() -> None:
    """After ten tellings nothing was corrected any more before a second person had decided, not even an amount."""
    play = after("session.dose").later(minutes=50)
    first, dose = play.dosed_at(), "dose-1"
    for minute in range(40):
        moved = redose(play, taken_at=first + timedelta(minutes=1 + minute % 2))
        amend(play, "session.dosed", moved)
    assert len(play.journey.doses[dose].told_before) <= 3, "times that were told before are the same times"
    times = [first, *(first + timedelta(minutes=minute) for minute in (49, *range(3, 40)))]
    for moment in times:
        amend(play, "session.dosed", redose(play, taken_at=moment))
    amend(play, "session.dosed", redose(play, dose_mg=99.0))
    told = play.journey.doses[dose].told
    assert len(told) <= MOST + 1
    assert {min(times), max(times)} <= {each.observe_at[0] - told[0].observe_at[0] + first for each in told}


@pytest.mark.parametrize("worse", [0, MOST + 3])
def test_a_visit_is_corrected_however_often_and_each_review_that_it_asks_for_is_owed(worse: int) -> None:
    play = after("visit.record")
    said = next(event.body for event in play.events if isinstance(event.body, e.VisitRecorded))
    form = c.RecordVisit.model_validate(said.model_dump(exclude={"kind", "late"}))
    for number in range(2 * MOST):
        outcome = "worsening" if number == worse else form.outcome
        retold = form.model_copy(update={"concurrent_care": f"none {number}", "outcome": outcome})
        amend(play, "visit.recorded", retold)
    told = play.journey.contacts[said.visit].told_before
    assert len(told) <= MOST
    assert "worsening" in [record.outcome for record in told if isinstance(record, e.VisitRecorded)]
    assert said.visit in reviews_owed(play.journey)
