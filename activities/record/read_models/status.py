"""How far the read models are behind the record: their builds, and the end of the record."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from activities.record.read_models.projector import NotYetProjected, wait_for
from activities.record.read_models.rows import DEFINITION
from activities.record.store import Record


class ReadModelBuild(NamedTuple):
    """One build of the read models. Events are only projected into it if it is ``ours``: it has the definition of this
    program and belongs to this log."""

    id: int
    status: Literal["building", "live", "retired"]
    definition: int
    ours: bool
    position: int
    since: datetime


class ProjectionStatus(NamedTuple):
    """The position of the record's last event, and all builds, the newest first."""

    head: int
    builds: tuple[ReadModelBuild, ...]


async def head(record: Record) -> int:
    """Return the position of the last event of the record; 0 while there is none."""
    async with record.connection() as connection:
        return int(
            await connection.fetchval(
                "SELECT coalesce(max(position), 0) FROM record.journey_event WHERE log_id = $1", record.log_id
            )
        )


async def wait_until_caught_up(record: Record, timeout: timedelta) -> int:
    """Wait until the read models have what the record has now, and return that position.

    It also returns after `timeout`: what is read next says itself how far it is true.
    """
    async with record.connection() as connection:
        row = await connection.fetchrow(
            "SELECT coalesce(max(position), 0), (SELECT position FROM read_model.generation "
            "WHERE log_id = $1 AND status = 'live') FROM record.journey_event WHERE log_id = $1",
            record.log_id,
        )
    assert row is not None
    position, shown = row
    if shown is None or shown < position:
        with suppress(NotYetProjected):
            await wait_for(record, position, timeout)
    return int(position)


async def read_status(record: Record) -> ProjectionStatus:
    """Read where the record and every build are."""
    async with record.connection() as connection:
        found = await connection.fetch(
            "SELECT id, status, definition, definition = $2 AND log_id = $1 AS ours, position, since "
            "FROM read_model.generation ORDER BY id DESC",
            record.log_id,
            DEFINITION,
        )
    builds = tuple(ReadModelBuild(**row) for row in found)
    # Read last, so that no build seems to be ahead of the record.
    return ProjectionStatus(await head(record), builds)
