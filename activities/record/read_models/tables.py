"""Writes to the tables of a generation: changes of a journey's rows, or all rows in bulk."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg

from activities.connection_pool import Connection
from activities.record.read_models.projection import Unapplied, unapplied
from activities.record.read_models.row_types import TABLES, Row, RowDiff, RowKey, Table, key_of
from activities.record.stored import StoredEvent

UNSTORABLE = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, ValueError, OverflowError)
"""Errors of the database for a row that it cannot hold, such as a text with a NUL. Trying again does not help."""


async def write(connection: Connection, generation: int, changes: Sequence[RowDiff]) -> None:
    """Write changes into a generation."""
    for kind, table in TABLES.items():
        gone = [key[1:] for each in changes for key in each.gone if key[0] is kind]
        if gone:
            await connection.executemany(_delete(generation, table), gone)
        new = [row for each in changes for row in each.new if type(row) is kind]
        if new:
            await connection.executemany(_upsert(generation, kind, table), new)


async def store(
    connection: Connection, generation: int, changes: Sequence[tuple[RowDiff, StoredEvent]]
) -> list[Unapplied]:
    """Write changes, each with the first event it comes from: all at once or, if the database cannot hold one of them,
    one by one. Return those that it cannot hold."""
    try:
        async with connection.transaction():
            await write(connection, generation, [each for each, _ in changes])
    except UNSTORABLE as error:
        if len(changes) == 1:
            return [unapplied(changes[0][1], error)]
        return [stuck for each in changes for stuck in await store(connection, generation, [each])]
    return []


async def mark_poisoned(connection: Connection, generation: int, stopped: Iterable[Unapplied]) -> None:
    """Mark journeys as stale. Their rows stay as they were, and nothing more is applied to them."""
    await connection.executemany(
        f"INSERT INTO read_model_{generation:d}.poisoned AS p (journey_id, version, position, code) "
        "VALUES ($1, $2, $3, $4) ON CONFLICT (journey_id) DO UPDATE "
        "SET version = excluded.version, position = excluded.position, code = excluded.code, "
        "attempts = p.attempts + 1, at = clock_timestamp()",
        list(stopped),
    )


async def clear(connection: Connection, generation: int, journey_id: UUID) -> None:
    """Delete all rows of one journey."""
    for table in TABLES.values():
        await connection.execute(
            f"DELETE FROM read_model_{generation:d}.{table.name} WHERE journey_id = $1",
            journey_id,
        )


async def fill(connection: Connection, generation: int, new: Iterable[Row]) -> None:
    """Insert rows into tables that have no rows of these journeys yet. Faster than `write`."""
    by_kind: dict[type[Row], list[Row]] = {kind: [] for kind in TABLES}
    for row in new:
        by_kind[type(row)].append(row)
    for kind, table in TABLES.items():
        await connection.copy_records_to_table(
            table.name, schema_name=f"read_model_{generation:d}", columns=kind._fields, records=by_kind[kind]
        )


async def read(connection: Connection, generation: int, journeys: Sequence[UUID]) -> dict[RowKey, Row]:
    """Read the rows of these journeys from the tables."""
    found: dict[RowKey, Row] = {}
    for kind, table in TABLES.items():
        stored = await connection.fetch(
            f"SELECT {', '.join(kind._fields)} FROM read_model_{generation:d}.{table.name} WHERE journey_id = ANY($1)",
            journeys,
        )
        for row in stored:
            shown = kind._make(_as_written(value) for value in row)
            found[key_of(shown)] = shown
    return found


def _as_written(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _delete(generation: int, table: Table) -> str:
    where = " AND ".join(f"{column} = ${n}" for n, column in enumerate(table.key, 1))
    return f"DELETE FROM read_model_{generation:d}.{table.name} WHERE {where}"


def _upsert(generation: int, kind: type[Row], table: Table) -> str:
    columns = kind._fields
    values = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    changed = ", ".join(f"{column} = excluded.{column}" for column in columns if column not in table.key)
    return (
        f"INSERT INTO read_model_{generation:d}.{table.name} ({', '.join(columns)}) VALUES ({values}) "
        f"ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {changed}"
    )
