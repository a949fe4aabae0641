"""The clock: every step of a ladder is taken once, when its time has come, and never approves anything."""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.actors import Actor
from workflows.journey.aggregate import Journey
from workflows.journey.obligations import obligations


def pass_deadline(journey: Journey, command: c.PassDeadline, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    for waiting in obligations(journey):
        rungs = journey.protocol.ladders[waiting.ladder].rungs
        for step in range(waiting.taken, len(waiting.steps)):
            if waiting.steps[step] > at:
                break
            rung = rungs[step]
            yield e.ObligationEscalated(
                obligation=waiting.id,
                step=step,
                due=waiting.steps[step],
                action=rung.action,
                to=rung.to,
                hold=rung.hold,
                alarm=rung.alarm,
            )
