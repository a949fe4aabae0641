"""A record with journeys at many moments of their course, and their read models."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from activities.record import Record
from activities.record.access_log import AccessLogEntry, list_access
from activities.record.event_codec import load_journey
from activities.record.stored import Opening
from deploy.local.postgres import Database
from tests.cli.helpers import Answer, World, append, call
from tests.journey.play import started
from tests.record.read_models.courses import catch_up, course_of, renamed
from workflows.journey.aggregate import Journey, evolve, fold
from workflows.journey.events import Event
from workflows.journey.obligations import obligations
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.stage import Stage

AWAITED = ("evaluation", "consent", "session_end:1", "observation:2-40", "checklist:3")
"""How far journeys have come: each is where this begins to be awaited."""
OTHER = "night-clinic"


@cache
def begun() -> tuple[tuple[Event, ...], ...]:
    """The beginnings of an undisturbed course, one for each of what is awaited."""
    opening, *later = course_of()
    journey, found = fold([opening]), dict[str, tuple[Event, ...]]()
    for count, event in enumerate(later, 2):
        journey = evolve(journey, event)
        for awaited in {*AWAITED} & {waiting.id for waiting in obligations(journey)}:
            found.setdefault(awaited, course_of()[:count])
    return tuple(found[awaited] for awaited in AWAITED)


@cache
def held_course() -> tuple[Event, ...]:
    """A course up to where care is held: the patient felt unwell, and nobody heard of them."""
    play = started().go_on(lambda journey: journey.stage == Stage.SESSIONS)
    play.go_on(lambda journey: journey.held, unwell=("check-in-1-24h",), late=("check-in-1-24h",))
    return tuple(play.events)


def elsewhere(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """The same course in another clinic."""
    body = events[0].body.model_copy(update={"clinic": OTHER})
    return (events[0].model_copy(update={"body": body}), *events[1:])


Awaited = tuple[UUID, str]


@dataclass(repr=False)
class Clinics:
    """What is recorded, and the world it is in, at a moment at which some things are overdue and some are not."""

    world: World
    record: Record
    journeys: dict[UUID, Journey] = field(default_factory=dict)

    @property
    def position(self) -> int:
        return sum(journey.version for journey in self.journeys.values())

    @property
    def held(self) -> UUID:
        [held] = [journey_id for journey_id, journey in self.journeys.items() if journey.held]
        return held

    @property
    def ended(self) -> UUID:
        [ended] = [journey_id for journey_id, journey in self.journeys.items() if journey.closed]
        return ended

    def copied(self, database: Database, record: Record) -> "Clinics":
        """The same clinics in a copy of their database."""
        world = World(database)
        world.down, world.at = self.world.down, self.world.at
        return Clinics(world, record, dict(self.journeys))

    async def add(self, events: tuple[Event, ...], *, medicine: str | None = None) -> UUID:
        """Record a course as that of a new journey; nothing is projected. With a medicine, its patient is known by it:
        all courses are of one patient, who has one open journey on each medicine."""
        journey_id = uuid4()
        keys = (self.record.patients.of_ref(fold(events[:1]).patient.ref),)
        opening = None if medicine is None else Opening(patient_keys=keys, medicine=medicine)
        await append(self.record, journey_id, renamed(events, journey_id), opening=opening)
        found = await load_journey(self.record, journey_id)
        assert found is not None
        self.journeys[journey_id] = found
        return journey_id

    async def go_on(self, journey_id: UUID, events: list[Event]) -> None:
        """Record what happens next in a journey; nothing is projected."""
        await append(self.record, journey_id, events)

    async def looks(self, journey_id: UUID) -> list[AccessLogEntry]:
        """Who looked at a journey, the first on top."""
        return [*(await list_access(self.record, journey_id=journey_id))][::-1]

    def awaited(self, fits: Callable[[Journey, Obligation], bool] = lambda *_: True) -> list[Awaited]:
        """What the journeys' own states say is awaited, in the order of a worklist."""
        waits = [
            (not journey.held, waiting.deadline, journey_id, waiting.id)
            for journey_id, journey in self.journeys.items()
            for waiting in obligations(journey)
            if fits(journey, waiting)
        ]
        return [(journey_id, obligation) for _, _, journey_id, obligation in sorted(waits, key=_as_sorted)]

    async def call(self, *words: str, **given: Any) -> Answer:
        # The command line runs a loop of its own.
        return await asyncio.to_thread(call, self.world, *words, **given)

    async def json(self, *words: str) -> Any:
        answer = await self.call(*words, "--json")
        assert answer.code == 0, answer.err
        return answer.json

    async def rows(self, *words: str) -> list[Awaited]:
        found = await self.json("work", "list", *words, "--limit", "1000")
        return [(UUID(row["journey_id"]), row["obligation"]) for row in found["rows"]]


def _as_sorted(row: tuple[bool, datetime, UUID, str]) -> tuple[bool, datetime, str, str]:
    return row[0], row[1], str(row[2]), row[3]


async def record_clinics(database: Database, record: Record) -> Clinics:
    """Journeys at many moments, one held, one ended, one in another clinic; all of them projected."""
    world = World(database)
    # There is no Temporal here.
    world.down = True
    made = Clinics(world, record)
    for events in (*begun(), course_of()):
        await made.add(events)
    await made.add(held_course(), medicine="invented-of-who-is-held")
    await made.add(elsewhere(course_of()[:40]))
    await catch_up(record)
    every = sorted(w.deadline for journey in made.journeys.values() for w in obligations(journey))
    world.at = every[len(every) // 2]
    return made
