"""Among ten thousand journeys, one with an event that cannot be read: the others never notice."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID, uuid4, uuid5

import pytest

from activities.record import NewEvent, Record
from activities.record.event_codec import to_new
from activities.record.read_models.projector import retry, wait_for
from activities.record.read_models.queries import stale
from activities.record.read_models.runner import running
from activities.record.read_models.status import head
from deploy.local.postgres import Database
from tests.fixtures.clear import open_clear
from tests.fixtures.everything import everything
from tests.record.connections import Damaged
from tests.record.helpers import Connection
from tests.record.read_models.courses import course_of, put, renamed

ALL, MANY, OPENING = 10_000, 160, 2
WITHIN = timedelta(minutes=4)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [MANY, pytest.param(ALL, marks=pytest.mark.soak)])
async def test_all_journeys_but_one_go_on(migrated: Database, owner: Connection, count: int) -> None:
    journeys = [uuid4() for _ in range(count)]
    sick = journeys[count // 2]
    rest = renamed(course_of()[OPENING:8], sick)
    codec = Damaged(rest[0].event_id)
    async with open_clear(everything(migrated), codec=codec, connections=12) as record:
        async with running(record):
            await put_openings(record, journeys[: count // 2 + 1])
            await put(record, rest)
            await put_openings(record, journeys[count // 2 + 1 :])
            going_on = [*journeys[:20], *journeys[-20:]]
            for journey in going_on:
                await put(record, renamed(course_of()[OPENING:8], journey))
            position = await head(record)
            assert await wait_for(record, position, WITHIN) == position

        rows = await owner.fetch("SELECT journey_id, version FROM read_model.caseload")
        shown = {row["journey_id"]: row["version"] for row in rows}
        assert shown == dict.fromkeys(journeys, OPENING) | dict.fromkeys(going_on, 8)
        [stuck] = (await stale(record)).rows
        assert (stuck.journey_id, stuck.version, stuck.code) == (sick, OPENING + 1, "UnreadableEvent")

        codec.damaged.clear()
        assert await retry(record, sick) is None
        assert (await stale(record)).rows == ()
        assert await owner.fetchval("SELECT version FROM read_model.caseload WHERE journey_id = $1", sick) == 8


async def put_openings(record: Record, journeys: Sequence[UUID]) -> None:
    opening = [to_new(event) for event in course_of()[:OPENING]]
    coming = iter(journeys)
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(put_each(record, coming, opening))


async def put_each(record: Record, coming: Iterator[UUID], opening: Sequence[NewEvent]) -> None:
    for journey in coming:
        new = [event.model_copy(update={"event_id": uuid5(journey, str(n))}) for n, event in enumerate(opening)]
        await record.append(journey, 0, new)
