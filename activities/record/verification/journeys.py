"""Goes through the record once and proves all that it can show: chains, sign-offs, and the rows people work from.

Everything is read in one snapshot: first the log in order of position, without contents, then the journeys, some at a
time, where each event is read and parsed once for all that is asked of it. A large log is shared among processes.
"""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, suppress
from itertools import islice, pairwise
from multiprocessing import get_context
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID
from zoneinfo import reset_tzpath

from activities.record.event_codec import from_stored
from activities.record.read_models.rows import DEFINITION, TABLES, Key, ProjectionState, apply, rows
from activities.record.read_models.rows import Row as Shown
from activities.record.read_models.tables import read
from activities.record.store import Record, Reopen, StoredEvent, patient_key
from activities.record.verification.chains import (
    EVENT,
    FIRST,
    HOURS,
    LAST,
    Connection,
    DatabaseRow,
    Finding,
    Section,
    by_place,
    journey_findings,
    journeys_of,
    pages,
    read_journeys,
    read_log,
    snapshot,
)
from activities.record.verification.sign_offs import SIGNED, check_event, is_sign_off, nonce
from activities.record.verification.verify_export import Keys
from workflows.journey.aggregate import Journey, begin, evolve
from workflows.journey.events import Event

ALONE = 20_000
"""Events up to which one process is done sooner than several have started."""
SECTION = 50_000
"""Positions of the log that are read in one go."""

_Step: TypeAlias = Callable[..., Awaitable[Any]]
_Spread: TypeAlias = Callable[[_Step, Iterable[tuple[Any, ...]]], AsyncIterator[Any]]


class Live(NamedTuple):
    """The generation of the read models that people see, and the position it is true up to."""

    generation: int
    position: int


class Use(NamedTuple):
    """Where the number of a signature stands."""

    position: int
    journey_id: UUID
    version: int
    nonce: str


class JourneyFindings(NamedTuple):
    """What was found in some journeys, how much was looked at, and the signatures that were used in them."""

    findings: tuple[Finding, ...] = ()
    events: int = 0
    position: int = 0
    illustrative: int = 0
    sign_offs: int = 0
    used: tuple[Use, ...] = ()


class VerificationResult(NamedTuple):
    """What was found, oldest first, and what was looked at.

    ``events`` were read up to ``position``, where ``log_hash`` is the log's; ``judged`` are the events of ``journeys``,
    from the beginning of each. Where one journey was asked for, its events are all that was read, and there is no hash:
    other journeys' events bear out its place in the log. ``live`` is None where rows were not compared.
    """

    findings: tuple[Finding, ...]
    events: int
    position: int
    log_hash: bytes | None
    journeys: Sequence[UUID]
    judged: int
    illustrative: int
    sign_offs: int
    live: Live | None


async def verify_record(
    record: Record,
    *,
    keys: Keys | None = None,
    read_models: bool = False,
    journey_id: UUID | None = None,
    after: int | None = None,
    progress: Callable[[int], None] = lambda _judged: None,
    alone: int = ALONE,
    section: int = SECTION,
) -> VerificationResult:
    """Check a log: with ``keys`` every sign-off too, with ``read_models`` also the rows people work from.

    With ``journey_id`` that journey alone, and whether its signatures were used elsewhere. With ``after`` what came
    behind that position, and from their beginnings the journeys in which something did; what lies before, and other
    journeys' signatures, are taken as given. ``progress`` is told how many events were judged.

    A log of more than ``alone`` events is read by as many processes as there are processors, if the record can be
    opened again, ``section`` positions of it in one go or a thousandth of them.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
    """
    log_id, start = record.log_id, FIRST if after is None else after
    async with record.connection() as connection, snapshot(connection):
        live = await _live(connection, log_id) if read_models else None
        journeys = [journey_id] if journey_id is not None else await journeys_of(connection, log_id, start)
        last = await connection.fetchval(
            "SELECT max(position) FROM record.journey_event WHERE log_id = $1 AND position > $2", log_id, start
        )
        many = journey_id is None and last is not None and last - max(start, 0) > alone
        async with _shared_by(record, connection, record.reopen if many else None) as spread:
            parts: list[Section] = []
            if journey_id is None:
                parts = [part async for part in spread(_section, _sections(start, last, section))]
            judged: list[JourneyFindings] = []
            async for some in spread(_judge, ((page, keys, live) for page in pages(journeys))):
                judged.append(some)
                progress(sum(each.events for each in judged))
        used = [use for each in judged for use in each.used]
        findings = [finding for part in parts for finding in part.findings]
        findings += (finding for each in judged for finding in each.findings)
        if journey_id is not None:
            used += await _used_elsewhere(connection, record, journey_id)
        elif live is not None and after is None:
            findings += await _strangers(connection, live, journeys)
    findings += (finding for finding in _reused(used) if journey_id in (None, finding.journey_id))
    end = max((part.end for part in parts), key=itemgetter(0), default=None)
    return VerificationResult(
        findings=tuple(sorted(findings, key=by_place)),
        events=sum(part.events for part in parts) if parts else sum(each.events for each in judged),
        position=max(each.position for each in judged) if end is None else end.position,
        log_hash=None if end is None else end.log_hash,
        journeys=journeys,
        judged=sum(each.events for each in judged),
        illustrative=sum(each.illustrative for each in judged),
        sign_offs=sum(each.sign_offs for each in judged),
        live=live,
    )


def verify_journey(
    history: Sequence[StoredEvent], keys: Keys | None, until: int = 0
) -> tuple[JourneyFindings, Journey | None, ProjectionState | None]:
    """Go through one journey, given in order of version: what is wrong with its sign-offs, how it stands after all that
    can be read, and its state up to a position of the log, as far as it can be followed.

    A row that cannot be read counts as not having happened, and the rows after it are judged without it.
    """
    journey: Journey | None = None
    state: ProjectionState | None = None
    shown: ProjectionState | None = None
    found: list[Finding] = []
    used: list[Use] = []
    sign_offs = 0
    for number, stored in enumerate(history):
        event, before = _event(stored), journey
        try:
            if event is not None and (journey is not None or number == 0):
                journey, state = _applied(journey, state, event, stored)
        except Exception:
            event = None
        state = None if event is None else state
        if state is not None and stored.position <= until:
            shown = state
        if keys is None:
            continue
        place = (stored.position, stored.journey_id, stored.version)
        found += (Finding(*place, reason) for reason in check_event(before, stored, event, keys))
        sign_offs += is_sign_off(stored, event)
        if (number_used := nonce(stored, event)) is not None:
            used.append(Use(*place, number_used))
    judged = JourneyFindings(
        findings=tuple(found),
        events=len(history),
        position=max((stored.position for stored in history), default=0),
        illustrative=int(journey is not None and journey.illustrative),
        sign_offs=sign_offs,
        used=tuple(used),
    )
    return judged, journey, shown


def _event(stored: StoredEvent) -> Event | None:
    """What a row reads as; whoever forges a row may put anything there."""
    try:
        return from_stored(stored)
    except Exception:
        return None


def _applied(
    journey: Journey | None, state: ProjectionState | None, event: Event, stored: StoredEvent
) -> tuple[Journey, ProjectionState | None]:
    """A journey and its state after one more event. Where its state cannot be followed the journey goes on alone."""
    if state is not None or journey is None:
        with suppress(Exception):
            state = apply(state, event, stored.position, stored.recorded_at)
            return state.journey, state
    return begin(event) if journey is None else evolve(journey, event), None


async def _section(record: Record, connection: Connection, after: int, until: int) -> Section:
    return await read_log(connection, record.log_id, after, until)


def _sections(after: int, last: int | None, least: int) -> Iterator[tuple[int, int]]:
    """From and to which positions, beginning behind one."""
    start, end = max(after, 0), last or 0
    size = max(least, (end - start) // 1000)
    ends = range(start + size, end, size)
    return pairwise((after, *ends, LAST))


async def _judge(
    record: Record, connection: Connection, journeys: Sequence[UUID], keys: Keys | None, live: Live | None
) -> JourneyFindings:
    """Everything about some journeys."""
    found: list[Finding] = []
    judged: list[JourneyFindings] = []
    states: dict[UUID, ProjectionState | None] = {}
    for journey_id, events, head in await read_journeys(connection, record.log_id, journeys):
        found += journey_findings(journey_id, events, head)
        if keys is None and live is None:
            judged.append(
                JourneyFindings(events=len(events), position=max((row["position"] for row in events), default=0))
            )
            continue
        history = [_stored(record, row) for row in events]
        one, journey, states[journey_id] = verify_journey(history, keys, 0 if live is None else live.position)
        judged.append(one)
        if head is not None and journey is not None and _differs(head, journey):
            found.append(Finding(head["last_position"], journey_id, journey.version, "head_differs"))
    if live is not None:
        found += await _differing(connection, live, states)
    return JourneyFindings(
        findings=(*found, *(finding for one in judged for finding in one.findings)),
        events=sum(one.events for one in judged),
        position=max((one.position for one in judged), default=0),
        illustrative=sum(one.illustrative for one in judged),
        sign_offs=sum(one.sign_offs for one in judged),
        used=tuple(use for one in judged for use in one.used),
    )


def _differs(head: DatabaseRow, journey: Journey) -> bool:
    """Whether a head says otherwise than its events who the patient is, on which pathway, or whether it is over. A
    journey that nobody enrolled has neither."""
    said = {
        "status": "closed" if journey.closed else "open",
        "pathway": journey.protocol.pathway,
        "patient_key": patient_key(journey.patient.ref),
    }
    return any(head[name] not in (None, value) for name, value in said.items())


def _stored(record: Record, row: DatabaseRow) -> StoredEvent:
    """The event of a row. One that cannot be decoded has no content, which is found as such."""
    try:
        return record.decoded(row)
    except Exception:
        return StoredEvent.model_construct(**{**row, "payload": b""})


async def _live(connection: Connection, log_id: int) -> Live | None:
    """What people work from, unless it is of another version of this program, or of another log."""
    row = await connection.fetchrow(
        "SELECT id, position FROM read_model.generation WHERE status = 'live' AND log_id = $1 AND definition = $2",
        log_id,
        DEFINITION,
    )
    if row is None:
        return None
    for table in (*(table.name for table in TABLES.values()), "poisoned"):
        # Held until the end: what is read must not be dropped by rebuilds meanwhile.
        await connection.execute(f"SELECT FROM read_model_{row['id']:d}.{table} LIMIT 0")
    return Live(*row)


async def _differing(
    connection: Connection, live: Live, states: Mapping[UUID, ProjectionState | None]
) -> Iterable[Finding]:
    """The journeys whose rows are not those that a fresh fold gives, and those whose rows are known not to go on."""
    poisoned = await connection.fetch(
        f"SELECT position, journey_id, version FROM read_model_{live.generation:d}.poisoned "  # noqa: S608 - a number
        "WHERE journey_id = ANY($1)",
        list(states),
    )
    stale = [Finding(row["position"], row["journey_id"], row["version"], "rows_stale") for row in poisoned]
    known = {finding.journey_id for finding in stale}
    kept = await read(connection, live.generation, [each for each in states if each not in known])
    fresh = {key: row for each, state in states.items() if each not in known for key, row in _fresh(state).items()}
    differing = {key[1] for key in fresh.keys() | kept.keys() if fresh.get(key) != kept.get(key)}
    return (*stale, *(Finding(live.position, journey_id, None, "rows_differ") for journey_id in differing))


def _fresh(state: ProjectionState | None) -> Mapping[Key, Shown]:
    """The rows of a state. One that cannot be shown has none; whoever projects marks its journey as stale."""
    try:
        return rows(state)
    except Exception:
        return {}


async def _strangers(connection: Connection, live: Live, journeys: Iterable[UUID]) -> Iterator[Finding]:
    """Rows of journeys that nothing is recorded of."""
    found: set[UUID] = set()
    for table in TABLES.values():
        shown = await connection.fetch(
            f"SELECT DISTINCT journey_id FROM read_model_{live.generation:d}.{table.name}",  # noqa: S608 - constants
            timeout=HOURS,
        )
        found |= {row["journey_id"] for row in shown}
    return (Finding(live.position, each, None, "rows_differ") for each in found.difference(journeys))


async def _used_elsewhere(connection: Connection, record: Record, journey_id: UUID) -> list[Use]:
    """The signatures in other journeys' decisions and delegations."""
    signed = connection.cursor(
        f"SELECT {EVENT} FROM record.journey_event "  # noqa: S608 - constants
        "WHERE log_id = $1 AND journey_id <> $2 AND event_type = ANY($3)",
        record.log_id,
        journey_id,
        SIGNED,
        prefetch=500,
    )
    found = [(stored, nonce(stored)) async for stored in (_stored(record, row) async for row in signed)]
    return [Use(s.position, s.journey_id, s.version, number) for s, number in found if number is not None]


def _reused(used: Iterable[Use]) -> Iterator[Finding]:
    """Every use of a signature's number but the first."""
    seen: set[str] = set()
    for use in sorted(used):
        if use.nonce in seen:
            yield Finding(use.position, use.journey_id, use.version, "nonce_reused")
        seen.add(use.nonce)


@asynccontextmanager
async def _shared_by(record: Record, connection: Connection, reopen: Reopen | None) -> AsyncIterator[_Spread]:
    """What takes a step for each of the things it is given, in any order: here, or, with ``reopen``, in processes of
    their own that look at the same snapshot."""

    async def here(step: _Step, given: Iterable[tuple[Any, ...]]) -> AsyncIterator[Any]:
        for each in given:
            yield await step(record, connection, *each)

    if reopen is None:
        yield here
        return

    exported = await connection.fetchval("SELECT pg_export_snapshot()")
    processes = os.cpu_count() or 1

    async def there(step: _Step, given: Iterable[tuple[Any, ...]]) -> AsyncIterator[Any]:
        loop, left = asyncio.get_running_loop(), iter(given)
        waiting: set[asyncio.Future[Any]] = set()
        try:
            while True:
                for each in islice(left, 2 * processes - len(waiting)):
                    waiting.add(loop.run_in_executor(pool, _opened, reopen, exported, step, each))
                if not waiting:
                    return
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in done:
                    waiting.remove(one)
                    yield one.result()
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    # Spawned, not forked: this process has threads and connections that must not be in two processes.
    with ProcessPoolExecutor(processes, get_context("spawn"), _begun) as pool:
        yield there


def _begun() -> None:
    """As in starter.py: the zone database is the one pinned with this build. Whoever is interrupted ends us."""
    reset_tzpath(to=())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Looking for rubbish while a journey is held in memory costs a tenth of the time; it is done after each step.
    gc.freeze()
    gc.disable()


def _opened(reopen: Reopen, exported: str, step: _Step, given: tuple[Any, ...]) -> Any:
    """A step in a process of its own."""

    async def taken() -> Any:
        async with (
            reopen() as record,
            record.connection() as connection,
            snapshot(connection, exported),
        ):
            return await step(record, connection, *given)

    try:
        return asyncio.run(taken())
    finally:
        gc.collect()
