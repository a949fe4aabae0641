"""The clock: each step of an escalation policy is taken once, when its time has come. It never approves anything.

Where the last step repeats, it does until somebody acknowledges; after that a slower one goes on until what is awaited
is done. Only what is done ends an alarm.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from heapq import nsmallest
from itertools import chain, islice
from typing import NamedTuple

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.needs import wanted_now
from workflows.journey.obligations import due_steps
from workflows.journey.protocol import EscalationStep
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.refusals import RefusalCode, refuse

STEPS_AT_ONCE = 30
"""How many steps one command of the clock takes. Each gives an event, and some a hold."""


def pass_deadline(journey: Journey, command: c.PassDeadline, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Take every step whose time has come, once each: alarms first, then in the order in which they are due. Where many
    are due at once, the next command takes the next ones.

    Of repetitions that were missed, during an outage for example, only the latest is taken: it says all they would.
    While obligations are still to be opened and closed, nothing is taken of what is awaited no more.
    """
    wanted = None if journey.behind is None else wanted_now(journey)
    due = (
        [*_due_steps(waiting, journey, at)]
        for waiting in due_steps(journey, at)
        if wanted is None or waiting.id in wanted
    )
    # Each wait has one due step at least. Events are made only of those that are taken now, however many are due.
    first = nsmallest(STEPS_AT_ONCE, due, key=_rank)
    yield from map(_escalated, islice(chain.from_iterable(first), STEPS_AT_ONCE))


class _DueStep(NamedTuple):
    """A step of an escalation policy whose time has come, and its time (UTC)."""

    waiting: Obligation
    number: int
    step: EscalationStep
    due: datetime
    repetition: int = 0


def _due_steps(waiting: Obligation, journey: Journey, at: datetime) -> Iterator[_DueStep]:
    policy = journey.protocol.escalation_policies[waiting.escalation_policy]
    steps = policy.steps_when(acknowledged=waiting.acknowledged is not None)
    for number in range(waiting.taken, len(waiting.steps)):
        if waiting.steps[number] > at:
            break
        yield _DueStep(waiting, number, steps[number], waiting.steps[number])
    latest = waiting.repetitions(at)
    due = waiting.repetition(latest)
    if latest > waiting.repeated and due is not None:
        yield _DueStep(waiting, len(steps) - 1, steps[-1], due, latest)


def _rank(steps: Sequence[_DueStep]) -> tuple[bool, datetime, datetime, str]:
    waiting = steps[0].waiting
    return not any(each.step.alarm for each in steps), steps[0].due, waiting.deadline, waiting.id


def _escalated(taken: _DueStep) -> e.ObligationEscalated:
    return e.ObligationEscalated(
        obligation=taken.waiting.id,
        step=taken.number,
        due=taken.due,
        action=taken.step.action,
        to=taken.step.to,
        # A clinician who released the hold meanwhile has decided: repeating an alarm does not undo that.
        hold=taken.step.hold and not taken.repetition,
        alarm=taken.step.alarm,
        repetition=taken.repetition,
    )


def acknowledge(journey: Journey, command: c.AcknowledgeAlarm, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record who took an alarm and what they do, and go on by the slower steps, counted from now (UTC). Whoever takes
    one that is taken already puts off none of them."""
    waiting = journey.waiting.get(command.obligation)
    if waiting is None:
        refuse(RefusalCode.UNKNOWN, "nothing of this id is awaited", "See `pathway why`", "obligation")
    steps = journey.protocol.escalation_policies[waiting.escalation_policy].acknowledged
    if not steps or steps[-1].repeat_minutes is None:
        refuse(
            RefusalCode.UNKNOWN,
            "this wait is no alarm that repeats",
            "There is nothing to acknowledge; do what is awaited",
            "obligation",
        )
    yield e.ObligationAcknowledged(
        obligation=waiting.id,
        doing=command.doing,
        steps=waiting.steps
        if waiting.acknowledged is not None
        else tuple(at + timedelta(minutes=step.minutes or 0) for step in steps),
        repeat_minutes=steps[-1].repeat_minutes,
    )


DECISIONS: Decisions = {
    c.PassDeadline: pass_deadline,
    c.AcknowledgeAlarm: acknowledge,
}
