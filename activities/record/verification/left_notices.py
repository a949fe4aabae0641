"""Compares the notices that were kept for people with those that a journey's events tell.

What is kept lies beside the log, in no chain, and whoever may delete it there silences an alarm before it is sent.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from activities.privacy.patient_keys import PatientKeys
from activities.record.store import Record
from activities.record.stored import StoredEvent
from activities.record.verification.chains import Connection, DatabaseRow, RecordFinding
from activities.record.verification.derivation import readable_event
from workflows.journey.events import PathwayStarted
from workflows.journey.views.notices import Notice, notices

LEFT_WITHIN = timedelta(minutes=5)
"""How long after its event is recorded a notice may still be on its way."""


class Told(NamedTuple):
    """A journey, from its beginning, and the versions that other rules decided: those may have told others. What they
    have told is asked of a build that has them, and is in ``tells``: then only its versions are compared."""

    history: Sequence[StoredEvent]
    by_others: Collection[int]
    tells: Mapping[int, Sequence[Notice]] | None = None


async def find_lost_notices(
    connection: Connection, record: Record, histories: Mapping[UUID, Told]
) -> list[RecordFinding]:
    """Return findings for events of these journeys whose notices are missing or say something else. An alarm that left
    before what was recorded, and of something else, is none: its command was refused or decided anew by then."""
    rows = await connection.fetch(
        "SELECT journey_id, notice_id, event_id, kind, recipient_role, clinic, alarm, created_at FROM record.notice "
        "WHERE log_id = $1 AND journey_id = ANY($2)",
        record.log_id,
        list(histories),
    )
    now: datetime = await connection.fetchval("SELECT now()")
    kept: dict[UUID, list[DatabaseRow]] = {journey_id: [] for journey_id in histories}
    for row in rows:
        kept[row["journey_id"]].append(row)
    return [each for key, told in histories.items() for each in _compare(record.patients, told, kept[key], now)]


def _compare(keys: PatientKeys, journey: Told, kept: Iterable[DatabaseRow], now: datetime) -> Iterator[RecordFinding]:
    clinic = None
    by_event: dict[UUID, dict[UUID, DatabaseRow]] = {}
    for row in kept:
        by_event.setdefault(row["event_id"], {})[row["notice_id"]] = row
    for stored in journey.history:
        event = readable_event(stored)
        if event is None:
            continue
        if isinstance(event.body, PathwayStarted):
            clinic = event.body.clinic
        if stored.version in journey.by_others:
            continue
        tells = notices(event) if journey.tells is None else journey.tells.get(stored.version)
        if tells is None:
            continue
        left, told = by_event.get(stored.event_id, {}), {keys.of_notice(notice): notice for notice in tells}
        place = (stored.position, stored.journey_id, stored.version)
        if told.keys() - left.keys() and now - stored.recorded_at > LEFT_WITHIN:
            yield RecordFinding(*place, "notice_lost")
        for key, row in left.items():
            early = row["alarm"] and row["created_at"] <= stored.recorded_at
            if not (_says(row, told[key], clinic) if key in told else early):
                yield RecordFinding(*place, "notice_differs")
                break


def _says(row: DatabaseRow, notice: Notice, clinic: str | None) -> bool:
    """Whether a row says what a notice does. Who was on duty then is not known any more."""
    said = (row["kind"], row["recipient_role"], row["alarm"], row["clinic"])
    return said == (notice.kind, notice.to.value, notice.alarm, clinic)
