"""Building anew while people work from what is there, and going back."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from activities.record import Record
from activities.record.read_models.claims import claim
from activities.record.read_models.listed import CaseloadFilter, WorklistFilter
from activities.record.read_models.projector import StateCache, advance, wait_for
from activities.record.read_models.queries import caseload, service_levels, stale, worklist
from activities.record.read_models.rebuild import BeingRebuilt, BuildFailed, rebuild
from activities.record.read_models.rows import DEFINITION
from activities.record.read_models.runner import running
from tests.journey.play import START
from tests.record.helpers import Connection, event, follow_log
from tests.record.read_models.courses import catch_up, differing, put_copies, put_course

SOON = timedelta(seconds=30)
TABLES = ("caseload", "obligation", "audience", "status_history")


async def generations(owner: Connection) -> dict[int, str]:
    return {row["id"]: row["status"] for row in await owner.fetch("SELECT id, status FROM read_model.generation")}


async def schemas(owner: Connection) -> set[str]:
    rows = await owner.fetch("SELECT nspname AS name FROM pg_namespace WHERE nspname ~ '^read_model_[0-9]'")
    return {row["name"] for row in rows}


async def test_rebuilt_equals_live(record: Record, owner: Connection) -> None:
    for count in (None, 120, 40):
        await put_course(record, count)
    await catch_up(record)
    before = [await owner.fetch(f"SELECT * FROM read_model_1.{table} ORDER BY 1, 2, 3") for table in TABLES]

    assert await rebuild(record) == 2

    after = [await owner.fetch(f"SELECT * FROM read_model_2.{table} ORDER BY 1, 2, 3") for table in TABLES]
    assert after == before
    assert all(after)
    assert await generations(owner) == {1: "retired", 2: "live"}
    assert await differing(record) == []
    await put_course(record, 9)
    await catch_up(record)
    assert await differing(record) == []


async def test_nobody_notices_a_swap(record: Record, owner: Connection) -> None:
    """Writers, a runner and readers go on through three rebuilds; readers never go back in time."""
    done, reads = asyncio.Event(), 0
    watched = await put_course(record, 9)
    await catch_up(record)
    [task, *_] = (await worklist(record, WorklistFilter(journey_id=watched))).rows
    assert await claim(record, watched, task.obligation, "coordinator-1")

    async def read() -> None:
        nonlocal reads
        reached = 0
        while not done.is_set():
            answer = await worklist(record, WorklistFilter(mine="coordinator-1"))
            assert answer.position >= reached
            reached = answer.position
            assert [(seen.journey_id, seen.claimed_by) for seen in answer.rows] == [(watched, "coordinator-1")]
            assert (await caseload(record, CaseloadFilter(), limit=1)).position >= reached
            assert (await service_levels(record, START)).position >= reached
            reads += 1

    async def write() -> None:
        while not done.is_set():
            await put_course(record, 25)

    async with running(record), asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(read())
        group.create_task(write())
        for _ in range(3):
            await rebuild(record)
        done.set()
    assert reads > 10
    [last] = await follow_log(record, int(await owner.fetchval("SELECT max(position) FROM record.journey_event")) - 1)
    async with running(record):
        await wait_for(record, last.position, SOON)
    assert await differing(record) == []
    assert await generations(owner) == {3: "retired", 4: "live"}
    assert await schemas(owner) == {"read_model_3", "read_model_4"}


async def test_what_is_behind_is_not_shown(record: Record, owner: Connection) -> None:
    await put_course(record, 9)
    await catch_up(record)
    behind = await owner.fetchval("SELECT read_model.begin_generation(1::smallint, $1)", DEFINITION)
    assert not await owner.fetchval("SELECT read_model.publish($1)", behind)
    assert await generations(owner) == {1: "live", behind: "building"}
    while await advance(record, StateCache(), generation=behind):
        pass
    assert await owner.fetchval("SELECT read_model.publish($1)", behind)
    assert await differing(record) == []


async def test_a_reader_that_lingers_delays_the_swap_and_not_other_readers(record: Record, owner: Connection) -> None:
    await put_course(record, 9)
    await catch_up(record)
    async with owner.transaction():
        await owner.fetch("SELECT * FROM read_model.caseload")
        building = asyncio.create_task(rebuild(record))
        for _ in range(20):
            assert (await worklist(record, WorklistFilter())).rows
        assert not building.done()
    await building
    assert await generations(owner) == {1: "retired", 2: "live"}


async def test_one_rebuild_at_a_time(record: Record, owner: Connection) -> None:
    async with owner.transaction():
        assert await owner.fetchval("SELECT read_model.rebuild_alone(1::smallint)")
        with pytest.raises(BeingRebuilt):
            await rebuild(record)
    await rebuild(record)


async def test_a_rebuild_that_was_cut_short_leaves_nothing(record: Record, owner: Connection) -> None:
    await put_course(record, 9)
    cut_short = await owner.fetchval("SELECT read_model.begin_generation(1::smallint, $1)", DEFINITION)
    await rebuild(record)
    assert await generations(owner) == {1: "retired", cut_short + 1: "live"}
    assert await schemas(owner) == {"read_model_1", f"read_model_{cut_short + 1}"}


async def test_what_somebody_still_reads_is_dropped_later(record: Record, owner: Connection) -> None:
    await put_course(record, 9)
    await rebuild(record)
    async with owner.transaction():
        await owner.fetch("SELECT * FROM read_model_1.audience")
        await rebuild(record)
    assert await generations(owner) == {1: "retired", 2: "retired", 3: "live"}
    await rebuild(record)
    assert await generations(owner) == {3: "retired", 4: "live"}
    assert await schemas(owner) == {"read_model_3", "read_model_4"}


async def test_what_is_live_is_not_dropped(record: Record, owner: Connection) -> None:
    await owner.execute("SELECT read_model.drop_generation(1)")
    assert await generations(owner) == {1: "live"}
    assert await schemas(owner) == {"read_model_1"}
    with pytest.raises(asyncpg.NoDataFoundError):
        await owner.execute("SELECT read_model.publish(77)")


async def test_the_application_reaches_read_models_by_name_and_makes_them_by_function(
    record: Record, owner: Connection
) -> None:
    async with record.connection() as app:
        functions = await app.fetch(
            "SELECT proname AS name, prosecdef AS definer, has_function_privilege('public', oid, 'EXECUTE') AS public "
            "FROM pg_proc WHERE pronamespace = 'read_model'::regnamespace"
        )
        assert functions
        assert all(function["definer"] and not function["public"] for function in functions)
        for schema in ("read_model", "read_model_1", "read_model_shape"):
            assert not await app.fetchval("SELECT has_schema_privilege($1, 'CREATE')", schema)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute("UPDATE read_model.generation SET status = 'retired'")


async def test_processes_that_share_a_build_leave_out_nothing(record: Record, owner: Connection) -> None:
    first = await put_course(record, 30)
    await record.append(uuid4(), 0, [event(), event()])
    await put_copies(owner, first, 40)
    await catch_up(record)
    await owner.execute("UPDATE read_model_1.poisoned SET at = 'epoch'")
    before = [await owner.fetch(f"SELECT * FROM read_model_1.{table} ORDER BY 1, 2, 3") for table in TABLES]

    assert await rebuild(record, processes=2) == 2

    assert [await owner.fetch(f"SELECT * FROM read_model_2.{table} ORDER BY 1, 2, 3") for table in TABLES] == before
    assert len((await stale(record)).rows) == 1
    assert await differing(record) == []


async def test_a_process_that_ends_early_ends_the_build(record: Record, owner: Connection) -> None:
    await put_course(record, 9)
    await catch_up(record)
    await owner.execute("ALTER FUNCTION read_model.begin_generation RENAME TO begin")
    await owner.execute(
        "CREATE FUNCTION read_model.begin_generation(_log_id smallint, _definition integer) RETURNS integer "
        "LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE _id integer := read_model.begin(_log_id, _definition); "
        "BEGIN EXECUTE format('DROP TABLE read_model_%s.status_history', _id); RETURN _id; END $$"
    )
    await owner.execute("GRANT EXECUTE ON FUNCTION read_model.begin_generation TO carepath_projector")
    with pytest.raises(BuildFailed, match="42P01"):
        await rebuild(record, processes=1)
    assert (await worklist(record, WorklistFilter())).rows
    assert (await generations(owner))[1] == "live"
    assert await advance(record, StateCache()) == 0
