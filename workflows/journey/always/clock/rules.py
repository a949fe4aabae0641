"""The clock: each step of an escalation policy is taken once, when its time has come. It never approves anything.

Where the last step repeats, it does until somebody acknowledges; after that a slower one goes on until what is awaited
is done. Only what is done ends an alarm.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, islice

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Actor
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.needs import wanted_now
from workflows.journey.obligations import due_steps
from workflows.journey.protocol import EscalationStep
from workflows.journey.refusals import RefusalCode, refuse
from workflows.journey.requirements import Obligation

STEPS_AT_ONCE = 30
"""How many steps one command of the clock takes. Each gives an event, and some a hold."""


def pass_deadline(journey: Journey, command: c.PassDeadline, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Take every step whose time has come, once each: alarms first, then in the order in which they are due. Where many
    are due at once, the next command takes the next ones.

    Of repetitions that were missed, during an outage for example, only the latest is taken: it says all they would.
    While obligations are still to be opened and closed, nothing is taken of what is awaited no more.
    """
    wanted = None if journey.behind is None else wanted_now(journey)
    due = [
        [*_due_steps(waiting, journey, at)]
        for waiting in sorted(due_steps(journey, at), key=lambda waiting: (waiting.deadline, waiting.id))
        if wanted is None or waiting.id in wanted
    ]
    due.sort(key=lambda steps: (not any(step.alarm for step in steps), steps[0].due))
    yield from islice(chain.from_iterable(due), STEPS_AT_ONCE)


def _due_steps(waiting: Obligation, journey: Journey, at: datetime) -> Iterator[e.ObligationEscalated]:
    policy = journey.protocol.escalation_policies[waiting.escalation_policy]
    steps = policy.steps_when(acknowledged=waiting.acknowledged is not None)
    for number in range(waiting.taken, len(waiting.steps)):
        if waiting.steps[number] > at:
            break
        yield _escalated(waiting, number, steps[number], waiting.steps[number])
    latest = waiting.repetitions(at)
    due = waiting.repetition(latest)
    if latest > waiting.repeated and due is not None:
        yield _escalated(waiting, len(steps) - 1, steps[-1], due, latest)


def _escalated(
    waiting: Obligation, number: int, step: EscalationStep, due: datetime, repetition: int = 0
) -> e.ObligationEscalated:
    return e.ObligationEscalated(
        obligation=waiting.id,
        step=number,
        due=due,
        action=step.action,
        to=step.to,
        # A clinician who released the hold meanwhile has decided: repeating an alarm does not undo that.
        hold=step.hold and not repetition,
        alarm=step.alarm,
        repetition=repetition,
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
