"""What is awaited: of whom, since when, until when, and what happens if it does not come.

Everything in the service that waits is on this list. Timers, worklists, reminders, escalations, search attributes, the
Temporal UI and the sentence "why is this patient waiting?" are all views of this one list. Each stage says
what it needs now (`Requirement`, derived from the state and nothing else); a need that is new becomes an
`Obligation` with its due time and every later step worked out once, and kept in an event from then on.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.rules import next_staff_change
from workflows.journey.always.clock.model import ObligationsUpdated
from workflows.journey.always.holds.model import name_holds
from workflows.journey.always.safety.heightened import is_heightened
from workflows.journey.entries import Entries, as_entries, find
from workflows.journey.obligation_types import OBLIGATION_TYPES
from workflows.journey.protocol import EscalationPolicy, EscalationStep, Protocol
from workflows.journey.recall import recalled
from workflows.journey.requirements import Closed, Needs, Obligation, Paused, Requirement
from workflows.journey.stages.screening.rules import next_birthday
from workflows.journey.vocabulary.base import digest
from workflows.journey.vocabulary.calendars import add_working_time, after_quiet_hours, working_time_between


class Agreement(NamedTuple):
    """When what was awaited was last what was needed: in which groups, and whether care was held."""

    held: bool
    groups: Mapping[Needs, None]
    waiting: Entries[str, Obligation]


CLOCK = ("since", "due", "steps", "taken", "repeat_minutes", "repeated", "acknowledged", "hastened")
"""What belongs to the clock of an obligation, and goes on when the same need is asked for anew."""
CHANGES_AT_ONCE = 50
"""How many obligations one command opens or closes: one event has room for them, however long their words are."""


def open_obligation(need: Requirement, journey: Journey, at: datetime) -> Obligation:
    """Start the clock of a need: its due time and steps, in the patient's or the clinic's time where its escalation
    policy says so. Percents are of the time the policy counts, so that 100 % of working time is when it is due."""
    policy = journey.protocol.escalation_policies[need.escalation_policy]
    due = need.due or _later(at, timedelta(minutes=policy.due_minutes), policy, journey)
    steps = _plan_steps(need, due, at, journey, hastened=False)
    # Of warnings whose time passed before the wait began, only the last one is still given.
    passed = [n for n, step in enumerate(policy.steps) if step.days_before is not None and steps[n] <= at]
    opened = Obligation(
        **{**dict(need), "due": due},
        since=at,
        steps=steps,
        taken=max(passed, default=0),
        repeat_minutes=policy.steps[-1].repeat_minutes,
    )
    return _hasten(opened, journey, at)


def _hasten(waiting: Obligation, journey: Journey, at: datetime) -> Obligation:
    """Let the steps of what is awaited come sooner that are still to be taken, while the patient's risk is heightened
    (UTC): as if it had been awaited under that risk from the start. None comes later than it would have, and none is
    planned for a time that has passed, nor for quiet hours that its escalation policy keeps. An alarm that somebody has
    taken goes on as they took it."""
    if not _may_be_hastened(waiting) or not is_heightened(journey, at):
        return waiting
    policy = journey.protocol.escalation_policies[waiting.escalation_policy]
    soonest = _later(at, timedelta(), policy, journey)
    sooner = _plan_steps(waiting, waiting.deadline, waiting.since, journey, hastened=True)
    steps = tuple(
        min(step, max(soonest, sooner[number])) if number >= waiting.taken else step
        for number, step in enumerate(waiting.steps)
    )
    return waiting.model_copy(update={"steps": steps, "hastened": True})


def _may_be_hastened(waiting: Obligation) -> bool:
    about = OBLIGATION_TYPES.get(waiting.kind)
    return about is not None and about.hastened and not waiting.hastened and waiting.acknowledged is None


def _hastenable(waiting: Mapping[str, Obligation]) -> tuple[str, ...]:
    return tuple(name for name, each in waiting.items() if _may_be_hastened(each))


def _plan_steps(
    need: Requirement, due: datetime, since: datetime, journey: Journey, *, hastened: bool
) -> tuple[datetime, ...]:
    """Return when the steps of an escalation policy come (UTC) for what is due then, and is awaited since then."""
    policy, check_ins = journey.protocol.escalation_policies[need.escalation_policy], journey.protocol.check_ins

    def time_of(step: EscalationStep) -> datetime:
        if step.percent is not None:
            return _later(since, _count_time(since, due, policy, journey) * step.percent / 100, policy, journey)
        if step.days_before is not None:
            return due - timedelta(days=step.days_before)
        assert step.minutes is not None
        after = timedelta(minutes=step.minutes)
        if hastened and step.minutes:
            floor = timedelta(minutes=check_ins.heightened_minimum_minutes)
            after = max(after / check_ins.heightened_divide_by, min(floor, after))
        return _later(due, after, policy, journey)

    return _spread([time_of(step) for step in policy.steps], need, policy, journey)


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
    return Obligation(**{**dict(need), **_clock(kept), **moved})


def _clock(kept: Obligation) -> dict[str, Any]:
    """Return what an obligation has beyond its need."""
    return {name: getattr(kept, name) for name in CLOCK}


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
    steps = policy.steps_when(acknowledged=obligation.acknowledged is not None)
    return None if obligation.next_step is None else steps[min(obligation.taken, len(steps) - 1)]


def reconcile(groups: Sequence[Needs], journey: Journey, at: datetime) -> ObligationsUpdated | None:
    """Return what to open and what to close so that the obligations are exactly the needs; None where they are.

    Where much changes at once (a hold, a handover, an ending), alarms and safety come first, and ``more`` says that the
    clock's next command goes on. Until then no session is released, and no step is taken of what is awaited no more.

    A sign-off that is asked for again because its evidence changed keeps the clock of the first request, so changing
    the content gives no extra time. One whose own due time was moved (a session at another time) starts again, and a
    contact goes on from where it was. A hold pauses the clocks of care. They go on from where they stood when no hold
    is left. When the patient's risk becomes heightened, what was owed before is awaited by the same hastened steps as
    what comes after.
    """
    held = journey.held
    hastening = dict.fromkeys(find(journey.waiting, _hastenable)) if is_heightened(journey, at) else {}
    asked, known = _what_changed(groups, journey, hastening, held=held)
    pausing = {need.key: need for need in asked.values() if need.care} if held else {}
    wanted = {name: need for name, need in asked.items() if not (need.care and held)}
    before = {
        kept.key: kept for kept in known.values() if kept.id in hastening or not _stays(kept, wanted.get(kept.id))
    }
    left = {kept.id: kept for kept in before.values()}
    after = {need.key: need for name, need in wanted.items() if name not in known or name in left}
    keys = {**dict.fromkeys(before), **dict.fromkeys(after)}
    if not keys and journey.behind is None:
        return None

    def rank(key: str) -> tuple[bool, bool, datetime, str]:
        need: Requirement = after[key] if key in after else before[key]
        policy = journey.protocol.escalation_policies[need.escalation_policy]
        return not policy.alarms, need.care, need.due or at + timedelta(minutes=policy.due_minutes), key

    portion = heapq.nsmallest(CHANGES_AT_ONCE, keys, key=rank)
    return ObligationsUpdated(
        opened=tuple(_give_clock(after[key], before.get(key), journey, at) for key in portion if key in after),
        closed=tuple(_closed(before[key], after, pausing, journey) for key in portion if key in before),
        more=len(portion) < len(keys),
    )


def _what_changed(
    groups: Sequence[Needs], journey: Journey, hastening: Iterable[str], *, held: bool
) -> tuple[Mapping[str, Requirement], Mapping[str, Obligation]]:
    """Return the needs, and what is awaited, that may not agree: all of them, or what has changed since they agreed, or
    is to be hastened."""
    agreed = journey.agreed.get("last")
    if agreed is None or journey.behind is not None:
        waiting = {name: kept for page in as_entries(journey.waiting).pages for name, kept in page.entries.items()}
        return {name: need for group in groups for name, need in group.by_id.items()}, waiting
    now = dict.fromkeys(groups)
    gone = [group for group in agreed.groups if group not in now]
    changed = [group for group in groups if group not in agreed.groups or (group.care and agreed.held is not held)]
    asked = {name: need for group in changed for name, need in group.by_id.items()}
    names = dict.fromkeys((*asked, *(name for group in gone for name in group.by_id)))
    for name in (*hastening, *_differing(agreed.waiting, as_entries(journey.waiting))):
        names[name] = None
        if name not in asked:
            asked.update((name, group.by_id[name]) for group in groups if name in group.by_id)
    known = {name: kept for name in names if (kept := journey.waiting.get(name)) is not None}
    # What is asked for on other evidence has another id, perhaps in a group that was agreed on in another future.
    renewed = [kept.key for name, kept in known.items() if kept.evidence is not None and name not in asked]
    if renewed:
        needed = (need for group in groups for need in group.by_id.values())
        asked.update((need.id, need) for need in needed if need.key in renewed)
    return asked, known


def _differing(before: Entries[str, Obligation], now: Entries[str, Obligation]) -> Iterator[str]:
    """Yield the ids of what is awaited and was not then, or the other way round, or not of the same people."""
    then, new = (
        {name: waiting for page in side.pages if page not in other for name, waiting in page.entries.items()}
        for side, other in ((before, dict.fromkeys(now.pages)), (now, dict.fromkeys(before.pages)))
    )
    for name in {**then, **new}:
        if name not in then or name not in new or not _stays(then[name], new[name]):
            yield name


def remember_agreement(groups: Sequence[Needs], journey: Journey) -> None:
    """Remember that what is awaited of a journey is what it needs, so that only changes are looked at later."""
    if journey.behind is None:
        waiting = as_entries(journey.waiting)
        journey.agreed["last"] = Agreement(held=journey.held, groups=dict.fromkeys(groups), waiting=waiting)


def _give_clock(need: Requirement, earlier: Obligation | None, journey: Journey, at: datetime) -> Obligation:
    """Return a need with its clock: the one it had, the one a hold paused, or a new one."""
    if earlier is not None and _same_wait(need, earlier, journey):
        return _hasten(Obligation(**{**dict(need), **_clock(earlier)}), journey, at)
    paused = journey.paused.get(need.key)
    if earlier is None and paused is not None and _same_wait(need, paused.obligation, journey):
        return resume_obligation(need, paused, journey, at)
    opened = open_obligation(need, journey, at)
    return opened if earlier is None else _keep_taken(opened, earlier, journey, at)


def _keep_taken(moved: Obligation, earlier: Obligation, journey: Journey, at: datetime) -> Obligation:
    """Let a contact that became due at another time go on as one wait: what was asked and reminded of it is not asked
    again, unless it would come later now."""
    contact = journey.contacts.get(moved.subject or "")
    same = moved.escalation_policy == earlier.escalation_policy and earlier.acknowledged is None
    if not same or contact is None or contact.type != moved.kind:
        return moved
    steps = _plan_steps(moved, moved.deadline, earlier.since, journey, hastened=False)
    taken = next((number for number in range(earlier.taken) if steps[number] > at), earlier.taken)
    kept = {"since": earlier.since, "steps": steps, "taken": taken, "repeated": earlier.repeated, "hastened": False}
    return _hasten(moved.model_copy(update=kept), journey, at)


def _stays(kept: Obligation, need: Requirement | None) -> bool:
    """Whether an obligation is still exactly this need. When it is handed to somebody else, became more or less severe
    or worse, or something else is to be done, it is not."""
    return (
        need is not None
        and need.person == kept.person
        and need.what == kept.what
        and need.due in (None, kept.due)
        and need.escalation_policy == kept.escalation_policy
        and not need.is_worse_than(kept)
    )


def _same_wait(need: Requirement, earlier: Obligation, journey: Journey) -> bool:
    """Whether this is what was awaited before, undecided, no worse and by the same escalation policy: its clock goes
    on."""
    decided = any(signed.request == earlier.id for signed in journey.sign_offs)
    same = need.escalation_policy == earlier.escalation_policy and need.due in (None, earlier.due)
    return same and not decided and not need.is_worse_than(earlier)


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
    return first_obligations(journey, len(journey.waiting))


def first_obligations(journey: Journey, most: int) -> tuple[Obligation, ...]:
    """Return what the journey waits for and is due first, at most so much of it."""
    pages = (page.recall(_by_deadline) for page in as_entries(journey.waiting).pages)
    return tuple(islice(heapq.merge(*pages, key=_deadline), most))


def most_urgent(journey: Journey, most: int) -> tuple[Obligation, ...]:
    """Return the most urgent of what the journey waits for, at most so much of it: what alarms somebody, then the rest,
    each by due time."""
    pages = (page.recall(_by_urgency, journey.protocol) for page in as_entries(journey.waiting).pages)
    return tuple(waiting for *_, waiting in islice(heapq.merge(*pages, key=lambda ranked: ranked[:2]), most))


def _deadline(waiting: Obligation) -> tuple[datetime, str]:
    return waiting.deadline, waiting.id


def _by_deadline(entries: Mapping[str, Obligation]) -> list[Obligation]:
    return sorted(entries.values(), key=_deadline)


def _by_urgency(
    entries: Mapping[str, Obligation], protocol: Protocol
) -> list[tuple[bool, tuple[datetime, str], Obligation]]:
    policies = protocol.escalation_policies
    ranked = [(not policies[each.escalation_policy].alarms, _deadline(each), each) for each in entries.values()]
    return sorted(ranked, key=lambda each: each[:2])


def due_steps(journey: Journey, at: datetime) -> Iterator[Obligation]:
    """Yield what is awaited and has a step of its escalation policy due by a moment (UTC)."""
    for page in as_entries(journey.waiting).pages:
        if any(step <= at for step in page.recall(_next_steps)):
            yield from (each for each in page.entries.values() if each.next_step is not None and each.next_step <= at)


def _next_steps(entries: Mapping[str, Obligation]) -> tuple[datetime, ...]:
    """The earliest next step of these, if any has one."""
    steps = [step for waiting in entries.values() if (step := waiting.next_step) is not None]
    return (min(steps),) if steps else ()


@recalled
def next_deadline(journey: Journey) -> datetime | None:
    """Return the earliest moment at which a step of an escalation policy is due, a cover ends, somebody whose tasks are
    here leaves or comes, the patient's age speaks against an answer of the screening, or changes of what is awaited
    were left for the clock."""
    moments = [*find(journey.waiting, _next_steps)]
    if journey.covered is not None and (moments or not journey.closed):
        moments.append(journey.covered.until)
    if journey.behind is not None:
        moments.append(journey.behind)
    if moments and (day := next_birthday(journey)) is not None:
        moments.append(day)
    if moments and (changes := next_staff_change(journey)) is not None:
        moments.append(changes)
    return min(moments, default=None)
