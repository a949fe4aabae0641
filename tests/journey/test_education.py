"""Education and planning: a personal plan within limits, everything explained, questions answered, consents given."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from simulation.people import plan, revision
from tests.journey.play import Play, after, before, kinds, started
from tests.journey.settings import IN_CLINIC_RULES
from workflows.journey import commands as c
from workflows.journey.actors import Role
from workflows.journey.evidence import evidence
from workflows.journey.patient_limits import highest_dose
from workflows.journey.protocol import DoseLimits, Pathway, SignOffKind
from workflows.journey.refusals import RefusalCode
from workflows.journey.stage import Stage
from workflows.journey.stages.education.rules import find_not_understood, find_untaught
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.protocols import list_pathways


def planned(pathway: Pathway = "PTSD", **changed: Any) -> c.RecordPlan:
    standing = before("plan.record", pathway=pathway)
    good = plan(standing.journey.protocol, standing.at)
    return c.RecordPlan(plan=c.Plan.model_validate({**good.model_dump(), **changed}))


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


def limited(**dose: float | None) -> Play:
    """The moment before planning, under a protocol with other dose limits."""
    play = before("plan.record")
    protocol = play.journey.protocol
    return play.changed(protocol=protocol.model_copy(update={"dose": protocol.dose.model_copy(update=dose)}))


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


@pytest.mark.requirement("A25", "A27", "A38", "B28")
def test_topics_are_explained_by_a_clinician() -> None:
    play = before("education.explain")
    topics = play.journey.protocol.education_topics
    play.refused(c.ExplainTopics(topics=topics, content_version="v1"), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    play.refused(c.ExplainTopics(topics=("miracles",), content_version="v1"), code=RefusalCode.UNKNOWN, field="topics")
    play.do(c.ExplainTopics(topics=topics[:-1], content_version="v1"))
    assert play.waits_for("education") is not None
    assert play.waits_for("acknowledgement") is None
    play.do(c.ExplainTopics(topics=topics[-1:], content_version="v1"))
    assert play.waits_for("acknowledgement") is None
    play.do(c.ConfirmUnderstanding(topics=dict.fromkeys(topics, "understood"), in_their_words="x"))
    assert play.waits_for("education") is None
    assert play.waits_for("acknowledgement") is not None


@pytest.mark.requirement("A26")
def test_what_was_explained_is_understood_before_anybody_consents() -> None:
    play = before("education.confirm")
    topics = play.journey.protocol.education_topics
    consents = play.journey.consent_versions
    play.refused(c.GiveConsent(consents=consents), Role.PATIENT, code=RefusalCode.INCOMPLETE, says="own words")
    heard = {topics[0]: "explain_again", **dict.fromkeys(topics[1:], "understood")}
    play.do(c.ConfirmUnderstanding.model_validate({"topics": heard, "in_their_words": "invented"}))
    assert find_untaught(play.journey) == topics[:1], "it is explained again"
    alone = c.ConfirmUnderstanding(topics={topics[0]: "understood"}, in_their_words="invented")
    play.refused(alone, code=RefusalCode.INCOMPLETE, field="topics", says=topics[0])
    play.refused(alone, Role.PATIENT, code=RefusalCode.NOT_ALLOWED)
    play.do(c.ExplainTopics(topics=topics[:1], content_version="v2"))
    play.do(alone)
    assert find_not_understood(play.journey) == ()


@pytest.mark.requirement("A26")
def test_what_is_explained_anew_is_heard_anew_and_stands_before_the_dose() -> None:
    play = before("session.release")
    topic = play.journey.protocol.education_topics[0]
    play.do(c.ExplainTopics(topics=(topic,), content_version="v2"))
    assert any("(education)" in found for found in dose_gate(play.journey, 1, play.at))


@pytest.mark.requirement("A23")
def test_background_reading_is_sent_before_the_evaluation_and_tracked() -> None:
    play = started()
    body = c.SendReading(reading="psychiatric_evaluation", content_version="v1")
    read = c.ConfirmReading(reading="psychiatric_evaluation", content_version="v1")
    play.refused(read, Role.PATIENT, code=RefusalCode.UNKNOWN, field="reading")
    play.do(body, Role.COORDINATOR)
    sent = play.journey.education.reading["psychiatric_evaluation"]
    assert (sent.content_version, sent.sent_at, sent.read_at) == ("v1", play.at, None)
    other = read.model_copy(update={"content_version": "v0"})
    play.refused(other, Role.PATIENT, code=RefusalCode.STALE, field="content_version")
    play.later(hours=1).do(read, Role.PATIENT)
    assert play.journey.education.reading["psychiatric_evaluation"].read_at == play.at
    medicine = body.model_copy(update={"reading": "off_label_and_fda_warning"})
    play.refused(medicine, Role.COORDINATOR, code=RefusalCode.UNKNOWN, field="reading")


@pytest.mark.requirement("A54", "A55", "A56", "A57", "B10", "B45")
def test_statements_are_acknowledged_by_the_patient_alone() -> None:
    play = before("education.acknowledge")
    statements = play.journey.protocol.acknowledgements
    play.refused(c.Acknowledge(statements=statements), code=RefusalCode.NOT_ALLOWED)
    play.refused(c.Acknowledge(statements=("is_a_cure",)), Role.PATIENT, code=RefusalCode.UNKNOWN, field="statements")
    play.do(c.Acknowledge(statements=statements[1:]), Role.PATIENT)
    assert play.waits_for("acknowledgement") is not None
    play.do(c.Acknowledge(statements=statements[:1]), Role.PATIENT)
    assert play.waits_for("acknowledgement") is None


@pytest.mark.requirement("B06")
def test_consents_come_after_the_explanation() -> None:
    play = before("education.explain")
    consents = play.journey.protocol.consents
    play.refused(c.GiveConsent(consents=consents), Role.PATIENT, code=RefusalCode.INCOMPLETE, says="not yet explained")


@pytest.mark.requirement("A52", "B57")
def test_consents_come_after_the_patients_questions_are_answered() -> None:
    play = before("consent.give")
    consents = play.journey.protocol.consents
    play.do(c.AskQuestion(text="what if I feel sick?"), Role.PATIENT)
    assert play.waits_for("question", "question-1") is not None
    play.refused(c.GiveConsent(consents=consents), Role.PATIENT, code=RefusalCode.INCOMPLETE, says="open questions")
    play.refused(c.AnswerQuestion(question="question-1", text="x"), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    play.refused(c.AnswerQuestion(question="question-9", text="x"), code=RefusalCode.UNKNOWN, field="question")
    play.do(c.AnswerQuestion(question="question-1", text="call us"))
    play.refused(c.AnswerQuestion(question="question-1", text="x"), code=RefusalCode.ALREADY_DONE, field="question")
    play.do(c.GiveConsent(consents=consents), Role.PATIENT)
    assert play.journey.stage == Stage.SESSIONS


def test_consent_is_to_the_version_in_force_and_the_patients_own() -> None:
    play = before("consent.give")
    play.refused(
        c.GiveConsent(consents={"treatment": "treatment-0"}), Role.PATIENT, code=RefusalCode.STALE, field="consents"
    )
    play.refused(c.GiveConsent(consents={"sale": "sale-1"}), Role.PATIENT, code=RefusalCode.UNKNOWN, field="consents")
    play.refused(c.GiveConsent(consents=play.journey.protocol.consents), code=RefusalCode.NOT_ALLOWED)


def test_sessions_begin_only_when_nothing_is_missing() -> None:
    play = before("consent.give")
    first, *others = play.journey.protocol.consents.items()
    play.do(c.GiveConsent(consents=dict([first])), Role.PATIENT)
    assert play.waits_for("consent") is not None
    followed = kinds(play.do(c.GiveConsent(consents=dict(others)), Role.PATIENT))
    assert followed == ["consent.given", "stage.entered", "contacts.scheduled"]
    assert play.journey.stage == Stage.SESSIONS


def test_withdrawn_consent_cancels_the_session_that_is_planned() -> None:
    play = before("session.check")
    bodies = play.do(c.WithdrawConsent(consent="treatment"), Role.PATIENT)
    assert kinds(bodies) == ["consent.withdrawn", "session.cancelled"]
    assert play.journey.sessions == {}
    assert play.waits_for("consent") is not None
    assert play.waits_for("scheduling") is None
    play.refused(c.WithdrawConsent(consent="treatment"), Role.PATIENT, code=RefusalCode.ALREADY_DONE, field="consent")


def test_withdrawn_consent_does_not_stop_the_observation_of_a_running_session() -> None:
    play = after("session.dose")
    play.do(c.WithdrawConsent(consent="treatment"), Role.PATIENT)
    assert play.journey.sessions[1].running
    assert play.waits_for("observation") is not None


@pytest.mark.requirement("A52")
def test_early_question_needs_no_stage() -> None:
    play = started()
    play.do(c.AskQuestion(text="how long does this take?"), Role.PATIENT)
    assert play.waits_for("question", "question-1") is not None


def weighed(*told: tuple[float, bool], dose: float = 60.0) -> Play:
    """A journey whose limit per kg binds, after plans with these weights (kg), each weighed anew or not."""
    play = before("plan.record")
    dose_rules = play.journey.protocol.dose.model_copy(update={"max_mg_per_kg": 1.0})
    play = play.changed(protocol=play.journey.protocol.model_copy(update={"dose": dose_rules}))
    at = play.at
    for weight, anew in told:
        play.later(hours=1)
        at = play.at if anew else at
        plan = planned(dose_mg=dose, weight=weight, weighed_at=at).plan
        play.do(revision(play.journey, plan).model_copy(update={"rests_on": None}))
    return play


@pytest.mark.requirement("A37", "B27")
@pytest.mark.parametrize(("weight", "unit", "kg"), [(150, "lb", 68.039), (150, "kg", 150.0), (70.5, "kg", 70.5)])
def test_a_weight_counts_in_the_unit_it_was_read_in(weight: float, unit: str, kg: float) -> None:
    play = before("plan.record")
    play.do(planned(weight=weight, weight_unit=unit, dose_mg=20))
    assert play.journey.counted_weight_kg == kg
    shown = evidence(play.journey, SignOffKind.PLAN)["content"]["weight"]
    assert shown["kg"] == kg
    assert shown["lb"] == pytest.approx(kg * 2.2046, rel=1e-3), "who thinks in pounds sees what was entered"


@pytest.mark.parametrize("unit", [None, "", "KG", "lbs", "stone"])
def test_no_unit_of_a_weight_is_taken_for_granted(unit: str | None) -> None:
    good = planned().plan.model_dump(mode="json")
    for wrong in ({**good, "weight_unit": unit}, {name: good[name] for name in good if name != "weight_unit"}):
        with pytest.raises(ValidationError):
            c.Plan.model_validate(wrong)


WEIGHTS: dict[str, tuple[list[tuple[float, bool]], float]] = {
    "the first one": ([(154.0, True)], 154.0),
    "one near it": ([(70.0, True), (80.0, True)], 80.0),
    "as far as may be": ([(70.0, True), (80.5, True)], 80.5),
    "further": ([(70.0, True), (80.6, True)], 70.0),
    "pounds for kilograms": ([(70.0, True), (154.0, True)], 70.0),
    "a digit wrong": ([(70.0, True), (170.0, True)], 70.0),
    "lower counts at once": ([(154.0, True), (70.0, True)], 70.0),
    "weighed again, and that agrees": ([(70.0, True), (100.0, True), (101.0, True)], 101.0),
    "again by the same weighing": ([(70.0, True), (154.0, True), (154.0, False)], 70.0),
    "weighed again, and that does not agree": ([(70.0, True), (154.0, True), (110.0, True)], 70.0),
    "back to what it was": ([(70.0, True), (154.0, True), (71.0, True)], 71.0),
    "the wrong one was far below": ([(61.0, True), (75.0, True), (75.0, True)], 75.0),
}


@pytest.mark.requirement("A37", "B27")
@pytest.mark.parametrize("told", WEIGHTS)
def test_a_limit_per_kg_rests_on_no_weight_that_is_far_above_the_one_before(told: str) -> None:
    """70 kg entered as 154, its pounds, allowed 2.2 times the dose."""
    weights, counted = WEIGHTS[told]
    play = weighed(*weights)
    assert play.journey.counted_weight_kg == counted
    assert evidence(play.journey, SignOffKind.PLAN)["content"]["counted_weight_kg"] == counted
    assert play.journey.plan is not None
    same = play.journey.plan.model_copy(update={"dose_mg": min(counted + 0.01, 100.0)})
    if counted < 100:
        body = revision(play.journey, same).model_copy(update={"rests_on": None})
        play.refused(body, code=RefusalCode.OUT_OF_LIMITS, field="plan.dose_mg", says="per kg")


@pytest.mark.requirement("A37", "B27")
@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(62, 250), st.booleans()), min_size=1, max_size=5))
def test_no_weight_told_once_raises_a_limit_per_kg_by_more_than_the_protocol_says(
    told: list[tuple[float, bool]],
) -> None:
    counted = [weighed(*told[:number]).journey.counted_weight_kg or 0 for number in range(1, len(told) + 1)]
    for (last, _), (weight, anew), before_it, now in zip(told, told[1:], counted, counted[1:], strict=False):
        assert now <= weight or now == before_it
        if now > before_it * 1.1500001:
            assert anew
            assert abs(weight - last) <= last * 0.1500001


@pytest.mark.requirement("B27")
def test_the_dose_gate_counts_the_same_weight() -> None:
    play = before("session.release", 2)
    low = play.changed(counted_weight_kg=10.0)
    assert any("per kg" in found for found in dose_gate(low.journey, 2, low.at))
    assert not any("per kg" in found for found in dose_gate(play.journey, 2, play.at))


@pytest.mark.requirement("A37", "B27")
@pytest.mark.parametrize(
    ("told", "confirmed"),
    [
        ([(70.0, True)], False),
        ([(154.0, True)], False),
        ([(70.0, True), (71.0, True)], True),
        ([(70.0, True), (70.0, False)], False),
        ([(70.0, True), (71.0, True), (71.0, False)], True),
        ([(70.0, True), (154.0, True)], False),
        ([(70.0, True), (71.0, True), (154.0, True)], False),
        ([(154.0, True), (70.0, True)], False),
    ],
)
def test_who_signs_a_plan_sees_whether_another_weighing_agrees(told: list[tuple[float, bool]], confirmed: bool) -> None:
    """The first weight of a journey agrees with nothing: 154 may be the pounds of 70 kg."""
    play = weighed(*told)
    assert evidence(play.journey, SignOffKind.PLAN)["content"]["weight_confirmed"] is confirmed


@pytest.mark.requirement("B27")
def test_a_limit_per_kg_binds_the_lightest_plausible_patient() -> None:
    play = before("plan.record")
    heavy = play.journey.protocol.dose.model_copy(update={"max_mg_per_kg": 3.0})
    play = play.changed(protocol=play.journey.protocol.model_copy(update={"dose": heavy}))
    play.refused(planned(dose_mg=90.1, weight=30), code=RefusalCode.OUT_OF_LIMITS, field="plan.dose_mg", says="kg")
    play.do(planned(dose_mg=90, weight=30))
