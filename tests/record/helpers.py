"""What the record's tests share: events, and looking behind the record."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import asyncpg

from activities.record import NewEvent, NewNotice, Record, StoredEvent
from activities.record.access_log import NewAccessLogEntry
from activities.record.stored import EVENT_COLUMNS

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def event(**changes: Any) -> NewEvent:
    fields: dict[str, Any] = {
        "event_id": uuid4(),
        "event_type": "check_in_received",
        "schema_version": 1,
        "occurred_at": NOON,
        "actor_id": "patient-7",
        "actor_role": "patient",
        "command_id": uuid4(),
        "causation_id": None,
        "payload": b'{"answer":3}',
    }
    return NewEvent(**fields | changes)


def events(count: int) -> list[NewEvent]:
    return [event(payload=b'{"n":%d}' % n) for n in range(count)]


async def follow_log(record: Record, after: int, *, limit: int = 500) -> tuple[StoredEvent, ...]:
    """Return the next events of the whole log after a position. Asking again after the last one never skips an event,
    because positions become visible in their order."""
    async with record.connection() as connection:
        rows = await connection.fetch(
            f"SELECT {EVENT_COLUMNS} FROM record.journey_event "
            "WHERE log_id = $1 AND position > $2 ORDER BY position LIMIT $3",
            record.log_id,
            after,
            limit,
        )
    return await record.decoded(rows, waits=False)


async def whole_log(record: Record) -> list[StoredEvent]:
    log: list[StoredEvent] = []
    while page := await follow_log(record, log[-1].position if log else 0):
        log += page
    return log


@asynccontextmanager
async def log_of_patients(admin: Connection) -> AsyncIterator[None]:
    """Make the log one that is no demonstration, as only a superuser can, and turn it back at the end."""

    async def turn(demonstration: bool) -> None:
        async with admin.transaction():
            await admin.execute("ALTER TABLE record.log DISABLE TRIGGER append_only")
            await admin.execute("UPDATE record.log SET demonstration = $1", demonstration)
            await admin.execute("ALTER TABLE record.log ENABLE ALWAYS TRIGGER append_only")

    await turn(False)
    try:
        yield
    finally:
        await turn(True)


async def waiting_for_the_lock(connection: Connection) -> None:
    """Return once a session of this database waits for a log's lock."""
    while not await connection.fetchval(
        "SELECT count(*) FROM pg_locks w JOIN pg_locks mine ON mine.pid = w.pid "
        "JOIN pg_database d ON d.oid = mine.database WHERE NOT w.granted AND d.datname = current_database()"
    ):
        pass


async def raw_append(connection: Connection, journey_id: UUID, expected: int, new: NewEvent) -> asyncpg.Record:
    """The function itself, on a connection whose settings a test has chosen."""
    row = await connection.fetchrow(
        "SELECT * FROM record.append(1::smallint, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, false)",
        journey_id,
        expected,
        [new.event_id],
        [new.event_type],
        [new.schema_version],
        [new.occurred_at],
        [new.actor_id],
        [new.actor_role],
        [new.command_id],
        [new.causation_id],
        [new.payload],
    )
    assert row is not None
    return row


def an_access(*journeys: UUID, **changed: Any) -> NewAccessLogEntry:
    """Somebody looked at these journeys."""
    given = {"entry_id": uuid4(), "reader_id": "somebody", "reader_role": "clinician", "purpose": "TREAT"}
    given |= {"clock": datetime.now(UTC), "command": ("pathway", "show"), "journeys": journeys, "position": 1}
    return NewAccessLogEntry.model_validate(given | changed)


def a_notice(journey: UUID, **changed: Any) -> NewNotice:
    """Somebody is told of something."""
    given = {"notice_id": uuid4(), "journey_id": journey, "event_id": uuid4(), "kind": "k", "recipient_role": "r"}
    given["clinic"] = "c"
    return NewNotice.model_validate(given | changed)


async def content_of(admin: Connection) -> dict[str, str | None]:
    """Return a digest of each table but that of who looked, by its name."""
    tables = await admin.fetch("SELECT schemaname || '.' || relname AS name FROM pg_stat_user_tables")
    content = "SELECT md5(string_agg(each::text, '|' ORDER BY each::text)) FROM {} each"
    kept = [table["name"] for table in tables if table["name"] != "record.access_log"]
    return {name: await admin.fetchval(content.format(name)) for name in kept}
