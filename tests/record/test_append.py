"""Appending: once, in order, all or none, whatever the network and the neighbours do."""

import asyncio
import os
from datetime import timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import asyncpg
import pytest

from activities.record import (
    Appended,
    Diverged,
    NewEvent,
    NotAppendable,
    OtherHistory,
    OverLimit,
    Record,
    RecordUnavailable,
    StoredEvent,
    VersionConflict,
)
from activities.record.stored import BEFORE_THE_FIRST
from activities.record.verification.chains import verify_chains
from deploy.local.postgres import Database
from tests.fixtures.clear import Clear, open_clear
from tests.fixtures.everything import everything
from tests.record.helpers import Connection, event, events, follow_log, raw_append, waiting_for_the_lock, whole_log
from workflows.journey.vocabulary.limits import EVENT_LIMIT


async def test_what_was_appended_is_what_is_read(record: Record) -> None:
    journey = uuid4()
    new = [event(causation_id=uuid4(), payload=bytes(range(256)), actor_role="Ärztin"), event()]

    appended = await record.append(journey, 0, new)

    stored = await record.load(journey)
    last = stored[-1].journey_hash
    assert appended == Appended(first_version=1, last_version=2, position=2, replayed=False, journey_hash=last)
    assert [NewEvent.model_validate(s.model_dump(include=set(NewEvent.model_fields))) for s in stored] == new
    assert [(s.journey_id, s.version, s.position) for s in stored] == [(journey, 1, 1), (journey, 2, 2)]


async def test_a_retry_is_answered_with_where_the_events_are(record: Record) -> None:
    journey, first, second = uuid4(), events(3), events(2)
    await record.append(uuid4(), 0, events(4))
    once = await record.append(journey, 0, first)
    await record.append(journey, 3, second)

    again = await record.append(journey, 0, first)
    # After a reset the caller may expect another version; its events are where they are.
    elsewhere = await record.append(journey, 5, first)

    assert again == elsewhere == once.model_copy(update={"replayed": True})
    assert len(await record.load(journey)) == 5


@pytest.mark.parametrize(
    "change",
    [
        {"payload": b'{"answer":4}'},
        {"event_type": "other"},
        {"schema_version": 2},
        {"occurred_at": event().occurred_at + timedelta(microseconds=1)},
        {"actor_id": "patient-8"},
        {"actor_role": "observer"},
        {"command_id": UUID(int=1)},
        {"causation_id": UUID(int=1)},
        # The same bytes, cut elsewhere: fields must not run into each other.
        {"actor_id": "patient-7p", "actor_role": "atient"},
    ],
    ids=lambda change: "+".join(change),
)
async def test_recorded_ids_with_other_content_diverge(record: Record, change: dict[str, object]) -> None:
    journey, new = uuid4(), event()
    await record.append(journey, 0, [new])

    with pytest.raises(Diverged):
        await record.append(journey, 0, [new.model_copy(update=change)])

    [stored] = await record.load(journey)
    assert stored.payload == new.payload


async def test_recorded_ids_in_another_arrangement_diverge(record: Record) -> None:
    journey, first, between, last = uuid4(), events(2), events(1), events(1)
    await record.append(journey, 0, first)
    await record.append(journey, 2, between)
    await record.append(journey, 3, last)

    for arrangement in (first[::-1], [first[1], *last], [*last, *events(1)]):
        with pytest.raises(Diverged):
            await record.append(journey, 4, arrangement)
    with pytest.raises(Diverged):
        await record.append(uuid4(), 0, first)

    assert len(await whole_log(record)) == 4


@pytest.mark.parametrize("expected", [0, 1, 3, -1])
async def test_another_version_is_refused_and_told(record: Record, expected: int) -> None:
    journey = uuid4()
    await record.append(journey, 0, events(2))

    with pytest.raises(VersionConflict) as refused:
        await record.append(journey, expected, events(1))

    assert refused.value.actual == 2
    assert len(await record.load(journey)) == 2


async def test_an_unknown_journey_is_at_version_0(record: Record) -> None:
    with pytest.raises(VersionConflict) as refused:
        await record.append(uuid4(), 1, events(1))
    assert refused.value.actual == 0


async def test_what_follows_other_events_than_were_read_is_refused(record: Record) -> None:
    journey = uuid4()
    first = await record.append(journey, 0, events(2), follows=BEFORE_THE_FIRST)
    for other in (bytes(32), os.urandom(32), first.journey_hash[:-1]):
        with pytest.raises(OtherHistory):
            await record.append(journey, 2, events(1), follows=other)
    new = events(3)

    second = await record.append(journey, 2, new, follows=first.journey_hash)
    await record.append(journey, 5, events(1), follows=second.journey_hash)

    # What is recorded already is found, whatever it was to follow.
    assert (await record.append(journey, 2, new, follows=os.urandom(32))).journey_hash == second.journey_hash
    assert [stored.version for stored in await record.load(journey)] == [1, 2, 3, 4, 5, 6]


async def test_limits(record: Record) -> None:
    journey, same = uuid4(), event()
    for no_append in ([], [same, same]):
        with pytest.raises(NotAppendable):
            await record.append(journey, 0, no_append)
    large = [event(payload=bytes(EVENT_LIMIT + size)) for size in (1, 3, 2)]
    for too_much, limit in (
        (events(501), ("events", 501, 500)),
        ([event()] * 1000, ("events", 1000, 500)),
        ([event(), *large], ("bytes", EVENT_LIMIT + 3, EVENT_LIMIT)),
    ):
        with pytest.raises(OverLimit) as told:
            await record.append(journey, 0, too_much)
        assert (told.value.counted, told.value.actual, told.value.most) == limit
    assert await whole_log(record) == []

    await record.append(journey, 0, [*events(499), event(payload=os.urandom(EVENT_LIMIT))])
    assert len(await record.load(journey)) == 500


async def test_closing_stays(record: Record) -> None:
    journey = uuid4()
    await record.append(journey, 0, events(1), closes=True)
    await record.append(journey, 1, events(1))

    head = await record.head(journey)
    assert head is not None
    assert (head.version, head.position, head.status) == (2, 2, "closed")


async def test_logs_are_apart(migrated: Database, record: Record) -> None:
    journey, new = uuid4(), events(2)
    await record.append(journey, 0, new)
    async with open_clear(everything(migrated), log_id=2) as other:
        assert await other.head(journey) is None
        assert (await other.append(journey, 0, new)).position == 2
        assert {stored.log_id for stored in await whole_log(other)} == {2}


async def test_concurrent_writers_leave_no_gap(record: Record, owner: Connection) -> None:
    shared = uuid4()

    async def write(own: UUID) -> None:
        for _ in range(4):
            version = len(await record.load(own))
            await record.append(own, version, events(3))
            new = events(2)
            while True:
                head = await record.head(shared)
                try:
                    await record.append(shared, head.version if head else 0, new)
                    break
                except VersionConflict:
                    continue

    writers = [uuid4() for _ in range(6)]
    await asyncio.gather(*map(write, writers))

    log = await whole_log(record)
    assert [stored.position for stored in log] == list(range(1, 6 * 4 * 5 + 1))
    for journey in (*writers, shared):
        versions = [stored.version for stored in log if stored.journey_id == journey]
        assert versions == list(range(1, len(versions) + 1))
    assert all(a.recorded_at <= b.recorded_at for a, b in pairwise(log))
    assert await verify_chains(owner) == ()


async def test_of_two_writers_at_one_version_one_wins(record: Record) -> None:
    journey = uuid4()
    answers = await asyncio.gather(*(record.append(journey, 0, events(2)) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(answer, Appended) for answer in answers) == 1
    assert sum(isinstance(answer, VersionConflict) and answer.actual == 2 for answer in answers) == 7


async def test_a_tailing_reader_misses_nothing(record: Record, migrated: Database) -> None:
    total = 8 * 40
    seen: list[StoredEvent] = []

    async def read(reader: Record) -> None:
        while len(seen) < total:
            seen.extend(await follow_log(reader, seen[-1].position if seen else 0, limit=7))

    async def write(journey: UUID) -> None:
        version = 0
        for size in (1, 3, 9, 2, 10, 4, 6, 5):
            version = (await record.append(journey, version, events(size))).last_version

    async with open_clear(everything(migrated)) as reader, asyncio.timeout(30):
        await asyncio.gather(read(reader), *(write(uuid4()) for _ in range(8)))

    assert [stored.position for stored in seen] == list(range(1, total + 1))
    assert seen == await whole_log(record)


async def test_lost_acknowledgement(migrated: Database, record: Record, owner: Connection) -> None:
    """The connection dies while the append waits; it commits all the same, and the retry finds it."""
    journey, new = uuid4(), events(3)
    pool = await asyncpg.create_pool(everything(migrated), min_size=1, max_size=1)

    holding = owner.transaction()
    await holding.start()
    await owner.execute("SELECT record.lock_row(1::smallint, 'append')")
    attempt = asyncio.create_task(Record(pool, Clear()).append(journey, 0, new))
    await waiting_for_the_lock(owner)
    pool.terminate()
    with pytest.raises(RecordUnavailable):
        await attempt
    assert await record.head(journey) is None
    await holding.commit()
    await record.wait_for(journey, 3, timedelta(seconds=10))

    retry = await record.append(journey, 0, new)

    stored = await record.load(journey)
    last = stored[-1].journey_hash
    assert retry == Appended(first_version=1, last_version=3, position=3, replayed=True, journey_hash=last)
    assert [each.event_id for each in stored] == [e.event_id for e in new]


async def test_a_cancelled_append_is_retried(record: Record, owner: Connection) -> None:
    journey, new = uuid4(), events(2)
    async with owner.transaction():
        await owner.execute("SELECT record.lock_row(1::smallint, 'append')")
        attempt = asyncio.create_task(record.append(journey, 0, new))
        await waiting_for_the_lock(owner)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt

    await record.append(journey, 0, new)
    assert [stored.version for stored in await record.load(journey)] == [1, 2]


async def test_recorded_at_never_goes_back(record: Record, owner: Connection) -> None:
    journey = uuid4()
    await record.append(journey, 0, events(1))
    await owner.execute(
        "ALTER TABLE record.journey_event DISABLE TRIGGER append_only;"
        "UPDATE record.journey_event SET recorded_at = recorded_at + interval '1 hour';"
        "ALTER TABLE record.journey_event ENABLE ALWAYS TRIGGER append_only"
    )

    await record.append(journey, 1, events(1))

    ahead, after = await record.load(journey)
    assert after.recorded_at == ahead.recorded_at


async def test_acknowledged_is_durable_even_if_the_session_says_otherwise(app: Connection) -> None:
    await app.execute("SET synchronous_commit = off")
    async with app.transaction(isolation="read_committed"):
        await raw_append(app, uuid4(), 0, event())
        assert await app.fetchval("SHOW synchronous_commit") == "on"


class _Masked(Clear):
    """Deterministic, and bound to the event."""

    def encode(self, journey_id: UUID, part_id: UUID, clear: bytes) -> bytes:
        mask = journey_id.bytes + part_id.bytes
        return bytes(b ^ mask[i % 32] for i, b in enumerate(clear))

    def decode(self, journey_id: UUID, part_id: UUID, stored: bytes) -> bytes:
        return self.encode(journey_id, part_id, stored)


class _Salted(Clear):
    """Another result each time, as after the rotation of a key."""

    def encode(self, journey_id: UUID, part_id: UUID, clear: bytes) -> bytes:
        return os.urandom(8) + clear

    def decode(self, journey_id: UUID, part_id: UUID, stored: bytes) -> bytes:
        return stored[8:]


async def test_payloads_pass_the_codec(migrated: Database, owner: Connection) -> None:
    journey, new = uuid4(), event()
    async with open_clear(everything(migrated), codec=_Masked()) as record:
        await record.append(journey, 0, [new])
        assert (await record.append(journey, 0, [new])).replayed
        [stored] = await record.load(journey)
        assert stored.payload == new.payload
        assert (await follow_log(record, 0))[0].payload == new.payload
    assert await owner.fetchval("SELECT payload FROM record.journey_event") != new.payload
    assert await verify_chains(owner) == ()


async def test_a_retry_is_recognised_though_the_same_is_encoded_otherwise_by_then(migrated: Database) -> None:
    journey, new = uuid4(), [event(), event()]
    async with open_clear(everything(migrated), codec=_Salted()) as record:
        done = await record.append(journey, 0, new)
        assert await record.append(journey, 0, new) == done.model_copy(update={"replayed": True})
        other = new[1].model_copy(update={"payload": b"{}"})
        with pytest.raises(Diverged):
            await record.append(journey, 0, [new[0], other])
        with pytest.raises(Diverged):
            await record.append(journey, 0, [new[0], event()])
