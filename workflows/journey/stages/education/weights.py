"""The body weight that a limit per kg rests on.

The rule: no one person raises it by more than the protocol says, however often they say that they weighed the patient.
One that is implausibly far above may be in another unit, or mistyped, and so may many small steps. What is further
above counts as far as two people weighed it, or once the weight that it rose from counts no more for its age. A lower
weight counts at once. Source: dosing limits are clear (both source documents).
"""

from datetime import datetime, timedelta
from typing import Any

from workflows.journey.always.care_team.identity import is_same_person
from workflows.journey.envelopes import Changes
from workflows.journey.stages.education.state import EducationState
from workflows.journey.vocabulary.base import Identifier
from workflows.journey.vocabulary.clinical import Plan


def weigh(journey: Any, plan: Plan, by: Identifier, at: datetime) -> Changes:
    """Return what of the weight of a journey changes by a plan that somebody writes at a moment (UTC)."""
    state: EducationState = journey
    before, counted, rose_from = state.plan, state.counted_weight_kg, state.weight_rose_from_kg
    if before is None or counted is None or rose_from is None:
        return _counts(plan.weight_kg, plan.weight_kg, at, confirmed=False)
    agrees = abs(plan.weight_kg - before.weight_kg) <= round(before.weight_kg * _share(state), 6)
    confirmed = agrees and (state.weight_confirmed or plan.weighed_at != before.weighed_at)
    rose_at = state.weight_rose_at or at
    if at - rose_at > timedelta(days=state.protocol.dose.weight_max_age_days or 0):
        rose_from = counted
    if plan.weight_kg <= counted:
        return _counts(plan.weight_kg, min(rose_from, plan.weight_kg), rose_at, confirmed=confirmed)
    if plan.weighed_at > before.weighed_at:
        if plan.weight_kg <= round(rose_from * (1 + _share(state)), 6):
            return _counts(plan.weight_kg, rose_from, at, confirmed=confirmed)
        by_both = min(plan.weight_kg, before.weight_kg)
        if agrees and by_both > counted and not is_same_person(journey, by, state.plan_author or by):
            return _counts(by_both, by_both, at, confirmed=confirmed)
    return _counts(counted, rose_from, rose_at, confirmed=confirmed)


def _counts(kg: float, rose_from: float, rose_at: datetime, *, confirmed: bool) -> Changes:
    return {
        "counted_weight_kg": kg,
        "weight_rose_from_kg": rose_from,
        "weight_rose_at": rose_at,
        "weight_confirmed": confirmed,
    }


def _share(state: EducationState) -> float:
    return (state.protocol.dose.weight_max_change_pct or 0) / 100
