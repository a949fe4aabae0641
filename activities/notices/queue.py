"""The queue of notices in the record, and what became of each."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

from activities.notices.delivery_plan import DeliveryFact
from activities.record.store import Record

BounceOutcome: TypeAlias = Literal["kept", "early", "unknown"]


class QueuedNotice(NamedTuple):
    """A notice that is to be seen to, all that became of it so far, and the time (UTC) by the database's clock."""

    id: UUID
    journey_id: UUID
    event_id: UUID
    kind: str
    to: str
    people: Sequence[str]
    clinic: str
    alarm: bool
    now: datetime
    facts: Sequence[DeliveryFact] = ()


class NewFact(NamedTuple):
    """Something that became of a notice. ``code`` says why, in one word."""

    person: str
    point: str
    channel: str
    state: str
    code: str | None = None


async def take(
    record: Record, *, alarm: bool, most: int, seconds: float, busy: Collection[UUID] = ()
) -> Mapping[UUID, UUID]:
    """Take the alarms, or the other notices, whose time has come, but none of journeys that are ``busy``, and return
    of which journey each is. If nothing is kept of them for so many seconds, somebody else takes them."""
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT * FROM record.take_notices($1, $2, $3, $4, $5)", record.log_id, alarm, most, seconds, list(busy)
        )
    return {row["notice_id"]: row["journey_id"] for row in rows}


async def load(record: Record, notice_id: UUID) -> QueuedNotice | None:
    """Return a notice that is in the queue; None when it is not there any more."""
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT n.notice_id, n.journey_id, n.event_id, n.kind, n.recipient_role, n.recipients, "
            "n.clinic, n.alarm, clock_timestamp() AS now, d.person, d.point, d.state, d.at FROM record.notice n "
            "JOIN record.queued_notice q USING (log_id, notice_id) "
            "LEFT JOIN record.delivery d USING (log_id, notice_id) "
            "WHERE n.log_id = $1 AND n.notice_id = $2 ORDER BY d.number",
            record.log_id,
            notice_id,
        )
    if not rows:
        return None
    *notice, _, _, _, _ = rows[0]
    facts = tuple(DeliveryFact(*row[-4:]) for row in map(tuple, rows) if row[-1] is not None)
    return QueuedNotice(*notice)._replace(facts=facts)


async def keep(record: Record, notice_id: UUID, facts: Sequence[NewFact]) -> None:
    """Keep what became of a notice."""
    if not facts:
        return
    async with record.connection() as connection:
        await connection.execute(
            "SELECT record.keep_deliveries($1, $2, $3)",
            record.log_id,
            notice_id,
            json.dumps([fact._asdict() for fact in facts]),
        )


async def list_failed(record: Record, *, alarm: bool, seconds: float, after: UUID, most: int) -> Sequence[UUID]:
    """Return alarms, or other notices, that reached nobody and were not tried for so many seconds: in the order of
    their ids, which says nothing, those after one."""
    async with record.connection() as connection:
        rows = await connection.fetch(
            "SELECT q.notice_id FROM record.queued_notice q WHERE q.log_id = $1 AND q.alarm = $2 AND q.due_at IS NULL "
            "AND NOT q.arrived AND q.notice_id > $4 AND NOT EXISTS (SELECT FROM record.delivery d "
            "WHERE d.log_id = q.log_id AND d.notice_id = q.notice_id "
            "AND d.at > clock_timestamp() - make_interval(secs => $3)) ORDER BY q.notice_id LIMIT $5",
            *(record.log_id, alarm, seconds, after, most),
        )
    return [row["notice_id"] for row in rows]


async def requeue(record: Record, notice_id: UUID, by: str = "") -> bool:
    """Have a notice that reached nobody tried again now, by a person or, without one, by the clock. False where there
    is none such."""
    async with record.connection() as connection:
        requeued: bool = await connection.fetchval(
            "SELECT record.requeue_notice($1, $2, $3)", record.log_id, notice_id, by
        )
    return requeued


async def put_off(
    record: Record,
    notice_id: UUID,
    seconds: float | None,
    *,
    quiet_until: datetime | None = None,
    arrived: bool = False,
    known: int | None = None,
) -> None:
    """See to a notice again after so many seconds; None: nothing more can be tried, and a person has to. It is at once
    where more became of it than so many ``known`` facts."""
    async with record.connection() as connection:
        await connection.execute(
            "SELECT record.put_off_notice($1, $2, $3, $4, $5, $6)",
            *(record.log_id, notice_id, seconds, quiet_until, arrived, known),
        )


async def end(record: Record, notice_id: UUID, *, known: int | None = None) -> None:
    """Take a notice off the queue: somebody was reached, wants no message, or has the alarm; or what it tells of is
    done. It stays where more became of it than so many ``known`` facts."""
    async with record.connection() as connection:
        await connection.fetchval("SELECT record.end_notice($1, $2, $3)", record.log_id, notice_id, known)


async def escalate(record: Record) -> None:
    """Tell the medical directors of what reached nobody, and nobody saw to in time."""
    async with record.connection() as connection:
        await connection.execute("SELECT record.escalate_notices($1)", record.log_id)


async def report_bounce(record: Record, notice_id: UUID, point: str, code: str | None) -> BounceOutcome:
    """Keep that a message which was accepted at a point came back, and have the next point tried; once, however often
    it is reported. ``early``: that it was accepted is not kept yet; report it again. ``unknown``: there is none such.
    """
    async with record.connection() as connection:
        outcome: BounceOutcome = await connection.fetchval(
            "SELECT record.report_bounce($1, $2, $3, $4)", record.log_id, notice_id, point, code
        )
    return outcome
