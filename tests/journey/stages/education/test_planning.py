"""The treatment plan: its limits, its sections, its changes, and what is signed of it."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from simulation.people import plan, revision
from tests.journey.planning import limited, planned
from tests.journey.play import after, before, kinds
from tests.journey.settings import IN_CLINIC_RULES
from workflows.journey import commands as c
from workflows.journey.evidence import evidence
from workflows.journey.patient_limits import highest_dose
from workflows.journey.protocol import DoseLimits, Pathway, SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.protocols import list_pathways


def test_plan_within_limits_is_asked_to_be_signed() -> None:
    play = before("plan.record")
    play.do(planned())
    assert play.asks_for(SignOffKind.PLAN)


@pytest.mark.requirement("A09", "B19")
@pytest.mark.parametrize("by", [Role.PATIENT, Role.COORDINATOR, Role.THERAPIST])
def test_plan_is_a_clinicians_and_says_for_what(by: Role) -> None:
    before("plan.record").refused(planned(), by, code=RefusalCode.NOT_ALLOWED)
    unfounded = planned().plan.model_dump(exclude={"indication"})
    with pytest.raises(ValidationError, match="indication"):
        c.Plan.model_validate(unfounded)


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"dose_mg": 100.01}, "dose_mg", "starting dose"),
        ({"dose_mg": 200.01}, "dose_mg", "at most 200"),
        ({"weight": 29.9}, "weight", "from 30 to 250 kg"),
        ({"weight": 30}, None, ""),
        ({"weight": 250}, None, ""),
        ({"weight": 250.1}, "weight", "from 30 to 250 kg"),
        ({"planned_sessions": 4}, "planned_sessions", "at most 3 sessions"),
        ({"doses_dispensed": 3}, "doses_dispensed", "at most 2"),
        ({"route": "intravenous"}, "route", "sublingual"),
        ({"spacing_hours": 71}, "spacing_hours", "at least 72"),
        ({"spacing_hours": 72}, None, ""),
        ({"spacing_hours": 21 * 24}, None, ""),
        ({"spacing_hours": 21 * 24 + 1}, "spacing_hours", "at most 21 days"),
        ({"spacing_hours": 10**9}, "spacing_hours", "at most 21 days"),
        ({"weighed_at": before("plan.record").at - timedelta(days=60)}, None, ""),
        ({"weighed_at": before("plan.record").at - timedelta(days=60, seconds=1)}, "weighed_at", "last 60 days"),
    ],
)
def test_every_limit_is_enforced(changed: dict[str, Any], field: str | None, says: str) -> None:
    play = before("plan.record")
    if field is None:
        assert kinds(play.do(planned(**changed))) == ["plan.recorded"]
    else:
        play.refused(planned(**changed), code=RefusalCode.OUT_OF_LIMITS, field=f"plan.{field}", says=says)


@pytest.mark.requirement("B36")
@pytest.mark.parametrize("setting", ["at_home", "in_clinic"])
def test_the_setting_changes_no_dose_limit(setting: str) -> None:
    """Where care takes place is one question, how much is given another."""
    play = before("plan.record")
    protocol = play.journey.protocol
    rules = {"at_home": protocol.sessions.settings["at_home"], "in_clinic": IN_CLINIC_RULES}
    sessions = protocol.sessions.model_copy(update={"settings": rules})
    signed = tuple(
        each.model_copy(update={"choice": setting}) if each.kind == SignOffKind.ELIGIBILITY else each
        for each in play.journey.sign_offs
    )
    play = play.changed(protocol=protocol.model_copy(update={"sessions": sessions}), sign_offs=signed)
    play.refused(planned(setting=setting, dose_mg=100.01), code=RefusalCode.OUT_OF_LIMITS, field="plan.dose_mg")
    play.do(planned(setting=setting, dose_mg=100))


@pytest.mark.parametrize(
    ("limit", "spacing", "allowed"),
    [({"max_7_day": 200.0}, 72, True), ({"max_7_day": 199.0}, 72, False), ({"max_7_day": 100.0}, 168, True)],
)
def test_weekly_limit_counts_the_sessions_a_week_can_hold(limit: dict[str, float], spacing: int, allowed: bool) -> None:
    play, body = limited(**limit), planned(spacing_hours=spacing)
    if allowed:
        play.do(body)
    else:
        play.refused(body, code=RefusalCode.OUT_OF_LIMITS, field="plan.dose_mg", says="in 7 days")


def test_course_limit_counts_every_planned_session() -> None:
    limited(max_course=300.0).do(planned())
    limited(max_course=299.0).refused(
        planned(), code=RefusalCode.OUT_OF_LIMITS, field="plan.planned_sessions", says="in a course"
    )


@pytest.mark.parametrize("limit", [name for name in DoseLimits.model_fields if name not in ("unit", "medicine")])
def test_limit_that_is_not_set_refuses_every_plan(limit: str) -> None:
    play = limited(**{limit: None})
    play.refused(planned(), code=RefusalCode.PROTOCOL, says=limit)


@pytest.mark.requirement("A06", "A08", "A55", "B04", "B11", "B48", "B51")
@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"components": {"medication_management": "x", "monitoring": "x"}}, RefusalCode.INCOMPLETE, "plan.components"),
        ({"components": {"psychotherapy": "x", "monitoring": "x"}}, RefusalCode.INCOMPLETE, "plan.components"),
        ({"sections": {"dosing_schedule": "x"}}, RefusalCode.INCOMPLETE, "plan.sections"),
        ({"sections": {"marketing": "x"}}, RefusalCode.UNKNOWN, "plan.sections"),
        ({"goals": ("A lasting CURE",)}, RefusalCode.OUT_OF_LIMITS, "plan.goals"),
        ({"goals": ("sleep better", "erase the memory")}, RefusalCode.OUT_OF_LIMITS, "plan.goals"),
    ],
)
def test_plan_is_broader_than_ketamine_and_promises_nothing(
    changed: dict[str, Any], code: RefusalCode, field: str
) -> None:
    before("plan.record").refused(planned(**changed), code=code, field=field)


@pytest.mark.requirement("B51")
def test_goal_may_use_a_word_that_only_contains_a_promise() -> None:
    play = before("plan.record")
    plan_made = plan(play.journey.protocol, play.at).model_copy(update={"goals": ("feel secure on the bus",)})
    assert kinds(play.do(c.RecordPlan(plan=plan_made)))[0] == "plan.recorded"


@pytest.mark.requirement("A07", "B51")
@pytest.mark.parametrize("goal", ["Curing PTSD", "erasing the memories", "guaranteed relief", "it cures anxiety"])
def test_goal_promises_nothing_in_other_forms_of_a_word_either(goal: str) -> None:
    before("plan.record").refused(planned(goals=(goal,)), code=RefusalCode.OUT_OF_LIMITS, field="plan.goals")


@pytest.mark.requirement("B20")
@pytest.mark.parametrize(
    "section", ["dosing_schedule", "monitoring_expectations", "follow_up_appointments", "preparation_guidance"]
)
@pytest.mark.parametrize("pathway", list_pathways())
def test_every_section_of_the_plan_is_required(pathway: Pathway, section: str) -> None:
    sections = dict(planned(pathway).plan.sections)
    del sections[section]
    lacking = planned(pathway, sections=sections)
    play = before("plan.record", pathway=pathway)
    play.refused(lacking, code=RefusalCode.INCOMPLETE, field="plan.sections", says=section)


@pytest.mark.requirement("A55")
def test_therapy_may_be_absent_with_a_reason() -> None:
    play = before("plan.record")
    without = {"medication_management": "x", "monitoring": "x"}
    play.do(planned(components=without, therapy_absent_because="on a waiting list (invented)"))


@pytest.mark.requirement("B11")
def test_supportive_therapy_is_decided_either_way_for_anxiety() -> None:
    play = before("plan.record", pathway="ANXIETY")
    components = dict.fromkeys(play.journey.protocol.care_plan.require_components, "x")
    play.refused(
        planned("ANXIETY", components=components),
        code=RefusalCode.INCOMPLETE,
        field="plan.therapy_absent_because",
    )
    play.do(planned("ANXIETY", components=components, therapy_absent_because="not wished (invented)"))


@pytest.mark.requirement("A33", "B24")
def test_change_of_plan_needs_its_reason_what_it_rests_on_and_a_new_signature() -> None:
    play = after("session.end")
    changed = revision(play.journey, planned(dose_mg=110.0, weighed_at=play.at).plan)
    nothing = c.PlanBasis()
    assert changed.rests_on is not None
    for lacking, field in (
        ({"rationale": None}, "rationale"),
        ({"reason": None}, "reason"),
        ({"rests_on": None}, "rests_on.scores"),
        ({"rests_on": nothing.model_copy(update={"scores": changed.rests_on.scores})}, "rests_on.safety"),
        ({"rests_on": nothing.model_copy(update={"safety": changed.rests_on.safety})}, "rests_on.scores"),
    ):
        play.refused(changed.model_copy(update=lacking), code=RefusalCode.INCOMPLETE, field=field)
    for unknown, field in (({"reason": "whim"}, "reason"), ({"rests_on": {"scores": (9999,)}}, "rests_on.scores")):
        body = c.RecordPlan.model_validate({**changed.model_dump(), **unknown})
        play.refused(body, code=RefusalCode.UNKNOWN, field=field)
    play.do(changed)
    assert play.journey.plan_revision == 2
    signed = evidence(play.journey, SignOffKind.PLAN)
    assert signed["content"]["rests_on"]["scores"] == list(changed.rests_on.scores)
    assert play.asks_for(SignOffKind.PLAN)
    assert play.waits_for("scheduling") is None


@pytest.mark.requirement("B25")
@pytest.mark.parametrize(
    ("rationale", "reason", "changed", "field"),
    [
        ("more convenient for the patient", "response", {"dose_mg": 110.0}, "rationale"),
        ("for convenience", "side_effects", {}, "rationale"),
        ("travels in May", "practical_matters", {"dose_mg": 110.0}, "reason"),
        ("travels in May", "practical_matters", {"spacing_hours": 96}, "reason"),
        ("travels in May", "patient_wish", {"doses_dispensed": 2}, "reason"),
        ("nausea", "side_effects", {"dose_mg": 110.0}, "reason"),
        ("travels in May", "practical_matters", {"spacing_hours": 240}, None),
        ("nausea", "side_effects", {"dose_mg": 80.0}, None),
        ("slept better", "response", {"dose_mg": 110.0}, None),
        ("slept better; not for convenience", "response", {"dose_mg": 110.0}, None),
    ],
)
def test_convenience_is_no_reason(rationale: str, reason: str, changed: dict[str, Any], field: str | None) -> None:
    play = after("session.end")
    assert play.journey.plan is not None
    before_it = play.journey.plan.model_copy(update={"doses_dispensed": 1})
    play = play.changed(plan=before_it)
    written = before_it.model_copy(update={"weighed_at": play.at, **changed})
    body = revision(play.journey, written, reason).model_copy(update={"rationale": rationale})
    if field is None:
        play.do(body)
    else:
        play.refused(body, code=RefusalCode.OUT_OF_LIMITS, field=field)


@pytest.mark.requirement("A33", "A37", "B27")
def test_titration_is_one_step_above_the_dose_last_given_and_signed() -> None:
    play = after("session.end")

    def raised(dose: float) -> c.RecordPlan:
        return revision(play.journey, planned(dose_mg=dose, weighed_at=play.at).plan)

    code, field = RefusalCode.OUT_OF_LIMITS, "plan.dose_mg"
    play.refused(raised(150.01), code=code, field=field, says="titration step")
    play.do(raised(150.0))
    play.refused(raised(150.01), code=code, field=field, says="titration step")
    play.sign(SignOffKind.PLAN)
    play.refused(raised(150.01), code=code, field=field, says="titration step")


@pytest.mark.requirement("B27")
@pytest.mark.parametrize(("given", "highest"), [(50.0, 75.0), (100.0, 150.0), (400.0, 150.0)])
def test_titration_counts_what_was_given_up_to_what_was_signed(given: float, highest: float) -> None:
    """A dose far above the signed one opens no way to more; one below it counts as it was."""
    assert highest_dose(after("session.end").redosed(dose_mg=given).journey) == highest


@pytest.mark.requirement("B27")
def test_no_plan_changes_under_a_session_that_was_released() -> None:
    """Else the dose would be compared with a plan that nobody signed, and not with the one it was released on."""
    play = after("session.release", 2)
    written = revision(play.journey, planned(dose_mg=150.0, weighed_at=play.at).plan)
    play.refused(written, code=RefusalCode.INCOMPLETE, says="session 2 is released on the plan as it is")
    play.do(c.CancelSession(session=2, reason="not today (invented)"), Role.SESSION_MONITOR)
    play.do(written)


@pytest.mark.requirement("B27")
def test_two_plans_before_the_first_dose_stay_at_the_starting_dose() -> None:
    play = after("plan.record")
    body = revision(play.journey, planned(dose_mg=100.01).plan)
    play.refused(body, code=RefusalCode.OUT_OF_LIMITS, field="plan.dose_mg", says="starting dose")


def test_declined_plan_is_written_again() -> None:
    play = before("plan.record")
    play.do(planned())
    play.sign(SignOffKind.PLAN, decision="decline")
    assert play.waits_for("planning") is not None
    play.do(revision(play.journey, planned().plan))
    assert play.asks_for(SignOffKind.PLAN)


@pytest.mark.parametrize(("days", "allowed"), [(30, True), (30.001, False)])
def test_first_plan_is_signed_while_the_evaluation_is_valid(days: float, allowed: bool) -> None:
    play = before("plan.record")
    signed = play.journey.sign_offs[0].at
    play.at = signed + timedelta(days=days)
    play.do(planned(weighed_at=play.at))
    body = play.signature(SignOffKind.PLAN)
    if allowed:
        play.do(body)
    else:
        play.refused(body, code=RefusalCode.STALE, says="evaluation was signed more than 30 days ago")
