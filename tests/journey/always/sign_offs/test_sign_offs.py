"""Signing: who, on what, meaning what, and what becomes of it when the evidence changes."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from simulation.moves.signing import signer
from simulation.people import PEOPLE
from tests.journey.play import START, Play, before, course, standing_at, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.decide import decide
from workflows.journey.evidence import current_decision, evidence, evidence_of, is_approved
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.vocabulary.actors import CLINICAL, Actor, Licence, Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Stage
from workflows.protocols import list_pathways


def asked() -> Play:
    """A complete evaluation waits to be signed."""
    return before("signoff.sign")


def licensed(**changed: Any) -> Actor:
    clinician = PEOPLE[Role.CLINICIAN]
    assert clinician.licence is not None
    return clinician.model_copy(update={"licence": clinician.licence.model_copy(update=changed)})


def test_signature_names_signer_meaning_time_and_evidence() -> None:
    play = asked()
    request = play.request(SignOffKind.EVALUATION)
    play.sign(SignOffKind.EVALUATION)
    [event] = [event for event in play.events if isinstance(event.body, e.SignedOff)]
    signed = event.body
    assert isinstance(signed, e.SignedOff)
    clinician = PEOPLE[Role.CLINICIAN]
    assert (signed.name, signed.licence) == (clinician.name, clinician.licence)
    assert (signed.meaning, signed.evidence) == ("evaluation_authored", request.evidence)
    assert (event.actor_id, event.actor_role, event.at) == (clinician.id, Role.CLINICIAN, play.at)
    kept = play.journey.sign_offs[-1]
    assert (kept.by, kept.role, kept.at, kept.version) == (clinician.id, Role.CLINICIAN, play.at, event.version)


@pytest.mark.parametrize("by", [role for role in PEOPLE if role not in CLINICAL])
def test_only_clinicians_sign(by: Role) -> None:
    asked().refused(asked().signature(SignOffKind.EVALUATION), by, code=RefusalCode.NOT_ALLOWED, says="may not send")


@pytest.mark.parametrize("by", [Role.ON_CALL_CLINICIAN, Role.MEDICAL_DIRECTOR])
def test_only_roles_the_protocol_names_sign_this(by: Role) -> None:
    asked().refused(
        asked().signature(SignOffKind.EVALUATION), by, code=RefusalCode.NOT_ALLOWED, says="may not sign this"
    )


@pytest.mark.requirement("B13")
@pytest.mark.parametrize(
    ("signer", "says"),
    [
        (licensed(expires=date(2026, 11, 22)), "expired"),
        (licensed(states=("NY",)), "does not cover the state"),
        (PEOPLE[Role.CLINICIAN].model_copy(update={"licence": None}), "needs a licensed clinician"),
        (PEOPLE[Role.CLINICIAN].model_copy(update={"name": None}), "printed name"),
    ],
)
def test_signer_is_named_licensed_and_licensed_here(signer: Actor, says: str) -> None:
    asked().refused(asked().signature(SignOffKind.EVALUATION), signer, code=RefusalCode.NOT_ALLOWED, says=says)


def test_licence_is_valid_through_its_last_day_where_the_patient_is() -> None:
    play = asked()
    play.at = datetime(2026, 11, 24, 7, 59, tzinfo=UTC)  # still the 23rd in California
    last_day = licensed(expires=date(2026, 11, 23))
    signature = play.signature(SignOffKind.EVALUATION)
    after_midnight = Play(play.journey, datetime(2026, 11, 24, 8, tzinfo=UTC))
    after_midnight.refused(signature, last_day, code=RefusalCode.NOT_ALLOWED, says="expired")
    play.do(signature, last_day)


@pytest.mark.requirement("B13")
def test_licence_covers_the_state_the_patient_moved_to() -> None:
    play = asked()
    play.do(c.Move(zone="America/Denver", state="CO"), Role.COORDINATOR)
    play.refused(play.signature(SignOffKind.EVALUATION), code=RefusalCode.NOT_ALLOWED, says="does not cover the state")


def test_licence_is_part_of_a_real_profile() -> None:
    with pytest.raises(ValidationError):
        Licence.model_validate({"number": "", "states": [], "expires": "never"})


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"meaning": "witnessed"}, RefusalCode.INCOMPLETE, "meaning"),
        ({"evidence": "0" * 64}, RefusalCode.STALE, "evidence"),
        ({"choice": "at_home"}, RefusalCode.UNKNOWN, "choice"),
        ({"decision": "return", "rationale": None}, RefusalCode.INCOMPLETE, "rationale"),
        ({"decision": "decline", "rationale": None, "referral": "x"}, RefusalCode.INCOMPLETE, "rationale"),
        ({"decision": "decline"}, RefusalCode.INCOMPLETE, "referral"),
        ({"request": "evaluation:00000000000000000000"}, RefusalCode.STALE, "request"),
        ({"request": "plan:00000000000000000000"}, RefusalCode.UNKNOWN, "request"),
    ],
)
def test_signature_says_what_it_means_on_what(changed: dict[str, Any], code: RefusalCode, field: str) -> None:
    asked().refused(asked().signature(SignOffKind.EVALUATION, **changed), code=code, field=field)


def test_evidence_is_a_full_hash_in_the_command() -> None:
    for wrong in ("abc", "G" * 64, "A" * 64):
        with pytest.raises(ValidationError):
            asked().signature(SignOffKind.EVALUATION, evidence=wrong)


def test_decided_once() -> None:
    play = asked()
    signature = play.signature(SignOffKind.EVALUATION)
    play.do(signature)
    play.refused(signature, code=RefusalCode.ALREADY_DONE, field="request")


def test_changed_evidence_supersedes_the_request_and_buys_no_time() -> None:
    play = asked()
    old = play.signature(SignOffKind.EVALUATION)
    first = play.request(SignOffKind.EVALUATION)
    play.later(hours=20)
    play.do(c.RecordEvaluation(sections={"overall_needs": "more than we thought (invented)"}))
    second = play.request(SignOffKind.EVALUATION)
    assert second.id != first.id
    assert (second.since, second.deadline, second.steps) == (first.since, first.deadline, first.steps)
    play.refused(old, code=RefusalCode.STALE, field="request")
    play.sign(SignOffKind.EVALUATION)
    assert play.journey.stage == Stage.SCREENING


def test_same_content_recorded_again_keeps_the_decision() -> None:
    play = before("plan.record")
    screened = play.journey.screening.factors
    play.later(days=1)
    play.do(c.RecordScreening(factors=screened))
    assert is_approved(play.journey, SignOffKind.ELIGIBILITY)


def test_later_approval_is_not_overturned_by_going_back_to_older_evidence() -> None:
    """The last decision counts, if it was made on what there is now. An older one does not come back."""
    play = before("plan.record")
    factors = dict(play.journey.screening.factors)
    changed = factors | {"personal_circumstances": "moved in with a sister (invented)"}
    play.do(c.RecordScreening(factors=changed))
    play.sign(SignOffKind.ELIGIBILITY, choice="at_home")
    play.do(c.RecordScreening(factors=factors))
    assert not is_approved(play.journey, SignOffKind.ELIGIBILITY)


def test_returned_request_waits_for_its_author_and_is_asked_again_when_answered() -> None:
    play = asked()
    request = play.request(SignOffKind.EVALUATION)
    play.sign(SignOffKind.EVALUATION, decision="return", rationale="which medicines exactly?")
    returned = play.waits_for("returned")
    assert returned is not None
    assert returned.subject == request.id
    assert play.waits_for("evaluation") is None
    play.refused(c.AnswerReturned(request="evaluation:nothing", text="x"), code=RefusalCode.UNKNOWN, field="request")
    play.later(hours=5)
    play.do(c.AnswerReturned(request=request.id, text="none at present (invented)"))
    again = play.request(SignOffKind.EVALUATION)
    assert again.id != request.id
    assert again.since == play.at
    assert "none at present (invented)" in evidence(play.journey, SignOffKind.EVALUATION)["answers"]
    play.refused(c.AnswerReturned(request=request.id, text="and more"), code=RefusalCode.ALREADY_DONE, field="request")
    play.sign(SignOffKind.EVALUATION)
    assert play.journey.stage == Stage.SCREENING


def test_returned_request_is_also_answered_by_correcting_what_was_asked_about() -> None:
    play = asked()
    play.sign(SignOffKind.EVALUATION, decision="return")
    play.do(c.RecordEvaluation(sections={"current_medications": "none (invented)"}))
    assert play.asks_for(SignOffKind.EVALUATION)


def test_amended_evaluation_opens_every_decision_that_rested_on_it() -> None:
    play = before("session.check")
    for kind in (SignOffKind.EVALUATION, SignOffKind.ELIGIBILITY, SignOffKind.PLAN):
        assert is_approved(play.journey, kind)
    correction = c.RecordEvaluation(sections={"past_diagnoses": "one more (invented)"})
    bodies = play.do(
        c.Amend(version=play.version_of("evaluation.recorded"), reason="letter arrived", correction=correction)
    )
    assert [body.kind for body in bodies] == ["fact.amended"]  # type: ignore[attr-defined]
    for kind in (SignOffKind.EVALUATION, SignOffKind.ELIGIBILITY, SignOffKind.PLAN):
        assert current_decision(play.journey, kind) is None
    assert play.asks_for(SignOffKind.EVALUATION)
    assert play.waits_for("eligibility") is None
    assert play.waits_for("checklist") is None
    assert play.journey.evaluation.sections["past_diagnoses"] == "one more (invented)"


def test_amended_baseline_score_takes_the_place_of_the_wrong_one() -> None:
    play = before("session.check")
    [wrong] = [m for m in play.journey.measurements if (m.instrument, m.occasion) == (Instrument.PCL_5, "baseline")]
    fixed = c.RecordInstrument(instrument=Instrument.PCL_5, occasion="baseline", answers=[3] * 20)
    play.refused(c.Amend(version=1, reason="x", correction=fixed), code=RefusalCode.UNKNOWN, field="version")
    play.do(c.Amend(version=wrong.version, reason="read from the wrong form", correction=fixed))
    measured = [m for m in play.journey.measurements if m.instrument == Instrument.PCL_5]
    assert [m.score.total for m in measured if m.occasion == "baseline"] == [60]
    assert measured[0].at == wrong.at
    assert measured[0].administered_by == Role.PATIENT
    assert play.journey.latest(Instrument.PCL_5) != measured[0]
    assert play.asks_for(SignOffKind.EVALUATION)


def test_correcting_a_self_report_does_not_make_it_a_clinicians() -> None:
    play = before("session.check")
    self_report = c.RecordInstrument(
        instrument=Instrument.C_SSRS, occasion="self", answers={"q1": True, "q2": False, "q6": False}
    )
    play.do(self_report, Role.PATIENT)
    mine = play.journey.measurements[-1]
    before_it = play.journey.latest(Instrument.C_SSRS, staff=True)
    cleared = self_report.model_copy(update={"answers": {"q1": False, "q2": False, "q6": False}})
    play.do(c.Amend(version=mine.version, reason="misread", correction=cleared))
    assert play.journey.latest(Instrument.C_SSRS, staff=True) == before_it


@pytest.mark.parametrize(("version", "code"), [(10_000, RefusalCode.UNKNOWN)])
def test_amendment_corrects_something_that_was_recorded(version: int, code: RefusalCode) -> None:
    play = before("session.check")
    correction = c.RecordEvaluation(sections={"past_diagnoses": "x"})
    play.refused(c.Amend(version=version, reason="x", correction=correction), code=code, field="version")
    play.refused(c.Amend(version=1, reason="x", correction=correction), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)


def test_amended_facts_stay_in_the_record_as_they_were() -> None:
    play = before("session.check")
    count = len(play.events)
    correction = c.RecordEvaluation(sections={"past_diagnoses": "one more (invented)"})
    play.do(c.Amend(version=play.version_of("evaluation.recorded"), reason="letter arrived", correction=correction))
    amended = play.events[count]
    assert isinstance(amended.body, e.FactAmended)
    assert (amended.body.version, amended.body.reason) == (play.version_of("evaluation.recorded"), "letter arrived")


@pytest.mark.requirement("A14")
@pytest.mark.parametrize("kind", list(SignOffKind))
def test_evidence_is_json_and_bound_to_journey_protocol_and_matter(kind: SignOffKind) -> None:
    journey = before("session.check").journey
    content = evidence(journey, kind, "1")
    assert (content["journey"], content["protocol"]) == (str(journey.id), journey.protocol_digest)
    assert (content["sign_off"], content["subject"]) == (kind.value, "1")
    other = {evidence_of(journey, another, "1") for another in SignOffKind if another != kind}
    assert evidence_of(journey, kind, "1") not in other
    elsewhere = journey.model_copy(update={"protocol_digest": "other"})
    assert evidence_of(elsewhere, kind, "1") != evidence_of(journey, kind, "1")


@pytest.mark.long
@pytest.mark.parametrize("pathway", list_pathways())
def test_every_signature_of_a_course_is_a_persons_on_current_evidence(pathway: Pathway) -> None:
    signed = 0
    for journey, command, at in course(pathway).moves:
        decided = decide(journey, command, at)
        assert isinstance(decided, tuple)
        for event in decided:
            if isinstance(event.body, e.SignedOff):
                signed += 1
                assert event.actor_role in CLINICAL
                assert event.body.evidence == evidence_of(journey, event.body.sign_off, event.body.subject)
    assert signed == len(course(pathway).journey.sign_offs) > 5


def test_waiting_never_signs() -> None:
    play = asked()
    passed = play.wait(days=40)
    assert [body.kind for body in passed] == ["obligation.escalated"] * 4  # type: ignore[attr-defined]
    assert play.journey.sign_offs == ()
    assert play.journey.stage == Stage.EVALUATION
    assert play.asks_for(SignOffKind.EVALUATION)


def test_start_is_the_first_thing() -> None:
    command = started(at=START).command(c.PlaceHold(reason="x"), Role.OPS)
    refusal = decide(None, command, START)
    assert not isinstance(refusal, tuple)
    assert refusal.code == RefusalCode.NOT_STARTED


@pytest.mark.requirement("B25", "B38")
@pytest.mark.parametrize("pathway", list_pathways())
def test_no_decision_on_care_is_signed_for_convenience(pathway: Pathway) -> None:
    """Where somebody is treated was signed as "more convenient for the patient"."""
    decided = dict[SignOffKind, Play]()
    for number, (_, command, _) in enumerate(course(pathway).moves):
        if isinstance(command.body, c.Sign) and command.body.decision == "approve":
            play = standing_at(pathway, number)
            kind = play.journey.waiting[command.body.request].sign_off
            assert kind is not None
            decided.setdefault(kind, play)
    held = before("session.schedule", pathway=pathway)
    held.do(c.PlaceHold(reason="x"), Role.PATIENT)
    decided[SignOffKind.HOLD_RELEASE] = held
    on_care = (SignOffKind.ELIGIBILITY, SignOffKind.PLAN, SignOffKind.CLEARANCE, SignOffKind.RESPONSE_REVIEW)
    for kind in (*on_care, SignOffKind.HOLD_RELEASE):
        play = decided[kind]
        [asked] = [w for w in play.journey.waiting.values() if w.sign_off == kind]
        signed = play.signature(kind, asked.subject, rationale="more convenient for the patient")
        choices = play.journey.protocol.sign_offs[kind].choices
        signed = signed.model_copy(update={"choice": choices[0] if choices else None})
        play.refused(
            signed, signer(play.journey, asked), code=RefusalCode.OUT_OF_LIMITS, field="rationale", says="convenien"
        )
        declined = {"decision": "decline", "choice": None, "referral": "x", "rationale": "only for convenience"}
        play.do(signed.model_copy(update=declined), signer(play.journey, asked))
