"""Proves that a log is whole and unchanged. Written from FORMAT.md alone: no code is shared with the writer.

Each link is checked against the stored link before it. So a change is found where it is and not at every event after
it, and parts of a log can be checked on their own. Payloads are hashed as stored, so no key is needed.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
DatabaseRow: TypeAlias = asyncpg.Record
Kind: TypeAlias = Literal["position", "version", "clock", "content", "journey_chain", "log_chain", "head"]
AccessFlaw: TypeAlias = Literal[
    "access_gap", "access_gone", "access_content", "access_chain", "access_clock", "access_unsealed"
]

FIRST, LAST = -(2**63), 2**63 - 1
"""The lowest and the highest possible position: whoever can change rows can also number them below 1."""
PAGE = 50
"""How many journeys are read at a time."""
PAGE_EVENTS = 20_000
"""Of how many events together, as far as each journey's head says."""


def _time_of(column: str) -> str:
    """Select a time. One outside Python's calendar was never recorded by us; it is read as null, and its hash fails."""
    return f"CASE WHEN {column} BETWEEN '0001-01-02Z' AND '9999-12-30Z' THEN {column} END AS {column}"


EVENT = (
    f"log_id, position, journey_id, version, event_id, event_type, schema_version, {_time_of('occurred_at')}, "
    f"{_time_of('recorded_at')}, actor_id, actor_role, command_id, causation_id, payload, content_hash, journey_hash, "
    "log_hash"
)
"""The columns of a row, selected so that any row can be read, whatever somebody put into it."""


_ACCESS = (
    f"{_time_of('at')}, reader_id, reader_role, purpose, {_time_of('clock')}, command, shown, journeys, rows, "
    f"position, definition, reason, {_time_of('until')}"
)
HOURS = 4 * 3600
"""Seconds that the one query over a whole log may take."""
_START = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ABSENT = (-1).to_bytes(4, signed=True)


class RecordFinding(NamedTuple):
    """One thing that is wrong. `position` is where it shows: the event after a gap, or the head's last event. A finding
    that is not about one event has no version, and one that is not about one journey has no journey."""

    position: int
    journey_id: UUID | None
    version: int | None
    reason: str


class ChainLink(NamedTuple):
    """What the next event of a log must follow from."""

    position: int = 0
    log_hash: bytes = _START
    recorded_at: datetime | None = None


class Section(NamedTuple):
    """Part of a log: what is wrong with it, how many events it has, and its end."""

    findings: tuple[RecordFinding, ...]
    events: int
    end: ChainLink


async def verify_chains(connection: Connection, log_id: int = 1) -> tuple[RecordFinding, ...]:
    """Read one log from its beginning, and return what is wrong with it, oldest first. Empty when all is well.

    Checks that positions and versions have no gaps, that recorded_at never decreases, every content hash and
    link of both chains, and that each journey's head agrees with its last event. What it cannot see: newest
    events cut off together with their heads.
    """
    async with snapshot(connection):
        found = [*(await read_log(connection, log_id)).findings]
        for journeys in pages(await journeys_of(connection, log_id)):
            read = await read_journeys(connection, log_id, journeys)
            found += [finding for each in read for finding in journey_findings(*each)]
    return tuple(sorted(found, key=by_place))


@asynccontextmanager
async def snapshot(connection: Connection, shared: str | None = None) -> AsyncIterator[None]:
    """Read as of one moment: now, or the moment of a snapshot that another connection exported."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        if shared is not None:
            # The name cannot be a parameter. It comes from the database, and is hexadecimal with hyphens.
            await connection.execute(f"SET TRANSACTION SNAPSHOT '{shared}'")
        await connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


async def read_log(connection: Connection, log_id: int, after: int = FIRST, until: int = LAST) -> Section:
    """Check the chain of the log from behind one position up to another."""
    stored = await connection.fetchrow(
        f"SELECT position, log_hash, {_time_of('recorded_at')} FROM record.journey_event "  # noqa: S608 - constants
        "WHERE log_id = $1 AND position <= $2 ORDER BY position DESC LIMIT 1",
        log_id,
        after,
    )
    before = ChainLink() if stored is None else ChainLink(*stored)
    found: list[RecordFinding] = []
    events = 0
    rows = connection.cursor(
        f"SELECT log_id, position, {_time_of('recorded_at')}, journey_hash, log_hash, journey_id, version "  # noqa: S608 - constants
        "FROM record.journey_event WHERE log_id = $1 AND position > $2 AND position <= $3 ORDER BY position",
        log_id,
        after,
        until,
        prefetch=2000,
    )
    async for row in rows:
        found += (
            RecordFinding(row["position"], row["journey_id"], row["version"], kind) for kind in _links(before, row)
        )
        before = ChainLink(row["position"], row["log_hash"], row["recorded_at"])
        events += 1
    return Section(tuple(found), events, before)


async def journeys_of(connection: Connection, log_id: int, after: int = FIRST) -> dict[UUID, int]:
    """Return the journeys that have an event behind a position, or whose head says so, in the order of the table, each
    with how many events its head says it has."""
    rows = await connection.fetch(
        "SELECT found.journey_id, coalesce(j.version, 0) AS events FROM (SELECT journey_id FROM record.journey_event "
        "WHERE log_id = $1 AND position > $2 UNION SELECT journey_id FROM record.journey WHERE log_id = $1 "
        "AND last_position > $2) AS found LEFT JOIN record.journey j "
        "ON j.log_id = $1 AND j.journey_id = found.journey_id ORDER BY journey_id",
        log_id,
        after,
        timeout=HOURS,
    )
    return {row["journey_id"]: row["events"] for row in rows}


def pages(journeys: Mapping[UUID, int]) -> Iterator[list[UUID]]:
    """Yield journeys, given with how many events each has, in groups of a limited size. An enormous one is alone."""
    page: list[UUID] = []
    size = 0
    for journey_id, events in journeys.items():
        if page and (len(page) == PAGE or size + events > PAGE_EVENTS):
            yield page
            page, size = [], 0
        page.append(journey_id)
        size += events
    if page:
        yield page


async def read_journeys(
    connection: Connection, log_id: int, journeys: Sequence[UUID]
) -> Iterator[tuple[UUID, Sequence[DatabaseRow], DatabaseRow | None]]:
    """Yield each of these journeys with its events in order of version, and its head."""
    rows = await connection.fetch(
        f"SELECT {EVENT} FROM record.journey_event "  # noqa: S608 - constants
        "WHERE log_id = $1 AND journey_id = ANY($2) ORDER BY journey_id, version",
        log_id,
        journeys,
        timeout=HOURS,
    )
    heads = await connection.fetch(
        "SELECT * FROM record.journey WHERE log_id = $1 AND journey_id = ANY($2)", log_id, journeys
    )
    events = {journey_id: list(of_one) for journey_id, of_one in groupby(rows, itemgetter("journey_id"))}
    head = {row["journey_id"]: row for row in heads}
    return ((each, events.get(each, ()), head.get(each)) for each in journeys)


def journey_findings(
    journey_id: UUID, events: Sequence[DatabaseRow], head: DatabaseRow | None
) -> Iterator[RecordFinding]:
    """Yield what is wrong with the events of one journey (in order of version), with their chain, or with its head."""
    version, journey_hash, position = 0, _START, 0
    for event in events:
        place = (event["position"], journey_id, event["version"])
        if event["version"] != version + 1:
            yield RecordFinding(*place, "version")
        if event["content_hash"] != _content_hash(event):
            yield RecordFinding(*place, "content")
        link = (b"carepath/journey/1", journey_hash, _int(event["version"]), event["content_hash"])
        if event["journey_hash"] != _hash(*link):
            yield RecordFinding(*place, "journey_chain")
        version, journey_hash, position = event["version"], event["journey_hash"], event["position"]
    said = None if head is None else (head["version"], head["journey_hash"], head["last_position"])
    if said != (version, journey_hash, position) and (events or head is not None):
        yield RecordFinding(position, journey_id, version, "head")


async def read_access(connection: Connection, log_id: int, after: int = 0) -> tuple[list[RecordFinding], int]:
    """Check the chain of the access log from behind a number. Return what is wrong, by number, and how many entries it
    has there."""
    before = await connection.fetchrow(
        f"SELECT number, chain_hash, {_time_of('sealed_at')} FROM record.access_seal "  # noqa: S608 - constants
        "WHERE log_id = $1 AND number = $2",
        log_id,
        after,
    )
    number, chain, sealed = (0, _START, None) if before is None else tuple(before)
    found: list[RecordFinding] = []
    counted = 0
    rows = connection.cursor(
        f"SELECT s.log_id, s.entry_id, number, {_time_of('sealed_at')}, content_hash, chain_hash, a.* "  # noqa: S608 - constants
        f"FROM record.access_seal s LEFT JOIN (SELECT log_id AS log, entry_id AS id, true AS there, {_ACCESS} "
        "FROM record.access_log) a ON log = s.log_id AND id = s.entry_id "
        "WHERE s.log_id = $1 AND number > $2 ORDER BY number",
        log_id,
        number,
        prefetch=2000,
    )
    async for row in rows:
        journey_id = row["journeys"][0] if row["there"] and row["journeys"] else None
        found += [RecordFinding(row["number"], journey_id, None, kind) for kind in _sealed(number, chain, sealed, row)]
        number, chain, sealed = row["number"], row["chain_hash"], row["sealed_at"]
        counted += 1
    passed_over = await connection.fetch(
        "SELECT journeys FROM record.access_log a WHERE log_id = $1 AND at < least($2::timestamptz, (SELECT max(l.at) "
        "FROM record.access_log l JOIN record.access_seal s USING (log_id, entry_id) WHERE s.log_id = $1 "
        "AND s.number > $3::bigint - 1000)) - interval '1 hour' "
        "AND NOT EXISTS (SELECT FROM record.access_seal s WHERE s.log_id = $1 AND s.entry_id = a.entry_id)",
        log_id,
        sealed,
        number,
        timeout=HOURS,
    )
    found += [RecordFinding(number, next(iter(row["journeys"]), None), None, "access_unsealed") for row in passed_over]
    return found, counted


def _sealed(number: int, chain: bytes, sealed: datetime | None, row: DatabaseRow) -> Iterator[AccessFlaw]:
    if row["number"] != number + 1:
        yield "access_gap"
    if row["sealed_at"] is None or (sealed is not None and row["sealed_at"] < sealed):
        yield "access_clock"
    if not row["there"]:
        yield "access_gone"
    elif _access_hash(row) != row["content_hash"]:
        yield "access_content"
    link = (chain, _int(row["log_id"]), _int(row["number"]), _time(row["sealed_at"]), row["content_hash"])
    if row["chain_hash"] != _hash(b"carepath/access-log/1", *link):
        yield "access_chain"


def _access_hash(row: DatabaseRow) -> bytes:
    definition = row["definition"]
    return _hash(
        b"carepath/access/1",
        row["entry_id"].bytes,
        _time(row["at"]),
        *_spelled(row["reader_id"], row["reader_role"], row["purpose"]),
        _time(row["clock"]),
        *_list(row["command"]),
        _int(row["shown"]),
        *_list(row["journeys"]),
        *_list(row["rows"]),
        _int(row["position"]),
        None if definition is None else _int(definition),
        *_spelled(row["reason"]),
        _time(row["until"]),
    )


def _list(parts: Sequence[object]) -> Iterator[bytes | None]:
    yield _int(len(parts))
    yield from _spelled(*(None if part is None else str(part) for part in parts))


def _spelled(*parts: str | None) -> Iterator[bytes | None]:
    return (None if part is None else part.encode() for part in parts)


def by_place(finding: RecordFinding) -> tuple[int, int, str]:
    """Return the key by which findings are sorted."""
    return finding.position, finding.version or 0, finding.reason


def _links(before: ChainLink, row: DatabaseRow) -> Iterator[Kind]:
    if row["position"] != before.position + 1:
        yield "position"
    if row["recorded_at"] is None or (before.recorded_at is not None and row["recorded_at"] < before.recorded_at):
        yield "clock"
    log_hash = _hash(
        b"carepath/log/1",
        before.log_hash,
        _int(row["log_id"]),
        _int(row["position"]),
        _time(row["recorded_at"]),
        row["journey_hash"],
    )
    if row["log_hash"] != log_hash:
        yield "log_chain"


def _content_hash(event: DatabaseRow) -> bytes:
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
    spelled = [_ABSENT if field is None else len(field).to_bytes(4) + field for field in fields]
    return sha256(b"".join(spelled)).digest()


def _int(number: int) -> bytes:
    return number.to_bytes(8, signed=True)


def _time(instant: datetime | None) -> bytes | None:
    return None if instant is None else _int((instant - _EPOCH) // _MICROSECOND)
