"""Finds signatures that are used more than once, by their nonces."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from uuid import UUID

from activities.record.store import Record
from activities.record.verification.chains import EVENT, Connection, RecordFinding
from activities.record.verification.sign_offs import nonce
from activities.record.verification.verify_export import SIGNED


class Use(NamedTuple):
    """Where a signature's nonce is used."""

    position: int
    journey_id: UUID
    version: int
    nonce: str


async def load_used_elsewhere(connection: Connection, record: Record, journey_id: UUID) -> list[Use]:
    """Return the signatures in other journeys' decisions and delegations."""
    signed = await connection.cursor(
        f"SELECT {EVENT} FROM record.journey_event "  # noqa: S608 - constants
        "WHERE log_id = $1 AND journey_id <> $2 AND event_type = ANY($3)",
        record.log_id,
        journey_id,
        SIGNED,
    )
    used: list[Use] = []
    while rows := await signed.fetch(500):
        found = [(stored, nonce(stored)) for stored in await record.decoded(rows, waits=False)]
        used += (Use(s.position, s.journey_id, s.version, number) for s, number in found if number is not None)
    return used


def find_reused(used: Iterable[Use]) -> Iterator[RecordFinding]:
    """Return a finding for every use of a nonce but the first."""
    seen: set[str] = set()
    for use in sorted(used):
        if use.nonce in seen:
            yield RecordFinding(use.position, use.journey_id, use.version, "nonce_reused")
        seen.add(use.nonce)
