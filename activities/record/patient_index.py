"""The index of patients: which keys are of one patient, which journeys they have, and the enrolment of new ones.

The rules are in the database; this module calls it. Every function raises what `Record` does, besides what it names.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple
from uuid import UUID

import asyncpg
from pydantic import BaseModel, ConfigDict

from activities.connection_pool import Connection
from activities.record.errors import TwoPatients, without_values
from activities.record.store import Record
from activities.record.stored import Opening


class PatientJourneys(NamedTuple):
    """The journeys of a patient that have begun, up to a position of the record: of each the version and the hash that
    it has there. ``open`` are those that have not ended."""

    position: int
    reached: Mapping[UUID, tuple[int, bytes]]
    open: frozenset[UUID]


class Enrolment(BaseModel):
    """The result of a request to enrol, and the journey and request that are valid now.

    enrolled: the journey that was asked for. same_request: the journey that this request enrolled before. active: this
    patient already has an open journey with the medicine, perhaps at another clinic. other_request: the request id was
    used for another patient or pathway. In these two nothing was enrolled, and the ids are those that were asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    outcome: Literal["enrolled", "same_request", "active", "other_request"]
    journey_id: UUID
    request_id: UUID


class WantedEnrolment(NamedTuple):
    """A request to enrol, as `enrol` has it."""

    opening: Opening
    pathway: str
    request_id: UUID
    journey_id: UUID


async def enrol(record: Record, opening: Opening, *, pathway: str, request_id: UUID, journey_id: UUID) -> Enrolment:
    """Open a journey for a patient, unless the patient has one open with the medicine or the request was made
    before. `journey_id` must be new. See Enrolment for the outcomes.

    Raises TwoPatients.
    """
    async with record.connection() as connection:
        return await _enrol(record, connection, WantedEnrolment(opening, pathway, request_id, journey_id))


async def rehearse(record: Record, wanted: Sequence[WantedEnrolment]) -> Enrolment:
    """Say what enrolling the last of these would answer, if all were enrolled in their order. Nothing is kept.

    Raises TwoPatients, as `enrol` for the last.
    """
    *earlier, last = wanted
    async with record.connection() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            for each in earlier:
                with suppress(TwoPatients), without_values():
                    async with connection.transaction():
                        await _enrol(record, connection, each)
            return await _enrol(record, connection, last)
        finally:
            await transaction.rollback()


async def _enrol(record: Record, connection: Connection, wanted: WantedEnrolment) -> Enrolment:
    row = await connection.fetchrow(
        "SELECT outcome, enrolled_journey AS journey_id, enrolled_by AS request_id "
        "FROM record.enrol($1, $2, $3, $4, $5, $6)",
        record.log_id,
        list(wanted.opening.patient_keys),
        wanted.pathway,
        wanted.opening.medicine,
        wanted.request_id,
        wanted.journey_id,
    )
    return Enrolment.model_validate(dict(row or {}))


async def journeys_of(record: Record, patient_key: bytes, *, ever: bool = False) -> tuple[UUID, ...]:
    """Return all journeys of a patient, by any of their keys, at any clinic, in the order of their ids.
    ``ever``: also those of whoever was taken for the patient."""
    rows = await _fetch(
        record,
        "SELECT j.journey_id FROM record.patient one "
        "JOIN record.patient alias ON alias.log_id = one.log_id "
        "AND alias.ever_known_as = one.ever_known_as AND ($3 OR alias.known_as = one.known_as) "
        "JOIN record.journey j ON j.log_id = alias.log_id AND j.patient_key = alias.patient_key "
        "WHERE one.log_id = $1 AND one.patient_key = $2 ORDER BY j.journey_id",
        record.log_id,
        patient_key,
        ever,
    )
    return tuple(row["journey_id"] for row in rows)


async def patient_journeys(record: Record, patient_key: bytes, *, ever: bool = False) -> PatientJourneys:
    """Return which journeys of a patient there are, by any of their keys, at any clinic, and how far each is.
    ``ever``: also those of whoever was taken for the patient."""
    rows = await _fetch(
        record,
        "SELECT (SELECT max(position) FROM record.journey_event WHERE log_id = $1) AS end, "
        "j.journey_id, j.version, j.journey_hash, j.status FROM (SELECT) AS always LEFT JOIN record.patient one "
        "ON one.log_id = $1 AND one.patient_key = $2 "
        "LEFT JOIN record.patient alias ON alias.log_id = one.log_id "
        "AND alias.ever_known_as = one.ever_known_as AND ($3 OR alias.known_as = one.known_as) "
        "LEFT JOIN record.journey j ON j.log_id = alias.log_id AND j.patient_key = alias.patient_key "
        "ORDER BY j.journey_id",
        record.log_id,
        patient_key,
        ever,
    )
    reached = {row["journey_id"]: (row["version"], row["journey_hash"]) for row in rows if row["version"]}
    return PatientJourneys(
        rows[0]["end"] or 0, reached, frozenset(row["journey_id"] for row in rows if row["status"] == "open")
    )


async def keys_beside(record: Record, patient_key: bytes) -> frozenset[bytes]:
    """Return all keys that count as one patient with this one."""
    rows = await _fetch(
        record,
        "SELECT other.patient_key FROM record.patient one JOIN record.patient other ON other.log_id = one.log_id "
        "AND other.known_as = one.known_as WHERE one.log_id = $1 AND one.patient_key = $2",
        record.log_id,
        patient_key,
    )
    return frozenset(row["patient_key"] for row in rows)


async def find_unmerged(record: Record) -> tuple[UUID, ...]:
    """Return the journeys in which a merge was undone and whose patient counts under further keys."""
    rows = await _fetch(
        record,
        "SELECT DISTINCT e.journey_id FROM record.journey_event e "
        "JOIN record.journey j ON j.log_id = e.log_id AND j.journey_id = e.journey_id "
        "JOIN record.patient one ON one.log_id = j.log_id AND one.patient_key = j.patient_key "
        "WHERE e.log_id = $1 AND e.event_type = 'patient.unmerged' AND EXISTS (SELECT FROM record.patient a "
        "WHERE a.log_id = one.log_id AND a.known_as = one.known_as AND a.patient_key <> one.patient_key) "
        "ORDER BY e.journey_id",
        record.log_id,
    )
    return tuple(row["journey_id"] for row in rows)


async def find_once_merged(record: Record) -> Mapping[UUID, bytes]:
    """Return the open journeys of patients of whom a merge was undone, of either of the two. Of each what stands for
    all that is recorded of its patient: its own hash, and those of the journeys that count as the same patient's."""
    rows = await _fetch(
        record,
        "SELECT o.journey_id, sha256(o.journey_hash || coalesce(string_agg(b.journey_hash, ''::bytea "
        "ORDER BY b.journey_id), ''::bytea)) AS reached FROM record.journey o "
        "JOIN record.patient a ON a.log_id = o.log_id AND a.patient_key = o.patient_key "
        "LEFT JOIN record.patient same ON same.log_id = a.log_id AND same.known_as = a.known_as "
        "LEFT JOIN record.journey b ON b.log_id = same.log_id AND b.patient_key = same.patient_key "
        "AND b.journey_id <> o.journey_id WHERE o.log_id = $1 AND o.status = 'open' AND a.ever_known_as IN ("
        "SELECT one.ever_known_as FROM record.journey_event e "
        "JOIN record.journey j ON j.log_id = e.log_id AND j.journey_id = e.journey_id "
        "JOIN record.patient one ON one.log_id = j.log_id AND one.patient_key = j.patient_key "
        "WHERE e.log_id = $1 AND e.event_type = 'patient.unmerged') "
        "GROUP BY o.journey_id, o.journey_hash ORDER BY o.journey_id",
        record.log_id,
    )
    return {row["journey_id"]: row["reached"] for row in rows}


async def part_again(record: Record, journey_id: UUID, version: int, parts: Sequence[bytes], read: int) -> None:
    """Make one patient two again where a merge was undone in this journey, as it was read at a version: `parts` are
    all keys of the other one, as read up to a position.

    Raises NotAppendable, MoreIsKnown.
    """
    await _fetch(
        record, "SELECT record.part_again($1, $2, $3, $4, $5)", record.log_id, journey_id, version, list(parts), read
    )


async def _fetch(record: Record, statement: str, *arguments: object) -> list[asyncpg.Record]:
    async with record.connection() as connection:
        return await connection.fetch(statement, *arguments)
