"""Verifies the record in one pass: chains, sign-offs, and the rows that people work from.

Everything is read in one snapshot. First comes the log in order of position, without contents; then the journeys, in
groups, where each event is read and parsed once for all checks. A large log is shared among processes.
"""

import asyncio
import gc
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, suppress
from itertools import groupby, islice, pairwise
from multiprocessing import get_context
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from activities.privacy.patient_keys import PatientKeys
from activities.record.patients import known_as
from activities.record.read_models.rows import DEFINITION, TABLES, Key, ProjectionState, apply, rows
from activities.record.read_models.rows import Row as Shown
from activities.record.read_models.tables import read
from activities.record.store import (
    COMMAND_COLUMNS,
    COMMANDS,
    Log,
    Record,
    Reopen,
    StoredCommand,
    StoredEvent,
)
from activities.record.verification.builds import Build
from activities.record.verification.chains import (
    EVENT,
    FIRST,
    HOURS,
    LAST,
    Connection,
    DatabaseRow,
    RecordFinding,
    Section,
    by_place,
    journey_findings,
    journeys_of,
    pages,
    read_journeys,
    read_log,
    snapshot,
)
from activities.record.verification.derivation import derive_again, readable_event
from activities.record.verification.patients import (
    KnownPatient,
    Placed,
    check_patient,
    find_mistaken,
    journeys_by_patient,
)
from activities.record.verification.sign_offs import check_event, check_session, is_sign_off, nonce
from activities.record.verification.times import check_times
from activities.record.verification.verify_export import SIGNED, Keys
from workflows.journey.aggregate import Journey, begin, evolve
from workflows.journey.decided import DecidedBy
from workflows.journey.events import Event

ALONE = 20_000
"""Up to this many events, one process is faster than starting several."""
SECTION = 50_000
"""How many positions are read at a time, unless that made more than a thousand parts."""

_Step: TypeAlias = Callable[..., Awaitable[Any]]
_Spread: TypeAlias = Callable[[_Step, Iterable[tuple[Any, ...]]], AsyncIterator[Any]]


class Live(NamedTuple):
    """The generation of the read models that people see, and up to which position it is true."""

    generation: int
    position: int


class Use(NamedTuple):
    """Where a signature's nonce is used."""

    position: int
    journey_id: UUID
    version: int
    nonce: str


class JourneyFindings(NamedTuple):
    """What was found in some journeys, how much was checked, and the signatures that are used in them."""

    findings: tuple[RecordFinding, ...] = ()
    events: int = 0
    position: int = 0
    illustrative: int = 0
    sign_offs: int = 0
    used: tuple[Use, ...] = ()
    patients: tuple[KnownPatient, ...] = ()
    derived: int = 0
    others: tuple[tuple[DecidedBy, int], ...] = ()
    underived: tuple[UUID, ...] = ()
    late: int = 0


class VerificationResult(NamedTuple):
    """What was found, oldest first, and what was checked.

    ``events`` were read up to ``position``, where the log has the hash ``log_hash``. ``judged`` counts the events of
    ``journeys``, each from its beginning. For a single journey only its own events are read and there is no hash,
    because its place in the log can only be checked with other journeys' events. ``live`` is None where rows were not
    compared. ``derived`` counts the events that their commands gave again, and ``others`` those that other rules than
    the present ones decided, by which; ``by_builds`` says how many of the derived ones each given build gave, 0 for one
    that decided nothing of this. ``late`` counts the events that were recorded late. The times of a log that was
    created as a ``demonstration`` may be invented, and were not checked: there ``late`` is None.
    """

    findings: tuple[RecordFinding, ...]
    events: int
    position: int
    log_hash: bytes | None
    journeys: Sequence[UUID]
    judged: int
    illustrative: int
    sign_offs: int
    live: Live | None
    derived: int
    others: Mapping[DecidedBy, int]
    by_builds: Mapping[DecidedBy, int]
    late: int | None
    demonstration: bool


async def verify_record(
    record: Record,
    *,
    keys: Keys | None = None,
    read_models: bool = False,
    derive: bool = False,
    builds: Sequence[Build] = (),
    journey_id: UUID | None = None,
    after: int | None = None,
    progress: Callable[[int], None] = lambda _judged: None,
    alone: int = ALONE,
    section: int = SECTION,
) -> VerificationResult:
    """Check a log: with ``keys`` every sign-off too, with ``read_models`` also the rows people work from, and with
    ``derive`` that all of it follows from its commands.

    With ``journey_id`` only that journey is checked, and whether its signatures are used elsewhere. With ``after`` the
    log is checked from behind that position, and each journey that has an event there is checked from its beginning;
    the log before it and other journeys' signatures are trusted. A log of more than ``alone`` events is read by as many
    processes as there are processors, if the record can be opened again, and each reads at least ``section`` positions
    at a time. What other rules decided is asked of the ``builds`` that have them. ``progress`` is called with how many
    events were judged.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
        BuildError: a build does not answer.
    """
    log_id, start = record.log_id, FIRST if after is None else after
    demonstration = (await record.log()).demonstration
    async with record.connection() as connection, snapshot(connection):
        live = await _find_live(connection, log_id) if read_models else None
        sizes = {journey_id: 0} if journey_id is not None else await journeys_of(connection, log_id, start)
        journeys = list(sizes)
        last = await connection.fetchval(
            "SELECT max(position) FROM record.journey_event WHERE log_id = $1 AND position > $2", log_id, start
        )
        many = journey_id is None and last is not None and last - max(start, 0) > alone
        async with _spread(record, connection, record.reopen if many else None) as spread:
            parts: list[Section] = []
            if journey_id is None:
                parts = [part async for part in spread(_section, _sections(start, last, section))]
            judged: list[JourneyFindings] = []
            async for some in spread(_judge, ((page, keys, live, derive, demonstration) for page in pages(sizes))):
                judged.append(some)
                progress(sum(each.events for each in judged))
        used = [use for each in judged for use in each.used]
        findings = [finding for part in parts for finding in part.findings]
        findings += (finding for each in judged for finding in each.findings)
        others = sum((Counter(dict(each.others)) for each in judged), Counter[DecidedBy]())
        underived = [each for some in judged for each in some.underived]
        derived = sum(each.derived for each in judged)
        # Each rules once: neither these, nor those of a build that was named twice, are counted again.
        asked = {build.by: build for build in builds if build.by in others}
        by_builds = dict.fromkeys((build.by for build in builds), 0)
        for by, events, odd in await _ask_builds(record, connection, underived, asked.values()):
            others[by] -= events
            derived += events
            by_builds[by] += events
            findings += odd
        several = await journeys_by_patient(connection, log_id)
        wanted = {*journeys}
        for group in several:
            if wanted & {*group}:
                read = await read_journeys(connection, log_id, group)
                patient = {each: await _placed(record, events) for each, events, _ in read}
                found = check_patient(record.patients, patient)
                findings += (finding for finding in found if finding.journey_id in wanted)
        if journey_id is None and after is None:
            findings += await find_mistaken(connection, log_id, (known for each in judged for known in each.patients))
        if journey_id is not None:
            used += await _load_used_elsewhere(connection, record, journey_id)
        elif live is not None and after is None:
            findings += await _find_strangers(connection, live, journeys)
    findings += (finding for finding in _find_reused(used) if journey_id in (None, finding.journey_id))
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
        derived=derived,
        others=+others,
        by_builds=by_builds,
        late=None if demonstration else sum(each.late for each in judged),
        demonstration=demonstration,
    )


def verify_journey(
    history: Sequence[StoredEvent], keys: Keys | None, until: int = 0, *, log: Log | None = None
) -> tuple[JourneyFindings, Journey | None, ProjectionState | None]:
    """Check one journey of this log, given in order of version. Return what is wrong with its sign-offs and with the
    proofs of who acted, its state after all that can be read, and its state for the read models up to a position, as
    far as events can be applied.

    A row that cannot be read counts as not having happened, and the rows after it are judged without it.
    """
    journey: Journey | None = None
    state: ProjectionState | None = None
    shown: ProjectionState | None = None
    found: list[RecordFinding] = []
    used: list[Use] = []
    proven: set[str] = set()
    sign_offs = 0
    for number, stored in enumerate(history):
        event, before = readable_event(stored), journey
        try:
            if event is not None and (journey is not None or number == 0):
                journey, state = _apply_event(journey, state, event, stored)
        except Exception:
            event = None
        state = None if event is None else state
        if state is not None and stored.position <= until:
            shown = state
        place = (stored.position, stored.journey_id, stored.version)
        if keys is None:
            if event is None:
                found.append(RecordFinding(*place, "unreadable"))
            continue
        found += (RecordFinding(*place, reason) for reason in check_event(before, stored, event, keys, log))
        found += (
            RecordFinding(*place, reason) for reason in check_session(before, stored, keys, proven, log and log.name)
        )
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


def _apply_event(
    journey: Journey | None, state: ProjectionState | None, event: Event, stored: StoredEvent
) -> tuple[Journey, ProjectionState | None]:
    """Apply one more event to a journey and to its state for read models. When the latter fails, the journey goes on
    without it."""
    if state is not None or journey is None:
        with suppress(Exception):
            state = apply(state, event, stored.position, stored.recorded_at)
            return state.journey, state
    return begin(event) if journey is None else evolve(journey, event), None


async def _section(record: Record, connection: Connection, after: int, until: int) -> Section:
    return await read_log(connection, record.log_id, after, until)


def _sections(after: int, last: int | None, least: int) -> Iterator[tuple[int, int]]:
    """Split the log behind a position into sections: from which position, up to which."""
    start, end = max(after, 0), last or 0
    size = max(least, (end - start) // 1000)
    ends = range(start + size, end, size)
    return pairwise((after, *ends, LAST))


async def _judge(
    record: Record,
    connection: Connection,
    journeys: Sequence[UUID],
    keys: Keys | None,
    live: Live | None,
    derive: bool,
    demonstration: bool,
) -> JourneyFindings:
    """Run all checks on some journeys; not that of times in a ``demonstration``, where they may be invented."""
    found: list[RecordFinding] = []
    judged: list[JourneyFindings] = []
    states: dict[UUID, ProjectionState | None] = {}
    log = None if keys is None else await record.log()
    patients: list[KnownPatient] = []
    derived, others, late, underived = 0, Counter[DecidedBy](), 0, list[UUID]()
    commands = await read_commands(connection, record, journeys) if derive else {}
    for journey_id, events, head in await read_journeys(connection, record.log_id, journeys):
        found += journey_findings(journey_id, events, head)
        if demonstration and keys is None and live is None and not derive:
            judged.append(
                JourneyFindings(events=len(events), position=max((row["position"] for row in events), default=0))
            )
            continue
        history = await record.decoded(events)
        one, journey, states[journey_id] = verify_journey(history, keys, 0 if live is None else live.position, log=log)
        judged.append(one)
        late += sum(stored.late for stored in history)
        if not demonstration:
            timed = ((each, reason) for each in history if each.readable for reason in check_times(each))
            found += (RecordFinding(each.position, journey_id, each.version, reason) for each, reason in timed)
        if derive:
            derivation = derive_again(history, commands.get(journey_id, ()))
            found += (
                RecordFinding(fault.position, journey_id, fault.version, fault.reason) for fault in derivation.faults
            )
            derived += derivation.derived
            others.update(derivation.others)
            underived += [journey_id] if derivation.others else []
        if head is not None and head["patient_key"] is not None and journey is not None:
            patients.append(KnownPatient(journey.id, head["last_position"], sorted(known_as(record.patients, journey))))
        if head is not None and journey is not None and _differs(record.patients, head, journey):
            found.append(RecordFinding(head["last_position"], journey_id, journey.version, "head_differs"))
    if live is not None:
        found += await _find_differing(connection, live, states)
    return JourneyFindings(
        findings=(*found, *(finding for one in judged for finding in one.findings)),
        events=sum(one.events for one in judged),
        position=max((one.position for one in judged), default=0),
        illustrative=sum(one.illustrative for one in judged),
        sign_offs=sum(one.sign_offs for one in judged),
        used=tuple(use for one in judged for use in one.used),
        patients=tuple(patients),
        derived=derived,
        others=tuple(others.items()),
        underived=tuple(underived),
        late=late,
    )


async def _ask_builds(
    record: Record, connection: Connection, journeys: Sequence[UUID], builds: Collection[Build]
) -> list[tuple[DecidedBy, int, list[RecordFinding]]]:
    """Have other builds decide again what they decided of these journeys. Return of each build and journey how many
    events it has derived, and what differs."""
    told = []
    for journey_id in journeys if builds else ():
        commands = (await read_commands(connection, record, [journey_id])).get(journey_id, [])
        for _, events, _ in await read_journeys(connection, record.log_id, [journey_id]):
            history = [each for each in await record.decoded(events) if each.readable]
            for build in builds:
                derived, faults = await build.derive(history, commands)
                odd = [RecordFinding(each.position, journey_id, each.version, each.reason) for each in faults]
                told.append((build.by, derived, odd))
    return told


async def read_commands(
    connection: Connection, record: Record, journeys: Sequence[UUID]
) -> Mapping[UUID, Sequence[StoredCommand]]:
    """Return the commands of these journeys, in order of version."""
    rows = await connection.fetch(
        f"SELECT {COMMAND_COLUMNS} FROM {COMMANDS} "  # noqa: S608 - constants
        "WHERE c.log_id = $1 AND c.journey_id = ANY($2) ORDER BY c.journey_id, c.version",
        record.log_id,
        journeys,
        timeout=HOURS,
    )
    read = await record.commands_of(rows)
    return {journey_id: list(of_one) for journey_id, of_one in groupby(read, attrgetter("journey_id"))}


async def _placed(record: Record, rows: Sequence[DatabaseRow]) -> list[Placed]:
    """Return the events of a journey that can be read, up to the first that cannot."""
    placed: list[Placed] = []
    for stored in await record.decoded(rows):
        event = readable_event(stored)
        if event is None:
            break
        placed.append(Placed(stored.position, event))
    return placed


def _differs(patients: PatientKeys, head: DatabaseRow, journey: Journey) -> bool:
    """Whether a head contradicts its events about the patient, or whether the journey is over. One that was not
    opened with its patient's keys has no patient in its head."""
    said = {
        "status": "closed" if journey.closed else "open",
        "medicine": journey.protocol.dose.medicine,
        "patient_key": patients.of_ref(journey.patient.ref),
    }
    return any(head[name] not in (None, value) for name, value in said.items())


async def _find_live(connection: Connection, log_id: int) -> Live | None:
    """Return the live generation, unless it is of another version of this program or of another log."""
    row = await connection.fetchrow(
        "SELECT id, position FROM read_model.generation WHERE status = 'live' AND log_id = $1 AND definition = $2",
        log_id,
        DEFINITION,
    )
    if row is None:
        return None
    for table in (*(table.name for table in TABLES.values()), "poisoned"):
        # The lock is held until the end, so that no rebuild drops what is being read.
        await connection.execute(f"SELECT FROM read_model_{row['id']:d}.{table} LIMIT 0")
    return Live(*row)


async def _find_differing(
    connection: Connection, live: Live, states: Mapping[UUID, ProjectionState | None]
) -> Iterable[RecordFinding]:
    """Return findings for journeys whose rows differ from a fresh fold, and for those that are marked as stale."""
    poisoned = await connection.fetch(
        f"SELECT position, journey_id, version FROM read_model_{live.generation:d}.poisoned "  # noqa: S608 - a number
        "WHERE journey_id = ANY($1)",
        list(states),
    )
    stale = [RecordFinding(row["position"], row["journey_id"], row["version"], "rows_stale") for row in poisoned]
    known = {finding.journey_id for finding in stale}
    kept = await read(connection, live.generation, [each for each in states if each not in known])
    fresh = {key: row for each, state in states.items() if each not in known for key, row in _make_rows(state).items()}
    differing = {key[1] for key in fresh.keys() | kept.keys() if fresh.get(key) != kept.get(key)}
    return (*stale, *(RecordFinding(live.position, journey_id, None, "rows_differ") for journey_id in differing))


def _make_rows(state: ProjectionState | None) -> Mapping[Key, Shown]:
    """Return the rows of a state; none when they cannot be made, since the projector then marks the journey as
    stale."""
    try:
        return rows(state)
    except Exception:
        return {}


async def _find_strangers(connection: Connection, live: Live, journeys: Iterable[UUID]) -> Iterator[RecordFinding]:
    """Return findings for rows of journeys that the record does not know."""
    found: set[UUID] = set()
    for table in TABLES.values():
        shown = await connection.fetch(
            f"SELECT DISTINCT journey_id FROM read_model_{live.generation:d}.{table.name}",  # noqa: S608 - constants
            timeout=HOURS,
        )
        found |= {row["journey_id"] for row in shown}
    return (RecordFinding(live.position, each, None, "rows_differ") for each in found.difference(journeys))


async def _load_used_elsewhere(connection: Connection, record: Record, journey_id: UUID) -> list[Use]:
    """Return the signatures in other journeys' decisions and delegations."""
    signed = await connection.cursor(
        f"SELECT {EVENT} FROM record.journey_event "  # noqa: S608 - constants
        "WHERE log_id = $1 AND journey_id <> $2 AND event_type = ANY($3)",
        record.log_id,
        journey_id,
        SIGNED,
    )
    used: list[Use] = []
    while rows := await signed.fetch(500):
        found = [(stored, nonce(stored)) for stored in await record.decoded(rows)]
        used += (Use(s.position, s.journey_id, s.version, number) for s, number in found if number is not None)
    return used


def _find_reused(used: Iterable[Use]) -> Iterator[RecordFinding]:
    """Return a finding for every use of a nonce but the first."""
    seen: set[str] = set()
    for use in sorted(used):
        if use.nonce in seen:
            yield RecordFinding(use.position, use.journey_id, use.version, "nonce_reused")
        seen.add(use.nonce)


@asynccontextmanager
async def _spread(record: Record, connection: Connection, reopen: Reopen | None) -> AsyncIterator[_Spread]:
    """Yield a function that runs a step on each of the given items, in any order: in this process, or with ``reopen``
    in several processes that read the same snapshot."""

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
                    waiting.add(loop.run_in_executor(pool, _run_step, reopen, exported, step, each))
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

    # Spawned, not forked: this process has threads and connections that a copy must not use.
    with ProcessPoolExecutor(processes, get_context("spawn"), _prepare_process) as pool:
        yield there


def _prepare_process() -> None:
    """Set up a child process: leave Ctrl-C to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Garbage collection during a step costs a tenth of its time, so it is done after each step.
    gc.freeze()
    gc.disable()


def _run_step(reopen: Reopen, exported: str, step: _Step, given: tuple[Any, ...]) -> Any:
    """Run a step in a child process."""

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
