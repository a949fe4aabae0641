"""Proves that a log is whole and unchanged, from FORMAT.md alone: no code is shared with the writer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Kind: TypeAlias = Literal["position", "version", "clock", "content", "journey chain", "log chain", "head"]

_START = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOLD_EVERY = 1000


class Finding(NamedTuple):
    """One thing that is wrong. `position` is where it shows: the event after a gap, the head's last event."""

    kind: Kind
    position: int
    journey_id: UUID


class _Reached(NamedTuple):
    version: int = 0
    journey_hash: bytes = _START
    position: int = 0


class Found(NamedTuple):
    """A finding with the version in its journey at which it shows."""

    finding: Finding
    version: int


class Examined(NamedTuple):
    """What was found, and how many events were read, up to which position."""

    found: tuple[Found, ...]
    events: int
    position: int


async def verify(connection: Connection, log_id: int = 1) -> tuple[Finding, ...]:
    """Read one log from its beginning and return what is wrong with it: nothing, when all is well.

    Checks that positions and versions have no gaps, that recorded_at never decreases, every content hash and
    link of both chains, and that each journey's head agrees with its last event. What it cannot see: newest
    events cut off together with their heads. Each link is checked against the stored one before it, so one
    change is found where it is and not at every event after it.

    Holds one snapshot throughout; payloads are hashed as stored, so no key is needed.
    """
    examined = await examine(connection, log_id)
    return tuple(each.finding for each in examined.found)


async def examine(
    connection: Connection,
    log_id: int = 1,
    *,
    journey_id: UUID | None = None,
    progress: Callable[[int], None] | None = None,
) -> Examined:
    """`verify`, with what was read. ``progress`` is told from time to time how many events that are.

    With ``journey_id`` that journey alone is read: its contents, chain, versions and head. Its place in the log, which
    other journeys' events bear out, is then not checked.
    """
    found: list[Found] = []
    reached: dict[UUID, _Reached] = {}
    position, log_hash, clock, count = 0, _START, datetime.min.replace(tzinfo=UTC), 0
    alone = journey_id is not None

    async with connection.transaction(isolation="repeatable_read", readonly=True):
        events = connection.cursor(
            "SELECT * FROM record.journey_event WHERE log_id = $1 AND ($2::uuid IS NULL OR journey_id = $2) "
            "ORDER BY position",
            log_id,
            journey_id,
            prefetch=500,
        )
        async for event in events:
            journey = event["journey_id"]
            before = reached.get(journey, _Reached())
            checks: dict[Kind, bool] = {
                "position": alone or event["position"] == position + 1,
                "version": event["version"] == before.version + 1,
                "clock": event["recorded_at"] >= clock,
                "content": event["content_hash"] == _content_hash(event),
                "journey chain": event["journey_hash"]
                == _hash(b"carepath/journey/1", before.journey_hash, _int(event["version"]), event["content_hash"]),
                "log chain": alone
                or event["log_hash"]
                == _hash(
                    b"carepath/log/1",
                    log_hash,
                    _int(log_id),
                    _int(event["position"]),
                    _time(event["recorded_at"]),
                    event["journey_hash"],
                ),
            }
            position, log_hash, clock = event["position"], event["log_hash"], event["recorded_at"]
            found += [
                Found(Finding(kind, position, journey), event["version"]) for kind, holds in checks.items() if not holds
            ]
            reached[journey] = _Reached(event["version"], event["journey_hash"], position)
            count += 1
            if progress is not None and count % _TOLD_EVERY == 0:
                progress(count)

        heads = await connection.fetch(
            "SELECT * FROM record.journey WHERE log_id = $1 AND ($2::uuid IS NULL OR journey_id = $2)",
            log_id,
            journey_id,
        )

    for head in heads:
        last = reached.pop(head["journey_id"], _Reached())
        if last != (head["version"], head["journey_hash"], head["last_position"]):
            found.append(Found(Finding("head", last.position, head["journey_id"]), last.version))
    found += [Found(Finding("head", last.position, journey), last.version) for journey, last in reached.items()]
    return Examined(tuple(found), count, position)


def _content_hash(event: asyncpg.Record) -> bytes:
    causation = event["causation_id"]
    return _hash(
        b"carepath/event/1",
        event["journey_id"].bytes,
        event["event_id"].bytes,
        event["event_type"].encode(),
        _int(event["schema_version"]),
        _time(event["occurred_at"]),
        event["actor_id"].encode(),
        event["actor_role"].encode(),
        event["command_id"].bytes,
        None if causation is None else causation.bytes,
        event["payload"],
    )


def _hash(*fields: bytes | None) -> bytes:
    digest = sha256()
    for field in fields:
        digest.update((-1 if field is None else len(field)).to_bytes(4, signed=True))
        digest.update(field or b"")
    return digest.digest()


def _int(number: int) -> bytes:
    return number.to_bytes(8, signed=True)


def _time(instant: datetime) -> bytes:
    return _int((instant - _EPOCH) // timedelta(microseconds=1))
