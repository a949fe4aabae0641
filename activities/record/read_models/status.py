"""How far the read models are: their builds, and the record they follow."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from activities.record.read_models.projector import NotYetProjected, wait_for
from activities.record.read_models.rows import DEFINITION
from activities.record.store import Record


class Build(NamedTuple):
    """One build of the read models. Nothing is projected into it unless it is ``ours``: of this version's
    definition and of this log."""

    id: int
    status: Literal["building", "live", "retired"]
    definition: int
    ours: bool
    position: int
    since: datetime


class ProjectionStatus(NamedTuple):
    """The position of the record's last event, and the builds, the newest first."""

    head: int
    builds: tuple[Build, ...]


async def head(record: Record) -> int:
    """The position of the last event of the record; 0 while there is none."""
    async with record.connection() as connection:
        return int(
            await connection.fetchval(
                "SELECT coalesce(max(position), 0) FROM record.journey_event WHERE log_id = $1", record.log_id
            )
        )


async def wait_until_caught_up(record: Record, timeout: timedelta) -> int:
    """Wait until the read models are where the record is now, and return that position.

    When `timeout` has passed this answers all the same: what is read next says itself how far it is true.
    """
    position = await head(record)
    with suppress(NotYetProjected):
        await wait_for(record, position, timeout)
    return position


async def read_status(record: Record) -> ProjectionStatus:
    """Where the record and every build are."""
    async with record.connection() as connection:
        found = await connection.fetch(
            "SELECT id, status, definition, definition = $2 AND log_id = $1 AS ours, position, since "
            "FROM read_model.generation ORDER BY id DESC",
            record.log_id,
            DEFINITION,
        )
    builds = tuple(Build(**row) for row in found)
    # Asked for last, so that no build seems to be ahead of the record.
    return ProjectionStatus(await head(record), builds)
