"""The weight that a limit per kilogram rests on: in which unit, and how far it is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from simulation.people import PEOPLE, revision
from tests.examples import examples
from tests.journey.planning import planned
from tests.journey.play import Play, before, person
from workflows.journey import commands as c
from workflows.journey.evidence import evidence
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode

Weighings = list[tuple[float, bool] | tuple[float, Role]]
"""Weights (kg), and whether each is weighed anew, by the journey's clinician or in another role."""


def weighed(*told: tuple[float, bool | Role], dose: float = 60.0, days: float = 1 / 24) -> Play:
    """A journey whose limit per kg binds, after plans with these weights, so far apart."""
    play = before("plan.record")
    dose_rules = play.journey.protocol.dose.model_copy(update={"max_mg_per_kg": 1.0})
    play = play.changed(protocol=play.journey.protocol.model_copy(update={"dose": dose_rules}))
    at = play.at
    for weight, anew in told:
        play.later(days=days)
        at = play.at if anew else at
        plan = planned(dose_mg=dose, weight=weight, weighed_at=at).plan
        by = anew if isinstance(anew, Role) else Role.CLINICIAN
        play.do(revision(play.journey, plan).model_copy(update={"rests_on": None}), by)
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


OTHER = Role.MEDICAL_DIRECTOR
WEIGHTS: dict[str, tuple[Weighings, float]] = {
    "the first one": ([(154.0, True)], 154.0),
    "one near it": ([(70.0, True), (80.0, True)], 80.0),
    "as far as may be": ([(70.0, True), (80.5, True)], 80.5),
    "further": ([(70.0, True), (80.6, True)], 70.0),
    "pounds for kilograms": ([(70.0, True), (154.0, True)], 70.0),
    "a digit wrong": ([(70.0, True), (170.0, True)], 70.0),
    "lower counts at once": ([(154.0, True), (70.0, True)], 70.0),
    "weighed again by somebody else, and that agrees": ([(70.0, True), (100.0, True), (101.0, OTHER)], 100.0),
    "weighed again by the same person": ([(70.0, True), (100.0, True), (101.0, True)], 70.0),
    "higher step by step": ([(70.0, True), (75.0, True), (80.0, True), (85.0, True), (92.0, True)], 80.0),
    "lower, and higher step by step": ([(70.0, True), (68.0, True), (78.0, True), (80.0, True)], 78.0),
    "step by step, by two people": ([(70.0, True), (80.0, OTHER), (92.0, True), (93.0, OTHER)], 92.0),
    "near it, by the same weighing": ([(70.0, True), (80.0, False)], 70.0),
    "lower, by the same weighing": ([(80.0, True), (70.0, False)], 70.0),
    "again by the same weighing": ([(70.0, True), (154.0, True), (154.0, False)], 70.0),
    "weighed again, and that does not agree": ([(70.0, True), (154.0, True), (110.0, OTHER)], 70.0),
    "back to what it was": ([(70.0, True), (154.0, True), (71.0, True)], 71.0),
    "the wrong one was far below": ([(61.0, True), (75.0, True), (75.0, OTHER)], 75.0),
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
def test_a_patient_who_slowly_grew_heavier_is_believed() -> None:
    """A weight that rose before the one of so long ago is no mistake of today's scale."""
    assert weighed((70.0, True), (80.0, True), (92.0, True), days=61).journey.counted_weight_kg == 92.0


@pytest.mark.requirement("A37", "B27")
@examples(1.5)
@given(st.lists(st.tuples(st.floats(62, 250), st.sampled_from([True, False, OTHER])), min_size=1, max_size=5))
def test_nobody_alone_raises_a_limit_per_kg_by_more_than_the_protocol_says(told: Weighings) -> None:
    """Whatever one person says they weighed within the days that a weight counts."""
    counted = [weighed(*told[:number]).journey.counted_weight_kg or 0 for number in range(1, len(told) + 1)]
    lowest = counted[0]
    for (last, by), (weight, anew), before_it, now in zip(told, told[1:], counted, counted[1:], strict=False):
        assert now <= max(weight, before_it)
        assert anew or now <= before_it, "one weighing told again raises nothing"
        lowest = min(lowest, now)
        if now > max(lowest * 1.1500001, before_it):
            assert (by == OTHER) != (anew == OTHER), "two people agree"
            assert now <= min(last, weight)
            lowest = now


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
        ([(70.0, True), (71.0, OTHER)], True),
        ([(70.0, True), (71.0, True)], False),
        ([(70.0, True), (70.0, False)], False),
        ([(70.0, True), (71.0, OTHER), (71.0, False)], True),
        ([(70.0, True), (71.0, OTHER), (75.0, False)], False),
        ([(70.0, True), (154.0, OTHER)], False),
        ([(70.0, True), (71.0, OTHER), (72.0, OTHER)], False),
        ([(70.0, True), (71.0, OTHER), (154.0, True)], False),
        ([(154.0, True), (70.0, OTHER)], False),
    ],
)
def test_who_signs_a_plan_sees_whether_two_people_weighed_the_patient(told: Weighings, confirmed: bool) -> None:
    """The first weight of a journey agrees with nothing: 154 may be the pounds of 70 kg. Whoever mistook the unit once
    mistakes it again."""
    play = weighed(*told)
    assert evidence(play.journey, SignOffKind.PLAN)["content"]["weight_confirmed"] is confirmed


@pytest.mark.requirement("A37", "B27")
@pytest.mark.parametrize("other", ["one licence under two ids", "who only changed the plan"])
def test_one_person_is_no_second_one_who_weighed(other: str) -> None:
    play = weighed((70.0, True), (100.0, True))
    licence = PEOPLE[Role.CLINICIAN].licence
    colleague = person("colleague", Role.CLINICIAN, number=licence.number if licence and "licence" in other else "M-9")
    if "plan" in other:
        assert play.journey.plan is not None
        body = revision(play.journey, play.journey.plan.model_copy(update={"dose_mg": 50.0}))
        play.do(body.model_copy(update={"rests_on": None}), colleague)
        colleague = PEOPLE[Role.CLINICIAN]
    again = planned(dose_mg=60.0, weight=101.0, weighed_at=play.later(hours=1).at).plan
    play.do(revision(play.journey, again).model_copy(update={"rests_on": None}), colleague)
    assert (play.journey.counted_weight_kg, play.journey.weight_confirmed) == (70.0, False)


@pytest.mark.requirement("B27")
def test_a_limit_per_kg_binds_the_lightest_plausible_patient() -> None:
    play = before("plan.record")
    heavy = play.journey.protocol.dose.model_copy(update={"max_mg_per_kg": 3.0})
    play = play.changed(protocol=play.journey.protocol.model_copy(update={"dose": heavy}))
    play.refused(planned(dose_mg=90.1, weight=30), code=RefusalCode.OUT_OF_LIMITS, field="plan.dose_mg", says="kg")
    play.do(planned(dose_mg=90, weight=30))
