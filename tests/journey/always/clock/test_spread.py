"""Reminders that would all come in one second are spread over the window their protocol names; nothing else moves."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.play import PROTOCOLS, Play, before
from workflows.journey.obligations import open_obligation
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Obligation, Requirement
from workflows.journey.vocabulary.calendars import after_quiet_hours, is_quiet, is_within, working_time_between
from workflows.protocols.demonstration import load_demonstration

SHIPPED, EXACT = load_demonstration("PTSD"), PROTOCOLS["PTSD"]
SPREAD = sorted(
    name for name, policy in SHIPPED.escalation_policies.items() if any(step.spread_minutes for step in policy.steps)
)
MIDNIGHT = datetime(2026, 11, 24, 8, tzinfo=UTC)
"""In the patient's quiet hours, and while the clinic is closed."""
JOURNEYS = [uuid5(UUID(int=1), str(n)) for n in range(2000)]

moments = st.integers(0, 400 * 24 * 60).map(lambda minutes: MIDNIGHT + timedelta(minutes=minutes))


def opened(policy: str, at: datetime, journey_id: UUID = JOURNEYS[0], *, exact: bool = False) -> Obligation:
    update = {"id": journey_id, "protocol": EXACT if exact else SHIPPED}
    return open_obligation(needed(policy), asking().journey.model_copy(update=update), at)


@cache
def needed(policy: str) -> Requirement:
    asked = asking().request(SignOffKind.ELIGIBILITY)
    kept = asked.model_dump(include={*Requirement.model_fields} - {"due", "escalation_policy"})
    return Requirement(**kept, escalation_policy=policy)


@cache
def asking() -> Play:
    """A journey that waits for eligibility to be signed. Nobody takes it further."""
    return before("signoff.sign", 2)


def test_the_shipped_protocols_spread_their_reminders() -> None:
    assert {"sign_in_1_day", "sign_in_2_days", "consent", "acknowledgement"} <= {*SPREAD}
    for name in SPREAD:
        assert not any(step.spread_minutes for step in SHIPPED.escalation_policies[name].steps if step.alarm)


@pytest.mark.long
@pytest.mark.parametrize("policy", ["sign_in_2_days", "acknowledgement"])
def test_no_second_has_many_of_those_that_would_come_in_one(policy: str) -> None:
    at = datetime(2026, 11, 24, 7, tzinfo=UTC)
    exact = {opened(policy, at, each, exact=True).steps[0] for each in JOURNEYS}
    spread = Counter(opened(policy, at, each).steps[0].replace(microsecond=0) for each in JOURNEYS)
    assert len(exact) == 1
    # 2,000 over half an hour are about one in a second.
    assert max(spread.values()) <= 10
    assert max(spread) - min(spread) > timedelta(minutes=29)


@given(policy=st.sampled_from(SPREAD), at=moments, journey_id=st.sampled_from(JOURNEYS))
def test_a_reminder_moves_within_its_window_and_nothing_else_moves(policy: str, at: datetime, journey_id: UUID) -> None:
    exact, spread = opened(policy, at, journey_id, exact=True), opened(policy, at, journey_id)
    rules = SHIPPED.escalation_policies[policy]
    assert spread.due == exact.due
    assert [*spread.steps] == sorted(spread.steps) or [*exact.steps] != sorted(exact.steps)
    for step, plain, moved in zip(rules.steps, exact.steps, spread.steps, strict=True):
        window = timedelta(minutes=step.spread_minutes)
        if not window:
            assert moved == plain
            continue
        assert moved >= plain
        if rules.clock == "working":
            working = SHIPPED.working_time
            assert working_time_between(plain, moved, working) <= window
            assert moved == plain or is_within(moved, working.zone, working.hours, working.weekdays)
        elif rules.quiet_hours:
            zone = asking().journey.patient.zone
            assert not is_quiet(moved, zone, SHIPPED.quiet_hours)
            assert moved <= after_quiet_hours(plain + window, zone, SHIPPED.quiet_hours) + window
        else:
            assert moved <= plain + window


@given(policy=st.sampled_from(SPREAD), at=moments)
def test_it_is_worked_out_the_same_again_and_not_for_all_alike(policy: str, at: datetime) -> None:
    assert opened(policy, at).steps == opened(policy, at).steps
    assert len({opened(policy, at, each).steps for each in JOURNEYS[:5]}) > 1
