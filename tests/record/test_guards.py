"""What the database refuses, to whom, and what its refusals give away."""

import asyncio
import traceback
from typing import Literal
from uuid import uuid4

import asyncpg
import pytest

from activities.notices.queue import NewFact, keep
from activities.record import Record, RecordFault, RecordUnavailable
from activities.record.access_log import record_access, seal_access
from activities.record.stored import SeenRegister
from deploy.local.postgres import Database
from tests.fixtures.clear import Clear, open_clear
from tests.fixtures.everything import everything
from tests.record.helpers import (
    Connection,
    a_notice,
    an_access,
    event,
    events,
    raw_append,
    waiting_for_the_lock,
    whole_log,
)

CHANGES = [
    "UPDATE record.{} SET log_id = 2",
    "DELETE FROM record.{}",
    "TRUNCATE record.{}",
]


@pytest.mark.parametrize(
    "table", ["journey_event", "notice", "access_log", "access_seal", "log", "register", "delivery", "contact"]
)
@pytest.mark.parametrize("change", CHANGES)
async def test_nobody_changes_what_is_recorded(
    record: Record, app: Connection, owner: Connection, admin: Connection, table: str, change: str
) -> None:
    journey = uuid4()
    await record.append(journey, 0, events(1))
    await record.deliver_notices([notice := a_notice(journey)])
    await keep(record, notice.notice_id, [NewFact("somebody", "1", "log", "sent")])
    await app.execute("SELECT record.keep_contact(1::smallint, 'staff/somebody', 1, 'sealed', 'somebody-else')")
    await record_access(record, an_access(journey))
    await seal_access(record)
    await record.see_register(SeenRegister(1, bytes(32)))
    before = await owner.fetch(f"SELECT * FROM record.{table}")
    await admin.execute("SET session_replication_role = replica")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(change.format(table))
    for privileged in (owner, admin):
        with pytest.raises(asyncpg.PostgresError) as refused:
            await privileged.execute(change.format(table))
        assert refused.value.sqlstate == "CP005"

    assert await owner.fetch(f"SELECT * FROM record.{table}") == before != []


@pytest.mark.parametrize("isolation", ["repeatable_read", "serializable"])
async def test_other_isolation_is_refused(
    app: Connection, record: Record, isolation: Literal["repeatable_read", "serializable"]
) -> None:
    for call in (
        raw_append(app, uuid4(), 0, event()),
        app.execute(
            "SELECT record.enrol(1::smallint, ARRAY['x'::bytea], 'ptsd', 'invented', $1, $2)", uuid4(), uuid4()
        ),
    ):
        with pytest.raises(asyncpg.PostgresError) as refused:
            async with app.transaction(isolation=isolation):
                await call
        assert refused.value.sqlstate == "CP004"
    assert await whole_log(record) == []


async def test_errors_hold_no_values(record: Record) -> None:
    for secret in ("SECRET\0", "SECRET\ud800"):
        with pytest.raises(RecordFault) as refused:
            await record.append(uuid4(), 0, [event().model_copy(update={"actor_id": secret})])
        assert "SECRET" not in "".join(traceback.format_exception(refused.value))


async def test_no_database_is_an_outage_without_an_address() -> None:
    url = "postgresql://somebody:hunter2@127.0.0.1:1/there?sslmode=disable"
    with pytest.raises(RecordUnavailable) as refused:
        async with open_clear(url):
            pytest.fail("there is nothing to connect to")
    shown = "".join(traceback.format_exception(refused.value))
    assert "hunter2" not in shown
    assert "127.0.0.1" not in shown


async def test_a_wrong_address_is_a_fault_that_does_not_repeat_it() -> None:
    url = "hunter2://somebody@there"
    with pytest.raises(RecordFault) as refused:
        async with open_clear(url):
            pytest.fail("there is nothing to connect to")
    assert "hunter2" not in "".join(traceback.format_exception(refused.value))


async def test_a_broken_connection_is_an_outage_that_ends(record: Record, owner: Connection, admin: Connection) -> None:
    journey, new = uuid4(), events(1)
    async with owner.transaction():
        await owner.execute("SELECT record.lock_row(1::smallint, 'append')")
        attempt = asyncio.create_task(record.append(journey, 0, new))
        await waiting_for_the_lock(owner)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE usename = 'carepath_tests' AND datname = current_database()"
        )
        with pytest.raises(RecordUnavailable):
            await attempt

    assert not (await record.append(journey, 0, new)).replayed


async def test_waiting_too_long_for_the_lock_is_an_outage(migrated: Database, owner: Connection) -> None:
    settings = {"lock_timeout": "50ms"}
    async with (
        asyncpg.create_pool(everything(migrated), min_size=1, max_size=1, server_settings=settings) as pool,
        owner.transaction(),
    ):
        await owner.execute("SELECT record.lock_row(1::smallint, 'append')")
        with pytest.raises(RecordUnavailable) as refused:
            await Record(pool, Clear()).append(uuid4(), 0, events(1))
        assert refused.value.code == "55P03"
