"""A patient's own dose limits: tighter at once, wider only by a signed override."""

from typing import Any

import pytest

from simulation.people import plan, revision
from tests.journey.play import Play, after, before, kinds
from workflows.journey import commands as c
from workflows.journey.evidence import is_approved
from workflows.journey.patient_limits import limit_of, limits
from workflows.journey.protocol import DoseLimit, SignOffKind, is_tighter
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode


def own(**numbers: float) -> c.SetLimits:
    return c.SetLimits.model_validate({"limits": numbers, "reason": "light, and new to it (invented)"})


def overridable(play: Play, **widest: float) -> Play:
    """The same moment under a protocol that lets these limits be overridden, so far."""
    return play.changed(
        protocol=play.journey.protocol.model_copy(
            update={"dose_overrides": {DoseLimit(name): number for name, number in widest.items()}}
        )
    )


def cautious(play: Play) -> Play:
    """The same moment for a patient with every limit a little tighter."""
    for name, number in limits(play.journey).items():
        closer = number + 1 if is_tighter(name, number + 1, number) else number * 0.9
        play.do(own(**{name: closer}), Role.COORDINATOR)
    return play


@pytest.mark.requirement("A42")
@pytest.mark.parametrize("by", [Role.COORDINATOR, Role.CLINICIAN])
def test_a_tighter_limit_holds_at_once_and_is_signed(by: Role) -> None:
    play = before("plan.record")
    assert kinds(play.do(own(max_single_dose=80), by)) == ["limits.tightened"]
    good = plan(play.journey.protocol, play.at)
    code, field = RefusalCode.OUT_OF_LIMITS, "plan.dose_mg"
    play.refused(c.RecordPlan(plan=good), code=code, field=field, says="at most 80")
    play.do(c.RecordPlan(plan=good.model_copy(update={"dose_mg": 80.0})))
    play.sign(SignOffKind.PATIENT_LIMITS)
    assert is_approved(play.journey, SignOffKind.PATIENT_LIMITS)


@pytest.mark.requirement("A42")
def test_a_tighter_limit_binds_the_plan_that_was_signed_before() -> None:
    play = before("session.release", 2)
    play.do(own(max_single_dose=80), Role.COORDINATOR)
    obstacles = dose_gate(play.journey, 2, play.at)
    assert "dose above 80.0 mg at once" in obstacles
    assert "plan not signed as it now is" in obstacles


@pytest.mark.requirement("A37", "A42")
@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ({"max_single_dose": 200}, RefusalCode.ALREADY_DONE),
        ({"max_single_dose": 201}, RefusalCode.OUT_OF_LIMITS),
        ({"min_interval_hours": 71}, RefusalCode.OUT_OF_LIMITS),
        ({"max_single_dose": 201, "min_interval_hours": 100}, RefusalCode.INCOMPLETE),
    ],
)
def test_a_wider_limit_is_refused_where_the_protocol_lets_nobody_override(
    numbers: dict[str, float], code: RefusalCode
) -> None:
    before("plan.record").refused(own(**numbers), code=code, field="limits")


@pytest.mark.requirement("A42")
def test_a_coordinator_makes_no_limit_wider() -> None:
    play = overridable(before("plan.record"), max_single_dose=250)
    wider = own(max_single_dose=220)
    play.refused(wider, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED, field="limits")
    play.do(own(max_single_dose=80), Role.COORDINATOR)
    play.refused(own(max_single_dose=90), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED, field="limits")


@pytest.mark.requirement("A37", "A42")
def test_an_override_holds_once_somebody_else_has_signed_it() -> None:
    play = overridable(before("plan.record"), max_single_dose=250)
    play.refused(own(max_single_dose=251), code=RefusalCode.OUT_OF_LIMITS, field="limits", says="up to 250")
    assert kinds(play.do(own(max_single_dose=250))) == ["limits.override-proposed"]
    assert limit_of(play.journey, DoseLimit.MAX_SINGLE_DOSE) == 200
    body = play.signature(SignOffKind.LIMIT_OVERRIDE)
    play.refused(body, Role.CLINICIAN, code=RefusalCode.NOT_ALLOWED, says="who wrote this")
    followed = play.sign(SignOffKind.LIMIT_OVERRIDE, by=Role.MEDICAL_DIRECTOR)
    assert kinds(followed) == ["signoff.signed", "limits.overridden"]
    assert limit_of(play.journey, DoseLimit.MAX_SINGLE_DOSE) == 250
    assert not play.asks_for(SignOffKind.LIMIT_OVERRIDE)


@pytest.mark.requirement("A37")
def test_an_override_that_is_declined_changes_nothing() -> None:
    play = overridable(before("plan.record"), max_single_dose=250)
    play.do(own(max_single_dose=250))
    play.sign(SignOffKind.LIMIT_OVERRIDE, by=Role.MEDICAL_DIRECTOR, decision="decline")
    assert limit_of(play.journey, DoseLimit.MAX_SINGLE_DOSE) == 200
    assert not play.asks_for(SignOffKind.LIMIT_OVERRIDE)


@pytest.mark.requirement("A42")
def test_back_to_the_protocols_number_takes_the_signature_too() -> None:
    play = before("plan.record")
    play.do(own(max_single_dose=80), Role.COORDINATOR)
    play.do(own(max_single_dose=200))
    assert limit_of(play.journey, DoseLimit.MAX_SINGLE_DOSE) == 80
    play.sign(SignOffKind.LIMIT_OVERRIDE, by=Role.MEDICAL_DIRECTOR)
    assert limit_of(play.journey, DoseLimit.MAX_SINGLE_DOSE) == 200


@pytest.mark.requirement("A37")
def test_an_override_makes_what_was_signed_under_the_other_limit_stale() -> None:
    play = overridable(before("session.release", 2), max_single_dose=250)
    play.do(own(max_single_dose=250))
    play.sign(SignOffKind.LIMIT_OVERRIDE, by=Role.MEDICAL_DIRECTOR)
    assert not is_approved(play.journey, SignOffKind.PLAN)
    assert not is_approved(play.journey, SignOffKind.CLEARANCE, "2")


@pytest.mark.requirement("A42")
def test_every_limit_can_be_made_tighter_and_is_then_kept() -> None:
    play = cautious(after("session.end"))
    assert play.journey.plan is not None
    same = play.journey.plan.model_copy(update={"weighed_at": play.at, "doses_dispensed": 1, "planned_sessions": 2})
    numbers = limits(play.journey)

    def written(**changed: Any) -> c.RecordPlan:
        return revision(play.journey, same.model_copy(update=changed))

    cases: dict[DoseLimit, tuple[dict[str, Any], str]] = {
        DoseLimit.MAX_SINGLE_DOSE: ({"dose_mg": numbers[DoseLimit.MAX_SINGLE_DOSE] + 1, "weight": 200.0}, "dose_mg"),
        DoseLimit.MAX_MG_PER_KG: (
            {"dose_mg": numbers[DoseLimit.MAX_MG_PER_KG] * 30 + 0.1, "weight": 30.0},
            "dose_mg",
        ),
        DoseLimit.TITRATION_MAX_STEP_PCT: ({"dose_mg": 145.01}, "dose_mg"),
        DoseLimit.MAX_DOSES_DISPENSED: ({"doses_dispensed": 2}, "doses_dispensed"),
        DoseLimit.MIN_INTERVAL_HOURS: ({"spacing_hours": 72}, "spacing_hours"),
        DoseLimit.PLANNED: ({"planned_sessions": 3}, "planned_sessions"),
    }
    for changed, field in cases.values():
        play.refused(written(**changed), code=RefusalCode.OUT_OF_LIMITS, field=f"plan.{field}")


def test_overrides_end_with_the_course() -> None:
    play = overridable(after("session.end", 3), max_single_dose=250)
    play.do(own(max_single_dose=250))
    play.sign(SignOffKind.LIMIT_OVERRIDE, by=Role.MEDICAL_DIRECTOR)
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-3", choice="maintenance")
    assert limit_of(play.journey, DoseLimit.MAX_SINGLE_DOSE) == 200
    play.refused(own(max_single_dose=250), code=RefusalCode.OUT_OF_LIMITS, field="limits")


@pytest.mark.requirement("A42")
def test_no_session_beyond_a_tighter_number_of_them_though_the_plan_is_signed_anew() -> None:
    play = before("session.release", 2)
    play.do(own(planned=1), Role.CLINICIAN)
    play.sign(SignOffKind.PATIENT_LIMITS)
    play.sign(SignOffKind.PLAN)
    assert "more than 1 sessions" in dose_gate(play.journey, 2, play.at)


@pytest.mark.requirement("A42")
@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [
        ({"max_single_dose": 110}, {"max_single_dose": 120}, {"max_single_dose": 120}),
        ({"min_interval_hours": 400}, {"min_interval_hours": 300}, {"min_interval_hours": 300}),
        ({"min_interval_hours": 150}, {"min_interval_hours": 100}, {"min_interval_hours": 168}),
        ({"max_course": 900}, {"max_course": 2000}, {"max_course": 3000}),
    ],
)
def test_a_limit_of_the_patients_own_goes_on_into_maintenance(
    first: dict[str, float], then: dict[str, float], kept: dict[str, float]
) -> None:
    """One that was made less tight by an override was gone with it."""
    play = after("session.end", 3)
    play.do(own(**first))
    play.sign(SignOffKind.PATIENT_LIMITS)
    play.do(own(**then))
    play.sign(SignOffKind.LIMIT_OVERRIDE, by=Role.MEDICAL_DIRECTOR)
    play.sign(SignOffKind.RESPONSE_REVIEW, "session-3", choice="maintenance")
    assert {name.value: limit_of(play.journey, name) for name in own(**kept).limits} == kept
