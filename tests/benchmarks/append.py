"""How fast events are recorded, beside a plain insert and beside the `eventsourcing` library on the same server."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from statistics import median
from time import perf_counter
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg
from eventsourcing.persistence import StoredEvent as TheirEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore

from activities.record import NewEvent, Record
from activities.record.stored import Opening
from deploy.local.postgres import OWNER_ROLE, Database, Postgres
from tests.benchmarks.database import fresh
from tests.benchmarks.report import Aim, Figure, Section
from tests.record.helpers import event

FASTER = {1: Aim(1.5, at_least=True), 8: Aim(2, at_least=True)}
"""By how many connections append at once."""
SIZES = (1, 10, 100)
CONNECTIONS = tuple(FASTER)
PAYLOAD = b'{"words":"' + b"x" * 400 + b'"}'

Turn: TypeAlias = Callable[[int, int, int], Awaitable[float]]
"""Records so many times so many events, over so many connections at once, and answers with the seconds it took."""

# The record's own table without its chains and rules: the same columns, keys and indexes.
PLAIN = """
CREATE TABLE plain (LIKE record.journey_event INCLUDING ALL);
CREATE SEQUENCE plain_position;
"""
INSERT = """
INSERT INTO plain VALUES (1, nextval('plain_position'), $1, $2, $3, $4, $5, $6, clock_timestamp(), $7, $8, $9, $10, $11,
                          '', '', '')
"""


async def append(postgres: Postgres, *, rounds: int, appends: int) -> Section:
    """Take turns, each of so many appends, of larger ones fewer, and compare the medians of the rounds."""
    figures = []
    async with (
        fresh(postgres, sealed=True) as (database, record, owner),
        fresh(postgres) as (_, clear, _),
        fresh(postgres) as (theirs, _, _),
    ):
        await owner.execute(PLAIN)
        with ExitStack() as closing:
            turns: Mapping[str, Turn] = {
                "plain insert": lambda *size: _plain(database, *size),
                "eventsourcing": _eventsourcing(theirs, closing),
                "ours": lambda *size: _ours(record, *size),
                "in clear": lambda *size: _ours(clear, *size),
            }
            for connections in CONNECTIONS:
                for size in SIZES:
                    times = max(connections, appends // round(size**0.5))
                    rates = await _rates(turns, rounds, times, size, connections)
                    named = f"×{size}, {connections} at once"
                    plain, their, ours, unsealed = (rates[name] for name in turns)
                    figures += [
                        Figure(f"{named}: plain insert", plain, "events/s"),
                        Figure(f"{named}: eventsourcing", their, "events/s", plain, beside="plain"),
                        Figure(f"{named}: ours", ours, "events/s", plain, beside="plain"),
                        Figure(
                            f"{named}: ours",
                            ours,
                            "events/s",
                            their,
                            FASTER[connections] if size == 1 else None,
                            "theirs",
                        ),
                        Figure(f"{named}: ours, encrypted", ours, "events/s", unsealed, beside="in clear"),
                    ]
    notes = [
        "plain: one row at a time, by executemany where there are several; no order, no chain, no answer to a retry",
        "eventsourcing: PostgresApplicationRecorder as it is by default, which locks its table; threads, psycopg in C",
        "no fsync is saved on: every append is on disk when it is answered",
    ]
    return Section(f"Appending events of {len(PAYLOAD)} bytes, medians of {rounds} rounds in turns", figures, notes)


async def _rates(turns: Mapping[str, Turn], rounds: int, times: int, size: int, connections: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(rounds + 1):
        for name, turn in turns.items():
            seconds = await turn(times, size, connections)
            if number:  # the first round warms everything up
                taken[name].append(times * size / seconds)
    return {name: median(rates) for name, rates in taken.items()}


async def _ours(record: Record, times: int, size: int, connections: int) -> float:
    batches = _batches(times, size)

    async def write(journey: UUID, version: int) -> None:
        while batches:
            version = (await record.append(journey, version, batches.pop())).last_version

    return await _timed(*[write(*await _opened(record)) for _ in range(connections)])


async def _opened(record: Record) -> tuple[UUID, int]:
    """A patient's journey and its version. Of a journey that is nobody's, the key store is asked at every append."""
    journey = uuid4()
    opening = Opening(patient_keys=(journey.bytes,), medicine="ketamine")
    return journey, (await record.append(journey, 0, [event()], opening=opening)).last_version


async def _plain(database: Database, times: int, size: int, connections: int) -> float:
    batches = _batches(times, size)
    pool = await asyncpg.create_pool(database.owner_url, min_size=connections, max_size=connections)

    async def write() -> None:
        journey, version = uuid4(), count(1)
        async with pool.acquire() as connection:
            insert = await connection.prepare(INSERT)
            while batches:
                rows = [(journey, next(version), *_columns(new)) for new in batches.pop()]
                await (insert.fetch(*rows[0]) if size == 1 else insert.executemany(rows))

    seconds = await _timed(*(write() for _ in range(connections)))
    await pool.close()
    return seconds


def _columns(new: NewEvent) -> tuple[object, ...]:
    """Those of INSERT that are the event's own."""
    return (
        *(new.event_id, new.event_type, new.schema_version, new.occurred_at),
        *(new.actor_id, new.actor_role, new.command_id, new.causation_id, new.payload),
    )


def _eventsourcing(database: Database, closing: ExitStack) -> Turn:
    at_once = max(CONNECTIONS)
    store = PostgresDatastore(database.name, "127.0.0.1", database.port, OWNER_ROLE, "", pool_size=at_once)
    closing.callback(store.close)
    recorder = PostgresApplicationRecorder(store)
    recorder.create_table()
    threads = closing.enter_context(ThreadPoolExecutor(at_once))

    async def turn(times: int, size: int, connections: int) -> float:
        batches = _batches(times, size)

        def write() -> None:
            journey, version = uuid4(), count(1)
            while batches:
                try:
                    batch = batches.pop()
                except IndexError:  # another thread has taken the last
                    return
                recorder.insert_events(
                    [TheirEvent(journey, next(version), new.event_type, new.payload) for new in batch]
                )

        in_thread = asyncio.get_running_loop().run_in_executor
        return await _timed(*(in_thread(threads, write) for _ in range(connections)))

    return turn


def _batches(times: int, size: int) -> list[list[NewEvent]]:
    """Made beforehand: only recording is timed."""
    return [[event(payload=PAYLOAD) for _ in range(size)] for _ in range(times)]


async def _timed(*work: Awaitable[Any]) -> float:
    began = perf_counter()
    await asyncio.gather(*work)
    return perf_counter() - began
