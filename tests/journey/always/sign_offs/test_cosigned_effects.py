"""Decisions that take two people: what they bring about comes with the second signature."""

from datetime import timedelta
from typing import Any

import pytest

from simulation.people import revision
from tests.journey.cosigning import DIRECTOR, asked_to_sign, exception, half
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import PROTOCOLS, before, kinds, ruled, started
from workflows.journey import commands as c
from workflows.journey.evidence import first_approval, is_approved
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.stages.sessions.reviews import reviews_owed
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Outcome, Stage


@pytest.mark.parametrize(
    ("of_exceptions", "of_all", "made", "two"),
    [
        (["medical_director"], [], True, True),
        (["medical_director"], [], False, False),
        ([], [], True, False),
        # Where every evaluation takes two, one that makes an exception does not take fewer.
        ([], ["medical_director"], True, True),
        ([], ["medical_director"], False, True),
    ],
)
def test_exception_takes_as_many_as_the_protocol_asks(
    of_exceptions: list[str], of_all: list[str], made: bool, two: bool
) -> None:
    play = exception() if made else before("signoff.sign")
    play = play.changed(protocol=ruled(of_exceptions, evaluation={"cosigned_by": of_all}))
    play.clock()
    play.sign_once(SignOffKind.EVALUATION)
    assert (first_approval(play.journey, SignOffKind.EVALUATION) is not None) == two
    assert (play.journey.stage == Stage.SCREENING) != two


def test_exception_made_after_the_signature_opens_it_for_two() -> None:
    play = before("session.check")
    correction = c.RecordEvaluation(treatment_exception="a treatment was taken for another (invented)")
    play.do(c.Amend(version=play.version_of("evaluation.recorded"), reason="letter arrived", correction=correction))
    play.sign_once(SignOffKind.EVALUATION)
    assert not is_approved(play.journey, SignOffKind.EVALUATION)
    assert "evaluation not signed as it now is" in dose_gate(play.journey, 1, play.at)
    play.sign_once(SignOffKind.EVALUATION, by=Role.MEDICAL_DIRECTOR)
    assert is_approved(play.journey, SignOffKind.EVALUATION)


# A protocol that asks for two where the shipped ones do not


@pytest.mark.long
@pytest.mark.parametrize(
    ("choice", "effect"),
    [
        ("continue", []),
        ("pause", ["hold.placed"]),
        ("add_support", ["support.requested"]),
        ("stop", ["stage.entered"]),
        ("switch_to_in_clinic", ["pathway.ending"]),
    ],
)
def test_response_review_by_two_has_its_effect_at_the_second_signature(choice: str, effect: list[str]) -> None:
    play = asked_to_sign(SignOffKind.RESPONSE_REVIEW, response_review={"cosigned_by": ["medical_director"]})
    [subject] = reviews_owed(play.journey)
    signed: dict[str, Any] = {"choice": choice, "referral": "x"}
    assert kinds(play.sign_once(SignOffKind.RESPONSE_REVIEW, subject, **signed)) == ["signoff.signed"]
    assert reviews_owed(play.journey) == (subject,)
    followed = kinds(play.sign_once(SignOffKind.RESPONSE_REVIEW, subject, Role.MEDICAL_DIRECTOR, **signed))
    assert followed[1 : 1 + len(effect)] == effect
    assert reviews_owed(play.journey) == ()


@pytest.mark.parametrize("choice", ["adjust", "maintenance"])
def test_response_review_by_two_asks_for_a_plan_at_the_second_signature(choice: str) -> None:
    play = asked_to_sign(SignOffKind.RESPONSE_REVIEW, response_review={"cosigned_by": ["medical_director"]})
    [subject], began = reviews_owed(play.journey), play.journey.course_started_at
    assert began is not None
    play.sign_once(SignOffKind.RESPONSE_REVIEW, subject, choice=choice)
    assert (play.journey.plan_owed_since, play.journey.course_started_at) == (None, began)
    play.sign_once(SignOffKind.RESPONSE_REVIEW, subject, Role.MEDICAL_DIRECTOR, choice=choice)
    assert play.journey.plan_owed_since is not None
    assert (play.journey.maintenance_since is not None) == (choice == "maintenance")
    assert play.journey.course_started_at == began


def test_two_signatures_for_maintenance_are_one_maintenance() -> None:
    play = asked_to_sign(SignOffKind.RESPONSE_REVIEW, response_review={"cosigned_by": ["medical_director"]})
    [subject] = reviews_owed(play.journey)
    play.sign(SignOffKind.RESPONSE_REVIEW, subject, choice="maintenance")
    plan = play.journey.plan
    assert plan is not None
    protocol = PROTOCOLS["PTSD"]
    longer = plan.model_copy(
        update={
            "planned_sessions": protocol.sessions.planned + protocol.maintenance.planned + 1,
            "spacing_hours": protocol.maintenance.target_spacing_hours,
            "weighed_at": play.at,
        }
    )
    refused = revision(play.journey, longer)
    play.refused(refused, code=RefusalCode.OUT_OF_LIMITS, field="plan.planned_sessions")


def test_discharge_by_two_ends_the_pathway_at_the_second_signature() -> None:
    play = asked_to_sign(SignOffKind.DISCHARGE, discharge={"cosigned_by": ["medical_director"]})
    assert kinds(play.sign_once(SignOffKind.DISCHARGE)) == ["signoff.signed"]
    assert (play.journey.closing, play.journey.outcome) == (None, None)
    bodies = play.sign_once(SignOffKind.DISCHARGE, by=Role.MEDICAL_DIRECTOR)
    assert kinds(bodies) == ["signoff.signed", "pathway.ending", "contacts.scheduled", "pathway.closed"]
    assert play.journey.outcome == Outcome.COMPLETED


def test_discharge_the_second_declines_is_proposed_anew() -> None:
    play = asked_to_sign(SignOffKind.DISCHARGE, discharge={"cosigned_by": ["medical_director"]})
    play.sign_once(SignOffKind.DISCHARGE)
    play.sign_once(SignOffKind.DISCHARGE, by=Role.MEDICAL_DIRECTOR, decision="decline")
    assert play.journey.discharge is None
    assert not play.asks_for(SignOffKind.DISCHARGE)
    assert play.journey.stage == Stage.FOLLOW_UP


def test_clearance_by_two_opens_the_dose_gate_at_the_second_signature() -> None:
    play = asked_to_sign(SignOffKind.CLEARANCE, clearance={"cosigned_by": ["on_call_clinician"]})
    missing = "no clearance signed over exactly this evidence"
    play.sign_once(SignOffKind.CLEARANCE, "1")
    assert missing in dose_gate(play.journey, 1, play.at)
    play.refused(c.ReleaseSession(session=1), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, says=missing)
    play.sign_once(SignOffKind.CLEARANCE, "1", Role.ON_CALL_CLINICIAN)
    assert dose_gate(play.journey, 1, play.at) == ()


def test_second_person_sees_a_gate_that_closed_in_between() -> None:
    """What must be so for a release must be so for both."""
    play, subject, _, second = half(SignOffKind.SEVERE_HOLD_RELEASE)
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="x", answers=c_ssrs("yyyynn-")))
    play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, subject, DIRECTOR)
    play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, subject, second)
    assert play.journey.held, "the hold of the crisis stays"
    crisis = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    play.refused(crisis, DIRECTOR, code=RefusalCode.INCOMPLETE, says="reached the patient")


def test_time_that_passes_between_the_two_is_looked_at_again() -> None:
    """The plan is signed on an evaluation that is recent: when the first signs, and when it comes to count."""
    play = asked_to_sign(SignOffKind.PLAN, plan={"cosigned_by": ["medical_director"]})
    play.sign_once(SignOffKind.PLAN)
    play.later(days=play.journey.protocol.eligibility.evaluation_valid_days + 1)
    play.refused(
        play.signature(SignOffKind.PLAN), Role.MEDICAL_DIRECTOR, code=RefusalCode.STALE, says="evaluation was signed"
    )


@pytest.mark.long
def test_undisturbed_course_under_a_protocol_of_two() -> None:
    rules = {kind.value: {"cosigned_by": ["medical_director", "clinician"]} for kind in SignOffKind}
    play = started(protocol=ruled(**rules)).go_on(lambda journey: journey.closed)
    assert play.journey.outcome == Outcome.COMPLETED
    signed = play.journey.sign_offs
    assert [s.first_of_two for s in signed] == [True, False] * (len(signed) // 2)
    assert all(a.by != b.by and (a.kind, a.subject) == (b.kind, b.subject)
               for a, b in zip(signed[::2], signed[1::2], strict=True))  # fmt: skip
    assert play.at - signed[0].at > timedelta(days=30)
