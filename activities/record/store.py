"""Append to the event record, and read it. The rules are in the database; this module calls it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID

import asyncpg

from activities.connection_pool import Connection, ConnectionSource
from activities.privacy.patient_keys import PatientKeys
from activities.record.codec import Decode, Encode, PayloadCodec, PayloadLocked, PayloadUnreadable
from activities.record.errors import (
    Diverged,
    KeyAway,
    NotAppendable,
    NotYetRecorded,
    RecordFault,
    without_values,
)
from activities.record.polling import poll
from activities.record.stored import (
    COMMAND_COLUMNS,
    COMMANDS,
    EVENT_COLUMNS,
    Appended,
    Head,
    Log,
    NewCommand,
    NewEvent,
    NewNotice,
    Opening,
    SealedEvent,
    SeenRegister,
    StoredCommand,
    StoredEvent,
    command_part,
)

_APPEND = f"SELECT * FROM record.append({', '.join(f'${n}' for n in range(1, 25))})"  # noqa: S608 - a constant
PORTION = 25
"""How many events are decoded in one go: some two milliseconds."""
Reopen: TypeAlias = Callable[[], AbstractAsyncContextManager["Record"]]
"""A function that opens the same record again. It can be handed to another process."""


class Record:
    """One log of the event record. Safe to share between tasks.

    Every method raises RecordUnavailable during an outage and RecordFault on a wrong set-up; neither carries
    values. `log_id` (1 to 32767) separates logs in one database.
    """

    def __init__(
        self,
        connections: ConnectionSource,
        codec: PayloadCodec,
        log_id: int = 1,
        reopen: "Reopen | None" = None,
    ) -> None:
        self._connections = connections
        self._codec = codec
        self._log_id = log_id
        self._log: Log | None = None
        self.reopen = reopen
        """None when the record cannot be opened again."""

    @property
    def log_id(self) -> int:
        """Which log of the database this is."""
        return self._log_id

    @property
    def patients(self) -> PatientKeys:
        """What makes the keys by which this record tells patients apart."""
        return self._codec.patients

    @asynccontextmanager
    async def connection(self) -> "AsyncIterator[Connection]":
        """Open a connection to the record's database, for data that is derived from the record, such as read models."""
        with without_values():
            async with self._connections.acquire(timeout=5) as connection:
                yield connection

    async def append(
        self,
        journey_id: UUID,
        expected_version: int,
        events: Sequence[NewEvent],
        *,
        closes: bool = False,
        opening: Opening | None = None,
        rests_on: int | None = None,
        merges: Sequence[bytes] = (),
        parts: Sequence[bytes] = (),
        parts_read: int | None = None,
        asked: Sequence[bytes] = (),
        follows: bytes | None = None,
        commands: Sequence[NewCommand] = (),
        valid_until: datetime | None = None,
    ) -> Appended:
        """Record events at the end of a journey: all or none, durably, once.

        When all of them are recorded already, this answers with their place, whatever `expected_version` says and
        whether or not others followed. `closes` ends the journey, so that its patient may enrol again. `opening` comes
        with the events that begin it. `rests_on` is the position up to which was read what the other journeys of the
        patient say: nothing is written if one of them has gone on since. `merges` are the keys of other patients, who
        from here on are the same one. `parts` are all keys of another patient who was taken for this one, the one of
        their reference first: from here on they are two again. They were read up to `parts_read`: nothing is written if
        somebody said since who is who. `asked` are the keys of other patients who may be this one: they stay two, and
        each is told what the other's journeys say. `follows` is the hash of the journey's last event as it
        was read, if it matters. `commands` are those that the events follow from, in the same order. `valid_until` is
        until when everything counts that was signed in them. Neither that nor the time of an event is held against the
        database's clock in a log that is a demonstration.

        Raises VersionConflict, OtherHistory, Diverged, NotAppendable, OverLimit, PatientHasOpenJourney, MoreIsKnown,
        TwoPatients, SignatureOver, AheadOfClock.
        """
        if opening is not None:
            with without_values():
                await self._codec.assign(journey_id, opening.patient_keys[0])
        encode = await self._encoder(journey_id)
        payloads = [encode(event.event_id, event.payload) for event in events]

        async def write() -> list[asyncpg.Record]:
            return await self._fetch(
                _APPEND,
                self._log_id,
                journey_id,
                expected_version,
                [event.event_id for event in events],
                [event.event_type for event in events],
                [event.schema_version for event in events],
                [event.occurred_at for event in events],
                [event.actor_id for event in events],
                [event.actor_role for event in events],
                [event.command_id for event in events],
                [event.causation_id for event in events],
                payloads,
                closes,
                None if opening is None else list(opening.patient_keys),
                None if opening is None else opening.medicine,
                rests_on,
                list(merges),
                follows,
                [command.events for command in commands],
                _encoded_commands(encode, events, commands),
                valid_until,
                list(parts),
                parts_read,
                list(asked),
            )

        try:
            [row] = await write()
        except Diverged:
            # The same may be recorded under an earlier key, or as another build compresses it.
            recorded = await self._recorded_as(journey_id, events, payloads)
            if recorded == payloads:
                raise
            payloads = recorded
            [row] = await write()
        return Appended(
            first_version=row["first_version"],
            last_version=row["final_version"],
            position=row["final_position"],
            replayed=row["replayed"],
            journey_hash=row["final_hash"],
        )

    async def _recorded_as(
        self, journey_id: UUID, events: Sequence[NewEvent], payloads: Sequence[bytes]
    ) -> list[bytes]:
        """Return these payloads, and where the same is recorded already for an event, the bytes that it is kept as."""
        rows = await self._fetch(
            "SELECT event_id, payload FROM record.journey_event WHERE log_id = $1 AND event_id = ANY($2)",
            self._log_id,
            [event.event_id for event in events],
        )
        kept: dict[UUID, bytes] = {row["event_id"]: row["payload"] for row in rows}
        decode = await self.unsealer(kept.values())
        found = []
        for event, payload in zip(events, payloads, strict=True):
            stored = kept.get(event.event_id, payload)
            try:
                payload = stored if decode(journey_id, event.event_id, stored) == event.payload else payload
            except PayloadLocked:
                raise KeyAway from None
            except PayloadUnreadable:
                pass
            found.append(payload)
        return found

    async def commands(self, journey_id: UUID, *, until_version: int | None = None) -> tuple[StoredCommand, ...]:
        """Return the commands of a journey in order of version, of those whose events begin up to one."""
        rows = await self._fetch(
            f"SELECT {COMMAND_COLUMNS} FROM {COMMANDS} "  # noqa: S608 - constants
            "WHERE c.log_id = $1 AND c.journey_id = $2 AND ($3::int IS NULL OR c.version <= $3) ORDER BY c.version",
            self._log_id,
            journey_id,
            until_version,
        )
        return await self.commands_of(rows)

    async def load(self, journey_id: UUID, *, after_version: int = 0) -> tuple[StoredEvent, ...]:
        """A journey's events in order of version; none when it is unknown."""
        rows = await self._events("journey_id = $2 AND version > $3 ORDER BY version", journey_id, after_version)
        return await self.decoded(rows)

    async def find(self, event_ids: Collection[UUID]) -> tuple[StoredEvent, ...]:
        """Return those of these events that are recorded, in any order."""
        return await self.decoded(await self._events("event_id = ANY($2)", list(event_ids)), waits=False)

    async def load_sealed(self, journey_id: UUID) -> tuple[SealedEvent, ...]:
        """A journey's events in order of version, each also as it is stored, and with the key that opens it alone."""
        rows = await self._events("journey_id = $2 ORDER BY version", journey_id)
        stored = {row["event_id"]: row["payload"] for row in rows}
        with without_values():
            keys = await self._codec.part_keys(self._log_id, journey_id, stored)
        events = await self.decoded(rows)
        return tuple(SealedEvent(each, stored[each.event_id], keys.get(each.event_id, b"")) for each in events)

    async def read(
        self, journey_id: UUID, *, after_version: int = 0, until_version: int | None = None, page: int = 500
    ) -> AsyncIterator[tuple[StoredEvent, ...]]:
        """Yield a journey's events in order of version, from after one up to one, in pages: for whoever does not need
        all at once."""
        version = after_version
        while rows := await self._events(
            "journey_id = $2 AND version > $3 AND ($4::int IS NULL OR version <= $4) ORDER BY version LIMIT $5",
            journey_id,
            version,
            until_version,
            page,
        ):
            yield await self.decoded(rows)
            version = rows[-1]["version"]
            if len(rows) < page:
                return

    async def load_opening(self, journey_id: UUID) -> StoredEvent | None:
        """The event that opened a journey; None when it is unknown."""
        return next(iter(await self.decoded(await self._events("journey_id = $2 AND version = 1", journey_id))), None)

    async def load_openings(self, journey_ids: Sequence[UUID]) -> tuple[StoredEvent, ...]:
        """The events that opened those of these journeys that are known, in any order."""
        rows = await self._events("journey_id = ANY($2) AND version = 1", journey_ids)
        return await self.decoded(rows, waits=False)

    async def load_moves(self, journey_ids: Sequence[UUID]) -> tuple[StoredEvent, ...]:
        """The events of these journeys by which their patients moved, in any order."""
        rows = await self._events("journey_id = ANY($2) AND event_type = 'patient.moved'", journey_ids)
        return await self.decoded(rows, waits=False)

    async def head(self, journey_id: UUID) -> Head | None:
        """Return where a journey stands; None when it was neither enrolled nor appended to."""
        rows = await self._fetch(
            "SELECT journey_id, version, last_position AS position, status "
            "FROM record.journey WHERE log_id = $1 AND journey_id = $2 "
            "UNION ALL SELECT journey_id, 0, 0, 'open' FROM record.enrolment WHERE log_id = $1 AND journey_id = $2 "
            "ORDER BY version DESC LIMIT 1",
            self._log_id,
            journey_id,
        )
        return Head.model_validate(dict(rows[0])) if rows else None

    async def log(self) -> Log:
        """Return what never changes of this log.

        Raises:
            RecordFault: the database has no such log.
        """
        if self._log is None:
            rows = await self._fetch("SELECT name, demonstration FROM record.log WHERE log_id = $1", self._log_id)
            if not rows:
                raise RecordFault("NoSuchLog")
            self._log = Log(str(rows[0]["name"]), rows[0]["demonstration"])
        return self._log

    async def log_name(self) -> str:
        """Return the name of this log.

        Raises:
            RecordFault: the database has no such log.
        """
        return (await self.log()).name

    async def keep_identity(self) -> bool:
        """Keep by which secret this log tells patients apart, once. Return whether it is the one of this process: the
        first word counts."""
        await self._fetch("SELECT record.keep_identity($1, $2)", self._log_id, self.patients.mark)
        return await self.has_own_keys()

    async def has_own_keys(self) -> bool:
        """Whether patients are told apart by the secret that this log tells them apart by, as far as it says so."""
        rows = await self._fetch("SELECT mark FROM record.identity WHERE log_id = $1", self._log_id)
        return not rows or bytes(rows[0]["mark"]) == self.patients.mark

    async def see_register(self, seen: SeenRegister) -> SeenRegister:
        """Note that a register is used with this log, and return the newest one that was."""
        rows = await self._fetch("SELECT * FROM record.see_register($1, $2, $3)", self._log_id, *seen)
        return SeenRegister(rows[0]["version"], rows[0]["content_hash"])

    async def seen_register(self, version: int | None = None) -> SeenRegister | None:
        """Return the newest register that was used with this log, or the one of a ``version``; None where there was
        none."""
        rows = await self._fetch(
            "SELECT version, content_hash FROM record.register WHERE log_id = $1 AND version = coalesce($2, version) "
            "ORDER BY version DESC LIMIT 1",
            self._log_id,
            version,
        )
        return SeenRegister(rows[0]["version"], rows[0]["content_hash"]) if rows else None

    async def log_head(self) -> tuple[int, bytes] | None:
        """Return the last position of the log and its hash there; None while it is empty."""
        rows = await self._fetch(
            "SELECT position, log_hash FROM record.journey_event WHERE log_id = $1 ORDER BY position DESC LIMIT 1",
            self._log_id,
        )
        return (rows[0]["position"], rows[0]["log_hash"]) if rows else None

    async def log_hash(self, position: int) -> bytes | None:
        """Return the log's hash at a position; None beyond its end."""
        rows = await self._fetch(
            "SELECT log_hash FROM record.journey_event WHERE log_id = $1 AND position = $2", self._log_id, position
        )
        return rows[0]["log_hash"] if rows else None

    async def deliver_notices(self, notices: Sequence[NewNotice]) -> frozenset[UUID]:
        """Record and queue notices, each once, and return the ids of those that were not before."""
        if not notices:
            return frozenset()
        rows = await self._fetch(
            "SELECT record.deliver_notices($1, $2) AS notice_id",
            self._log_id,
            f"[{','.join(notice.model_dump_json() for notice in notices)}]",
        )
        return frozenset(row["notice_id"] for row in rows)

    async def wait_for(self, journey_id: UUID, version: int, timeout: timedelta) -> int:
        """Wait until a journey has reached a version, and return the position of its head then.

        Raises NotYetRecorded when `timeout` has passed.
        """

        async def reached() -> int | None:
            head = await self.head(journey_id)
            return head.position if head is not None and head.version >= version else None

        position = await poll(reached, timeout)
        if position is None:
            raise NotYetRecorded
        return position

    async def _fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        async with self.connection() as connection:
            return await connection.fetch(statement, *arguments)

    async def _events(self, condition: str, *arguments: object) -> list[asyncpg.Record]:
        """Fetch the events of this log that a condition takes; its arguments begin at $2."""
        statement = f"SELECT {EVENT_COLUMNS} FROM record.journey_event WHERE log_id = $1 AND {condition}"  # noqa: S608
        return await self._fetch(statement, self._log_id, *arguments)

    async def _encoder(self, journey_id: UUID) -> Encode:
        with without_values():
            return await self._codec.encoder(self._log_id, journey_id)

    async def seal(self, journey_id: UUID, part_id: UUID, clear: bytes) -> bytes:
        """Encode what is derived from a journey's events and kept beside them, as their payloads are."""
        return (await self._encoder(journey_id))(part_id, clear)

    async def unsealer(self, sealed: Iterable[bytes]) -> Decode:
        """Return what decodes these, which were sealed. It raises `PayloadUnreadable` where one cannot be read."""
        with without_values():
            return await self._codec.decoder(self._log_id, sealed)

    async def commands_of(self, rows: Sequence[asyncpg.Record], *, waits: bool = True) -> tuple[StoredCommand, ...]:
        """Return the commands of rows of COMMAND_COLUMNS. One that cannot be decoded has no content: only a superuser
        can have written it, and what its events say of it does not fit. ``waits`` as in `decoder`."""
        decode = await self.unsealer(row["payload"] for row in rows)

        def payload(row: asyncpg.Record) -> bytes:
            try:
                return decode(row["journey_id"], command_part(row["event_id"]), row["payload"])
            except Exception as problem:
                if waits and isinstance(problem, PayloadLocked):
                    raise KeyAway from None
                return b""

        return tuple(
            StoredCommand.model_construct(
                journey_id=row["journey_id"], version=row["version"], events=row["events"], payload=payload(row)
            )
            for row in rows
        )

    async def decoder(
        self, rows: Sequence[asyncpg.Record], *, waits: bool = True
    ) -> Callable[[asyncpg.Record], StoredEvent]:
        """Return what turns these rows of EVENT_COLUMNS, each by itself, into events. One that cannot be decoded has no
        content, so that it hides no other one: it was altered or moved, its key is gone, or its times are none. Whoever
        needs what it says meets an `UnreadableEvent`. Where its key is there and does not open, whoever ``waits`` for
        it meets `KeyAway`: so a keyring that lacks a key quarantines no journey. Who reads of several
        journeys does not wait: one hides no other."""
        decode = await self.unsealer(row["payload"] for row in rows)

        def decoded(row: asyncpg.Record) -> StoredEvent:
            try:
                payload = decode(row["journey_id"], row["event_id"], row["payload"])
                return StoredEvent.model_validate({**row, "payload": payload})
            except Exception as problem:  # a row that only a superuser can have written can be wrong in any way
                if waits and isinstance(problem, PayloadLocked):
                    raise KeyAway from None
                return StoredEvent.model_construct(**{**row, "payload": b""})

        return decoded

    async def find_misplaced(self, journeys: Mapping[UUID, tuple[bytes, Iterable[bytes]]]) -> frozenset[UUID]:
        """Return of these journeys those that are encrypted under another patient's data key, or the service's, as
        `PayloadCodec` does."""
        return await self._codec.find_misplaced(journeys)

    async def decoded(self, rows: Sequence[asyncpg.Record], *, waits: bool = True) -> tuple[StoredEvent, ...]:
        """Return the events of rows of EVENT_COLUMNS, as `decoder` does. It takes the processor: every `PORTION` rows
        other tasks of this loop have their turn."""
        decode = await self.decoder(rows, waits=waits)
        decoded: list[StoredEvent] = []
        for first in range(0, len(rows), PORTION):
            if first:
                await asyncio.sleep(0)
            decoded += map(decode, rows[first : first + PORTION])
        return tuple(decoded)


def _encoded_commands(encode: Encode, events: Sequence[NewEvent], commands: Sequence[NewCommand]) -> list[bytes]:
    encoded, first = [], 0
    for command in commands:
        if first >= len(events):
            raise NotAppendable("a command has no event")
        encoded.append(encode(command_part(events[first].event_id), command.payload))
        first += command.events
    return encoded
