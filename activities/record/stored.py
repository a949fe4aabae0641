"""What goes into the record and comes out of it, and the columns it is read from."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


def _time_of(column: str) -> str:
    """Select a time. One outside Python's calendar, which only a superuser can have written, is read as null: its row
    cannot be read, and those beside it can."""
    return f"CASE WHEN {column} BETWEEN '0001-01-02Z' AND '9999-12-30Z' THEN {column} END AS {column}"


EVENT_COLUMNS = (
    "log_id, position, journey_id, version, event_id, event_type, schema_version, "
    f"{_time_of('occurred_at')}, {_time_of('recorded_at')}, "
    "actor_id, actor_role, command_id, causation_id, payload, content_hash, journey_hash, log_hash"
)

COMMAND_COLUMNS = "c.journey_id, c.version, c.events, c.payload, e.event_id"
COMMANDS = (
    "record.command c LEFT JOIN record.journey_event e "
    "ON e.log_id = c.log_id AND e.journey_id = c.journey_id AND e.version = c.version"
)
"""Where commands are read: each with the id of its first event, under which it is encoded."""

LATE = timedelta(minutes=5)
"""What was decided, or sent, longer ago than this when it is recorded is marked as late."""

BEFORE_THE_FIRST = bytes(32)
"""The hash of a journey before its first event."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class NewEvent(_Frozen):
    """An event to be recorded.

    `event_id` derives from the command, so that a retry carries the same ids. `occurred_at` is when it
    happened, aware, kept as UTC to the microsecond. `payload` is clear canonical JSON: equal content gives
    equal bytes.
    """

    event_id: UUID
    event_type: str = Field(min_length=1)
    schema_version: int = Field(ge=1, le=32767)
    occurred_at: AwareDatetime
    actor_id: str
    actor_role: str
    command_id: UUID
    causation_id: UUID | None
    payload: bytes = Field(repr=False)


class _SentAt(BaseModel):
    sent_at: AwareDatetime | None = None


class StoredEvent(NewEvent):
    """An event as recorded, its payload decoded.

    `position` orders the log and `version` the journey, both from 1 without gaps. `recorded_at` (UTC, the
    database's clock) never decreases with position. The hashes are SHA-256, see FORMAT.md.
    """

    # Not validated: a row that only a superuser can have written must be readable too, so that verification can judge
    # it.
    event_type: str
    schema_version: int
    log_id: int
    position: int
    journey_id: UUID
    version: int
    recorded_at: AwareDatetime
    content_hash: bytes
    journey_hash: bytes
    log_hash: bytes

    @property
    def readable(self) -> bool:
        """Whether its content could be decoded, and its times are times."""
        return self.payload != b""

    @property
    def late(self) -> bool:
        """Whether it was recorded long after it was decided, during an outage for example; or long after it was sent:
        somebody may have held it back."""
        return self.readable and self.recorded_at - min(self.occurred_at, self._sent_at) > LATE

    @property
    def _sent_at(self) -> datetime:
        """When the command it came of was sent, as the first event of each says; otherwise when it was decided."""
        if b'"sent_at":' not in self.payload:
            return self.occurred_at
        try:
            return _SentAt.model_validate_json(self.payload).sent_at or self.occurred_at
        except ValueError:  # a forged row can be wrong in any way
            return self.occurred_at


class SealedEvent(NamedTuple):
    """An event, its payload as stored, and the key that opens this one payload."""

    event: StoredEvent
    sealed: bytes
    key: bytes


class NewCommand(_Frozen):
    """A command to be kept with the events it gave, of which there are ``events``. ``payload`` is clear."""

    events: int = Field(ge=1)
    payload: bytes = Field(repr=False)


class StoredCommand(NewCommand):
    """A command as kept: its events begin at ``version`` of the journey."""

    events: int
    journey_id: UUID
    version: int


class Opening(_Frozen):
    """Whose journey begins: the keys of its patient, the one of their reference first, and with which medicine."""

    patient_keys: tuple[bytes, ...] = Field(min_length=1)
    medicine: str


class Appended(_Frozen):
    """Where the events are: their versions, and the position of the last. `replayed`: they were recorded before.

    `journey_hash` is that of the last of them, and stands for the journey up to there.
    """

    first_version: int
    last_version: int
    position: int
    replayed: bool
    journey_hash: bytes


class SeenRegister(NamedTuple):
    """A register that was used with a log: its version, and the SHA-256 of its content."""

    version: int
    content_hash: bytes


class NewNotice(_Frozen):
    """A notice to be delivered: what kind of task which event gave to a role of a clinic, and to whom where they are
    known by name."""

    notice_id: UUID
    journey_id: UUID
    event_id: UUID
    kind: str
    recipient_role: str
    recipients: tuple[str, ...] = ()
    clinic: str
    alarm: bool = False


class Head(_Frozen):
    """Where a journey stands. Version and position are 0 when it is enrolled and nothing has happened."""

    journey_id: UUID
    version: int
    position: int
    status: Literal["open", "closed"]


def command_part(first_event_id: UUID) -> UUID:
    """Return the id under which a command is encoded, as its events are under theirs."""
    return uuid5(first_event_id, "command")


class Log(NamedTuple):
    """What never changes of a log: its name, which stands in what people sign, and whether it is of a demonstration."""

    name: str
    demonstration: bool
