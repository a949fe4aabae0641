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


class Claim(NamedTuple):
    """Who has claimed an obligation, and since when (UTC)."""

    by: str
    at: datetime


async def claim(record: Record, journey_id: UUID, obligation: str, by: str) -> Claim | None:
    """Claim an open obligation, and return the claim that is valid: this one, or an earlier one.

    None when no obligation of this id is open, as far as the read models know.
    """
    async with record.connection() as connection:
        found = await connection.fetchrow(
            "SELECT claimed_by, claimed_at FROM read_model.claim_obligation($1, $2, $3)", journey_id, obligation, by
        )
    return None if found is None else Claim(found["claimed_by"], found["claimed_at"])


async def release(
    record: Record, journey_id: UUID, obligation: str, by: str, *, of_anybody: bool = False
) -> Claim | None:
    """Release one's own claim of an open obligation, or anybody's with ``of_anybody``, and return it. None when there
    is none."""
    async with record.connection() as connection:
        gone = await connection.fetchrow(
            "SELECT claimed_by, claimed_at FROM read_model.release_claim($1, $2, $3, $4)",
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
