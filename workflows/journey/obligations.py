"""What is awaited: of whom, since when, until when, and what happens if it does not come.

Everything in the service that waits is on this list. Timers, worklists, reminders, escalations, search attributes, the
Temporal UI and the sentence "why is this patient waiting?" are all views of this one list. Each stage says
what it needs now (`Requirement`, derived from the state and nothing else); a need that is new becomes an
`Obligation` with its due time and every later step worked out once, and kept in an event from then on.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from workflows.journey.aggregate import Journey
from workflows.journey.always.clock.model import ObligationsUpdated
from workflows.journey.always.holds.model import name_holds
from workflows.journey.base import digest
from workflows.journey.calendars import add_working_time, after_quiet_hours, working_time_between
from workflows.journey.obligation_types import OBLIGATION_TYPES
from workflows.journey.protocol import EscalationPolicy, EscalationStep
from workflows.journey.requirements import Closed, Obligation, Paused, Requirement
from workflows.journey.stages.screening.rules import next_birthday

CLOCK = dict.fromkeys(("since", "due", "steps", "taken", "repeat_minutes", "repeated", "acknowledged"), True)
"""What belongs to the clock of an obligation, and goes on when the same need is asked for anew."""
CHANGES_AT_ONCE = 50
"""How many obligations one command opens or closes: one event has room for them, however long their words are."""


def open_obligation(need: Requirement, journey: Journey, at: datetime) -> Obligation:
    """Start the clock of a need: its due time and steps, in the patient's or the clinic's time where its escalation
    policy says so. Percents are of the time the policy counts, so that 100 % of working time is when it is due."""
    policy = journey.protocol.escalation_policies[need.escalation_policy]
    due = need.due or _later(at, timedelta(minutes=policy.due_minutes), policy, journey)
    check_ins = journey.protocol.check_ins
    about = OBLIGATION_TYPES.get(need.kind)
    heightened = about is not None and about.hastened and journey.suicide_risk_heightened(at)

    def time_of(step: EscalationStep) -> datetime:
        if step.percent is not None:
            return _later(at, _count_time(at, due, policy, journey) * step.percent / 100, policy, journey)
        if step.days_before is not None:
            return due - timedelta(days=step.days_before)
        assert step.minutes is not None
        after = timedelta(minutes=step.minutes)
        if heightened and step.minutes:
            floor = timedelta(minutes=check_ins.heightened_minimum_minutes)
            after = max(after / check_ins.heightened_divide_by, min(floor, after))
        return _later(due, after, policy, journey)

    steps = _spread([time_of(step) for step in policy.steps], need, policy, journey)
    repeat_minutes = policy.steps[-1].repeat_minutes
    # Of warnings whose time passed before the wait began, only the last one is still given.
    passed = [n for n, step in enumerate(policy.steps) if step.days_before is not None and steps[n] <= at]
    return Obligation(
        **need.model_dump(exclude={"due"}),
        due=due,
        since=at,
        steps=steps,
        taken=max(passed, default=0),
        repeat_minutes=repeat_minutes,
    )


def _spread(
    times: Sequence[datetime], need: Requirement, policy: EscalationPolicy, journey: Journey
) -> tuple[datetime, ...]:
    """Move reminders within their windows, each journey's by another part of them, and never past the next step. The
    part rests on ids alone, so it is the same whenever it is worked out."""
    moved = [*times]
    for number in reversed(range(len(times))):
        window = policy.steps[number].spread_minutes
        if not window:
            continue
        part = int(digest([str(journey.id), need.key, number])[:12], 16) % (window * 60_000)
        share, plain = timedelta(milliseconds=part), times[number]
        later = _later(plain, share, policy, journey)
        if policy.quiet_hours and later != plain + share:
            later += share  # Quiet hours lay in between: at their end it would come with all others.
        moved[number] = min(later, *moved[number + 1 : number + 2])
    return tuple(moved)


def resume_obligation(need: Requirement, paused: Paused, journey: Journey, at: datetime) -> Obligation:
    """Let a paused clock go on: the time that was left until each later moment is left again from ``at`` on, and no
    step is taken twice. A due time of the need itself (an appointment) was never paused."""
    policy, kept = journey.protocol.escalation_policies[need.escalation_policy], paused.obligation

    def left(moment: datetime) -> datetime:
        if need.due is not None or moment <= paused.at:
            return moment
        return _later(at, _count_time(paused.at, moment, policy, journey), policy, journey)

    moved = {"due": left(kept.deadline), "steps": tuple(map(left, kept.steps))}
    return Obligation(**{**need.model_dump(), **_clock(kept), **moved})


def _clock(kept: Obligation) -> dict[str, Any]:
    """Return what an obligation has beyond its need."""
    return kept.model_dump(include=CLOCK)


def _later(start: datetime, amount: timedelta, policy: EscalationPolicy, journey: Journey) -> datetime:
    """Return ``amount`` after ``start`` as the escalation policy counts, moved out of quiet hours if it keeps them."""
    protocol = journey.protocol
    if policy.clock == "working":
        return add_working_time(start, amount, protocol.working_time)
    later = start + amount
    return after_quiet_hours(later, journey.patient.zone, protocol.quiet_hours) if policy.quiet_hours else later


def _count_time(start: datetime, end: datetime, policy: EscalationPolicy, journey: Journey) -> timedelta:
    """Return the time from ``start`` to ``end`` as the escalation policy counts."""
    return working_time_between(start, end, journey.protocol.working_time) if policy.clock == "working" else end - start


def next_escalation_step(obligation: Obligation, journey: Journey) -> EscalationStep | None:
    """Return the next step of an obligation's escalation policy; None when all were taken and the last does not
    repeat."""
    policy = journey.protocol.escalation_policies[obligation.escalation_policy]
    steps = policy.ladder(acknowledged=obligation.acknowledged is not None)
    return None if obligation.next_step is None else steps[min(obligation.taken, len(steps) - 1)]


def reconcile(needs: Iterable[Requirement], journey: Journey, at: datetime) -> ObligationsUpdated | None:
    """Return what to open and what to close so that the obligations are exactly the needs; None where they are.

    Where much changes at once (a hold, a handover, an ending), alarms and safety come first, and ``more`` says that the
    clock's next command goes on. Until then no session is released, and no step is taken of what is awaited no more.

    A sign-off that is asked for again because its evidence changed keeps the clock of the first request, so changing
    the content gives no extra time. One whose own due time was moved (a session at another time) starts again. A hold
    pauses the clocks of care. They go on from where they stood when no hold is left.
    """
    asked, waiting = tuple(needs), journey.waiting
    pausing = {need.key: need for need in asked if need.care} if journey.held else {}
    wanted = {need.id: need for need in asked if not (need.care and journey.held)}
    left = {key: kept for key, kept in waiting.items() if not _stays(kept, wanted.get(key))}
    new = [need for key, need in wanted.items() if key not in waiting or key in left]
    before = {kept.key: kept for kept in left.values()}
    after = {need.key: need for need in new}
    keys = [*dict.fromkeys((*before, *after))]
    portion = keys if len(keys) <= CHANGES_AT_ONCE else _first_changes(keys, before, after, journey, at)
    if not keys and journey.behind is None:
        return None
    return ObligationsUpdated(
        opened=tuple(_give_clock(after[key], before.get(key), journey, at) for key in portion if key in after),
        closed=tuple(_closed(before[key], after, pausing, journey) for key in portion if key in before),
        more=len(portion) < len(keys),
    )


def _first_changes(
    keys: list[str],
    before: Mapping[str, Obligation],
    after: Mapping[str, Requirement],
    journey: Journey,
    at: datetime,
) -> list[str]:
    """Return what changes first: what alarms somebody, then what is about safety, each by when it is due."""

    def rank(key: str) -> tuple[bool, bool, datetime]:
        need: Requirement = after[key] if key in after else before[key]
        policy = journey.protocol.escalation_policies[need.escalation_policy]
        return not policy.alarms, need.care, need.due or at + timedelta(minutes=policy.due_minutes)

    return heapq.nsmallest(CHANGES_AT_ONCE, keys, key=rank)


def _give_clock(need: Requirement, earlier: Obligation | None, journey: Journey, at: datetime) -> Obligation:
    """Return a need with its clock: the one it had, the one a hold paused, or a new one."""
    if earlier is not None and _same_wait(need, earlier, journey):
        return Obligation(**{**need.model_dump(), **_clock(earlier)})
    paused = journey.paused.get(need.key)
    if earlier is None and paused is not None and _same_wait(need, paused.obligation, journey):
        return resume_obligation(need, paused, journey, at)
    return open_obligation(need, journey, at)


def _stays(kept: Obligation, need: Requirement | None) -> bool:
    """Whether an obligation is still exactly this need. When it is handed to somebody else, or became more or less
    severe, it is not."""
    return (
        need is not None
        and need.person == kept.person
        and need.due in (None, kept.due)
        and need.escalation_policy == kept.escalation_policy
    )


def _same_wait(need: Requirement, earlier: Obligation, journey: Journey) -> bool:
    """Whether this is what was awaited before, undecided and by the same escalation policy: its clock goes on."""
    decided = any(signed.request == earlier.id for signed in journey.sign_offs)
    return need.escalation_policy == earlier.escalation_policy and need.due in (None, earlier.due) and not decided


def _closed(
    obligation: Obligation, again: Mapping[str, Requirement], pausing: Mapping[str, Requirement], journey: Journey
) -> Closed:
    if obligation.key in again:
        return Closed(id=obligation.id, because="superseded")
    if obligation.key in pausing:
        return Closed(id=obligation.id, because="held", reason=f"paused by {name_holds(journey)}")
    return Closed(id=obligation.id, because="no_longer_needed" if journey.closing is not None else "done")


def obligations(journey: Journey) -> tuple[Obligation, ...]:
    """Return everything the journey waits for, by due time."""
    return tuple(sorted(journey.waiting.values(), key=lambda waiting: (waiting.deadline, waiting.id)))


def next_deadline(journey: Journey) -> datetime | None:
    """Return the earliest moment at which a step of an escalation policy is due, a cover ends, the patient's age
    speaks against an answer of the screening, or changes of what is awaited were left for the clock."""
    moments = [step for waiting in journey.waiting.values() if (step := waiting.next_step) is not None]
    if journey.covered is not None:
        moments.append(journey.covered.until)
    if journey.behind is not None:
        moments.append(journey.behind)
    if moments and (day := next_birthday(journey)) is not None:
        moments.append(day)
    return min(moments, default=None)
