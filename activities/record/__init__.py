"""The append-only event record on PostgreSQL: every event once, in order, and provably unchanged."""

from activities.record.codec import Clear, PayloadCodec
from activities.record.migrations import MigrationEdited, migrate
from activities.record.store import (
    Appended,
    Diverged,
    Enrolment,
    Head,
    NewEvent,
    NotAppendable,
    NotYetRecorded,
    Record,
    RecordFault,
    RecordUnavailable,
    StoredEvent,
    VersionConflict,
    open_record,
    patient_key,
)

__all__ = [
    "Appended",
    "Clear",
    "Diverged",
    "Enrolment",
    "Head",
    "MigrationEdited",
    "NewEvent",
    "NotAppendable",
    "NotYetRecorded",
    "PayloadCodec",
    "Record",
    "RecordFault",
    "RecordUnavailable",
    "StoredEvent",
    "VersionConflict",
    "migrate",
    "open_record",
    "patient_key",
]
