"""The append-only event record on PostgreSQL: every event once, in order, and provably unchanged."""

from activities.record.codec import PayloadCodec, PayloadUnreadable, Sealing, sealing
from activities.record.connecting import open_record
from activities.record.errors import (
    AheadOfClock,
    Diverged,
    KeyAway,
    MoreIsKnown,
    NotAppendable,
    NotYetRecorded,
    OtherHistory,
    OverLimit,
    PatientHasOpenJourney,
    RecordFault,
    RecordUnavailable,
    SignatureOver,
    TwoPatients,
    UnreadableEvent,
    VersionConflict,
)
from activities.record.migrations import MigrationEdited, migrate
from activities.record.patient_index import Enrolment, WantedEnrolment
from activities.record.store import Record
from activities.record.stored import Appended, Head, Log, NewEvent, NewNotice, Opening, StoredEvent

__all__ = [
    "AheadOfClock",
    "Appended",
    "Diverged",
    "Enrolment",
    "Head",
    "KeyAway",
    "Log",
    "MigrationEdited",
    "MoreIsKnown",
    "NewEvent",
    "NewNotice",
    "NotAppendable",
    "NotYetRecorded",
    "Opening",
    "OtherHistory",
    "OverLimit",
    "PatientHasOpenJourney",
    "PayloadCodec",
    "PayloadUnreadable",
    "Record",
    "RecordFault",
    "RecordUnavailable",
    "Sealing",
    "SignatureOver",
    "StoredEvent",
    "TwoPatients",
    "UnreadableEvent",
    "VersionConflict",
    "WantedEnrolment",
    "migrate",
    "open_record",
    "sealing",
]
