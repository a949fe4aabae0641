"""What the watchdog reads of the record, and what it keeps: what it found and paged, and that it lives."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from activities.record.store import Record
from activities.record.stored import EVENT_COLUMNS, StoredEvent

NOTICES_OF = timedelta(days=1)
"""Of so long ago on, a watchdog that never looked before asks whether notices left."""
EVENTS = 2000
"""Of how many events one look asks whether their notices left."""


class WatchedHead(NamedTuple):
    """A journey that may wait for something: its head in the log, whose hash stands for all of it, and since when
    (UTC) there is something recorded of it that its rows do not show; None where they show everything."""

    journey_id: UUID
    version: int
    journey_hash: bytes
    unshown_since: datetime | None


class DueStep(NamedTuple):
    """A step of an escalation policy with its time (UTC): what is done for which obligation, and who is told."""

    journey_id: UUID
    obligation: str
    due: datetime
    action: str
    to: str


class EarlyNotice(NamedTuple):
    """A notice that was delivered although the event it comes from is not recorded: an alarm."""

    journey_id: UUID
    kind: str
    to: str
    at: datetime


class LateMessage(NamedTuple):
    """A notice that is queued and has reached nobody, since when (UTC), and for which role it is."""

    notice_id: UUID
    journey_id: UUID
    since: datetime
    to: str


class ListsProgress(NamedTuple):
    """How far lists are: the last position of the log, the one they show, and since when (UTC) the next one waits."""

    head: int
    position: int
    waiting_since: datetime | None


class Matter(NamedTuple):
    """Something that is wrong: its kind, which one it is, and what of it may be shown to anybody.

    A name that changes makes another matter of it.
    """

    kind: str
    name: str
    shown: Mapping[str, str | int | None]


class KeptMatter(NamedTuple):
    """A matter as kept: since when (UTC), when it was last paged, and how often."""

    matter: Matter
    since: datetime
    paged_at: datetime | None
    times: int


class Look(NamedTuple):
    """The last look of the watchdog at everything: when (UTC), how many seconds ago by the database's clock, of which
    build, and since when (UTC) its pages do not arrive; None where they do."""

    looked_at: datetime
    ago: float
    build: str
    mute_since: datetime | None


async def now(record: Record) -> datetime:
    """Return the time (UTC) by the database's clock."""
    async with record.connection() as connection:
        found: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return found


async def heads(record: Record) -> Sequence[WatchedHead]:
    """Return all journeys that may wait for something: those that something happened in since they ended are too, and
    those of which only the log says that they ended. The type of an event is in clear, and proves nothing."""
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT j.journey_id, j.version, j.journey_hash, n.recorded_at AS unshown_since FROM record.journey j "
            "JOIN record.journey_event e ON e.log_id = j.log_id AND e.position = j.last_position "
            "LEFT JOIN read_model.caseload c ON c.journey_id = j.journey_id "
            "LEFT JOIN record.journey_event n ON n.log_id = j.log_id AND n.journey_id = j.journey_id "
            "AND n.version = coalesce(c.version, 0) + 1 "
            "WHERE j.log_id = $1 AND (e.event_type <> 'pathway.closed' OR n.version IS NOT NULL) "
            "ORDER BY n.recorded_at, j.journey_id",
            record.log_id,
        )
    return [WatchedHead(*row) for row in rows]


async def due_rows(record: Record, by: datetime) -> Sequence[DueStep]:
    """Return the steps that were due by a moment (UTC) and not taken, as the rows say that are up to the log."""
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT o.journey_id, o.obligation, o.next_step, o.next_action, o.next_to FROM read_model.obligation o "
            "JOIN read_model.caseload c ON c.journey_id = o.journey_id "
            "JOIN record.journey j ON j.log_id = $1 AND j.journey_id = c.journey_id AND j.version = c.version "
            "WHERE o.closed_at IS NULL AND o.next_step <= $2 ORDER BY o.next_step",
            record.log_id,
            by,
        )
    return [DueStep(*row) for row in rows]


async def early_notices(record: Record, journeys: Collection[UUID]) -> Sequence[EarlyNotice]:
    """Return the notices of these journeys that left, and whose events are not recorded."""
    if not journeys:
        return ()
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT n.journey_id, n.kind, n.recipient_role, n.created_at FROM record.notice n "
            "WHERE n.log_id = $1 AND n.journey_id = ANY($2) AND NOT EXISTS (SELECT FROM record.journey_event e "
            "WHERE e.log_id = n.log_id AND e.event_id = n.event_id) ORDER BY n.created_at",
            record.log_id,
            list(journeys),
        )
    return [EarlyNotice(*row) for row in rows]


async def delivered(record: Record, notices: Collection[UUID]) -> frozenset[UUID]:
    """Return which of these notices were delivered."""
    if not notices:
        return frozenset()
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT notice_id FROM record.notice WHERE log_id = $1 AND notice_id = ANY($2)",
            record.log_id,
            list(notices),
        )
    return frozenset(row["notice_id"] for row in rows)


async def late_messages(record: Record, alarms_by: datetime, others_by: datetime) -> Sequence[LateMessage]:
    """Return the notices that reached nobody: those that nothing more is tried for, and those that were queued by a
    moment (UTC), or have been allowed to disturb since then. For a link or a code that somebody asked for, staff have
    time to see to it first."""
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT q.notice_id, n.journey_id, q.queued_at, n.recipient_role FROM record.queued_notice q "
            "JOIN record.notice n USING (log_id, notice_id) WHERE q.log_id = $1 AND NOT q.arrived "
            "AND CASE WHEN q.due_at IS NULL AND n.kind IN ('link', 'link_code', 'contact_code') "
            "THEN q.see_to_by <= clock_timestamp() "
            "ELSE q.due_at IS NULL OR greatest(q.queued_at, q.quiet_until) <= "
            "CASE WHEN q.alarm THEN $2::timestamptz ELSE $3 END END "
            "ORDER BY q.queued_at, q.notice_id",
            record.log_id,
            alarms_by,
            others_by,
        )
    return [LateMessage(*row) for row in rows]


async def next_events(record: Record, by: datetime) -> tuple[int, Sequence[StoredEvent]]:
    """Return the next events that were recorded by a moment (UTC), and the position of the last: once that is kept with
    `asked_up_to`, the next call goes on after it."""
    async with record.connection() as connection:
        start = await connection.fetchval(
            "SELECT least(coalesce((SELECT nullif(position, 0) FROM watch.look WHERE log_id = $1), "
            "(SELECT min(position) - 1 FROM record.journey_event WHERE log_id = $1 AND recorded_at >= $2), h.head), "
            "h.head) FROM (SELECT coalesce(max(position), 0) AS head FROM record.journey_event WHERE log_id = $1) h",
            record.log_id,
            by - NOTICES_OF,
        )
        rows = await connection.fetch(
            f"SELECT {EVENT_COLUMNS} FROM record.journey_event "  # noqa: S608 - a constant
            "WHERE log_id = $1 AND position > $2 AND recorded_at <= $3 ORDER BY position LIMIT $4",
            record.log_id,
            start,
            by,
            EVENTS,
        )
    return rows[-1]["position"] if rows else start, await record.decoded(rows, waits=False)


async def events_at(record: Record, positions: Collection[int]) -> Sequence[StoredEvent]:
    """Return the events at these positions of the log."""
    if not positions:
        return ()
    async with record.connection() as connection:
        rows = await connection.fetch(
            f"SELECT {EVENT_COLUMNS} FROM record.journey_event "  # noqa: S608 - a constant
            "WHERE log_id = $1 AND position = ANY($2) ORDER BY position",
            record.log_id,
            list(positions),
        )
    return await record.decoded(rows, waits=False)


async def shown(record: Record) -> ListsProgress:
    """Return how far lists are, all of one moment."""
    async with record.connection() as connection:
        row = await connection.fetchrow(
            "SELECT h.head, coalesce(g.position, 0) AS position, (SELECT e.recorded_at FROM record.journey_event e "
            "WHERE e.log_id = $1 AND e.position > coalesce(g.position, 0) ORDER BY e.position LIMIT 1) AS waiting "
            "FROM (SELECT coalesce(max(position), 0) AS head FROM record.journey_event WHERE log_id = $1) h "
            "LEFT JOIN read_model.generation g ON g.status = 'live' AND g.log_id = $1",
            record.log_id,
        )
    assert row is not None
    return ListsProgress(*row)


async def first_recorded(record: Record) -> datetime | None:
    """Return when (UTC) the first event of the log was recorded."""
    async with record.connection() as connection:
        found: datetime | None = await connection.fetchval(
            "SELECT recorded_at FROM record.journey_event WHERE log_id = $1 ORDER BY position LIMIT 1", record.log_id
        )
    return found


async def last_look(record: Record) -> Look | None:
    """Return the last look of the watchdog; None where none ever looked."""
    async with record.connection() as connection:
        row = await connection.fetchrow(
            "SELECT looked_at, extract(epoch FROM clock_timestamp() - looked_at)::float8, build, mute_since "
            "FROM watch.look WHERE log_id = $1 AND looked_at IS NOT NULL",
            record.log_id,
        )
    return None if row is None else Look(*row)


async def keep_look(record: Record, build: str, *, mute: bool) -> None:
    """Keep that everything was looked at just now, and whether pages do not arrive."""
    async with record.connection() as connection:
        await connection.execute(
            "INSERT INTO watch.look AS l (log_id, looked_at, build, mute_since) "
            "VALUES ($1, clock_timestamp(), $2, CASE WHEN $3 THEN clock_timestamp() END) "
            "ON CONFLICT (log_id) DO UPDATE SET looked_at = excluded.looked_at, build = excluded.build, "
            "mute_since = CASE WHEN $3 THEN coalesce(l.mute_since, excluded.mute_since) END",
            record.log_id,
            build,
            mute,
        )


async def asked_up_to(record: Record, position: int) -> None:
    """Keep up to which position of the log it was asked whether notices left."""
    async with record.connection() as connection:
        await connection.execute(
            "INSERT INTO watch.look (log_id, position) VALUES ($1, $2) "
            "ON CONFLICT (log_id) DO UPDATE SET position = excluded.position",
            record.log_id,
            position,
        )


async def database_size(record: Record) -> int:
    """Return how many bytes the record's database takes on its disk, without the log that it writes ahead."""
    async with record.connection() as connection:
        size: int = await connection.fetchval("SELECT pg_database_size(current_database())")
        return size


async def kept_matters(record: Record) -> Sequence[KeptMatter]:
    """Return all matters that are kept, the oldest first. One that is said to have been paged later than now counts as
    paged long ago, and so is paged again: the clock was put right, or somebody wrote that to keep it quiet.
    """
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT kind, name, shown, since, "
            "CASE WHEN paged_at > clock_timestamp() THEN to_timestamp(0) ELSE paged_at END, times "
            "FROM watch.matter WHERE log_id = $1 ORDER BY since, kind, name",
            record.log_id,
        )
    return [KeptMatter(Matter(row[0], row[1], json.loads(row[2])), *row[3:]) for row in rows]


async def keep_matters(record: Record, found: Collection[Matter]) -> None:
    """Keep these matters: those that are kept already stay as they are."""
    async with record.connection() as connection:
        await connection.executemany(
            "INSERT INTO watch.matter (log_id, kind, name, shown) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
            [(record.log_id, each.kind, each.name, json.dumps(each.shown)) for each in found],
        )


async def drop_matters(record: Record, gone: Collection[Matter]) -> None:
    """Forget these matters."""
    async with record.connection() as connection:
        await connection.executemany(
            "DELETE FROM watch.matter WHERE log_id = $1 AND kind = $2 AND name = $3",
            [(record.log_id, each.kind, each.name) for each in gone],
        )


async def keep_paged(record: Record, paged: Collection[Matter]) -> None:
    """Keep that these matters were paged just now."""
    async with record.connection() as connection:
        await connection.executemany(
            "UPDATE watch.matter SET paged_at = clock_timestamp(), times = times + 1 "
            "WHERE log_id = $1 AND kind = $2 AND name = $3",
            [(record.log_id, each.kind, each.name) for each in paged],
        )
