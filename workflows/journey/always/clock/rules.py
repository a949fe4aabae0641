"""The clock: each step of an escalation policy is taken once, when its time has come. It never approves anything."""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Actor
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.obligations import obligations


def pass_deadline(journey: Journey, command: c.PassDeadline, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Take every step whose time has come, once each, in the order in which obligations are due."""
    for waiting in obligations(journey):
        policy = journey.protocol.escalation_policies[waiting.escalation_policy]
        for number in range(waiting.taken, len(waiting.steps)):
            if waiting.steps[number] > at:
                break
            step = policy.steps[number]
            yield e.ObligationEscalated(
                obligation=waiting.id,
                step=number,
                due=waiting.steps[number],
                action=step.action,
                to=step.to,
                hold=step.hold,
                alarm=step.alarm,
            )


DECISIONS: Decisions = {
    c.PassDeadline: pass_deadline,
}
