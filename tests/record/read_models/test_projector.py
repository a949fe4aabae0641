"""The read models are what the record says, whatever happens to those who project it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from asyncpg.transaction import Transaction

from activities.record import Record, RecordUnavailable
from activities.record.event_codec import from_stored
from activities.record.read_models import projection, runner
from activities.record.read_models.projector import (
    NotYetProjected,
    StateCache,
    advance,
    retry,
    wait_for,
)
from activities.record.read_models.queries import CaseloadFilter, WorklistFilter, caseload, entries, stale, worklist
from activities.record.read_models.rebuild import differences, rebuild
from activities.record.read_models.runner import run
from activities.record.store import StoredEvent
from deploy.local.postgres import Database
from tests.record.helpers import Connection, event
from tests.record.read_models.courses import catch_up, course_of, put, put_course, renamed
from workflows.journey.events import Event, SessionCancelled, SessionScheduled, SignedOff
from workflows.journey.protocol import Condition

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
    await put_course(record, None, Condition.ANXIETY)
    await catch_up(record, limit=64)
    assert await differences(record) == ()


async def test_rows_that_are_no_longer_true_go(record: Record) -> None:
    planned = next(n for n, each in enumerate(course_of(), 1) if isinstance(each.body, SessionScheduled))
    journey = await put_course(record, planned)
    await catch_up(record)
    assert len((await entries(record, "session", journey_id=journey)).rows) == 1
    cancelled = SessionCancelled(session=1, reason="the patient is ill")
    await put(record, renamed([course_of()[planned].model_copy(update={"body": cancelled})], journey))
    await catch_up(record)
    assert (await entries(record, "session", journey_id=journey)).rows == ()
    assert await differences(record) == ()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE read_model_1.caseload SET clinic = 'another'",
        "UPDATE read_model_1.obligation SET why = NULL WHERE closed_at IS NULL",
        "DELETE FROM read_model_1.obligation WHERE closed_at IS NULL",
        "UPDATE read_model_1.stay SET held = true",
        "UPDATE read_model_1.entry SET body = '{}'",
        "INSERT INTO read_model_1.entry SELECT journey_id, model, 'more', at, body FROM read_model_1.entry LIMIT 1",
        "UPDATE read_model_1.caseload SET journey_id = gen_random_uuid()",
    ],
)
async def test_a_row_that_is_not_the_records_is_found(record: Record, owner: Connection, tampering: str) -> None:
    await put_course(record, 60)
    await catch_up(record)
    await owner.execute(tampering)
    assert await differences(record) != ()


async def test_a_crash_before_the_commit_changes_nothing(record: Record, owner: Connection, admin: Connection) -> None:
    journey = await put_course(record, 40)
    courses = StateCache()
    await advance(record, courses, limit=20)
    before = await checkpoint(owner), await owner.fetch("SELECT * FROM read_model_1.caseload")

    async with owner.transaction():
        await owner.execute("LOCK TABLE read_model_1.caseload IN SHARE MODE")
        attempt = asyncio.create_task(advance(record, courses, limit=5))
        while not await admin.fetchval(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'read_model_1.caseload'::regclass"
        ):
            pass
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = 'carepath_app' AND datname = current_database()"
        )
        with pytest.raises(RecordUnavailable):
            await attempt
    assert (await checkpoint(owner), await owner.fetch("SELECT * FROM read_model_1.caseload")) == before

    # The courses in memory are ahead of the tables now.
    while await advance(record, courses, limit=7):
        pass
    assert await differences(record) == ()
    assert (await worklist(record, WorklistFilter(journey_id=journey))).rows[0].version == 40


async def test_a_crash_after_the_commit_applies_nothing_twice(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    await put_course(record, 40)
    courses, commit = StateCache(), Transaction._Transaction__commit  # type: ignore[attr-defined]

    async def commit_and_die(self: Transaction) -> None:
        await commit(self)
        if not self._nested:  # type: ignore[attr-defined]
            raise asyncpg.ConnectionDoesNotExistError("connection was closed")

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "_Transaction__commit", commit_and_die)
        with pytest.raises(RecordUnavailable):
            await advance(record, courses, limit=10)
    assert await wait_for(record, 10, timedelta(0)) == 10
    while await advance(record, courses, limit=10):
        pass
    assert await differences(record) == ()


async def test_a_runner_passes_while_another_is_at_it(record: Record, owner: Connection) -> None:
    await put_course(record, 10)
    async with owner.transaction():
        await owner.execute("SELECT FROM read_model.generation FOR UPDATE")
        assert await advance(record, StateCache()) == 0
    assert await advance(record, StateCache()) == 10


async def test_a_runner_that_comes_late_writes_nothing(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    await put_course(record, 60)
    start, overtaken = Transaction.start, False

    async def overtaken_once(self: Transaction) -> None:
        nonlocal overtaken
        if not overtaken:
            overtaken = True
            await catch_up(record)
        await start(self)

    monkeypatch.setattr(Transaction, "start", overtaken_once)
    assert await advance(record, StateCache(), limit=10) == 0
    assert overtaken
    assert await wait_for(record, 60, timedelta(0)) == 60
    assert await differences(record) == ()


async def test_three_runners_and_many_writers(record: Record) -> None:
    async with runners(record, 3, timedelta(milliseconds=5)):
        await asyncio.gather(*(put_course(record, count) for count in (60, 45, 30, 25, 20, 15, 10, 9, 8)))
        [last] = await record.tail(60 + 45 + 30 + 25 + 20 + 15 + 10 + 9 + 8 - 1)
        await wait_for(record, last.position, SOON)
    assert await differences(record) == ()


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
            "WHERE usename = 'carepath_app' AND datname = current_database()"
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
    assert await differences(record) == ()


async def _recorded(record: Record, journey: UUID) -> bool:
    try:
        await put(record, renamed(course_of()[:9], journey))
    except RecordUnavailable:
        return False
    return True


async def test_a_defect_stops_no_runner(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "AGAIN", timedelta())
    seen = asyncio.Event()

    async def broken(*_: object) -> int:
        seen.set()
        raise TypeError

    stop = asyncio.Event()
    with monkeypatch.context() as patched:
        patched.setattr(runner, "advance", broken)
        running = asyncio.create_task(run(record, stop, poll=timedelta(milliseconds=5)))
        await seen.wait()
    await put_course(record, 9)
    await wait_for(record, 9, SOON)
    stop.set()
    await running


async def test_an_outage_is_waited_out_and_not_hammered(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "AGAIN", timedelta(hours=1))
    tried = 0

    async def down(
        _record: Record, _courses: StateCache, _stop: asyncio.Event, wake: asyncio.Event, _poll: object
    ) -> None:
        nonlocal tried
        tried += 1
        wake.set()
        raise RecordUnavailable("08006")

    monkeypatch.setattr(runner, "_listen", down)
    stop = asyncio.Event()
    running = asyncio.create_task(run(record, stop))
    for _ in range(50):
        await asyncio.sleep(0)
    assert tried == 1
    stop.set()
    await running


async def test_running_ends_with_what_it_is_for(record: Record) -> None:
    with pytest.raises(KeyError):
        async with runner.running(record):
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


Poison = Callable[[Event], Event]


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> Callable[[UUID, int], None]:
    """Makes one event unreadable to this build, until the end of the patch."""

    def poison(journey_id: UUID, version: int) -> None:
        def read(stored: StoredEvent) -> Event:
            if (stored.journey_id, stored.version) == (journey_id, version):
                raise KeyError("what the patient said")
            return from_stored(stored)

        monkeypatch.setattr(projection, "from_stored", read)

    return poison


async def test_one_journey_of_many_is_parked_and_the_others_go_on(
    record: Record, unreadable: Callable[[UUID, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [await put_course(record, 9) for _ in range(40)]
    journey = uuid4()
    events = renamed(course_of()[:60], journey)
    unreadable(journey, 33)
    await put(record, events[:20])
    await catch_up(record)
    await put(record, events[20:50])
    others += [await put_course(record, 9) for _ in range(40)]
    await catch_up(record, limit=50)
    await put(record, events[50:])
    await catch_up(record)

    [stuck] = (await stale(record)).rows
    assert (stuck.journey_id, stuck.version, stuck.code) == (journey, 33, "KeyError")
    cases = {case.journey_id: case for case in (await caseload(record, CaseloadFilter(), limit=100)).rows}
    assert cases.keys() == {journey, *others}
    assert all(cases[other].version == 9 and cases[other].stale is None for other in others)
    assert (cases[journey].version, cases[journey].stale) == (32, "KeyError")
    tasks = (await worklist(record, WorklistFilter(journey_id=journey))).rows
    assert tasks
    assert all((task.version, task.stale) == (32, "KeyError") for task in tasks)
    assert "patient said" not in str(stuck)
    assert await differences(record) == ()

    assert await retry(record, journey) == "KeyError"
    [stuck] = (await stale(record)).rows
    assert stuck.attempts == 2
    await rebuild(record)
    [stuck] = (await stale(record)).rows
    assert (stuck.journey_id, stuck.version) == (journey, 33)

    monkeypatch.setattr(projection, "from_stored", from_stored)
    # What is recorded and not projected yet is for the projector.
    await put(record, renamed(course_of()[60:65], journey))
    assert await retry(record, journey) is None
    assert (await stale(record)).rows == ()
    assert await differences(record) == ()
    assert {task.version for task in (await worklist(record, WorklistFilter(journey_id=journey))).rows} == {60}
    await put(record, renamed(course_of()[65:70], journey))
    await catch_up(record)
    assert {task.version for task in (await worklist(record, WorklistFilter(journey_id=journey))).rows} == {70}
    assert await differences(record) == ()


async def test_an_event_of_no_known_kind_is_never_skipped(record: Record) -> None:
    journey = uuid4()
    await record.append(journey, 0, [event(), event()])
    other = await put_course(record, 9)
    await catch_up(record)
    [stuck] = (await stale(record)).rows
    assert (stuck.journey_id, stuck.version, stuck.position) == (journey, 1, 1)
    assert [case.journey_id for case in (await caseload(record, CaseloadFilter())).rows] == [other]


@pytest.mark.parametrize("rebuilt", [False, True])
async def test_a_row_the_database_cannot_hold_parks_its_journey_alone(record: Record, rebuilt: bool) -> None:
    """A text may hold a NUL, which no text column takes: only writing the rows shows it."""
    signed = next(n for n, each in enumerate(course_of()) if isinstance(each.body, SignedOff))
    name = course_of()[signed].body.model_copy(update={"name": "Somebody\0"})
    spoilt = course_of()[signed].model_copy(update={"body": name})
    others = [await put_course(record, 30) for _ in range(3)]
    journey = uuid4()
    await put(record, renamed((*course_of()[:signed], spoilt, *course_of()[signed + 1 : 30]), journey))
    await (rebuild if rebuilt else catch_up)(record)

    [stuck] = (await stale(record)).rows
    assert (stuck.journey_id, stuck.code) == (journey, "CharacterNotInRepertoireError")
    cases = {case.journey_id: case.version for case in (await caseload(record, CaseloadFilter())).rows}
    assert dict.fromkeys(others, 30).items() <= cases.items()
    assert await retry(record, journey) == "CharacterNotInRepertoireError"
    assert await differences(record) == ()


async def test_retrying_what_is_not_parked_does_nothing(record: Record) -> None:
    journey = await put_course(record, 9)
    await catch_up(record)
    assert await retry(record, journey) is None
    assert await retry(record, uuid4()) is None
    assert await differences(record) == ()


async def test_another_definition_is_left_alone(record: Record, owner: Connection, migrated: Database) -> None:
    await put_course(record, 9)
    await owner.execute("UPDATE read_model.generation SET definition = definition + 1")
    assert await advance(record, StateCache()) == 0
    assert await checkpoint(owner) == 0
