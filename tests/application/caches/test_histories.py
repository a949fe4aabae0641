"""What was read of a journey before is not read again, and nothing else is shown than what is recorded."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from activities.record import Record, StoredEvent
from application.caches.histories import Histories, ReadSoFar
from tests.cli.helpers import append
from tests.record.helpers import Connection
from tests.record.read_models.courses import course_of, renamed
from workflows.journey.aggregate import fold
from workflows.journey.events import Event

READ, ALL = 40, 45


class Counting:
    """A record that notes how many events were read of it."""

    def __init__(self, record: Record) -> None:
        self.record, self.read = record, list[int]()

    async def load(self, journey_id: UUID, *, after_version: int = 0) -> Sequence[StoredEvent]:
        found = await self.record.load(journey_id, after_version=after_version)
        self.read.append(len(found))
        return found


@pytest.fixture
async def events(record: Record) -> tuple[Event, ...]:
    """A journey of which so many events are recorded, and those that come next."""
    events = renamed(course_of()[:ALL], uuid4())
    await append(record, events[0].journey_id, events[:READ])
    return events


async def load(histories: Histories, counting: Counting, events: Sequence[Event]) -> ReadSoFar:
    return await histories.load(counting, events[0].journey_id)  # type: ignore[arg-type]


async def test_only_what_is_new_is_read(record: Record, events: tuple[Event, ...]) -> None:
    histories, counting = Histories(), Counting(record)
    first = await load(histories, counting, events)
    again = await load(histories, counting, events)
    assert again is first, "nothing has changed"
    await append(record, events[0].journey_id, events[READ:])
    later = await load(histories, counting, events)
    assert counting.read == [READ, 1, 1 + ALL - READ]
    assert (first.events, later.events) == (events[:READ], events)
    assert (first.journey, later.journey) == (fold(events[:READ]), fold(events))
    assert later.stored == await record.load(events[0].journey_id)


@pytest.mark.parametrize("wrong", ["payload = '\\x'", "payload = payload || '\\x20'", "journey_hash = content_hash"])
async def test_another_last_event_has_everything_read_anew(
    record: Record, admin: Connection, events: tuple[Event, ...], wrong: str
) -> None:
    """The database was put back and went on in another way, the key of the patient was deleted, or somebody wrote."""
    histories, counting = Histories(), Counting(record)
    await load(histories, counting, events)
    await admin.execute("ALTER TABLE record.journey_event DISABLE TRIGGER ALL")
    await admin.execute(
        f"UPDATE record.journey_event SET {wrong} WHERE journey_id = $1 AND version = $2", events[0].journey_id, READ
    )
    found = await load(histories, counting, events)
    assert counting.read == [READ, 1, READ]
    assert found.stored == await record.load(events[0].journey_id)
    assert len(found.events) == READ - (wrong == "payload = '\\x'")


async def test_what_was_taken_away_is_not_shown(record: Record, admin: Connection, events: tuple[Event, ...]) -> None:
    histories, counting = Histories(), Counting(record)
    await load(histories, counting, events)
    await admin.execute("ALTER TABLE record.journey_event DISABLE TRIGGER ALL")
    await admin.execute("DELETE FROM record.journey_event WHERE version > 10")
    assert (await load(histories, counting, events)).events == events[:10]


async def test_no_more_is_kept_than_said(record: Record, events: tuple[Event, ...]) -> None:
    other = renamed(course_of()[:10], uuid4())
    await append(record, other[0].journey_id, other)
    histories, counting = Histories(most=READ + 5), Counting(record)
    for each in (events, events, other, events, other, other):
        await load(histories, counting, each)
    assert counting.read == [READ, 1, 10, READ, 10, 1], "what was not looked at for longest is forgotten first"
    too_long, counting = Histories(most=READ - 1), Counting(record)
    for each in (other, events, events, other):
        await load(too_long, counting, each)
    assert counting.read == [10, READ, READ, 1], "what is too long to be kept drives out nothing"
