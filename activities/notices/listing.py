"""Messages and what became of them, as lists show it."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from activities.record.store import Record

ORDER = ("handled", "acknowledged", "accepted", "muted", "failed", "bounced", "deferred", "sent")
"""What became of a message is the first of these that did; one that somebody has sent again is as one that failed, and
of both the last counts. What was accepted and came back later was not accepted."""

SETTLED = ("handled", "acknowledged", "accepted", "muted")
"""What became of a message that nobody waits for any more."""
MOST = 10_000
"""How many messages are read at most to find those that had reached nobody."""


class ListedMessage(NamedTuple):
    """A message: for which role of which clinic, since when (UTC), and what became of it last, when and why.
    ``people`` are those whom it was sent to, and ``by`` is who saw to it, has it, or wants it sent again.

    Where it reached nobody, it is a task of the clinic's coordinators, of the ``coordinator`` of its journey first:
    until ``see_to_by``, then of the medical directors, too, who were told ``escalated_at`` (both UTC). ``claimed_by``
    said that they will see to it."""

    notice_id: UUID
    journey_id: UUID
    clinic: str
    to: str
    kind: str
    alarm: bool
    queued_at: datetime
    state: str
    at: datetime | None
    code: str | None
    people: Sequence[str]
    by: str | None = None
    coordinator: str | None = None
    see_to_by: datetime | None = None
    escalated_at: datetime | None = None
    claimed_by: str | None = None

    @property
    def waits(self) -> bool:
        """Whether nothing more is tried by itself, and somebody has to see to it."""
        return self.state == "failed"


class UnseenMessages(NamedTuple):
    """How many messages reached nobody and wait for somebody to see to them; of those, how many are past their time,
    and how many nobody has said that they will see to."""

    waiting: int
    overdue: int
    unclaimed: int


_LIST = """
WITH listed AS (
    SELECT n.*, q.see_to_by, q.escalated_at, q.claimed_by FROM record.notice n {joined}
     WHERE n.log_id = $1 AND ($2::uuid IS NULL OR n.journey_id = $2) AND ($3::text[] IS NULL OR n.clinic = ANY($3))
       AND ($4::uuid IS NULL OR n.notice_id = $4) AND ($7::timestamptz IS NULL OR n.created_at <= $7)
       AND ($8::uuid[] IS NULL OR n.journey_id = ANY($8))
     ORDER BY {first} n.created_at DESC, n.notice_id LIMIT $5
)
SELECT n.notice_id, n.journey_id, n.clinic, n.recipient_role, n.kind, n.alarm, n.created_at,
       coalesce(f.state, 'queued'), f.at, f.code,
       ARRAY(SELECT DISTINCT d.person FROM record.delivery d WHERE d.log_id = n.log_id AND d.notice_id = n.notice_id
                AND ($7::timestamptz IS NULL OR d.at <= $7)
                AND d.person <> '' AND d.state NOT IN ('handled', 'requeued') ORDER BY d.person) AS people,
       CASE WHEN f.state IN ('handled', 'acknowledged', 'requeued') THEN f.person END,
       c.coordinator, n.see_to_by, n.escalated_at, n.claimed_by
  FROM listed n
  LEFT JOIN read_model.caseload c USING (journey_id)
  LEFT JOIN LATERAL (SELECT d.state, d.at, d.code, d.person FROM record.delivery d
                      WHERE d.log_id = n.log_id AND d.notice_id = n.notice_id
                        AND ($7::timestamptz IS NULL OR d.at <= $7)
                        AND NOT (d.state = 'accepted' AND EXISTS (
                            SELECT FROM record.delivery b WHERE b.log_id = d.log_id AND b.notice_id = d.notice_id
                               AND b.person = d.person AND b.point = d.point AND b.state = 'bounced'
                               AND b.number > d.number AND ($7::timestamptz IS NULL OR b.at <= $7)))
                      ORDER BY array_position($6::text[], replace(d.state, 'requeued', 'failed')), d.number DESC
                      LIMIT 1) f ON true
 ORDER BY {first} n.created_at DESC, n.notice_id
"""
_QUEUED = "JOIN record.queued_notice q ON q.log_id = n.log_id AND q.notice_id = n.notice_id AND NOT q.arrived"
_ALL = _LIST.format(joined=f"LEFT {_QUEUED}", first="")
_UNDELIVERED = _LIST.format(joined=_QUEUED, first="see_to_by,")


async def list_messages(
    record: Record,
    *,
    notice_id: UUID | None = None,
    journey_id: UUID | None = None,
    clinics: Sequence[str] | None = None,
    undelivered: bool = False,
    limit: int = 50,
) -> tuple[ListedMessage, ...]:
    """Return messages of a journey, or of clinics, the latest first; or only the one with an id, or those that have
    reached nobody: what somebody has to see to comes first, by its time."""
    query = _UNDELIVERED if undelivered else _ALL
    asked = (journey_id, None if clinics is None else [*clinics], notice_id, limit)
    return await _listed(record, query, *asked, None, None)


async def list_messages_then(
    record: Record, journeys: Sequence[UUID], until: datetime, *, undelivered: bool = False, limit: int = 50
) -> tuple[ListedMessage, ...]:
    """Return messages of these journeys as they were at a moment (UTC, the database's clock), the latest first; or only
    those that had reached nobody by then. Who was to see to them then, and until when, is not known any more."""
    found = await _listed(record, _ALL, None, None, None, MOST if undelivered else limit, until, [*journeys])
    shown = tuple(each for each in found if not (undelivered and each.state in SETTLED))[:limit]
    return tuple(each._replace(see_to_by=None, escalated_at=None, claimed_by=None) for each in shown)


async def _listed(record: Record, query: str, *asked: object) -> tuple[ListedMessage, ...]:
    async with record.connection() as connection:
        *wanted, until, journeys = asked
        rows = await connection.fetch(query, record.log_id, *wanted, [*ORDER], until, journeys)
    return tuple(ListedMessage(*row.values()) for row in rows)


async def handle(record: Record, notice_id: UUID, by: str) -> bool:
    """Keep that somebody saw to a message that reached nobody. False where there is none such."""
    async with record.connection() as connection:
        handled: bool = await connection.fetchval(
            "SELECT record.handle_notice($1, $2, $3)", record.log_id, notice_id, by
        )
    return handled


async def count_unseen(record: Record, clinics: Sequence[str] | None = None) -> UnseenMessages:
    """Count the messages, of clinics or of all, that reached nobody and that somebody has to see to."""
    async with record.connection() as connection:
        row = await connection.fetchrow(
            "SELECT count(*), count(*) FILTER (WHERE q.see_to_by <= clock_timestamp()), "
            "count(*) FILTER (WHERE q.claimed_by IS NULL) FROM record.queued_notice q "
            "JOIN record.notice n USING (log_id, notice_id) WHERE q.log_id = $1 AND q.due_at IS NULL AND NOT q.arrived "
            "AND ($2::text[] IS NULL OR n.clinic = ANY($2))",
            record.log_id,
            None if clinics is None else [*clinics],
        )
    assert row is not None
    return UnseenMessages(*row)


async def claim(record: Record, notice_id: UUID, by: str) -> str | None:
    """Keep that somebody will see to a message that reached nobody, and return who will: they, or whoever said so
    before. None where there is none such."""
    async with record.connection() as connection:
        claimed_by: str | None = await connection.fetchval(
            "SELECT record.claim_notice($1, $2, $3)", record.log_id, notice_id, by
        )
    return claimed_by


async def release(record: Record, notice_id: UUID, by: str, *, of_anybody: bool = False) -> bool:
    """Release one's own claim of a message, or anybody's with ``of_anybody``. False where there is none."""
    async with record.connection() as connection:
        released: bool = await connection.fetchval(
            "SELECT record.release_notice($1, $2, $3, $4)", record.log_id, notice_id, by, of_anybody
        )
    return released
