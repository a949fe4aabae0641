"""The dose gate, line by line: each obstacle alone is enough, and only their absence lets a session be released."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from simulation.people import PEOPLE, checklist, plan, revision
from tests.journey.instruments.vectors import c_ssrs, c_ssrs_since
from tests.journey.play import Play, after, before, kinds
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.pathway.model import Closing
from workflows.journey.decide import decide
from workflows.journey.instruments import C_SSRS_FORMS, Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate, open_matters
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.stage import Outcome

SECOND = 2
"""Most tests stand before the release of the second session, where intervals and check-ins count."""


def ready() -> Play:
    return before("session.release", SECOND)


def shut(play: Play, *, code: RefusalCode = RefusalCode.INCOMPLETE) -> tuple[str, ...]:
    """The obstacles besides what is awaited, after making sure that the release is refused and nothing was released."""
    obstacles = dose_gate(play.journey, SECOND, play.at)
    assert obstacles
    refusal = play.refused(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR, code=code)
    if code == RefusalCode.INCOMPLETE:
        assert all(obstacle in refusal.reason for obstacle in obstacles)
    session = play.journey.sessions.get(SECOND)
    assert session is None or session.released_at is None
    awaited = open_matters(play.journey, play.at)
    return tuple(obstacle for obstacle in obstacles if obstacle not in awaited)


def test_nothing_in_the_way_releases_the_session() -> None:
    play = ready()
    assert dose_gate(play.journey, SECOND, play.at) == ()
    assert kinds(play.do(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR)) == ["session.released"]
    assert play.journey.sessions[SECOND].released_at == play.at


@pytest.mark.parametrize("by", [Role.PATIENT, Role.COORDINATOR, Role.OBSERVER, Role.OPS, Role.THERAPIST])
def test_release_is_for_monitor_and_clinicians(by: Role) -> None:
    ready().refused(c.ReleaseSession(session=SECOND), by, code=RefusalCode.NOT_ALLOWED)


def test_hold() -> None:
    play = ready()
    play.do(c.PlaceHold(reason="a neighbour called"), Role.OBSERVER)
    assert "hold 1 (placed by hand)" in shut(play, code=RefusalCode.HELD)


def test_ending() -> None:
    play = ready()
    play = play.changed(closing=Closing(at=play.at, outcome=Outcome.WITHDRAWN, reason="x"))
    assert shut(play, code=RefusalCode.CLOSED) == ("the pathway is ending",)


def amended_evaluation() -> Play:
    play = ready()
    correction = c.RecordEvaluation(sections={"medical_context": "a diagnosis came to light (invented)"})
    play.do(c.Amend(version=play.version_of("evaluation.recorded"), reason="letter from the GP", correction=correction))
    return play


@pytest.mark.requirement("B34")
def test_stale_evaluation_and_all_that_rests_on_it() -> None:
    play = amended_evaluation()
    obstacles = shut(play)
    for kind in ("evaluation", "eligibility", "plan"):
        assert f"{kind} not signed as it now is" in obstacles
    assert "no signed setting that the protocol allows" in obstacles
    assert "no clearance signed over exactly this evidence" in obstacles
    corrected = next(iter(play.journey.unconfirmed))
    play.do(c.ConfirmCorrection(correction=corrected, reason="compared (invented)"), Role.MEDICAL_DIRECTOR)
    play.sign(SignOffKind.EVALUATION)
    assert "evaluation not signed as it now is" not in shut(play)
    play.sign(SignOffKind.ELIGIBILITY, choice="at_home")
    play.sign(SignOffKind.PLAN)
    play.do(c.JudgePregnancy(possible=False, because="invented: as before"))
    assert shut(play) == ("no clearance signed over exactly this evidence",)
    play.sign(SignOffKind.CLEARANCE, str(SECOND))
    assert dose_gate(play.journey, SECOND, play.at) == ()


@pytest.mark.requirement("B02", "B34")
def test_stale_eligibility() -> None:
    play = ready()
    play.do(c.RecordScreening(factors={"personal_circumstances": "lives alone now (invented)"}))
    obstacles = shut(play)
    assert "eligibility not signed as it now is" in obstacles
    assert "evaluation not signed as it now is" not in obstacles


def test_stale_plan() -> None:
    play = ready()
    play.do(revision(play.journey, plan(play.journey.protocol, play.at)))
    obstacles = shut(play)
    assert obstacles == ("plan not signed as it now is", "no clearance signed over exactly this evidence")


def test_declined_plan() -> None:
    play = ready()
    play.do(revision(play.journey, plan(play.journey.protocol, play.at)))
    play.sign(SignOffKind.PLAN, decision="decline")
    assert "plan not signed as it now is" in shut(play)


@pytest.mark.requirement("B02", "B38")
def test_setting_other_than_at_home() -> None:
    journey = ready().journey
    elsewhere = tuple(
        s.model_copy(update={"choice": "in_clinic"}) if s.kind == SignOffKind.ELIGIBILITY else s
        for s in journey.sign_offs
    )
    assert shut(ready().changed(sign_offs=elsewhere)) == ("no signed setting that the protocol allows",)


def test_new_plan_asked_for_by_a_review() -> None:
    assert shut(ready().changed(plan_owed_since=1)) == ("a review asked for a new plan",)


@pytest.mark.requirement("B43")
def test_hard_exclusion() -> None:
    play = ready()
    play.do(c.RecordScreening(exclusions={"X18": c.ScreeningAnswer(answer="yes")}))
    assert "exclusion X18 open" in shut(play, code=RefusalCode.HELD)


@pytest.mark.requirement("A36", "B34")
def test_unknown_exclusion() -> None:
    play = ready()
    play.do(c.RecordScreening(exclusions={"X18": c.ScreeningAnswer(answer="unknown")}))
    assert "exclusion X18" in shut(play)


def test_review_exclusion_without_a_decision() -> None:
    play = ready()
    play.do(c.RecordScreening(exclusions={"X28": c.ScreeningAnswer(answer="yes")}))
    assert "review exclusions without a signed decision" in shut(play)
    play.sign(SignOffKind.EXCLUSION_REVIEW)
    assert "review exclusions without a signed decision" not in shut(play)


@pytest.mark.parametrize(("days", "expired"), [(90, False), (91, True)])
def test_expired_screening(days: int, expired: bool) -> None:
    play = ready()
    assert play.journey.screening.completed_at is not None
    moment = play.journey.screening.completed_at + timedelta(days=days)
    assert ("the screening has expired" in dose_gate(play.journey, SECOND, moment)) is expired


@pytest.mark.requirement("B39")
def test_under_age() -> None:
    patient = ready().journey.patient.model_copy(update={"born": date(2009, 1, 1)})
    assert "the patient is under age" in shut(ready().changed(patient=patient))


@pytest.mark.requirement("A40")
@pytest.mark.parametrize("consent", ["treatment", "telehealth", "privacy", "emergency_contact"])
def test_consent_withdrawn_or_of_another_version(consent: str) -> None:
    given = ready().journey.consents
    gone = {name: version for name, version in given.items() if name != consent}
    for consents in (gone, given | {consent: "older-0"}):
        assert shut(ready().changed(consents=consents)) == (f"consent {consent} not in force",)


@pytest.mark.requirement("A25", "A38", "B28", "B35")
def test_topic_not_explained() -> None:
    education = ready().journey.education
    explained = {topic: v for topic, v in education.explained.items() if topic != "safety_measures"}
    play = ready().changed(education=education.model_copy(update={"explained": explained}))
    assert shut(play) == ("topic safety_measures not explained",)


@pytest.mark.requirement("A40", "A54", "A56", "A57", "B10", "B45")
def test_statement_not_acknowledged() -> None:
    education = ready().journey.education
    play = ready().changed(education=education.model_copy(update={"acknowledged": education.acknowledged[1:]}))
    assert shut(play) == (f"statement {education.acknowledged[0]} not acknowledged",)


def test_no_c_ssrs_asked_by_a_clinician() -> None:
    kept = tuple(
        m.model_copy(update={"administered_by": Role.PATIENT}) if m.instrument in C_SSRS_FORMS else m
        for m in ready().journey.measurements
    )
    assert "no C-SSRS asked by a clinician" in shut(ready().changed(measurements=kept))


@pytest.mark.parametrize(
    ("marks", "obstacle"),
    [
        ("yyyynn-", "the latest C-SSRS is high or incomplete, which counts as high"),
        ("yy---n-", "the latest C-SSRS is high or incomplete, which counts as high"),
        ("yyynnn-", "the latest C-SSRS is moderate"),
    ],
)
def test_suicide_risk(marks: str, obstacle: str) -> None:
    play = ready()
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=c_ssrs(marks)))
    assert obstacle in shut(play, code=RefusalCode.HELD)


def test_low_suicide_risk_is_cleared_anew_and_then_no_obstacle() -> None:
    play = ready()
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=c_ssrs("yn---n-")))
    assert {"crisis-1 is open", "no clearance signed over exactly this evidence"} <= set(shut(play))
    play.reach(c.RecordCrisisContact(crisis="crisis-1", reached=True, assessment="seen", safety_plan=True))
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS_SINCE, occasion="again", answers=c_ssrs_since("yn---n")))
    play.sign(SignOffKind.RISK_DECISION, choice="settled")
    assert "exclusion X13" in shut(play), "no was right before it was found"
    play.do(c.RecordScreening(exclusions={"X13": c.ScreeningAnswer(answer="yes")}))
    play.sign(SignOffKind.EXCLUSION_REVIEW)
    play.sign(SignOffKind.ELIGIBILITY, choice="at_home")
    play.sign(SignOffKind.PLAN)
    play.sign(SignOffKind.CLEARANCE, str(SECOND))
    assert dose_gate(play.journey, SECOND, play.at) == ()


def test_item_9_after_the_c_ssrs() -> None:
    play = ready()
    answers = [0] * 8 + [1]
    play.do(c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="extra", answers=answers), Role.PATIENT)
    assert "PHQ-9 item 9 was not zero, or not answered, after the latest C-SSRS" in shut(play, code=RefusalCode.HELD)


@pytest.mark.parametrize(("hours", "old"), [(24, False), (24.01, True)])
def test_c_ssrs_too_old(hours: float, old: bool) -> None:
    play = ready()
    risk = play.journey.asked_risk
    assert risk is not None
    obstacles = dose_gate(play.journey, SECOND, risk.at + timedelta(hours=hours))
    assert ("the C-SSRS is too old" in obstacles) is old


@pytest.mark.requirement("A15")
def test_a_check_in_stands_before_the_dose_from_when_it_is_due() -> None:
    play = ready()
    routine = play.waits_for("check_in")
    assert routine is not None
    stands = f"answer the check-in between sessions ({routine.key})"
    assert stands not in dose_gate(play.journey, SECOND, routine.deadline - timedelta(seconds=1))
    assert stands in dose_gate(play.journey, SECOND, routine.deadline)


def test_session_that_is_not_scheduled() -> None:
    play = ready()
    play.do(c.CancelSession(session=SECOND, reason="ill"), Role.PATIENT)
    assert "the session is not scheduled" in dose_gate(play.journey, SECOND, play.at)
    play.refused(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR, code=RefusalCode.UNKNOWN, field="session")


@pytest.mark.parametrize(
    ("after_dose", "obstacle"),
    [
        (timedelta(hours=72), None),
        (timedelta(hours=71, minutes=59), "less than 72 hours after the last dose"),
        (timedelta(days=21), None),
        (timedelta(days=21, minutes=1), "more than 21 days after the last dose: amend and sign the evaluation again"),
    ],
)
def test_interval(after_dose: timedelta, obstacle: str | None) -> None:
    journey = ready().loosely_spaced().journey
    assert journey.last_dose_at is not None
    obstacles = dose_gate(journey, SECOND, journey.last_dose_at + after_dose)
    intervals = [found for found in obstacles if "dose" in found and "clearance" not in found]
    assert intervals == ([] if obstacle is None else [obstacle])


def test_dose_above_the_weekly_limit() -> None:
    play = ready()
    recent = play.redosed(taken_at=play.at - timedelta(hours=100), dose_mg=350.0)
    assert "dose above 400.0 mg in 7 days" in dose_gate(recent.journey, SECOND, play.at)
    older = play.redosed(taken_at=play.at - timedelta(hours=168), dose_mg=350.0)
    assert "dose above 400.0 mg in 7 days" not in dose_gate(older.journey, SECOND, play.at)


def test_dose_above_the_course_limit() -> None:
    assert "dose above 2000.0 mg in the course" in shut(ready().redosed(dose_mg=1950.0))


@pytest.mark.requirement("B04")
def test_no_plan_and_no_limits() -> None:
    assert "no plan" in shut(ready().changed(plan=None))
    protocol = ready().journey.protocol
    unset = protocol.model_copy(update={"dose": protocol.dose.model_copy(update={"max_course": None})})
    assert "the protocol sets no dose limits" in shut(ready().changed(protocol=unset))


def test_no_checklist() -> None:
    play = before("session.check", SECOND)
    assert shut(play) == ("the checklist is not recorded", "no clearance signed over exactly this evidence")


def test_checklist_too_old() -> None:
    play = ready()
    made = play.journey.sessions[SECOND].check
    assert made is not None
    assert "the checklist is too old" not in dose_gate(play.journey, SECOND, made.at + timedelta(hours=24))
    assert "the checklist is too old" in dose_gate(play.journey, SECOND, made.at + timedelta(hours=24, seconds=1))


@pytest.mark.parametrize(("minutes", "old"), [(30, False), (31, True)])
def test_vitals_too_old(minutes: int, old: bool) -> None:
    play = ready().later(minutes=minutes)
    assert ("the vitals are too old" in dose_gate(play.journey, SECOND, play.at)) is old


@pytest.mark.requirement("B20", "B35")
def test_instructions_not_delivered() -> None:
    play = before("session.instruct", SECOND)
    assert play.waits_for("instructions") is not None
    assert "instructions not delivered" in dose_gate(play.journey, SECOND, play.at)


def test_no_clearance() -> None:
    play = before("session.check", SECOND)
    play.do(checklist(play.journey, SECOND, play.at), Role.SESSION_MONITOR)
    assert shut(play) == ("no clearance signed over exactly this evidence",)


@pytest.mark.parametrize("decision", ["decline", "return"])
def test_clearance_not_given(decision: str) -> None:
    play = before("session.check", SECOND)
    play.do(checklist(play.journey, SECOND, play.at), Role.SESSION_MONITOR)
    play.sign(SignOffKind.CLEARANCE, str(SECOND), decision=decision)
    assert shut(play) == ("no clearance signed over exactly this evidence",)
    assert play.waits_for("scheduling" if decision == "decline" else "returned") is not None


def moved(play: Play) -> None:
    schedule = play.journey.sessions[SECOND]
    play.do(
        c.ScheduleSession(
            session=SECOND,
            starts_at=play.at + timedelta(minutes=5),
            supervising_clinician=schedule.supervising_clinician,
            session_monitor=schedule.session_monitor,
        ),
        Role.COORDINATOR,
    )


def measured_again(play: Play) -> None:
    play.do(checklist(play.journey, SECOND, play.at), Role.SESSION_MONITOR)


def instructed_again(play: Play) -> None:
    play.do(c.Instruct(session=SECOND, content_version="demo-2"), Role.COORDINATOR)


@pytest.mark.parametrize("change", [moved, measured_again, instructed_again])
def test_clearance_covers_exactly_what_was_seen(change: Callable[[Play], None]) -> None:
    play = ready().later(minutes=1)
    change(play)
    assert "no clearance signed over exactly this evidence" in shut(play)


def test_clearance_of_one_session_is_not_that_of_another() -> None:
    play = before("session.check", SECOND)
    assert any(s.kind == SignOffKind.CLEARANCE and s.subject == "1" for s in play.journey.sign_offs)
    assert "no clearance signed over exactly this evidence" in dose_gate(play.journey, SECOND, play.at)


def test_refused_release_is_kept_and_the_same_command_stays_refused() -> None:
    """Somebody who sends it again must not be told it was done."""
    play = before("session.check", SECOND)
    command = play.command(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR)
    refusal = decide(play.journey, command, play.at)
    assert isinstance(refusal, Refusal)
    kept = play.keep(command, refusal)
    assert [event.body.kind for event in kept] == ["command.refused"]
    assert isinstance(kept[0].body, e.CommandRefused)
    assert play.keep(command, refusal) == ()
    measured_again(play)
    play.sign(SignOffKind.CLEARANCE, str(SECOND))
    again = play.decide(command)
    assert isinstance(again, Refusal)
    assert (again.code, again.field) == (RefusalCode.INCOMPLETE, "command_id")
    assert play.journey.sessions[SECOND].released_at is None
    play.do(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR)


def test_released_once() -> None:
    play = after("session.release", SECOND)
    play.refused(c.ReleaseSession(session=SECOND), Role.SESSION_MONITOR, code=RefusalCode.ALREADY_DONE, field="session")


def test_start_still_to_come() -> None:
    play = ready()
    play.at = play.journey.sessions[SECOND].starts_at - timedelta(minutes=1)
    assert "its start is still to come" in dose_gate(play.journey, SECOND, play.at)


def test_a_clinician_releases_with_a_licence_and_holds_without() -> None:
    play, unlicensed = ready(), PEOPLE[Role.CLINICIAN].model_copy(update={"licence": None})
    play.refused(c.ReleaseSession(session=SECOND), unlicensed, code=RefusalCode.NOT_ALLOWED, says="licensed")
    assert kinds(play.do(c.PlaceHold(reason="a neighbour called"), unlicensed)) == ["hold.placed"]
