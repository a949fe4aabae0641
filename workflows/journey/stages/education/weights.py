"""The body weight that a limit per kg rests on.

The rule: no one person raises it by more than the protocol says, however often they say that they weighed the patient.
One that is implausibly far above may be in another unit, or mistyped, and so may many small steps. What is further
above counts as far as two people weighed it, or once the weight that it rose from counts no more for its age. A lower
weight counts at once. Source: dosing limits are clear (both source documents).
"""

from datetime import datetime, timedelta

from workflows.journey.envelopes import Changes
from workflows.journey.stages.education.state import EducationState
from workflows.journey.vocabulary.clinical import Plan


def weigh(state: EducationState, plan: Plan, at: datetime, *, by_another: bool) -> Changes:
    """Return what of the weight of a journey changes by a plan that is written at a moment (UTC): ``by_another`` person
    than who gave the weight before."""
    before, counted, rose_from = state.plan, state.counted_weight_kg, state.weight_rose_from_kg
    if before is None or counted is None or rose_from is None:
        return _counts(plan.weight_kg, plan.weight_kg, at, confirmed=False)
    anew = plan.weighed_at > before.weighed_at
    agrees = abs(plan.weight_kg - before.weight_kg) <= round(before.weight_kg * _share(state), 6)
    by_two = anew and agrees and by_another
    confirmed = by_two or (state.weight_confirmed and is_one_weighing(plan, before))
    rose_at = state.weight_rose_at or at
    if at - rose_at > timedelta(days=state.protocol.dose.weight_max_age_days or 0):
        rose_from = counted
    if plan.weight_kg <= counted:
        return _counts(plan.weight_kg, min(rose_from, plan.weight_kg), rose_at, confirmed=confirmed)
    if anew:
        if plan.weight_kg <= round(rose_from * (1 + _share(state)), 6):
            return _counts(plan.weight_kg, rose_from, at, confirmed=confirmed)
        by_both = min(plan.weight_kg, before.weight_kg)
        if by_two and by_both > counted:
            return _counts(by_both, by_both, at, confirmed=confirmed)
    return _counts(counted, rose_from, rose_at, confirmed=confirmed)


def is_one_weighing(plan: Plan, before: Plan) -> bool:
    """Whether two plans give one weight, weighed once."""
    return (plan.weight_kg, plan.weighed_at) == (before.weight_kg, before.weighed_at)


def _counts(kg: float, rose_from: float, rose_at: datetime, *, confirmed: bool) -> Changes:
    return {
        "counted_weight_kg": kg,
        "weight_rose_from_kg": rose_from,
        "weight_rose_at": rose_at,
        "weight_confirmed": confirmed,
    }


def _share(state: EducationState) -> float:
    return (state.protocol.dose.weight_max_change_pct or 0) / 100
