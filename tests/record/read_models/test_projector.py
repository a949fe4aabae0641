"""The read models are what the record says, whatever happens to those who project it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from activities.connection_pool import Connection as PooledConnection
from activities.record import Record, RecordUnavailable
from activities.record.read_models.listed import CaseloadFilter, WorklistFilter
from activities.record.read_models.projector import NotYetProjected, StateCache, advance, retry, wait_for
from activities.record.read_models.queries import caseload, stale, worklist
from activities.record.read_models.rebuild import rebuild
from activities.record.read_models.runner import CHANNEL, run, running
from deploy.local.postgres import Database
from tests.fixtures.clear import open_clear
from tests.fixtures.everything import everything
from tests.record.connections import Damaged, Transactions, on
from tests.record.helpers import Connection, event, follow_log
from tests.record.read_models.courses import catch_up, course_of, differing, put, put_course, renamed
from workflows.journey.events import Event, ObligationsUpdated

SOON = timedelta(seconds=30)


@asynccontextmanager
async def runners(record: Record, count: int = 1, poll: timedelta = timedelta(hours=1)) -> AsyncIterator[None]:
    """Runners that poll so seldom that only notifications move them, unless told otherwise."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(run(record, stop, poll=poll))
        try:
            yield
        finally:
            stop.set()


async def checkpoint(owner: Connection) -> int:
    return int(await owner.fetchval("SELECT position FROM read_model.generation WHERE status = 'live'"))


async def test_live_equals_a_fresh_fold(record: Record) -> None:
    for count in (None, 150, 60, 7):
        await put_course(record, count)
    await put_course(record, None, "ANXIETY")
    await catch_up(record, limit=64)
    assert await differing(record) == []


async def test_rows_that_are_no_longer_true_go(record: Record, owner: Connection) -> None:
    """Who was asked is known of what is open, and of nothing else."""
    key = "SELECT journey_id, opened_version, obligation"
    same = f"{key}, unnest(asked) FROM read_model.obligation WHERE closed_at IS NULL"
    audience = f"{key}, role FROM read_model.audience"
    journey = await put_course(record, 9)
    seen = set()
    for count in (9, 40, 77, 120, len(course_of())):
        await put(record, renamed(course_of()[await _version(record, journey) : count], journey))
        await catch_up(record)
        assert {*await owner.fetch(audience)} == {*await owner.fetch(same)}
        seen.add(len(await owner.fetch(audience)))
    assert len(seen) > 2
    assert await differing(record) == []


async def _version(record: Record, journey: UUID) -> int:
    head = await record.head(journey)
    return 0 if head is None else head.version


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE read_model_1.caseload SET clinic = 'another'",
        "UPDATE read_model_1.obligation SET why = NULL WHERE closed_at IS NULL",
        "DELETE FROM read_model_1.obligation WHERE closed_at IS NULL",
        "UPDATE read_model_1.status_history SET held = true",
        "UPDATE read_model_1.audience SET role = 'somebody'",
        "INSERT INTO read_model_1.audience SELECT journey_id, opened_version, obligation, 'more', clinic, held, due, "
        "person FROM read_model_1.audience LIMIT 1",
        "UPDATE read_model_1.caseload SET journey_id = gen_random_uuid()",
    ],
)
async def test_a_row_that_is_not_the_records_is_found(record: Record, owner: Connection, tampering: str) -> None:
    await put_course(record, 60)
    await catch_up(record)
    await owner.execute(tampering)
    assert await differing(record) != []


async def test_a_crash_before_the_commit_changes_nothing(record: Record, owner: Connection, admin: Connection) -> None:
    journey = await put_course(record, 40)
    cache = StateCache()
    await advance(record, cache, limit=20)
    before = await checkpoint(owner), await owner.fetch("SELECT * FROM read_model_1.caseload")

    async with owner.transaction():
        await owner.execute("LOCK TABLE read_model_1.caseload IN SHARE MODE")
        attempt = asyncio.create_task(advance(record, cache, limit=5))
        while not await admin.fetchval(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'read_model_1.caseload'::regclass"
        ):
            pass
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = 'carepath_tests' AND datname = current_database()"
        )
        with pytest.raises(RecordUnavailable):
            await attempt
    assert (await checkpoint(owner), await owner.fetch("SELECT * FROM read_model_1.caseload")) == before

    # The states in memory are ahead of the tables now.
    while await advance(record, cache, limit=7):
        pass
    assert await differing(record) == []
    assert (await worklist(record, WorklistFilter(journey_id=journey))).rows[0].version == 40


async def test_a_crash_after_the_commit_applies_nothing_twice(record: Record) -> None:
    await put_course(record, 40)
    cache = StateCache()

    async def die() -> None:
        raise asyncpg.ConnectionDoesNotExistError("connection was closed")

    with pytest.raises(RecordUnavailable):
        await advance(on(record, Transactions(record, after=die)), cache, limit=10)
    assert await wait_for(record, 10, timedelta(0)) == 10
    while await advance(record, cache, limit=10):
        pass
    assert await differing(record) == []


async def test_a_runner_passes_while_another_is_at_it(record: Record, owner: Connection) -> None:
    await put_course(record, 10)
    async with owner.transaction():
        await owner.execute("SELECT FROM read_model.generation FOR UPDATE")
        assert await advance(record, StateCache()) == 0
    assert await advance(record, StateCache()) == 10


async def test_a_runner_that_comes_late_writes_nothing(record: Record) -> None:
    await put_course(record, 60)
    overtaken = on(record, Transactions(record, before=lambda: catch_up(record)))
    assert await advance(overtaken, StateCache(), limit=10) == 0
    assert await wait_for(record, 60, timedelta(0)) == 60
    assert await differing(record) == []


async def test_three_runners_and_many_writers(record: Record) -> None:
    async with runners(record, 3, timedelta(milliseconds=5)):
        await asyncio.gather(*(put_course(record, count) for count in (60, 45, 30, 25, 20, 15, 10, 9, 8)))
        [last] = await follow_log(record, 60 + 45 + 30 + 25 + 20 + 15 + 10 + 9 + 8 - 1)
        await wait_for(record, last.position, SOON)
    assert await differing(record) == []


async def test_a_notification_is_enough(record: Record) -> None:
    async with runners(record):
        await wait_for(record, 0, SOON)
        for _ in range(3):
            journey = uuid4()
            position = await put(record, renamed(course_of()[:9], journey))
            await wait_for(record, position, SOON)
            assert (await worklist(record, WorklistFilter(journey_id=journey))).rows


async def test_a_lost_notification_costs_time_and_nothing_else(record: Record, owner: Connection) -> None:
    await owner.execute("ALTER TABLE record.journey_event DISABLE TRIGGER hint")
    async with runners(record, poll=timedelta(milliseconds=10)):
        await put_course(record, 9)
        assert await wait_for(record, 9, SOON) == 9


async def test_a_runner_outlives_its_connections(record: Record, admin: Connection) -> None:
    async with runners(record, poll=timedelta(milliseconds=10)):
        await put_course(record, 9)
        await wait_for(record, 9, SOON)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = 'carepath_tests' AND datname = current_database()"
        )
        journey = uuid4()
        while not await _recorded(record, journey):
            pass
        while True:
            try:
                assert await wait_for(record, 18, SOON) == 18
                break
            except RecordUnavailable:
                continue
    assert await differing(record) == []


async def _recorded(record: Record, journey: UUID) -> bool:
    try:
        await put(record, renamed(course_of()[:9], journey))
    except RecordUnavailable:
        return False
    return True


class Failing:
    """Connections of a record of which, while it is broken, the one that listens can be had and no other. Before each
    failure a notification has come in."""

    def __init__(self, record: Record, error: Exception) -> None:
        self._record, self._error = record, error
        self._listening: PooledConnection | None = None
        self.broken, self.failed, self.seen = True, 0, asyncio.Event()

    @asynccontextmanager
    async def acquire(self, *, timeout: float | None = None) -> AsyncIterator[PooledConnection]:
        if self.broken and self._listening is not None:
            await self._notified(self._listening)
            self.failed += 1
            self.seen.set()
            raise self._error
        async with self._record.connection() as connection:
            self._listening = connection
            try:
                yield connection
            finally:
                self._listening = None

    async def _notified(self, connection: PooledConnection) -> None:
        heard = asyncio.Event()

        def hear(*_: object) -> None:
            heard.set()

        await connection.add_listener(CHANNEL, hear)
        await connection.execute(f"NOTIFY {CHANNEL}")
        await heard.wait()
        await connection.remove_listener(CHANNEL, hear)


async def test_a_defect_stops_no_runner(record: Record) -> None:
    failing = Failing(record, TypeError())
    stop = asyncio.Event()
    projecting = asyncio.create_task(run(on(record, failing), stop, poll=timedelta(milliseconds=5), again=timedelta()))
    await failing.seen.wait()
    failing.broken = False
    await put_course(record, 9)
    await wait_for(record, 9, SOON)
    stop.set()
    await projecting


async def test_an_outage_is_waited_out_and_not_hammered(record: Record) -> None:
    failing = Failing(record, OSError())
    stop = asyncio.Event()
    projecting = asyncio.create_task(run(on(record, failing), stop, again=timedelta(hours=1)))
    await failing.seen.wait()
    for _ in range(50):
        await record.log_head()
    assert failing.failed == 1
    stop.set()
    await projecting


async def test_running_ends_with_what_it_is_for(record: Record) -> None:
    with pytest.raises(KeyError):
        async with running(record):
            raise KeyError


async def test_waiting_for_a_position(record: Record) -> None:
    await put_course(record, 9)
    waiter = asyncio.create_task(wait_for(record, 9, SOON))
    with pytest.raises(NotYetProjected):
        await wait_for(record, 9, timedelta(0))
    assert not waiter.done()
    await catch_up(record)
    assert await waiter == 9


# Journeys that cannot be applied


async def test_one_journey_of_many_is_poisoned_and_the_others_go_on(migrated: Database) -> None:
    journey = uuid4()
    events = renamed(course_of()[:60], journey)
    codec = Damaged(events[32].event_id)
    async with open_clear(everything(migrated), codec=codec) as record:
        await go_on_around(record, codec, journey, events)


async def go_on_around(record: Record, codec: Damaged, journey: UUID, events: Sequence[Event]) -> None:
    others = [await put_course(record, 9) for _ in range(12)]
    await put(record, events[:20])
    await catch_up(record)
    await put(record, events[20:50])
    others += [await put_course(record, 9) for _ in range(12)]
    await catch_up(record, limit=50)
    await put(record, events[50:])
    await catch_up(record)

    [stuck] = (await stale(record)).rows
    assert (stuck.journey_id, stuck.version, stuck.code) == (journey, 33, "UnreadableEvent")
    cases = {case.journey_id: case for case in (await caseload(record, CaseloadFilter(), limit=100)).rows}
    assert cases.keys() == {journey, *others}
    assert all(cases[other].version == 9 and cases[other].stale is None for other in others)
    assert (cases[journey].version, cases[journey].stale) == (32, "UnreadableEvent")
    tasks = (await worklist(record, WorklistFilter(journey_id=journey))).rows
    assert tasks
    assert all((task.version, task.stale) == (32, "UnreadableEvent") for task in tasks)
    assert "patient said" not in str(stuck)
    assert await differing(record) == []

    assert await retry(record, journey) == "UnreadableEvent"
    [stuck] = (await stale(record)).rows
    assert stuck.attempts == 2
    await rebuild(record)
    [stuck] = (await stale(record)).rows
    assert (stuck.journey_id, stuck.version) == (journey, 33)

    codec.damaged.clear()
    # What is recorded and not projected yet is for the projector.
    await put(record, renamed(course_of()[60:65], journey))
    assert await retry(record, journey) is None
    assert (await stale(record)).rows == ()
    assert await differing(record) == []
    assert {task.version for task in (await worklist(record, WorklistFilter(journey_id=journey))).rows} == {60}
    await put(record, renamed(course_of()[65:70], journey))
    await catch_up(record)
    assert {task.version for task in (await worklist(record, WorklistFilter(journey_id=journey))).rows} == {70}
    assert await differing(record) == []


async def test_an_event_of_no_known_kind_is_never_skipped(record: Record) -> None:
    journey = uuid4()
    await record.append(journey, 0, [event(), event()])
    other = await put_course(record, 9)
    await catch_up(record)
    [stuck] = (await stale(record)).rows
    assert (stuck.journey_id, stuck.version, stuck.position) == (journey, 1, 1)
    assert [case.journey_id for case in (await caseload(record, CaseloadFilter())).rows] == [other]


@pytest.mark.parametrize("rebuilt", [False, True])
async def test_a_row_the_database_cannot_hold_poisons_its_journey_alone(record: Record, rebuilt: bool) -> None:
    """A code with a NUL, which no text column takes, is read from an event: only writing the rows shows it."""
    opens = ((n, event.body) for n, event in enumerate(course_of()) if isinstance(event.body, ObligationsUpdated))
    asked, body = next((n, body) for n, body in opens if any(each.code for each in body.opened))
    opened = tuple(each.model_copy(update={"code": f"{each.code}\0"}) for each in body.opened)
    spoilt = course_of()[asked].model_copy(update={"body": body.model_copy(update={"opened": opened})})
    others = [await put_course(record, 30) for _ in range(3)]
    journey = uuid4()
    await put(record, renamed((*course_of()[:asked], spoilt, *course_of()[asked + 1 : 30]), journey))
    await (rebuild if rebuilt else catch_up)(record)

    [stuck] = (await stale(record)).rows
    assert (stuck.journey_id, stuck.code) == (journey, "CharacterNotInRepertoireError")
    cases = {case.journey_id: case.version for case in (await caseload(record, CaseloadFilter())).rows}
    assert dict.fromkeys(others, 30).items() <= cases.items()
    assert await retry(record, journey) == "CharacterNotInRepertoireError"
    assert await differing(record) == []


async def test_retrying_what_is_not_poisoned_does_nothing(record: Record) -> None:
    journey = await put_course(record, 9)
    await catch_up(record)
    assert await retry(record, journey) is None
    assert await retry(record, uuid4()) is None
    assert await differing(record) == []


async def test_another_definition_is_left_alone(record: Record, owner: Connection, migrated: Database) -> None:
    await put_course(record, 9)
    await owner.execute("UPDATE read_model.generation SET definition = definition + 1")
    assert await advance(record, StateCache()) == 0
    assert await checkpoint(owner) == 0
