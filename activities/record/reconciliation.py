"""What reconciliation reads of the record, and the rows it leaves there."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import asyncpg

from activities.record.store import Record

PAGE = 1000
"""How many journeys are read at a time."""


class RecordedHead(NamedTuple):
    """Where a journey stands as recorded. Version and position are 0 while it is only enrolled; then ``since`` is when
    that was, and otherwise when the last event was recorded (UTC). ``mark`` is what a run shows that has all of
    it recorded.

    ``awaits`` says whether lists show something that is awaited, ``clock`` is the earliest moment at which something
    happens by itself (UTC), and ``shown`` are the clinic, the pathway and the stage: all as the lists have it, and
    None where the lists are not up to the version.
    """

    journey_id: UUID
    version: int
    position: int
    status: Literal["open", "closed"]
    mark: str
    since: datetime | None
    awaits: bool | None
    clock: datetime | None
    shown: tuple[str, str, str] | None


class Pass(NamedTuple):
    """One pass of reconciliation: when it began and ended (UTC), of which build, how many open journeys it compared,
    how many of them Temporal had lost, how many differed at all, and what became of these. ``code`` is why it ended
    early. ``clock_ahead`` is by how many seconds the clock of its machine was ahead of the record's."""

    began: datetime
    ended: datetime
    build: str
    looked_at: int
    lost: int
    different: int
    mended: int
    failed: int
    code: str | None
    clock_ahead: int = 0


def record_mark(version: int, journey_hash: bytes) -> str:
    """Say in short which record a run rests on: the version up to which it is recorded, and the start of the journey's
    hash there. By it the list of all runs is compared with the record without asking any of them."""
    return f"{version}:{journey_hash.hex()[:16]}"


def mark_version(mark: str) -> int:
    """Return the version of a mark; 0 for what is none."""
    version, _, digest = mark.partition(":")
    return int(version) if version.isdecimal() and digest else 0


_PASSES = "FROM record.reconciliation WHERE log_id = $1 AND ended <= clock_timestamp()"
"""All passes, but for those of a clock that was ahead and was put right: else none would follow until it has come so
far."""
_HEADS = """
SELECT j.journey_id, j.version, j.last_position AS position, j.status,
       j.journey_hash,
       coalesce(e.recorded_at, j.enrolled_at) AS since,
       CASE WHEN c.version = j.version THEN o.awaits END AS awaits,
       CASE WHEN c.version = j.version THEN o.clock END AS clock,
       CASE WHEN c.version = j.version THEN c.clinic END AS clinic,
       CASE WHEN c.version = j.version THEN c.pathway END AS pathway,
       CASE WHEN c.version = j.version THEN c.stage END AS stage
  FROM (SELECT h.log_id, h.journey_id, h.version, h.journey_hash, h.last_position, h.status,
               NULL::timestamptz AS enrolled_at
          FROM record.journey h
        UNION ALL
        SELECT a.log_id, a.journey_id, 0, decode(repeat('00', 32), 'hex'), 0, 'open', min(a.enrolled_at)
          FROM record.enrolment a
         WHERE NOT EXISTS (SELECT FROM record.journey h WHERE h.log_id = a.log_id AND h.journey_id = a.journey_id)
         GROUP BY a.log_id, a.journey_id) j
  LEFT JOIN record.journey_event e ON e.log_id = j.log_id AND e.position = j.last_position
  LEFT JOIN read_model.caseload c ON c.journey_id = j.journey_id
  LEFT JOIN LATERAL (SELECT count(*) > 0 AS awaits, min(o.next_step) AS clock FROM read_model.obligation o
                      WHERE o.journey_id = j.journey_id AND o.closed_at IS NULL) o ON true
 WHERE j.log_id = $1
"""
# Open, or perhaps waiting after its end: something happened then, or somebody broke the glass.
_MAY_WAIT = """
   AND ($2::uuid IS NULL OR j.journey_id > $2)
   AND (j.status = 'open' OR e.event_type <> 'pathway.closed'
        OR j.journey_id IN (SELECT unnest(journeys) FROM record.access_log WHERE log_id = $1 AND until IS NOT NULL))
 ORDER BY j.journey_id LIMIT $3
"""


async def heads_that_may_wait(record: Record) -> AsyncIterator[Sequence[RecordedHead]]:
    """Yield in pages all journeys that are open, or that may wait for something after their end.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    after: UUID | None = None
    while True:
        async with record.connection() as connection:
            rows = await connection.fetch(_HEADS + _MAY_WAIT, record.log_id, after, PAGE)
        if not rows:
            return
        after = rows[-1]["journey_id"]
        yield [_head(row) for row in rows]


async def heads_of(record: Record, journeys: Sequence[UUID]) -> Sequence[RecordedHead]:
    """Return where these journeys stand; those that are unknown are left out."""
    async with record.connection() as connection:
        rows = await connection.fetch(_HEADS + "AND j.journey_id = ANY($2)", record.log_id, list(journeys))
    return [_head(row) for row in rows]


def _head(row: asyncpg.Record) -> RecordedHead:
    shown = None if row["clinic"] is None else (row["clinic"], row["pathway"], row["stage"])
    fields = {name: row[name] for name in RecordedHead._fields if name not in ("mark", "shown")}
    return RecordedHead(**fields, mark=record_mark(row["version"], row["journey_hash"]), shown=shown)


async def find_open(record: Record) -> tuple[UUID, ...]:
    """Return the journeys that have begun and not ended."""
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT journey_id FROM record.journey WHERE log_id = $1 AND status = 'open'", record.log_id
        )
    return tuple(row["journey_id"] for row in rows)


async def find_gone_on_beside(record: Record, since: datetime | None) -> tuple[UUID, ...]:
    """Return the open journeys whose patient, or somebody who was taken for them, has another one that went on since a
    moment (UTC), or ever."""
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT DISTINCT o.journey_id FROM record.journey j "
            "JOIN record.journey_event e ON e.log_id = j.log_id AND e.position = j.last_position "
            "JOIN record.patient p ON p.log_id = j.log_id AND p.patient_key = j.patient_key "
            "JOIN record.patient a ON a.log_id = p.log_id AND a.ever_known_as = p.ever_known_as "
            "JOIN record.journey o ON o.log_id = a.log_id AND o.patient_key = a.patient_key "
            "AND o.journey_id <> j.journey_id AND o.status = 'open' "
            "WHERE j.log_id = $1 AND ($2::timestamptz IS NULL OR e.recorded_at >= $2) ORDER BY o.journey_id",
            record.log_id,
            since,
        )
    return tuple(row["journey_id"] for row in rows)


async def find_with_tasks_of(record: Record, people: Collection[tuple[str, str, str]]) -> tuple[UUID, ...]:
    """Return the journeys in which something is awaited of one of these people at a clinic: their id, the clinic, and
    the role whose task it is."""
    if not people:
        return ()
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT DISTINCT journey_id FROM read_model.obligation WHERE closed_at IS NULL "
            "AND (person, clinic, owner) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))",
            *map(list, zip(*people, strict=True)),
        )
    return tuple(row["journey_id"] for row in rows)


async def marks_at(record: Record, versions: Sequence[tuple[UUID, int]]) -> dict[UUID, str]:
    """Return the mark of each journey at a version; those that have no such version are left out."""
    if not versions:
        return {}
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT e.journey_id, e.version, e.journey_hash "
            "FROM unnest($2::uuid[], $3::integer[]) AS a (journey_id, version) "
            "JOIN record.journey_event e ON e.journey_id = a.journey_id AND e.version = a.version WHERE e.log_id = $1",
            record.log_id,
            [journey_id for journey_id, _ in versions],
            [version for _, version in versions],
        )
    return {row["journey_id"]: record_mark(row["version"], row["journey_hash"]) for row in rows}


async def list_passes(record: Record) -> tuple[Pass, ...]:
    """Return the last ten passes, the latest first."""
    async with record.connection() as connection:
        rows = await connection.fetch(
            f"SELECT {', '.join(Pass._fields)} {_PASSES} ORDER BY ended DESC LIMIT 10",
            record.log_id,
        )
    return tuple(Pass(*row) for row in rows)


async def last_complete_pass(record: Record) -> Pass | None:
    """Return the last pass that compared everything; None when there was none."""
    async with record.connection() as connection:
        row = await connection.fetchrow(
            f"SELECT {', '.join(Pass._fields)} {_PASSES} AND code IS NULL ORDER BY ended DESC LIMIT 1",
            record.log_id,
        )
    return None if row is None else Pass(*row)


async def seconds_since_pass(record: Record) -> float | None:
    """Return how long ago the last pass ended, by the database's clock; None when there was none."""
    async with record.connection() as connection:
        ago = await connection.fetchval(
            f"SELECT extract(epoch FROM clock_timestamp() - max(ended))::float8 {_PASSES}",  # noqa: S608 - constants
            record.log_id,
        )
    return None if ago is None else float(ago)


async def keep_pass(record: Record, done: Pass) -> None:
    """Leave the row of a pass. The database says when it ended."""
    async with record.connection() as connection:
        await connection.execute(
            "SELECT record.keep_reconciliation($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            record.log_id,
            done.began,
            done.build,
            done.looked_at,
            done.lost,
            done.different,
            done.mended,
            done.failed,
            done.code,
            done.clock_ahead,
        )
