"""Writers that deliver at least once, in any interleaving, and a reader beside them: the log is what each
writer believes it is."""

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple
from uuid import UUID, uuid5

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activities.record import Appended, NewEvent, Record, StoredEvent, VersionConflict, verify
from deploy.local.postgres import Database
from tests.record.helpers import event, whole_log


class Command(NamedTuple):
    journey: int
    size: int
    at_once: int  # deliveries sent at the same moment
    later: int  # deliveries sent again when the writer is done
    lost: bool  # the first delivery is cancelled, and nobody knows how far it came


class Session(NamedTuple):
    runner: asyncio.Runner
    pool: "asyncpg.Pool[asyncpg.Record]"
    logs: Iterator[int]


_commands = st.builds(
    Command,
    journey=st.integers(0, 2),
    size=st.integers(1, 4),
    at_once=st.integers(1, 3),
    later=st.integers(0, 2),
    lost=st.booleans(),
)
_scripts = st.lists(st.lists(_commands, min_size=1, max_size=5), min_size=1, max_size=4)


@pytest.fixture
def session(migrated: Database) -> Iterator[Session]:
    with asyncio.Runner() as runner:
        pool = runner.run(_open(migrated.app_url))
        yield Session(runner, pool, count(1))
        runner.run(pool.close())


async def _open(url: str) -> "asyncpg.Pool[asyncpg.Record]":
    return await asyncpg.create_pool(url, min_size=4, max_size=8)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=_scripts)
def test_each_event_once_in_each_writers_order(session: Session, script: list[list[Command]]) -> None:
    # A log of its own for each example is as good as a database of its own.
    log_id = next(session.logs)
    session.runner.run(_run(session.pool, log_id, script))


async def _run(pool: "asyncpg.Pool[asyncpg.Record]", log_id: int, script: list[list[Command]]) -> None:
    record = Record(pool, log_id=log_id)
    journeys = [UUID(int=1000 * log_id + n) for n in range(3)]
    total = sum(command.size for batch in script for command in batch)
    seen: list[StoredEvent] = []

    async def read() -> None:
        while len(seen) < total:
            seen.extend(await record.tail(seen[-1].position if seen else 0, limit=3))

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(read())
        writers = [group.create_task(_write(record, journeys, n, commands)) for n, commands in enumerate(script)]

    log = await whole_log(record)
    assert seen == log
    assert [stored.position for stored in log] == list(range(1, total + 1))
    for journey in journeys:
        versions = [stored.version for stored in log if stored.journey_id == journey]
        assert versions == list(range(1, len(versions) + 1))

    at = {stored.event_id: stored for stored in log}
    for writer in writers:
        beliefs = writer.result()
        for journey, batch, answer in beliefs:
            stored = [at[new.event_id] for new in batch]
            assert [s.journey_id for s in stored] == [journey] * len(batch)
            assert [s.version for s in stored] == list(range(answer.first_version, answer.last_version + 1))
            assert [s.payload for s in stored] == [new.payload for new in batch]
            assert stored[-1].position == answer.position
        positions = [answer.position for _, _, answer in beliefs]
        assert positions == sorted(set(positions))

    async with pool.acquire() as connection:
        assert await verify(connection, log_id) == ()


_Beliefs = list[tuple[UUID, list[NewEvent], Appended]]


async def _write(record: Record, journeys: list[UUID], number: int, script: list[Command]) -> _Beliefs:
    believed: _Beliefs = []
    for n, command in enumerate(script):
        journey = journeys[command.journey]
        command_id = uuid5(journey, f"{number}/{n}")
        batch = [
            event(event_id=uuid5(command_id, str(i)), command_id=command_id, payload=b"%d" % i)
            for i in range(command.size)
        ]
        if command.lost:
            attempt = asyncio.create_task(_deliver(record, journey, batch))
            for _ in range(n + 3):
                await asyncio.sleep(0)
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
        answers = await asyncio.gather(*(_deliver(record, journey, batch) for _ in range(command.at_once)))
        assert len({(a.first_version, a.last_version, a.position) for a in answers}) == 1
        assert command.lost or sum(not a.replayed for a in answers) == 1
        believed.append((journey, batch, answers[0]))
    for (journey, batch, answer), command in zip(believed, script, strict=True):
        for _ in range(command.later):
            assert await _deliver(record, journey, batch) == answer.model_copy(update={"replayed": True})
    return believed


async def _deliver(record: Record, journey: UUID, batch: list[NewEvent]) -> Appended:
    version = 0
    while True:
        try:
            return await record.append(journey, version, batch)
        except VersionConflict as conflict:
            version = conflict.actual
