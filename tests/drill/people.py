"""Twenty people who act on the same journeys at once, and keep a list of what each of them was told."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from time import monotonic
from typing import Literal
from uuid import UUID, uuid4

from temporalio.service import RPCError

from activities.record.errors import NotYetRecorded, RecordUnavailable
from application.errors import NotFound, Refused, Unavailable
from application.temporal.journey_client import submit
from simulation.moves.next_move import next_move
from simulation.people import STAFF, look_up, person_of
from simulation.player import Follower
from tests.faults.helpers import AT_RISK, Course, signal
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.vocabulary.actors import Actor, Role

PATIENTS, OBSERVERS = 6, 5
ASKS_AGAIN = timedelta(seconds=30)
"""How long somebody sends a command again before they give up."""
ANSWERED_WITHIN = timedelta(seconds=5)
SHORTLY = timedelta(seconds=2)
"""How long somebody waits to hear that what was accepted is recorded."""

Outcome = Literal["accepted", "recorded", "refused", "no such journey", "no answer", "signalled"]
ACKNOWLEDGED: tuple[Outcome, ...] = ("accepted", "recorded", "signalled")


@dataclass
class Told:
    """A command that somebody sent, how often, and what they were told in the end and when (UTC)."""

    journey_id: UUID
    command: c.Command
    outcome: Outcome = "no answer"
    why: str = ""
    sent: int = 0
    seconds: float = 0
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    lost_with_temporal: bool = False
    """It was accepted and not yet recorded when Temporal's database was put back to an older copy."""


class Desk:
    """Where commands of one journey are handed in, and where it is looked at."""

    def __init__(self, course: Course, told: list[Told]) -> None:
        self.course, self._told = course, told
        self._follower = Follower(course.record, course.id)
        self._looking = asyncio.Lock()

    async def look(self) -> Journey:
        """Return the journey as recorded.

        Raises:
            RecordUnavailable: it cannot be read now.
        """
        async with self._looking:
            return await self._follower.at_least(0)

    async def hand_in(self, command: c.Command, patience: timedelta = ASKS_AGAIN) -> Told:
        """Send a command as people do: again, as it is, until there is an answer or their patience ends."""
        course, told = self.course, Told(self.course.id, command)
        self._told.append(told)
        began = monotonic()
        while told.outcome == "no answer" and monotonic() - began < patience.total_seconds():
            told.sent += 1
            try:
                receipt = await submit(course.client, course.id, command, timeout=ANSWERED_WITHIN)
            except Refused as refused:
                told.outcome, told.why = "refused", refused.reason
            except NotFound as unknown:
                told.outcome, told.why = "no such journey", unknown.reason
            except Unavailable as unanswered:
                told.why = unanswered.reason
                await asyncio.sleep(0.5)
            else:
                told.outcome = "accepted"
                told.at, told.seconds = datetime.now(UTC), monotonic() - began
                try:
                    await course.record.wait_for(course.id, receipt.version, SHORTLY)
                except (NotYetRecorded, RecordUnavailable):
                    return told
                told.outcome = "recorded"
                return told
        told.at, told.seconds = datetime.now(UTC), monotonic() - began
        return told

    async def send(self, command: c.Command) -> Told:
        """Send a command as a signal: Temporal says only that it has it."""
        told = Told(self.course.id, command, sent=1)
        self._told.append(told)
        try:
            async with asyncio.timeout(ANSWERED_WITHIN.total_seconds()):
                await signal(self.course, "command", command.model_dump_json(exclude_none=True).encode())
        except (RPCError, TimeoutError):
            pass
        else:
            told.outcome = "signalled"
        told.at = datetime.now(UTC)
        return told


@dataclass
class Person:
    """Somebody who acts: staff on every journey, a patient or an observer on their own."""

    who: Actor
    desks: Sequence[Desk]
    chance: Random

    async def act(self, until: asyncio.Event) -> None:
        while not until.is_set():
            desk = self.chance.choice(self.desks)
            try:
                journey = await desk.look()
            except RecordUnavailable:
                await asyncio.sleep(0.5)
                continue
            if not journey.closed:
                command = self._choose(desk.course, journey)
                by_signal = isinstance(command.body, c.RequestSupport) and self.chance.random() < 0.1
                await (desk.send(command) if by_signal else desk.hand_in(command))
            await asyncio.sleep(self.chance.uniform(0.2, 2))

    def _choose(self, course: Course, journey: Journey) -> c.Command:
        """What is awaited of them, or something else that may come at any time."""
        now = datetime.now(UTC)
        if self.chance.random() < 0.7:
            move = next_move(journey, now)
            if isinstance(move, c.Command) and move.actor.id == self.who.id:
                # Two who do the same are two people, each with a request of their own.
                return course.signers.signed(course.id, move.model_copy(update={"command_id": uuid4()}), now)
        command_id = uuid4()
        body = self._anything(f"invented: {command_id}")
        return c.Command(command_id=command_id, actor=self.who, body=body, named=look_up(journey, body))

    def _anything(self, text: str) -> c.AnyBody:
        """Something that may come at any time. What is about 99999 is to be refused: there is no such thing."""
        role = self.who.role
        bodies: Sequence[tuple[float, c.AnyBody]] = (
            (40, c.RequestSupport(urgency="routine", text=text)),
            (5, c.RequestSupport(urgency="urgent", text=text)),
            (5, c.RequestSupport(urgency="routine", text=f"{text} " + "\u6d4b" * 3000)),
            (3, c.PlaceHold(reason=text)),
            (10, c.AnswerSupport(support="support-99999", text=text)),
            (5, c.HandleMessage(message="message-99999", text=text)),
            (2 if role == Role.CLINICIAN else 0, AT_RISK),
            (0.5 if role == Role.PATIENT else 0, c.Withdraw(reason=text)),
        )
        return self.chance.choices([body for _, body in bodies], [often for often, _ in bodies])[0]


def gather_people(desks: Sequence[Desk], seed: int) -> list[Person]:
    """Return twenty people: the clinic's staff, and patients and observers of some of the journeys."""
    staff = [(person, desks) for person in STAFF]
    household = [(Role.PATIENT, PATIENTS), (Role.OBSERVER, OBSERVERS)]
    theirs = [(person_of(desk.course.id, role), [desk]) for role, many in household for desk in desks[:many]]
    everybody = [*staff, *theirs][:20]
    return [Person(who, those, Random(f"{seed}/{number}")) for number, (who, those) in enumerate(everybody)]
