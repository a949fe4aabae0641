"""What the superuser of the database can do to the record, behind its back."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import asyncpg

from activities.record.event_codec import to_new
from activities.record.store import Record
from deploy.local.stack import Stack
from workflows.journey import events as e


async def insert(stack: Stack, record: Record, events: Sequence[e.Event]) -> list[int]:
    """Write events into the record behind its back, encrypted with its keys and both chains continued as FORMAT.md
    says; their positions."""
    connection = await asyncpg.connect(stack.postgres.admin_url)
    positions = []
    try:
        async with connection.transaction():
            await connection.execute("SELECT record.lock_row(1::smallint, 'append')")
            last = await connection.fetchrow("SELECT * FROM record.journey_event ORDER BY position DESC LIMIT 1")
            head = await connection.fetchrow("SELECT * FROM record.journey WHERE journey_id = $1", events[0].journey_id)
            assert last is not None
            assert head is not None
            position, version = last["position"], head["version"]
            log_hash, journey_hash = last["log_hash"], head["journey_hash"]
            for event in events:
                row, recorded_at = to_new(event), datetime.now(UTC)
                payload = await record.seal(event.journey_id, row.event_id, row.payload)
                position, version = position + 1, version + 1
                content_hash = _hash(
                    b"carepath/event/1",
                    event.journey_id.bytes,
                    row.event_id.bytes,
                    row.event_type.encode(),
                    _int(row.schema_version),
                    _time(row.occurred_at),
                    row.actor_id.encode(),
                    row.actor_role.encode(),
                    row.command_id.bytes,
                    None if row.causation_id is None else row.causation_id.bytes,
                    payload,
                )
                journey_hash = _hash(b"carepath/journey/1", journey_hash, _int(version), content_hash)
                log_hash = _hash(b"carepath/log/1", log_hash, _int(1), _int(position), _time(recorded_at), journey_hash)
                await connection.execute(
                    "INSERT INTO record.journey_event VALUES "
                    "(1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
                    *(position, event.journey_id, version, row.event_id, row.event_type, row.schema_version),
                    *(row.occurred_at, recorded_at, row.actor_id, row.actor_role, row.command_id, row.causation_id),
                    *(payload, content_hash, journey_hash, log_hash),
                )
                positions.append(position)
            await connection.execute(
                "UPDATE record.journey SET version = $2, journey_hash = $3, last_position = $4 WHERE journey_id = $1",
                *(events[0].journey_id, version, journey_hash, position),
            )
    finally:
        await connection.close()
    return positions


async def overwrite(stack: Stack, position: int, payload: bytes) -> None:
    """Change what a row says, past the trigger that forbids it."""
    connection = await asyncpg.connect(stack.postgres.admin_url)
    try:
        async with connection.transaction():
            await connection.execute("ALTER TABLE record.journey_event DISABLE TRIGGER append_only")
            await connection.execute(
                "UPDATE record.journey_event SET payload = $2 WHERE position = $1", position, payload
            )
            await connection.execute("ALTER TABLE record.journey_event ENABLE ALWAYS TRIGGER append_only")
    finally:
        await connection.close()


def _hash(*fields: bytes | None) -> bytes:
    digest = sha256()
    for field in fields:
        digest.update(struct.pack(">i", -1 if field is None else len(field)) + (field or b""))
    return digest.digest()


def _int(number: int) -> bytes:
    return struct.pack(">q", number)


def _time(moment: datetime) -> bytes:
    return _int((moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))
