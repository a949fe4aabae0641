"""The course of a journey, played on a virtual clock: what the other benchmarks send and time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from simulation.people import referral
from tests.journey.play import JOURNEY, PROTOCOLS, started
from workflows.journey.aggregate import Journey
from workflows.journey.commands import Command
from workflows.journey.protocol import Pathway
from workflows.journey.vocabulary.stage import Stage


@dataclass(frozen=True)
class Step:
    """A command, of a person or of the clock, and the moment it came."""

    command: Command
    at: datetime


def course(pathway: Pathway, began: datetime, until: Callable[[Journey], bool]) -> tuple[Step, ...]:
    """An undisturbed course from its referral on: everybody does what they should as soon as they can."""
    played = started(pathway, at=began).go_on(until)
    first = Step(referral(PROTOCOLS[pathway], JOURNEY), began)
    return (first, *(Step(command, at) for _, command, at in played.moves))


def educated(journey: Journey) -> bool:
    """Whether all is done that needs no waiting: the first session can be scheduled."""
    return journey.stage == Stage.SESSIONS


def open_ended(journey: Journey) -> bool:
    """Whether the follow-up of fixed weeks is done, and the first one without a fixed end stands in the calendar."""
    fixed = tuple(f"follow-up-week-{week}" for week in journey.protocol.follow_up.weeks)
    return any(contact.type == "follow_up_visit" and contact.id not in fixed for contact in journey.contacts.values())
