"""The patient's particulars change during months of care, and what rests on them is judged anew."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.journey.elsewhere import told
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import HERE, Play, after, before, kinds, one, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.evidence import is_approved
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.education.rules import find_not_understood, find_unconsented
from workflows.journey.stages.evaluation.rules import find_missing
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import RefusalCode


def obstacles(play: Play) -> str:
    return "; ".join(dose_gate(play.journey, 1, play.at))


@pytest.mark.parametrize("by", [Role.PATIENT, Role.COORDINATOR, Role.CLINICIAN])
def test_the_emergency_contact_and_the_address_for_dispatch_change(by: Role) -> None:
    play = before("session.release")
    play.do(
        c.UpdatePatient(emergency_contact_ref="contact-9", dispatch_address_ref="address-9", reason="moved (invented)"),
        by,
    )
    patient = play.journey.patient
    assert (patient.emergency_contact_ref, patient.dispatch_address_ref) == ("contact-9", "address-9")
    assert (patient.language, patient.interpreter) == ("en", False)
    assert "no clearance signed over exactly this evidence" in obstacles(play), "it was cleared for another address"


def test_nobody_is_their_own_emergency_contact_and_a_change_changes_something() -> None:
    play = before("session.release")
    own = c.UpdatePatient(emergency_contact_ref=play.journey.patient.ref, reason="moved (invented)")
    play.refused(own, Role.COORDINATOR, code=RefusalCode.CONTRADICTS, field="emergency_contact_ref")
    play.refused(c.UpdatePatient(reason="moved (invented)"), Role.COORDINATOR, code=RefusalCode.INCOMPLETE)
    play.refused(c.UpdatePatient(language="es", reason="moved (invented)"), Role.OBSERVER, code=RefusalCode.NOT_ALLOWED)


def test_no_dose_without_an_address_for_emergency_services() -> None:
    play = before("session.release")
    play = play.changed(patient=play.journey.patient.model_copy(update={"dispatch_address_ref": None}))
    play.do(c.UpdatePatient(language="en", reason="moved (invented)"), Role.COORDINATOR)
    assert play.waits_for("dispatch_address")
    assert "dispatch_address" in obstacles(play)
    play.do(c.UpdatePatient(dispatch_address_ref="address-9", reason="moved (invented)"), Role.COORDINATOR)
    assert play.waits_for("dispatch_address") is None
    assert "dispatch_address" not in obstacles(play)


def test_whoever_needs_an_interpreter_has_one_named_at_each_session() -> None:
    play = before("session.schedule")
    [form] = [move[1].body for move in after("session.schedule").moves]
    play.do(c.UpdatePatient(language="es", interpreter=True, reason="moved (invented)"), Role.PATIENT)
    play.go_on(lambda journey: not find_unconsented(journey))
    play.refused(form, Role.COORDINATOR, code=RefusalCode.INCOMPLETE, field="interpreter")
    own = form.model_copy(update={"interpreter": play.journey.patient.ref})
    play.refused(own, Role.COORDINATOR, code=RefusalCode.INCOMPLETE, field="interpreter")
    play.do(form.model_copy(update={"interpreter": "interpreter-1"}), Role.COORDINATOR)
    scheduled = before("session.release")
    scheduled.do(c.UpdatePatient(interpreter=True, reason="moved (invented)"), Role.PATIENT)
    assert "no interpreter is named" in obstacles(scheduled)
    assert scheduled.waits_for("education") is not None, "what was said without one is heard again"
    scheduled.go_on(lambda journey: journey.sessions[1].ended_at is not None)
    assert scheduled.journey.sessions[1].interpreter is not None


def test_whoever_needs_an_interpreter_has_one_named_at_the_teach_back_and_the_c_ssrs() -> None:
    play = before("education.confirm")
    [form] = [move[1].body for move in after("education.confirm").moves]
    asked = c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=c_ssrs("nn---n-"))
    risk = asked.model_copy(update={"answers": c_ssrs("yyyynn-")})
    own = play.journey.patient.ref
    play.do(c.UpdatePatient(interpreter=True, reason="x"), Role.PATIENT)
    for body in (form, asked):
        for named in (None, own):
            lacks = body.model_copy(update={"interpreter": named})
            play.refused(lacks, code=RefusalCode.INCOMPLETE, field="interpreter")
        [recorded, *_] = play.do(body.model_copy(update={"interpreter": "interpreter-1"}))
        assert isinstance(recorded, e.UnderstandingConfirmed | e.InstrumentRecorded)
        assert recorded.interpreter == "interpreter-1"
    assert play.journey.measurements[-1].interpreter == "interpreter-1"
    assert play.do(risk), "risk that was found is never refused"


@pytest.mark.requirement("A26")
@pytest.mark.parametrize(
    ("changed", "again"), [({"language": "es"}, True), ({"interpreter": True}, True), ({"language": "en"}, False)]
)
def test_who_speaks_another_language_is_heard_and_asked_again(changed: dict[str, Any], again: bool) -> None:
    play = before("session.release")
    play.do(c.UpdatePatient.model_validate({"reason": "x", **changed}), Role.COORDINATOR)
    assert bool(find_not_understood(play.journey)) is again
    assert bool(find_unconsented(play.journey)) is again


@pytest.mark.requirement("B39")
@pytest.mark.parametrize("kind", ["screening.record", "session.schedule", "session.release", "check-in.complete"])
def test_a_birth_date_is_corrected_and_the_age_judged_anew_at_once(kind: str) -> None:
    play = before(kind)
    born = date(play.at.year - 17, 1, 1)
    followed = play.do(c.CorrectBirthDate(born=born, reason="misread (invented)"), Role.COORDINATOR)
    hold = one(followed, e.HoldPlaced)
    assert (hold.cause, hold.severe) == ("under_age", True)
    assert not is_approved(play.journey, SignOffKind.EVALUATION), "what was signed was signed for another age"
    assert "the patient is under age" in obstacles(play)


def test_another_adult_birth_date_holds_nothing_and_is_signed_anew() -> None:
    play = before("session.release")
    body = c.CorrectBirthDate(born=date(1985, 4, 2), reason="misread (invented)")
    assert kinds(play.do(body, Role.COORDINATOR)) == ["patient.birth-date-corrected"]
    assert play.asks_for(SignOffKind.EVALUATION)
    assert "evaluation not signed as it now is" in obstacles(play)
    play.refused(body, Role.COORDINATOR, code=RefusalCode.ALREADY_DONE, field="born")
    future = c.CorrectBirthDate(born=date(play.at.year + 1, 1, 1), reason="x")
    play.refused(future, Role.COORDINATOR, code=RefusalCode.WRONG_TIME, field="born")
    play.refused(body, Role.PATIENT, code=RefusalCode.NOT_ALLOWED)


@pytest.mark.requirement("A12")
@pytest.mark.parametrize("location", [None, HERE.model_copy(update={"confirmed": False})])
def test_an_evaluation_without_a_confirmed_location_is_not_complete(location: c.Location | None) -> None:
    play = started()
    play.do(c.RecordEvaluation(sections={"overall_needs": "x"}, location=location))
    assert "location of the patient, confirmed" in find_missing(play.journey)
    play.do(c.RecordEvaluation(location=HERE))
    assert "location of the patient, confirmed" not in find_missing(play.journey)


@pytest.mark.requirement("A12")
def test_nobody_evaluates_where_they_are_not_licensed() -> None:
    away = c.RecordEvaluation(location=c.Location(state="FL", confirmed=True))
    started().refused(away, code=RefusalCode.NOT_ALLOWED, field="location.state", says="licence")


@pytest.mark.requirement("A12", "B55")
@pytest.mark.parametrize(
    "kind", ["visit.record", "check-in.complete", "evaluation.record", "education.explain", "education.confirm"]
)
def test_a_patient_who_was_elsewhere_is_looked_after(kind: str) -> None:
    play = before(kind)
    _, command, _ = after(kind).moves[0]
    at_home = command.body
    said = {"state": "TX", "confirmed": True}
    away = type(at_home).model_validate({**at_home.model_dump(), "location": said})
    by = Role.PATIENT if kind == "check-in.complete" else Role.CLINICIAN
    asked = one(play.do(away, by), e.SupportRequested)
    assert asked.urgency == "clinical"
    assert play.waits_for("support")


@pytest.mark.requirement("A12", "B55")
@pytest.mark.parametrize(("state", "away"), [("TX", True), ("CA", False)])
@pytest.mark.parametrize("met", ["a therapist", "a clinician in a crisis"])
def test_whoever_meets_a_patient_who_is_elsewhere_has_them_looked_after(met: str, state: str, away: bool) -> None:
    play, here = before("session.schedule"), {"state": state, "confirmed": True}
    body: dict[str, Any] = {"held_at": play.at, "approach": "exposure", "attended": True, "summary": "invented"}
    told: c.CommandBody = c.RecordTherapy.model_validate({**body, "location": here})
    if met == "a clinician in a crisis":
        play.do(c.ReportCrisis(what="invented"), Role.PATIENT)
        reached = {"crisis": "crisis-1", "reached": True, "assessment": "invented", "safety_plan": True}
        told = c.RecordCrisisContact.model_validate({**reached, "location": here})
    play.do(told)
    assert (play.waits_for("support") is not None) is away


def test_a_corrected_birth_date_opens_the_answers_that_rest_on_the_age() -> None:
    play = before("session.release")
    born = date(play.at.year - 70, 1, 1)
    play.do(c.CorrectBirthDate(born=born, reason="misread (invented)"), Role.COORDINATOR)
    assert "X36" in obstacles(play), "over 65: no, is no answer any more"


def test_where_help_is_sent_is_recorded_after_the_pathway_closed() -> None:
    """Somebody tells of a risk after the end: help goes where the patient lives now."""
    play = after("session.end")
    play.do(c.Withdraw(), Role.PATIENT)
    play.go_on(lambda journey: journey.closed)
    play.do(c.ReportCrisis(what="invented"), Role.OBSERVER)
    play.do(c.UpdatePatient(dispatch_address_ref="new-address", emergency_contact_ref="new-contact", reason="x"))
    play.do(c.Move(state="NY", zone="America/New_York"), Role.COORDINATOR)
    patient = play.journey.patient
    assert (patient.dispatch_address_ref, patient.emergency_contact_ref) == ("new-address", "new-contact")
    assert (patient.state, patient.zone) == ("NY", "America/New_York")
    assert play.journey.closed


def test_a_hold_that_nobody_known_may_release_where_the_patient_moved_to_is_told_as_that() -> None:
    play = before("session.release")
    play.do(c.Move(zone="America/Anchorage", state="AK"), Role.COORDINATOR)
    [hold] = play.journey.standing_holds
    told = play.waits_for("licence_there", hold.id)
    assert told is not None
    assert (told.owner, "AK" in told.what) == (Role.MEDICAL_DIRECTOR, True)
    known = play.journey.members[1]
    assert known.licence is not None
    there = known.licence.model_copy(update={"states": ("AK",)})
    entered = known.model_copy(update={"id": "somebody-there", "licence": there})
    play.do(c.TakeInStaff(members=(entered,)), CLOCK)
    assert play.waits_for("licence_there") is None
    licensed = before("session.release")
    licensed.do(c.Move(zone="America/Chicago", state="TX"), Role.COORDINATOR)
    assert licensed.waits_for("licence_there") is None


@pytest.mark.parametrize(
    "lost", ["their licence has ended", "they have left", "they are the patient", "only one of two"]
)
def test_whoever_may_not_sign_any_more_where_the_patient_moved_to_leaves_it_to_nobody(lost: str) -> None:
    """The licence of the only one for that state was over, and nobody was told that none is left."""
    play = before("session.release")
    play.do(c.ReportAdverseEvent(what="x", grade=3, serious=False, onset=play.at), Role.SESSION_MONITOR)
    play.do(c.Move(zone="America/Anchorage", state="AK"), Role.COORDINATOR)
    severe = next(hold.id for hold in play.journey.standing_holds if hold.severe)
    director = next(m for m in play.journey.members if m.role == Role.CLINICIAN)
    assert director.licence is not None
    there = director.licence.model_copy(update={"states": ("AK",)})
    one = director.model_copy(update={"id": "director-there", "role": Role.MEDICAL_DIRECTOR, "licence": there})
    other = there.model_copy(update={"number": "INVENTED-AK-2"})
    two = director.model_copy(update={"id": "clinician-there", "licence": other})
    play.do(c.TakeInStaff(members=(one, two)), CLOCK)
    assert play.waits_for("licence_there") is None
    match lost:
        case "their licence has ended":
            ended = there.model_copy(update={"expires": play.at.date() - timedelta(days=3)})
            play.do(c.TakeInStaff(members=(one.model_copy(update={"licence": ended}),)), CLOCK)
        case "they have left":
            play.do(c.TakeInStaff(members=(one.model_copy(update={"until": play.at}),)), CLOCK)
        case "they are the patient":
            told(play, also_known_as=[play.journey.patient.ref, one.id])
        case _:
            play.do(c.TakeInStaff(members=(two.model_copy(update={"licence": there}),)), CLOCK)
    waiting = play.waits_for("licence_there", severe)
    assert waiting is not None
    assert waiting.owner == Role.MEDICAL_DIRECTOR


def test_that_nobody_may_sign_the_evaluation_where_the_patient_moved_to_is_told_too() -> None:
    play = before("evaluation.record")
    play.do(c.Move(zone="America/Anchorage", state="AK"), Role.COORDINATOR)
    assert not play.journey.held, "nothing was decided yet"
    waiting = play.waits_for("licence_there")
    assert waiting is not None
    assert "AK" in waiting.what
