"""The access log: who looked at what, and why, recorded before anything is shown (45 CFR 164.312(b); FHIR
AuditEvent)."""

from base64 import b64decode, b64encode
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import asyncpg
from pydantic import AwareDatetime, BaseModel, ConfigDict

from activities.record.errors import KeyAway, UnreadableEvent
from activities.record.event_codec import load_journey
from activities.record.store import Record
from workflows.journey.aggregate import Journey
from workflows.journey.vocabulary.codes import code_of

UNREADABLE = "the reason that was given cannot be read"
"""Stands in the place of a reason that cannot be decrypted: the look is reviewed all the same."""
MOST = 1000
"""How many entries one answer has at most."""


class Purpose(StrEnum):
    """Why somebody looked: codes of HL7's PurposeOfUse, as FHIR's AuditEvent has them."""

    TREATMENT = "TREAT"
    CARE_MANAGEMENT = "CAREMGT"
    OPERATIONS = "HOPERAT"
    SYSTEM_ADMINISTRATION = "HSYSADMIN"
    PATIENT_SAFETY = "PATSFTY"
    PATIENT_REQUEST = "PATRQT"
    LEGAL = "HLEGAL"
    BREAK_THE_GLASS = "BTG"


class NewAccessLogEntry(BaseModel):
    """Somebody asks to see journeys. ``shown`` is false where they are refused.

    ``command`` is what they asked for, word for word, but not as whom, and ``clock`` (UTC) is theirs. What they see is
    true up to ``position`` of the log; of a list, ``rows`` are its rows and ``definition`` that of the read models they
    are of. Of a patient or an observer ``reader_id`` is a key. ``reason``, which is encrypted for the journey, and
    ``until`` (UTC) are of those who break the glass: they may look again until then.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    entry_id: UUID
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


class AccessLogEntry(NewAccessLogEntry):
    """An entry as recorded, with its time (UTC, the database's clock)."""

    at: AwareDatetime


async def record_access(record: Record, new: NewAccessLogEntry) -> None:
    """Record that somebody looks. An entry is recorded once, however often this is called with it.

    Raises:
        RecordUnavailable, RecordFault: as the record does. Nothing may be shown then.
    """
    async with record.connection() as connection:
        await connection.fetchval(
            "SELECT record.record_access($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            record.log_id,
            new.entry_id,
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
            await _sealed(record, new),
            new.until,
        )


async def _sealed(record: Record, new: NewAccessLogEntry) -> str | None:
    """Return the reason as it is kept: why somebody broke the glass may say how the patient is."""
    if new.reason is None:
        return None
    return b64encode(await record.seal(new.journeys[0], new.entry_id, new.reason.encode())).decode()


async def seal_access(record: Record) -> int:
    """Seal what was added since the last time into the chain of the access log, as the role that records; return how
    many entries that were.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    count = 0
    while True:
        async with record.connection() as connection:
            sealed = int(await connection.fetchval("SELECT record.seal_access($1)", record.log_id))
        count += sealed
        if not sealed:
            return count


async def access_seal(record: Record, number: int | None = None) -> tuple[int, bytes] | None:
    """Return the number and hash of a seal, or of the last one; None when there is none."""
    async with record.connection() as connection:
        row = await connection.fetchrow(
            "SELECT number, chain_hash FROM record.access_seal "
            "WHERE log_id = $1 AND ($2::bigint IS NULL OR number = $2) ORDER BY number DESC LIMIT 1",
            record.log_id,
            number,
        )
    return None if row is None else (row["number"], row["chain_hash"])


async def list_access(
    record: Record,
    *,
    journey_id: UUID | None = None,
    reader_id: str | None = None,
    before: UUID | None = None,
    limit: int = MOST,
) -> tuple[AccessLogEntry, ...]:
    """List who looked at a journey, or what one person looked at, or everything; the latest first. ``before`` is the
    last entry of an earlier page: it goes on after that one."""
    return await _select(
        record,
        "($2::uuid IS NULL OR journeys @> ARRAY[$2]) AND ($3::text IS NULL OR reader_id = $3) AND ($4::uuid IS NULL OR "
        "(at, entry_id) < (SELECT b.at, b.entry_id FROM record.access_log b WHERE b.log_id = $1 AND b.entry_id = $4)) "
        "ORDER BY at DESC, entry_id DESC LIMIT $5",
        journey_id,
        reader_id,
        before,
        limit,
    )


async def list_broken_glass(record: Record, journey_id: UUID) -> tuple[AccessLogEntry, ...]:
    """List every emergency access to a journey, the oldest first."""
    return await _select(record, "journeys @> ARRAY[$2::uuid] AND until IS NOT NULL ORDER BY at, entry_id", journey_id)


async def list_looks_by(
    record: Record, journey_id: UUID, reader_id: str, since: datetime, until: datetime | None, *, limit: int
) -> tuple[AccessLogEntry, ...]:
    """List at what a person looked by an emergency access that was open between two moments (UTC), the oldest first;
    without ``until``, to this day."""
    return await _select(
        record,
        "journeys @> ARRAY[$2::uuid] AND reader_id = $3 AND purpose = $4 AND until IS NULL "
        "AND clock >= $5 AND ($6::timestamptz IS NULL OR clock < $6) ORDER BY at, entry_id LIMIT $7",
        *(journey_id, reader_id, Purpose.BREAK_THE_GLASS.value, since, until, limit),
    )


async def find_access(record: Record, entry_id: UUID) -> AccessLogEntry | None:
    """Return one entry; None when there is none with this id."""
    return next(iter(await _select(record, "entry_id = $2", entry_id)), None)


async def find_broken_glass(record: Record, journey_id: UUID, reader_id: str, at: datetime) -> AccessLogEntry | None:
    """Return the emergency access by which a person may look at a journey at a moment (UTC); None if they have none."""
    found = await _select(
        record,
        "journeys @> ARRAY[$2::uuid] AND reader_id = $3 AND until > $4 ORDER BY until DESC LIMIT 1",
        journey_id,
        reader_id,
        at,
    )
    return next(iter(found), None)


def second_id_of(journey: Journey, entry_id: UUID) -> UUID:
    """Return the id under which a journey is told of an emergency access if the one of the access is another command's.
    It follows from it, and only who can read the journey works it out: nobody else takes it first."""
    return UUID(hex=code_of(journey.code_key, ["emergency access", str(entry_id)])[:32], version=4)


async def find_unannounced_access(record: Record) -> tuple[AccessLogEntry, ...]:
    """List emergency accesses that their journey was not told of, because Temporal was down: nobody reviews them."""
    found = await _select(
        record,
        "until IS NOT NULL AND NOT EXISTS (SELECT FROM record.journey_event e WHERE e.log_id = r.log_id "
        "AND e.journey_id = r.journeys[1] AND e.command_id = r.entry_id AND e.event_type = 'access.glass-broken' "
        "AND e.actor_id = r.reader_id) ORDER BY at",
    )
    return tuple([each for each in found if not await _was_told_again(record, each)])


async def _was_told_again(record: Record, look: AccessLogEntry) -> bool:
    try:
        # The key of its codes is in its opening: nobody makes this dear by a long journey.
        journey = await load_journey(record, look.journeys[0], until_version=1)
    except (UnreadableEvent, KeyAway):
        return False
    if journey is None:
        return False
    async with record.connection() as connection:
        return bool(
            await connection.fetchval(
                "SELECT EXISTS (SELECT FROM record.journey_event WHERE log_id = $1 AND journey_id = $2 "
                "AND command_id = $3 AND event_type = 'access.glass-broken' AND actor_id = $4)",
                *(record.log_id, journey.id, second_id_of(journey, look.entry_id), look.reader_id),
            )
        )


async def _select(record: Record, condition: str, *arguments: object) -> tuple[AccessLogEntry, ...]:
    columns = ", ".join(AccessLogEntry.model_fields)
    async with record.connection() as connection:
        rows = await connection.fetch(
            f"SELECT {columns} FROM record.access_log r WHERE log_id = $1 AND {condition}",  # noqa: S608 - constants
            record.log_id,
            *arguments,
        )
    sealed = {row["entry_id"]: _decoded(row["reason"]) for row in rows if row["reason"] is not None}
    unseal = await record.unsealer(sealed.values())

    def reason(row: asyncpg.Record) -> str | None:
        if row["entry_id"] not in sealed:
            return None
        try:
            return unseal(row["journeys"][0], row["entry_id"], sealed[row["entry_id"]]).decode()
        except (ValueError, IndexError):
            return UNREADABLE

    return tuple(AccessLogEntry.model_validate({**row, "reason": reason(row)}) for row in rows)


def _decoded(kept: str) -> bytes:
    try:
        return b64decode(kept, validate=True)
    except ValueError:
        return b""
