"""Journeys for read models to show: played courses, put into the record under ids of their own."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from operator import attrgetter
from uuid import UUID, uuid4, uuid5

from activities.read_models.projector import Courses, advance
from activities.record import Record
from activities.record.events import to_new
from tests.journey.play import course
from workflows.journey.events import Event
from workflows.journey.protocol import Condition


@cache
def course_of(condition: Condition = Condition.PTSD) -> tuple[Event, ...]:
    """All events of an undisturbed course."""
    return tuple(course(condition).events)


def renamed(events: Iterable[Event], journey_id: UUID) -> tuple[Event, ...]:
    """The same course, as that of another journey."""
    return tuple(
        event.model_copy(
            update={
                "journey_id": journey_id,
                "event_id": uuid5(journey_id, str(event.event_id)),
                "causation_id": event.causation_id and uuid5(journey_id, str(event.causation_id)),
            }
        )
        for event in events
    )


async def put(record: Record, events: Sequence[Event]) -> int:
    """Record events of one journey, one append for each command, and say at which position the last one is."""
    position = 0
    for _, of_command in groupby(events, attrgetter("command_id")):
        batch = list(of_command)
        closes = batch[-1].body.kind == "pathway.closed"
        appended = await record.append(
            batch[0].journey_id, batch[0].version - 1, [to_new(event) for event in batch], closes=closes
        )
        position = appended.position
    return position


async def put_course(record: Record, count: int | None = None, condition: Condition = Condition.PTSD) -> UUID:
    """Record a course, or so many events of it, under a new id, and return that."""
    journey_id = uuid4()
    await put(record, renamed(course_of(condition)[:count], journey_id))
    return journey_id


async def catch_up(record: Record, *, limit: int = 500) -> None:
    """Project all there is."""
    courses = Courses()
    while await advance(record, courses, limit=limit):
        pass
