"""Who looked at what, and why: kept beside the record, before anything is shown (45 CFR 164.312(b))."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from activities.record.store import Record

MOST = 1000
"""Readings answered at once."""


class Purpose(StrEnum):
    """What somebody looked for: codes of HL7's PurposeOfUse, as FHIR's AuditEvent takes them."""

    TREATMENT = "TREAT"
    CARE_MANAGEMENT = "CAREMGT"
    OPERATIONS = "HOPERAT"
    SYSTEM_ADMINISTRATION = "HSYSADMIN"
    PATIENT_SAFETY = "PATSFTY"
    PATIENT_REQUEST = "PATRQT"
    LEGAL = "HLEGAL"
    BREAK_THE_GLASS = "BTG"


class NewReading(BaseModel):
    """Somebody asks to see journeys. ``shown`` is false where they are refused.

    ``command`` is what they asked for, word for word, but not as whom, and ``clock`` (UTC) is theirs. What they see is
    true up to ``position`` of the log; of a list, ``rows`` are its rows and ``definition`` that of the read models they
    are of. ``reason`` and ``until`` (UTC) are of those who break the glass: they may look again until then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    reading_id: UUID
    reader_id: str
    reader_role: str
    purpose: Purpose
    clock: AwareDatetime
    command: tuple[str, ...]
    journeys: tuple[UUID, ...]
    position: int
    shown: bool = True
    rows: tuple[str, ...] = ()
    definition: int | None = None
    reason: str | None = None
    until: AwareDatetime | None = None


class Reading(NewReading):
    """A reading as it is kept, and when (UTC, the database's clock)."""

    at: AwareDatetime


async def keep(record: Record, new: NewReading) -> None:
    """Keep a reading, once however often this is called.

    Raises:
        RecordUnavailable, RecordFault: as the record does. Nothing may be shown then.
    """
    async with record.connection() as connection:
        await connection.fetchval(
            "SELECT record.keep_reading($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            record.log_id,
            new.reading_id,
            new.reader_id,
            new.reader_role,
            new.purpose.value,
            new.clock,
            list(new.command),
            new.shown,
            list(new.journeys),
            list(new.rows),
            new.position,
            new.definition,
            new.reason,
            new.until,
        )


async def readings(
    record: Record,
    *,
    journey_id: UUID | None = None,
    reader_id: str | None = None,
    limit: int = MOST,
) -> tuple[Reading, ...]:
    """Who looked, the latest first: at a journey, or what one person looked at, or all."""
    return await _found(
        record,
        "($2::uuid IS NULL OR journeys @> ARRAY[$2]) AND ($3::text IS NULL OR reader_id = $3) "
        "ORDER BY at DESC, reading_id LIMIT $4",
        journey_id,
        reader_id,
        limit,
    )


async def reading(record: Record, reading_id: UUID) -> Reading | None:
    """One reading, or None when there is none of this id."""
    return next(iter(await _found(record, "reading_id = $2", reading_id)), None)


async def broken_glass(record: Record, journey_id: UUID, reader_id: str, at: datetime) -> Reading | None:
    """The reading by which a person may look at a journey from outside at a moment (UTC), if they broke the glass."""
    found = await _found(
        record,
        "journeys @> ARRAY[$2::uuid] AND reader_id = $3 AND until > $4 ORDER BY until DESC LIMIT 1",
        journey_id,
        reader_id,
        at,
    )
    return next(iter(found), None)


async def unannounced(record: Record) -> tuple[Reading, ...]:
    """Where somebody broke the glass and the journey does not know, so that nobody reviews it: Temporal was down."""
    return await _found(
        record,
        "until IS NOT NULL AND NOT EXISTS (SELECT FROM record.journey_event e WHERE e.log_id = r.log_id "
        "AND e.journey_id = r.journeys[1] AND e.command_id = r.reading_id AND e.event_type = 'access.glass-broken') "
        "ORDER BY at",
    )


async def _found(record: Record, condition: str, *arguments: object) -> tuple[Reading, ...]:
    columns = ", ".join(Reading.model_fields)
    async with record.connection() as connection:
        rows = await connection.fetch(
            f"SELECT {columns} FROM record.reading r WHERE log_id = $1 AND {condition}",  # noqa: S608 - constants
            record.log_id,
            *arguments,
        )
    return tuple(Reading.model_validate(dict(row)) for row in rows)
