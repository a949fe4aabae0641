"""When the record was verified last, for whoever wonders. What proves a verification is its signed report."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from activities.record.store import Record


class KeptVerification(NamedTuple):
    """One verification of the whole record: when it ended (UTC), by which build, of what came after ``since`` (0: of
    everything) up to ``position``, how much was found, and which parts could not be checked or were left out."""

    ended: datetime
    build: str
    since: int
    position: int
    findings: int
    unchecked: Sequence[str]
    left_out: Sequence[str]


async def keep_verification(
    record: Record,
    build: str,
    *,
    since: int,
    position: int,
    findings: int,
    unchecked: Collection[str],
    left_out: Collection[str],
) -> None:
    """Keep that the record was verified. The database says when.

    Raises:
        RecordUnavailable, RecordFault: as the record does, also where it takes no change.
    """
    async with record.connection() as connection:
        await connection.execute(
            "SELECT record.keep_verification($1, $2, $3, $4, $5, $6, $7)",
            *(record.log_id, build, since, position, findings, sorted(unchecked), sorted(left_out)),
        )


async def last_verification(record: Record) -> KeptVerification | None:
    """Return the last one; None where nothing was ever verified.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    async with record.connection() as connection:
        row = await connection.fetchrow(
            f"SELECT {', '.join(KeptVerification._fields)} FROM record.verification "  # noqa: S608 - a constant
            "WHERE log_id = $1 ORDER BY ended DESC LIMIT 1",
            record.log_id,
        )
    return None if row is None else KeptVerification(*row)
