"""What whoever administers the database does to it: care waits at most, and goes on by itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

import asyncpg
import pytest
from temporalio.client import Client

from activities.record.store import Record
from deploy.local.stack import Stack
from simulation.keys import Signers
from tests.faults.helpers import AT_RISK, Course, at_work, blocked, findings, support
from tests.helpers import eventually
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role

pytestmark = pytest.mark.server

Attack: TypeAlias = Callable[[Stack], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def changed(stack: Stack, change: str, back: str) -> AsyncIterator[None]:
    """Something that an administrator does to the database, and undoes later. Whoever is connected begins anew."""
    admin = await asyncpg.connect(stack.postgres.admin_url)
    try:
        for statement in (change, back):
            await admin.execute(statement)
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'carepath%'")
            if statement is change:
                yield
    finally:
        await admin.close()


def for_all(setting: str) -> str:
    return (
        "DO $$ DECLARE _role text; BEGIN FOR _role IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'carepath%' LOOP "
        f"EXECUTE format('ALTER ROLE %I {setting}', _role); END LOOP; END $$"
    )


FULL_DISK = """
CREATE FUNCTION record.full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON record.journey_event FOR EACH ROW EXECUTE FUNCTION record.full_disk();
CREATE TRIGGER full_disk BEFORE INSERT ON record.notice FOR EACH ROW EXECUTE FUNCTION record.full_disk();
"""


@asynccontextmanager
async def packed(stack: Stack) -> AsyncIterator[None]:
    admin = await asyncpg.connect(stack.postgres.admin_url)
    try:
        packing = asyncio.create_task(admin.execute("VACUUM FULL"))
        yield
        await packing
    finally:
        await admin.close()


ATTACKS: Mapping[str, Attack] = {
    "a lock on what happened": lambda stack: blocked(stack, "LOCK TABLE record.journey_event"),
    "a lock on notices": lambda stack: blocked(stack, "LOCK TABLE record.notice, record.queued_notice"),
    "no time for a statement": lambda stack: changed(
        stack, for_all("SET statement_timeout = 1"), for_all("SET statement_timeout = 10000")
    ),
    "no connection left": lambda stack: changed(stack, for_all("CONNECTION LIMIT 0"), for_all("CONNECTION LIMIT -1")),
    "no writing": lambda stack: changed(
        stack, for_all("SET default_transaction_read_only = on"), for_all("RESET default_transaction_read_only")
    ),
    "another isolation": lambda stack: changed(
        stack,
        for_all("SET default_transaction_isolation = ''serializable''"),
        for_all("RESET default_transaction_isolation"),
    ),
    "a column moved aside": lambda stack: changed(
        stack,
        "ALTER TABLE record.journey_event RENAME COLUMN payload TO payload_",
        "ALTER TABLE record.journey_event RENAME COLUMN payload_ TO payload",
    ),
    "a sequence at its end": lambda stack: changed(
        stack,
        "ALTER TABLE record.delivery ALTER number SET MAXVALUE 1000000 RESTART WITH 1000000",
        "ALTER TABLE record.delivery ALTER number SET NO MAXVALUE",
    ),
    "rights taken": lambda stack: changed(
        stack,
        "REVOKE USAGE ON SCHEMA record FROM carepath_recorder",
        "GRANT USAGE ON SCHEMA record TO carepath_recorder",
    ),
    "all packed": packed,
    "no room on the disk": lambda stack: changed(stack, FULL_DISK, "DROP FUNCTION record.full_disk CASCADE"),
    "no room to sort": lambda stack: changed(
        stack, for_all("SET temp_file_limit = 0"), for_all("RESET temp_file_limit")
    ),
    "a lock on all of it": lambda stack: blocked(
        stack,
        "LOCK TABLE record.journey_event, record.journey, record.command, record.notice, record.register, record.log",
    ),
    "indexes dropped": lambda stack: changed(
        stack,
        "DROP INDEX record.journey_patient, record.queued_notice_due, record.notice_journey",
        "CREATE INDEX journey_patient ON record.journey (log_id, patient_key); "
        "CREATE INDEX queued_notice_due ON record.queued_notice (log_id, alarm, due_at) WHERE due_at IS NOT NULL; "
        "CREATE INDEX notice_journey ON record.notice (log_id, journey_id)",
    ),
    "the index of events dropped": lambda stack: changed(
        stack,
        "ALTER TABLE record.journey_event DROP CONSTRAINT journey_event_version",
        "ALTER TABLE record.journey_event ADD CONSTRAINT journey_event_version UNIQUE (log_id, journey_id, version)",
    ),
    "the ids of events not kept apart": lambda stack: changed(
        stack,
        "ALTER TABLE record.journey_event DROP CONSTRAINT journey_event_id",
        "ALTER TABLE record.journey_event ADD CONSTRAINT journey_event_id UNIQUE (log_id, event_id)",
    ),
    "the index of notices dropped": lambda stack: changed(
        stack,
        "ALTER TABLE record.notice DROP CONSTRAINT notice_pkey CASCADE",
        "ALTER TABLE record.notice ADD CONSTRAINT notice_pkey PRIMARY KEY (log_id, notice_id)",
    ),
}


IN_EACH_TEST = ("no connection left", "another isolation")
"""What is tried in `make test`; all else at night."""


@pytest.mark.parametrize(
    "attack", [each if each in IN_EACH_TEST else pytest.param(each, marks=pytest.mark.soak) for each in ATTACKS]
)
async def test_whatever_is_done_to_the_database_care_goes_on_afterwards(
    stack: Stack, client: Client, record: Record, signers: Signers, task_queue: str, attack: str
) -> None:
    course = Course(client, record, signers, task_queue)
    async with at_work(client, record, signers, task_queue):
        await course.begin()
        await course.play(lambda journey: journey.version >= 6)
        async with ATTACKS[attack](stack):
            for number in range(3):
                await course.send(support(f"invented: {number}"))
            await course.send(AT_RISK, by=Role.CLINICIAN)
            await course.send(c.PlaceHold(reason="invented"), by=Role.PATIENT)
        journey = await course.checked()
        assert journey.held
        assert journey.crises

        async def alarmed() -> bool:
            admin = await asyncpg.connect(stack.postgres.admin_url)
            try:
                said = "SELECT count(*) FROM record.notice WHERE journey_id = $1 AND alarm"
                return bool(await admin.fetchval(said, course.id))
            finally:
                await admin.close()

        await eventually(alarmed)
    assert await findings(stack) == ()
