"""The course of a journey, played on a virtual clock: what the other benchmarks send and time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from simulation.people import next_move, referral
from tests.journey.play import sealed
from workflows.journey.actors import CLOCK
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import Command, PassDeadline
from workflows.journey.decide import decide
from workflows.journey.obligations import next_deadline
from workflows.journey.protocol import Pathway
from workflows.journey.refusals import Refusal
from workflows.journey.stage import Stage
from workflows.protocols.demonstration import demonstration

JOURNEY = UUID("11111111-1111-4111-8111-111111111111")


@dataclass(frozen=True)
class Step:
    """A command, of a person or of the clock, and the moment it came."""

    command: Command
    at: datetime


def course(pathway: Pathway, began: datetime, until: Callable[[Journey], bool]) -> tuple[Step, ...]:
    """An undisturbed course from its referral on: everybody does what they should as soon as they can."""
    at = began
    steps = [Step(referral(demonstration(pathway), JOURNEY), at)]
    journey = after(None, steps[0])
    while not until(journey):
        move, deadline = next_move(journey, at), next_deadline(journey)
        if not isinstance(move, Command):
            at = min(moment for moment in (move, deadline) if moment is not None)
            if at != deadline:
                continue
            move = Command(command_id=uuid5(JOURNEY, f"clock:{journey.version}"), actor=CLOCK, body=PassDeadline())
        steps.append(Step(sealed(move, at), at))
        journey = after(journey, steps[-1])
    return tuple(steps)


def after(journey: Journey | None, step: Step) -> Journey:
    """The state after one step."""
    decided = decide(journey, step.command, step.at)
    assert not isinstance(decided, Refusal), f"{step.command.body.kind}: {decided}"
    return fold(decided, journey)


def educated(journey: Journey) -> bool:
    """Whether all is done that needs no waiting: the first session can be scheduled."""
    return journey.stage == Stage.SESSIONS


def open_ended(journey: Journey) -> bool:
    """Whether the follow-up of fixed weeks is done, and the first one without a fixed end stands in the calendar."""
    fixed = tuple(f"follow-up-week-{week}" for week in journey.protocol.follow_up.weeks)
    return any(contact.type == "follow_up_visit" and contact.id not in fixed for contact in journey.contacts.values())
