"""A build with another definition makes the read models its own, while people go on with those there were."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from uuid import uuid4

from activities.record import Record
from activities.record.read_models.listed import WorklistFilter
from activities.record.read_models.projector import StateCache, advance, wait_for
from activities.record.read_models.queries import worklist
from activities.record.read_models.rebuild import is_outdated
from activities.record.read_models.rows import DEFINITION
from activities.record.read_models.runner import running
from tests.record.helpers import Connection
from tests.record.read_models.courses import catch_up, course_of, differing, put, put_course, renamed

SOON = timedelta(seconds=30)


OLDER = DEFINITION - 1


async def made_by_an_older_build(owner: Connection) -> None:
    """What is live is of the definition before this build's."""
    await owner.execute("UPDATE read_model.generation SET definition = $1", OLDER)


async def generations(owner: Connection) -> list[tuple[str, int]]:
    rows = await owner.fetch("SELECT status, definition FROM read_model.generation ORDER BY id")
    return [(row["status"], row["definition"]) for row in rows]


@asynccontextmanager
async def held_up(owner: Connection) -> AsyncIterator[None]:
    """As long as somebody else is building."""
    async with owner.transaction():
        assert await owner.fetchval("SELECT read_model.rebuild_alone(1::smallint)")
        yield


async def test_one_of_many_runners_builds_anew_and_lists_go_on(record: Record, owner: Connection) -> None:
    journey = await put_course(record, 30)
    await catch_up(record)
    await made_by_an_older_build(owner)
    before = await worklist(record, WorklistFilter())
    position = await put(record, renamed(course_of()[:9], uuid4()))
    async with AsyncExitStack() as runners:
        async with held_up(owner):
            for _ in range(3):
                await runners.enter_async_context(running(record))
            assert await worklist(record, WorklistFilter()) == before
            assert await generations(owner) == [("live", OLDER)]
        await wait_for(record, position, SOON)
        assert await generations(owner) == [("retired", OLDER), ("live", DEFINITION)]
        assert not await is_outdated(record)
        later = await put(record, renamed(course_of()[30:40], journey))
        await wait_for(record, later, SOON)
    assert await differing(record) == []
    assert await generations(owner) == [("retired", OLDER), ("live", DEFINITION)]


async def test_an_older_build_leaves_a_newer_one_alone(record: Record, owner: Connection) -> None:
    await put_course(record, 9)
    await owner.execute("UPDATE read_model.generation SET definition = definition + 1")
    assert not await is_outdated(record)
    assert await advance(record, StateCache()) == 0


async def test_a_runner_that_is_told_to_stop_leaves_what_it_builds(record: Record, owner: Connection) -> None:
    await put_course(record, 9)
    await catch_up(record)
    await made_by_an_older_build(owner)
    async with asyncio.timeout(SOON.total_seconds()), owner.transaction():
        await owner.execute("LOCK TABLE record.journey")
        async with running(record):
            while await waiting_for(owner, "record.journey") == 0:
                pass
    assert await generations(owner) == [("live", OLDER), ("building", DEFINITION)]


async def waiting_for(owner: Connection, table: str) -> int:
    """How many sessions wait for a table."""
    return int(
        await owner.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::regclass", table)
    )


async def test_a_new_database_is_of_this_definition(owner: Connection) -> None:
    assert await generations(owner) == [("live", DEFINITION)]
