"""What the record and its read models promise, as one property that can be run against a changed system.

Writers deliver at least once: they lose connections before a commit and answers after it, and deliver again.
Projectors and rebuilds are killed before any of their statements. A reader follows the log and another watches the
tables all the while. `play` lets them loose on each other and raises `Broken`, with the promise, when one is.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Literal, NamedTuple, TypeAlias, TypeVar
from uuid import UUID, uuid5

import asyncpg

from activities.record import (
    Appended,
    Diverged,
    NewEvent,
    Record,
    RecordFault,
    RecordUnavailable,
    StoredEvent,
    VersionConflict,
)
from activities.record.event_codec import to_new
from activities.record.read_models.claims import claim
from activities.record.read_models.listed import CaseloadFilter, WorklistFilter
from activities.record.read_models.projector import StateCache, advance
from activities.record.read_models.queries import caseload, stale, worklist
from activities.record.read_models.rebuild import BeingRebuilt, rebuild
from activities.record.verification.chains import verify_chains
from deploy.local.postgres import Database
from tests.fixtures.clear import open_clear
from tests.fixtures.everything import everything
from tests.record.connections import Interrupted, One, kill, mortal, on
from tests.record.helpers import follow_log, whole_log
from tests.record.read_models.courses import course_of, differing, put, renamed

T = TypeVar("T")
Turn: TypeAlias = Callable[[Record, UUID], Awaitable[None]]
Fate = Literal["answered", "uncommitted", "unanswered", "cancelled", "blind"]
"""Of a first delivery: it is answered; its connection dies before the commit; its answer is lost after it; nobody
knows how far it came; it is made where what others commit is not seen, and must be refused."""

JOURNEYS = 2
OPENING = 4
"""Events that each journey has before anybody is let loose."""
POISON = "nonsense"
"""The type of events that no build can read."""
PATIENCE = 60
"""So many seconds a script may take, or all that is done at one single point: whoever takes longer waits for ever."""

_logs = count(2)


class Command(NamedTuple):
    """Some events for a journey; how the first delivery ends; how many there are at once, and later, after it."""

    journey: int
    size: int = 1
    fate: Fate = "answered"
    at_once: int = 1
    later: int = 0
    poison: bool = False


class Projector(NamedTuple):
    """How many events it takes at a time, and before which statement each of its first connections is killed."""

    limit: int
    killed: tuple[int, ...] = ()


class Script(NamedTuple):
    """Who is let loose. Each rebuild is killed before so many statements and begun again; 0: it is not killed."""

    writers: Sequence[Sequence[Command]]
    projectors: Sequence[Projector] = (Projector(3), Projector(7))
    rebuilds: Sequence[int] = ()


class Belief(NamedTuple):
    """What a writer was told: where these events of a journey are."""

    journey: UUID
    batch: Sequence[NewEvent]
    answer: Appended


class Broken(AssertionError):
    """A promise was not kept."""


def promised(kept: bool, what: str) -> None:
    if not kept:
        raise Broken(what)


async def play(database: Database, script: Script) -> None:
    """Let everybody in a script loose on an empty log, and look at what there is then.

    Raises:
        Broken: something is not as promised.
    """
    async with empty_log(database) as record:
        journeys = [UUID(int=1000 * record.log_id + n) for n in range(JOURNEYS)]
        for journey in journeys:
            await put(record, renamed(course_of()[:OPENING], journey))
        written = asyncio.Event()

        async def loose(work: Coroutine[None, None, T]) -> T:
            try:
                return await work
            except Exception:
                # A cancellation can be lost where a connection is killed, so everybody is told to end as well.
                written.set()
                raise

        try:
            async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
                following = group.create_task(loose(_follow(record, written)))
                group.create_task(loose(_watch(record, written)))
                for projector in script.projectors:
                    group.create_task(loose(_project(record, projector, written)))
                rebuilding = group.create_task(loose(_rebuild(record, script.rebuilds)))
                writers = [
                    group.create_task(loose(_write(record, journeys, n, commands)))
                    for n, commands in enumerate(script.writers)
                ]
                await asyncio.wait([*writers, rebuilding])
                written.set()
        except* Exception as group:
            error = _first(group)
            raise error if isinstance(error, Broken) else _failed(error) from error
        log = await whole_log(record)
        promised(following.result() == log, "whoever follows the log misses nothing")
        await _check_log(record, log, [writer.result() for writer in writers])
        await _check_tables(record, log)


def _failed(error: BaseException) -> Broken:
    return Broken(f"nobody fails: {type(error).__name__}: {error}")


def _first(group: BaseException) -> BaseException:
    return _first(group.exceptions[0]) if isinstance(group, BaseExceptionGroup) else group


@asynccontextmanager
async def empty_log(database: Database) -> AsyncIterator[Record]:
    """A log of its own, and empty read models of it: as good as a database of its own."""
    log_id = next(_logs)
    owner = await asyncpg.connect(database.owner_url)
    for old in await owner.fetch("SELECT id FROM read_model.generation WHERE status <> 'live'"):
        await owner.execute("SELECT read_model.drop_generation($1)", old["id"])
    live = await owner.fetchval("UPDATE read_model.generation SET log_id = $1, position = 0 RETURNING id", log_id)
    await owner.execute("INSERT INTO record.log (log_id, demonstration) VALUES ($1, true)", log_id)
    tables = await owner.fetch("SELECT tablename AS name FROM pg_tables WHERE schemaname = $1", f"read_model_{live}")
    await owner.execute("TRUNCATE " + ", ".join(f"read_model_{live}.{table['name']}" for table in tables))
    await owner.close()
    async with open_clear(everything(database), log_id=log_id, connections=24) as record:
        yield record


# Those who are let loose


async def _write(record: Record, journeys: Sequence[UUID], number: int, commands: Sequence[Command]) -> list[Belief]:
    believed = []
    for n, command in enumerate(commands):
        journey = journeys[command.journey]
        batch = _batch(journey, number, n, command)
        await _lose(record, journey, batch, command.fate, patience=n + 3)
        answers = await asyncio.gather(*(deliver(record, journey, batch) for _ in range(command.at_once)))
        places = {(answer.first_version, answer.last_version, answer.position) for answer in answers}
        promised(len(places) == 1, "every delivery has the same answer")
        new = sum(not answer.replayed for answer in answers)
        promised(new <= 1 and (new == 1 or command.fate in ("unanswered", "cancelled")), "one delivery is the first")
        believed.append(Belief(journey, batch, answers[0]))
    for belief, command in zip(believed, commands, strict=True):
        await _contradict(record, belief)
        for _ in range(command.later):
            again = await deliver(record, belief.journey, belief.batch)
            promised(again == belief.answer.model_copy(update={"replayed": True}), "every delivery has the same answer")
    return believed


async def _contradict(record: Record, belief: Belief) -> None:
    """Say something else under the ids of what is recorded."""
    altered = [new.model_copy(update={"payload": new.payload + b" "}) for new in belief.batch]
    with suppress(Diverged):
        await record.append(belief.journey, belief.answer.last_version, altered)
        raise Broken("nothing else is taken for what is recorded")


def _batch(journey: UUID, number: int, n: int, command: Command) -> list[NewEvent]:
    """Events of a real course, though not in its order: read models take any event after an opening."""
    command_id = uuid5(journey, f"{number}/{n}")
    first = 5 + (37 * number + 11 * n) % 150
    batch = []
    for i, event in enumerate(renamed(course_of()[first : first + command.size], journey)):
        new = to_new(event)
        changed = {"event_id": uuid5(command_id, str(i)), "command_id": command_id}
        batch.append(
            new.model_copy(update=changed | ({"event_type": POISON, "payload": b"{}"} if command.poison else {}))
        )
    return batch


async def deliver(record: Record, journey: UUID, batch: Sequence[NewEvent]) -> Appended:
    """Append to whatever version the journey has reached, as somebody who decides again after a conflict."""
    version = 0
    while True:
        try:
            answer = await record.append(journey, version, batch)
        except VersionConflict as conflict:
            version = conflict.actual
        else:
            followed = answer.replayed or answer.first_version == version + 1
            promised(followed, "events follow the version they were decided on")
            return answer


async def _lose(record: Record, journey: UUID, batch: Sequence[NewEvent], fate: Fate, patience: int) -> None:
    """A first delivery that nobody gets an answer to. ``patience``: turns of the loop until it is given up."""
    match fate:
        case "answered":
            pass  # nothing is lost: the delivery that comes next is the first
        case "unanswered":
            await deliver(record, journey, batch)
        case "cancelled":
            attempt = asyncio.create_task(deliver(record, journey, batch))
            for _ in range(patience):
                await asyncio.sleep(0)
            attempt.cancel()
            await asyncio.gather(attempt, return_exceptions=True)
        case "uncommitted":
            with suppress(RecordUnavailable, VersionConflict):
                version = await _version(record, journey)
                async with record.connection() as connection, connection.transaction():
                    await on(record, One(connection)).append(journey, version, batch)
                    await kill(record, connection)
        case "blind":
            refused = ""
            with suppress(VersionConflict):
                version = await _version(record, journey)
                try:
                    async with record.connection() as connection, connection.transaction(isolation="repeatable_read"):
                        await on(record, One(connection)).append(journey, version, batch)
                except (RecordFault, RecordUnavailable) as error:
                    refused = error.code
            promised(refused == "CP004", "nobody appends who does not see what others commit")


async def _version(record: Record, journey: UUID) -> int:
    found = await record.head(journey)
    return 0 if found is None else found.version


async def _project(record: Record, projector: Projector, written: asyncio.Event) -> None:
    courses, killed = StateCache(), iter(projector.killed)
    while True:
        all_is_written = written.is_set()
        using = mortal(record, next(killed, 0))
        try:
            applied = await advance(using, courses, limit=projector.limit)
        except RecordUnavailable:
            continue  # what it has in memory may be ahead of the tables now
        if not applied and all_is_written:
            return


async def _rebuild(record: Record, killed: Sequence[int]) -> None:
    for before in killed:
        using = mortal(record, before)
        while True:
            try:
                await rebuild(using)
                break
            except (RecordUnavailable, BeingRebuilt):
                using = record


async def take_turns(database: Database, *turns: Turn) -> None:
    """What chance may not bring about: somebody else acts at each single point where it could matter.

    Raises:
        Broken: something is not as promised.
    """
    async with empty_log(database) as record:
        journeys = [UUID(int=1000 * record.log_id + n) for n in range(3)]
        try:
            async with asyncio.timeout(PATIENCE):
                await _appending(record, *journeys)
                await _check_chains(record)
            for turn in turns:
                await turn(record, journeys[0])
        except (RecordFault, Diverged) as error:
            raise _failed(error) from None
        await _check_chains(record)


async def _appending(record: Record, *journeys: UUID) -> None:
    """One transaction begins first and appends later; it has appended and not committed while another comes."""
    first, second, third = (renamed(course_of()[:OPENING], journey) for journey in journeys)
    async with record.connection() as connection:
        async with connection.transaction():
            await connection.execute("SELECT now()")
            await put(record, first)
            await put(on(record, One(connection)), second)
            coming = asyncio.create_task(put(record, third))
            while not coming.done() and not await _somebody_waits(record):
                pass
            seen = list(await follow_log(record, 0))
        await coming
    seen += await follow_log(record, seen[-1].position)
    promised(seen == await whole_log(record), "whoever follows the log misses nothing")


async def _somebody_waits(record: Record) -> bool:
    async with record.connection() as connection:
        waiting = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    return bool(waiting)


async def projecting(record: Record, journey: UUID) -> None:
    """Before each statement of one projector another one takes all there is, with what is new since."""
    one, other, reached = StateCache(), StateCache(), 0
    for before in count(1):
        interrupted = Interrupted(record, before, lambda _: _go_on(record, journey, other))
        async with asyncio.timeout(PATIENCE):
            await _write_on(record, journey)
            await advance(record, one, limit=2)
            await advance(on(record, interrupted), one, limit=2)
            reached = await _looked(record, reached)
        if not interrupted.happened:
            return


async def rebuilding(record: Record, journey: UUID, *, step: int = 1) -> None:
    """Before each statement of a rebuild, or each so many, something is recorded and shown."""
    courses, reached = StateCache(), 0

    async def meanwhile(_: object) -> None:
        nonlocal reached
        await _go_on(record, journey, courses)
        reached = await _looked(record, reached)

    for before in count(1, step):
        interrupted = Interrupted(record, before, meanwhile)
        async with asyncio.timeout(PATIENCE):
            await rebuild(on(record, interrupted))
            reached = await _looked(record, reached)
        if not interrupted.happened:
            return


async def _write_on(record: Record, journey: UUID) -> None:
    version = await _version(record, journey)
    await deliver(record, journey, _batch(journey, version, 0, Command(0, 3)))


async def _go_on(record: Record, journey: UUID, courses: StateCache) -> None:
    await _write_on(record, journey)
    while await advance(record, courses):
        pass


async def claiming(record: Record, journey: UUID) -> None:
    """Fifty people are about to see to one thing."""
    while await advance(record, StateCache()):
        pass
    [task, *_] = (await worklist(record, WorklistFilter(journey_id=journey))).rows
    people = [f"coordinator-{n}" for n in range(50)]
    async with asyncio.timeout(PATIENCE):
        told = await asyncio.gather(*(claim(record, task.journey_id, task.obligation, by) for by in people))
    shown = (await worklist(record, WorklistFilter(journey_id=task.journey_id))).rows
    mine = [each.claimed_by for each in shown if each.obligation == task.obligation]
    promised([each and each.by for each in set(told)] == mine, "one of fifty claims wins")


# Those who look on


async def _follow(record: Record, written: asyncio.Event) -> list[StoredEvent]:
    """The log, as somebody sees it who asks for what is new again and again."""
    seen: list[StoredEvent] = []
    while True:
        all_is_written = written.is_set()
        page = await follow_log(record, seen[-1].position if seen else 0, limit=3)
        seen += page
        if not page and all_is_written:
            return seen


async def _watch(record: Record, written: asyncio.Event) -> None:
    """The tables, as somebody sees them who looks at any moment."""
    reached = 0
    while not written.is_set():
        reached = await _looked(record, reached)


async def _looked(record: Record, before: int) -> int:
    position = (await caseload(record, CaseloadFilter(), limit=1)).position
    promised(position >= before, "readers never go back in time")
    promised(await differing(record) == [], "tables are the fold of the log up to their checkpoint")
    return position


# What there is then


async def _check_log(record: Record, log: Sequence[StoredEvent], writers: Sequence[Sequence[Belief]]) -> None:
    promised([stored.position for stored in log] == list(range(1, len(log) + 1)), "positions have no gap")
    for journey in {stored.journey_id for stored in log}:
        versions = [stored.version for stored in log if stored.journey_id == journey]
        promised(versions == list(range(1, len(versions) + 1)), "versions have no gap")
    at = {stored.event_id: stored for stored in log}
    promised(len(at) == len(log), "each event is there once")
    believed = [belief for beliefs in writers for belief in beliefs]
    for journey, batch, answer in believed:
        promised(all(new.event_id in at for new in batch), "what was acknowledged is there")
        stored = [at[new.event_id] for new in batch]
        versions = list(range(answer.first_version, answer.last_version + 1))
        promised(
            [(s.journey_id, s.version) for s in stored] == [(journey, v) for v in versions], "and where it was said"
        )
        promised([s.payload for s in stored] == [new.payload for new in batch], "and as it was sent")
        promised(stored[-1].position == answer.position, "and where it was said")
    opened = sum(stored.version <= OPENING for stored in log)
    promised(len(log) == opened + sum(len(belief.batch) for belief in believed), "nothing else is there")
    for beliefs in writers:
        positions = [belief.answer.position for belief in beliefs]
        promised(positions == sorted(positions), "each writer's events are in its order")
    await _check_chains(record)


async def _check_chains(record: Record) -> None:
    async with record.connection() as connection:
        findings = await verify_chains(connection, record.log_id)
    promised(findings == (), f"the chains hold: {findings}")


async def _check_tables(record: Record, log: Sequence[StoredEvent]) -> None:
    while await advance(record, StateCache()):
        pass
    answer = await caseload(record, CaseloadFilter())
    promised(answer.position == len(log), "the tables reach the end of the log")
    promised(await differing(record) == [], "tables are the fold of the log up to their checkpoint")
    reached = {stored.journey_id: stored.version for stored in log}
    unreadable: dict[UUID, int] = {}
    for stored in log:
        if stored.event_type == POISON:
            unreadable.setdefault(stored.journey_id, stored.version)
    stuck = {each.journey_id: each.version for each in (await stale(record)).rows}
    promised(stuck == unreadable, "a journey stops at what cannot be read, and no other does")
    shown = {case.journey_id: case.version for case in answer.rows}
    promised(shown == reached | {j: v - 1 for j, v in unreadable.items()}, "each journey is shown as far as it can be")
