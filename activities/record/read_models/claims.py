"""Claims: somebody says that they will do something, so that two people do not.

A claim coordinates people and is no fact of care. Nothing waits for it, it stops nobody, and it ends with its
obligation.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog

from activities.record.store import Record

log = structlog.get_logger(__name__)

_SAME = "(o.journey_id, o.opened_version, o.obligation) = (k.journey_id, k.opened_version, k.obligation)"


class Claim(NamedTuple):
    """Who has claimed an obligation, and since when (UTC)."""

    by: str
    at: datetime


async def claim(record: Record, journey_id: UUID, obligation: str, by: str) -> Claim | None:
    """Claim an open obligation, and return the claim that is valid: this one, or an earlier one.

    None when no obligation of this id is open, as far as the read models know.
    """
    async with record.connection() as connection:
        while True:
            await connection.execute(
                "INSERT INTO read_model.claim (journey_id, opened_version, obligation, claimed_by) "
                "SELECT o.journey_id, o.opened_version, o.obligation, $3 FROM read_model.obligation o "
                "WHERE o.journey_id = $1 AND o.obligation = $2 AND o.closed_at IS NULL ON CONFLICT DO NOTHING",
                journey_id,
                obligation,
                by,
            )
            found = await connection.fetchrow(
                "SELECT k.claimed_by, k.claimed_at FROM read_model.obligation o LEFT JOIN read_model.claim k "
                f"ON {_SAME} WHERE o.journey_id = $1 AND o.obligation = $2 AND o.closed_at IS NULL",
                journey_id,
                obligation,
            )
            if found is None:
                return None
            # Nobody's if the earlier claim was released in between: then the obligation is free again.
            if found["claimed_by"] is not None:
                return Claim(found["claimed_by"], found["claimed_at"])


async def release(
    record: Record, journey_id: UUID, obligation: str, by: str, *, of_anybody: bool = False
) -> Claim | None:
    """Release one's own claim of an open obligation, or anybody's with ``of_anybody``, and return it. None when there
    is none."""
    async with record.connection() as connection:
        gone = await connection.fetchrow(
            f"DELETE FROM read_model.claim k USING read_model.obligation o WHERE {_SAME} "
            "AND o.journey_id = $1 AND o.obligation = $2 AND o.closed_at IS NULL AND (k.claimed_by = $3 OR $4) "
            "RETURNING k.claimed_by, k.claimed_at",
            journey_id,
            obligation,
            by,
            of_anybody,
        )
    if gone is None:
        return None
    if gone["claimed_by"] != by:
        log.info("read_models.claim_released", journey_id=str(journey_id), by=by, claimed_by=gone["claimed_by"])
    return Claim(gone["claimed_by"], gone["claimed_at"])
